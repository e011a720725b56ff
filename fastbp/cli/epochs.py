"""The table of a training: a row an epoch, or fewer where that would be too many for a terminal."""

from __future__ import annotations

import importlib
import importlib.util
import sys

import fastbp as fb

# Recorded figures that are shown, and what they are called.
TITLES = {
    "loss": "loss",
    "validation_loss": "validation loss",
    "validation_accuracy": "accuracy",
    "validation_r2": "R2",
}
# Those that are shares have digits behind the point, the others digits that count.
SHARES = ("accuracy", "R2")


def shows_bar() -> bool:
    """Return whether a fit shows a progress bar: in a terminal, where tqdm is installed."""
    return bool(sys.stderr.isatty()) and importlib.util.find_spec("tqdm") is not None


def is_shown(epoch: int, every: int | None, in_terminal: bool) -> bool:
    """Return whether an epoch has a row: each, or in a terminal about two digits of its number.

    Parameters
    ----------
    epoch : int
        The epoch, from 1.
    every : int or None
        Epochs from one row to the next; None: as many as fit.
    in_terminal : bool
        Whether the table goes to a terminal.
    """
    if every is not None:
        return epoch == 1 or epoch % every == 0
    if epoch <= 10 or not in_terminal:
        return True
    # Every fifth to 100, every 50th to 1000.
    step: int = 5 * 10 ** (len(str(epoch)) - 2)
    return epoch % step == 0


class EpochTable(fb.Callback):
    """Prints rows of aligned figures.

    Parameters
    ----------
    epochs : int
        The most epochs there will be.
    every : int or None
        Epochs from one row to the next; None: each, in a terminal fewer in a long fit.
    """

    def __init__(self, epochs: int, every: int | None = None) -> None:
        self.every = every
        self.width = max(5, len(str(epochs)))
        self.in_terminal = sys.stdout.isatty()
        self.last = 0

    def after_epoch(self, training: fb.Training) -> None:
        """Print the epoch's row, if it has one."""
        if training.epoch == 1:
            self._print(self._head(training.history))
        if is_shown(training.epoch, self.every, self.in_terminal):
            self._row(training)

    def end(self, training: fb.Training) -> None:
        """Print the row of the last epoch."""
        if training.epoch > self.last:
            self._row(training)

    def _head(self, history: fb.History) -> str:
        figures = history.columns()
        names = [f"{title:>{cell(title)}}" for key, title in TITLES.items() if key in figures]
        return "  ".join([f"{'epoch':{self.width}}", *names, "    time"])

    def _row(self, training: fb.Training) -> None:
        history = training.history
        self.last = training.epoch
        last = history.last()
        figures = [
            format(last[key], f">{cell(title)}.4f" if title in SHARES else f">#{cell(title)}.4g")
            for key, title in TITLES.items()
            if key in last
        ]
        time = f"{last['seconds']:>6.2f} s"
        self._print("  ".join([f"{training.epoch:>{self.width}}", *figures, time]))

    def _print(self, line: str) -> None:
        """Print a line, above a bar where there is one."""
        if shows_bar():
            importlib.import_module("tqdm").tqdm.write(line, file=sys.stdout)
        else:
            print(line, flush=True)


def cell(title: str) -> int:
    """Return the width of a column."""
    return max(9, len(title))
