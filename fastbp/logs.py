"""Logs of a fit in plain files: a row or a line for each epoch, written when it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TextIO

from fastbp import checks
from fastbp.callbacks import Callback, Training
from fastbp.files import StrPath, as_path


def kept_lines(path: Path, keep: Callable[[str], bool]) -> list[str]:
    """Return the lines of a log that a resumed fit goes on with; none where there is no log."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8") as file:
        return [line for line in file if line.endswith("\n") and keep(line)]


class FileLog(Callback):
    """A text file that grows with the fit; what a resumed fit takes again is dropped from it."""

    def __init__(self, path: StrPath) -> None:
        self.path = as_path(path)
        self._file: TextIO | None = None

    def begin(self, training: Training) -> None:
        """Open the file: a new one, or the old one up to where a resumed fit begins."""
        resumed = training.total_steps > 0
        lines = kept_lines(self.path, lambda line: self._is_past(line, training)) if resumed else []
        self._file = self.path.open("w", encoding="utf-8", newline="")
        self._write(lines)

    def end(self, training: Training) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _is_past(self, line: str, training: Training) -> bool:
        """Whether a line tells of what was before the fit was resumed."""
        raise NotImplementedError

    def _write(self, lines: Iterable[str]) -> None:
        """Write lines and let other programs see them."""
        if self._file is not None:
            self._file.writelines(lines)
            self._file.flush()


class CSVLog(FileLog):
    """Write a CSV file with a row an epoch: its number, then every figure of the history.

    Parameters
    ----------
    path : str or path
        The file, written anew; a fit that is resumed goes on with the rows it has behind it.

    Raises
    ------
    TypeError
        path is no path.
    OSError
        In the fit: the file cannot be written.

    Examples
    --------
    >>> import fastbp as fb, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "run.csv")
    >>> history = fb.mlp([1, 1]).fit([[1.0]], [1.0], epochs=2, callbacks=fb.CSVLog(path))
    >>> with open(path) as file:
    ...     print(file.readline().strip())
    epoch,loss,learning_rate,seconds,rows_per_second
    """

    def begin(self, training: Training) -> None:
        """Open the file; the header comes with the first row, unless it is there."""
        super().begin(training)
        self._has_header = self.path.stat().st_size > 0

    def after_epoch(self, training: Training) -> None:
        """Write the epoch's row."""
        figures = training.history.last()
        if not self._has_header:
            self._write([_csv_line(["epoch", *figures])])
            self._has_header = True
        self._write([_csv_line([training.epoch, *map(repr, figures.values())])])

    def _is_past(self, line: str, training: Training) -> bool:
        """Keep the header and the epochs before."""
        first = line.partition(",")[0]
        return not first.isdecimal() or int(first) <= training.epoch


class JSONLog(FileLog):
    """Write a JSON-lines file: an object an epoch with its number and every figure.

    Parameters
    ----------
    path : str or path
        The file, written anew; a fit that is resumed goes on with the lines it has behind it.
    every_steps : int, optional
        Also write {"epoch", "step", "loss"} each time so many steps have been taken: whole epochs
        before, steps since then, and the mean loss of the epoch so far.

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong type or below 1.
    OSError
        In the fit: the file cannot be written.

    Notes
    -----
    A figure that is not finite is null.

    Examples
    --------
    >>> import fastbp as fb, json, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "run.jsonl")
    >>> history = fb.mlp([1, 1]).fit([[1.0]], [1.0], epochs=2, callbacks=fb.JSONLog(path))
    >>> with open(path) as file:
    ...     [json.loads(line)["epoch"] for line in file]
    [1, 2]
    """

    def __init__(self, path: StrPath, every_steps: int | None = None) -> None:
        super().__init__(path)
        if every_steps is not None:
            self.every_steps = checks.integer("every_steps", every_steps, 1)

    def after_epoch(self, training: Training) -> None:
        """Write the epoch's line."""
        self._write_object({"epoch": training.epoch, **training.history.last()})

    def after_steps(self, training: Training) -> None:
        """Write a line of the steps so far."""
        self._write_object({"epoch": training.epoch, "step": training.step, "loss": training.loss})

    def _write_object(self, figures: dict[str, Any]) -> None:
        import json
        import math

        finite = {name: value if math.isfinite(value) else None for name, value in figures.items()}
        self._write([json.dumps(finite) + "\n"])

    def _is_past(self, line: str, training: Training) -> bool:
        """Keep what was before."""
        import json

        entry = json.loads(line)
        place = (entry["epoch"], entry.get("step", 0))
        return place <= (training.epoch, training.step)


def _csv_line(values: Iterable[object]) -> str:
    """Return values as a line of a CSV file."""
    import csv
    import io

    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()
