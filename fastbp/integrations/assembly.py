"""Layers in the order in which another package has them, put together to a Network.

A layer of ours is dense, then norm, activation and dropout, each at most once. What comes in
another order has no place in it and is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import fastbp as fb

ORDER = ("dense", "norm", "activation", "dropout")
DTYPES = ("float32", "float64")
LOSS_OF_OUTPUT = {"softmax": "cross_entropy", "sigmoid": "binary_cross_entropy"}
# Those with a parameter, and what it is where the name stands alone.
ALPHA = {"leaky_relu": 0.01, "elu": 1.0}


@dataclass
class Part:
    """What has come of one layer; `arrays` are by the names that Network has for its views."""

    weight: Any
    trainable: bool
    tied_to: int | None
    arrays: dict[str, Any]
    norm: str | None = None
    activation: str = "identity"
    dropout: float = 0.0


class Assembly:
    """A network in the making; each method takes what came next, and its place for messages."""

    def __init__(self) -> None:
        self._parts: list[Part] = []
        self._stage = -1

    def __len__(self) -> int:
        """Return how many dense layers have come."""
        return len(self._parts)

    def dense(
        self, place: str, weight: Any, bias: Any, trainable: bool = True, tied_to: int | None = None
    ) -> None:
        """Begin a layer: weight (n_out, n_in), bias (n_out,) or None."""
        if self._parts and weight.shape[1] != len(self._parts[-1].weight):
            raise ValueError(
                f"{place} must take the {len(self._parts[-1].weight)} outputs before it, got "
                f"weights of shape {weight.shape}"
            )
        self._parts.append(
            Part(weight, trainable, tied_to, {} if bias is None else {"biases": bias})
        )
        self._stage = 0
        self._check_dtype(place, weight, *([] if bias is None else [bias]))

    def norm(self, place: str, norm: str, trainable: bool, **arrays: Any) -> None:
        """Take a normalisation: scales, shifts and, of a batch, means and variances (n_out,)."""
        part = self._next(place, "norm")
        if trainable != part.trainable:
            raise ValueError(
                f"{place} must be trainable like the dense layer before it ({part.trainable}), got "
                f"{trainable}"
            )
        self._check_dtype(place, *arrays.values())
        if len(arrays["scales"]) != len(part.weight):
            raise ValueError(
                f"{place} must be of {len(part.weight)} units, got {len(arrays['scales'])}"
            )
        part.norm = norm
        part.arrays |= arrays

    def activation(self, place: str, activation: str) -> None:
        """Take an activation by our name; identity says nothing and may come anywhere."""
        if activation != "identity":
            self._next(place, "activation").activation = activation

    def flatten(self, place: str) -> None:
        """Take what makes rows flat, which ours are from the beginning."""
        if self._parts:
            raise ValueError(f"{place} must come before all dense layers, got it after one")

    def dropout(self, place: str, rate: float) -> None:
        """Take dropout; none at all may come anywhere."""
        if rate:
            self._next(place, "dropout").dropout = rate

    def network(self, loss: str | None, seed: int | None) -> fb.Network:
        """Return the network; without a loss, that of its output."""
        if not self._parts:
            raise ValueError("model must hold at least 1 dense layer, got none")
        last = self._parts[-1].activation
        layers = [
            fb.Dense(
                len(part.weight),
                part.activation,
                bias="biases" in part.arrays,
                dropout=part.dropout,
                init="auto" if part.tied_to is not None else part.weight,
                norm=part.norm,
                trainable=part.trainable,
                tied_to=part.tied_to,
            )
            for part in self._parts
        ]
        net = fb.Network(
            self._parts[0].weight.shape[1],
            layers,
            loss or LOSS_OF_OUTPUT.get(last, "mse"),
            dtype=self._parts[0].weight.dtype.name,
            seed=seed,
        )
        for index, part in enumerate(self._parts):
            for views, array in part.arrays.items():
                getattr(net, views)[index][...] = array
        return net

    def _next(self, place: str, what: str) -> Part:
        stage = ORDER.index(what)
        if not self._parts or stage <= self._stage:
            before = ORDER[self._stage] if self._parts else "nothing"
            raise ValueError(
                f"{place} must come in the order {', '.join(ORDER)}, each at most once a layer, "
                f"got {what} after {before}"
            )
        self._stage = stage
        return self._parts[-1]

    def _check_dtype(self, place: str, *arrays: Any) -> None:
        wanted = self._parts[0].weight.dtype.name
        for array in arrays:
            if array.dtype.name not in DTYPES or array.dtype.name != wanted:
                raise ValueError(
                    f"{place} must have parameters of float32 or float64, the same dtype in all "
                    f"layers, got {array.dtype.name}"
                )


def split(activation: str) -> tuple[str, float | None]:
    """Return (name, alpha) of an activation of ours, alpha None where there is none.

    Examples
    --------
    >>> split("elu"), split("leaky_relu(0.2)"), split("relu")
    (('elu', 1.0), ('leaky_relu', 0.2), ('relu', None))
    """
    name, bracket, value = activation.partition("(")
    return name, float(value.rstrip(")")) if bracket else ALPHA.get(name)


def require_representable(
    net: object, target: str, activations: Any, without: tuple[str, ...] = ()
) -> fb.Network:
    """Return the network if all of its layers can be said in another package's words.

    Standardised inputs and targets are folded into its layers.

    Parameters
    ----------
    net : Network
    target : str
        What messages call the other side.
    activations : collection of str
        Names that it has.
    without : tuple of str
        Arguments of Dense that must be as they are by default.

    Raises
    ------
    TypeError, ValueError
        `net` is no network; or it says the layer and the argument.
    """
    if not isinstance(net, fb.Network):
        raise TypeError(f"net must be a fastbp.Network, got {net!r}")
    net = without_preprocessing(net, target)
    default = fb.Dense(1)
    for index, layer in enumerate(net.layers):
        if split(layer.activation)[0] not in activations:
            raise ValueError(
                f"net must have activations that {target} has ({', '.join(activations)}), got "
                f"{layer.activation!r} in layers[{index}]"
            )
        for argument in without:
            value = getattr(layer, argument)
            if value != getattr(default, argument):
                raise ValueError(
                    f"net must have layers that {target} has, which knows no {argument}, got "
                    f"{argument}={value!r} in layers[{index}]"
                )
    return net


def without_preprocessing(net: fb.Network, target: str) -> fb.Network:
    """Return the network, its standardised inputs and targets folded into its layers.

    Raises
    ------
    ValueError
        They cannot be folded, or its inputs are categories.
    """
    if net.inputs is None and net.targets is None:
        return net
    if not (net.inputs is None or isinstance(net.inputs, fb.Standardize)):
        raise ValueError(
            f"net must have inputs that {target} takes, which are numbers, got {net.inputs!r}; "
            "make rows ready by net.inputs.transform and give a network without"
        )
    try:
        return net.folded()
    except ValueError as error:
        raise ValueError(f"net must fold to go into {target}: {error}") from None


def as_numpy(array: Any) -> Any:
    """Return an array in C order and of its own, as other packages take it."""
    return np.array(array, order="C")
