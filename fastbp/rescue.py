"""The way back to the last parameters whose loss was finite (docs/decisions/0004)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fastbp.checks import Array
from fastbp.optimizers.optimizer import Optimizer

if TYPE_CHECKING:
    from fastbp._engine import Engine


class Epoch(NamedTuple):
    """The steps of an epoch: the order of the rows, and the learning rate of each step."""

    order: Array | None
    rates: Array | None
    batch_size: int


class Piece(NamedTuple):
    """Steps first .. stop - 1 of a run, its settings, and the parameters set before it."""

    order: Array | None
    first: int
    stop: int
    hyper: Array
    params: Array | None
    rates: Array | None


# Bytes of state copied a second of training, and what remembered row orders may hold beside the
# state.
COPIED_A_SECOND = 5e7
SMALL_BYTES = 65536


class Safe:
    """A way back to the last parameters whose loss was finite.

    The engine copies parameters and optimizer state now and then, just after a finite loss, at most
    so often that it costs about 1 % of the time. When a later loss is not finite, the copy is put
    back and the steps in between are taken again but for the last; the same steps give the same
    bits. What callbacks changed in between is remembered too.
    """

    def __init__(self, engine: Engine, space: Array, params: Array, optimizer: Optimizer) -> None:
        self.engine = engine
        self.kept = False
        self.params, self.slots = space[0], space[1:]
        self.clock = np.empty_like(optimizer.clock)
        self.hyper = optimizer.hyper
        self.live = (params, optimizer.slots, optimizer.clock)
        self.interval = 0.05 + (params.nbytes + optimizer.slots.nbytes) / COPIED_A_SECOND
        self.due = 0.0
        self.most_held = params.nbytes + optimizer.slots.nbytes + SMALL_BYTES
        self.held = 0
        self.pieces: list[Piece] = []
        self.changed: Array | None = None

    def run(self, now: float, epoch: Epoch, first: int, last: int) -> bool:
        """Run steps on the engine and remember them; return whether a loss was not finite."""
        keep = now >= self.due or self.held > self.most_held
        order, rates = epoch.order, epoch.rates
        diverged = self.engine.run(order, epoch.batch_size, first, last, keep, rates)
        if self.engine.kept:
            self.kept = True
            self.due = now + self.interval
            self.held = 0
            self.pieces.clear()
            self.changed = None
        if self.engine.updated > first:
            stop, hyper = self.engine.updated, self.hyper.copy()
            self.pieces.append(Piece(order, first, stop, hyper, self.changed, rates))
            if first == 0:
                self.held += sum(part.nbytes for part in (order, rates) if part is not None)
            self.changed = None
        return diverged

    def watch(self, callbacks: Callable[[], bool]) -> bool:
        """Call callbacks, which may change parameters or settings; return what they return."""
        live = self.live[0]
        before = live.copy()
        result = callbacks()
        if not np.array_equal(before, live):
            self.changed = live.copy()
        return result

    def restore(self, batch_size: int) -> None:
        """Put back the parameters and optimizer state that the last finite loss was taken of."""
        if not self.kept:
            return
        settings = self.hyper.copy()
        for live, kept in zip(self.live, (self.params, self.slots, self.clock), strict=True):
            live[...] = kept
        if self.pieces:
            self.pieces[-1] = self.pieces[-1]._replace(stop=self.pieces[-1].stop - 1)
        for piece in self.pieces:
            if piece.params is not None:
                self.live[0][...] = piece.params
            self.hyper[...] = piece.hyper
            self.engine.run(piece.order, batch_size, piece.first, piece.stop, rates=piece.rates)
        self.hyper[...] = settings
