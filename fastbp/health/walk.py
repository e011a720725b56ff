"""A walk forward and back through the compiled kernels, which keeps what passes leave nowhere.

Predictions and gradients keep z, a and delta for as long as they need them; here each layer's are
handed out, for a block of rows at a time.

    z^l = norm(W^l a^(l-1) + b^l)    a^l = s(z^l), + a^(l-1) with a skip connection
    delta^l = dL/d(W^l a^(l-1) + b^l)
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fastbp import kernels, names
from fastbp.checks import Array
from fastbp.rows import Rows

EPSILON = 1e-5  # of a norm's variance
# Numbers of all layers that a block of rows may have: some tens of megabytes with their copies.
BLOCK_NUMBERS = 1 << 20


class Layer(NamedTuple):
    """What one layer has of some rows, (n_rows, units) each."""

    z: Array
    a: Array
    delta: Array


class Normed(NamedTuple):
    """What the way back through a norm needs: n, and 1 / deviation of each row or each unit."""

    n: Array
    inverse: Array


def blocks(rows: Rows, sizes: list[int]) -> list[Rows]:
    """Return the rows in blocks of which all layers' numbers are in memory at once."""
    n_rows = len(rows.x)
    step = max(1, BLOCK_NUMBERS // sum(sizes))
    return [rows.part(start, min(start + step, n_rows)) for start in range(0, n_rows, step)]


def walk(network: Any, rows: Rows) -> list[Layer]:
    """Return every layer's z, a and delta, of the loss that is the mean over these rows."""
    z: list[Array] = []
    a, norms = [rows.x], []
    for index, layer in enumerate(network.layers):
        raw = kernels.dense_forward(a[-1], network.weights[index], network.biases[index])
        normed = normalised(network, index, raw)
        norms.append(normed)
        if normed is not None:
            raw = network.scales[index] * normed.n + network.shifts[index]
        value = kernels.activate(raw, layer.activation)
        z.append(raw)
        a.append(value + a[-1] if layer.residual else value)
    deltas = backwards(network, rows, z, a, norms)
    return [Layer(*parts) for parts in zip(z, a[1:], deltas, strict=True)]


def backwards(
    network: Any, rows: Rows, z: list[Array], a: list[Array], norms: list[Normed | None]
) -> list[Array]:
    """Return every layer's delta, the first layer's first."""
    last = network.layers[-1]
    y: Any = rows.label if rows.y is None else rows.y
    above: Array | None = None
    if last.residual:
        above = kernels.output_delta(a[-1], y, "identity", network.loss)
        delta = kernels.activation_delta(z[-1], above, last.activation)
    else:
        delta = kernels.output_delta(z[-1], y, last.activation, network.loss)
    deltas: list[Array] = []
    for index in reversed(range(len(network.layers))):
        delta = before_norm(network, index, delta, norms[index])
        deltas.append(delta)
        if index == 0:
            break
        weight, below = network.weights[index], network.layers[index - 1]
        under = kernels.hidden_delta(weight, delta, a[index], "identity")
        above = under + above if network.layers[index].residual else under
        delta = kernels.activation_delta(z[index - 1], above, below.activation)
    return deltas[::-1]


def normalised(network: Any, index: int, z: Array) -> Normed | None:
    """Return z normalised as in predictions, None where the layer has no norm."""
    norm = network.layers[index].norm
    if norm is None:
        return None
    if names.plain(norm) == "batch":
        mean, variance = network.means[index], network.variances[index]
    else:
        mean, variance = z.mean(axis=1, keepdims=True), z.var(axis=1, keepdims=True)
    inverse = 1 / np.sqrt(variance + z.dtype.type(EPSILON))
    return Normed((z - mean) * inverse, inverse)


def before_norm(network: Any, index: int, delta: Array, normed: Normed | None) -> Array:
    """Return dL/d(W a + b) from the derivative by what comes out of the norm.

    J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer normalization", 2016, eq. 4.
    """
    if normed is None:
        return delta
    g: Array = delta * network.scales[index]
    if names.plain(network.layers[index].norm) == "layer":
        n = normed.n
        g = g - g.mean(axis=1, keepdims=True) - n * (g * n).mean(axis=1, keepdims=True)
    return g * normed.inverse
