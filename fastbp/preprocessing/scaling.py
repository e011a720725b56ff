"""Rows of numbers: checked, put into moments, and brought to mean 0 and standard deviation 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastbp import checks
from fastbp.checks import Array
from fastbp.preprocessing.frames import table_of, text_names
from fastbp.preprocessing.moments import Moment, Moments
from fastbp.preprocessing.reading import Numbers, chunk_places, require_rows
from fastbp.tables import Table

if TYPE_CHECKING:
    import numpy.typing as npt

# Means from which on x - mean may overflow although x is finite.
HUGE = 2.0**969


class StandardizedRows:
    """The rows of an array or table, standardised."""

    def __init__(self, numbers: Numbers, mean: Array, scale: Array) -> None:
        self.numbers = numbers
        self.n_rows, self.n_out = numbers.n_rows, len(mean)
        self.is_mapped = numbers.is_mapped
        self.mean, self.scale = mean, scale

    def part(self, start: int, stop: int, dtype: npt.DTypeLike) -> Array:
        """Return some rows standardised, of the dtype, all finite."""
        return finite_rows(self.numbers, start, stop, self.mean, self.scale, dtype)


def finite_rows(
    numbers: Numbers, start: int, stop: int, mean: Array, scale: Array, dtype: npt.DTypeLike
) -> Array:
    """Return some rows standardised, of the dtype; refuse what is not finite then."""
    rows = standardized(numbers.part(start, stop), mean, scale)
    with np.errstate(over="ignore"):
        found = rows.astype(dtype, copy=False)
    row = checks.first_nonfinite_row(found)
    if row >= 0:
        reason = f"not finite as {np.dtype(dtype)} once it is standardised"
        numbers.refuse(start + row, found[row], reason)
    return found


def scale_of(moment: Moment) -> Array:
    """Return what columns of numbers are divided by."""
    return np.where(moment.deviation > 0, moment.deviation, 1.0)


def standardized(rows: Array, mean: Array, scale: Array) -> Array:
    """Return (rows - mean) / scale, written over the rows; what overflows becomes infinite."""
    with np.errstate(over="ignore"):
        huge = np.abs(mean) >= HUGE
        if huge.any():
            rows *= np.where(huge, 0.5, 1.0)
            mean, scale = (np.where(huge, part / 2, part) for part in (mean, scale))
        rows -= mean
        rows /= scale
    return rows


def numeric_rows(name: str, value: object) -> tuple[Array | Table, tuple[str, ...] | None]:
    """Return rows of numbers (n_rows, n_columns), and the columns' names if they are text."""
    table = value if isinstance(value, Table) else table_of(name, value)
    if table is not None:
        require_rows(name, table)
        return checks.numeric_table(name, table), text_names(table)
    original = checks.array_or_table(name, value)
    if original.ndim == 1:
        if isinstance(original, Table):
            original = Table(original.names, original.columns, (*original.shape, 1))
        else:
            original = original[:, np.newaxis]
    if original.ndim != 2:
        raise ValueError(
            f"{name} must have 2 dimensions (n_rows, n_columns), got shape {original.shape}"
        )
    require_rows(name, original)
    return original, text_names(original) if isinstance(original, Table) else None


def is_flat(value: object) -> bool:
    """Return whether an array or list has one dimension: a column, not a table."""
    if isinstance(value, (list, tuple)):
        return bool(value) and not hasattr(value[0], "__len__")
    is_table = getattr(getattr(value, "dtype", None), "names", None) is not None
    return len(getattr(value, "shape", ())) == 1 and not is_table


def grown(moments: Moments, numbers: Numbers, index: Array | None = None) -> Moments:
    """Return the moments with more rows: all of them, or those of a sorted index."""
    if index is None:
        for rows in numbers.chunks():
            moments.add(rows)
        return moments
    done = 0
    for start, stop in chunk_places(numbers.n_rows, numbers.n_columns):
        last = int(np.searchsorted(index, stop))
        if last > done:
            moments.add(numbers.part(start, stop)[index[done:last] - start])
        done = last
    return moments


def counted(n_columns: int) -> str:
    """Return a number of columns as messages say it."""
    return f"{n_columns} column{'s' * (n_columns != 1)}"
