"""Read a table from a file of any format that the command line knows."""

import os
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from fastbp.cli.errors import DataError
from fastbp.cli.tables import arrays, parquet, text
from fastbp.cli.tables.delimited import read_layout
from fastbp.cli.tables.table import (
    Column,
    Origin,
    RowOrigin,
    Table,
    Words,
    check_names,
    parse_number,
)

__all__ = ["read_names", "read_table"]

Reader = Callable[[str, Mapping[str, str | None]], dict[str, Column]]
BINARY: dict[str, tuple[Callable[[str], list[str]], Reader]] = {
    ".parquet": (parquet.read_names, parquet.read),
    ".npz": (arrays.read_names, arrays.read),
    ".npy": (arrays.read_names, arrays.read),
}


def read_names(path: str) -> list[str]:
    """Return the names of a file's columns."""
    binary = BINARY.get(_ending(path))
    if binary is None:
        return read_layout(path).names
    _check_exists(path)
    return binary[0](path)


def read_table(
    path: str, kinds: Mapping[str, str | None], hints: Mapping[str, str] | None = None
) -> Table:
    """Read columns of a file.

    Parameters
    ----------
    path : str
        The file: .parquet, .npz, .npy, and any other ending for delimited text, .gz compressed.
    kinds : dict from str to str or None
        The columns wanted, each `NUMBERS`, `WORDS`, `EITHER`, or None for numbers where at least
        half of its values are.
    hints : dict from str to str, optional
        What to say of a column that has words among its numbers; by default what an input needs.

    Returns
    -------
    Table
        The columns; missing values are in it, numbers that are not finite are not.

    Raises
    ------
    DataError
        If the file cannot be read, a column is missing, or a value is not of its column's kind; the
        message names the file, the row and the column.
    """
    origin: Origin
    binary = BINARY.get(_ending(path))
    if binary is None:
        layout = origin = read_layout(path)
        check_names(path, layout.names, kinds)
        columns = text.read(layout, kinds)
    else:
        _check_exists(path)
        names, reader = binary
        check_names(path, names(path), kinds)
        columns, origin = reader(path, kinds), RowOrigin()
    table = Table(path, columns, origin)
    if not table.n_rows:
        raise DataError(f"{path}: must have rows of data after the header, got none")
    _check_values(table, kinds, hints or {})
    return table


def _ending(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _check_exists(path: str) -> None:
    if not os.path.exists(path):
        raise DataError(f"{path}: the file does not exist")


def _check_values(table: Table, kinds: Mapping[str, str | None], hints: Mapping[str, str]) -> None:
    """Raise at the first row with a value that is not as it must be."""
    faults = []
    for name, column in table.columns.items():
        rule, hint = "must be finite", ""
        if not isinstance(column, Words):
            bad = np.isinf(column)
        else:
            odd = [code for code, word in enumerate(column.words) if "\n" in word or "\r" in word]
            bad, rule = np.isin(column.codes, odd), "must be on one line"
            hint = "is a quote left open?"
            if not odd and kinds[name] is None:
                bad, rule = strangers(column), "must be a number"
                hint = hints.get(name, f"--categorical {name!r} if it holds names")
        if bad.any():
            faults.append((int(bad.argmax()), name, rule, hint))
    if faults:
        raise table.fault(*min(faults))


def strangers(column: Words) -> NDArray[np.bool_]:
    """Return which values of a column are no numbers, where at least half of the others are."""
    known = np.array([parse_number(word) is not None for word in column.words], dtype=bool)
    counts = np.bincount(column.codes[column.codes >= 0], minlength=len(known))
    if 2 * counts[known].sum() < counts.sum():
        return np.zeros(len(column), dtype=bool)
    is_stranger = np.append(~known, False)
    return is_stranger[column.codes]
