"""Everything that raises for user input. Past these functions the kernels may assume.

A message says the argument, the rule and what came.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from fastbp._compiled import engine

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]
else:
    Array = np.ndarray

NUMERIC_KINDS = "biuf"


class FileFormatError(ValueError):
    """A file is not a fastbp model, or is damaged, or has a name that is not registered.

    Examples
    --------
    >>> import fastbp as fb, pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "model.npz")
    >>> _ = path.write_text("not a model")
    >>> try:
    ...     fb.load(path)
    ... except fb.FileFormatError:
    ...     print("refused")
    refused
    """


def described(value: object) -> str:
    """Return a short description of a value for an error message."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and dtype {value.dtype}"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def choice(name: str, value: object, known: Iterable[str]) -> str:
    """Return `value` if it is one of the known names."""
    known = list(known)
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a string, got {described(value)}")
    if value not in known:
        listed = ", ".join(repr(item) for item in known)
        raise ValueError(f"{name} must be one of {listed}, got {value!r}")
    return value


def integer(name: str, value: object, least: int) -> int:
    """Return `value` as an int that is at least `least`."""
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {described(value)}") from None
    if number < least:
        raise ValueError(f"{name} must be at least {least}, got {number}")
    return number


def number(
    name: str, value: object, least: float = -math.inf, below: float = math.inf, above: bool = False
) -> float:
    """Return `value` as a finite float in [least, below), or in (least, below) with `above`."""
    if isinstance(value, (bool, np.bool_, str, bytes, complex)):
        raise TypeError(f"{name} must be a number, got {described(value)}")
    try:
        result = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number, got {described(value)}") from None
    low_enough = result > least if above else result >= least
    if not (math.isfinite(result) and low_enough and result < below):
        rules = ["a finite number"]
        if least > -math.inf:
            rules.append(f"{'above' if above else 'at least'} {least:g}")
        if below < math.inf:
            rules.append(f"below {below:g}")
        raise ValueError(f"{name} must be {', '.join(rules)}, got {result!r}")
    return result


def flag(name: str, value: object) -> bool:
    """Return `value` as a bool."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} must be True or False, got {described(value)}")
    return bool(value)


def numeric_array(name: str, value: object) -> Array:
    """Return `value` as an array of bool, integers or floats, without a copy where it is one."""
    if type(value) is np.ndarray and value.dtype.kind == "f":
        return value
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name} must be a rectangular array of numbers: {error}") from None
    if array.dtype.kind not in NUMERIC_KINDS:
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}")
    return array


def first_nonfinite_row(array: Array) -> int:
    """Return the index of the first row of a C-contiguous array that is not finite, or -1."""
    return engine.first_nonfinite_row(array)


def finite(name: str, array: Array, original: Array) -> Array:
    """Return the (n_rows, width) array if all of it is finite; else name the first bad row."""
    row = first_nonfinite_row(array)
    if row >= 0:
        column = int(np.flatnonzero(~np.isfinite(array[row]))[0])
        came = original.reshape(array.shape)[row, column]
        reason = f" (not finite as {array.dtype})" if np.isfinite(came) else ""
        raise ValueError(f"{name} must be finite, got {came} in row {row}, column {column}{reason}")
    return array


def converted(array: Array, dtype: npt.DTypeLike) -> Array:
    """Return the array C-contiguous, aligned and of the dtype; what overflows becomes infinite."""
    flags = array.flags
    if array.dtype == dtype and flags.c_contiguous and flags.aligned:
        return np.asarray(array)
    with np.errstate(over="ignore"):
        return np.require(array, dtype, ["C", "A"])


def rows(name: str, value: object, width: int, dtype: npt.DTypeLike, sizes: str) -> Array:
    """Return `value` as a finite C-contiguous (n_rows, width) array of the dtype, n_rows >= 1."""
    array = numeric_array(name, value)
    if array.ndim != 2:
        raise ValueError(
            f"{name} must have 2 dimensions (n_rows, {width}), got shape {array.shape}"
        )
    if array.shape[1] != width:
        raise ValueError(
            f"{name} must have {width} column{'s' * (width != 1)} (network sizes {sizes}), "
            f"got shape {array.shape}"
        )
    if array.shape[0] == 0:
        raise ValueError(f"{name} must have at least 1 row, got shape {array.shape}")
    return finite(name, converted(array, dtype), array)


def same_length(name: str, array: Array, n_rows: int) -> None:
    """Refuse an array whose first dimension is not n_rows."""
    if array.shape[0] != n_rows:
        raise ValueError(
            f"{name} must have one entry a row of x ({n_rows}), got shape {array.shape}"
        )


def targets(
    value: object, loss: str, n_rows: int, n_out: int, dtype: npt.DTypeLike, name: str = "y"
) -> tuple[Array | None, Array | None]:
    """Return (y, label): y as (n_rows, n_out) of the dtype, or class indices as int64 (n_rows,).

    Exactly one of the two is None. A 1-D y stands for one output, or for class indices with
    cross_entropy. `loss` is a plain name, n_out the number of targets a row.
    """
    array = numeric_array(name, value)
    if loss == "cross_entropy" and (array.ndim == 1 or (array.shape[1:] == (1,) and n_out > 1)):
        same_length(name, array, n_rows)
        return None, class_indices(array.reshape(-1), n_out, name)
    if array.ndim == 1 and n_out == 1:
        array = array[:, np.newaxis]
    if array.ndim != 2 or array.shape[1] != n_out:
        rule = f"(n_rows, {n_out})"
        if n_out == 1:
            rule += " or (n_rows,)"
        if loss == "cross_entropy":
            rule += " or class indices (n_rows,)"
        raise ValueError(f"{name} must have shape {rule}, got shape {array.shape}")
    same_length(name, array, n_rows)
    y = finite(name, converted(array, dtype), array)
    if loss in engine.TARGETS_OF_LOSS:
        allowed_targets(y, loss, name)
    return y, None


def class_indices(array: Array, n_classes: int, name: str = "y") -> Array:
    """Return the 1-D array as int64 class indices in [0, n_classes)."""
    if array.dtype.kind == "f":
        whole = np.isfinite(array) & (array == np.floor(array))
        if not whole.all():
            row = int(np.flatnonzero(~whole)[0])
            raise ValueError(
                f"{name} must hold class indices (whole numbers), got {array[row]} in row {row}"
            )
    outside = (array < 0) | (array >= n_classes)
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        raise ValueError(
            f"{name} must hold class indices from 0 to {n_classes - 1}, got {array[row]} in row "
            f"{row}"
        )
    return np.ascontiguousarray(array, np.int64)


# For each kind of targets: what a number must do, and which numbers do not.
TARGET_RULES: dict[str, tuple[str, Callable[[Array], Array]]] = {
    "distribution": ("lie in [0, 1]", lambda y: (y < 0) | (y > 1)),
    "probability": ("lie in [0, 1]", lambda y: (y < 0) | (y > 1)),
    "count": ("be at least 0", lambda y: y < 0),
    "positive": ("be above 0", lambda y: y <= 0),
    "sign": ("be -1 or 1", lambda y: np.abs(y) != 1),
}


def allowed_targets(y: Array, loss: str, name: str = "y") -> None:
    """Refuse numbers that the loss is not defined for, and rows of classes whose sum is not 1."""
    kind = engine.TARGETS_OF_LOSS[loss]
    rule, wrong = TARGET_RULES[kind]
    outside = wrong(y).any(axis=1)
    if outside.any():
        row = int(np.flatnonzero(outside)[0])
        raise ValueError(f"{name} must {rule} for {loss}, got {y[row]} in row {row}")
    if kind == "distribution":
        away = np.abs(y.sum(axis=1, dtype=np.float64) - 1) > 1e-3
        if away.any():
            row = int(np.flatnonzero(away)[0])
            raise ValueError(
                f"{name} must have rows that sum to 1 for {loss}, got {y[row]} in row {row}"
            )


def row_weights(value: object, n_rows: int, dtype: npt.DTypeLike) -> Array | None:
    """Return sample weights (n_rows,) of the dtype, all >= 0 and not all 0; None stays None."""
    if value is None:
        return None
    name = "sample_weight"
    array = numeric_array(name, value)
    if array.ndim != 1:
        raise ValueError(f"{name} must have 1 dimension (n_rows,), got shape {array.shape}")
    same_length(name, array, n_rows)
    weight = finite(name, converted(array[:, np.newaxis], dtype), array)[:, 0]
    if (weight < 0).any():
        row = int(np.flatnonzero(weight < 0)[0])
        raise ValueError(f"{name} must not be negative, got {weight[row]} in row {row}")
    # The kernels flush denormal numbers to 0; counted as 0 here, they cannot leave a batch without.
    weight = np.where(weight < np.finfo(weight.dtype).tiny, 0, weight)
    if not weight.any():
        raise ValueError(f"{name} must hold at least one weight above 0, got all 0")
    with np.errstate(over="ignore"):
        total = weight.sum(dtype=np.float64)
    if total == np.inf:
        raise ValueError(f"{name} must have a finite sum, got {total}")
    return weight
