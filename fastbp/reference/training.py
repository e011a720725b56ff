"""The training loop: step after step, epoch after epoch, until there is a reason to stop."""

from __future__ import annotations

import random
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from . import checks
from .history import History
from .metrics import Recorder
from .optimizers import Optimizer
from .scalars import Number, Row, Rows, add_up, is_finite, real
from .schedules import Schedule
from .stopping import Stop, Watch

if TYPE_CHECKING:
    from .network import Network
    from .parameters import Gradients


Shuffle = bool | str | Callable[[], list[int]]


class Data(NamedTuple):
    """Checked rows: inputs (n_rows, n_in), targets (n_rows, n_out), weights (n_rows,)."""

    x: Rows
    y: Rows
    weight: Row

    def rows(self, indices: list[int]) -> Data:
        """Take the rows with these indices, in their order."""
        return Data(*([column[i] for i in indices] for column in self))


class Plan(NamedTuple):
    """The arguments of fit that say which rows are used when."""

    epochs: int
    batch_size: int
    shuffle: Shuffle
    validation: tuple[Any, Any] | float | None
    sample_weight: Row | None
    schedule: Schedule | None
    class_weight: Any
    metrics: Any
    l2: Number


class Reports(NamedTuple):
    """The arguments of fit that watch the training."""

    stop: Stop | None
    callbacks: tuple[Callable[[Network, History], Any], ...]
    progress: bool | None


# Neighbours that stay together where blocks are shuffled.
BLOCK = 4096


class Diverged(Exception):
    """A loss or a parameter was not finite after a step; says what, and which step."""


class Descent:
    """Steps of an optimizer, with a way back to the last parameters whose loss was finite."""

    def __init__(self, network: Network, optimizer: Optimizer, l2: Number) -> None:
        self._network = network
        self._optimizer = optimizer
        self._l2 = l2
        self._keep()
        self.gradient: Row = []

    def epoch(
        self, batches: Iterator[Data], rates: Callable[[int], Number] | None
    ) -> dict[str, Number]:
        """Take a step for every batch; return the mean of their losses, and rows per second.

        Step t, from 0, is taken with the learning rate rates(t), where there are any.
        """
        losses: Row = []
        weights: Row = []
        began, n_rows = time.perf_counter(), 0
        self._step = 0
        for step, batch in enumerate(batches, start=1):
            if rates is not None:
                self._optimizer.learning_rate = rates(step - 1)
            n_rows += len(batch.x)
            if not any(batch.weight):
                continue  # no row counts: the mean would be 0 / 0
            loss, gradients, between = self._network._step(batch, self._optimizer)
            if self._l2:
                loss = loss + self._penalize(gradients, add_up(batch.weight))
            if not is_finite(loss):
                self.undo(f"loss became {loss}", step)
            statistics = [v for part in between for v in part.batch_mean + part.batch_variance]
            if not all(map(is_finite, statistics)):
                self.undo("mean or variance of a batch became not finite", step)
            self._keep()
            self._step = step
            self._network._apply(self._optimizer, gradients, between)
            self.gradient = gradients.flat
            weights.append(add_up(batch.weight))
            losses.append(loss * weights[-1])
        seconds = max(time.perf_counter() - began, 1e-9)
        return {"loss": add_up(losses) / add_up(weights), "rows_per_second": n_rows / seconds}

    def _penalize(self, gradients: Gradients, n: Number) -> Number:
        """Add the gradient of the penalty l2/2 sum W^2 / n; return the penalty."""
        squares: Row = []
        network, l2 = self._network, self._network._number(self._l2)
        for layer, weight, grad in zip(
            network.layers, network.weights, gradients.weights, strict=True
        ):
            if layer.tied_to is None and layer.trainable:
                for row, grad_row in zip(weight, grad, strict=True):
                    grad_row[:] = [g + l2 * w / n for g, w in zip(grad_row, row, strict=True)]
                    squares += [w * w for w in row]
        return l2 * add_up(squares) / (2 * n)

    def check(self, what: str, values: Row) -> None:
        """Undo the epoch's last step if it made any of these values not finite."""
        for value in values:
            if not is_finite(value):
                self.undo(f"{what} became {value}", self._step)

    def undo(self, what: str, step: int) -> None:
        """Go back to the last parameters whose loss was finite, and end the training."""
        self._network.params, saved = self._last_finite
        self._optimizer._restore(saved)
        raise Diverged(what, step)

    def _keep(self) -> None:
        self._last_finite = self._network.params, self._optimizer._saved()


def fit(
    network: Network, x: Rows, y: Rows | Row, optimizer: Optimizer, plan: Plan, reports: Reports
) -> History:
    """Train network; Network.fit describes the arguments."""
    began = time.perf_counter()
    epochs = checks.count("epochs", plan.epochs)
    batch_size = checks.count("batch_size", plan.batch_size)
    rng = random.Random(network.seed)
    data = network._raw(x, y, plan.sample_weight)
    if plan.class_weight is not None:
        data = data._replace(weight=_class_weights(plan.class_weight, network.loss, data))
    data, held_out = _standardized(network, *_split(network, data, plan, rng))
    stop = reports.stop or Stop()
    if not isinstance(stop, Stop):
        raise TypeError(f"stop must be a Stop or None, got {stop!r}")
    recorder = Recorder(network, data, held_out, plan.metrics, stop)
    watch = Watch(stop, recorder.recorded)
    optimizer._claim(network)
    descent = Descent(network, optimizer, checks.bounded("l2", plan.l2))
    history = History()
    base = optimizer.learning_rate
    if plan.schedule is not None:
        plan.schedule.begin()

    for epoch in range(1, epochs + 1):
        rates = _rates(plan.schedule, base, epoch, epochs, -(-len(data.x) // batch_size))
        try:
            batches = _batches(data, batch_size, plan.shuffle, rng)
            figures = descent.epoch(batches, rates)
            descent.check("a parameter", network.params)
            figures |= recorder.figures(descent.gradient)
            descent.check("validation loss", [figures.get("validation_loss", 0)])
        except Diverged as event:
            _report_divergence(history, event, epoch, optimizer, watch)
            break
        figures["learning_rate"] = optimizer.learning_rate
        figures["seconds"] = time.perf_counter() - began
        history._record(figures)
        if plan.schedule is not None:
            plan.schedule.observe(figures["loss"], figures.get("validation_loss"))
        _show_progress(reports.progress, f"epoch {epoch}/{epochs}", figures)

        reason = watch.reason_to_stop(figures, epoch, descent.gradient, network.params)
        wishes = [callback(network, history) for callback in reports.callbacks]
        history.stop_reason = reason or ("callback" if any(wishes) else "")
        if history.stop_reason:
            break
    else:
        history.stop_reason = "epochs"

    optimizer.learning_rate = base
    if watch.best_params is not None:
        network.params = watch.best_params
    return history


def _class_weights(class_weight: Any, loss: str, data: Data) -> Row:
    """Weights of the rows times those of their classes, in the shares that y has of each class."""
    loss = loss.partition("(")[0]
    shares = data.y
    if loss == "binary_cross_entropy" and len(shares[0]) == 1:
        shares = [[1 - y, y] for (y,) in shares]
    elif loss not in ("cross_entropy", "kl_divergence"):
        raise ValueError(f"class_weight must come with a loss of classes, got loss {loss!r}")
    n_classes = len(shares[0])
    counts = [add_up(row[j] for row in shares) for j in range(n_classes)]
    if class_weight == "balanced":
        weights = [len(shares) / (n_classes * n) if n else 0 for n in counts]
    elif isinstance(class_weight, dict):
        weights = [class_weight.get(j, 1) for j in range(n_classes)]
    else:
        weights = list(class_weight)
    return [
        w_r * add_up(share * w_j for share, w_j in zip(row, weights, strict=True))
        for w_r, row in zip(data.weight, shares, strict=True)
    ]


def _rates(
    schedule: Schedule | None, base: Number, epoch: int, epochs: int, n: int
) -> Callable[[int], Number] | None:
    """Return the learning rate as a function of the step within an epoch; epochs count from 1."""
    if schedule is None:
        return None
    return lambda step: base * schedule.factor((epoch - 1) * n + step, n, epochs * n)


def _order(n_rows: int, shuffle: Shuffle, rng: random.Random) -> list[int]:
    """Return the order of an epoch's rows: any, or of blocks and within each, or as they lie."""
    if callable(shuffle):
        return shuffle()
    if shuffle in (False, "none"):
        return list(range(n_rows))
    if shuffle in (True, "rows"):
        return rng.sample(range(n_rows), n_rows)
    if shuffle != "blocks":
        raise ValueError(f"shuffle must be 'rows', 'blocks' or 'none', got {shuffle!r}")
    blocks = [range(n_rows)[start : start + BLOCK] for start in range(0, n_rows, BLOCK)]
    rng.shuffle(blocks)
    return [row for block in blocks for row in rng.sample(block, len(block))]


def _batches(data: Data, batch_size: int, shuffle: Shuffle, rng: random.Random) -> Iterator[Data]:
    order = _order(len(data.x), shuffle, rng)
    for start in range(0, len(order), batch_size):
        yield data.rows(order[start : start + batch_size])


def _split(
    network: Network, data: Data, plan: Plan, rng: random.Random
) -> tuple[Data, Data | None]:
    """Rows to train with and rows to hold out."""
    validation = plan.validation
    if validation is None:
        return data, None
    if isinstance(validation, tuple | list):
        if len(validation) != 2:
            raise ValueError(f"validation must be (x, y), got {len(validation)} items")
        return data, network._raw(validation[0], validation[1], None)
    n_rows = len(data.x)
    fraction = checks.bounded("validation", validation, below=1)
    n_held_out = round(fraction * n_rows)
    if not 0 < n_held_out < n_rows:
        raise ValueError(
            f"validation must leave at least 1 row on each side of {n_rows}, got {validation}"
        )
    order = list(range(n_rows))
    if plan.shuffle not in (False, "none"):
        rng.shuffle(order)
    train, held_out = data.rows(order[:-n_held_out]), data.rows(order[-n_held_out:])
    if not any(train.weight) or not any(held_out.weight):
        raise ValueError("sample_weight must have a sum above 0 on both sides of validation")
    return train, held_out


def _standardized(network: Network, data: Data, held_out: Data | None) -> tuple[Data, Data | None]:
    """Fit what makes rows ready to those that are trained on, if it is new, and make all ready."""
    for side, rows in ((network.inputs, data.x), (network.targets, data.y)):
        if side is not None and not side.is_fitted:
            side.fit(rows)
    ready = None if held_out is None else network._standardized(held_out)
    return network._standardized(data), ready


def _report_divergence(
    history: History, event: Diverged, epoch: int, optimizer: Optimizer, watch: Watch
) -> None:
    what, step = event.args
    place = "last finite step" if watch.best_params is None else "best epoch"
    history.stop_reason = "diverged"
    history.message = (
        f"{what} at epoch {epoch}, step {step} "
        f"(learning_rate {optimizer.learning_rate}); parameters are back at the {place}"
    )
    # Four calls up from here is the line that called Network.fit.
    warnings.warn(history.message, RuntimeWarning, stacklevel=4)


def _show_progress(progress: bool | None, epoch: str, figures: dict[str, Number]) -> None:
    if sys.stderr.isatty() if progress is None else progress:
        unshown = ("learning_rate", "gradient_norm", "seconds", "rows_per_second")
        shown = [
            f"{name} {float(real(value)):.6g}"
            for name, value in figures.items()
            if name not in unshown
        ]
        words = [epoch, *shown, f"{figures['seconds']:.2f} s"]
        print("  ".join(words), file=sys.stderr, flush=True)
