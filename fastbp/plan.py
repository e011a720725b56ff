"""Where everything lies: offsets into the parameter vector and the workspace, sized once.

A parameter vector holds, layer by layer, the weight as [in][out] (row-major; the public (n_out,
n_in) view is its transpose), unless it is tied to another's, the bias, and of a normalised layer
scale and shift, which are trained, then running means and variances, which steps move.
"""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

import numpy as np

from fastbp import custom, names
from fastbp._compiled import engine
from fastbp.checks import Array
from fastbp.custom import Custom
from fastbp.memory import LINE_BYTES, zeros
from fastbp.spec import Dense, Spec

# Rows this far apart fall into the same few sets of a cache.
CONFLICT_BYTES = 2048
# Bytes of W times rows of a block from which on a block's backward pass takes some 40 ms.
EARLY_WORK = 4e9


class Params(NamedTuple):
    """Places of one layer in the parameter vector; -1 where there is none.

    `learned` .. `stop` - 1 are trained and its own; `running` is where means and variances begin.
    """

    weight: int
    bias: int
    scale: int
    running: int
    learned: int
    stop: int


class LayerPlan(NamedTuple):
    """One layer's sizes and offsets, counted in elements; -1 where there is none.

    `row` is the distance between rows of a and delta; what the fields mean is said in network.pxd.
    """

    n_in: int
    n_out: int
    activation: str
    alpha: float
    custom: Custom | None
    weight: int
    bias: int
    row: int
    a: int
    z: int
    delta: int
    learned: int
    learned_stop: int
    learns_weight: bool
    tied: bool
    transposed: bool
    adds: bool
    dropout: float
    norm: str
    norm_parameter: float
    batch_statistics: bool
    residual: bool
    scale: int
    running: int
    s: int
    mask: int
    above: int
    outer: int
    normed: int
    statistics: int


def places(spec: Spec) -> tuple[list[Params], int]:
    """Return each layer's places in the parameter vector, and the vector's length."""
    found: list[Params] = []
    end = 0
    for n_in, layer in zip(spec.sizes, spec.layers, strict=False):
        start = end
        if layer.tied_to is None:
            end += n_in * layer.units
        weight = start if layer.tied_to is None else found[layer.tied_to].weight
        bias = end if layer.bias else -1
        end += layer.units if layer.bias else 0
        scale = end if layer.norm else -1
        end += 2 * layer.units if layer.norm else 0
        stop = end
        running = end if layer.norm and names.plain(layer.norm) == "batch" else -1
        end += 2 * layer.units if running >= 0 else 0
        found.append(Params(weight, bias, scale, running, start, stop))
    return found, end


def last_users(spec: Spec) -> dict[int, int]:
    """Return the last layer that uses each weight, by the layer that owns it."""
    return {
        index if layer.tied_to is None else layer.tied_to: index
        for index, layer in enumerate(spec.layers)
    }


def has_batch_norm(spec: Spec) -> bool:
    """Whether steps need the statistics of their whole batch."""
    return any(layer.norm and names.plain(layer.norm) == "batch" for layer in spec.layers)


def block_rows(spec: Spec, rows: int, training: bool) -> int:
    """Return how many rows a block needs for passes or steps over so many."""
    return rows if training and has_batch_norm(spec) else min(rows, engine.BLOCK_ROWS)


def has_extras(layer: Dense) -> bool:
    """Whether a layer is more than W a + b and s(z)."""
    return bool(layer.dropout or layer.norm or layer.residual or layer.tied_to is not None)


class Plan:
    """The memory of one network for blocks of up to `rows` rows.

    Parameters
    ----------
    spec : Spec
        The network.
    rows : int
        Largest number of rows of a pass. More than BLOCK_ROWS (256, the length of a block of the
        row sums) are worked block by block, so no more memory is needed for them; but for steps
        with batch normalisation, which see their batch as a whole.
    threads : int
        Threads that share the work.
    inputs : bool
        Whether dL/dx is wanted: the plan is for the derivatives of what predictions are, by all
        parameters, and not for steps with dropout, the batch's statistics and frozen layers.
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
        self.custom_loss = custom.LOSSES.get(self.loss)
        self.calls_python = spec.calls_python
        self.n_in, self.n_out, self.n_y = spec.n_in, spec.n_out, spec.n_y
        self.key = spec.dropout_key
        self.threads = threads
        self.trains = trains
        self.steps = trains and not inputs
        # What an engine of this plan does for: so many threads, these layers learning or none.
        self.does = (threads, spec.trainable if trains else None)
        self.capacity, self.most_rows = self._rows_of_block(spec, rows)
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
        self.places, self.n_params = places(spec)
        users = last_users(spec)
        self.early = self._wants_early_deltas()
        in_turn = threads == 1 and not self.early
        deltas = self._places(widths[1:], in_turn) if trains else [-1] * len(a)
        self.layers = [
            LayerPlan(
                n_in=spec.sizes[index],
                n_out=layer.units,
                row=widths[index + 1],
                a=a[index],
                z=z[index],
                delta=deltas[index],
                **self._kind(layer),
                **self._learning(spec, self.places, index, users),
                **self._extras(layer, widths[index + 1]),
            )
            for index, layer in enumerate(spec.layers)
        ]
        learning = [
            layer.learns_weight or layer.learned < layer.learned_stop for layer in self.layers
        ]
        self.lowest = learning.index(True) if any(learning) else len(learning)
        self.plain = all(learning) and not any(map(has_extras, spec.layers))
        self.widest = max(widths)
        scratch = engine.scratch_length(self.widest, self.dtype.itemsize)
        self.scratch_length = self._padded(max(scratch, self.capacity))
        self.scratch = self._take(threads * self.scratch_length)

    def _rows_of_block(self, spec: Spec, rows: int) -> tuple[int, int]:
        """Return the rows that a block has room for, and the most of a pass or a step.

        That is any number, where rows are worked block by block.
        """
        capacity = block_rows(spec, rows, self.steps)
        whole = capacity < engine.BLOCK_ROWS or (self.steps and has_batch_norm(spec))
        most = capacity if whole else sys.maxsize
        if self.threads > 1 and not self.trains:
            capacity = engine.BLOCK_ROWS * self.threads
        return capacity, most

    def _wants_early_deltas(self) -> bool:
        """Return whether all deltas of a step are to be there before the first update.

        For Python functions may fail, and a long step may be left until then.
        """
        long = self.capacity * self.n_params * self.dtype.itemsize > EARLY_WORK
        return self.calls_python or (self.steps and long)

    def _kind(self, layer: Dense) -> dict[str, Any]:
        """Return what a layer's names say."""
        activation, alpha = names.split(layer.activation, engine.ACTIVATION_PARAMETERS)
        norm, parameter = names.split(layer.norm or "", engine.NORM_PARAMETERS)
        return {
            "activation": activation,
            "alpha": alpha,
            "custom": custom.ACTIVATIONS.get(activation),
            "norm": norm,
            "norm_parameter": parameter,
            "dropout": layer.dropout,
            "residual": layer.residual,
        }

    def _learning(
        self, spec: Spec, params: list[Params], index: int, users: dict[int, int]
    ) -> dict[str, Any]:
        """Return a layer's places in the parameters, and which of them have gradients."""
        layer, place = spec.layers[index], params[index]
        source = index if layer.tied_to is None else layer.tied_to
        learns = layer.trainable or not self.steps
        return {
            "weight": place.weight,
            "bias": place.bias,
            "scale": place.scale,
            "running": place.running,
            "learned": place.learned if learns else place.stop,
            "learned_stop": place.stop,
            "learns_weight": spec.layers[source].trainable or not self.steps,
            "tied": layer.tied_to is not None,
            "transposed": layer.transposed,
            "adds": users[source] > index,
        }

    def _extras(self, layer: Dense, row: int) -> dict[str, Any]:
        """Return the places of what dropout, normalisation and skip connection need."""
        size = self.capacity * row
        norm = self.trains and layer.norm is not None
        drops = self.steps and layer.dropout > 0
        residual = self.trains and layer.residual
        of_batch = bool(
            self.steps and layer.norm and layer.trainable and names.plain(layer.norm) == "batch"
        )
        # Means, variances and 1 / deviation of each unit, or the latter of each row.
        statistics = 3 * layer.units if of_batch else self.capacity
        return {
            "s": self._take(size) if drops or residual else -1,
            "mask": self._take(size) if drops else -1,
            "above": self._take(size) if residual else -1,
            "outer": self._take(size) if norm else -1,
            "normed": self._take(size) if norm else -1,
            "statistics": self._take(statistics) if norm else -1,
            "batch_statistics": of_batch,
        }

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
        name = names.plain(layer.activation)
        if not trains or not (name in engine.NEEDING_Z or name in custom.ACTIVATIONS):
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
        matrix = flat[layer.weight : layer.weight + layer.n_in * layer.n_out]
        if layer.transposed:
            weights.append(matrix.reshape(layer.n_out, layer.n_in))
        else:
            weights.append(matrix.reshape(layer.n_in, layer.n_out).T)
        biases.append(view(flat, layer.bias, layer.n_out))
    return tuple(weights), tuple(biases)


def view(flat: Array, start: int, length: int) -> Any:
    """Return a part of a flat vector; None where there is none."""
    return None if start < 0 else flat[start : start + length]


NORM_PARTS = ("scales", "shifts", "means", "variances")


def norm_views(layers: list[LayerPlan], flat: Array, part: str) -> tuple[Any, ...]:
    """Return one of NORM_PARTS of each layer as a view, (n_out,); None where there is none."""
    index = NORM_PARTS.index(part)
    starts = [
        -1
        if (layer.scale if index < 2 else layer.running) < 0
        else layer.scale + index * layer.n_out
        for layer in layers
    ]
    return tuple(
        view(flat, start, layer.n_out) for start, layer in zip(starts, layers, strict=True)
    )
