"""A table in memory: columns of numbers and of words, and where in the file each row is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fastbp.cli.errors import DataError

NUMBERS = "numbers"
WORDS = "words"
# Numbers where all values are numbers, and otherwise words without a complaint.
EITHER = "either"
# How files say that there is no value.
MISSING = ("", "NA", "NaN", "nan", "NULL", "null", "None", "?")

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Words:
    """A column of text.

    Attributes
    ----------
    codes : ndarray, shape (n_rows,), int32
        Place of each row's word in `words`, -1 where there is none.
    words : tuple of str
        The distinct words, sorted.
    """

    codes: NDArray[np.int32]
    words: tuple[str, ...]

    @classmethod
    def of(cls, codes: NDArray[np.int32], raw: Iterable[str]) -> Words:
        """Return a column from places in words as they were written.

        Blanks around a word do not count, and `MISSING` is no word. `codes` is changed.
        """
        written = [word.strip() for word in raw]
        words = tuple(sorted(set(written).difference(MISSING)))
        places = {word: place for place, word in enumerate(words)}
        # The last entry is for -1, which is what a reader has put where nothing stood.
        new = np.array([*(places.get(word, -1) for word in written), -1], dtype=np.int32)
        np.take(new, codes, out=codes, mode="wrap")
        return cls(codes, words)

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: Any) -> Words:
        return Words(self.codes[rows], self.words)

    def texts(self) -> list[str]:
        """Return each row's word, the empty one where there is none."""
        known = [*self.words, ""]
        return [known[code] for code in self.codes.tolist()]


Column = Numbers | Words


class Origin(Protocol):
    """Where the rows of a table come from, for messages."""

    def place(self, row: int) -> str:
        """Return what the file calls a row: ``line 7`` or ``row 6``."""

    def text(self, row: int, name: str) -> str | None:
        """Return a value as it is written there; None where that is as the table has it."""


class RowOrigin:
    """A file without lines: rows are counted from 1."""

    def place(self, row: int) -> str:
        """Return the number of a row."""
        return f"row {row + 1}"

    def text(self, row: int, name: str) -> None:
        """Return nothing."""


@dataclass(frozen=True)
class Table:
    """Columns of a file.

    Attributes
    ----------
    path : str
        The file.
    columns : dict from str to ndarray of float64 or Words
        The columns by name, of one length; NaN, or the code -1, where a value is missing.
    origin : Origin
        Where the rows are in the file.
    numbers : ndarray of int64 or None
        The place in the file of each row, where rows were left out.
    """

    path: str
    columns: Mapping[str, Column]
    origin: Origin
    numbers: NDArray[np.int64] | None = None

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(next(iter(self.columns.values())))

    def take(self, rows: NDArray[np.int64]) -> Table:
        """Return some of the rows."""
        columns = {name: column[rows] for name, column in self.columns.items()}
        numbers = rows if self.numbers is None else self.numbers[rows]
        return Table(self.path, columns, self.origin, numbers)

    def select(self, names: Iterable[str]) -> Table:
        """Return some of the columns."""
        columns = {name: self.columns[name] for name in names}
        return Table(self.path, columns, self.origin, self.numbers)

    def plain(self) -> Any:
        """Return a dict of the columns, arrays of numbers and lists of str."""
        return {
            name: column.texts() if isinstance(column, Words) else column
            for name, column in self.columns.items()
        }

    def fault(self, row: int, name: str, rule: str, hint: str = "") -> DataError:
        """Return the error of one value, with a hint at what may help."""
        number = row if self.numbers is None else int(self.numbers[row])
        text = self.origin.text(number, name)
        if text is None:
            column = self.columns[name]
            text = column[[row]].texts()[0] if isinstance(column, Words) else f"{column[row]:g}"
        place = self.origin.place(number)
        end = f" ({hint})" if hint else ""
        return DataError(
            f"{self.path}, {place}, column {name!r}: value {rule}, got {text[:40]!r}{end}"
        )


def missing_rows(column: Column) -> NDArray[np.bool_]:
    """Return which rows of a column have no value."""
    return column.codes < 0 if isinstance(column, Words) else np.isnan(column)


def parse_number(text: str) -> float | None:
    """Return the number a field holds, or None; unlike Python's, in ASCII and without ``_``."""
    try:
        return float(text) if text.isascii() and "_" not in text else None
    except ValueError:
        return None


def name_list(names: Sequence[str], most: int = 20) -> str:
    """Return names quoted and separated by commas, the first `most` of them."""
    listed = ", ".join(map(repr, names[:most]))
    return listed if len(names) <= most else f"{listed} and {len(names) - most} more"


def check_names(path: str, names: Sequence[str], wanted: Iterable[str]) -> None:
    """Refuse a wanted column that the file does not have."""
    for name in wanted:
        if name not in names:
            raise DataError(
                f"{path}: must have a column {name!r}, got the columns {name_list(names)}"
            )
