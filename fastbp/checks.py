"""Everything that raises for user input. Past these functions the kernels may assume.

A message says the argument, the rule and what came.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from fastbp import arraylike, maps, tables
from fastbp._compiled import engine
from fastbp.room import require_room
from fastbp.tables import NUMERIC_KINDS, Table

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]
else:
    Array = np.ndarray

LABEL_DTYPE = np.dtype(np.int64)

# The largest whole number that the compiled modules count with.
LARGEST = 2**63 - 1

# Numbers looked at in one go, so that what is computed of them stays small.
CHUNK_NUMBERS = 1 << 18
# Numbers between two moments at which Ctrl-C is answered: they may come from a disk.
SIGNAL_NUMBERS = 1 << 22


class FileFormatError(ValueError):
    """A file is not a fastbp model, or is damaged, or has a name that is not registered.

    Examples
    --------
    >>> import fastbp as fb, pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp(), "model.fastbp")
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
    return shortened(repr(value))


def shortened(text: str) -> str:
    """Return a text of at most 60 letters."""
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


def integer(name: str, value: object, least: int, most: int | None = LARGEST) -> int:
    """Return `value` as an int from `least` to `most`; None: any that is large enough."""
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {described(value)}") from None
    if number < least:
        raise ValueError(f"{name} must be at least {least}, got {shortened(str(number))}")
    if most is not None and number > most:
        raise ValueError(f"{name} must be at most {most}, got {shortened(str(number))}")
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
    except OverflowError:
        result = math.inf
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
    found = array_or_table(name, value)
    return found.array() if isinstance(found, Table) else found


def array_or_table(name: str, value: object) -> Array | Table:
    """Return `value` as an array as by `numeric_array`, or as a table of numbers if it is one."""
    if type(value) is np.ndarray and value.dtype.kind == "f":
        return value
    table = None if isinstance(value, (np.ndarray, list, tuple)) else tables.read(value)
    if table is not None:
        return numeric_table(name, table)
    arraylike.refuse_masked(name, value)
    array = arraylike.plain_array(name, value)
    if array.dtype.kind not in NUMERIC_KINDS:
        came = "" if array.ndim else f" of {described(value)}"
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}{came}")
    return array


def numeric_table(name: str, table: Table) -> Table:
    """Return the table if every column holds numbers; else name the first that does not."""
    column = table.strange()
    if column >= 0:
        came = f"{table.place(column)} of dtype {shortened(table.columns[column].kind)}"
        raise TypeError(
            f"{name} must hold real numbers, got {came}; cast it to a number, or give each of its "
            "values a column of 0 and 1 (one-hot; in y, class indices)"
        )
    return table


def first_nonfinite_row(array: Array) -> int:
    """Return the index of the first row of a C-contiguous array that is not finite, or -1."""
    if array.size <= SIGNAL_NUMBERS:
        return engine.first_nonfinite_row(array)
    for start, stop in maps.pieces(array.shape, SIGNAL_NUMBERS):
        row = engine.first_nonfinite_row(array[start:stop])
        if row >= 0:
            return start + row
    return -1


def finite(name: str, array: Array, original: Array | Table) -> Array:
    """Return the (n_rows, width) array if all of it is finite; else name the first bad row."""
    row = first_nonfinite_row(array)
    if row >= 0:
        column = int(np.flatnonzero(~np.isfinite(array[row]))[0])
        refuse_number(name, original, row, column, f"not finite as {array.dtype}")
    return array


def refuse_number(
    name: str, original: Array | Table, row: int, column: int, reason: str
) -> NoReturn:
    """Refuse one number of an array or table; `reason` says why where it is finite itself."""
    place = f"column {column}"
    if isinstance(original, Table):
        came, place = original.value(row, column), original.place(column)
    else:
        came = original.reshape(len(original), -1)[row, column]
    told = f" ({reason})" if np.isfinite(came) else ""
    if isinstance(original, Table) and original.missing(row, column):
        came = "a missing value"
    raise ValueError(f"{name} must be finite, got {came} in row {row}, {place}{told}")


def converted(source: Array | Table, dtype: npt.DTypeLike, name: str = "array") -> Array:
    """Return an array C-contiguous, aligned and of the dtype; what overflows becomes infinite."""
    if type(source) is np.ndarray and source.dtype == dtype:
        flags = source.flags
        if flags.c_contiguous and flags.aligned:
            return source
    n_bytes = math.prod(source.shape) * np.dtype(dtype).itemsize
    if isinstance(source, Table) or not maps.is_mapped(source):
        require_room(f"{name} of shape {source.shape} as {np.dtype(dtype)}", n_bytes)
    if isinstance(source, Table):
        return source.array(dtype)
    with np.errstate(over="ignore"):
        return maps.converted(source, dtype)


def first_row(wrong: Callable[[Array], Array], array: Array) -> int:
    """Return the index of the first row with a number of which `wrong` is true, or -1.

    `wrong` sees some rows at a time and answers for its numbers, or for its rows.
    """
    n_rows, size = len(array), array.size
    step = n_rows if size <= CHUNK_NUMBERS else max(1, CHUNK_NUMBERS * n_rows // size)
    for start in range(0, n_rows, step):
        found = wrong(array[start : start + step])
        if found.any():
            return start + int(np.flatnonzero(found)[0]) // (found.size // len(found))
    return -1


def rows(
    name: str,
    value: object,
    width: int,
    dtype: npt.DTypeLike,
    sizes: str,
    n_rows: int | None = None,
) -> Array:
    """Return `value` as a finite C-contiguous (n_rows, width) array of the dtype, n_rows >= 1.

    `n_rows`: those of x, where it must have as many.
    """
    array = array_or_table(name, value)
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
    if n_rows is not None:
        same_length(name, array, n_rows)
    return finite(name, converted(array, dtype, name), array)


def shaped(name: str, value: object, shape: tuple[int, ...]) -> Array:
    """Return `value` as an array of numbers of exactly this shape."""
    array = numeric_array(name, value)
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got shape {array.shape}")
    return array


def vector(name: str, value: object, like: Array) -> Array:
    """Return `value` as a finite array of the shape (n,) and the dtype of another."""
    array = shaped(name, value, like.shape)
    return finite(name, converted(array, like.dtype, name)[:, np.newaxis], array)[:, 0]


def same_length(name: str, array: Array | Table, n_rows: int) -> None:
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
    array = array_or_table(name, value)
    if loss == "cross_entropy" and (array.ndim == 1 or (array.shape[1:] == (1,) and n_out > 1)):
        same_length(name, array, n_rows)
        return None, class_indices(label_array(name, array), n_out, name)
    flat = array.ndim == 1 and n_out == 1
    if not flat and (array.ndim != 2 or array.shape[1] != n_out):
        rule = f"(n_rows, {n_out})"
        if n_out == 1:
            rule += " or (n_rows,)"
        if loss == "cross_entropy":
            rule += " or class indices (n_rows,)"
        one_column = array.ndim == 1 or array.shape[1:] == (1,)
        other = "; class indices are for loss 'cross_entropy' with output 'softmax'"
        other = other if one_column and loss != "cross_entropy" else ""
        raise ValueError(f"{name} must have shape {rule}, got shape {array.shape}{other}")
    same_length(name, array, n_rows)
    y = converted(array, dtype, name)
    y = finite(name, y[:, np.newaxis] if flat else y, array)
    if loss in engine.TARGETS_OF_LOSS:
        allowed_targets(y, loss, name)
    return y, None


def label_array(name: str, array: Array | Table) -> Array:
    """Return labels (n_rows,) or (n_rows, 1) as an array (n_rows,); none of a table is missing."""
    if not isinstance(array, Table):
        return array.reshape(-1)
    labels = array.array()
    if labels.dtype.kind == "f":
        labels = finite(name, labels.astype(np.float64).reshape(-1, 1), array)
    return labels.reshape(-1)


def class_indices(array: Array, n_classes: int, name: str = "y") -> Array:
    """Return the 1-D array as int64 class indices in [0, n_classes)."""
    if array.dtype.kind == "f":
        row = first_row(lambda part: ~np.isfinite(part) | (part != np.floor(part)), array)
        if row >= 0:
            raise ValueError(
                f"{name} must hold class indices (whole numbers), got {array[row]} in row {row}"
            )
    row = first_row(lambda part: (part < 0) | (part >= n_classes), array)
    if row >= 0:
        raise ValueError(
            f"{name} must hold class indices from 0 to {n_classes - 1}, got {array[row]} in row "
            f"{row}"
        )
    return converted(array, LABEL_DTYPE, name)


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
    row = first_row(wrong, y)
    if row >= 0:
        raise ValueError(f"{name} must {rule} for {loss}, got {y[row]} in row {row}")
    if kind == "distribution":
        row = first_row(lambda part: np.abs(part.sum(axis=1, dtype=np.float64) - 1) > 1e-3, y)
        if row >= 0:
            raise ValueError(
                f"{name} must have rows that sum to 1 for {loss}, got {y[row]} in row {row}"
            )


def row_weights(
    value: object, n_rows: int, dtype: npt.DTypeLike, name: str = "sample_weight"
) -> Array | None:
    """Return sample weights (n_rows,) of the dtype, all >= 0 and not all 0; None stays None."""
    if value is None:
        return None
    array = array_or_table(name, value)
    if array.ndim != 1:
        raise ValueError(f"{name} must have 1 dimension (n_rows,), got shape {array.shape}")
    same_length(name, array, n_rows)
    weight = finite(name, converted(array, dtype, name)[:, np.newaxis], array)[:, 0]
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
