"""What a network is: sizes, activations, loss, dtype. No numbers of its parameters, no memory."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from fastbp import checks, custom, names
from fastbp._compiled import engine
from fastbp.checks import Array

ACTIVATIONS = tuple(engine.ACTIVATIONS)
# Those with a parameter: its name and default.
ACTIVATION_PARAMETERS = engine.ACTIVATION_PARAMETERS
LOSS_PARAMETERS = engine.LOSS_PARAMETERS
NORMS = tuple(engine.NORMS)
NORM_PARAMETERS = engine.NORM_PARAMETERS
LOSSES = tuple(engine.LOSSES)
DTYPES = ("float32", "float64")
# The rules for first weights and how many numbers each takes; "given" is what a file says of
# weights that came from an array or a function.
INITS = {
    **dict.fromkeys(["auto", "he_normal", "he_uniform", "glorot_normal", "glorot_uniform"], 0),
    **dict.fromkeys(["lecun_normal", "lecun_uniform", "orthogonal", "zeros", "given"], 0),
    "constant": 1,
    "uniform": 2,
}
Init = str | Array | Callable[[int, int, np.random.Generator], Any]

# The losses that are computed from z through the one activation whose gradient they cancel.
OUTPUT_OF_LOSS = engine.OUTPUT_OF_LOSS
TARGETS_OF_LOSS = engine.TARGETS_OF_LOSS


def activation_name(argument: str, text: object) -> str:
    """Return the name of an activation, checked and written in one way."""
    known = (*ACTIVATIONS, *custom.ACTIVATIONS)
    return names.canonical(argument, text, known, ACTIVATION_PARAMETERS)


def checked_init(value: object) -> Init:
    """Return an init: a rule's name, its numbers checked; or what gives the weights."""
    if callable(value):
        return value
    if not isinstance(value, str):
        return checks.numeric_array("init", value)
    name, bracket, rest = value.partition("(")
    checks.choice("init", name, INITS)
    parts = rest.removesuffix(")").split(",") if bracket else []
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) != INITS[name] or not np.isfinite(numbers).all():
        wanted = name + ["", "(value)", "(low, high)"][INITS[name]]
        raise ValueError(f"init must be written as {wanted}, got {value!r}")
    return value


def dropout_rate(value: object) -> float:
    """Return the share of a layer's outputs that a step leaves out."""
    rate = checks.number("dropout", value)
    if not 0 <= rate < 1:
        raise ValueError(
            "dropout must be at least 0 and below 1 (the share of outputs that each training step "
            f"leaves out), got {rate!r}; a layer of which nothing shall be left is left out of the "
            "list of layers"
        )
    return rate


def norm_name(value: object) -> str | None:
    """Return the name of a normalisation, checked and written in one way."""
    return None if value is None else names.canonical("norm", value, engine.NORMS, NORM_PARAMETERS)


def loss_name(text: object) -> str:
    """Return the name of a loss, checked and written in one way."""
    return names.canonical("loss", text, (*LOSSES, *custom.LOSSES), LOSS_PARAMETERS)


class Dense:
    """A dense layer: z = W a + b, then a = s(z).

    With all that it may have, a^l = dropout(s(norm(W a^(l-1) + b))) + a^(l-1).

    Parameters
    ----------
    units : int
        Number of outputs, at least 1.
    activation : str
        identity, sigmoid, relu, tanh, softmax, leaky_relu, elu, selu, gelu, gelu_tanh, silu,
        softplus, softsign, hard_sigmoid, hard_tanh, mish, exp, sin, log_softmax. leaky_relu and elu
        take their alpha (0.01 and 1, at least 0) in brackets: "leaky_relu(0.2)". Or a name given to
        `register_activation`.
    bias : bool
        Whether the layer adds b.
    dropout : float
        Share of the outputs, in [0, 1), that each training step sets to 0, another one for every
        row; the others are divided by 1 - dropout. Predictions and losses use all outputs. Not of
        the last layer.
    init : str, array_like (units, n_in) or callable
        How the weights start: auto (he_normal for relu and its like, lecun_normal for selu,
        glorot_uniform otherwise), he_normal, he_uniform, glorot_normal, glorot_uniform,
        lecun_normal, lecun_uniform, orthogonal, zeros, "constant(0.1)", "uniform(-0.1, 0.1)", the
        weights themselves, or a function of (n_in, n_out, numpy Generator) that returns them.
        Biases start at 0.
    norm : str, optional
        "layer": z of each row is normalised over the units; "batch": z of each unit over the rows
        of the batch, in predictions by running means and variances, into which each batch goes with
        a share of 0.1: "batch(0.05)" for another. Then z <- scale z + shift, both trained.
    residual : bool
        Whether a^(l-1) is added to the output (skip connection); needs units equal to the inputs.
    trainable : bool
        False freezes W, b, scale and shift in every update, and with norm="batch" its running
        means and variances, which are then used; can be changed between fits.
    tied_to : int, optional
        The place of an earlier layer (0 is the first) whose W is this layer's too; the gradients
        of both add up. Bias and norm are the layer's own.
    transposed : bool
        Whether W is the transpose of that layer's, as in an autoencoder.

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong type, below its range or an unknown name.

    References
    ----------
    For dropout, normalisation and the skip connection: N. Srivastava et al., "Dropout: a simple way
    to prevent neural networks from overfitting", JMLR 15, 2014, section 4. J. L. Ba, J. R. Kiros,
    G. E. Hinton, "Layer normalization", 2016, eq. 4. S. Ioffe, C. Szegedy, "Batch normalization",
    ICML 2015, Algorithm 1. K. He et al., "Deep residual learning", CVPR 2016, eq. 1.

    Examples
    --------
    >>> import fastbp as fb
    >>> fb.Dense(128, "relu")
    Dense(128, 'relu')
    >>> fb.Dense(128, "relu", dropout=0.1, norm="layer", residual=True)
    Dense(128, 'relu', dropout=0.1, norm='layer', residual=True)
    """

    __slots__ = (
        *("activation", "bias", "dropout", "init", "norm", "residual", "tied_to", "transposed"),
        *("_trainable", "units"),
    )

    def __init__(
        self,
        units: int,
        activation: str = "identity",
        bias: bool = True,
        dropout: float = 0.0,
        init: Init = "auto",
        norm: str | None = None,
        residual: bool = False,
        trainable: bool = True,
        tied_to: int | None = None,
        transposed: bool = False,
    ) -> None:
        self.units = checks.integer("units", units, 1)
        self.activation = activation_name("activation", activation)
        self.bias = checks.flag("bias", bias)
        self.dropout = dropout_rate(dropout)
        self.init = checked_init(init)
        self.norm = norm_name(norm)
        self.residual = checks.flag("residual", residual)
        self.trainable = trainable
        self.tied_to = None if tied_to is None else checks.integer("tied_to", tied_to, 0)
        self.transposed = checks.flag("transposed", transposed)
        if self.transposed and tied_to is None:
            raise ValueError(
                "transposed must come with tied_to (a layer's place), got tied_to None"
            )

    @property
    def trainable(self) -> bool:
        """Whether updates change the layer's parameters."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = checks.flag("trainable", value)

    def __repr__(self) -> str:
        values = self.to_dict()
        defaults = Dense(self.units).to_dict()
        shown = [
            f", {name}={value!r}"
            for name, value in values.items()
            if name not in ("units", "activation") and value != defaults[name]
        ]
        return f"Dense({self.units}, {self.activation!r}{''.join(shown)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dense) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def to_dict(self) -> dict[str, Any]:
        """Return the arguments that make this layer."""
        return {
            "units": self.units,
            "activation": self.activation,
            "bias": self.bias,
            "dropout": self.dropout,
            "init": self.init if isinstance(self.init, str) else "given",
            "norm": self.norm,
            "residual": self.residual,
            "trainable": self.trainable,
            "tied_to": self.tied_to,
            "transposed": self.transposed,
        }


class Spec:
    """A checked description of a whole network; `shape_text` is for messages.

    `n_weights`: multiply-adds of a row in each of a step's three products. `n_y`: targets a row.
    `dropout_key`: 64 bits that tell this network's dropout from others'.
    """

    __slots__ = (
        *("dropout_key", "dtype", "layers", "loss", "n_in", "n_out", "n_weights", "n_y", "seed"),
        *("shape_text", "sizes"),
    )

    def __init__(
        self, n_in: int, layers: Sequence[Dense], loss: str, dtype: str, seed: int | None
    ) -> None:
        self.n_in = checks.integer("n_in", n_in, 1)
        self.layers = checked_layers(layers)
        self.loss = loss_name(loss)
        self.dtype = checks.choice("dtype", dtype_name(dtype), DTYPES)
        self.seed = None if seed is None else checks.integer("seed", seed, 0, most=None)
        self.dropout_key = (secrets.randbits(64) if self.seed is None else self.seed) % 2**64
        self.sizes = [self.n_in, *(layer.units for layer in self.layers)]
        self.n_out = self.sizes[-1]
        pairs = zip(self.sizes, self.sizes[1:], strict=False)
        self.n_weights = sum(n_in * n_out for n_in, n_out in pairs)
        self.shape_text = shape_text(self.sizes)
        check_pair(names.plain(self.layers[-1].activation), names.plain(self.loss))
        check_last(self.layers[-1], names.plain(self.loss))
        for index in range(len(self.layers)):
            check_neighbours(self.layers, self.sizes, index)
        self.n_y = targets_a_row(self.loss, self.n_out)

    @property
    def trainable(self) -> tuple[bool, ...]:
        """Which layers are not frozen at the moment."""
        return tuple(layer.trainable for layer in self.layers)

    @property
    def calls_python(self) -> bool:
        """Whether an activation or the loss is a Python function of the user's own."""
        found = [custom.ACTIVATIONS.get(layer.activation) for layer in self.layers]
        return any(one and one.calls_python for one in (*found, custom.LOSSES.get(self.loss)))

    def to_dict(self) -> dict[str, Any]:
        """Return the description as plain JSON values."""
        return {
            "n_in": self.n_in,
            "layers": [layer.to_dict() for layer in self.layers],
            "loss": self.loss,
            "dtype": self.dtype,
            "seed": self.seed,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Spec:
        """Return the Spec that `to_dict` described."""
        for layer in values["layers"]:
            custom.require("activation", layer["activation"], engine.ACTIVATIONS)
        custom.require("loss", values["loss"], engine.LOSSES)
        layers = [Dense(**layer) for layer in values["layers"]]
        return cls(values["n_in"], layers, values["loss"], values["dtype"], values["seed"])


def shape_text(sizes: list[int]) -> str:
    """Return the sizes as messages show them: 3-5-2, deep networks shortened."""
    shown = [str(size) for size in sizes]
    if len(shown) > 8:
        shown = [*shown[:4], "...", *shown[-3:]]
    return "-".join(shown)


def checked_layers(layers: object) -> list[Dense]:
    """Return the layers as a list of at least one Dense."""
    if isinstance(layers, Dense) or not isinstance(layers, Sequence):
        raise TypeError(f"layers must be a list of Dense, got {checks.described(layers)}")
    for layer in layers:
        if not isinstance(layer, Dense):
            raise TypeError(f"layers must hold Dense only, got {checks.described(layer)}")
    if not layers:
        raise ValueError("layers must hold at least 1 Dense, got an empty list")
    return list(layers)


def dtype_name(dtype: object) -> object:
    """Return the name of a numpy dtype given as a type or dtype; strings pass unchanged."""
    if isinstance(dtype, str):
        return dtype
    return getattr(dtype, "name", None) or getattr(dtype, "__name__", dtype)


def targets_a_row(loss: str, n_out: int) -> int:
    """Return how many targets a row has: one an output, or one for two with gaussian_nll."""
    if loss != "gaussian_nll":
        return n_out
    if n_out % 2:
        raise ValueError(
            "gaussian_nll must have an even number of outputs (all means, then the logarithms of "
            f"all variances), got {n_out}"
        )
    return n_out // 2


def check_pair(output: str, loss: str) -> None:
    """Refuse a loss whose output activation it is not computed through."""
    needed = OUTPUT_OF_LOSS.get(loss, output)
    if output != needed:
        raise ValueError(
            f"loss {loss!r} must have output {needed!r} (it is computed from z through {needed}), "
            f"got output {output!r}; for other outputs use loss 'mse'"
        )


def check_last(layer: Dense, loss: str) -> None:
    """Refuse what a last layer cannot have."""
    if layer.dropout > 0:
        raise ValueError(
            f"dropout of the last layer must be 0, got {layer.dropout:g}: its outputs are the "
            "predictions; give it to the layer before"
        )
    if layer.residual and loss in OUTPUT_OF_LOSS:
        raise ValueError(
            f"residual must be False in the last layer with loss {loss!r}, which is computed from "
            "z, got True; take a loss of any output such as 'mse', or add a layer without it"
        )


def check_neighbours(layers: list[Dense], sizes: list[int], index: int) -> None:
    """Refuse skip connections and tied weights between layers whose sizes do not fit."""
    layer, n_in = layers[index], sizes[index]
    if layer.residual and layer.units != n_in:
        raise ValueError(
            f"residual must be between equal widths, got {n_in} inputs and {layer.units} units of "
            f"layers[{index}]; put a Dense({layer.units}) before it"
        )
    source = layer.tied_to
    if source is None:
        return
    if source >= index or layers[source].tied_to is not None:
        raise ValueError(
            f"tied_to of layers[{index}] must be the place of an earlier layer with weights of its "
            f"own, got {source}"
        )
    if layer.init != "auto":
        raise ValueError(
            f"init of layers[{index}] must be left to layers[{source}], whose weights it is tied "
            f"to, got {layer.to_dict()['init']!r}"
        )
    shape = (layers[source].units, sizes[source])
    wanted = shape[::-1] if layer.transposed else shape
    if (layer.units, n_in) != wanted:
        raise ValueError(
            f"tied_to must be a layer with weights of shape {(layer.units, n_in)} for "
            f"layers[{index}], got {source}, whose{' transposed' if layer.transposed else ''} "
            f"weights are {wanted}"
        )


def mlp_layers(sizes: object, hidden: str, output: str) -> tuple[int, list[Dense]]:
    """Return (n_in, layers) of the shorthand [n_in, hidden ..., n_out]."""
    if isinstance(sizes, (str, bytes)) or not hasattr(sizes, "__iter__"):
        raise TypeError(f"sizes must be a list of integers, got {checks.described(sizes)}")
    widths = [checks.integer(f"sizes[{i}]", size, 1) for i, size in enumerate(sizes)]
    if len(widths) < 2:
        raise ValueError(f"sizes must have at least 2 entries (inputs and outputs), got {widths}")
    activation_name("hidden", hidden)
    activation_name("output", output)
    layers = [Dense(units, hidden) for units in widths[1:-1]]
    return widths[0], [*layers, Dense(widths[-1], output)]
