"""Derivatives by complex step, in the twin's arithmetic.

    dL/dp = Im L(p + ih) / h + O(h^2)

has no subtraction, hence no cancellation, and h may be so small that h^2 is nothing. Only values of
the loss are taken: the twin's backward pass has no part in it.

References
----------
W. Squire, G. Trapp, "Using complex variables to estimate derivatives of real functions", SIAM
Review 40(1), 1998. J. R. R. A. Martins, P. Sturdza, J. J. Alonso, "The complex-step derivative
approximation", ACM Transactions on Mathematical Software 29(3), 2003, eq. 6.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fastbp.gradient_check.places import ARRAYS, Place
from fastbp.gradient_check.shake import Shake
from fastbp.names import plain
from fastbp.rows import Rows
from fastbp.spec import TARGETS_OF_LOSS

H = 1e-30
# Sums are taken anew where more than one in so many of their terms has changed.
FEW = 4
Numbers = list[list[complex]]


class Walked(NamedTuple):
    """W a + b before a norm, z and a of each layer that a walk came through."""

    raw: list[Numbers]
    z: list[Numbers]
    a: list[Numbers]


class Changed(NamedTuple):
    """What is not as the network has it: weights, and one layer's norm (-1: none)."""

    weights: list[Numbers]
    normed: int = -1
    norm: Numbers | None = None


class TwinSlopes:
    """The derivatives of the twin's loss at given parameters.

    A derivative begins at the layer of its parameter, from what a first walk has left below it; of
    sums above, which are linear, only terms that change are taken. So it costs little more than
    the layers above its own.

    Parameters
    ----------
    network : Network
        Whose twin is made.
    rows : Rows
        Checked and ready.
    shake : Shake
        Changes parameters, targets and weights of rows.
    """

    method = "complex step in the twin"
    rounding, blur = 0.0, 0.0

    def __init__(self, network: Any, rows: Rows, shake: Shake) -> None:
        self.reference: Any = importlib.import_module("fastbp.reference")
        layers = [
            self.reference.Dense(**{**layer.to_dict(), "init": "zeros"}) for layer in network.layers
        ]
        made = self.reference.Network(network.sizes[0], layers, network.loss, complex, seed=0)
        made.params = shake.of(network.params.astype(np.float64)).tolist()
        y: Any = rows.label if rows.y is None else rows.y
        weight = None if rows.weight is None else rows.weight.tolist()
        self.twin = made
        data = made._data(rows.x.tolist(), y.tolist(), weight)
        # A target of 1 whose row is scaled as a whole would scale delta = a - y and not shake it.
        whole = 1.0 if TARGETS_OF_LOSS.get(plain(network.loss)) == "distribution" else None
        self.data = data._replace(
            y=shake.of(data.y, whole).tolist(), weight=shake.of(data.weight).tolist()
        )
        self.every_row = range(len(rows.x))
        self.base: Walked | None = None
        self.base = self._walk(0, self.every_row, self.data.x, Changed(made.weights))

    def slope(self, place: Place, shift: float = 0.0, width: float = 0.0) -> tuple[float, float]:
        """Return the derivative where the number is moved by a shift, and what it may be off by."""
        assert self.base is not None
        step = complex(shift, H)
        if place.part == "input":
            row, column = place.at
            x = list(self.data.x[row])
            x[column] += step
            walked = self._walk(0, [row], [x], Changed(self.twin.weights))
            return self._imaginary(walked, [row]) / H, 0.0
        layer = place.layer
        below = self.data.x if layer == 0 else self.base.a[layer - 1]
        changed = self._changed(place, step)
        raw = self._raw(place, step, changed.weights, below)
        walked = self._walk(layer, self.every_row, below, changed, raw)
        return self._imaginary(walked, self.every_row) / H, 0.0

    def _changed(self, place: Place, step: complex) -> Changed:
        """Return the weights and norms with one number changed, where it is one of theirs."""
        weights = list(self.twin.weights)
        if place.part in ("scale", "shift"):
            norm = [list(part) for part in self.twin._norms[place.layer]]
            norm[list(ARRAYS).index(place.part) - 2][place.at[0]] += step
            return Changed(weights, place.layer, norm)
        if place.part == "weight":
            unit, column = place.at
            own = list(weights[place.layer])
            own[unit] = [*own[unit][:column], own[unit][column] + step, *own[unit][column + 1 :]]
            weights[place.layer] = own
            for index, layer in enumerate(self.twin.layers):
                if layer.tied_to == place.layer:
                    columns = self.reference.normalization.columns
                    weights[index] = columns(own) if layer.transposed else own
        return Changed(weights)

    def _raw(
        self, place: Place, step: complex, weights: list[Numbers], below: Numbers
    ) -> Numbers | None:
        """Return W a + b of the layer at a place, of which one unit's is new."""
        assert self.base is not None
        raw = self.base.raw[place.layer]
        if place.part in ("scale", "shift"):
            return raw
        unit, bias = place.at[0], self.twin.biases[place.layer]
        added = None if bias is None else [bias[unit] + (step if place.part == "bias" else 0)]
        new = self.reference.kernels.dense_forward(below, [weights[place.layer][unit]], added)
        return [[*r[:unit], *one, *r[unit + 1 :]] for r, one in zip(raw, new, strict=True)]

    def _walk(
        self,
        start: int,
        rows: Sequence[int],
        below: Numbers,
        changed: Changed,
        raw: Numbers | None = None,
    ) -> Walked:
        """Walk forward from a layer for some rows; `raw`: its W a + b, where that is known."""
        twin, reference, walked = self.twin, self.reference, Walked([], [], [])
        for index in range(start, len(twin.layers)):
            if raw is None:
                raw = self._product(index, rows, below, changed.weights[index])
            layer = twin.layers[index]
            norm = changed.norm if index == changed.normed else twin._norms[index]
            between = reference.between.Between(layer, index, norm, None)
            z = between.normalise(raw)
            below = between.pass_on(reference.kernels.activate(z, layer.activation), below)
            for part, new in zip(walked, (raw, z, below), strict=True):
                part.append(new)
            raw = None
        return walked

    def _product(self, index: int, rows: Sequence[int], a: Numbers, weight: Numbers) -> Numbers:
        """Return W a + b; where few of a are not those of the first walk, by the terms of these."""
        whole, bias = self.twin.weights[index], self.twin.biases[index]
        dense_forward: Any = self.reference.kernels.dense_forward
        if self.base is None or weight is not whole:
            return list(dense_forward(a, weight, bias))
        inputs = self.data.x if index == 0 else self.base.a[index - 1]
        known = [inputs[row] for row in rows]
        moved = [
            k
            for k in range(len(known[0]))
            if any(new[k] != old[k] for new, old in zip(a, known, strict=True))
        ]
        if len(moved) * FEW > len(known[0]):
            return list(dense_forward(a, weight, bias))
        columns = [[W_j[k] for k in moved] for W_j in weight]
        differences = [[new[k] - old[k] for k in moved] for new, old in zip(a, known, strict=True)]
        sums = dense_forward(differences, columns, None)
        raw = [self.base.raw[index][row] for row in rows]
        return [
            [z + d for z, d in zip(z_r, d_r, strict=True)]
            for z_r, d_r in zip(raw, sums, strict=True)
        ]

    def _imaginary(self, walked: Walked, rows: Sequence[int]) -> float:
        """Return the imaginary part of the loss of all rows, some of which are as walked."""
        assert self.base is not None
        z, a = list(self.base.z[-1]), list(self.base.a[-1])
        for row, z_r, a_r in zip(rows, walked.z[-1], walked.a[-1], strict=True):
            z[row], a[row] = z_r, a_r
        output = self.twin._output(self.reference.passes.Walk([z], [a], []), self.data)
        found: float = self.reference.losses.weighted_loss(*output).imag
        return found
