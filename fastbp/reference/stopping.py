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
        Stop after so many epochs in a row without the monitored value falling by more than
        min_delta below its best.
    min_delta : number
    gradient_norm : number or None
        Stop when the 2-norm of the gradient of the epoch's last batch is <= gradient_norm.
    monitor : {"loss", "validation_loss"} or None
        None is "validation_loss" where there is validation, otherwise "loss".
    restore_best : bool
        At the end put back the parameters of the epoch with the lowest monitored value.

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

    def __post_init__(self) -> None:
        """Refuse values that cannot be meant."""
        if self.loss is not None:
            checks.finite_number("loss", self.loss)
        for name in ("seconds", "min_delta", "gradient_norm"):
            if getattr(self, name) is not None:
                checks.bounded(name, getattr(self, name))
        if self.seconds == 0:
            raise ValueError(f"seconds must be above 0, got {self.seconds}")
        if self.patience is not None:
            checks.count("patience", self.patience)
        if self.monitor is not None:
            checks.one_of("monitor", self.monitor, MONITORS)


class Watch:
    """What a Stop has to remember from epoch to epoch.

    Attributes
    ----------
    best_params : list or None
        Parameters at the end of the best epoch, kept only for restore_best.
    """

    def __init__(self, stop: Stop | None, has_validation: bool) -> None:
        if not isinstance(stop, Stop | None):
            raise TypeError(f"stop must be a Stop or None, got {stop!r}")
        self._stop = stop or Stop()
        self._monitor = self._stop.monitor or MONITORS[has_validation]
        if self._monitor == "validation_loss" and not has_validation:
            raise ValueError("monitor must be 'loss' without validation, got 'validation_loss'")
        self._lowest: Number = None
        self._reference: Number = None
        self._epochs_without_progress = 0
        self.best_params: Row | None = None

    def reason_to_stop(
        self, losses: dict[str, Number], seconds: float, gradient: Row, params: Row
    ) -> str:
        """Look at the epoch that has just ended; "" means go on.

        Parameters
        ----------
        losses : dict
            The epoch's "loss" and, where there is validation, "validation_loss".
        seconds : float
            Since fit began.
        gradient : list
            Of the epoch's last batch.
        params : list
            At the end of the epoch.
        """
        self._follow(real(losses[self._monitor]), params)
        stop = self._stop
        if stop.loss is not None and real(losses["loss"]) <= stop.loss:
            return "loss"
        if stop.gradient_norm is not None:
            # Squares are compared so that numbers without a square root will do.
            square = real(add_up(g * g for g in gradient))
            if square <= stop.gradient_norm * stop.gradient_norm:
                return "gradient_norm"
        if stop.patience is not None and self._epochs_without_progress >= stop.patience:
            return "patience"
        if stop.seconds is not None and seconds >= stop.seconds:
            return "seconds"
        return ""

    def _follow(self, value: Number, params: Row) -> None:
        # Patience counts from the last real fall, so many small ones together make one.
        min_delta = type(value)(self._stop.min_delta)
        if self._reference is None or value < self._reference - min_delta:
            self._reference = value
            self._epochs_without_progress = 0
        else:
            self._epochs_without_progress += 1
        if self._lowest is None or value < self._lowest:
            self._lowest = value
            if self._stop.restore_best:
                self.best_params = params
