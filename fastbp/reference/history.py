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
    seconds : list, one item an epoch
        Since fit began.
    stop_reason : str
        "epochs", "loss", "seconds", "patience", "gradient_norm", "callback" or "diverged".
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
        self.learning_rate: list[Number] = []
        self.seconds: list[float] = []
        self.stop_reason = ""
        self.message = ""

    def __repr__(self) -> str:
        """Show how far training went and why it ended."""
        return f"History(epochs={len(self.loss)}, stop_reason={self.stop_reason!r})"
