"""Turn columns into what a network takes and its outputs back into the columns' own terms."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastbp.cli.errors import DataError
from fastbp.cli.table import Table, parse_number, row_line

CLASSIFICATION = "classification"
REGRESSION = "regression"
MAX_INTEGER_CLASSES = 20


@dataclass(frozen=True)
class Standardization:
    """The scaling of columns: ``(value - mean) / scale``.

    Attributes
    ----------
    mean, scale : ndarray, shape (n_columns,), float64
        Mean and standard deviation of the training rows; scale 1 for a constant column.
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> "Standardization":
        """Return the scaling of columns, shape (n_rows, n_columns)."""
        magnitude = np.abs(values).max(axis=0)
        magnitude[magnitude == 0] = 1.0
        # So divided, no sum overflows and a constant column deviates by exactly 0.
        relative = values / magnitude
        mean = relative.mean(axis=0) * magnitude
        deviation = relative.std(axis=0) * magnitude
        scale = np.where(deviation > 0, deviation, 1.0)
        return cls(mean, scale)

    def apply(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the scaled columns."""
        return (values - self.mean) / self.scale

    def undo(self, scaled: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the columns on their own scale."""
        return scaled * self.scale + self.mean


@dataclass(frozen=True)
class ClassTarget:
    """A target column of class names; a network has one softmax output a class.

    Attributes
    ----------
    name : str
        The column.
    classes : tuple of str
        The names in the order of the outputs.
    """

    name: str
    classes: tuple[str, ...]
    task = CLASSIFICATION

    @property
    def n_outputs(self) -> int:
        """Number of the network's outputs."""
        return len(self.classes)

    def decode(self, outputs: NDArray[np.floating]) -> list[str]:
        """Return the most probable class of each row of outputs, shape (n_rows, n_classes)."""
        return [self.classes[label] for label in outputs.argmax(axis=1)]


@dataclass(frozen=True)
class NumberTarget:
    """A numeric target column, standardised; a network has one identity output.

    Attributes
    ----------
    name : str
        The column.
    scaling : Standardization
        The scaling of the one column.
    """

    name: str
    scaling: Standardization
    task = REGRESSION
    n_outputs = 1

    def decode(self, outputs: NDArray[np.floating]) -> list[str]:
        """Return the prediction of each row of outputs, shape (n_rows, 1), in the target's unit."""
        return [repr(value) for value in self.scaling.undo(outputs)[:, 0].tolist()]


def numeric_target(table: Table, name: str, task: str) -> NDArray[np.float64] | None:
    """Return the target as numbers, or None if it is a classification by names.

    Parameters
    ----------
    table : Table
        A table with a target.
    name : str
        The target column, for messages.
    task : str
        "auto", "classification" or "regression".

    Returns
    -------
    ndarray, shape (n_rows,), float64, or None
        The numbers if all fields are numbers.

    Raises
    ------
    DataError
        If a value is not a finite number where numbers are needed: for regression, or because at
        least half of the column are numbers and nobody has said that it holds class names.
    """
    texts = table.target or []
    values = [parse_number(text) for text in texts]
    bad = [row for row, value in enumerate(values) if value is None or not math.isfinite(value)]
    if not bad:
        return np.array(values, dtype=np.float64)
    mostly_numbers = 2 * len(bad) <= len(texts)
    if task == CLASSIFICATION or (task != REGRESSION and not mostly_numbers):
        return None
    row = bad[0]
    hint = "" if task == REGRESSION else " (class names? say --task classification)"
    raise DataError(
        f"{table.path}, line {row_line(table, row)}, column {name!r}: value must be a finite "
        f"number{hint}, got {texts[row]!r}"
    )


def choose_task(numbers: NDArray[np.float64] | None) -> str:
    """Return the task for a target: regression unless it is text or has few distinct integers."""
    if numbers is None:
        return CLASSIFICATION
    distinct = np.unique(numbers)
    few_integers = len(distinct) <= MAX_INTEGER_CLASSES and bool((distinct % 1 == 0).all())
    return CLASSIFICATION if few_integers else REGRESSION


def encode_classes(
    table: Table, name: str, numbers: NDArray[np.float64] | None
) -> tuple[ClassTarget, NDArray[np.int64]]:
    """Return the class names, sorted, and each row's label.

    Parameters
    ----------
    table : Table
        A table with a target.
    name : str
        The target column.
    numbers : ndarray, shape (n_rows,), or None
        The target's numbers if it has numbers: equal numbers are one class, sorted by value.

    Returns
    -------
    target : ClassTarget
        The classes.
    labels : ndarray, shape (n_rows,), int64
        The index of each row's class.

    Raises
    ------
    DataError
        If there is one class only, or more classes than half the number of rows.
    """
    column = np.array(table.target) if numbers is None else numbers
    distinct, labels = np.unique(column, return_inverse=True)
    if len(distinct) == 1:
        raise DataError(
            f"{table.path}, column {name!r}: the target must have at least two classes, "
            f"got only {(table.target or [''])[0]!r}"
        )
    if 2 * len(distinct) > len(column):
        raise DataError(
            f"{table.path}, column {name!r}: a target of classes must have at most half as many "
            f"classes as rows, got {len(distinct)} in {len(column)} rows"
        )
    return ClassTarget(name, tuple(map(_class_name, distinct.tolist()))), labels.astype(np.int64)


def _class_name(value: str | float) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
