"""Read arrays that numpy saved: .npz with an array a column, or x and y, and .npy."""

import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp.cli.errors import DataError
from fastbp.cli.tables.table import NUMBERS, WORDS, Column, Words


def read_names(path: str) -> list[str]:
    """Return the names of the columns."""
    return list(_columns(path))


def read(path: str, kinds: Mapping[str, str | None]) -> dict[str, Column]:
    """Read columns.

    Parameters
    ----------
    path : str
        A .npz file: each array of one dimension is a column of that name, each of more dimensions
        one column for each of its values in a row: ``x0``, ``x1``, ... Or a .npy file: columns are
        called by their number from 0, or by the names of their fields.
    kinds : dict from str to str or None
        The columns wanted, each `NUMBERS`, `WORDS`, or None for what the array has.

    Returns
    -------
    dict from str to ndarray of float64 or Words
        The columns.

    Raises
    ------
    DataError
        If the file is damaged, or arrays are of another kind or number of rows.
    """
    columns = _columns(path)
    return {name: _column(path, name, columns[name], kind) for name, kind in kinds.items()}


def _columns(path: str) -> dict[str, NDArray[Any]]:
    """Return all columns by name."""
    try:
        found = np.load(path, allow_pickle=False)
        arrays = {"": found} if isinstance(found, np.ndarray) else dict(found)
    except FileNotFoundError:
        raise DataError(f"{path}: the file does not exist") from None
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: must be arrays that numpy saved: {error}") from None
    columns: dict[str, NDArray[Any]] = {}
    for name, array in arrays.items():
        if array.ndim == 0:
            raise DataError(f"{path}: {name or 'the array'} must have rows, got a single value")
        for column, values in _split(name, array):
            if column in columns:
                raise DataError(f"{path}: column names must be unique, got {column!r} twice")
            columns[column] = values
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{len(array)} in {name!r}" for name, array in arrays.items())
        raise DataError(f"{path}: arrays must have the same number of rows, got {shown}")
    return columns


def _split(name: str, array: NDArray[Any]) -> list[tuple[str, NDArray[Any]]]:
    """Return the columns of one array."""
    if array.dtype.names and array.ndim == 1:
        return [(field, array[field]) for field in array.dtype.names]
    if array.ndim == 1:
        return [(name or "0", array)]
    flat = array.reshape(len(array), int(np.prod(array.shape[1:])))
    if flat.shape[1] == 1 and name:
        return [(name, flat[:, 0])]
    return [(f"{name}{place}", flat[:, place]) for place in range(flat.shape[1])]


def _column(path: str, name: str, values: NDArray[Any], kind: str | None) -> Column:
    """Return one column."""
    if values.dtype.kind in "biuf" and kind != WORDS:
        return values.astype(np.float64)
    if values.dtype.kind not in "biufU" or kind == NUMBERS:
        rule = "numbers" if kind == NUMBERS else "numbers or text"
        raise DataError(f"{path}, column {name!r}: must hold {rule}, got {values.dtype}")
    words, codes = np.unique(values.astype(str), return_inverse=True)
    return Words.of(codes.astype(np.int32), words.tolist())
