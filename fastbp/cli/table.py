"""Read a delimited text file with a header row into numeric columns and one target column.

numpy reads the file; where it cannot, or finds a number that is not finite, the file is read again
row by row, which names the line and the column at fault.
"""

import csv
import itertools
import math
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fastbp.cli.errors import DataError
from fastbp.cli.textfile import open_text

DELIMITERS = ",;\t"


@dataclass(frozen=True)
class Table:
    """Columns of a file.

    Attributes
    ----------
    path : str
        The file.
    names : tuple of str
        Names of the numeric columns, in the order of `numbers`.
    numbers : ndarray, shape (n_rows, n_columns), float64
        The numeric columns, all finite.
    target : list of str, length n_rows, or None
        The target column as written, without surrounding blanks; never empty text.
    """

    path: str
    names: tuple[str, ...]
    numbers: NDArray[np.float64]
    target: list[str] | None


@dataclass(frozen=True)
class Layout:
    """How a file is laid out.

    Attributes
    ----------
    path : str
        The file.
    names : list of str
        All its columns.
    delimiter : str
        What separates fields.
    numeric : list of int
        Places of the numeric columns wanted, in the order wanted.
    target : int or None
        Place of the target column, if one is wanted.
    """

    path: str
    names: list[str]
    delimiter: str
    numeric: list[int] = field(default_factory=list)
    target: int | None = None

    def fault(self, line: int, column: int, rule: str, value: str) -> DataError:
        """Return the error of one value."""
        name = self.names[column]
        return DataError(f"{self.path}, line {line}, column {name!r}: value {rule}, got {value!r}")


def read_table(path: str, target: str | None = None, columns: Sequence[str] | None = None) -> Table:
    """Read a table from a file.

    Parameters
    ----------
    path : str
        Text in UTF-8 with a header row, compressed when its name ends in ``.gz``; fields separated
        by commas, semicolons or tabs, whichever the header has most of.
    target : str, optional
        Column to read as text.
    columns : sequence of str, optional
        Names of the numeric columns, in the order wanted; by default all columns but `target`.
        Others are ignored.

    Returns
    -------
    Table
        The columns. Blank lines are skipped.

    Raises
    ------
    DataError
        If the file cannot be read, a column is missing, or a value is missing, not a number or not
        finite; the message names the file, the line and the column.
    """
    layout = _choose_columns(read_header(path), target, columns)
    table = _read_fast(layout)
    if table is None:
        table = _read_by_row(layout)
    if not len(table.numbers):
        raise DataError(f"{path}: must have rows of data after the header, got none")
    return table


def read_header(path: str) -> Layout:
    """Return the names of a file's columns and its delimiter, checked."""
    with open_text(path) as lines:
        names, delimiter = _header(lines)
    if not names:
        raise DataError(f"{path}: must have a header row, got an empty file")
    for number, name in enumerate(names, start=1):
        if not name:
            raise DataError(f"{path}: every column must have a name, got none for column {number}")
        if name in names[: number - 1]:
            raise DataError(f"{path}: column names must be unique, got {name!r} twice")
    return Layout(path, names, delimiter)


def row_line(table: Table, row: int) -> int:
    """Return the number of the line on which a row of the table begins."""
    line, _ = next(itertools.islice(_rows(read_header(table.path)), row, None))
    return line


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


def _header(lines: Iterator[str]) -> tuple[list[str], str]:
    """Take the first row that is not blank; return its fields ([]: no such row) and delimiter."""
    first = next((line for line in lines if line.strip()), "")
    delimiter = max(DELIMITERS, key=re.sub(r'"[^"]*"', "", first).count)
    row = next(csv.reader(itertools.chain([first], lines), delimiter=delimiter))
    return [name.strip() for name in row], delimiter


def _choose_columns(layout: Layout, target: str | None, columns: Sequence[str] | None) -> Layout:
    """Return the layout with the wanted columns' places filled in."""
    path, names = layout.path, layout.names
    wanted = [name for name in names if name != target] if columns is None else columns
    for name in [*wanted, *([] if target is None else [target])]:
        if name not in names:
            raise DataError(
                f"{path}: must have a column {name!r}, got the columns {name_list(names)}"
            )
    if not wanted:
        raise DataError(f"{path}: must have a column besides the target {target!r}, got none")
    numeric = [names.index(name) for name in wanted]
    return Layout(
        path, names, layout.delimiter, numeric, None if target is None else names.index(target)
    )


def _read_fast(layout: Layout) -> Table | None:
    """Read the file with numpy; None where a row or a value is not as it must be."""
    kinds = ["U1"] * len(layout.names)  # an ignored column: its first letter
    for column in layout.numeric:
        kinds[column] = "f8"
    if layout.target is not None:
        kinds[layout.target] = "O"
    fields = np.dtype([(f"{column}", kind) for column, kind in enumerate(kinds)])
    with open_text(layout.path) as lines, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "loadtxt: input contained no data", UserWarning)
        _header(lines)
        try:
            rows = np.loadtxt(
                lines, fields, comments=None, delimiter=layout.delimiter, quotechar='"', ndmin=1
            )
        except ValueError as error:
            if isinstance(error, UnicodeError):
                raise
            return None
    numbers = np.empty((len(rows), len(layout.numeric)))
    for place, column in enumerate(layout.numeric):
        numbers[:, place] = rows[f"{column}"]
    target = None
    if layout.target is not None:
        target = [text.strip() for text in rows[f"{layout.target}"]]
    if not np.isfinite(numbers).all() or (target is not None and not all(map(_is_plain, target))):
        return None
    return Table(layout.path, _wanted_names(layout), numbers, target)


def _read_by_row(layout: Layout) -> Table:
    """Read the file row by row and raise at the first value that is not as it must be."""
    numbers: list[list[float]] = []
    target: list[str] = []
    for line, row in _rows(layout):
        if len(row) != len(layout.names):
            raise DataError(
                f"{layout.path}, line {line}: must have {len(layout.names)} fields like the "
                f"header, got {len(row)}"
            )
        numbers.append([_checked_number(layout, line, column, row) for column in layout.numeric])
        if layout.target is not None:
            target.append(_checked_text(layout, line, layout.target, row))
    shape = (len(numbers), len(layout.numeric))
    return Table(
        layout.path,
        _wanted_names(layout),
        np.array(numbers, dtype=np.float64).reshape(shape),
        None if layout.target is None else target,
    )


def _rows(layout: Layout) -> Iterator[tuple[int, list[str]]]:
    """Yield each row of data that is not blank with the number of the line where it begins."""
    with open_text(layout.path) as lines:
        reader = csv.reader(lines, delimiter=layout.delimiter)
        header_seen = False
        start = 1
        try:
            for row in reader:
                if row and header_seen:
                    yield start, row
                header_seen = header_seen or any(name.strip() for name in row)
                start = reader.line_num + 1
        except csv.Error as error:
            raise DataError(f"{layout.path}, line {start}: {error}") from None


def _checked_number(layout: Layout, line: int, column: int, row: list[str]) -> float:
    value = parse_number(_checked_text(layout, line, column, row))
    if value is None:
        raise layout.fault(line, column, "must be a number", row[column])
    if not math.isfinite(value):
        raise layout.fault(line, column, "must be finite", row[column])
    return value


def _checked_text(layout: Layout, line: int, column: int, row: list[str]) -> str:
    text = row[column].strip()
    if not text:
        raise layout.fault(line, column, "must not be missing", row[column])
    if not _is_plain(text):
        raise layout.fault(line, column, "must be on one line (is a quote left open?)", text[:40])
    return text


def _is_plain(text: str) -> bool:
    return bool(text) and "\n" not in text and "\r" not in text


def _wanted_names(layout: Layout) -> tuple[str, ...]:
    return tuple(layout.names[column] for column in layout.numeric)
