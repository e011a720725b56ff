"""What the command line prints: a line an epoch, and how good the model is on held-out rows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastbp as fb
from fastbp.cli.encoding import ClassTarget, NumberTarget

STOP_REASONS = {
    "epochs": "all --epochs are done",
    "loss": "the training loss is down to --stop-loss",
    "patience": "no lower loss for --patience epochs",
    "seconds": "--max-seconds are over",
}


@dataclass(frozen=True)
class Part:
    """Some of a table's rows as the network takes them.

    Attributes
    ----------
    x : ndarray, shape (n_rows, n_columns)
        Inputs.
    y : ndarray, shape (n_rows,)
        Labels (int64), or the standardised target.
    """

    x: NDArray[np.floating]
    y: NDArray[Any]


def epoch_printer(
    epochs: int, target: ClassTarget | NumberTarget, validation: Part | None
) -> Callable[[fb.Network, fb.History], None]:
    """Return a callback for `Network.fit` that prints one line an epoch.

    Parameters
    ----------
    epochs : int
        The most epochs there will be.
    target : ClassTarget or NumberTarget
        What the outputs mean.
    validation : Part or None
        The validation rows.

    Returns
    -------
    callable
        ``callback(network, history)``, which never asks to stop.
    """
    width = len(str(epochs))

    def print_epoch(network: fb.Network, history: fb.History) -> None:
        words = [f"epoch {len(history.loss):{width}}/{epochs}  loss {history.loss[-1]:.4g}"]
        if validation is not None:
            words.append(f"validation loss {history.validation_loss[-1]:.4g}")
            words.append(f"{figures(network, target, validation)}")
        words.append(f"{history.seconds[-1]:.2f} s")
        print("  ".join(words), flush=True)

    return print_epoch


def stop_line(history: fb.History) -> str:
    """Return why training ended and, with validation rows, whose epoch's parameters were kept."""
    reason = STOP_REASONS.get(history.stop_reason, history.stop_reason)
    line = f"stopped after {len(history.loss)} whole epochs: {reason}"
    if not history.validation_loss:
        return line
    best = int(np.argmin(history.validation_loss)) + 1
    return f"{line}; kept the parameters of epoch {best}"


def figures(network: fb.Network, target: ClassTarget | NumberTarget, part: Part) -> str:
    """Return how well a network predicts some rows.

    Parameters
    ----------
    network : Network
        The network.
    target : ClassTarget or NumberTarget
        What its outputs mean.
    part : Part
        Rows with their targets.

    Returns
    -------
    str
        The accuracy, or R2 and the mean absolute error in the target's unit.
    """
    outputs = network.predict(part.x)
    if isinstance(target, ClassTarget):
        return f"accuracy {accuracy(outputs, part.y):.4f}"
    predicted = target.scaling.undo(outputs)[:, 0]
    actual = target.scaling.undo(part.y[:, np.newaxis])[:, 0]
    error = float(np.abs(predicted - actual).mean())
    return f"R2 {r_squared(predicted, actual):.4f}  mean absolute error {error:.4g}"


def accuracy(outputs: NDArray[np.floating], labels: NDArray[np.int64]) -> float:
    """Return the part of the rows whose largest output is the one of their label."""
    return float((outputs.argmax(axis=1) == labels).mean())


def r_squared(predicted: NDArray[np.float64], actual: NDArray[np.float64]) -> float:
    """Return ``1 - sum (predicted - actual)^2 / sum (actual - mean)^2``; nan if all are equal."""
    spread = float(((actual - actual.mean()) ** 2).sum())
    return 1 - float(((predicted - actual) ** 2).sum()) / spread if spread > 0 else float("nan")
