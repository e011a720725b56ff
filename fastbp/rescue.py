"""The way back to the last parameters whose loss was finite (docs/decisions/0004)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fastbp import checks
from fastbp._compiled import way as compiled
from fastbp.checks import Array
from fastbp.optimizers.optimizer import Optimizer
from fastbp.sources import Span

if TYPE_CHECKING:
    from fastbp._engine import Engine


class Diverged(Exception):
    """Something is NaN or infinite after a step; says what, and which step of which epoch."""

    def __init__(self, what: str, epoch: int, step: int) -> None:
        super().__init__(what, epoch, step)
        self.what = what
        self.epoch = epoch
        self.step = step


def lost_by(engine: Engine) -> str:
    """Return what was not finite in the step that a run has not taken."""
    if math.isfinite(engine.last_loss):
        return "mean or variance of a batch became not finite"
    return f"loss became {engine.last_loss}"


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
        # What is wanted again where no step is taken, and what looks at parameters before a copy.
        self.before: Before | None = None
        self.check: Callable[[], None] = lambda: None
        self.kept = False
        self.params, self.slots = space[0], space[1:]
        self.clock = np.empty_like(optimizer.clock)
        self.hyper = optimizer.hyper
        self.live = (params, optimizer.slots, optimizer.clock)
        self.way = compiled.Way(self.live, (self.params, self.slots, self.clock))
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
        if keep and self.kept:
            self.check()
        try:
            diverged = self.engine.run(span.order, self.batch_size, first, last, keep, span.rates)
        finally:
            if self.before is not None and self.engine.updated > first:
                self.before.is_past = True
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

    def watch(self, callbacks: Callable[[], bool], looks: bool = True) -> bool:
        """Call callbacks, which may change settings; return what they return.

        `looks`: whether they may change parameters too.
        """
        if not looks:
            self.settings = None
            return callbacks()
        params, _, clock = self.live
        before = params.copy(), clock.copy()
        result = callbacks()
        self.settings = None
        # Steps that a callback takes with the optimizer of the fit move its clock.
        if not ((before[0] == params).all() and (before[1] == clock).all()):
            self.changed = tuple(live.copy() for live in self.live)
            self.held += sum(live.nbytes for live in self.live)
        return result

    def restore(self) -> None:
        """Put back the parameters and optimizer state that the last finite loss was taken of.

        Where these are not finite, which a loss need not show, the last ones that are.
        """
        if not self.kept:
            return
        settings = self.hyper.copy()
        try:
            self._take_again(sum(piece.stop - piece.first for piece in self.pieces) - 1)
            if not self.is_finite():
                self._take_again(self._finite_steps())
        finally:
            self.hyper[...] = settings

    def is_finite(self) -> bool:
        """Return whether all parameters are finite."""
        return checks.first_nonfinite_row(self.live[0][np.newaxis]) < 0

    def _take_again(self, steps: int) -> None:
        """Put the copy back and take so many of the steps once more."""
        self.way.go()
        for piece in self.pieces:
            stop = min(piece.stop, piece.first + steps)
            self._begin_again(piece)
            self._run_again(piece, piece.first, stop)
            steps -= stop - piece.first
            if stop < piece.stop:
                break

    def _finite_steps(self) -> int:
        """Return how many steps after the copy leave finite parameters; the state is lost."""
        self.way.go()
        steps = 0
        for piece in self.pieces:
            self._begin_again(piece)
            for step in range(piece.first, piece.stop):
                self._run_again(piece, step, step + 1)
                if not self.is_finite():
                    return steps
                steps += 1
        return steps

    def _begin_again(self, piece: Piece) -> None:
        """Do what callbacks did before a piece, and bind its rows."""
        if piece.changed is not None:
            compiled.Way(self.live, piece.changed).go()
        self.hyper[...] = piece.hyper
        self.engine.set_data(*piece.span.rows)

    def _run_again(self, piece: Piece, first: int, stop: int) -> None:
        """Take steps of a piece once more."""
        span = piece.span
        self.engine.run(span.order, self.batch_size, first, stop, rates=span.rates)


class Before:
    """What a resumed fit finds, to be put back where it ends by an error before its first step."""

    def __init__(self, params: Array, optimizer: Optimizer) -> None:
        self.is_past = False
        self.live = (params, optimizer.slots, optimizer.clock, optimizer.hyper)
        self.way = compiled.Way(self.live, [live.copy() for live in self.live])

    def put_back(self) -> None:
        """Put it back."""
        self.way.go()
