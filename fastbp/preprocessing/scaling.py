"""Rows of numbers: checked, put into moments, and brought to mean 0 and standard deviation 1."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fastbp import checks
from fastbp._compiled import engine
from fastbp.checks import Array
from fastbp.preprocessing.frames import table_of, text_names
from fastbp.preprocessing.moments import Moment, Moments
from fastbp.preprocessing.reading import Numbers, chunk_places, require_rows
from fastbp.tables import Table

# Means from which on x - mean may overflow although x is finite.
HUGE = 2.0**969
# What |mean| / scale and its logarithm to base 2 may be for scaling that weights take in without
# asking; docs/decisions/0011 says why.
NEAR_RATIO = 1.2
NEAR_EXPONENT = 32


class Scaling(NamedTuple):
    """What rows of numbers are brought to mean 0 and standard deviation 1 by."""

    mean: Array
    scale: Array
    is_huge: bool
    is_near: bool


def scaling_of(moment: Moment) -> Scaling:
    """Return means, and deviations or 1 where these are 0."""
    scale = np.where(moment.deviation > 0, moment.deviation, 1.0)
    size = np.abs(moment.mean)
    # Products, so that nothing overflows: scales beyond the range are refused first.
    is_near = bool(
        ((scale >= 2.0**-NEAR_EXPONENT) & (scale <= 2.0**NEAR_EXPONENT)).all()
        and (size <= NEAR_RATIO * scale).all()
    )
    return Scaling(moment.mean, scale, bool((size >= HUGE).any()), is_near)


class StandardizedRows:
    """The rows of an array or table, standardised."""

    def __init__(self, numbers: Numbers, scaling: Scaling) -> None:
        self.numbers = numbers
        self.scaling = scaling
        self.n_rows, self.n_out = numbers.n_rows, numbers.n_columns
        self.is_mapped = numbers.is_mapped

    def fill(self, start: int, out: Array) -> None:
        """Write rows from `start` on standardised into an array, all finite."""
        scaling, rows = self.scaling, self.numbers.raw(start, start + len(out))
        if scaling.is_huge:
            rows, scaling = halved(rows, scaling)
        row = engine.standardize(rows, scaling.mean, scaling.scale, out)
        if row >= 0:
            reason = f"not finite as {out.dtype} once it is standardised"
            self.numbers.refuse(start + row, out[row], reason)


class GivenRows:
    """The same rows as they come, for a network that has the scaling within its weights."""

    def __init__(self, numbers: Numbers) -> None:
        self.numbers = numbers
        self.n_rows, self.n_out = numbers.n_rows, numbers.n_columns
        self.is_mapped = numbers.is_mapped

    def fill(self, start: int, out: Array) -> None:
        """Write rows from `start` on into an array, all finite."""
        with np.errstate(over="ignore"):
            out[...] = self.numbers.raw(start, start + len(out))
        row = checks.first_nonfinite_row(out)
        if row >= 0:
            self.numbers.refuse(start + row, out[row], f"not finite as {out.dtype}")


def halved(rows: Array, scaling: Scaling) -> tuple[Array, Scaling]:
    """Return rows, means and scales of columns halved whose differences might overflow."""
    half = np.where(np.abs(scaling.mean) >= HUGE, 0.5, 1.0)
    # Half of the smallest number is 0; differences from a huge mean are 0 or far above it.
    scale = np.maximum(scaling.scale * half, np.nextafter(0.0, 1.0))
    return rows * half, Scaling(scaling.mean * half, scale, False, False)


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
