"""What an epoch is recorded by: its losses, and the metrics of its training and validation rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from fastbp import maps
from fastbp.callbacks import Callback, Training
from fastbp.checks import Array
from fastbp.history import History
from fastbp.metrics import GRADIENT_NORM, Metrics
from fastbp.rows import Rows
from fastbp.sources import Stored, Stream

if TYPE_CHECKING:
    from fastbp._engine import Engine
    from fastbp._team import Team


class Passing(Protocol):
    """What a record needs of a network."""

    def validation_loss(self, rows: Rows, team: Team | None) -> float:
        """Return the mean loss over checked rows, by a team or alone."""

    def outputs(self, x: Array, team: Team | None) -> Array:
        """Return the outputs of checked rows, by a team or alone."""


class Recorder:
    """Takes the figures of each epoch and writes them to the history."""

    def __init__(
        self,
        network: Passing,
        source: Stored | Stream,
        validation: Rows | None,
        metrics: Metrics,
        history: History,
        callbacks: tuple[Callback, ...] = (),
    ) -> None:
        self.network = network
        self.source = source
        self.validation = validation
        self.metrics = metrics
        self.history = history
        self.telling = [one for one in callbacks if type(one).figures is not Callback.figures]
        self.lists = {
            "loss": history.loss,
            "validation_loss": history.validation_loss,
            "learning_rate": history.learning_rate,
            GRADIENT_NORM: history.gradient_norm,
            "seconds": history.seconds,
            "rows_per_second": history.rows_per_second,
        }

    def figures(self, loss: float, engine: Engine) -> dict[str, float]:
        """Return the losses and metrics of an epoch, by their names in the history."""
        figures, metrics = {"loss": loss}, self.metrics
        if metrics.columns and metrics.wants(of_validation=False):
            figures |= metrics.of(*self._trained(engine.team), of_validation=False)
        if self.validation is not None:
            figures["validation_loss"] = self.network.validation_loss(self.validation, engine.team)
            if metrics.wants(of_validation=True):
                outputs = self.network.outputs(self.validation.x, engine.team)
                figures |= metrics.of(self.validation, outputs, of_validation=True)
        if metrics.gradient_norm:
            figures[GRADIENT_NORM] = engine.gradient_norm()
        return figures

    def record(self, figures: dict[str, float], training: Training) -> None:
        """Append an epoch's figures, and those that callbacks have of it, to the history."""
        lists = self.lists
        for callback in self.telling:
            figures = figures | told_by(callback, training)
        for name, value in figures.items():
            if name not in lists:
                lists[name] = self.history.metrics.setdefault(name, [])
            lists[name].append(value)

    def _trained(self, team: Team | None) -> tuple[Rows, Array]:
        """Return the targets of the rows that are trained on, and the outputs."""
        assert isinstance(self.source, Stored), "a stream has no metrics of its own rows"
        rows, index = self.source.rows, self.source.index
        outputs = self.network.outputs(rows.x, team)
        if index is None:
            return rows, outputs
        return rows._replace(x=rows.x[:, :0]).take(index), maps.take(outputs, index)


def told_by(callback: Callback, training: Training) -> dict[str, float]:
    """Return what a callback has of an epoch, if that is what it said."""
    names, found = callback.column_names(training.network), callback.figures(training)
    if set(names) != found.keys():
        raise ValueError(
            f"figures of {type(callback).__name__} must be those of column_names, "
            f"{', '.join(names)}, got {', '.join(found)}"
        )
    return {name: float(found[name]) for name in names}
