"""What a fit shows while it works: a bar in a terminal or notebook, or a line an epoch."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
import time
from collections.abc import Mapping
from typing import Any, Protocol

# Figures of the history that are not shown.
UNSHOWN = ("learning_rate", "gradient_norm", "seconds", "rows_per_second")
# Seconds between two drawings of a bar; texts are made for these alone.
DRAW_SECONDS = 0.1
# What a bar looks like, and what stands in its place while nobody knows how long the fit is.
KNOWN = "{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}, {rate_noinv_fmt}{postfix}"
UNKNOWN = "{desc}  {n} steps, {elapsed}, {rate_noinv_fmt}{postfix}"


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
    """A bar over all steps of the fit, by tqdm; the last epoch's figures stand beside it.

    Parameters
    ----------
    bar : tqdm
        Draws whenever it is updated.
    epochs, done : int
        Epochs of the fit, and whole ones that are behind it.
    guesses : bool
        Whether the steps of the fit are guessed from those of the epochs so far.
    """

    def __init__(self, bar: Any, epochs: int, done: int, guesses: bool) -> None:
        self.bar = bar
        self.epochs = epochs
        self.done = done
        self.guesses = guesses
        self.figures: Mapping[str, float] = {}
        self.undrawn = 0
        self.within = False
        self.due = time.perf_counter() + DRAW_SECONDS

    def advance(self, steps: int) -> None:
        """Move on."""
        self.undrawn += steps
        self.within = True
        if time.perf_counter() >= self.due:
            self._draw()
            self.due = time.perf_counter() + DRAW_SECONDS

    def epoch(self, number: int, figures: Mapping[str, float]) -> None:
        """Let the epoch's figures stand there from the next drawing on."""
        self.done, self.figures, self.within = number, figures, False
        if self.guesses:
            self.bar.total = round((self.bar.n + self.undrawn) / number * self.epochs)
            self.bar.bar_format = KNOWN

    def close(self) -> None:
        """Draw it for the last time."""
        self._draw()
        self.bar.close()

    def _draw(self) -> None:
        """Write the texts and draw; nothing is made ready in between."""
        shown = [
            f"{name.replace('validation_', 'val_')}={short(value)}"
            for name, value in self.figures.items()
            if name not in UNSHOWN
        ]
        if self.bar.total is not None:
            self.bar.total = max(self.bar.total, self.bar.n + self.undrawn)
        self.bar.set_description_str(title(self.done + self.within, self.epochs), refresh=False)
        self.bar.set_postfix_str(", ".join(shown), refresh=False)
        self.bar.update(self.undrawn)
        self.undrawn = 0


def title(number: int, epochs: int) -> str:
    """Return what stands before the bar in an epoch."""
    return f"epoch {max(1, number)}/{epochs}"


def short(value: float) -> str:
    """Return a figure in few characters, of usual ones in as many each time."""
    return f"{value:.4f}" if 0.01 <= abs(value) < 1000 else f"{value:.3g}"


def in_notebook() -> bool:
    """Whether the code runs in a notebook's kernel."""
    shell = sys.modules.get("IPython")
    if shell is None or "ipykernel" not in sys.modules:
        return False
    return type(shell.get_ipython()).__module__.startswith("ipykernel")


def in_terminal() -> bool:
    """Whether standard error is a terminal."""
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):
        # There is none, it is something that was put in its place, or it is closed.
        return False


def drawing_space() -> dict[str, Any]:
    """Return what tqdm is told of the width: to ask, or a usual one where the answer is none."""
    try:
        columns, _ = os.get_terminal_size(sys.stderr.fileno())
    except (OSError, ValueError, AttributeError):
        return {"dynamic_ncols": True}
    return {"dynamic_ncols": True} if columns else {"ncols": 79, "nrows": 24}


def bar_class(notebook: bool) -> Any:
    """Return tqdm's bar for a notebook or a terminal; None where tqdm is not installed."""
    if notebook:
        # Without ipywidgets a notebook shows the bar of a terminal.
        with contextlib.suppress(ImportError):
            importlib.import_module("ipywidgets")
            return importlib.import_module("tqdm.notebook").tqdm
    with contextlib.suppress(ImportError):
        return importlib.import_module("tqdm").tqdm
    return None


def shown(
    wanted: bool | None, epochs: int, done: int, total_steps: int, steps: int | None
) -> Progress | None:
    """Return what shows the progress of a fit.

    Parameters
    ----------
    wanted : bool or None
        False: nothing. None: something where standard error is a terminal, or in a notebook.
        There it is a bar if tqdm is installed, elsewhere and otherwise a line an epoch.
    epochs, done, total_steps : int
        Epochs of the fit, whole epochs and all steps that are behind it.
    steps : int or None
        Steps an epoch, where that is known.
    """
    notebook = wanted is not False and in_notebook()
    interactive = notebook or (wanted is not False and in_terminal())
    if not (interactive or wanted):
        return None
    tqdm = bar_class(notebook) if interactive else None
    if tqdm is None:
        return Lines(epochs)
    bar = tqdm(
        desc=title(done + 1, epochs),
        total=None if steps is None else steps * epochs,
        initial=total_steps,
        bar_format=UNKNOWN if steps is None else KNOWN,
        unit=" steps",
        unit_scale=True,
        mininterval=0,
        miniters=1,
        **drawing_space(),
    )
    # A widget keeps the length that it was made with.
    return Bar(bar, epochs, done, guesses=steps is None and not notebook)
