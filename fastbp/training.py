"""The training loop around the compiled runs of steps: epochs, stopping, rescue, callbacks.

The engine takes many steps in one call. Python comes in between calls of about CALL_SECONDS, so
that Ctrl-C, time limits and progress are answered, after the steps that a callback waits for, and
at the end of each epoch.
"""

from __future__ import annotations

import contextlib
import math
import time
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from fastbp import checkpoints, files
from fastbp.callbacks import Callback, Training, begun
from fastbp.checks import Array
from fastbp.history import History
from fastbp.metrics import Metrics
from fastbp.optimizers.optimizer import Optimizer
from fastbp.progress import shown
from fastbp.recording import Passing, Recorder
from fastbp.rescue import Before, Diverged, Safe, lost_by
from fastbp.rows import Rows
from fastbp.schedules import Schedule
from fastbp.sources import GIVEN, Span, Stored, Stream
from fastbp.stopping import Stop, Watch
from fastbp.threads import Crew

if TYPE_CHECKING:
    from fastbp._engine import Engine
    from fastbp.plan import Plan

CALL_SECONDS = 0.01
# Weighted loss and weight of no rows.
NO_SUMS = (0.0, 0.0)


class Settings(NamedTuple):
    """The checked arguments of one fit, and the generator of its orders."""

    epochs: int
    batch_size: int
    shuffle: str
    stop: Stop
    callbacks: tuple[Callback, ...]
    progress: bool | None
    schedule: Schedule | None
    metrics: Metrics
    l2: float
    seed: int
    rng: np.random.Generator


class Trained(Passing, Protocol):
    """What a fit needs of a network."""

    @property
    def params(self) -> Array:
        """The flat parameter vector."""

    @property
    def _dropout_key(self) -> int:
        """The key of its dropout."""

    def file_contents(self) -> files.Contents:
        """Return what a file holds of the network."""


def ground_of(
    source: Stored | Stream, validation: Rows | None, optimizer: Optimizer, settings: Settings
) -> checkpoints.Ground:
    """Return what must be the same for a fit to go on from a checkpoint."""
    return checkpoints.Ground(
        rows=source.n_rows or 0,
        validation_rows=0 if validation is None else len(validation.x),
        batch_size=settings.batch_size,
        shuffle=settings.shuffle,
        schedule=repr(settings.schedule),
        optimizer=type(optimizer).__name__,
    )


class Ended(Exception):
    """There is a reason to stop within an epoch."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Fit:
    """One call of fit: engine, rows and optimizer bound together."""

    def __init__(
        self,
        network: Trained,
        plan: Plan,
        engine: Engine,
        optimizer: Optimizer,
        source: Stored | Stream,
        validation: Rows | None,
        settings: Settings,
    ) -> None:
        self.network = network
        self.plan = plan
        self.engine = engine
        self.optimizer = optimizer
        self.learning_rate = optimizer.learning_rate
        self.source = source
        self.validation = validation
        self.settings = settings
        self.history = History()
        n_rows = source.n_rows
        self.n_steps = None if n_rows is None else -(-n_rows // settings.batch_size)
        self.watch = Watch(settings.stop, settings.metrics.recorded(validation is not None))
        shown = (settings.metrics, self.history, settings.callbacks)
        self.recorder = Recorder(network, source, validation, *shown)
        self.best: Array | None = None
        self.broken = False
        self.began_with = optimizer.hyper.copy()
        self.earlier = 0.0
        self.sums = NO_SUMS
        self.epoch_began: dict[str, Any] | None = None
        self.steps_a_call = 1
        self.bound: Rows | None = None
        self.crew = Crew(engine)
        self.looks_for_changes = any(callback.changes_parameters for callback in settings.callbacks)
        self.stepping = tuple(
            (callback.every_steps, callback)
            for callback in settings.callbacks
            if callback.every_steps is not None
        )
        self.training = Training(
            network,
            optimizer,
            self.history,
            settings.epochs,
            self.n_steps,
            self._mean_loss,
            self._save,
        )

    def go_on_from(self, state: checkpoints.State) -> None:
        """Take up a fit where a checkpoint left it; the optimizer is bound to the network."""
        checkpoints.restore_history(state, self.history)
        parts = self.network.params, self.optimizer, self.settings.schedule, self.watch
        checkpoints.restore(state, *parts)
        place, training = state.place, self.training
        training.epoch, training.step = place.epoch, place.step
        training.total_steps = place.total_steps
        self.earlier, self.sums, self.best = place.seconds, state.sums, state.best
        self.settings.rng.bit_generator.state = state.generator

    def run(self, before: Before | None = None) -> History:
        """Train until an epoch limit, a stop rule, a callback or a divergence ends it.

        `before`: what is wanted again if an error comes before the first step.
        """
        network, settings, training = self.network, self.settings, self.training
        space = self.plan.safe_space(self.optimizer.n_slots)
        self.safe = Safe(self.engine, space, network.params, self.optimizer, settings.batch_size)
        self.safe.before, self.safe.check = before, self._check_parameters
        norm = settings.metrics.gradient_norm
        self.engine.set_rule(self.optimizer, self.safe, norm, settings.l2)
        self.start = time.perf_counter() - self.earlier
        self.engine.begin_sums(*self.sums)
        self.history.stop_reason = "epochs"
        with contextlib.ExitStack() as ends:
            for callback in settings.callbacks:
                ends.enter_context(begun(callback, training))
            self.optimizer.check_slots()
            place = training.epoch, training.total_steps
            self.progress = shown(settings.progress, settings.epochs, *place, self.n_steps)
            try:
                self._epochs()
            except BaseException:
                self.broken = True
                raise
            finally:
                if settings.schedule is not None:
                    self.optimizer.learning_rate = self.learning_rate
                if self.progress is not None:
                    self.progress.close()
            if self.best is not None and settings.stop.restore_best:
                network.params[:] = self.best
        return self.history

    def _epochs(self) -> None:
        """Take epoch after epoch until there is a reason to stop."""
        for epoch in range(self.training.epoch + 1, self.settings.epochs + 1):
            try:
                reason = self._end_epoch(self._epoch())
                if reason or epoch == self.settings.epochs:
                    self._check_parameters()
            except Diverged as found:
                self._rescue(found)
                break
            except Ended as found:
                reason = found.reason
            if reason:
                self.history.stop_reason = reason
                break

    def _check_parameters(self) -> None:
        """See that the last update, whose result no loss was taken of, left finite parameters."""
        if not self.safe.is_finite():
            raise Diverged("parameters became not finite", *self._last_step())

    def _last_step(self) -> tuple[int, int]:
        """Return the epoch of the last step that was taken and its number there, both from 1."""
        epoch, step = self.training.epoch, self.training.step
        return (epoch + 1, step) if step else (epoch, self.steps_of_epoch)

    def _with_rates(self, span: Span, schedule: Schedule, step: int, n_steps: int) -> Span:
        """Return a span, which begins with a step of an epoch, with the rates of its steps."""
        n = self.n_steps or n_steps
        first = self.training.epoch * n + step
        factors = schedule.factors(np.arange(first, first + n_steps), n, self.settings.epochs * n)
        return span._replace(rates=self.learning_rate * factors)

    def _epoch(self) -> tuple[float, float]:
        """Take the steps of one epoch; return the mean training loss and rows a second."""
        settings, engine = self.settings, self.engine
        if settings.callbacks and settings.shuffle != GIVEN:
            self.epoch_began = dict(settings.rng.bit_generator.state)
        engine.begin_sums(*self.sums)
        self.sums = NO_SUMS
        began, taken, size = time.perf_counter(), self.training.step, settings.batch_size
        rows, done = -taken * size, 0
        for span in self.source.spans(settings.rng):
            if done:
                self._between_steps()
            n_steps = -(-span.n_rows // size)
            if settings.schedule is not None:
                span = self._with_rates(span, settings.schedule, done, n_steps)
            if span.rows is not self.bound:
                engine.set_data(*span.rows)
                self.bound = span.rows
            self._steps(span, done, taken - done, n_steps)
            done = taken = done + n_steps
            rows += span.n_rows
        self.steps_of_epoch = done
        seconds = time.perf_counter() - began
        return engine.weighted_loss / engine.total_weight, rows / max(seconds, 1e-9)

    def _steps(self, span: Span, before: int, step: int, last: int) -> None:
        """Take steps step .. last - 1 of a span, before which lie others of the epoch."""
        training = self.training
        while step < last:
            began = time.perf_counter()
            if before + step > 0 and self.watch.out_of_time(began - self.start):
                self._check_parameters()
                raise Ended("seconds")
            stop = min(step + self.steps_a_call, last)
            if self.stepping:
                stop = min(stop, step + self._until_callback())
            self.crew.keep_to_share()
            if self.safe.run(began, span, step, stop):
                step = before + self.engine.stopped + 1
                raise Diverged(lost_by(self.engine), training.epoch + 1, step)
            seconds = time.perf_counter() - began
            if stop < last or seconds > CALL_SECONDS:
                self._pace(seconds, stop - step)
            training.total_steps += stop - step
            training.step = before + stop
            if self.progress is not None:
                self.progress.advance(stop - step)
            step = stop
            if step < last:
                self._between_steps()

    def _between_steps(self) -> None:
        """Call the callbacks due within an epoch; those of its last step come after its record."""
        if self.stepping and self._call_stepping():
            self._check_parameters()
            raise Ended("callback")

    def _pace(self, seconds: float, steps: int) -> None:
        """Choose how many steps the next call takes, at most twice as many as this one."""
        wanted = int(steps * CALL_SECONDS / max(seconds, 1e-9))
        self.steps_a_call = max(1, min(wanted, 2 * self.steps_a_call))

    def _until_callback(self) -> int:
        """Return how many steps may be taken before a callback is due."""
        total = self.training.total_steps
        return min(every - total % every for every, _ in self.stepping)

    def _end_epoch(self, found: tuple[float, float]) -> str:
        """Record the epoch; return the reason to stop, or ""."""
        training, settings = self.training, self.settings
        loss, rows_per_second = found
        figures = self.recorder.figures(loss, self.engine)
        held = figures.get("validation_loss", loss)
        if not math.isfinite(held):
            raise Diverged(f"validation loss became {held}", *self._last_step())
        figures["learning_rate"] = self.optimizer.learning_rate
        figures["seconds"] = time.perf_counter() - self.start
        figures["rows_per_second"] = rows_per_second
        self.recorder.record(figures, self.training)
        if settings.schedule is not None:
            settings.schedule.observe(figures["loss"], figures.get("validation_loss"))
        training.epoch += 1
        training.step = 0
        reason, training.best = self.watch.look(figures, training.epoch)
        if training.best and settings.stop.restore_best:
            self.best = self.network.params.copy()
        if self.progress is not None:
            self.progress.epoch(training.epoch, figures)
        if settings.callbacks and self._call(self._after_epoch):
            reason = reason or "callback"
        if self.stepping and self._call_stepping():
            reason = reason or "callback"
        return reason

    def _call(self, callbacks: Callable[[], bool]) -> bool:
        """Call callbacks, which may change parameters and settings; return whether to stop."""
        stops = self.safe.watch(callbacks, self.looks_for_changes)
        self.optimizer.check_slots()
        return stops

    def _after_epoch(self) -> bool:
        """Call every callback at the end of an epoch."""
        return any([callback.after_epoch(self.training) for callback in self.settings.callbacks])

    def _call_stepping(self) -> bool:
        """Call the callbacks that are due after so many steps; return whether one wants to stop."""
        total = self.training.total_steps
        due = [callback for every, callback in self.stepping if total % every == 0]
        if not due:
            return False
        return self._call(lambda: any([callback.after_steps(self.training) for callback in due]))

    def _mean_loss(self) -> tuple[float, float]:
        """Return the mean loss over the rows of the epoch so far, and the penalty in it."""
        engine = self.engine
        weight = engine.total_weight or math.nan
        return engine.weighted_loss / weight, engine.penalties / weight

    def _save(self, path: files.StrPath) -> bool:
        """Write a checkpoint, unless the parameters are not finite or an error has come; say so."""
        if not isinstance(self.source, Stored) or self.source.shuffle == GIVEN:
            raise ValueError(
                "a checkpoint must be of a fit over arrays in orders of its own, got one whose "
                "blocks or orders a function gives, which cannot be had again; save the network "
                "instead"
            )
        if self.broken or not self.safe.is_finite():
            return False
        contents = self.network.file_contents()
        checkpoints.write(path, contents, self._state(contents))
        return True

    def _state(self, contents: files.Contents) -> checkpoints.State:
        """Return all that the next step depends on."""
        training, optimizer, watch = self.training, self.optimizer, self.watch
        schedule, engine, rng = self.settings.schedule, self.engine, self.settings.rng
        seconds = time.perf_counter() - self.start
        within = training.step > 0
        began = self.epoch_began if within else dict(rng.bit_generator.state)
        assert began is not None
        return checkpoints.State(
            network=contents.network,
            params=contents.params,
            key=self.network._dropout_key,
            seed=self.settings.seed,
            ground=ground_of(self.source, self.validation, optimizer, self.settings),
            place=checkpoints.Place(training.epoch, training.step, training.total_steps, seconds),
            sums=(engine.weighted_loss, engine.total_weight) if within else NO_SUMS,
            generator=began,
            settings=self.began_with,
            hyper=optimizer.hyper,
            clock=optimizer.clock,
            slots=optimizer.slots,
            schedule={} if schedule is None else schedule.state(),
            watch=(watch.lowest, watch.reference, watch.waited),
            best=self.best,
            history=self.history.columns(),
            metrics=tuple(self.history.metrics),
        )

    def _rescue(self, found: Diverged) -> None:
        """Put the last good parameters back and say where the loss was lost."""
        sums = self.engine.weighted_loss, self.engine.total_weight
        self.safe.restore()
        self.engine.begin_sums(*sums)
        place = "last finite step" if self.best is None else "best epoch"
        self.history.stop_reason = "diverged"
        self.history.message = (
            f"{found.what} at epoch {found.epoch}, step {found.step} (learning_rate "
            f"{self.optimizer.learning_rate:g}); parameters are back at the {place}"
        )
        warnings.warn(self.history.message, RuntimeWarning, stacklevel=7)
