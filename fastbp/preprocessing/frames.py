"""Rows with named columns: tables of other packages, dicts, structured arrays; and plain arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from fastbp import arraylike, checks, tables
from fastbp.checks import Array
from fastbp.header import MOST_COLUMN_LETTERS
from fastbp.tables import NUMERIC_KINDS, Column, Table


class ArrayColumn:
    """A column that is an array of one dimension."""

    def __init__(self, values: Array) -> None:
        self.values = values
        self.kind = str(values.dtype)
        self.dtype = values.dtype if values.dtype.kind in NUMERIC_KINDS else None

    def part(self, start: int, stop: int) -> Array:
        """Return some rows as an array of numbers."""
        return self.values[start:stop]

    def missing(self, start: int, stop: int) -> bool:
        """Return whether there is a missing value in some rows; NaN is a number here."""
        return False

    def listed(self, start: int, stop: int) -> list[Any]:
        """Return some rows as a list of whatever the column holds."""
        found: list[Any] = self.values[start:stop].tolist()
        return found


def table_of(name: str, value: Any) -> Table | None:
    """Return a table with named columns, or None where the value is none."""
    if isinstance(value, Mapping):
        return from_columns(name, value)
    if isinstance(value, np.ndarray) and value.dtype.names is not None:
        return from_columns(name, {field: value[field] for field in value.dtype.names})
    table = None if isinstance(value, (np.ndarray, list, tuple)) else tables.read(value)
    return table if table is not None and table.ndim == 2 else None


def from_columns(name: str, values: Mapping[Any, Any]) -> Table:
    """Return a table of columns by their names, all of one length."""
    columns = [column_of(f"{name}[{key!r}]", value) for key, value in values.items()]
    lengths = [length for _, length in columns]
    for key, length in zip(values, lengths, strict=True):
        if length != lengths[0]:
            raise ValueError(
                f"{name} must have columns of one length, got {length} rows in column {key!r} and "
                f"{lengths[0]} in column {next(iter(values))!r}"
            )
    n_rows = lengths[0] if lengths else 0
    return Table(list(values), [column for column, _ in columns], (n_rows, len(columns)))


def column_of(name: str, value: Any) -> tuple[Column, int]:
    """Return a column and its length, of whatever has one dimension."""
    table = None if isinstance(value, (np.ndarray, list, tuple)) else tables.read(value)
    if table is not None and table.ndim == 1:
        return table.columns[0], table.shape[0]
    array = category_array(name, value)
    if array.ndim != 1:
        raise ValueError(f"{name} must have 1 dimension (n_rows,), got shape {array.shape}")
    return ArrayColumn(array), len(array)


def category_array(name: str, value: Any) -> Array:
    """Return an array of whatever the value holds; a list of mixed kinds stays what it is."""
    arraylike.refuse_masked(name, value)
    if isinstance(value, (list, tuple)) and any(isinstance(v, str) for v in value):
        # As an array of text, numbers and missing values among them would be text too.
        found = np.empty(len(value), object)
        found[:] = value
        return found
    return arraylike.plain_array(name, value)


def columns_of(name: str, value: Any) -> Table:
    """Return any columns as a table: a table, an array (n_rows, n_columns), or one column."""
    table = table_of(name, value)
    if table is not None:
        return table
    series = None if isinstance(value, (np.ndarray, list, tuple)) else tables.read(value)
    if series is not None:
        return Table(series.names, series.columns, (series.shape[0], 1))
    array = category_array(name, value)
    if array.ndim not in (1, 2):
        raise ValueError(
            f"{name} must have 1 dimension (n_rows,) or 2 (n_rows, n_columns), got shape "
            f"{array.shape}"
        )
    grid = array.reshape(len(array), -1) if array.size else array.reshape(len(array), 1)
    columns: list[Column] = [ArrayColumn(grid[:, j]) for j in range(grid.shape[1])]
    return Table([None] * len(columns), columns, grid.shape)


def text_names(table: Table) -> tuple[str, ...] | None:
    """Return the names of a table's columns; None where they are not all texts, each once."""
    names = table.names
    if not all(isinstance(name, str) for name in names) or len(set(names)) != len(names):
        return None
    for name in names:
        checked_name(name)
    return tuple(map(str, names))


def checked_name(name: str) -> str:
    """Return a column's name if a file can hold it."""
    return checked_text("names of columns", name)


def checked_text(what: str, text: str) -> str:
    """Return a text if a file can hold it: not too long, and no half of a surrogate pair."""
    if len(text) > MOST_COLUMN_LETTERS:
        raise ValueError(
            f"{what} must have at most {MOST_COLUMN_LETTERS} letters, got {len(text)}: "
            f"{checks.shortened(text)!r}"
        )
    if not is_text(text):
        raise ValueError(f"{what} must be text, got half a surrogate pair in {text!r}")
    return text


def is_text(value: str) -> bool:
    """Return whether a text can be written to a file: it holds no half of a surrogate pair."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def picked(name: str, table: Table, wanted: Sequence[str], extra: str = "error") -> Table:
    """Return a table's columns of these names, in this order.

    Raises
    ------
    ValueError
        One is not there; or, with extra "error", there is another.
    """
    places = {str(column): place for place, column in enumerate(table.names)}
    for column in wanted:
        if column not in places:
            raise ValueError(
                f"{name} must have the column {column!r}, got {listed_names(table.names)}"
            )
    surplus = [column for column in places if column not in set(wanted)]
    if surplus and extra == "error":
        raise ValueError(
            f"{name} must have the columns {listed_names(wanted)} and no others, got the column "
            f"{surplus[0]!r} too"
        )
    columns = [table.columns[places[column]] for column in wanted]
    return Table(list(wanted), columns, (table.shape[0], len(wanted)))


def listed_names(names: Sequence[Any]) -> str:
    """Return some names for an error message."""
    shown = ", ".join(repr(name) for name in names[:12])
    return shown if len(names) <= 12 else f"{shown}, ... ({len(names)} columns)"


def named_columns(argument: str, value: Iterable[str] | None) -> tuple[str, ...] | None:
    """Return names that an argument lists, each once."""
    if value is None:
        return None
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise TypeError(f"{argument} must be a list of names, got {checks.described(value)}")
    names = list(value)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"{argument} must hold names, got {checks.described(name)}")
    if len(set(names)) != len(names):
        raise ValueError(f"{argument} must hold each name once, got {listed_names(names)}")
    return tuple(names)


def named_table(name: str, value: object) -> Table:
    """Return a table whose columns have names that are text, each once."""
    table = table_of(name, value)
    if table is None:
        raise TypeError(
            f"{name} must be a table with named columns (pandas, polars, pyarrow, a dict of "
            f"columns or a structured array), got {checks.described(value)}"
        )
    for column in table.names:
        if not isinstance(column, str):
            raise TypeError(f"{name} must have columns with names of text, got {column!r}")
    if len(set(table.names)) != len(table.names):
        twice = next(column for column in table.names if table.names.count(column) > 1)
        raise ValueError(f"{name} must have each column once, got {twice!r} twice")
    text_names(table)
    return table
