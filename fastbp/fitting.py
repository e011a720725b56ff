"""What the arguments of a fit come to: rows to train on and to hold out, settings, an engine."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from fastbp import checkpoints, checks, class_weights, files, metrics, names
from fastbp._compiled import team as compiled
from fastbp.callbacks import Callback, all_names, checked_callbacks
from fastbp.history import History
from fastbp.optimizers import as_optimizer
from fastbp.optimizers.optimizer import Optimizer
from fastbp.passes import Passes
from fastbp.plan import Plan, fit_bytes
from fastbp.preprocessing import Standardize, numeric_rows
from fastbp.rescue import Before
from fastbp.rows import Rows, Split, held_out, split
from fastbp.schedules import Schedule, as_schedule
from fastbp.sources import Shuffle, Stored, Stream, shuffle_mode
from fastbp.stopping import Stop
from fastbp.threads import Crew, fit_threads, split_columns, usable_cores
from fastbp.training import Fit, Settings, ground_of

PlainCallback = Callable[[Any, History], object]
Callbacks = Iterable[Callback | PlainCallback] | Callback | PlainCallback
ClassWeight = str | Mapping[int, float] | Any
Validation = Any


class Arguments(NamedTuple):
    """The arguments of a fit that its rows do not depend on, as the user gave them."""

    epochs: int = 1
    batch_size: int | None = 32
    shuffle: Shuffle = True
    stop: Stop | None = None
    callbacks: Callbacks = ()
    progress: bool | None = False
    schedule: Schedule | Callable[[int], float] | None = None
    metrics: Any = ()
    l2: float = 0.0


class Fitting(Passes):
    """A network's side of every kind of fit."""

    @property
    def _dropout_key(self) -> int:
        """The key of its dropout: the seed, or one that was drawn."""
        return self._spec.dropout_key

    def _block(self, block: Any) -> Rows:
        """Return a block (x, y) or (x, y, sample_weight) of a stream as rows."""
        if not isinstance(block, (tuple, list)) or len(block) not in (2, 3):
            raise ValueError(
                f"blocks must hold (x, y) or (x, y, sample_weight), got {checks.described(block)}"
            )
        return self._data(*block)

    def _fit_sides(
        self, x: object, y: object, validation: Validation, shuffle: str, seed: int
    ) -> None:
        """Fit what makes inputs and targets ready to the rows that are trained on, if it is new."""
        for name, one, value in (("x", self._inputs, x), ("y", self._targets, y)):
            if not isinstance(one, Standardize) or one.is_fitted:
                continue
            index = None
            if validation is not None and not isinstance(validation, (tuple, list)):
                n_rows = numeric_rows(name, value)[0].shape[0]
                fraction = checks.number("validation", validation, 0, below=1, above=True)
                n_trained, order = held_out(n_rows, fraction, shuffle != "none", seed)
                index = np.arange(n_trained) if order is None else np.sort(order[:n_trained])
            one._fit_to(value, name, index)

    @contextlib.contextmanager
    def _unfitted_again(self, rule: Optimizer) -> Iterator[None]:
        """Forget what a fit has fitted inputs and targets to if it ends before its first step."""
        new = [one for one in (self._inputs, self._targets) if one is not None]
        new = [one for one in new if not one.is_fitted]
        steps = rule.steps
        try:
            yield
        except BaseException:
            if rule.steps == steps:
                for one in new:
                    one.forget()
            raise

    def _bind(self, rule: Optimizer) -> None:
        """Let an optimizer take on this network, of which something must be trainable."""
        if not any(self._spec.trainable):
            raise ValueError(
                "trainable must be True for at least one layer to train, got False for all "
                f"{len(self.layers)}; set net.layers[-1].trainable = True"
            )
        rule.bind(self, self._params, self._running)

    def _weighed(self, rows: Rows, class_weight: ClassWeight | None) -> Rows:
        """Return the rows with their weights multiplied by those of their classes."""
        if class_weight is None:
            return rows
        loss, n_out = names.plain(self.loss), self._spec.n_out
        weight = class_weights.row_weights(class_weight, loss, n_out, *rows[1:])
        return rows._replace(weight=checks.row_weights(weight, len(weight), self._dtype))

    def _split(self, rows: Rows, validation: Validation, shuffle: str, seed: int) -> Split:
        """Return the rows to train on and to hold out for None, (x, y), (x, y, w) or a fraction."""
        if validation is None:
            return Split(rows, None, None)
        if isinstance(validation, (tuple, list)):
            return Split(rows, None, self._validation_rows(validation))
        fraction = checks.number("validation", validation, 0, below=1, above=True)
        return split(rows, fraction, shuffle != "none", seed)

    def _validation_rows(self, validation: Validation) -> Rows:
        """Return (x, y) or (x, y, sample_weight) as rows."""
        if not isinstance(validation, (tuple, list)) or len(validation) not in (2, 3):
            came = (
                f"{len(validation)} items"
                if isinstance(validation, (tuple, list))
                else checks.described(validation)
            )
            raise ValueError(
                f"validation must be (x, y), (x, y, sample_weight) or a fraction, got {came}"
            )
        x, y, *weight = validation
        return self._data(x, y, weight[0] if weight else None, "validation ")

    def _settings(
        self,
        given: Arguments,
        rule: Optimizer,
        seed: int,
        n_rows: int | None,
        has_validation: bool,
    ) -> Settings:
        """Return the checked settings of a fit over n_rows, or over a stream of rows."""
        if given.stop is not None and not isinstance(given.stop, Stop):
            raise TypeError(f"stop must be a fb.Stop, got {checks.described(given.stop)}")
        stop = given.stop or Stop()
        size = given.batch_size
        if n_rows is not None:
            size = n_rows if size is None else min(checks.integer("batch_size", size, 1), n_rows)
        in_unit = None if self._targets is None else self._targets.inverse
        task = metrics.task_of(self.loss, self.layers[-1].activation, in_unit)
        return Settings(
            epochs=checks.integer("epochs", given.epochs, 1),
            batch_size=checks.integer("batch_size", size, 1),
            shuffle=shuffle_mode(given.shuffle),
            stop=stop,
            callbacks=checked_callbacks(given.callbacks),
            progress=None if given.progress is None else checks.flag("progress", given.progress),
            schedule=as_schedule(given.schedule, rule.learning_rate),
            metrics=metrics.checked(given.metrics, stop, task, n_rows is not None, has_validation),
            l2=checks.number("l2", given.l2, 0),
            seed=seed,
            rng=np.random.default_rng(seed),
        )

    def _run(
        self,
        rule: Optimizer,
        source: Stored | Stream,
        held: Rows | None,
        settings: Settings,
        threads: int | None,
        state: checkpoints.State | None = None,
    ) -> History:
        """Bind engine, rows and optimizer together and train."""
        n_rows = source.n_rows or float("inf")
        steps = settings.epochs * (n_rows / settings.batch_size)
        wanted = fit_threads(threads, self._spec, settings.batch_size, steps)
        recorded = settings.metrics.recorded(held is not None)
        told = all_names(settings.callbacks, self, {*recorded, *metrics.TAKEN})
        if settings.schedule is not None:
            settings.schedule.begin()
        if state is None:
            return self._train(rule, source, held, settings, wanted)
        checkpoints.check_ground(state, ground_of(source, held, rule, settings))
        checkpoints.check_figures(state, {*recorded, *told})
        self._bind(rule)
        key, before = self._spec.dropout_key, Before(self._params, rule)
        try:
            self._take_key(state.key)
            return self._train(rule, source, held, settings, wanted, state, before)
        except BaseException:
            if not before.is_past:
                before.put_back()
                self._take_key(key)
            raise

    def _train(
        self,
        rule: Optimizer,
        source: Stored | Stream,
        held: Rows | None,
        settings: Settings,
        threads: int,
        state: checkpoints.State | None = None,
        before: Before | None = None,
    ) -> History:
        """Train with checked settings, and so many threads."""
        found = self._take_engine(settings.batch_size, threads, trains=True)
        job = Fit(self, *found, rule, source, held, settings)
        self._bind(rule)
        team = compiled.Team(threads, usable_cores()) if threads > 1 else None
        try:
            job.crew = Crew(found[1], team, split_columns(self._spec, threads))
            if state is not None:
                job.go_on_from(state)
            history = job.run(before)
        finally:
            found[1].use_team(None)
            if team is not None:
                team.end()
            found[1].release_data()
        self._idle.append(found)
        return history

    def _resumed(
        self, resume: files.StrPath | None, rule: Optimizer, epochs: int
    ) -> checkpoints.State | None:
        """Return the state of a checkpoint, if it is of this network and of such an optimizer."""
        if resume is None:
            return None
        state = checkpoints.read(resume)
        checkpoints.check_network(state, self._spec.to_dict())
        for one, kept in zip((self._inputs, self._targets), state.sides, strict=True):
            if isinstance(one, Standardize) and isinstance(kept, Standardize):
                one.take_if_unfitted(kept)
        checkpoints.check_sides(state, self._inputs, self._targets)
        if type(rule).__name__ == state.ground.optimizer:
            checkpoints.check_settings(state, rule)
        if epochs < state.place.epoch:
            raise ValueError(
                f"epochs must be at least the {state.place.epoch} of the checkpoint that is "
                f"resumed (they count), got {epochs}"
            )
        return state

    def _take_key(self, key: int) -> None:
        """Take on another key for dropout; engines know the one they were made with."""
        if key != self._spec.dropout_key:
            self._spec.dropout_key = key
            self._idle.clear()
            self._idle_gradients.clear()

    def _fit_seed(self, state: checkpoints.State | None) -> int:
        """Return the seed of a fit: the network's, or for None one that is drawn."""
        if state is not None:
            return state.seed
        return secrets.randbits(64) if self.seed is None else self.seed

    def memory(self, batch_size: int, optimizer: str | Optimizer = "adam", threads: int = 1) -> int:
        """Return the bytes that a fit takes beside its rows.

        With P parameters, S state vectors of the optimizer, R = min(batch_size, 256) rows of a
        block, T threads and widths n_l padded to cache lines: parameters, gradient and state, (2 +
        S) P; a copy of parameters and state to go back to from a divergence, (1 + S) P; activations
        and deltas of a block, R (sum n_l + 2 max n_l), or 2 R sum n_l for a team and where a block
        takes some 0.1 s; T places for packed operands and a piece of a gradient. An epoch's order
        of the rows, 8 bytes a row, comes on top.

        Parameters
        ----------
        batch_size : int
            Rows an update, at least 1.
        optimizer : str or Optimizer
            As for `fit`.
        threads : int
            As for `fit`.

        Returns
        -------
        int

        Raises
        ------
        TypeError, ValueError
            An argument is of the wrong type, below 1 or an unknown name.

        Examples
        --------
        >>> import fastbp as fb
        >>> net = fb.mlp([784, 128, 10], output="softmax", loss="cross_entropy")
        >>> net.memory(128, "adam") > net.memory(128, "sgd") > 2 * net.params.nbytes
        True
        """
        rows = checks.integer("batch_size", batch_size, 1)
        wanted = fit_threads(threads, self._spec, rows, float("inf"))
        plan = Plan(self._spec, rows, wanted)
        return fit_bytes(plan, as_optimizer(optimizer).n_slots)


def watching(schedule: object) -> dict[str, object]:
    """Return a schedule that looks at losses, and so belongs to one fit at a time, by its name."""
    watches = isinstance(schedule, Schedule) and schedule.state()
    return {"schedule": schedule} if watches else {}


def check_full_batch(rule: Optimizer, batch_size: int, n_rows: int | None) -> None:
    """Refuse an optimizer that needs the same rows in every step where it does not get them."""
    if rule.full_batch and batch_size != n_rows:
        rows = "all rows" if n_rows is None else f"all {n_rows} rows"
        raise ValueError(
            f"batch_size must be None ({rows}) for {type(rule).__name__}, which compares gradients "
            f"of the same rows, got {batch_size}; for smaller batches use fb.Adam or fb.RMSprop"
        )
