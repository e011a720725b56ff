"""Standardisation folded into weights: the same predictions without a pass over rows or outputs.

With z = W (x - mean) / scale + b, W' = W / scale and b' = b - W' mean give the same z of x itself;
with a = W a^(L-1) + b, s W and s b + m give s a + m. Both are taken in float64 and rounded once.
docs/decisions/0011 says what that costs in accuracy.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastbp import checks
from fastbp.checks import Array
from fastbp.prepared import Prepared
from fastbp.preprocessing import Scaling, Standardize
from fastbp.sides import Sides
from fastbp.spec import Dense, Spec

# What |mean| / scale times half an epsilon may be: an error of a standardised number.
MOST_ERROR = 2.0**-12
# Bytes of parameters that a prediction compares with those its copy was made of: up to 2 us.
MOST_BYTES = 1 << 15
PARTS = ("weights", "biases", "scales", "shifts", "means", "variances")


def is_kept_folded(spec: Spec, n_bytes: int) -> bool:
    """Return whether predictions of such a network may be those of a folded copy.

    It is asked of the network and not of rows or calls, so that a row always has the same bits.
    """
    layers = spec.layers
    return (
        n_bytes <= MOST_BYTES
        and not layers[0].residual
        and all(layer.tied_to != 0 for layer in layers)
    )


class FoldedCopy:
    """A copy of a network whose first layer has the scaling of its inputs within.

    Parameters
    ----------
    made : Prepared
        Not built yet; becomes the copy.
    spec : Spec
        Of the network.
    """

    def __init__(self, made: Any, spec: Spec) -> None:
        layers = [Dense(**layer.to_dict()) for layer in spec.layers]
        layers[0].bias = True
        made._build(Spec(spec.n_in, layers, spec.loss, spec.dtype, spec.seed))
        self.network = made
        self._source = b""
        self._scaling: Scaling | None = None
        self._is_finite = False

    def follow(self, params: Array, scaling: Scaling) -> bool:
        """Make the copy that of these parameters, and return whether it is finite.

        Views let anybody write parameters, so their bytes say whether they are what they were. A
        Scaling is never changed: new rows make another one.
        """
        source = params.tobytes()
        if source != self._source or scaling is not self._scaling:
            self._scaling = None
            self._take(np.frombuffer(source, params.dtype), scaling)
            self._source, self._scaling = source, scaling
        return self._is_finite

    def _take(self, params: Array, scaling: Scaling) -> None:
        """Take parameters of a network whose first layer may lack a bias, and fold them."""
        made, weight, bias = self.network.params, self.network.weights[0], self.network.biases[0]
        end, added = weight.size, made.size - params.size
        made[:end] = params[:end]
        made[end : end + added] = 0
        made[end + added :] = params[end:]
        with np.errstate(all="ignore"):
            weight[...], bias[...] = scaled(weight, bias, scaling)
        self._is_finite = checks.first_nonfinite_row(made[np.newaxis]) < 0


def fold_into(made: Prepared, net: Prepared) -> None:
    """Make a network, not built yet, of another with its standardisation folded in.

    Raises
    ------
    ValueError
        Inputs or targets are not fitted, or cannot be folded into these layers in this dtype.
    """
    net._require_fitted()
    inputs = net.inputs if isinstance(net.inputs, Standardize) else None
    targets, spec = net.targets, net._spec
    layers = [Dense(**layer.to_dict()) for layer in spec.layers]
    if inputs is not None:
        check_first(net.dtype, layers, inputs)
        layers[0].bias = True
    if targets is not None:
        check_last(layers[-1])
        layers[-1].bias = layers[-1].bias or layers[-1].norm is None
    made._build(
        Spec(spec.n_in, layers, spec.loss, spec.dtype, spec.seed),
        sides=Sides(None if inputs is not None else net.inputs, None),
    )
    made._spec.dropout_key = spec.dropout_key
    made.metadata = copy.deepcopy(net.metadata)
    for part in PARTS:
        for ours, theirs in zip(getattr(made, part), getattr(net, part), strict=True):
            if theirs is not None:
                ours[...] = theirs
    fold(made, inputs, targets)


def fold(made: Prepared, inputs: Standardize | None, targets: Standardize | None) -> None:
    """Fold standardisation into the first and the last layer of a network."""
    end = len(made.layers) - 1
    first_pair = last_pair = (made.weights[0], made.biases[0])
    if made.layers[end].norm is not None:
        last_pair = (made.scales[end], made.shifts[end])
    elif end > 0:
        last_pair = (made.weights[end], made.biases[end])
    first = None
    if inputs is not None:
        with np.errstate(over="ignore", invalid="ignore"):
            first = scaled(*first_pair, inputs)
    if targets is not None:
        shared = first if last_pair is first_pair else None
        factor, term = last = shared or doubled(*last_pair)
        with np.errstate(over="ignore", invalid="ignore"):
            factor *= targets.scale[:, np.newaxis] if factor.ndim == 2 else targets.scale
            term *= targets.scale
            term += targets.mean
        assign(last_pair, last)
    if first is not None:
        assign(first_pair, first)


def scaled(weight: Any, bias: Any, inputs: Standardize | Scaling) -> tuple[Array, Array]:
    """Return W / scale and b - W / scale mean in float64."""
    divided = weight / inputs.scale
    return divided, bias - (divided * inputs.mean).sum(axis=1)


def doubled(weight: Any, bias: Any) -> tuple[Array, Array]:
    """Return copies in float64."""
    return np.array(weight, np.float64), np.array(bias, np.float64)


def assign(targets: Sequence[Any], values: Sequence[Array]) -> None:
    """Round folded numbers to the network's dtype.

    Raises
    ------
    ValueError
        One is not finite there.
    """
    for target, value in zip(targets, values, strict=True):
        with np.errstate(over="ignore"):
            target[...] = value
        if not np.isfinite(target).all():
            raise ValueError(
                f"inputs and targets must have scales that fold into {target.dtype}, got weights "
                "that are not finite then"
            )


def check_first(dtype: str, layers: list[Dense], inputs: Standardize) -> None:
    """Refuse a first layer whose weight is not its alone, and means far from 0."""
    if layers[0].residual:
        raise ValueError(
            "inputs must not be folded into a layer with residual=True, which adds x itself, got "
            f"layers[0] {layers[0]}"
        )
    users = [place for place, layer in enumerate(layers) if layer.tied_to == 0]
    if users:
        raise ValueError(
            f"inputs must not be folded into a weight that other layers use, got layers[{users[0]}]"
            " tied to layers[0]"
        )
    ratio = np.abs(inputs.mean) / inputs.scale
    most = MOST_ERROR / (np.finfo(dtype).eps / 2)
    if ratio.max() > most:
        place = int(ratio.argmax())
        name = f"column {place}" if inputs.names is None else f"column {inputs.names[place]!r}"
        raise ValueError(
            f"inputs must have |mean| / scale of at most {most:g} to be folded in {dtype}, whose "
            f"digits would be lost, got {ratio[place]:g} in {name}; subtract something near the "
            "mean from it first"
        )


def check_last(layer: Dense) -> None:
    """Refuse a last layer whose outputs are not all its own."""
    if layer.residual:
        raise ValueError(
            "targets must not be folded into a layer with residual=True, whose outputs are not its "
            f"weight's alone, got {layer}"
        )
    if layer.tied_to is not None and layer.norm is None:
        raise ValueError(
            f"targets must not be folded into a weight that is another layer's, got {layer}"
        )
