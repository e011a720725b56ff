"""What a network is: sizes, activations, loss, dtype. No numbers of its parameters, no memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastbp import checks
from fastbp._compiled import engine

ACTIVATIONS = tuple(engine.ACTIVATIONS)
LOSSES = tuple(engine.LOSSES)
DTYPES = ("float32", "float64")
INITS = ("auto", "he_normal", "he_uniform", "glorot_normal", "glorot_uniform", "zeros")

# The losses that are computed from z through the one activation whose gradient they cancel.
OUTPUT_OF_LOSS = {"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid"}


class Dense:
    """A dense layer: z = W a + b, then a = s(z).

    Parameters
    ----------
    units : int
        Number of outputs, at least 1.
    activation : str
        One of identity, sigmoid, relu, tanh, softmax.
    bias : bool
        Whether the layer adds b.
    init : str
        How the weights start: auto (he_normal for relu, glorot_uniform otherwise), he_normal,
        he_uniform, glorot_normal, glorot_uniform, zeros. Biases start at 0.

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong type, below its range or an unknown name.

    Examples
    --------
    >>> import fastbp as fb
    >>> fb.Dense(128, "relu")
    Dense(128, 'relu')
    """

    __slots__ = ("activation", "bias", "init", "units")

    def __init__(
        self, units: int, activation: str = "identity", bias: bool = True, init: str = "auto"
    ) -> None:
        self.units = checks.integer("units", units, 1)
        self.activation = checks.choice("activation", activation, ACTIVATIONS)
        self.bias = checks.flag("bias", bias)
        self.init = checks.choice("init", init, INITS)

    def __repr__(self) -> str:
        extra = "" if self.bias else ", bias=False"
        extra += "" if self.init == "auto" else f", init={self.init!r}"
        return f"Dense({self.units}, {self.activation!r}{extra})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dense) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def to_dict(self) -> dict[str, Any]:
        """Return the arguments that make this layer."""
        return {name: getattr(self, name) for name in ("units", "activation", "bias", "init")}


class Spec:
    """A checked description of a whole network; `shape_text` is for messages.

    `n_weights`: multiply-adds of a row in each of a step's three products.
    """

    __slots__ = (
        *("dtype", "layers", "loss", "n_in", "n_out", "n_weights", "seed", "shape_text"),
        "sizes",
    )

    def __init__(
        self, n_in: int, layers: Sequence[Dense], loss: str, dtype: str, seed: int | None
    ) -> None:
        self.n_in = checks.integer("n_in", n_in, 1)
        self.layers = checked_layers(layers)
        self.loss = checks.choice("loss", loss, LOSSES)
        self.dtype = checks.choice("dtype", dtype_name(dtype), DTYPES)
        self.seed = None if seed is None else checks.integer("seed", seed, 0)
        self.sizes = [self.n_in, *(layer.units for layer in self.layers)]
        self.n_out = self.sizes[-1]
        pairs = zip(self.sizes, self.sizes[1:], strict=False)
        self.n_weights = sum(n_in * n_out for n_in, n_out in pairs)
        self.shape_text = shape_text(self.sizes)
        check_pair(self.layers[-1].activation, self.loss)

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


def check_pair(output: str, loss: str) -> None:
    """Refuse a loss whose output activation it is not computed through."""
    needed = OUTPUT_OF_LOSS.get(loss, output)
    if output != needed:
        raise ValueError(
            f"loss {loss!r} must have output {needed!r} (it is computed from z through {needed}), "
            f"got output {output!r}; for other outputs use loss 'mse'"
        )


def mlp_layers(sizes: object, hidden: str, output: str) -> tuple[int, list[Dense]]:
    """Return (n_in, layers) of the shorthand [n_in, hidden ..., n_out]."""
    if isinstance(sizes, (str, bytes)) or not hasattr(sizes, "__iter__"):
        raise TypeError(f"sizes must be a list of integers, got {checks.described(sizes)}")
    widths = [checks.integer(f"sizes[{i}]", size, 1) for i, size in enumerate(sizes)]
    if len(widths) < 2:
        raise ValueError(f"sizes must have at least 2 entries (inputs and outputs), got {widths}")
    checks.choice("hidden", hidden, ACTIVATIONS)
    checks.choice("output", output, ACTIVATIONS)
    layers = [Dense(units, hidden) for units in widths[1:-1]]
    return widths[0], [*layers, Dense(widths[-1], output)]
