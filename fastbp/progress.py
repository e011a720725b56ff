"""What a fit shows while it works: a bar in a terminal or notebook, or a line an epoch."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Protocol

from fastbp import checks

# Figures of the history that are not shown.
UNSHOWN = ("learning_rate", "gradient_norm", "seconds", "rows_per_second")


class Progress(Protocol):
    """What a fit tells of its progress."""

    def advance(self, steps: int) -> None:
        """Count steps that were taken."""

    def epoch(self, number: int, figures: Mapping[str, float]) -> None:
        """Note the end of an epoch."""

    def close(self) -> None:
        """Note the end of the fit."""


class Lines:
    """A line an epoch on standard error."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def advance(self, steps: int) -> None:
        """Show nothing within an epoch."""

    def epoch(self, number: int, figures: Mapping[str, float]) -> None:
        """Print the epoch's figures."""
        shown = [f"{name} {value:.6g}" for name, value in figures.items() if name not in UNSHOWN]
        words = [f"epoch {number}/{self.epochs}", *shown, f"{figures['seconds']:.2f} s"]
        print("  ".join(words), file=sys.stderr, flush=True)

    def close(self) -> None:
        """Leave the lines as they are."""


class Bar:
    """A bar over all steps of the fit, by tqdm; the last epoch's figures stand beside it."""

    def __init__(self, bar: Any, epochs: int) -> None:
        self.bar = bar
        self.epochs = epochs
        self.bar.set_description(f"epoch 1/{epochs}", refresh=False)

    def advance(self, steps: int) -> None:
        """Move on."""
        self.bar.update(steps)

    def epoch(self, number: int, figures: Mapping[str, float]) -> None:
        """Show the epoch's figures and the next one's number."""
        shown = {name: f"{value:.4g}" for name, value in figures.items() if name not in UNSHOWN}
        self.bar.set_description(f"epoch {min(number + 1, self.epochs)}/{self.epochs}", False)
        self.bar.set_postfix(shown, refresh=False)

    def close(self) -> None:
        """Draw it for the last time."""
        self.bar.close()


def in_notebook() -> bool:
    """Whether the code runs in a notebook's kernel."""
    return "ipykernel" in sys.modules


def bar_class() -> Any:
    """Return tqdm's bar for where the output goes; None where tqdm is not installed."""
    try:
        if in_notebook():
            from tqdm.autonotebook import tqdm  # type: ignore[import-untyped,unused-ignore]
        else:
            from tqdm import tqdm  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        return None
    return tqdm


def shown(wanted: bool | None, epochs: int, done: int, steps: int | None) -> Progress | None:
    """Return what shows the progress of a fit.

    Parameters
    ----------
    wanted : bool or None
        False: nothing. None: something where standard error is a terminal, or in a notebook.
        There it is a bar if tqdm is installed, elsewhere and otherwise a line an epoch.
    epochs, done : int
        Epochs of the fit, and steps that are behind it.
    steps : int or None
        Steps an epoch, where that is known.
    """
    if wanted is not None and not checks.flag("progress", wanted):
        return None
    interactive = in_notebook() or sys.stderr.isatty()
    if wanted is None and not interactive:
        return None
    tqdm = bar_class() if interactive else None
    if tqdm is None:
        return Lines(epochs)
    total = None if steps is None else steps * epochs
    return Bar(tqdm(total=total, initial=done, unit="step", dynamic_ncols=True), epochs)
