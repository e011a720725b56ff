"""Where everything lies: offsets into the parameter vector and the workspace, sized once.

A parameter vector holds, layer by layer, the weight as [in][out] (row-major; the public (n_out,
n_in) view is its transpose) and then the bias.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fastbp import names
from fastbp._compiled import engine
from fastbp.checks import Array
from fastbp.memory import LINE_BYTES, zeros
from fastbp.spec import Dense, Spec

# Rows this far apart fall into the same few sets of a cache.
CONFLICT_BYTES = 2048


class LayerPlan(NamedTuple):
    """One layer's sizes and offsets, counted in elements; -1 where there is none.

    `row` is the distance between rows of a and delta.
    """

    n_in: int
    n_out: int
    activation: str
    alpha: float
    weight: int
    bias: int
    row: int
    a: int
    z: int
    delta: int


class Plan:
    """The memory of one network for blocks of up to `rows` rows.

    Parameters
    ----------
    spec : Spec
        The network.
    rows : int
        Largest number of rows of a pass. More than BLOCK_ROWS (256, the length of a block of the
        row sums) are worked block by block, so no more memory is needed for them.
    threads : int
        Threads that share the work.
    inputs : bool
        Whether dL/dx is wanted.
    trains : bool
        Whether gradients are wanted. Without them there are no deltas, and each thread has a block
        of rows of its own.
    """

    def __init__(
        self,
        spec: Spec,
        rows: int,
        threads: int = 1,
        inputs: bool = False,
        trains: bool = True,
    ) -> None:
        self.dtype = np.dtype(spec.dtype)
        self.loss, self.loss_parameter = names.split(spec.loss, engine.LOSS_PARAMETERS)
        self.n_in, self.n_out, self.n_y = spec.n_in, spec.n_out, spec.n_y
        self.capacity = min(rows, engine.BLOCK_ROWS)
        if threads > 1 and not trains:
            self.capacity = engine.BLOCK_ROWS * threads
        self.threads = threads
        self.trains = trains
        self.length = 0
        self._safe: Array | None = None
        widths = [self._row(size) for size in spec.sizes]
        self.x_row = widths[0]
        self.x = self._take(self.capacity * widths[0]) if trains else -1
        self.x_delta = self._take(self.capacity * widths[0]) if inputs else -1
        self.y = self._take(self.capacity * spec.n_y) if trains else -1
        a = self._places(widths[1:], in_turn=not trains and threads == 1)
        z = [self._kept(layer, trains) for layer in spec.layers[:-1]]
        z.append(self._take(self.capacity * widths[-1]))
        deltas = self._places(widths[1:], in_turn=threads == 1) if trains else [-1] * len(a)
        self.layers: list[LayerPlan] = []
        weight = 0
        for index, (n_in, layer) in enumerate(zip(spec.sizes, spec.layers, strict=False)):
            end = weight + n_in * layer.units
            self.layers.append(
                LayerPlan(
                    n_in,
                    layer.units,
                    *names.split(layer.activation, engine.ACTIVATION_PARAMETERS),
                    weight,
                    end if layer.bias else -1,
                    widths[index + 1],
                    a[index],
                    z[index],
                    deltas[index],
                )
            )
            weight = end + (layer.units if layer.bias else 0)
        self.n_params = weight
        self.widest = max(widths)
        self.scratch_length = self._padded(engine.scratch_length(self.widest, self.dtype.itemsize))
        self.scratch = self._take(threads * self.scratch_length)

    def _places(self, widths: list[int], in_turn: bool) -> list[int]:
        """Return a place for each layer's rows: one a layer, or two in turn.

        Not in turn for a team: rows of one thread lie where another's rows of a wider layer do.
        """
        if not in_turn:
            return [self._take(self.capacity * width) for width in widths]
        places = [self._take(self.capacity * max(widths[turn::2], default=0)) for turn in (0, 1)]
        return [places[index % 2] for index in range(len(widths))]

    def _kept(self, layer: Dense, trains: bool) -> int:
        """Return a place for a hidden layer's z where its derivative needs it, else -1."""
        if not trains or names.plain(layer.activation) not in engine.NEEDING_Z:
            return -1
        return self._take(self.capacity * self._row(layer.units))

    def _padded(self, length: int) -> int:
        """Return the length rounded up to whole cache lines."""
        step = LINE_BYTES // self.dtype.itemsize
        return -(-length // step) * step

    def _row(self, width: int) -> int:
        """Return the distance between rows: whole cache lines, no multiple of CONFLICT_BYTES."""
        row = self._padded(width)
        if row * self.dtype.itemsize % CONFLICT_BYTES == 0:
            row += LINE_BYTES // self.dtype.itemsize
        return row

    def _take(self, length: int) -> int:
        """Reserve `length` elements of the workspace and return their offset."""
        start = self.length
        self.length += self._padded(length)
        return start

    def workspace(self) -> Array:
        """Return a new workspace."""
        return zeros(self.length, self.dtype)

    def label_space(self) -> Array:
        """Return room for the class indices of one block."""
        return np.zeros(self.capacity, np.int64)

    def weight_space(self) -> Array:
        """Return room for the sample weights of one block."""
        return np.zeros(self.capacity, self.dtype)

    def loss_space(self) -> Array:
        """Return room for the losses of the rows of one block."""
        return np.zeros(self.capacity, np.float64)

    def safe_space(self, n_slots: int) -> Array:
        """Return room (1 + n_slots, n_params) for a copy of parameters and state."""
        if self._safe is None or len(self._safe) != 1 + n_slots:
            self._safe = np.empty((1 + n_slots, self.n_params), self.dtype)
        return self._safe

    def vector(self) -> Array:
        """Return a new vector of zeros for parameters or gradients."""
        return zeros(self.n_params, self.dtype)


def fit_bytes(plan: Plan, n_slots: int) -> int:
    """Return the bytes of a fit: vectors of parameters' length, and the plan's blocks of rows."""
    vectors = plan.dtype.itemsize * plan.n_params * (3 + 2 * n_slots)
    a_row = 8 + plan.dtype.itemsize + 8
    return vectors + plan.dtype.itemsize * plan.length + a_row * plan.capacity


def views(layers: list[LayerPlan], flat: Array) -> tuple[tuple[Array, ...], tuple[Any, ...]]:
    """Return (weights, biases) as views of a flat vector: (n_out, n_in) and (n_out,) or None."""
    weights, biases = [], []
    for layer in layers:
        stop = layer.weight + layer.n_in * layer.n_out
        weights.append(flat[layer.weight : stop].reshape(layer.n_in, layer.n_out).T)
        biases.append(None if layer.bias < 0 else flat[layer.bias : layer.bias + layer.n_out])
    return tuple(weights), tuple(biases)
