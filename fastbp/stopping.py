"""When a fit stops before its last epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping

from fastbp import checks

MODES = ("min", "max")
# Figures that end a fit once they are at most what a Stop says.
LIMITS = ("loss", "validation_loss", "gradient_norm")


class Stop:
    """When to end a fit before its last epoch; looked at after each epoch.

    Parameters
    ----------
    loss : float, optional
        Stop once the epoch's training loss is at most this.
    seconds : float, optional
        Stop once the fit has taken this long, above 0; also looked at within an epoch.
    patience : int, optional
        Stop after this many epochs in a row, at least 1, without the monitored figure getting
        better than its best by more than `min_delta`.
    min_delta : float
        What counts as better, at least 0.
    gradient_norm : float, optional
        Stop once the 2-norm of the last batch's gradient is at most this.
    monitor : str, optional
        A figure of the history: "loss", "validation_loss", "validation_accuracy" or another metric;
        None takes the validation loss where there is one, else the loss.
    restore_best : bool
        Whether the parameters with the best monitored figure are put back at the end.
    validation_loss : float, optional
        Stop once the validation loss is at most this.
    epochs : int, optional
        Stop after this many epochs, at least 1.
    mode : str, optional
        Whether the monitored figure is better the smaller ("min") or the larger it is ("max"); None
        knows it of accuracy and r2 (max), losses and norms (min).

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong type or out of range.

    Examples
    --------
    >>> import fastbp as fb
    >>> fb.Stop(loss=1e-6, seconds=60)
    Stop(loss=1e-06, seconds=60.0)
    """

    def __init__(
        self,
        loss: float | None = None,
        seconds: float | None = None,
        patience: int | None = None,
        min_delta: float = 0.0,
        gradient_norm: float | None = None,
        monitor: str | None = None,
        restore_best: bool = False,
        validation_loss: float | None = None,
        epochs: int | None = None,
        mode: str | None = None,
    ) -> None:
        self.loss = None if loss is None else checks.number("loss", loss)
        self.seconds = None if seconds is None else checks.number("seconds", seconds, 0, above=True)
        self.patience = None if patience is None else checks.integer("patience", patience, 1)
        self.min_delta = checks.number("min_delta", min_delta, 0)
        self.gradient_norm = (
            None if gradient_norm is None else checks.number("gradient_norm", gradient_norm, 0)
        )
        if not (monitor is None or isinstance(monitor, str)):
            raise TypeError(f"monitor must be a string, got {checks.described(monitor)}")
        self.monitor = monitor
        self.restore_best = checks.flag("restore_best", restore_best)
        self.validation_loss = (
            None if validation_loss is None else checks.number("validation_loss", validation_loss)
        )
        self.epochs = None if epochs is None else checks.integer("epochs", epochs, 1)
        self.mode = None if mode is None else checks.choice("mode", mode, MODES)

    def __repr__(self) -> str:
        given = [
            f"{name}={value!r}" for name, value in vars(self).items() if value not in (None, False)
        ]
        return f"Stop({', '.join(item for item in given if item != 'min_delta=0.0')})"


class Watch:
    """A Stop at work: the best monitored figure and the epochs since it last got better.

    Parameters
    ----------
    stop : Stop
        The rules.
    recorded : mapping of str to bool or None
        The figures of each epoch, and whether larger ones are better; None where nobody knows.
    """

    def __init__(self, stop: Stop, recorded: Mapping[str, bool | None]) -> None:
        self.stop = stop
        has_validation = "validation_loss" in recorded
        self.monitor = stop.monitor or ("validation_loss" if has_validation else "loss")
        if self.monitor not in recorded:
            listed = ", ".join(repr(name) for name in recorded)
            raise ValueError(
                f"monitor must be one of {listed} (validation= and metrics= record more), got "
                f"{self.monitor!r}"
            )
        if stop.validation_loss is not None and not has_validation:
            raise ValueError(
                "validation_loss of a Stop must come with validation rows, got validation None"
            )
        larger = recorded[self.monitor] if stop.mode is None else stop.mode == "max"
        if larger is None:
            raise ValueError(
                f"mode must be 'min' or 'max' to monitor {self.monitor!r}, a metric of your own, "
                "got None"
            )
        self.sign = -1 if larger else 1
        given = {name: getattr(stop, name) for name in LIMITS}
        self.limits = [(name, limit) for name, limit in given.items() if limit is not None]
        self.lowest = math.inf
        self.reference = math.inf
        self.waited = 0

    def look(self, figures: Mapping[str, float], epochs: int) -> tuple[str, bool]:
        """Return (stop reason or "", whether this epoch is the best so far).

        `figures` are the epoch's, among them its seconds; `epochs` have been taken.
        """
        stop, value = self.stop, self.sign * figures[self.monitor]
        best = value < self.lowest
        if best:
            self.lowest = value
        if value < self.reference - stop.min_delta:
            self.reference, self.waited = value, 0
        else:
            self.waited += 1
        for name, limit in self.limits:
            if figures[name] <= limit:
                return name, best
        if stop.patience is not None and self.waited >= stop.patience:
            return "patience", best
        if stop.epochs is not None and epochs >= stop.epochs:
            return "epochs", best
        return "seconds" if self.out_of_time(figures["seconds"]) else "", best

    def out_of_time(self, seconds: float) -> bool:
        """Whether the time limit is reached."""
        return self.stop.seconds is not None and seconds >= self.stop.seconds
