"""The way back to the last parameters whose loss was finite (docs/decisions/0004)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fastbp.checks import Array
from fastbp.optimizers.optimizer import Optimizer
from fastbp.sources import Span

if TYPE_CHECKING:
    from fastbp._engine import Engine


class Piece(NamedTuple):
    """Steps first .. stop - 1 of a span, their settings, and what callbacks set before them.

    That is parameters, state and clock of the optimizer, where they changed one of these.
    """

    span: Span
    first: int
    stop: int
    hyper: Array
    changed: tuple[Array, ...] | None


# Bytes of state copied a second of training, and what remembered spans may hold beside the state.
COPIED_A_SECOND = 5e7
SMALL_BYTES = 65536


class Safe:
    """A way back to the last parameters whose loss was finite.

    The engine copies parameters and optimizer state now and then, just after a finite loss, at most
    so often that it costs about 1 % of the time. When a later loss is not finite, the copy is put
    back and the steps in between are taken again but for the last; the same steps give the same
    bits. What callbacks changed in between is remembered too.
    """

    def __init__(
        self, engine: Engine, space: Array, params: Array, optimizer: Optimizer, batch_size: int
    ) -> None:
        self.engine = engine
        self.batch_size = batch_size
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
        # A copy of the settings, which callbacks alone change (and a span's rates, that it has).
        self.settings: Array | None = None
        self.changed: tuple[Array, ...] | None = None

    def run(self, now: float, span: Span, first: int, last: int) -> bool:
        """Run steps on the engine and remember them; return whether a loss was not finite."""
        keep = now >= self.due or self.held > self.most_held
        diverged = self.engine.run(span.order, self.batch_size, first, last, keep, span.rates)
        if self.engine.kept:
            self.kept = True
            self.due = now + self.interval
            self.held = 0
            self.pieces.clear()
            self.changed = None
        if self.engine.updated > first:
            if self.settings is None:
                self.settings = self.hyper.copy()
            if not self.pieces or self.pieces[-1].span is not span:
                self.held += span.nbytes + (0 if span.rates is None else span.rates.nbytes)
            piece = Piece(span, first, self.engine.updated, self.settings, self.changed)
            self.pieces.append(piece)
            self.changed = None
        return diverged

    def watch(self, callbacks: Callable[[], bool]) -> bool:
        """Call callbacks, which may change parameters or settings; return what they return."""
        params, _, clock = self.live
        before = params.copy(), clock.copy()
        result = callbacks()
        self.settings = None
        # Steps that a callback takes with the optimizer of the fit move its clock.
        if not (np.array_equal(before[0], params) and np.array_equal(before[1], clock)):
            self.changed = tuple(live.copy() for live in self.live)
            self.held += sum(live.nbytes for live in self.live)
        return result

    def restore(self) -> None:
        """Put back the parameters and optimizer state that the last finite loss was taken of."""
        if not self.kept:
            return
        settings = self.hyper.copy()
        for live, kept in zip(self.live, (self.params, self.slots, self.clock), strict=True):
            live[...] = kept
        if self.pieces:
            self.pieces[-1] = self.pieces[-1]._replace(stop=self.pieces[-1].stop - 1)
        for piece in self.pieces:
            if piece.changed is not None:
                for live, changed in zip(self.live, piece.changed, strict=True):
                    live[...] = changed
            self.hyper[...] = piece.hyper
            span = piece.span
            self.engine.set_data(*span.rows)
            self.engine.run(span.order, self.batch_size, piece.first, piece.stop, rates=span.rates)
        self.hyper[...] = settings
