"""What a layer may have besides W, b and s: normalisation, dropout, a skip connection.

Forward:   z -> norm(z),  then  a^l = m s(z) + a^(l-1)      m: dropout, + a^(l-1): skip connection
Backward:  the same places in the opposite order, each with its own rule of the chain.

A skip connection copies a^(l-1), so on the way back its gradient is a sum of two: one through the
layer and one around it.

References
----------
K. He, X. Zhang, S. Ren and J. Sun, "Deep residual learning for image recognition", CVPR 2016,
equation 1.
"""

from typing import NamedTuple

from .dropout import dropout_factors
from .layers import Dense
from .normalization import (
    columns,
    inverse_deviation,
    mean_and_variance,
    split_norm,
    through_statistics,
)
from .scalars import Row, Rows, add_up


class Step(NamedTuple):
    """What a layer must know of the training step it is in.

    Attributes
    ----------
    key : int
        Of the network's dropout.
    number : int
        Steps of the optimizer before.
    weight : list (n_rows,)
        Sample weights of the batch.
    """

    key: int
    number: int
    weight: Row


class Between:
    """One layer's normalisation, dropout and skip connection, for one walk forward and back.

    Parameters
    ----------
    layer : Dense
    place : int
        Of the layer in the network.
    norm : list of (n_out,)
        [] without normalisation; scale and shift; and running mean and variance of a batch norm.
    step : Step or None
        None outside training: no dropout, and running means and variances.

    Attributes
    ----------
    norm_gradient : list of (n_out,)
        dL/d(norm), after the walk back.
    batch_mean, batch_variance : list (n_out,)
        Of the step's batch; empty where running ones were used.
    """

    def __init__(self, layer: Dense, place: int, norm: Rows, step: Step | None) -> None:
        self._layer = layer
        self._place = place
        self._norm = norm
        self._step = step
        self._kind = split_norm(layer.norm)[0] if layer.norm else ""
        self._factors: Rows = []
        self._skipped: Rows = []
        self.norm_gradient: Rows = []
        self.batch_mean: Row = []
        self.batch_variance: Row = []

    def normalise(self, z: Rows) -> Rows:
        """Return scale n + shift."""
        if not self._kind:
            return z
        along = z if self._kind == "layer" else columns(z)
        normed, self._inverse = self._by_running(along) or self._by_own(along)
        self._normed = normed if self._kind == "layer" else columns(normed)
        scale, shift = self._norm[:2]
        return [
            [s_j * n_j + b_j for s_j, n_j, b_j in zip(scale, n_r, shift, strict=True)]
            for n_r in self._normed
        ]

    def _by_own(self, lists: Rows) -> tuple[Rows, Row]:
        """Normalise each list by its own mean and variance, which are kept of a batch."""
        weight = self._step.weight if self._kind == "batch" and self._step else [1] * len(lists[0])
        self._shares = [w / add_up(weight) for w in weight]
        found = [mean_and_variance(values, self._shares) for values in lists]
        if self._kind == "batch":
            self.batch_mean, self.batch_variance = map(list, zip(*found, strict=True))
        inverse = [inverse_deviation(variance) for _, variance in found]
        normed = [
            [(v - mean) * k for v in values]
            for values, (mean, _), k in zip(lists, found, inverse, strict=True)
        ]
        return normed, inverse

    def _by_running(self, lists: Rows) -> tuple[Rows, Row] | None:
        """Normalise columns by running means and variances, outside training and when frozen."""
        if self._kind == "layer" or (self._step is not None and self._layer.trainable):
            return None
        self._shares = []
        mean, variance = self._norm[2:]
        inverse = [inverse_deviation(v) for v in variance]
        normed = [
            [(v - m) * k for v in values] for values, m, k in zip(lists, mean, inverse, strict=True)
        ]
        return normed, inverse

    def pass_on(self, a: Rows, below: Rows) -> Rows:
        """Return a = m s(z) + a^(l-1)."""
        if self._layer.dropout and self._step:
            key, number, _ = self._step
            p, place, n = self._layer.dropout, self._place, len(a[0])
            self._factors = [
                dropout_factors(p, key, number, row, place, n) for row in range(len(a))
            ]
            a = _products(a, self._factors)
        return sums(a, below) if self._layer.residual else a

    def enter(self, output_gradient: Rows) -> Rows:
        """From dL/da^l to dL/ds(z^l); the part that goes around the layer is kept for `leave`."""
        self._skipped = output_gradient if self._layer.residual else []
        return _products(output_gradient, self._factors) if self._factors else output_gradient

    def before_norm(self, delta: Rows) -> Rows:
        """From dL/d(scale n + shift) to dL/dz; the gradients of scale and shift on the way."""
        if not self._kind:
            return delta
        products = _products(delta, self._normed)
        self.norm_gradient = [
            [add_up(column) for column in columns(products)],
            [add_up(column) for column in columns(delta)],
            *([0] * len(row) for row in self._norm[2:]),
        ]
        gradient = _products(delta, [self._norm[0]] * len(delta))
        if self._kind == "layer":
            return self._through(gradient, self._normed)
        return columns(self._through(columns(gradient), columns(self._normed)))

    def _through(self, gradients: Rows, normed: Rows) -> Rows:
        if not self._shares:
            return [[g * k for g in row] for row, k in zip(gradients, self._inverse, strict=True)]
        lists = zip(gradients, normed, self._inverse, strict=True)
        return [through_statistics(g, n, k, self._shares) for g, n, k in lists]

    def leave(self, below: Rows) -> Rows:
        """dL/da^(l-1): what came through the layer, and what went around it."""
        return sums(below, self._skipped) if self._skipped else below


def _products(left: Rows, right: Rows) -> Rows:
    return [
        [u * v for u, v in zip(u_r, v_r, strict=True)] for u_r, v_r in zip(left, right, strict=True)
    ]


def sums(left: Rows, right: Rows) -> Rows:
    """Return left + right, number by number."""
    return [
        [u + v for u, v in zip(u_r, v_r, strict=True)] for u_r, v_r in zip(left, right, strict=True)
    ]
