"""The categories of one column: found in rows that come in blocks, then counted from 0."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from fastbp import checks
from fastbp.checks import Array
from fastbp.preprocessing.frames import checked_text
from fastbp.tables import Column

Category = str | int | bool

UNKNOWN = ("error", "ignore")
MISSING_TYPES = ("NAType", "NaTType", "NoneType")
WORDS = {str: "strings", int: "integers", bool: "True and False"}
# What pandas and numpy show as whole numbers although it is none.
NO_CATEGORIES = "mMfcV"
MOST_INTEGER = 2**63


class Vocabulary:
    """The categories of a column: strings, integers, or True and False, one kind of them.

    Parameters
    ----------
    most : int
        How many there may be.
    categories : tuple, optional
        Those that are known already.
    """

    def __init__(self, most: int, categories: tuple[Category, ...] = ()) -> None:
        self.most = most
        self.kind: type | None = kind_of(type(categories[0])) if categories else None
        self._found: set[Category] = set(categories)
        self._categories: tuple[Category, ...] | None = None
        self._places: dict[Category, int] = {}

    def copy(self) -> Vocabulary:
        """Return the same of its own."""
        return Vocabulary(self.most, self.categories)

    @property
    def categories(self) -> tuple[Category, ...]:
        """All categories so far, sorted."""
        if self._categories is None:
            self._categories = tuple(sorted(self._found))
            self._places = {category: place for place, category in enumerate(self._categories)}
        return self._categories

    def add(self, cells: Cells, start: int, stop: int) -> None:
        """Take the categories of some rows of a column."""
        values = cells.values(start, stop, self.kind)
        self.kind = self.kind or kind_of(type(values[0]))
        assert self.kind is not None
        new = {self.kind(value) for value in set(values)} - self._found
        if len(new) + len(self._found) > self.most:
            raise ValueError(
                f"{cells.place} must have at most {self.most} categories (max_categories), got "
                f"{len(new) + len(self._found)} in the first {stop} rows; give it as numeric, "
                "leave it out, or raise max_categories"
            )
        for category in new:
            check_category(cells.place, category)
        if new:
            self._found |= new
            self._categories = None

    def codes(self, cells: Cells, start: int, stop: int, unknown: str) -> Array:
        """Return the place of each row's category, -1 for an unknown one that may be ignored."""
        values = cells.values(start, stop, self.kind)
        known, places = self.categories, self._places
        codes = np.array([places.get(value, -1) for value in values], np.intp)
        if unknown == "error" and (codes < 0).any():
            row = int(np.flatnonzero(codes < 0)[0])
            listed = ", ".join(repr(category) for category in known[:8])
            more = "" if len(known) <= 8 else f", ... ({len(known)} in all)"
            raise ValueError(
                f"{cells.place} must hold categories that were seen in fitting ({listed}{more}), "
                f"got {checks.described(values[row])} in row {start + row}; with unknown='ignore' "
                "such a row is none of them"
            )
        return codes


class Cells:
    """A column of categories, and what messages call it."""

    def __init__(self, place: str, column: Column) -> None:
        self.place = place
        self.column = column
        values = getattr(column, "values", None)
        dtype = values.dtype if isinstance(values, np.ndarray) else None
        if dtype is not None and dtype.kind in NO_CATEGORIES and dtype.kind != "f":
            raise TypeError(f"{place} must hold strings, integers or True and False, got {dtype}")

    def values(self, start: int, stop: int, kind: type | None) -> list[Any]:
        """Return some rows, all of one kind: this one if it is known.

        Raises
        ------
        TypeError, ValueError
            A value is missing, of another kind, or no category; the message says its row.
        """
        values = self.column.listed(start, stop)
        kinds = {kind_of(one) for one in set(map(type, values))}
        if len(kinds) > 1 or None in kinds or kinds - {kind or next(iter(kinds))}:
            self._refuse(values, start, kind)
        return values

    def _refuse(self, values: list[Any], start: int, kind: type | None) -> None:
        """Say which value is missing, no category, or of another kind than those before."""
        for row, value in enumerate(values):
            if is_missing(value):
                raise ValueError(
                    f"{self.place} must have no missing values, got {value!r} in row {start + row}"
                )
            found = kind_of(type(value))
            if found is None or (kind is not None and found is not kind):
                rule = "strings, integers or True and False" if kind is None else WORDS[kind]
                raise TypeError(
                    f"{self.place} must hold {rule}, got {checks.described(value)} in row "
                    f"{start + row}"
                )
            kind = found


def kind_of(kind: type) -> type | None:
    """Return str, bool or int for a type of categories, None for others."""
    if issubclass(kind, str):
        return str
    if issubclass(kind, (bool, np.bool_)):
        return bool
    return int if issubclass(kind, (int, np.integer)) else None


def is_missing(value: object) -> bool:
    """Return whether a value stands for a missing one: None, NaN, NA or NaT."""
    return type(value).__name__ in MISSING_TYPES or (
        isinstance(value, (float, np.floating)) and bool(value != value)
    )


def check_category(place: str, category: Category) -> None:
    """Refuse a category that a file cannot hold."""
    if isinstance(category, str):
        checked_text(f"categories of {place}", category)
    elif abs(category) > MOST_INTEGER:
        raise ValueError(f"{place} must have integers within +-2**63, got {category}")


def checked_categories(place: str, values: object, most: int) -> tuple[Category, ...]:
    """Return the categories of a description from a file: sorted, each once, of one kind."""
    if not isinstance(values, list) or not values:
        raise ValueError(f"{place} must have a list of categories, got {checks.described(values)}")
    if len(values) > most:
        raise ValueError(f"{place} must have at most {most} categories, got {len(values)}")
    kinds = {type(value) for value in values}
    if len(kinds) != 1 or not kinds <= set(WORDS):
        raise ValueError(f"{place} must have categories of one kind: strings, integers or bools")
    for category in values:
        check_category(place, category)
    if any(not a < b for a, b in itertools.pairwise(values)):
        raise ValueError(f"{place} must have categories in ascending order, each once")
    return tuple(values)


def unknown_choice(value: object) -> str:
    """Return what is done with unknown categories."""
    return checks.choice("unknown", value, UNKNOWN)
