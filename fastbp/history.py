"""What a fit reports."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class History:
    """The record of a fit, one item an epoch.

    Attributes
    ----------
    loss : list of float
        Mean training loss over the epoch's rows, each batch's taken before its update.
    validation_loss : list of float
        Mean loss over the validation rows after the epoch; empty without validation.
    metrics : dict of str to list of float
        The metrics that were asked for: "accuracy" over the training rows after the epoch,
        "validation_accuracy" over the validation rows.
    learning_rate : list of float
        The optimizer's learning rate in the epoch's last step.
    gradient_norm : list of float
        2-norm of the gradient of the epoch's last batch; empty unless it was asked for, as a metric
        or by a rule that stops.
    seconds : list of float
        Time from the start of the fit to the end of the epoch, in seconds.
    rows_per_second : list of float
        Rows of the epoch by the time that its steps took.
    stop_reason : str
        Why it ended: epochs, loss, validation_loss, seconds, patience, gradient_norm, callback or
        diverged.
    message : str
        For diverged: the epoch, the step within it (both from 1) and the learning rate; else empty.

    Examples
    --------
    >>> import fastbp as fb
    >>> net = fb.mlp([1, 1])
    >>> history = net.fit([[1.0], [2.0]], [1.0, 2.0], epochs=3, metrics="r2")
    >>> len(history.loss), len(history["r2"]), history.stop_reason
    (3, 3, 'epochs')
    """

    def __init__(self) -> None:
        self.loss: list[float] = []
        self.validation_loss: list[float] = []
        self.metrics: dict[str, list[float]] = {}
        self.learning_rate: list[float] = []
        self.gradient_norm: list[float] = []
        self.seconds: list[float] = []
        self.rows_per_second: list[float] = []
        self.stop_reason = ""
        self.message = ""

    def columns(self) -> dict[str, list[float]]:
        """Return every recorded list by its name.

        Examples
        --------
        >>> import fastbp as fb
        >>> history = fb.mlp([1, 1]).fit([[1.0], [2.0]], [1.0, 2.0], epochs=3)
        >>> list(history.columns())
        ['loss', 'learning_rate', 'seconds', 'rows_per_second']
        """
        columns = {
            "loss": self.loss,
            "validation_loss": self.validation_loss,
            **self.metrics,
            "learning_rate": self.learning_rate,
            "gradient_norm": self.gradient_norm,
            "seconds": self.seconds,
            "rows_per_second": self.rows_per_second,
        }
        return {name: values for name, values in columns.items() if values}

    def last(self) -> dict[str, float]:
        """Return the figures of the last epoch by their names.

        Examples
        --------
        >>> import fastbp as fb
        >>> history = fb.mlp([1, 1]).fit([[1.0], [2.0]], [1.0, 2.0], epochs=3)
        >>> history.last()["loss"] == history.loss[2]
        True
        """
        return {name: values[-1] for name, values in self.columns().items()}

    def plot(
        self,
        names: Iterable[str] | str | None = None,
        *,
        best: int | bool | None = None,
        log: bool | None = None,
        ax: Axes | None = None,
    ) -> Axes:
        """Draw the learning curves; `fastbp.plot.history` tells of the arguments.

        Parameters
        ----------
        names, best, log, ax
            As for `fastbp.plot.history`.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        TypeError, ValueError, ImportError
            As for `fastbp.plot.history`.

        Examples
        --------
        >>> import fastbp as fb
        >>> from matplotlib.figure import Figure
        >>> history = fb.mlp([1, 1]).fit([[1.0], [2.0]], [1.0, 2.0], epochs=5)
        >>> history.plot(ax=Figure().add_subplot()).get_ylabel()
        'loss'
        """
        drawn: Axes = importlib.import_module("fastbp.plot").history(
            self, names, best=best, log=log, ax=ax
        )
        return drawn

    def __getitem__(self, name: str) -> list[float]:
        columns = self.columns()
        if name not in columns:
            raise KeyError(f"history has {', '.join(columns)}, got {name!r}")
        return columns[name]

    def __repr__(self) -> str:
        last = f", loss {self.loss[-1]:.6g}" if self.loss else ""
        if self.validation_loss:
            last += f", validation_loss {self.validation_loss[-1]:.6g}"
        return f"<History: {len(self.loss)} epochs{last}, stop_reason {self.stop_reason!r}>"
