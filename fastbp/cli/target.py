"""The column to predict: a class of each row, or a number."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastbp.cli.errors import DataError
from fastbp.cli.tables.table import Column, Numbers, Table, Words, parse_number

CLASSIFICATION = "classification"
REGRESSION = "regression"
MAX_INTEGER_CLASSES = 20


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

    def values(self, table: Table) -> NDArray[np.int64]:
        """Return the label of each row of a table that has this column, without missing values.

        Raises
        ------
        DataError
            If there is a class that the network does not know.
        """
        column = table.columns[self.name]
        if isinstance(column, Words):
            places = {name: place for place, name in enumerate(self.classes)}
            known = [places.get(word, -1) for word in column.words]
            labels = np.array(known, dtype=np.int64)[column.codes]
        else:
            distinct, place = np.unique(column, return_inverse=True)
            numbers = [parse_number(name) for name in self.classes]
            known = [numbers.index(value) if value in numbers else -1 for value in distinct]
            labels = np.array(known, dtype=np.int64)[place]
        if (labels < 0).any():
            row = int((labels < 0).argmax())
            raise table.fault(row, self.name, "must be a class that the model knows")
        return labels


@dataclass(frozen=True)
class NumberTarget:
    """A numeric target column; a network has one identity output.

    Attributes
    ----------
    name : str
        The column.
    """

    name: str
    task = REGRESSION
    n_outputs = 1

    def decode(self, outputs: NDArray[np.floating]) -> list[str]:
        """Return the prediction of each row of outputs, shape (n_rows, 1), in the target's unit."""
        return [repr(value) for value in outputs[:, 0].tolist()]

    def values(self, table: Table) -> Numbers:
        """Return the number of each row of a table that has this column."""
        column = table.columns[self.name]
        assert not isinstance(column, Words), "the column was read as numbers"
        return column


Target = ClassTarget | NumberTarget


def choose_task(column: Column) -> str:
    """Return the task for a target: regression unless it is text or has few distinct integers."""
    if isinstance(column, Words):
        return CLASSIFICATION
    distinct = np.unique(column)
    few_integers = len(distinct) <= MAX_INTEGER_CLASSES and bool((distinct % 1 == 0).all())
    return CLASSIFICATION if few_integers else REGRESSION


def class_target(table: Table, name: str) -> ClassTarget:
    """Return the classes of a column, by value where it has numbers, else by name.

    Raises
    ------
    DataError
        If there is one class only, or more classes than half the number of rows.
    """
    column = table.columns[name]
    if isinstance(column, Words):
        present = np.unique(column.codes).tolist()
        classes = tuple(column.words[code] for code in present)
    else:
        classes = tuple(class_name(value) for value in np.unique(column).tolist())
    if len(classes) == 1:
        raise DataError(
            f"{table.path}, column {name!r}: the target must have at least two classes, "
            f"got only {classes[0]!r}"
        )
    if 2 * len(classes) > table.n_rows:
        raise DataError(
            f"{table.path}, column {name!r}: a target of classes must have at most half as many "
            f"classes as rows, got {len(classes)} in {table.n_rows} rows"
        )
    return ClassTarget(name, classes)


def number_target(table: Table, name: str) -> NumberTarget:
    """Return the target of a column of numbers.

    Raises
    ------
    DataError
        If all numbers are the same.
    """
    numbers = NumberTarget(name).values(table)
    if (numbers == numbers[0]).all():
        raise DataError(
            f"{table.path}, column {name!r}: the target must have at least two different values, "
            f"got only {numbers[0]:g}"
        )
    return NumberTarget(name)


def class_name(value: float) -> str:
    """Return what a class is called that is a number."""
    return str(int(value)) if value.is_integer() else str(value)
