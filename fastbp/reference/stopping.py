"""When to stop training before the epochs are used up."""

from dataclasses import dataclass

from . import checks
from .scalars import Number, Row, add_up, real

MONITORS = ("loss", "validation_loss")


@dataclass(frozen=True)
class Stop:
    """Conditions looked at after each epoch; the first that holds ends training.

    Parameters
    ----------
    loss : number or None
        Stop when the training loss of the epoch is <= loss.
    seconds : number or None
        Stop when so much time has passed since fit began.
    patience : int or None
        Stop after so many epochs in a row without the monitored value getting better than its best
        by more than min_delta.
    min_delta : number
    gradient_norm : number or None
        Stop when the 2-norm of the gradient of the epoch's last batch is <= gradient_norm.
    monitor : str or None
        A figure of the history; None is "validation_loss" where there is validation, otherwise
        "loss".
    restore_best : bool
        At the end put back the parameters of the epoch with the best monitored value.
    validation_loss : number or None
        Stop when the validation loss is <= validation_loss.
    epochs : int or None
        Stop after so many epochs.
    mode : {"min", "max"} or None
        Whether small or large monitored values are better; None is "max" for accuracy and r2.

    Examples
    --------
    >>> Stop(loss=1e-6, seconds=10).patience is None
    True
    """

    loss: Number = None
    seconds: Number = None
    patience: int | None = None
    min_delta: Number = 0.0
    gradient_norm: Number = None
    monitor: str | None = None
    restore_best: bool = False
    validation_loss: Number = None
    epochs: int | None = None
    mode: str | None = None

    def __post_init__(self) -> None:
        """Refuse values that cannot be meant."""
        for name in ("loss", "validation_loss"):
            if getattr(self, name) is not None:
                checks.finite_number(name, getattr(self, name))
        for name in ("seconds", "min_delta", "gradient_norm"):
            if getattr(self, name) is not None:
                checks.bounded(name, getattr(self, name))
        if self.seconds == 0:
            raise ValueError(f"seconds must be above 0, got {self.seconds}")
        if self.patience is not None:
            checks.count("patience", self.patience)
        if not isinstance(self.monitor, str | None):
            raise TypeError(f"monitor must be a string or None, got {self.monitor!r}")
        if self.mode is not None:
            checks.one_of("mode", self.mode, ("min", "max"))
        if self.epochs is not None:
            checks.count("epochs", self.epochs)


class Watch:
    """What a Stop has to remember from epoch to epoch.

    Attributes
    ----------
    best_params : list or None
        Parameters at the end of the best epoch, kept only for restore_best.
    """

    def __init__(self, stop: Stop, recorded: list[str]) -> None:
        self._stop = stop
        self._monitor = stop.monitor or MONITORS["validation_loss" in recorded]
        if self._monitor not in recorded:
            raise ValueError(
                f"monitor must be one of {', '.join(map(repr, recorded))}, got {self._monitor!r}"
            )
        if stop.validation_loss is not None and "validation_loss" not in recorded:
            raise ValueError("validation_loss must come with validation, got None")
        self._larger = stop.mode == "max" or (
            stop.mode is None and self._monitor.endswith(("accuracy", "r2"))
        )
        self._best: Number = None
        self._reference: Number = None
        self._epochs_without_progress = 0
        self.best_params: Row | None = None

    def reason_to_stop(
        self, figures: dict[str, Number], epochs: int, gradient: Row, params: Row
    ) -> str:
        """Look at the epoch that has just ended; "" means go on.

        Parameters
        ----------
        figures : dict
            Of the epoch: its losses, metrics and seconds.
        epochs : int
            Taken so far.
        gradient : list
            Of the epoch's last batch.
        params : list
            At the end of the epoch.
        """
        value = real(figures[self._monitor])
        self._follow(-value if self._larger else value, params)
        stop = self._stop
        for name in ("loss", "validation_loss"):
            limit = getattr(stop, name)
            if limit is not None and real(figures[name]) <= limit:
                return name
        if stop.gradient_norm is not None:
            # Squares are compared so that numbers without a square root will do.
            square = real(add_up(g * g for g in gradient))
            if square <= stop.gradient_norm * stop.gradient_norm:
                return "gradient_norm"
        if stop.patience is not None and self._epochs_without_progress >= stop.patience:
            return "patience"
        if stop.epochs is not None and epochs >= stop.epochs:
            return "epochs"
        if stop.seconds is not None and figures["seconds"] >= stop.seconds:
            return "seconds"
        return ""

    def _follow(self, value: Number, params: Row) -> None:
        # Patience counts from the last real gain, so many small ones together make one.
        min_delta = type(value)(self._stop.min_delta)
        if self._reference is None or value < self._reference - min_delta:
            self._reference = value
            self._epochs_without_progress = 0
        else:
            self._epochs_without_progress += 1
        if self._best is None or value < self._best:
            self._best = value
            if self._stop.restore_best:
                self.best_params = params
