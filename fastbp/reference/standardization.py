"""Columns of numbers brought to mean 0 and standard deviation 1.

Welford's way goes through the rows once: with each row, the mean moves by its share of the
difference, and the sum of squares around the mean grows by the product of the differences to the
mean before and after,

    mean_n = mean_(n-1) + (x - mean_(n-1)) / n
    M_n = M_(n-1) + (x - mean_(n-1)) (x - mean_n)

Chan's puts two such sums together. No square of a mean is ever subtracted from a mean of squares,
which for columns far from 0 would leave nothing but rounding.

References
----------
B. P. Welford, "Note on a method for calculating corrected sums of squares and products",
Technometrics 4(3), 1962, eq. I. T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating formulae and a
pairwise algorithm for computing sample variances", COMPSTAT 1982, eq. 2.1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from . import checks
from .scalars import Number, Row, Rows, sqrt


class Moment(NamedTuple):
    """Rows, and of each column mean and sum of squares around it."""

    n_rows: int
    mean: Row
    squares: Row


def moment_of(rows: Rows) -> Moment:
    """Go through rows once.

    Examples
    --------
    >>> moment_of([[1.0], [2.0], [6.0]])
    Moment(n_rows=3, mean=[3.0], squares=[14.0])
    """
    mean, squares = [rows[0][0] * 0] * len(rows[0]), [rows[0][0] * 0] * len(rows[0])
    for n, row in enumerate(rows, start=1):
        for j, x in enumerate(row):
            before = x - mean[j]
            mean[j] = mean[j] + before / n
            squares[j] = squares[j] + before * (x - mean[j])
    return Moment(len(rows), mean, squares)


def together(a: Moment, b: Moment) -> Moment:
    """Moments of the rows of both: mean_a + d n_b / n, M_a + M_b + d^2 n_a n_b / n.

    Examples
    --------
    >>> together(moment_of([[1.0], [2.0]]), moment_of([[6.0]]))
    Moment(n_rows=3, mean=[3.0], squares=[14.0])
    """
    n_rows = a.n_rows + b.n_rows
    mean, squares = [], []
    for j, left in enumerate(a.mean):
        d = b.mean[j] - left
        mean.append(left + d * b.n_rows / n_rows)
        squares.append(a.squares[j] + b.squares[j] + d * d * a.n_rows * b.n_rows / n_rows)
    return Moment(n_rows, mean, squares)


class Standardize:
    """z = (x - mean) / scale, with mean and standard deviation of each column.

    Attributes
    ----------
    mean, scale : list (n_in,)
        Scale 1 for a constant column.
    n_rows : int
        Rows seen so far.
    names : None
        Tables are for the compiled package.
    n_in, n_out : int
    is_fitted : bool

    Examples
    --------
    >>> scaling = Standardize().fit([[1.0, 7.0], [3.0, 7.0]])
    >>> scaling.mean, scaling.scale, scaling.transform([[5.0, 8.0]])
    ([2.0, 7.0], [1.0, 1.0], [[3.0, 1.0]])
    """

    names = None

    def __init__(self) -> None:
        self._moment: Moment | None = None

    def fit(self, x: Rows) -> Standardize:
        """Take mean and scale from these rows, and forget earlier ones.

        Parameters
        ----------
        x : rows (n_rows, n_in), or a list (n_rows,) for one column

        Returns
        -------
        Standardize
        """
        self._moment = moment_of(_rows("x", x, None))
        return self

    def partial_fit(self, block: Rows) -> Standardize:
        """Take more rows into mean and scale.

        Parameters
        ----------
        block : rows (n_rows, n_in), or a list (n_rows,) for one column

        Returns
        -------
        Standardize
        """
        if self._moment is None:
            return self.fit(block)
        self._moment = together(self._moment, moment_of(_rows("block", block, self.n_in)))
        return self

    def transform(self, x: Rows) -> Rows:
        """(x - mean) / scale for every row.

        Parameters
        ----------
        x : rows (n_rows, n_in), or a list (n_rows,) for one column

        Returns
        -------
        z : rows, or a list where x is one
        """
        return self._each("x", x, lambda v, mean, scale: (v - mean) / scale)

    def inverse(self, z: Rows) -> Rows:
        """Z scale + mean for every row: in the unit of x again.

        Parameters
        ----------
        z : rows (n_rows, n_in), or a list (n_rows,) for one column

        Returns
        -------
        x : rows, or a list where z is one
        """
        return self._each("z", z, lambda v, mean, scale: v * scale + mean)

    @property
    def is_fitted(self) -> bool:
        """Whether rows have been seen."""
        return self._moment is not None

    @property
    def mean(self) -> Row:
        """Mean of each column."""
        return list(self._seen().mean)

    @property
    def scale(self) -> Row:
        """Standard deviation of each column, sqrt(M / n_rows); 1 for a constant one."""
        n_rows, _, squares = self._seen()
        return [sqrt(square / n_rows) if square else square + 1 for square in squares]

    @property
    def n_rows(self) -> int:
        """Rows seen so far."""
        return 0 if self._moment is None else self._moment.n_rows

    @property
    def n_in(self) -> int:
        """Columns."""
        return len(self._seen().mean)

    @property
    def n_out(self) -> int:
        """Columns."""
        return self.n_in

    def _seen(self) -> Moment:
        if self._moment is None:
            raise ValueError("Standardize must be fitted before it is asked, got no rows so far")
        return self._moment

    def _each(self, name: str, x: Rows, what: Callable[[Any, Any, Any], Number]) -> Rows:
        mean, scale = self.mean, self.scale
        found = [
            [what(v, m, s) for v, m, s in zip(row, mean, scale, strict=True)]
            for row in _rows(name, x, self.n_in)
        ]
        return found if hasattr(x[0], "__len__") else [row[0] for row in found]

    def _forget(self) -> None:
        self._moment = None


def _rows(name: str, x: Any, n_columns: int | None) -> Rows:
    x = checks.sequence(name, x)
    rows = x if hasattr(x[0], "__len__") else [[value] for value in x]
    wanted = len(rows[0]) if n_columns is None else n_columns
    return checks.number_rows(name, rows, wanted, "as in fitting", checks.as_given)
