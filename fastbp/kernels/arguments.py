"""Arguments of the kernels: checked, of one dtype, copied to where vectors may be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastbp import checks
from fastbp._compiled import engine
from fastbp.checks import Array
from fastbp.memory import empty, zeros

if TYPE_CHECKING:
    import numpy.typing as npt


def common_dtype(*arrays: Array) -> np.dtype[Any]:
    """Return float32 if every floating-point array has it and there is one, else float64."""
    kinds = {array.dtype for array in arrays if array.dtype.kind == "f"}
    return np.dtype(np.float32 if kinds == {np.dtype(np.float32)} else np.float64)


def matrix(name: str, value: npt.ArrayLike) -> Array:
    """Return `value` as a numeric array of 2 dimensions, none of them 0."""
    array = checks.numeric_array(name, value)
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(
            f"{name} must have 2 dimensions (n_rows, width), none 0, got shape {array.shape}"
        )
    return array


def check_columns(name: str, array: Array, width: int, other: str) -> None:
    """Refuse a matrix whose number of columns differs from that of another argument."""
    if array.shape[1] != width:
        raise ValueError(
            f"{name} must have {width} columns to fit {other}, got shape {array.shape}"
        )


def copied(array: Array, dtype: np.dtype[Any]) -> Array:
    """Return a new C-contiguous array of the dtype that the kernels may read as vectors."""
    out = zeros(array.size, dtype).reshape(array.shape)
    out[...] = array
    return out


def scratch_space(columns: int, dtype: np.dtype[Any]) -> Array:
    """Return the scratch of a product of so many columns."""
    return empty(engine.scratch_length(columns, dtype.itemsize), dtype)


def in_place(name: str, value: object, shape: tuple[int, ...], dtype: Any = None) -> Array:
    """Return `value` if it is a writable C-contiguous float array of the shape (and dtype)."""
    if (
        not isinstance(value, np.ndarray)
        or value.dtype not in (np.float32, np.float64)
        or not (value.flags.c_contiguous and value.flags.writeable and value.flags.aligned)
    ):
        raise TypeError(
            f"{name} must be a writable C-contiguous float32 or float64 array, got "
            f"{checks.described(value)}"
        )
    if value.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {value.shape}")
    if dtype is not None and value.dtype != dtype:
        raise TypeError(f"{name} must have dtype {dtype}, got {value.dtype}")
    return value
