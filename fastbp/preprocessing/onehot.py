"""OneHot: categories, each of which becomes a column of 0 and 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastbp import checks
from fastbp.checks import Array
from fastbp.preprocessing.frames import columns_of, picked, table_of, text_names
from fastbp.preprocessing.reading import chunk_places, require_fitted, require_rows, whole
from fastbp.preprocessing.stored import column_names, fields_of, row_count
from fastbp.preprocessing.vocabulary import (
    Category,
    Cells,
    Vocabulary,
    checked_categories,
    unknown_choice,
)
from fastbp.tables import Table

if TYPE_CHECKING:
    import numpy.typing as npt

# Columns of categories in a description.
MOST_COLUMNS = 4096


class OneHot:
    """Give each category of a column a column of its own: 1 where the row has it, else 0.

    Categories are strings, integers, or True and False; those of the rows that were seen, sorted.
    As `inputs` of a `Network` it becomes part of the model.

    Parameters
    ----------
    unknown : str
        What happens to a category that was not seen: "error", or "ignore": the row has 0 in all
        columns. A missing value is always an error.
    max_categories : int
        The most that a column may have, at least 1.

    Attributes
    ----------
    categories : tuple of tuples
        Those of each column, sorted.
    n_rows : int
        Rows seen so far.
    names : tuple of str or None
        Names of the columns, if it was fitted on a table with names that are text; then tables are
        taken by name, in any order.
    n_in, n_out : int
        Columns that come in, and categories in all.
    is_fitted : bool
        Whether rows have been seen.

    Examples
    --------
    >>> import fastbp as fb
    >>> one_hot = fb.OneHot().fit(["red", "blue", "red"])
    >>> one_hot.categories
    (('blue', 'red'),)
    >>> one_hot.transform(["red", "blue"])
    array([[0., 1.],
           [1., 0.]])
    """

    _kind = "one_hot"

    def __init__(self, unknown: str = "error", max_categories: int = 1000) -> None:
        self.unknown = unknown_choice(unknown)
        self.max_categories = checks.integer("max_categories", max_categories, 1)
        self._vocabularies: list[Vocabulary] = []
        self._names: tuple[str, ...] | None = None
        self._n_rows = 0

    def fit(self, x: npt.ArrayLike) -> OneHot:
        """Take the categories of these rows, and forget earlier ones.

        Parameters
        ----------
        x : array_like or table, (n_rows,) for one column or (n_rows, n_in)
            Strings, integers, or True and False; those of a column all of one kind.

        Returns
        -------
        OneHot
            This one.

        Raises
        ------
        TypeError, ValueError
            A value is missing or no category, a column has values of two kinds or too many
            categories, or there are no rows. Nothing is changed then.

        Examples
        --------
        >>> import fastbp as fb
        >>> fb.OneHot().fit({"size": [36, 41, 36]}).categories
        ((36, 41),)
        """
        table = columns_of("x", x)
        require_rows("x", table)
        new = [Vocabulary(self.max_categories) for _ in table.columns]
        _take("x", table, new)
        self._vocabularies, self._names = new, text_names(table)
        self._n_rows = table.shape[0]
        return self

    def forget(self) -> None:
        """Be as before the first rows."""
        self._vocabularies, self._names, self._n_rows = [], None, 0

    def partial_fit(self, block: npt.ArrayLike) -> OneHot:
        """Take the categories of more rows too.

        Parameters
        ----------
        block : array_like or table, (n_rows,) for one column or (n_rows, n_in)
            As x for `fit`, with the columns of the blocks before.

        Returns
        -------
        OneHot
            This one.

        Raises
        ------
        TypeError, ValueError
            As for `fit`, or the block has other columns than those before.

        Examples
        --------
        >>> import fastbp as fb
        >>> fb.OneHot().partial_fit(["b"]).partial_fit(["a", "b"]).categories
        (('a', 'b'),)
        """
        if not self._vocabularies:
            return self.fit(block)
        table = self._table("block", block)
        new = [vocabulary.copy() for vocabulary in self._vocabularies]
        _take("block", table, new)
        self._vocabularies = new
        self._n_rows += table.shape[0]
        return self

    def transform(self, x: npt.ArrayLike) -> Array:
        """Return columns of 0 and 1, one a category.

        Parameters
        ----------
        x : array_like or table, (n_rows,) for one column or (n_rows, n_in)
            As for `fit`; the columns of a table are found by name where there are names.

        Returns
        -------
        array, (n_rows, n_out), float64

        Raises
        ------
        TypeError, ValueError
            As for `fit`; a category was not seen in fitting; a column is missing or not known;
            nothing has been fitted.

        Examples
        --------
        >>> import fastbp as fb
        >>> fb.OneHot(unknown="ignore").fit([True, False]).transform([True])
        array([[0., 1.]])
        """
        return whole(self.source("x", x), np.float64)

    @property
    def is_fitted(self) -> bool:
        """Whether rows have been seen."""
        return bool(self._vocabularies)

    @property
    def categories(self) -> tuple[tuple[Category, ...], ...]:
        """The categories of each column, sorted."""
        require_fitted(self, "its categories are asked for")
        return tuple(vocabulary.categories for vocabulary in self._vocabularies)

    @property
    def n_rows(self) -> int:
        """Rows seen so far."""
        return self._n_rows

    @property
    def names(self) -> tuple[str, ...] | None:
        """Names of the columns, or None."""
        return self._names

    @property
    def n_in(self) -> int:
        """Columns that come in."""
        return len(self.categories)

    @property
    def n_out(self) -> int:
        """Categories in all."""
        return sum(map(len, self.categories))

    def __repr__(self) -> str:
        if not self._vocabularies:
            return "<OneHot, not fitted>"
        counts = ", ".join(str(len(one)) for one in self.categories[:8])
        more = ", ..." if self.n_in > 8 else ""
        return f"<OneHot: {counts}{more} categories, fitted on {self._n_rows} rows>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, OneHot) or not (self.is_fitted and other.is_fitted):
            return isinstance(other, OneHot) and self.is_fitted == other.is_fitted
        return self.described() == other.described()

    __hash__ = None  # type: ignore[assignment]

    def source(self, name: str, value: object) -> OneHotRows:
        """Return the rows of a value, which messages call by the name, to be made ready."""
        require_fitted(self, "rows are transformed")
        return OneHotRows(name, self._table(name, value), self)

    def described(self) -> dict[str, Any]:
        """Return all that makes it again; what is a number a column, as arrays."""
        return {
            "kind": self._kind,
            "n_rows": self._n_rows,
            "names": None if self._names is None else list(self._names),
            "unknown": self.unknown,
            "max_categories": self.max_categories,
            "categories": [list(one) for one in self.categories],
        }

    def to_dict(self) -> dict[str, Any]:
        """Return all that makes it again as plain JSON values."""
        return self.described()

    @classmethod
    def from_dict(cls, values: Any) -> OneHot:
        """Return the one that `to_dict` described.

        Raises
        ------
        TypeError, ValueError
            A key is missing or unknown, or a value is not what it must be.
        """
        known = ("kind", "n_rows", "names", "unknown", "max_categories", "categories")
        found = fields_of(cls._kind, values, known)
        made = cls(found["unknown"], found["max_categories"])
        listed = found["categories"]
        if not isinstance(listed, list) or not 0 < len(listed) <= MOST_COLUMNS:
            raise ValueError(f"categories must be a list of 1 to {MOST_COLUMNS} lists")
        made._names = column_names(found["names"], len(listed))
        made._n_rows = row_count(found["n_rows"])
        made._vocabularies = [
            Vocabulary(
                made.max_categories,
                checked_categories(f"column {place}", one, made.max_categories),
            )
            for place, one in enumerate(listed)
        ]
        return made

    def _table(self, name: str, value: object) -> Table:
        """Return the columns of a value that are known, in their order."""
        table = table_of(name, value) if self._names is not None else None
        table = columns_of(name, value) if table is None else picked(name, table, self._names or ())
        require_rows(name, table)
        if table.shape[1] != self.n_in:
            raise ValueError(
                f"{name} must have {self.n_in} column{'s' * (self.n_in != 1)} of categories, got "
                f"shape {table.shape}"
            )
        return table


class OneHotRows:
    """The rows of a table, each category a column."""

    is_mapped = False

    def __init__(self, name: str, table: Table, one_hot: OneHot) -> None:
        self.n_rows, self.n_out = table.shape[0], one_hot.n_out
        self.unknown = one_hot.unknown
        self.parts = list(zip(cells_of(name, table), one_hot._vocabularies, strict=True))

    def fill(self, start: int, out: Array) -> None:
        """Write rows from `start` on into an array."""
        out[:] = 0
        first = 0
        for cells, vocabulary in self.parts:
            width = len(vocabulary.categories)
            codes = vocabulary.codes(cells, start, start + len(out), self.unknown)
            set_ones(out[:, first : first + width], codes)
            first += width


def set_ones(out: Array, codes: Array) -> None:
    """Write 1 at each row's place; -1 stands for none."""
    rows = np.flatnonzero(codes >= 0)
    out[rows, codes[rows]] = 1


def cells_of(name: str, table: Table) -> list[Cells]:
    """Return the columns of a table, each with what messages call it."""
    return [
        Cells(f"{name}'s {table.place(place)}", column)
        for place, column in enumerate(table.columns)
    ]


def _take(name: str, table: Table, vocabularies: list[Vocabulary]) -> None:
    """Take the categories of all rows."""
    cells = cells_of(name, table)
    for start, stop in chunk_places(*table.shape):
        for one, vocabulary in zip(cells, vocabularies, strict=True):
            vocabulary.add(one, start, stop)
