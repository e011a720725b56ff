"""Logs of a fit in plain files: a row or a line for each epoch, written when it ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO

from fastbp import checks
from fastbp.callbacks import Callback, Training
from fastbp.files import StrPath, as_path


class FileLog(Callback):
    """A text file that grows with the fit; what a resumed fit takes again is dropped from it."""

    def __init__(self, path: StrPath) -> None:
        self.path = as_path(path)
        self._file: BinaryIO | None = None
        self._is_empty = True

    def begin(self, training: Training) -> None:
        """Open the file: a new one, or the old one up to where a resumed fit begins."""
        resumed = training.total_steps > 0
        file: BinaryIO = self.path.open("ab+" if resumed else "wb")
        self._file, self._is_empty = file, True
        if resumed:
            try:
                self._go_on(file, training)
            except BaseException:
                self.end(training)
                raise

    def after_epoch(self, training: Training) -> None:
        """Write the epoch's line."""
        self._write_epoch(training.epoch, training.history.last())

    def end(self, training: Training) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _go_on(self, file: BinaryIO, training: Training) -> None:
        """Cut the file off where the fit begins, and write the epochs that it lacks until there.

        A checkpoint can be ahead of the log: it is made before the log's line, or has outlived it.
        """
        file.seek(0)
        kept, logged = self._kept(file.read(), training)
        file.truncate(kept)
        self._is_empty = kept == 0
        columns = training.history.columns()
        for epoch in range(logged + 1, training.epoch + 1):
            figures = {name: values[epoch - 1] for name, values in columns.items()}
            self._write_epoch(epoch, figures)

    def _kept(self, old: bytes, training: Training) -> tuple[int, int]:
        """Return how many bytes of the old file stay, and the last epoch that they tell of."""
        head = self._head(training.history.last()).encode()
        if not old.startswith(head[: len(old)]):
            raise self._refusal(old.splitlines()[0])
        kept, logged = min(len(head), len(old)), 0
        for line in old[kept:].splitlines(keepends=True):
            if not line.endswith(b"\n"):
                break
            epoch, step = self._place(line)
            if (epoch, step or 0) > (training.epoch, training.step):
                break
            kept += len(line)
            if step is None:
                logged = epoch
        return (kept if kept >= len(head) else 0), logged

    def _write_epoch(self, epoch: int, figures: Mapping[str, float]) -> None:
        """Write an epoch's line, in an empty file after the head."""
        head = self._head(figures) if self._is_empty else ""
        self._write(head + self._line(epoch, figures))

    def _write(self, text: str) -> None:
        """Write text and let other programs see it."""
        assert self._file is not None, "a log is written to between begin and end"
        self._file.write(text.encode())
        self._file.flush()
        self._is_empty = False

    def _refusal(self, line: bytes) -> ValueError:
        """Return the error for a file that is something else."""
        return ValueError(
            f"{self.path.name} must be the log of the fit that is resumed, got the line "
            f"{line.decode(errors='replace').strip()!r}"
        )

    def _head(self, figures: Mapping[str, float]) -> str:
        """Return what stands before the first epoch's line."""
        return ""

    def _line(self, epoch: int, figures: Mapping[str, float]) -> str:
        """Return the line of an epoch."""
        raise NotImplementedError

    def _place(self, line: bytes) -> tuple[int, int | None]:
        """Return the whole epochs before a line, and the steps since then or None at their end."""
        raise NotImplementedError


class CSVLog(FileLog):
    """Write a CSV file with a row an epoch: its number, then every figure of the history.

    Parameters
    ----------
    path : str or path
        The file, written anew. In a fit that is resumed, rows after the checkpoint are dropped from
        it, and rows before it that are missing come from the history.

    Raises
    ------
    TypeError
        `path` is no path.
    OSError, ValueError
        Before the first step: the file cannot be written, or is no log of the fit that is resumed.

    Examples
    --------
    >>> import fastbp as fb, os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "run.csv")
    >>> history = fb.mlp([1, 1]).fit([[1.0]], [1.0], epochs=2, callbacks=fb.CSVLog(path))
    >>> with open(path) as file:
    ...     print(file.readline().strip())
    epoch,loss,learning_rate,seconds,rows_per_second
    """

    def _head(self, figures: Mapping[str, float]) -> str:
        """Return the header."""
        return _csv_line(["epoch", *figures]) if figures else ""

    def _line(self, epoch: int, figures: Mapping[str, float]) -> str:
        """Return the epoch's row."""
        return _csv_line([epoch, *figures.values()])

    def _kept(self, old: bytes, training: Training) -> tuple[int, int]:
        """Keep nothing within the first epoch, when the header is not known."""
        return super()._kept(old, training) if training.epoch else (0, 0)

    def _place(self, line: bytes) -> tuple[int, int | None]:
        """Return the epoch of a row."""
        first = line.partition(b",")[0]
        if not first.isdigit():
            raise self._refusal(line)
        return int(first), None


class JSONLog(FileLog):
    """Write a JSON-lines file: an object an epoch with its number and every figure.

    Parameters
    ----------
    path : str or path
        The file, written anew; a fit that is resumed goes on with it as with a `CSVLog`.
    every_steps : int, optional
        Also write {"epoch", "step", "loss"} each time so many steps have been taken: whole epochs
        before, steps since then, and the mean loss of the epoch so far.

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong type or below 1.
    OSError, ValueError
        Before the first step: as for `CSVLog`.

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

    def after_steps(self, training: Training) -> None:
        """Write a line of the steps so far."""
        place = {"epoch": training.epoch, "step": training.step}
        self._write(_json_line({**place, "loss": training.loss}))

    def _line(self, epoch: int, figures: Mapping[str, float]) -> str:
        """Return the epoch's line."""
        return _json_line({"epoch": epoch, **figures})

    def _place(self, line: bytes) -> tuple[int, int | None]:
        """Return the place of a line."""
        import json

        try:
            entry = json.loads(line)
            step = entry.get("step")
            return int(entry["epoch"]), None if step is None else int(step)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise self._refusal(line) from None


def _json_line(figures: Mapping[str, Any]) -> str:
    """Return figures as a line; what is not finite is null, for which JSON has no number."""
    import json
    import math

    finite = {name: value if math.isfinite(value) else None for name, value in figures.items()}
    return json.dumps(finite) + "\n"


def _csv_line(values: Iterable[object]) -> str:
    """Return values as a line of a CSV file."""
    import csv
    import io

    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()
