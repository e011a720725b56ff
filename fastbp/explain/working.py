"""One training step of the twin, taken apart: every figure that its walks forward and back make.

The figures are what the twin's own functions return, called in the order of
`reference.backpropagation`; the gradients that this comes to must be those of the twin's own walk,
bit for bit. For a network that the twin would take too long for, the compiled kernels take the
place of its functions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fastbp.explain.arithmetic import COMPILED, MOST_FOR_TWIN, TWIN
from fastbp.explain.counterparts import twin_network, twin_optimizer
from fastbp.names import plain
from fastbp.reference import checks
from fastbp.reference.between import Between, Step, sums
from fastbp.reference.losses import find_loss, weighted_delta, weighted_loss
from fastbp.reference.normalization import columns
from fastbp.reference.parameters import Gradients, learned_places, shapes_of, unflatten
from fastbp.reference.passes import Walk
from fastbp.reference.scalars import is_finite
from fastbp.reference.training import Data

Rows = list[list[float]]
# Activations in which every output depends on all of a row.
WHOLE_ROWS = ("softmax", "log_softmax")


@dataclass
class LayerWork:
    """Figures of a layer, rows (n_rows, units) unless said.

    Attributes
    ----------
    inputs : rows (n_rows, n_in)
        a^(l-1).
    z : rows
        W a^(l-1) + b.
    n : rows
        z normalised; z itself without a norm.
    a : rows
        s(n).
    out : rows
        a after dropout and skip connection.
    slope : rows or None
        s'(n); None where every output depends on all of a row.
    above : rows or None
        dL/d(out); None where the loss gives dL/dn at once.
    delta_n, delta : rows
        dL/dn and dL/dz.
    weight_gradient, bias_gradient : (units, n_in), (units,) or None
        What this layer adds to dL/dW, without others that are tied to it.
    extra : Between
        Normalisation, dropout and skip connection of the step.
    """

    inputs: Rows
    z: Rows
    n: Rows
    a: Rows
    out: Rows
    slope: Rows | None
    above: Rows | None
    delta_n: Rows
    delta: Rows
    weight_gradient: Rows
    bias_gradient: list[float] | None
    norm_gradient: Rows
    extra: Between


@dataclass
class Parts:
    """A flat vector by layers: weights (n_out, n_in) or [] where tied, biases, norms."""

    weights: list[Any]
    biases: list[Any]
    norms: list[Any]


class Working:
    """A step of the twin and its figures.

    Parameters
    ----------
    net : Network
    rows : Rows
        Checked and ready: x, targets or labels, weights.
    optimizer : Optimizer
        Of the package; it stays as it is.
    """

    def __init__(self, net: Any, rows: Any, optimizer: Any) -> None:
        self.net = net
        self.is_twins = net._spec.n_weights * len(rows.x) <= MOST_FOR_TWIN
        self.arithmetic = TWIN if self.is_twins else COMPILED
        self.twin = twin_network(net)
        self.optimizer = twin_optimizer(optimizer, net)
        self.data = twin_data(self.twin, rows)
        self.is_weighted = rows.weight is not None
        self.before = list(self.twin.params)
        self.weights = [[list(row) for row in weight] for weight in self.twin.weights]
        self.biases = [None if b is None else list(b) for b in self.twin.biases]
        self.norms = [[list(part) for part in norm] for norm in self.twin._norms]
        self.state_before = self._state()
        self.product_before = float(getattr(self.optimizer, "_product", 1.0))
        self.learned = learned_places(self.twin.layers, self.twin.sizes)
        self.places = self.parts(list(range(len(self.before))))
        self._walk()
        self.twin._apply(self.optimizer, self.gradients, self.walk.between)
        self.after = list(self.twin.params)
        if not all(map(is_finite, self.after)):
            raise FloatingPointError(
                f"a parameter became not finite (learning_rate {optimizer.learning_rate:g}): there "
                "is no step to explain"
            )
        self.state_after = self._state()

    @property
    def n_rows(self) -> int:
        """Rows of the batch."""
        return len(self.data.x)

    def parts(self, flat: list[Any]) -> Parts:
        """Return a flat vector by layers."""
        return Parts(*unflatten(flat, shapes_of(self.twin.layers, self.twin.sizes)))

    @property
    def imbalance(self) -> float:
        """How far the targets of a row may be from 1 in sum, where they are probabilities.

        The twin multiplies log sum e^z by that sum, the kernels take it for 1.
        """
        if find_loss(self.twin.loss).output != "softmax":
            return 0.0
        largest: float = 1 + max(abs(v) for row in self.walk.z[-1] for v in row)
        return largest * max(abs(sum(row) - 1) for row in self.data.y)

    def _state(self) -> dict[str, list[float]]:
        """Return what the optimizer remembers, as it begins where nothing is remembered yet."""
        known, rule = self.optimizer._state, self.optimizer
        begun = {
            name: known.get(name, [rule._begin(name, float)] * len(self.twin.params))
            for name in rule._vectors()
        }
        return {name: list(values) for name, values in (begun | known).items()}

    def _walk(self) -> None:
        """Go forward and back."""
        twin, data = self.twin, self.data
        self.walk = self._forward(Step(twin._dropout_key, self.optimizer._step, data.weight))
        z, y, weight, activation, loss = twin._output(self.walk, data)
        self.loss = weighted_loss(z, y, weight, activation, loss)
        if not is_finite(self.loss):
            raise FloatingPointError(f"loss became {self.loss}: there is no step to explain")
        self.row_losses = [
            weighted_loss([z_r], [y_r], [1.0], activation, loss)
            for z_r, y_r in zip(z, y, strict=True)
        ]
        first, above = twin._delta(self.walk, data), None
        last = twin.layers[-1]
        if find_loss(loss).output is None and (last.activation != "identity" or last.residual):
            above = weighted_delta(self.walk.a[-1], y, weight, "identity", loss)
            self.walk.between[-1].enter(above)
        self._backward(above, first)
        self.gradients = self._gradients(first)

    def _forward(self, step: Step) -> Walk:
        """Return the walk forward: the twin's own, or of the kernels in the same order."""
        twin = self.twin
        if self.is_twins:
            walk: Walk = twin._forward(self.data.x, step)
            return walk
        parts = zip(twin.layers, twin._norms, strict=True)
        between = [Between(layer, i, norm, step) for i, (layer, norm) in enumerate(parts)]
        z: list[Rows] = []
        a: list[Rows] = [self.data.x]
        for index, layer in enumerate(twin.layers):
            weight, bias = twin.weights[index], twin.biases[index]
            raw = self.arithmetic.dense_forward(a[-1], weight, bias)
            z.append(between[index].normalise(raw))
            out = self.arithmetic.activate(z[-1], layer.activation)
            a.append(between[index].pass_on(out, a[-1]))
        return Walk(z, a, between)

    def _backward(self, above: Rows | None, delta: Rows) -> None:
        """Take the figures of all layers, from dL/da and dL/dn of the last."""
        twin, walk = self.twin, self.walk
        self.layers: list[LayerWork] = []
        for layer in reversed(range(len(twin.layers))):
            work = self._layer(layer, above, delta)
            self.layers.insert(0, work)
            if layer:
                below = self.arithmetic.hidden_delta(
                    twin.weights[layer], work.delta, work.inputs, "identity"
                )
                above = work.extra.leave(below)
                entered = walk.between[layer - 1].enter(above)
                activation = twin.layers[layer - 1].activation
                delta = self.arithmetic.activation_delta(walk.z[layer - 1], entered, activation)

    def _gradients(self, first: Rows) -> Gradients:
        """Return the gradients of the twin's own walk, which must be those found here."""
        if not self.is_twins:
            return self._summed()
        whole: Gradients = self.twin._backward(self.walk, first)
        if self._summed().flat != whole.flat:
            raise AssertionError("the gradients found step by step must be the twin's own")
        return whole

    def _summed(self) -> Gradients:
        """Return the gradients of all layers, those of shared weights added up."""
        tied = [layer.tied_to is not None for layer in self.twin.layers]
        weights = [work.weight_gradient for work in self.layers]
        for index, layer in reversed(list(enumerate(self.twin.layers))):
            if layer.tied_to is not None:
                part = weights[index]
                part = columns(part) if layer.transposed else part
                weights[layer.tied_to] = sums(weights[layer.tied_to], part)
        for index, layer in enumerate(self.twin.layers):
            if layer.tied_to is not None:
                whole = weights[layer.tied_to]
                weights[index] = columns(whole) if layer.transposed else whole
        biases = [work.bias_gradient for work in self.layers]
        norms = [work.norm_gradient for work in self.layers]
        return Gradients(weights, biases, [], norms, tied)

    def _layer(self, layer: int, above: Rows | None, delta_n: Rows) -> LayerWork:
        """Return the figures of a layer from dL/dn."""
        twin, walk = self.twin, self.walk
        spec, inputs, extra = twin.layers[layer], walk.a[layer], walk.between[layer]
        weight, bias = twin.weights[layer], twin.biases[layer]
        delta = extra.before_norm(delta_n)
        weight_gradient = [[0.0] * len(row) for row in weight]
        bias_gradient = None if bias is None else [0.0] * len(bias)
        self.arithmetic.accumulate_gradients(inputs, delta, weight_gradient, bias_gradient)
        n, slope = walk.z[layer], None
        if plain(spec.activation) not in WHOLE_ROWS:
            ones = [[1.0] * len(row) for row in n]
            slope = self.arithmetic.activation_delta(n, ones, spec.activation)
        return LayerWork(
            inputs,
            self.arithmetic.dense_forward(inputs, weight, bias),
            n,
            self.arithmetic.activate(n, spec.activation),
            walk.a[layer + 1],
            slope,
            above,
            delta_n,
            delta,
            weight_gradient,
            bias_gradient,
            extra.norm_gradient,
            extra,
        )


def twin_data(twin: Any, rows: Any) -> Data:
    """Return checked rows as the twin takes them."""
    x = np.asarray(rows.x, np.float64).tolist()
    given = rows.label if rows.y is None else np.asarray(rows.y, np.float64)
    y = checks.target_rows(given.tolist(), len(x), twin._n_y, twin.loss, float)
    weight = rows.weight
    weights = [1.0] * len(x) if weight is None else np.asarray(weight, np.float64).tolist()
    return Data(x, y, weights)
