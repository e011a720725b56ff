"""Tables of pandas, polars and pyarrow, taken column by column without importing these packages.

They are told by the names of their modules. A column is seen a few rows at a time, without a copy
where its package shows it so, and goes straight into the array that the network works on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]
else:
    Array = np.ndarray

NUMERIC_KINDS = "biuf"
PACKAGES = ("pandas", "polars", "pyarrow")

# A column of the result touches a cache line a row; so many lines stay in the second cache.
CHUNK_ROWS = 4096

# Names of polars and pyarrow, in small letters, for what numpy calls otherwise.
NUMPY_NAMES = {"boolean": "bool", "halffloat": "float16", "float": "float32", "double": "float64"}
NUMPY_NAMES |= {
    name: name
    for name in (
        *("bool", "float16", "float32", "float64", "int8", "int16", "int32", "int64"),
        *("uint8", "uint16", "uint32", "uint64"),
    )
}


class Column(Protocol):
    """One column: `kind` is its dtype in its package's words, `dtype` numpy's or None.

    None stands for whatever is not made of real numbers.
    """

    kind: str
    dtype: np.dtype[Any] | None

    def part(self, start: int, stop: int) -> Array:
        """Return some rows as an array of numbers, NaN where a value is missing."""

    def missing(self, start: int, stop: int) -> bool:
        """Return whether there is a missing value in some rows."""

    def listed(self, start: int, stop: int) -> list[Any]:
        """Return some rows as a list of whatever the column holds."""


class PandasColumn:
    """A column of pandas: a Series, an Index or an extension array."""

    def __init__(self, series: Any) -> None:
        dtype = series.dtype
        self.kind = str(dtype)
        self.plain = isinstance(dtype, np.dtype)
        # An extension array is sliced by position; a Series may be by its index.
        self.values = series.to_numpy() if self.plain else getattr(series, "array", series)
        self.dtype: np.dtype[Any] | None = None
        if getattr(dtype, "kind", "O") in NUMERIC_KINDS:
            own = getattr(dtype, "numpy_dtype", getattr(dtype, "subtype", None))
            self.dtype = dtype if self.plain else own

    def part(self, start: int, stop: int) -> Array:
        """Return some rows as an array of numbers, NaN where a value is missing."""
        values = self.values[start:stop]
        if self.plain:
            return np.asarray(values)
        if self.missing(start, stop):
            return np.asarray(values.to_numpy(np.float64, na_value=np.nan))
        return np.asarray(values.to_numpy(self.dtype))

    def missing(self, start: int, stop: int) -> bool:
        """Return whether there is a missing value in some rows; NaN is a number here."""
        return not self.plain and bool(self.values[start:stop].isna().any())

    def listed(self, start: int, stop: int) -> list[Any]:
        """Return some rows as a list of whatever the column holds."""
        found: list[Any] = self.values[start:stop].tolist()
        return found


class ArrowColumn:
    """A column of polars or pyarrow, whose memory has the same layout."""

    def __init__(self, values: Any) -> None:
        self.values = values
        self.kind = str(getattr(values, "dtype", None) or values.type)
        name = NUMPY_NAMES.get(self.kind.lower())
        self.dtype = None if name is None else np.dtype(name)

    def part(self, start: int, stop: int) -> Array:
        """Return some rows as an array of numbers, NaN where a value is missing."""
        values = np.asarray(self.values.slice(start, stop - start))
        # True, False and None, which numpy turns into 1, 0 and NaN.
        return values.astype(np.float64) if values.dtype.kind == "O" else values

    def missing(self, start: int, stop: int) -> bool:
        """Return whether there is a missing value in some rows."""
        count = self.values.slice(start, stop - start).null_count
        return bool(count() if callable(count) else count)

    def listed(self, start: int, stop: int) -> list[Any]:
        """Return some rows as a list of whatever the column holds."""
        part = self.values.slice(start, stop - start)
        found: list[Any] = part.to_list() if hasattr(part, "to_list") else part.to_pylist()
        return found


class Table:
    """Columns of one length, of which `array` makes an array of one or two dimensions."""

    def __init__(self, names: list[Any], columns: list[Column], shape: tuple[int, ...]) -> None:
        self.names = names
        self.columns = columns
        self.shape = shape
        self.ndim = len(shape)

    def strange(self) -> int:
        """Return the first column that does not hold real numbers, or -1."""
        return next((j for j, column in enumerate(self.columns) if column.dtype is None), -1)

    def value(self, row: int, column: int) -> Any:
        """Return one number as it came, NaN if it is missing."""
        return self.columns[column].part(row, row + 1)[0]

    def missing(self, row: int, column: int) -> bool:
        """Return whether a value is missing."""
        return self.columns[column].missing(row, row + 1)

    def place(self, column: int) -> str:
        """Return what an error message calls a column."""
        name = self.names[column]
        return f"column {column}" if name is None else f"column {name!r}"

    def array(self, dtype: npt.DTypeLike | None = None) -> Array:
        """Return the numbers C-contiguous, of the dtype or of one that holds those of all columns.

        A missing value becomes NaN, and what overflows infinite.
        """
        n_rows = self.shape[0]
        if dtype is None:
            dtype = self._common_dtype()
        out = np.empty((n_rows, len(self.columns)), dtype)
        with np.errstate(over="ignore"):
            for start in range(0, n_rows, CHUNK_ROWS):
                stop = min(start + CHUNK_ROWS, n_rows)
                for j, column in enumerate(self.columns):
                    out[start:stop, j] = column.part(start, stop)
        return out.reshape(self.shape)

    def _common_dtype(self) -> np.dtype[Any]:
        """Return a dtype that holds the numbers of all columns; of floats where one is missing."""
        if not self.columns:
            return np.dtype(np.float64)
        found: list[Any] = [column.dtype for column in self.columns]
        if any(column.missing(0, self.shape[0]) for column in self.columns):
            found.append(np.float64)
        return np.result_type(*found)


def read(value: Any) -> Table | None:
    """Return a table, or one column, of pandas, polars or pyarrow as a Table; None for others."""
    package = next(
        (root for kind in type(value).__mro__ if (root := _root(kind)) in PACKAGES), None
    )
    if package is None:
        return None
    if package == "pandas":
        return _read_pandas(value)
    return _read_arrow(value)


def _root(kind: type) -> str:
    """Return the package that a class comes from."""
    return str(kind.__module__).partition(".")[0]


def _read_pandas(value: Any) -> Table | None:
    """Return a DataFrame, a Series, an Index or an extension array as a Table."""
    if hasattr(value, "columns"):
        columns: list[Column] = [PandasColumn(series) for _, series in value.items()]
        return Table(list(value.columns), columns, value.shape)
    if not (hasattr(value, "dtype") and hasattr(value, "to_numpy")):
        return None
    return Table([getattr(value, "name", None)], [PandasColumn(value)], (len(value),))


def _read_arrow(value: Any) -> Table | None:
    """Return a DataFrame or Series of polars, or a Table, RecordBatch or Array of pyarrow."""
    if hasattr(value, "get_columns"):
        parts = value.get_columns()
        return Table(value.columns, [ArrowColumn(part) for part in parts], value.shape)
    if hasattr(value, "column_names"):
        parts = value.columns
        return Table(value.column_names, [ArrowColumn(part) for part in parts], value.shape)
    if not all(hasattr(value, name) for name in ("__len__", "null_count", "slice")):
        return None
    return Table([getattr(value, "name", None)], [ArrowColumn(value)], (len(value),))
