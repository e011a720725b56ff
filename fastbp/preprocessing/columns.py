"""Columns: tables of numbers and categories together, by the names of their columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from fastbp import checks
from fastbp.checks import Array
from fastbp.header import fields, items
from fastbp.preprocessing.frames import (
    checked_name,
    listed_names,
    named_columns,
    named_table,
    picked,
)
from fastbp.preprocessing.moments import Moments
from fastbp.preprocessing.reading import require_fitted, require_rows, whole
from fastbp.preprocessing.scaling import scaling_of
from fastbp.preprocessing.seen import ColumnRows, Seen
from fastbp.preprocessing.stored import fields_of, numbers_of, row_count
from fastbp.preprocessing.vocabulary import (
    UNKNOWN,
    Category,
    Vocabulary,
    checked_categories,
    unknown_choice,
)
from fastbp.tables import Table

# Columns in a description.
MOST_COLUMNS = 16_384


class ColumnInfo(NamedTuple):
    """What is known of one column: categories of one, mean and scale of another kind."""

    name: str
    kind: str
    categories: tuple[Category, ...] | None
    mean: float | None
    scale: float | None


class Columns:
    """Take tables by the names of their columns: numbers standardised, categories one-hot.

    Numbers become (value - mean) / scale as by `Standardize`, categories columns of 0 and 1 as by
    `OneHot`, in the order of the table that it was fitted on. Which column is which is told by the
    dtype: integers and floats are numbers, all others (strings, True and False) categories.

    Parameters
    ----------
    numeric : list of str, optional
        Columns that are numbers whatever their dtype.
    categorical : list of str, optional
        Columns that are categories, such as integers that only name something. With both lists,
        these are all columns that are used, and others are extra ones.
    unknown : str
        What happens to a category that was not seen: "error", or "ignore": the row has 0 in all
        columns of it. A missing value is always an error.
    extra : str
        What happens to a column that is not known: "error", or "ignore": it is left out.
    max_categories : int
        The most categories that a column may have, at least 1.

    Attributes
    ----------
    names : tuple of str
        The columns that are used.
    columns : tuple of (name, kind, categories, mean, scale)
        What is known of each; `kind` is "numeric" or "categorical".
    output_names : tuple of str
        What each column that goes out is: "age", "sex=female".
    n_rows : int
        Rows seen so far.
    n_in, n_out : int
        Columns that come in and go out.
    is_fitted : bool
        Whether rows have been seen.

    Examples
    --------
    >>> import fastbp as fb
    >>> columns = fb.Columns().fit({"age": [20, 40], "sex": ["male", "female"]})
    >>> columns.output_names
    ('age', 'sex=female', 'sex=male')
    >>> columns.transform({"sex": ["female"], "age": [30]})
    array([[0., 1., 0.]])
    """

    _kind = "columns"

    def __init__(
        self,
        numeric: Iterable[str] | None = None,
        categorical: Iterable[str] | None = None,
        unknown: str = "error",
        extra: str = "error",
        max_categories: int = 1000,
    ) -> None:
        self.numeric = named_columns("numeric", numeric)
        self.categorical = named_columns("categorical", categorical)
        for name in self.numeric or ():
            if name in (self.categorical or ()):
                raise ValueError(f"numeric and categorical must not share columns, got {name!r}")
        self.unknown = unknown_choice(unknown)
        self.extra = checks.choice("extra", extra, UNKNOWN)
        self.max_categories = checks.integer("max_categories", max_categories, 1)
        self._seen: Seen | None = None

    def fit(self, table: Any) -> Columns:
        """Take means, scales and categories from the rows of a table, and forget earlier ones.

        Parameters
        ----------
        table : table, (n_rows, any)
            Of pandas, polars or pyarrow, a dict of columns (arrays or lists), or a structured
            array; without missing values in the columns that are used.

        Returns
        -------
        Columns
            This one.

        Raises
        ------
        TypeError, ValueError
            It is no table, has no rows, a column is missing, twice there or of the wrong kind, has
            a missing value or too many categories. Nothing is changed then.

        Examples
        --------
        >>> import fastbp as fb
        >>> fb.Columns(categorical=["zip"]).fit({"zip": [10115, 80331]}).columns[0].categories
        (10115, 80331)
        """
        return self._take("table", table, None)

    def forget(self) -> None:
        """Be as before the first rows."""
        self._seen = None

    def partial_fit(self, block: Any) -> Columns:
        """Take more rows into means, scales and categories.

        Parameters
        ----------
        block : table, (n_rows, any)
            As for `fit`, with the columns of the blocks before, in any order.

        Returns
        -------
        Columns
            This one.

        Raises
        ------
        TypeError, ValueError
            As for `fit`, or a column was numbers before and is none now.

        Examples
        --------
        >>> import fastbp as fb
        >>> columns = fb.Columns().partial_fit({"n": [1], "c": ["a"]})
        >>> columns.partial_fit({"c": ["b"], "n": [3]}).output_names
        ('n', 'c=a', 'c=b')
        """
        return self._take("block", block, self._seen)

    def transform(self, table: Any) -> Array:
        """Return the columns that go out, in the order of `output_names`.

        Parameters
        ----------
        table : table, (n_rows, any)
            As for `fit`, its columns in any order.

        Returns
        -------
        array, (n_rows, n_out), float64

        Raises
        ------
        TypeError, ValueError
            As for `fit`; a category was not seen in fitting; a column is not known; nothing has
            been fitted.

        Examples
        --------
        >>> import fastbp as fb
        >>> fb.Columns().fit({"n": [1.0, 3.0]}).transform({"n": [5.0]})
        array([[3.]])
        """
        return whole(self.source("table", table), np.float64)

    @property
    def is_fitted(self) -> bool:
        """Whether rows have been seen."""
        return self._seen is not None

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that are used."""
        return tuple(self._known().vocabularies)

    @property
    def columns(self) -> tuple[ColumnInfo, ...]:
        """What is known of each column."""
        seen, found = self._known(), []
        scaling = scaling_of(seen.moment())
        numbers = iter(zip(scaling.mean.tolist(), scaling.scale.tolist(), strict=True))
        for name, vocabulary in seen.vocabularies.items():
            if vocabulary is None:
                found.append(ColumnInfo(name, "numeric", None, *next(numbers)))
            else:
                found.append(ColumnInfo(name, "categorical", vocabulary.categories, None, None))
        return tuple(found)

    @property
    def output_names(self) -> tuple[str, ...]:
        """What each column that goes out is."""
        found: list[str] = []
        for name, vocabulary in self._known().vocabularies.items():
            found += (
                [name] if vocabulary is None else [f"{name}={c}" for c in vocabulary.categories]
            )
        return tuple(found)

    @property
    def n_rows(self) -> int:
        """Rows seen so far."""
        return 0 if self._seen is None else self._seen.n_rows

    @property
    def n_in(self) -> int:
        """Columns that come in."""
        return len(self._known().vocabularies)

    @property
    def n_out(self) -> int:
        """Columns that go out."""
        return self._known().n_out

    def __repr__(self) -> str:
        if self._seen is None:
            return "<Columns, not fitted>"
        return f"<Columns: {self.n_in} to {self.n_out}, fitted on {self.n_rows} rows>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Columns) or not (self.is_fitted and other.is_fitted):
            return isinstance(other, Columns) and self.is_fitted == other.is_fitted
        return self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def source(self, name: str, value: object) -> ColumnRows:
        """Return the rows of a value, which messages call by the name, to be made ready."""
        require_fitted(self, "rows are transformed")
        table = picked(name, named_table(name, value), self.names, self.extra)
        require_rows(name, table)
        return ColumnRows(name, table, self._known(), self.unknown)

    def described(self) -> dict[str, Any]:
        """Return all that makes it again; what is a number a column, as arrays."""
        seen = self._known()
        moment = seen.moment()
        listed = [
            {"name": name, "categories": None if one is None else list(one.categories)}
            for name, one in seen.vocabularies.items()
        ]
        return {
            "kind": self._kind,
            "n_rows": seen.n_rows,
            "unknown": self.unknown,
            "extra": self.extra,
            "max_categories": self.max_categories,
            "columns": listed,
            "mean": moment.mean,
            "deviation": moment.deviation,
        }

    def to_dict(self) -> dict[str, Any]:
        """Return all that makes it again as plain JSON values; `deviation` is 0 where constant."""
        found = self.described()
        return {**found, **{part: found[part].tolist() for part in ("mean", "deviation")}}

    @classmethod
    def from_dict(cls, values: Any) -> Columns:
        """Return the one that `to_dict` described.

        Raises
        ------
        TypeError, ValueError
            A key is missing or unknown, or a value is not what it must be.
        """
        known = ("kind", "n_rows", "unknown", "extra", "max_categories", "columns")
        found = fields_of(cls._kind, values, (*known, "mean", "deviation"))
        most = checks.integer("max_categories", found["max_categories"], 1)
        vocabularies: dict[str, Vocabulary | None] = {}
        listed = items("columns", found["columns"], MOST_COLUMNS)
        for one in listed:
            _read_column(one, most, vocabularies)
        if not listed:
            raise ValueError("columns must hold at least 1 column, got none")
        names = [name for name, one in vocabularies.items() if one is None]
        moment = numbers_of(found, len(names))
        categorical = [name for name, one in vocabularies.items() if one is not None]
        made = cls(names, categorical, found["unknown"], found["extra"], most)
        moments = Moments(len(names), moment) if names else None
        made._seen = Seen(vocabularies, moments, row_count(found["n_rows"]))
        return made

    def _known(self) -> Seen:
        """Return what rows have shown."""
        require_fitted(self, "its columns are asked for")
        assert self._seen is not None
        return self._seen

    def _take(self, name: str, value: object, before: Seen | None) -> Columns:
        """Take the rows of a table, and those before them where there are any."""
        table = named_table(name, value)
        if before is None:
            table, vocabularies = self._told_apart(name, table)
            count = sum(one is None for one in vocabularies.values())
            seen = Seen(vocabularies, Moments(count) if count else None, 0)
        else:
            seen = before.copy()
            table = picked(name, table, tuple(seen.vocabularies), self.extra)
        require_rows(name, table)
        seen.add(name, table)
        self._seen = seen
        return self

    def _told_apart(self, name: str, table: Table) -> tuple[Table, dict[str, Vocabulary | None]]:
        """Return the columns that are used, and an empty vocabulary for each of categories."""
        numeric, categorical = self.numeric or (), self.categorical or ()
        wanted = [*numeric, *categorical]
        missing = [column for column in wanted if column not in table.names]
        if missing:
            raise ValueError(
                f"{name} must have the column {missing[0]!r}, got {listed_names(table.names)}"
            )
        if self.numeric is not None and self.categorical is not None:
            names = [column for column in table.names if column in wanted]
            table = picked(name, table, names, self.extra)
        vocabularies: dict[str, Vocabulary | None] = {}
        for column_name, column in zip(table.names, table.columns, strict=True):
            is_number = column.dtype is not None and column.dtype.kind in "iuf"
            is_number = column_name not in categorical and (is_number or column_name in numeric)
            vocabularies[column_name] = None if is_number else Vocabulary(self.max_categories)
        return table, vocabularies


def _read_column(value: object, most: int, vocabularies: dict[str, Vocabulary | None]) -> None:
    """Take one column of a description."""
    column = fields_of_column(value)
    name, categories = column["name"], column["categories"]
    if name in vocabularies:
        raise ValueError(f"columns must have each name once, got {name!r} twice")
    known = None if categories is None else checked_categories(f"column {name!r}", categories, most)
    vocabularies[name] = None if known is None else Vocabulary(most, known)


def fields_of_column(value: object) -> dict[str, Any]:
    """Return the name and the categories of one column of a description."""
    column = fields("each of columns", value, ("name", "categories"))
    if not isinstance(column["name"], str):
        raise ValueError(f"name of a column must be text, got {checks.described(column['name'])}")
    checked_name(column["name"])
    return column
