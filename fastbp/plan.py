"""Where everything lies: offsets into the parameter vector and the workspace, sized once.

A parameter vector holds, layer by layer, the weight as [in][out] (row-major; the public (n_out,
n_in) view is its transpose) and then the bias.
"""

from typing import Any, NamedTuple

import numpy as np

from fastbp._compiled import engine
from fastbp.checks import Array
from fastbp.spec import Spec

# Workspace parts start at multiples of a cache line.
LINE_BYTES = 64


class LayerPlan(NamedTuple):
    """One layer's sizes and offsets, counted in elements; bias is -1 where there is none."""

    n_in: int
    n_out: int
    activation: str
    weight: int
    bias: int
    a: int


class Plan:
    """The memory of one network for blocks of up to `rows` rows.

    Parameters
    ----------
    spec : Spec
        The network.
    rows : int
        Largest number of rows of a pass. More than BLOCK_ROWS (256, the length of a block of the
        row sums) are worked block by block, so no more memory is needed for them.
    """

    def __init__(self, spec: Spec, rows: int) -> None:
        self.dtype = np.dtype(spec.dtype)
        self.loss = spec.loss
        self.n_in, self.n_out = spec.n_in, spec.n_out
        self.capacity = min(rows, engine.BLOCK_ROWS)
        self._length = 0
        widest = max(spec.sizes)
        self.x = self._take(self.capacity * spec.n_in)
        self.y = self._take(self.capacity * spec.n_out)
        self.z = self._take(self.capacity * spec.n_out)
        self.delta = self._take(self.capacity * widest)
        self.spare = self._take(self.capacity * widest)
        self.transposed = self._take(
            max(n_in * n_out for n_in, n_out in zip(spec.sizes, spec.sizes[1:], strict=False))
        )
        self.block_sum = self._take(widest)
        self.layers: list[LayerPlan] = []
        weight = 0
        for n_in, layer in zip(spec.sizes, spec.layers, strict=False):
            end = weight + n_in * layer.units
            a = self._take(self.capacity * layer.units)
            bias = end if layer.bias else -1
            self.layers.append(LayerPlan(n_in, layer.units, layer.activation, weight, bias, a))
            weight = end + (layer.units if layer.bias else 0)
        self.n_params = weight

    def _take(self, length: int) -> int:
        """Reserve `length` elements of the workspace and return their offset."""
        start = self._length
        step = LINE_BYTES // self.dtype.itemsize
        self._length += -(-length // step) * step
        return start

    def workspace(self) -> Array:
        """Return a new workspace."""
        return np.zeros(self._length, self.dtype)

    def label_space(self) -> Array:
        """Return room for the class indices of one block."""
        return np.zeros(self.capacity, np.int64)

    def weight_space(self) -> Array:
        """Return room for the sample weights of one block."""
        return np.zeros(self.capacity, self.dtype)


def views(layers: list[LayerPlan], flat: Array) -> tuple[tuple[Array, ...], tuple[Any, ...]]:
    """Return (weights, biases) as views of a flat vector: (n_out, n_in) and (n_out,) or None."""
    weights, biases = [], []
    for layer in layers:
        stop = layer.weight + layer.n_in * layer.n_out
        weights.append(flat[layer.weight : stop].reshape(layer.n_in, layer.n_out).T)
        biases.append(None if layer.bias < 0 else flat[layer.bias : layer.bias + layer.n_out])
    return tuple(weights), tuple(biases)
