"""From a table to a training problem: what to learn, from which rows, and on which to judge it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp.cli.encoding import (
    CLASSIFICATION,
    ClassTarget,
    NumberTarget,
    Standardization,
    choose_task,
    encode_classes,
    numeric_target,
)
from fastbp.cli.errors import DataError
from fastbp.cli.record import TableRecord
from fastbp.cli.report import Part
from fastbp.cli.split import set_aside
from fastbp.cli.table import Table


@dataclass(frozen=True)
class Fractions:
    """How much of the table is not trained on: of all rows, and then of the rest."""

    test: float
    validation: float


@dataclass(frozen=True)
class Problem:
    """Scaled rows in three parts.

    Attributes
    ----------
    record : TableRecord
        Columns, scaling and target, learned from the training rows (the class names from all).
    training : Part
        Rows to train on.
    validation, test : Part or None
        Rows to watch during training and rows to judge the result on; None where there are none.
    """

    record: TableRecord
    training: Part
    validation: Part | None
    test: Part | None


def make_problem(
    table: Table, target_name: str, task: str, fractions: Fractions, seed: int, dtype: str
) -> Problem:
    """Choose the task, split the rows and scale the columns.

    Parameters
    ----------
    table : Table
        The columns with their target.
    target_name : str
        The target column.
    task : str
        "auto", "classification" or "regression".
    fractions : Fractions
        Sizes of the test and validation parts.
    seed : int
        Seed of the random split.
    dtype : str
        The network's dtype.

    Returns
    -------
    Problem
        The parts.

    Raises
    ------
    DataError
        If the target is not fit for the task or there are too few rows for the test part.
    """
    numbers = numeric_target(table, target_name, task)
    chosen = choose_task(numbers) if task == "auto" else task
    target: ClassTarget | NumberTarget
    y: NDArray[Any]
    if numbers is None or chosen == CLASSIFICATION:
        target, y = encode_classes(table, target_name, numbers)
        training, validation, test = _split(table, y, fractions, seed)
    else:
        _check_varies(table, target_name, numbers)
        alike = np.zeros(len(numbers), dtype=np.int64)
        training, validation, test = _split(table, alike, fractions, seed)
        column = numbers[:, np.newaxis]
        target = NumberTarget(target_name, Standardization.of(column[training]))
        y = target.scaling.apply(column)[:, 0]
    record = TableRecord(table.names, Standardization.of(table.numbers[training]), target)
    x = record.inputs(table, dtype)
    watched, judged = (Part(x[rows], y[rows]) if len(rows) else None for rows in (validation, test))
    return Problem(record, Part(x[training], y[training]), watched, judged)


def _split(
    table: Table, labels: NDArray[np.int64], fractions: Fractions, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the row indices of the training, validation and test parts."""
    rng = np.random.default_rng(seed)
    kept, test = set_aside(labels, fractions.test, rng)
    if fractions.test and not len(test):
        raise DataError(
            f"{table.path}: must have rows enough for a test part of {fractions.test:g}, "
            f"got {len(labels)} (--test-fraction 0 trains on all rows)"
        )
    training, validation = set_aside(labels[kept], fractions.validation, rng)
    return kept[training], kept[validation], test


def _check_varies(table: Table, name: str, numbers: NDArray[np.float64]) -> None:
    if (numbers == numbers[0]).all():
        raise DataError(
            f"{table.path}, column {name!r}: the target must have at least two different values, "
            f"got only {numbers[0]:g}"
        )
