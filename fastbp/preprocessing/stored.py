"""What descriptions from files must be: exact keys, bounded counts, finite numbers."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from fastbp import checks
from fastbp.checks import Array
from fastbp.header import fields
from fastbp.preprocessing.frames import checked_name
from fastbp.preprocessing.moments import Moment

# Rows are counted in doubles too.
MOST_ROWS = 2**53


def fields_of(kind: str, values: object, known: Collection[str]) -> dict[str, Any]:
    """Return a description that has exactly these keys, and is of this kind."""
    found = fields(f"{kind} preprocessing", values, known)
    if found["kind"] != kind:
        raise ValueError(f"kind must be {kind!r}, got {checks.described(found['kind'])}")
    return found


def row_count(value: object) -> int:
    """Return a number of rows that were seen."""
    if type(value) is not int or not 1 <= value < MOST_ROWS:
        raise ValueError(f"n_rows must be an integer from 1, got {checks.described(value)}")
    return value


def numbers_of(found: dict[str, Any], n_columns: int | None) -> Moment:
    """Return mean and deviation of a description, of so many columns (None: of any)."""
    mean, deviation = (vector(part, found[part]) for part in ("mean", "deviation"))
    if len(mean) != len(deviation) or len(mean) != (len(mean) if n_columns is None else n_columns):
        wanted = "" if n_columns is None else f" of {n_columns} numbers"
        raise ValueError(
            f"mean and deviation must be of one length{wanted}, got {len(mean)} and "
            f"{len(deviation)}"
        )
    if n_columns is None and not len(mean):
        raise ValueError("mean must hold at least 1 number, got none")
    if (deviation < 0).any():
        raise ValueError("deviation must hold no number below 0")
    return Moment(row_count(found["n_rows"]), mean, np.zeros(len(mean)), deviation)


def vector(name: str, value: object) -> Array:
    """Return finite numbers of float64, (n,): a list of JSON, or an array of a file."""
    is_list = isinstance(value, list) and all(type(v) in (int, float) for v in value)
    is_array = isinstance(value, np.ndarray) and value.dtype == np.float64 and value.ndim == 1
    if not (is_list or is_array):
        raise ValueError(f"{name} must hold numbers, got {checks.described(value)}")
    try:
        array = np.array(value, np.float64)
    except OverflowError:
        raise ValueError(f"{name} must hold numbers that are finite as float64") from None
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must hold finite numbers")
    return array


def column_names(values: object, n_columns: int) -> tuple[str, ...] | None:
    """Return the names of so many columns, all different; None stays None."""
    if values is None:
        return None
    if not isinstance(values, list) or not all(isinstance(name, str) for name in values):
        raise ValueError(f"names must be a list of texts, got {checks.described(values)}")
    if len(values) != n_columns or len(set(values)) != n_columns:
        raise ValueError(
            f"names must be {n_columns} different texts, got {len(values)}, of which "
            f"{len(set(values))} are different"
        )
    return tuple(checked_name(name) for name in values)
