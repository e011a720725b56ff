"""Figures of merit of the predictions after an epoch, beside the loss."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from fastbp import checks, maps
from fastbp.checks import Array
from fastbp.names import plain
from fastbp.rows import Rows
from fastbp.stopping import Stop

# Numbers looked at between two moments at which Ctrl-C is answered.
PIECE_NUMBERS = 1 << 20

VALIDATION = "validation_"
GRADIENT_NORM = "gradient_norm"

# What histories and logs call something else.
TAKEN = ("epoch", "step", "loss", "learning_rate", GRADIENT_NORM, "seconds", "rows_per_second")

UserMetric = Callable[[Array, Array], float]
Wanted = str | UserMetric


class Task(NamedTuple):
    """What predictions mean: the plain names of the loss and of the last layer's activation.

    `in_unit` brings standardised targets and outputs back to their own unit; None: they are in it.
    """

    loss: str
    output: str
    in_unit: Callable[[Array], Array] | None = None

    @property
    def one_class_a_row(self) -> bool:
        """Whether the largest output of a row names its class."""
        return self.output in ("softmax", "log_softmax")

    @property
    def threshold(self) -> float | None:
        """What an output must exceed to say yes; None where it does not say yes or no."""
        if self.loss == "hinge":
            return 0.0
        return 0.5 if self.output in ("sigmoid", "hard_sigmoid") else None


def accuracy(rows: Rows, outputs: Array, task: Task) -> float:
    """Share of the rows that are put into their class; with yes or no outputs, all of them right.

    Weighted by the rows' weights.
    """
    right = np.empty(len(outputs), np.bool_)
    for start, stop in maps.pieces(outputs.shape, PIECE_NUMBERS):
        right[start:stop] = _right(rows.part(start, stop), outputs[start:stop], task)
    return float(np.average(right, weights=rows.weight))


def _right(rows: Rows, outputs: Array, task: Task) -> Array:
    """Return which of some rows are put into their class."""
    if task.one_class_a_row:
        classes = rows.label if rows.y is None else rows.y.argmax(axis=1)
        right = outputs.argmax(axis=1) == classes
    else:
        assert rows.y is not None
        right = ((outputs > task.threshold) == (rows.y > task.threshold)).all(axis=1)
    return np.asarray(right)


def r2(rows: Rows, outputs: Array, task: Task) -> float:
    """1 - sum_r w_r (a_r - y_r)^2 / sum_r w_r (y_r - mean y)^2, the mean over the targets.

    A target that is the same in all rows counts 1 where it is met, else 0.
    """
    assert rows.y is not None
    y = rows.y.astype(np.float64)
    predicted = outputs[:, : y.shape[1]]
    mean = np.average(y, axis=0, weights=rows.weight)
    left = np.average((predicted - y) ** 2, axis=0, weights=rows.weight)
    spread = np.average((y - mean) ** 2, axis=0, weights=rows.weight)
    constant = spread == 0
    share = np.where(constant, left > 0, left / np.where(constant, 1, spread))
    return float((1 - share).mean())


BUILT_IN: dict[str, Callable[[Rows, Array, Task], float]] = {"accuracy": accuracy, "r2": r2}


class Metric(NamedTuple):
    """One figure: its column, its function, and of which rows it is."""

    column: str
    function: Callable[[Rows, Array, Task], float]
    larger_is_better: bool | None
    of_validation: bool


class Metrics(NamedTuple):
    """The figures that a fit records beside losses, and what predictions mean."""

    columns: tuple[Metric, ...]
    gradient_norm: bool
    task: Task

    def of(self, rows: Rows, outputs: Array, of_validation: bool) -> dict[str, float]:
        """Return the figures of the training or of the validation rows."""
        return {
            metric.column: metric.function(rows, outputs, self.task)
            for metric in self.columns
            if metric.of_validation == of_validation
        }

    def wants(self, of_validation: bool) -> bool:
        """Whether there are figures of the training or of the validation rows."""
        return any(metric.of_validation == of_validation for metric in self.columns)

    def recorded(self, has_validation: bool) -> dict[str, bool | None]:
        """Return every figure of an epoch, and whether larger ones are better."""
        known: dict[str, bool | None] = {"loss": False}
        if has_validation:
            known["validation_loss"] = False
        known.update((metric.column, metric.larger_is_better) for metric in self.columns)
        if self.gradient_norm:
            known[GRADIENT_NORM] = False
        return known


def checked(
    wanted: Wanted | Iterable[Wanted],
    stop: Stop,
    task: Task,
    has_training: bool,
    has_validation: bool,
) -> Metrics:
    """Return the metrics of a fit, among them built-in ones that only a rule to stop asks for.

    Raises
    ------
    TypeError, ValueError
        A metric is neither a known name nor callable, or does not suit the network.
    """
    if isinstance(wanted, str) or callable(wanted):
        wanted = [wanted]
    if not isinstance(wanted, Iterable):
        raise TypeError(
            f"metrics must be names or functions of (y, outputs), got {checks.described(wanted)}"
        )
    listed: list[object] = list(wanted)
    if (stop.monitor or "").removeprefix(VALIDATION) in BUILT_IN:
        listed.append(stop.monitor)
    if stop.gradient_norm is not None or stop.monitor == GRADIENT_NORM:
        listed.append(GRADIENT_NORM)
    found: dict[str, Metric] = {}
    for item in listed:
        if not (isinstance(item, str) and item == GRADIENT_NORM):
            for metric in _metrics(item, task, has_training, has_validation):
                if found.setdefault(metric.column, metric).function is not metric.function:
                    raise ValueError(
                        f"metrics must have different names, got {metric.column!r} twice; a "
                        "function is called by its __name__"
                    )
    return Metrics(tuple(found.values()), GRADIENT_NORM in listed, task)


def _metrics(item: object, task: Task, has_training: bool, has_validation: bool) -> list[Metric]:
    """Return what one name or function asks for: of the training rows and of the others."""
    if callable(item):
        name = getattr(item, "__name__", type(item).__name__)
        if name.removeprefix(VALIDATION) in TAKEN:
            raise ValueError(
                f"metrics must not have the names of other figures, got a function {name!r}"
            )
        function, larger = _of_user(item, name), None
    else:
        listed = [*BUILT_IN, *(VALIDATION + known for known in BUILT_IN), GRADIENT_NORM]
        name = checks.choice("metrics", item, listed)
        function, larger = BUILT_IN[name.removeprefix(VALIDATION)], True
        _check_suits(name.removeprefix(VALIDATION), task)
    only_validation = name.startswith(VALIDATION)
    found = []
    if has_training and not only_validation:
        found.append(Metric(name, function, larger, False))
    if has_validation:
        column = name if only_validation else VALIDATION + name
        found.append(Metric(column, function, larger, True))
    if not found:
        raise ValueError(
            f"metrics must come with validation rows for {name!r}, got validation None"
        )
    return found


def _check_suits(name: str, task: Task) -> None:
    """Refuse an accuracy of what is no class, and an r2 of what is no number."""
    has_classes = task.one_class_a_row or task.threshold is not None
    if name == "accuracy" and not has_classes:
        raise ValueError(
            "metrics must not have 'accuracy' for outputs that name no class, got loss "
            f"{task.loss!r} with output {task.output!r}; take 'r2' or a function of (y, outputs)"
        )
    if name == "r2" and task.loss in ("cross_entropy", "kl_divergence"):
        raise ValueError(
            f"metrics must not have 'r2' for classes, got loss {task.loss!r}; take 'accuracy'"
        )


def _of_user(function: Any, name: str) -> Callable[[Rows, Array, Task], float]:
    """Return a metric from a function of (y, outputs)."""

    def call(rows: Rows, outputs: Array, task: Task) -> float:
        y = rows.label if rows.y is None else rows.y
        if task.in_unit is not None and y is not None:
            y, outputs = task.in_unit(y), task.in_unit(outputs)
        value = function(y, outputs)
        try:
            return float(value)
        except (TypeError, ValueError):
            raise TypeError(
                f"metrics must return a number, got {checks.described(value)} from {name}"
            ) from None

    return call


def task_of(loss: str, output: str, in_unit: Callable[[Array], Array] | None = None) -> Task:
    """Return the task of a network from the names of its loss and its last activation."""
    return Task(plain(loss), plain(output), in_unit)
