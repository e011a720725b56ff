"""Standardize: numbers brought to mean 0 and standard deviation 1, column by column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastbp import checks
from fastbp.checks import Array
from fastbp.preprocessing.frames import picked, table_of
from fastbp.preprocessing.moments import Moment, Moments
from fastbp.preprocessing.reading import Numbers, require_fitted, require_rows, whole
from fastbp.preprocessing.scaling import (
    Scaling,
    StandardizedRows,
    counted,
    grown,
    is_flat,
    numeric_rows,
    scaling_of,
)
from fastbp.preprocessing.stored import column_names, fields_of, numbers_of
from fastbp.tables import Table

if TYPE_CHECKING:
    import numpy.typing as npt


class Standardize:
    """Bring each column to mean 0 and standard deviation 1: z = (x - mean) / scale.

    mean and scale (the standard deviation over all rows, divided by n_rows; 1 for a constant
    column) are found in one pass in float64, with the same bits however the rows are cut into
    blocks. As `inputs` or `targets` of a `Network` it becomes part of the model.

    Attributes
    ----------
    mean, scale : array, (n_in,), float64
        Of each column; copies.
    n_rows : int
        Rows seen so far.
    names : tuple of str or None
        Names of the columns, if it was fitted on a table with names that are text; then tables are
        taken by name, in any order.
    n_in, n_out : int
        Columns, the same in and out.
    is_fitted : bool
        Whether rows have been seen.

    References
    ----------
    T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating formulae and a pairwise algorithm for
    computing sample variances", COMPSTAT 1982, eq. 2.1.

    Examples
    --------
    >>> import fastbp as fb
    >>> scaling = fb.Standardize().fit([[1.0, 7.0], [3.0, 7.0]])
    >>> scaling.mean, scaling.scale
    (array([2., 7.]), array([1., 1.]))
    >>> scaling.transform([[5.0, 8.0]])
    array([[3., 1.]])
    """

    _kind = "standardize"

    def __init__(self) -> None:
        self._moments: Moments | None = None
        self._names: tuple[str, ...] | None = None
        self._found: Moment | None = None
        self._ready: Scaling | None = None

    def fit(self, x: npt.ArrayLike) -> Standardize:
        """Take mean and scale from these rows, and forget earlier ones.

        Parameters
        ----------
        x : array_like or table, (n_rows, n_in), or (n_rows,) for one column
            Finite numbers: an array, a memory map (read by chunks), a table of pandas, polars or
            pyarrow, a dict of columns or a structured array.

        Returns
        -------
        Standardize
            This one.

        Raises
        ------
        TypeError, ValueError
            x is not numeric, has no rows, or holds NaN, infinity or a missing value. Nothing is
            changed then.

        Examples
        --------
        >>> import fastbp as fb
        >>> fb.Standardize().fit({"age": [20, 40], "height": [1.5, 1.9]}).names
        ('age', 'height')
        """
        return self._fit_to(x, "x", None)

    def partial_fit(self, block: npt.ArrayLike) -> Standardize:
        """Take more rows into mean and scale.

        Parameters
        ----------
        block : array_like or table, (n_rows, n_in)
            As x for `fit`, with the columns of the blocks before.

        Returns
        -------
        Standardize
            This one.

        Raises
        ------
        TypeError, ValueError
            As for `fit`, or the block has other columns than those before.

        Examples
        --------
        >>> import fastbp as fb
        >>> scaling = fb.Standardize()
        >>> for block in ([[1.0]], [[3.0], [5.0]]):
        ...     _ = scaling.partial_fit(block)
        >>> scaling.mean, scaling.n_rows
        (array([3.]), 3)
        """
        if self._moments is None:
            return self._fit_to(block, "block", None)
        original = self._original("block", block)
        self._moments = grown(self._moments.copy(), Numbers("block", original))
        self._found = self._ready = None
        return self

    def forget(self) -> None:
        """Be as before the first rows."""
        self._moments = self._names = self._found = self._ready = None

    def take_if_unfitted(self, other: Standardize) -> None:
        """Be fitted to the rows of another one, unless there are some already."""
        if self._moments is None and other._moments is not None:
            self._moments, self._names = other._moments.copy(), other._names

    def _fit_to(self, x: object, name: str, index: Array | None) -> Standardize:
        """Fit to the rows of an index (None: all of them); messages call them by the name."""
        original, names = numeric_rows(name, x)
        numbers = Numbers(name, original)
        self._moments = grown(Moments(numbers.n_columns), numbers, index)
        self._names = names
        self._found = self._ready = None
        return self

    def transform(self, x: npt.ArrayLike) -> Array:
        """Return (x - mean) / scale.

        Parameters
        ----------
        x : array_like or table, (n_rows, n_in), or (n_rows,) for one column
            As for `fit`; the columns of a table are found by name where there are names.

        Returns
        -------
        array, of x's shape, float64

        Raises
        ------
        TypeError, ValueError
            As for `fit`, or a column is missing or not known; nothing has been fitted.

        Examples
        --------
        >>> import fastbp as fb
        >>> scaling = fb.Standardize().fit({"age": [20, 40], "height": [1.5, 1.9]})
        >>> scaling.transform({"height": [1.7], "age": [40]})
        array([[1., 0.]])
        """
        found = whole(self.source("x", x), np.float64)
        return found[:, 0] if is_flat(x) else found

    def inverse(self, z: npt.ArrayLike) -> Array:
        """Return z scale + mean: standardised numbers in their own unit again.

        Parameters
        ----------
        z : array_like, (n_rows, n_in), or (n_rows,) for one column
            Numbers as `transform` gives them; what is not finite stays so.

        Returns
        -------
        array, of z's shape, float64

        Raises
        ------
        TypeError, ValueError
            z is not numeric or has another number of columns; nothing has been fitted.

        Examples
        --------
        >>> import fastbp as fb
        >>> fb.Standardize().fit([[1.0], [5.0]]).inverse([[0.0], [1.0]])
        array([[3.],
               [5.]])
        """
        array = checks.numeric_array("z", z)
        n_in = self.n_in
        if array.shape[1:] != (n_in,) and not (array.ndim == 1 and n_in == 1):
            raise ValueError(f"z must have {counted(n_in)}, got shape {array.shape}")
        with np.errstate(over="ignore"):
            return self.in_unit(array)

    def in_unit(self, z: Array) -> Array:
        """Return z scale + mean of an array that is checked already."""
        scaling = self.scaling()
        found: Array = z * scaling.scale
        found += scaling.mean
        return found

    @property
    def is_fitted(self) -> bool:
        """Whether rows have been seen."""
        return self._moments is not None

    @property
    def mean(self) -> Array:
        """Mean of each column, (n_in,)."""
        return self._moment().mean.copy()

    @property
    def scale(self) -> Array:
        """Standard deviation of each column, (n_in,); 1 for a constant one."""
        return self.scaling().scale.copy()

    @property
    def n_rows(self) -> int:
        """Rows seen so far."""
        return 0 if self._moments is None else self._moments.n_rows

    @property
    def names(self) -> tuple[str, ...] | None:
        """Names of the columns, or None."""
        return self._names

    @property
    def n_in(self) -> int:
        """Columns that come in."""
        return len(self._moment().mean)

    @property
    def n_out(self) -> int:
        """Columns that go out."""
        return self.n_in

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_found": None, "_ready": None}

    def __repr__(self) -> str:
        if self._moments is None:
            return "<Standardize, not fitted>"
        return f"<Standardize: {counted(self.n_in)}, fitted on {self.n_rows} rows>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Standardize) and _same(self, other)

    __hash__ = None  # type: ignore[assignment]

    def source(self, name: str, value: object) -> StandardizedRows:
        """Return the rows of a value, which messages call by the name, to be made ready."""
        require_fitted(self, "rows are transformed")
        scaling = self.scaling()
        return StandardizedRows(Numbers(name, self._original(name, value)), scaling)

    def described(self) -> dict[str, Any]:
        """Return all that makes it again; what is a number a column, as arrays."""
        moment = self._moment()
        names = None if self._names is None else list(self._names)
        described = {"kind": self._kind, "n_rows": moment.n_rows, "names": names}
        return {**described, "mean": moment.mean, "deviation": moment.deviation}

    def to_dict(self) -> dict[str, Any]:
        """Return all that makes it again as plain JSON values; `deviation` is 0 where constant."""
        found = self.described()
        return {**found, **{part: found[part].tolist() for part in ("mean", "deviation")}}

    @classmethod
    def from_dict(cls, values: Any) -> Standardize:
        """Return the one that `to_dict` described.

        Raises
        ------
        ValueError
            A key is missing or unknown, or a value is not what it must be.
        """
        known = ("kind", "n_rows", "names", "mean", "deviation")
        found = fields_of(cls._kind, values, known)
        moment = numbers_of(found, n_columns=None)
        made = cls()
        made._names = column_names(found["names"], len(moment.mean))
        made._moments = Moments(len(moment.mean), moment)
        return made

    def _moment(self) -> Moment:
        """Return the moments of all rows so far."""
        if self._found is None:
            require_fitted(self, "its mean and scale are asked for")
            assert self._moments is not None
            self._found = self._moments.result()
        return self._found

    def scaling(self) -> Scaling:
        """Return what columns are standardised by."""
        if self._ready is None:
            self._ready = scaling_of(self._moment())
        return self._ready

    def _original(self, name: str, value: object) -> Array | Table:
        """Return rows of numbers with the columns that are known, in their order."""
        n_in = len(self.scaling().mean)
        if type(value) is np.ndarray and value.dtype.kind == "f" and value.shape[1:] == (n_in,):
            require_rows(name, value)
            return value
        if self._names is not None:
            table = table_of(name, value)
            if table is not None:
                value = picked(name, table, self._names)
        original, _ = numeric_rows(name, value)
        if original.shape[1] != n_in:
            raise ValueError(f"{name} must have {counted(n_in)}, got shape {original.shape}")
        return original


def _same(a: Standardize, b: Standardize) -> bool:
    """Return whether both transform alike, bit for bit, and go on alike."""
    if not (a.is_fitted and b.is_fitted):
        return a.is_fitted == b.is_fitted
    return a.to_dict() == b.to_dict()
