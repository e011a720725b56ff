"""What becomes of missing values: refused, filled, or their rows left out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fastbp.cli.errors import DataError
from fastbp.cli.tables.table import Column, Table, Words, missing_rows

REFUSE, MEAN, DROP = POLICIES = ("error", "mean", "drop")

Fill = Mapping[str, float | str]


def check_complete(table: Table, hint: str) -> None:
    """Raise at the first row with a missing value.

    Raises
    ------
    DataError
        Naming its place and the column.
    """
    faults = [
        (int(missing.argmax()), name)
        for name, column in table.columns.items()
        if (missing := missing_rows(column)).any()
    ]
    if faults:
        raise table.fault(*min(faults), "must not be missing", hint)


def complete_rows(table: Table) -> NDArray[np.int64]:
    """Return the rows without a missing value."""
    whole = np.ones(table.n_rows, dtype=bool)
    for column in table.columns.values():
        whole &= ~missing_rows(column)
    return np.flatnonzero(whole)


def fill_of(table: Table) -> dict[str, float | str]:
    """Return what to put for a missing value: the mean of a column, or its most frequent word.

    Raises
    ------
    DataError
        If a column has no value at all.
    """
    return {name: _typical(table, name, column) for name, column in table.columns.items()}


def _typical(table: Table, name: str, column: Column) -> float | str:
    present = column[~missing_rows(column)]
    if not len(present):
        raise DataError(
            f"{table.path}, column {name!r}: must have values in the training rows, got none "
            f"(--ignore {name!r} leaves it out)"
        )
    if isinstance(present, Words):
        return present.words[int(np.bincount(present.codes).argmax())]
    largest = float(np.abs(present).max()) or 1.0
    # So divided, no sum overflows.
    return float((present / largest).mean()) * largest


def filled(table: Table, fill: Fill) -> Table:
    """Return a table with its missing values filled."""
    columns = {name: _filled(column, fill.get(name)) for name, column in table.columns.items()}
    return Table(table.path, columns, table.origin, table.numbers)


def _filled(column: Column, value: float | str | None) -> Column:
    missing = missing_rows(column)
    if value is None or not missing.any():
        return column
    if isinstance(column, Words):
        words = tuple(sorted({*column.words, str(value)}))
        places = [*(words.index(word) for word in column.words), words.index(str(value))]
        return Words(np.array(places, dtype=np.int32)[column.codes], words)
    return np.where(missing, float(value), column)


def count_missing(table: Table) -> int:
    """Return the number of missing values."""
    return sum(int(missing_rows(column).sum()) for column in table.columns.values())
