"""What a fit reports, and when it stops."""

from __future__ import annotations

import math

from fastbp import checks

MONITORS = ("loss", "validation_loss")


class History:
    """The record of a fit, one item an epoch.

    Attributes
    ----------
    loss : list of float
        Mean training loss over the epoch's rows, each batch's taken before its update.
    validation_loss : list of float
        Mean loss over the validation rows after the epoch; empty without validation.
    learning_rate : list of float
        The optimizer's learning rate in the epoch's last step.
    seconds : list of float
        Time from the start of the fit to the end of the epoch, in seconds.
    stop_reason : str
        Why it ended: epochs, loss, seconds, patience, gradient_norm, callback or diverged.
    message : str
        For diverged: the epoch, the step within it (both from 1) and the learning rate; else empty.

    Examples
    --------
    >>> import fastbp as fb
    >>> history = fb.mlp([1, 1]).fit([[1.0], [2.0]], [1.0, 2.0], epochs=3)
    >>> len(history.loss), history.stop_reason
    (3, 'epochs')
    """

    def __init__(self) -> None:
        self.loss: list[float] = []
        self.validation_loss: list[float] = []
        self.learning_rate: list[float] = []
        self.seconds: list[float] = []
        self.stop_reason = ""
        self.message = ""

    def __repr__(self) -> str:
        last = f", loss {self.loss[-1]:.6g}" if self.loss else ""
        if self.validation_loss:
            last += f", validation_loss {self.validation_loss[-1]:.6g}"
        return f"<History: {len(self.loss)} epochs{last}, stop_reason {self.stop_reason!r}>"


class Stop:
    """When to end a fit before its last epoch; looked at after each epoch.

    Parameters
    ----------
    loss : float, optional
        Stop once the epoch's training loss is at most this.
    seconds : float, optional
        Stop once the fit has taken this long, above 0; also looked at within an epoch.
    patience : int, optional
        Stop after this many epochs in a row, at least 1, without the monitored loss falling by more
        than `min_delta` below its best.
    min_delta : float
        What counts as a fall, at least 0.
    gradient_norm : float, optional
        Stop once the 2-norm of the last batch's gradient is at most this.
    monitor : str, optional
        "loss" or "validation_loss"; None takes the validation loss where there is one.
    restore_best : bool
        Whether the parameters with the best monitored loss are put back at the end.

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
    ) -> None:
        self.loss = None if loss is None else checks.number("loss", loss)
        self.seconds = None if seconds is None else checks.number("seconds", seconds, 0, above=True)
        self.patience = None if patience is None else checks.integer("patience", patience, 1)
        self.min_delta = checks.number("min_delta", min_delta, 0)
        self.gradient_norm = (
            None if gradient_norm is None else checks.number("gradient_norm", gradient_norm, 0)
        )
        self.monitor = None if monitor is None else checks.choice("monitor", monitor, MONITORS)
        self.restore_best = checks.flag("restore_best", restore_best)

    def __repr__(self) -> str:
        given = [
            f"{name}={value!r}" for name, value in vars(self).items() if value not in (None, False)
        ]
        return f"Stop({', '.join(item for item in given if item != 'min_delta=0.0')})"


class Watch:
    """A Stop at work: the lowest monitored loss and the epochs since it last fell."""

    def __init__(self, stop: Stop, has_validation: bool) -> None:
        self.stop = stop
        self.monitor = stop.monitor or ("validation_loss" if has_validation else "loss")
        if self.monitor == "validation_loss" and not has_validation:
            raise ValueError(
                "monitor must be 'loss' in a fit without validation, got 'validation_loss'"
            )
        self.lowest = math.inf
        self.reference = math.inf
        self.waited = 0

    def look(self, history: History, gradient_norm: float) -> tuple[str, bool]:
        """Return (stop reason or "", whether this epoch is the best so far)."""
        value = getattr(history, self.monitor)[-1]
        best = value < self.lowest
        self.lowest = min(value, self.lowest)
        fell = value < self.reference - self.stop.min_delta
        self.waited = 0 if fell else self.waited + 1
        if fell:
            self.reference = value
        reasons = {
            "loss": self.stop.loss is not None and history.loss[-1] <= self.stop.loss,
            "gradient_norm": self.stop.gradient_norm is not None
            and gradient_norm <= self.stop.gradient_norm,
            "patience": self.stop.patience is not None and self.waited >= self.stop.patience,
            "seconds": self.out_of_time(history.seconds[-1]),
        }
        return next((name for name, holds in reasons.items() if holds), ""), best

    def out_of_time(self, seconds: float) -> bool:
        """Whether the time limit is reached."""
        return self.stop.seconds is not None and seconds >= self.stop.seconds
