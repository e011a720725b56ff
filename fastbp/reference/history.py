"""What is left of a training run besides the parameters."""

from .scalars import Number


class History:
    """What happened in a fit.

    Attributes
    ----------
    loss : list, one item an epoch
        Mean over the epoch's rows of the loss each batch had before its update.
    validation_loss : list, one item an epoch
        After the epoch; empty without validation.
    metrics : dict of lists, one item an epoch
        What was asked for: "accuracy" of the training rows, "validation_accuracy" of the others.
    learning_rate : list, one item an epoch
        In the epoch's last step.
    gradient_norm : list, one item an epoch
        Of the epoch's last batch; empty unless it was asked for.
    seconds : list, one item an epoch
        Since fit began.
    rows_per_second : list, one item an epoch
    stop_reason : str
        "epochs", "loss", "validation_loss", "seconds", "patience", "gradient_norm", "callback" or
        "diverged".
    message : str
        Where the loss ceased to be finite, "" otherwise.

    Examples
    --------
    >>> from fastbp import reference
    >>> history = reference.mlp([1, 1]).fit([[1.0], [2.0]], [1.0, 2.0], epochs=3)
    >>> len(history.loss), history.stop_reason
    (3, 'epochs')
    """

    def __init__(self) -> None:
        self.loss: list[Number] = []
        self.validation_loss: list[Number] = []
        self.metrics: dict[str, list[Number]] = {}
        self.learning_rate: list[Number] = []
        self.gradient_norm: list[Number] = []
        self.seconds: list[float] = []
        self.rows_per_second: list[float] = []
        self.stop_reason = ""
        self.message = ""

    def columns(self) -> dict[str, list[Number]]:
        """Return every recorded list by its name."""
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

    def last(self) -> dict[str, Number]:
        """Return the figures of the last epoch by their names."""
        return {name: values[-1] for name, values in self.columns().items()}

    def __getitem__(self, name: str) -> list[Number]:
        """Return a list by its name."""
        return self.columns()[name]

    def _record(self, figures: dict[str, Number]) -> None:
        for name, value in figures.items():
            own = name not in ("metrics", "stop_reason", "message") and name in vars(self)
            (vars(self) if own else self.metrics).setdefault(name, []).append(value)

    def __repr__(self) -> str:
        """Show how far training went and why it ended."""
        return f"History(epochs={len(self.loss)}, stop_reason={self.stop_reason!r})"
