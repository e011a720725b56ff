"""What is read chunk by chunk: the rows of an array or table, made ready in the dtype of a network.

A source is what a preprocessor makes of a value: it knows how many rows there are, and gives any
of them ready. So no copy of all rows is made but the one that is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from fastbp import checks, maps
from fastbp.checks import Array
from fastbp.room import require_room
from fastbp.tables import Table

if TYPE_CHECKING:
    import numpy.typing as npt

# Numbers of a chunk: it stays in the second cache on its way.
CHUNK_NUMBERS = 1 << 16
PLAIN_DTYPES = (np.dtype(np.float32), np.dtype(np.float64))


class Source(Protocol):
    """Rows that are made ready a few at a time."""

    n_rows: int
    n_out: int
    is_mapped: bool

    def fill(self, start: int, out: Array) -> None:
        """Write rows from `start` on ready into a C-contiguous array, all finite."""


class Preprocessor(Protocol):
    """What a network asks of its inputs and targets."""

    @property
    def is_fitted(self) -> bool:
        """Whether rows have been seen."""

    @property
    def n_in(self) -> int:
        """Columns that come in."""

    @property
    def n_out(self) -> int:
        """Columns that go out."""

    def forget(self) -> None:
        """Be as before the first rows."""

    def source(self, name: str, value: object) -> Source:
        """Return the rows of a value, which messages call by the name, to be made ready."""

    def described(self) -> dict[str, Any]:
        """Return all that makes it again; what is a number a column, as arrays."""

    def to_dict(self) -> dict[str, Any]:
        """Return the same as plain JSON values."""


class Numbers:
    """Rows of numbers of an array or table, (n_rows, n_columns)."""

    def __init__(self, name: str, original: Array | Table) -> None:
        self.name = name
        self.original = original
        self.n_rows: int = original.shape[0]
        self.n_columns: int = original.shape[1]
        self.is_mapped = not isinstance(original, Table) and maps.is_mapped(original)
        # Rows that the compiled side reads where they are.
        self.is_plain = not isinstance(original, Table) and is_plain(original)

    def raw(self, start: int, stop: int) -> Array:
        """Return some rows as float64, or as they are where the compiled side reads them."""
        original = self.original
        if isinstance(original, Table):
            rows = np.empty((stop - start, self.n_columns))
            for place, column in enumerate(original.columns):
                rows[:, place] = column.part(start, stop)
            return rows
        part = original[start:stop]
        return part if self.is_plain else np.ascontiguousarray(part, np.float64)

    def part(self, start: int, stop: int) -> Array:
        """Return some rows as float64, all finite."""
        rows: Array = self.raw(start, stop).astype(np.float64, copy=False)
        row = checks.first_nonfinite_row(rows)
        if row >= 0:
            self.refuse(start + row, rows[row], "not finite as float64")
        return rows

    def refuse(self, row: int, numbers: Array, reason: str) -> None:
        """Refuse the first number of a row that is not finite in what has become of it."""
        column = int(np.flatnonzero(~np.isfinite(numbers))[0])
        checks.refuse_number(self.name, self.original, row, column, reason)

    def chunks(self) -> Iterator[Array]:
        """Yield all rows, chunk by chunk."""
        for start, stop in chunk_places(self.n_rows, self.n_columns):
            yield self.part(start, stop)


def chunk_places(n_rows: int, width: int) -> Iterator[tuple[int, int]]:
    """Return first and last + 1 of the rows of each chunk."""
    return maps.pieces((n_rows, width), CHUNK_NUMBERS)


def is_plain(original: Array) -> bool:
    """Return whether an array is of float32 or float64 and lies as the compiled side reads it."""
    flags = original.flags
    return original.dtype in PLAIN_DTYPES and flags.c_contiguous and flags.aligned


def whole(source: Source, dtype: npt.DTypeLike, name: str = "x") -> Array:
    """Return all rows ready; of a large memory map, as the map of a temporary file."""
    shape = (source.n_rows, source.n_out)
    wanted = np.dtype(dtype)
    if source.is_mapped:

        def part(start: int, stop: int) -> Array:
            rows = np.empty((stop - start, source.n_out), wanted)
            source.fill(start, rows)
            return rows

        return maps.made(part, shape, wanted, mapped=True)
    require_room(f"{name} of shape {shape} as {wanted}", shape[0] * shape[1] * wanted.itemsize)
    found = np.empty(shape, wanted)
    for start, stop in chunk_places(*shape):
        source.fill(start, found[start:stop])
    return found


def require_rows(name: str, table: Array | Table) -> None:
    """Refuse what has no rows, or no columns."""
    if 0 in table.shape:
        raise ValueError(f"{name} must have at least 1 row and 1 column, got shape {table.shape}")


def require_fitted(thing: Preprocessor, wanted: str) -> None:
    """Refuse to say of what has seen no rows what only they can say."""
    if not thing.is_fitted:
        raise ValueError(
            f"{type(thing).__name__} must be fitted before {wanted}, got no rows so far; call "
            "fit(x), or partial_fit(block) for one block after the other"
        )
