"""The training loop around the compiled runs of steps: shuffling, stopping, rescue, progress.

The engine takes many steps in one call. Python comes in between calls of about CALL_SECONDS, so
that Ctrl-C, time limits and progress are answered, and at the end of each epoch.
"""

from __future__ import annotations

import math
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from fastbp import checks
from fastbp._compiled import engine
from fastbp.checks import Array
from fastbp.history import History, Stop, Watch
from fastbp.optimizers.optimizer import Optimizer
from fastbp.rescue import Epoch, Safe
from fastbp.rows import Rows
from fastbp.schedules import Schedule

if TYPE_CHECKING:
    from fastbp._engine import Engine, Team
    from fastbp.plan import Plan

CALL_SECONDS = 0.01

Callback = Callable[[Any, History], object]


class Settings(NamedTuple):
    """The checked arguments of one fit."""

    epochs: int
    batch_size: int
    shuffle: bool
    stop: Stop
    callbacks: tuple[Callback, ...]
    progress: bool
    seed: int | None
    schedule: Schedule | None


class Trained(Protocol):
    """What a fit needs of a network."""

    @property
    def params(self) -> Array:
        """The flat parameter vector."""

    def validation_loss(self, rows: Rows, team: Team | None) -> float:
        """Return the mean loss over checked rows, by a team or alone."""


def checked_callbacks(callbacks: Iterable[Callback] | Callback) -> tuple[Callback, ...]:
    """Return the callbacks as a tuple of callables."""
    if not callable(callbacks) and not isinstance(callbacks, Iterable):
        raise TypeError(f"callbacks must be callables, got {checks.described(callbacks)}")
    found = (callbacks,) if callable(callbacks) else tuple(callbacks)
    for callback in found:
        if not callable(callback):
            raise TypeError(f"callbacks must be callables, got {checks.described(callback)}")
    return found


def show_progress(progress: bool | None) -> bool:
    """Return whether a line an epoch is printed: as told, or where standard error is a terminal."""
    return sys.stderr.isatty() if progress is None else checks.flag("progress", progress)


class Diverged(Exception):
    """Something is NaN or infinite after a step of the epoch; says what, and which step."""

    def __init__(self, what: str, step: int) -> None:
        super().__init__(what, step)
        self.what = what
        self.step = step


class OutOfTime(Exception):
    """The time limit is reached within an epoch."""


class Fit:
    """One call of fit: engine, rows and optimizer bound together."""

    def __init__(
        self,
        network: Trained,
        plan: Plan,
        engine: Engine,
        optimizer: Optimizer,
        rows: Rows,
        validation: Rows | None,
        settings: Settings,
    ) -> None:
        self.network = network
        self.plan = plan
        self.engine = engine
        self.optimizer = optimizer
        self.learning_rate = optimizer.learning_rate
        self.rows = rows
        self.validation = validation
        self.settings = settings
        self.history = History()
        self.n_rows = len(rows.x)
        self.n_steps = -(-self.n_rows // settings.batch_size)
        self.watch = Watch(settings.stop, validation is not None)
        self.best: Array | None = None
        self.steps_a_call = 1

    def run(self) -> History:
        """Train until an epoch limit, a stop rule, a callback or a divergence ends it."""
        params = self.network.params
        space = self.plan.safe_space(self.optimizer.n_slots)
        self.safe = Safe(self.engine, space, params, self.optimizer)
        self.engine.set_data(*self.rows)
        keep_gradient = self.settings.stop.gradient_norm is not None
        self.engine.set_rule(self.optimizer, self.safe, keep_gradient)
        self.start = time.perf_counter()
        rng = np.random.default_rng(self.settings.seed)
        history = self.history
        history.stop_reason = "epochs"
        if self.settings.schedule is not None:
            self.settings.schedule.begin()
        try:
            self._epochs(rng)
        finally:
            if self.settings.schedule is not None:
                self.optimizer.learning_rate = self.learning_rate
        if self.best is not None:
            params[:] = self.best
        return history

    def _epochs(self, rng: np.random.Generator) -> None:
        """Take epoch after epoch until there is a reason to stop."""
        history = self.history
        for epoch in range(1, self.settings.epochs + 1):
            order = self._order(rng) if self.settings.shuffle else None
            try:
                steps = Epoch(order, self._rates(epoch), self.settings.batch_size)
                reason = self._end_epoch(epoch, self._epoch(steps))
                if epoch == self.settings.epochs or reason:
                    self._check_parameters()
            except Diverged as found:
                self._rescue(epoch, found)
                break
            except OutOfTime:
                history.stop_reason = "seconds"
                break
            if reason:
                history.stop_reason = reason
                break

    def _order(self, rng: np.random.Generator) -> Array:
        """Return a new order of the rows; earlier ones may still be remembered."""
        order = np.empty(self.n_rows, np.int64)
        engine.shuffle(order, rng.bit_generator)
        return order

    def _check_parameters(self) -> None:
        """See that the last update, whose result no loss was taken of, left finite parameters."""
        if checks.first_nonfinite_row(self.network.params[np.newaxis]) >= 0:
            raise Diverged("parameters became not finite", self.n_steps)

    def _rates(self, epoch: int) -> Array | None:
        """Return the learning rate of each step of an epoch, from 1, where there is a schedule."""
        schedule, n = self.settings.schedule, self.n_steps
        if schedule is None:
            return None
        t = np.arange((epoch - 1) * n, epoch * n)
        return self.learning_rate * schedule.factors(t, n, self.settings.epochs * n)

    def _epoch(self, epoch: Epoch) -> float:
        """Take the steps of one epoch; return the mean training loss."""
        step = 0
        while step < self.n_steps:
            began = time.perf_counter()
            if step > 0 and self.watch.out_of_time(began - self.start):
                raise OutOfTime
            last = min(step + self.steps_a_call, self.n_steps)
            if self.safe.run(began, epoch, step, last):
                raise Diverged(f"loss became {self.engine.last_loss}", self.engine.stopped + 1)
            self._pace(time.perf_counter() - began, last - step)
            step = last
        return self.engine.weighted_loss / self.engine.total_weight

    def _pace(self, seconds: float, steps: int) -> None:
        """Choose how many steps the next call takes, at most twice as many as this one."""
        wanted = int(steps * CALL_SECONDS / max(seconds, 1e-9))
        self.steps_a_call = max(1, min(wanted, 2 * self.steps_a_call))

    def _end_epoch(self, epoch: int, loss: float) -> str:
        """Record the epoch; return the reason to stop, or ""."""
        history = self.history
        if self.validation is not None:
            held = self.network.validation_loss(self.validation, self.engine.team)
            if not math.isfinite(held):
                raise Diverged(f"validation loss became {held}", self.n_steps)
            history.validation_loss.append(held)
        history.loss.append(loss)
        history.learning_rate.append(self.optimizer.learning_rate)
        if self.settings.schedule is not None:
            held_loss = None if self.validation is None else history.validation_loss[-1]
            self.settings.schedule.observe(loss, held_loss)
        history.seconds.append(time.perf_counter() - self.start)
        norm = math.inf
        if self.settings.stop.gradient_norm is not None:
            norm = self.engine.gradient_norm()
        reason, best = self.watch.look(history, norm)
        if best and self.settings.stop.restore_best:
            self.best = self.network.params.copy()
        if self.settings.progress:
            self._print(epoch)
        if self.settings.callbacks:
            if self.safe.watch(self._call_back):
                reason = reason or "callback"
            self.optimizer.check_slots()
        return reason

    def _call_back(self) -> bool:
        """Call every callback; return whether one of them wants to stop."""
        return any([callback(self.network, self.history) for callback in self.settings.callbacks])

    def _print(self, epoch: int) -> None:
        history = self.history
        line = f"epoch {epoch}/{self.settings.epochs}  loss {history.loss[-1]:.6g}"
        if history.validation_loss:
            line += f"  validation_loss {history.validation_loss[-1]:.6g}"
        print(f"{line}  {history.seconds[-1]:.2f} s", file=sys.stderr, flush=True)

    def _rescue(self, epoch: int, found: Diverged) -> None:
        """Put the last good parameters back and say where the loss was lost."""
        self.safe.restore(self.settings.batch_size)
        place = "last finite step" if self.best is None else "best epoch"
        self.history.stop_reason = "diverged"
        self.history.message = (
            f"{found.what} at epoch {epoch}, step {found.step} (learning_rate "
            f"{self.optimizer.learning_rate:g}); parameters are back at the {place}"
        )
        warnings.warn(self.history.message, RuntimeWarning, stacklevel=5)
