"""Refuse bad input before anything is computed.

Every message says which argument, what the rule is, and what came instead.
"""

import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .scalars import Number, Row, Rows, add_up, is_finite, real

NumberType = Callable[[Any], Number]

# How far the probabilities of a row may be from 1 in sum: they may come rounded to 3 digits.
PROBABILITY_TOLERANCE = 1e-3


def quoted(names: Iterable[str]) -> str:
    """Write names as in 'a', 'b', 'c'."""
    return ", ".join(repr(name) for name in sorted(names))


def one_of(name: str, value: object, known: Iterable[str]) -> None:
    """Refuse a name that is not known, and list those that are."""
    known = list(known)
    if not isinstance(value, str):
        raise TypeError(f"{name} must be one of {quoted(known)}, got {value!r}")
    if value not in known:
        raise ValueError(f"{name} must be one of {quoted(known)}, got {value!r}")


def named(
    argument: str, text: object, known: Iterable[str], parameters: dict[str, tuple[str, float]]
) -> tuple[str, float | None]:
    """Return (name, parameter or None) of "name", "name(0.2)" or "name(parameter=0.2)".

    Examples
    --------
    >>> named("activation", "elu(alpha=2)", ["elu"], {"elu": ("alpha", 1.0)})
    ('elu', 2.0)
    """
    name, bracket, rest = text.partition("(") if isinstance(text, str) else (text, "", "")
    one_of(argument, name, known)
    if not bracket:
        return str(name), None
    if name not in parameters:
        raise ValueError(f"{argument} {name!r} must have no parameter, got {text!r}")
    parameter = parameters[str(name)][0]
    value = rest.removesuffix(")").removeprefix(f"{parameter}=")
    try:
        return str(name), float(value)
    except ValueError as error:
        raise ValueError(
            f"{argument} must be written like '{name}({parameter}=0.5)', got {text!r}"
        ) from error


def count(name: str, value: Any) -> int:
    """Return value as an int >= 1."""
    try:
        number = operator.index(value)
    except TypeError as error:
        raise TypeError(f"{name} must be an integer, got {value!r}") from error
    if number < 1:
        raise ValueError(f"{name} must be at least 1, got {number}")
    return number


def finite_number(name: str, value: Number) -> Number:
    """Return value if it is a finite number."""
    try:
        finite = is_finite(value)
    except TypeError as error:
        raise TypeError(f"{name} must be a number, got {value!r}") from error
    if not finite:
        raise ValueError(f"{name} must be finite, got {value}")
    return value


def bounded(name: str, value: Number, below: Number = None) -> Number:
    """Return value if it is a finite number >= 0, and < below if that is given."""
    try:
        good = is_finite(value) and value >= 0 and (below is None or value < below)
    except TypeError as error:
        raise TypeError(f"{name} must be a number, got {value!r}") from error
    if not good:
        rule = "finite and >= 0" if below is None else f">= 0 and < {below}"
        raise ValueError(f"{name} must be {rule}, got {value}")
    return value


def positive(name: str, value: Number) -> Number:
    """Return value if it is a finite number > 0."""
    if not bounded(name, value):
        raise ValueError(f"{name} must be > 0, got {value}")
    return value


def number_type(dtype: str | NumberType) -> NumberType:
    """Return the function that makes a number of the network's type."""
    if callable(dtype):
        return dtype
    if not isinstance(dtype, str):
        raise TypeError(f"dtype must be 'float32', 'float64' or a number type, got {dtype!r}")
    one_of("dtype", dtype, ["float32", "float64"])
    return float


def as_given(value: Number) -> Number:
    """Convert nothing: the number type of a kernel is that of its arguments."""
    return value


def sequence(name: str, values: Any) -> Sequence[Any]:
    """Return values if they are a sequence with at least one item."""
    if isinstance(values, str | bytes) or not hasattr(values, "__len__"):
        raise TypeError(f"{name} must be a list of rows, got {type(values).__name__}")
    if len(values) == 0:
        raise ValueError(f"{name} must have at least 1 row, got 0")
    return values  # type: ignore[no-any-return]


def one_number(name: str, value: Any, row: int, number: NumberType) -> Number:
    """Return one entry in the network's number type."""
    try:
        if isinstance(value, str | bytes):
            raise TypeError("text is not a number, though float() and mpf() would take it")
        finite = is_finite(value)
        converted = number(value) if finite else value
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must hold real numbers, got {value!r} in row {row}") from error
    if not finite:
        raise ValueError(f"{name} must be finite, got {value} in row {row}")
    return converted


def number_rows(name: str, values: Any, n_columns: int, of: str, number: NumberType) -> Rows:
    """Return rows (n_rows, n_columns) in the network's number type, as new lists."""
    values = sequence(name, values)
    for r, row in enumerate(values):
        if isinstance(row, str | bytes) or not hasattr(row, "__len__"):
            raise TypeError(f"{name} must be a list of rows, got {row!r} in row {r}")
        if len(row) != n_columns:
            same = all(hasattr(other, "__len__") and len(other) == len(row) for other in values)
            came = f"shape ({len(values)}, {len(row)})" if same else f"{len(row)} in row {r}"
            columns = "1 column" if n_columns == 1 else f"{n_columns} columns"
            raise ValueError(f"{name} must have {columns} ({of}), got {came}")
    return [[one_number(name, v, r, number) for v in row] for r, row in enumerate(values)]


def row_weights(sample_weight: Any, n_rows: int, number: NumberType) -> Row:
    """Return w (n_rows,), all >= 0 and not all 0; without weights every row counts 1."""
    if sample_weight is None:
        return [1] * n_rows
    same_length("sample_weight", sequence("sample_weight", sample_weight), n_rows)
    weights = [one_number("sample_weight", w, r, number) for r, w in enumerate(sample_weight)]
    for r, w in enumerate(weights):
        if real(w) < 0:
            raise ValueError(f"sample_weight must be >= 0, got {w} in row {r}")
    if not any(weights):
        raise ValueError("sample_weight must have a sum above 0, got only zeros")
    return weights


def same_length(name: str, values: Sequence[Any], n_rows: int) -> None:
    """Refuse a list that has not one item for each row of x."""
    if len(values) != n_rows:
        raise ValueError(f"{name} must have {n_rows} rows (as many as x), got {len(values)}")


def target_rows(y: Any, n_rows: int, n_out: int, loss: str, number: NumberType = as_given) -> Rows:
    """Return targets as rows (n_rows, n_out), whichever way they were written.

    A list (n_rows,) holds class indices for cross_entropy and otherwise the values of the one
    output.
    """
    loss = loss.partition("(")[0]
    y = sequence("y", y)
    same_length("y", y, n_rows)
    flat = not hasattr(y[0], "__len__")
    if flat and loss == "cross_entropy":
        return [one_hot(label, r, n_out, number) for r, label in enumerate(y)]
    if flat and n_out > 1:
        raise ValueError(f"y must have {n_out} columns (one an output), got shape ({n_rows},)")
    if flat:
        y = [[value] for value in y]
    rows = number_rows("y", y, n_out, "one an output", number)
    if loss in TARGET_RULES:
        check_targets(rows, loss)
    return rows


def one_hot(label: Any, row: int, n_out: int, number: NumberType) -> Row:
    """Return a row with 1 at the place of the label and 0 elsewhere."""
    one_number("y", label, row, as_given)
    if label != int(label) or not 0 <= label < n_out:
        raise ValueError(
            f"y must hold class indices from 0 to {n_out - 1}, got {label} in row {row}"
        )
    return [number(int(j == label)) for j in range(n_out)]


# What the targets of some losses must be.
TARGET_RULES: dict[str, tuple[str, Callable[[Number], bool]]] = {
    "binary_cross_entropy": ("between 0 and 1", lambda y: 0 <= y <= 1),
    "cross_entropy": ("between 0 and 1", lambda y: 0 <= y <= 1),
    "gamma": ("above 0", lambda y: y > 0),
    "hinge": ("-1 or 1", lambda y: y in (-1, 1)),
    "kl_divergence": ("between 0 and 1", lambda y: 0 <= y <= 1),
    "poisson": ("at least 0", lambda y: y >= 0),
}


def check_targets(rows: Rows, loss: str) -> None:
    """Refuse targets that the loss is not defined for, and class rows that do not add up to 1."""
    rule, allowed = TARGET_RULES[loss]
    for r, row in enumerate(rows):
        for p in row:
            if not allowed(real(p)):
                raise ValueError(f"y must be {rule} for {loss}, got {p} in row {r}")
        if (
            loss in ("cross_entropy", "kl_divergence")
            and abs(add_up(row) - 1) > PROBABILITY_TOLERANCE
        ):
            raise ValueError(
                f"y must have rows with sum 1 for {loss}, got {add_up(row)} in row {r}"
            )
