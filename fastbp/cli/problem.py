"""From a table to a training problem: what to learn, from which rows, and on which to judge it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastbp as fb
from fastbp.cli import missing as policy
from fastbp.cli.errors import DataError
from fastbp.cli.split import set_aside
from fastbp.cli.tables import read_table
from fastbp.cli.tables.table import EITHER, NUMBERS, WORDS, Table, Words, name_list
from fastbp.cli.target import (
    CLASSIFICATION,
    REGRESSION,
    ClassTarget,
    Target,
    choose_task,
    class_target,
    number_target,
)

MAX_CATEGORIES = 256
TARGET_KINDS = {"auto": None, CLASSIFICATION: EITHER, REGRESSION: NUMBERS}


@dataclass(frozen=True)
class Question:
    """What is asked of a table.

    Attributes
    ----------
    target : str
        The column to predict.
    task : str
        "auto", "classification" or "regression".
    categorical, ignored : sequence of str
        Columns that hold names whatever they look like, and columns to leave out.
    missing : str
        "error", "mean" or "drop".
    test, validation : float
        Part of all rows to judge on, and part of the rest to watch.
    seed : int
        Seed of the split.
    """

    target: str
    task: str = "auto"
    categorical: Sequence[str] = ()
    ignored: Sequence[str] = ()
    missing: str = policy.REFUSE
    test: float = 0.2
    validation: float = 0.1
    seed: int = 0


@dataclass(frozen=True)
class Part:
    """Some of a table's rows.

    Attributes
    ----------
    table : Table
        The input columns, nothing missing.
    y : ndarray, shape (n_rows,)
        Labels (int64), or the target in its own unit.
    """

    table: Table
    y: NDArray[Any]

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True)
class Problem:
    """Rows in three parts.

    Attributes
    ----------
    target : ClassTarget or NumberTarget
        What to predict; its class names come from all rows.
    columns : fb.Columns
        The inputs, fitted on the training rows.
    fill : dict from str to float or str, or None
        What stands for a missing value, learned from the training rows.
    training : Part
        Rows to train on.
    validation, test : Part or None
        Rows to watch during training and rows to judge the result on; None where there are none.
    n_filled, n_dropped : int
        Missing values that were filled, and rows that were left out.
    """

    target: Target
    columns: fb.Columns
    fill: policy.Fill | None
    training: Part
    validation: Part | None
    test: Part | None
    n_filled: int = 0
    n_dropped: int = 0


def read_question(path: str, names: Sequence[str], question: Question) -> Table:
    """Return the columns that a question is about, the target last.

    Parameters
    ----------
    path : str
        The file.
    names : sequence of str
        Its columns.
    question : Question
        What is asked.

    Raises
    ------
    DataError
        If a column that is named does not exist, no column is left, or as `read_table`.
    """
    inputs = [name for name in names if name not in {question.target, *question.ignored}]
    for name in [question.target, *question.categorical, *question.ignored]:
        if name not in names:
            raise DataError(
                f"{path}: must have a column {name!r}, got the columns {name_list(names)}"
            )
    if not inputs:
        raise DataError(
            f"{path}: must have a column besides the target {question.target!r}, got none"
        )
    kinds: dict[str, str | None] = {
        name: WORDS if name in question.categorical else None for name in inputs
    }
    kinds[question.target] = TARGET_KINDS[question.task]
    return read_table(path, kinds, {question.target: "--task classification if it holds names"})


def make_problem(table: Table, question: Question) -> Problem:
    """Choose the task, split the rows, fill what is missing and fit the columns.

    Parameters
    ----------
    table : Table
        The input columns and the target.
    question : Question
        What is asked.

    Returns
    -------
    Problem
        The parts.

    Raises
    ------
    DataError
        If values are missing, the target is not fit for the task, a column has too many categories
        or there are too few rows.
    """
    n_rows = table.n_rows
    if question.missing == policy.REFUSE:
        policy.check_complete(table, "--missing mean or drop lets them be")
    else:
        needed = table if question.missing == policy.DROP else table.select([question.target])
        table = table.take(policy.complete_rows(needed))
        if not table.n_rows:
            raise DataError(f"{table.path}: must have rows without missing values, got none")
    target = _target(table, question)
    y = target.values(table)
    inputs = table.select(name for name in table.columns if name != question.target)
    is_class = isinstance(target, ClassTarget)
    labels = y.astype(np.int64) if is_class else np.zeros(len(y), dtype=np.int64)
    rows = _split(table.path, labels, question)
    fill, n_filled = None, policy.count_missing(inputs)
    if question.missing == policy.MEAN:
        fill = policy.fill_of(inputs.take(rows[0]))
        inputs = policy.filled(inputs, fill)
    training, validation, test = (Part(inputs.take(part), y[part]) for part in rows)
    return Problem(
        target,
        _columns(training.table),
        fill,
        training,
        validation if len(validation) else None,
        test if len(test) else None,
        n_filled,
        n_rows - table.n_rows,
    )


def _target(table: Table, question: Question) -> Target:
    """Return the classes or the number that the target column holds."""
    task = question.task
    if task == "auto":
        task = choose_task(table.columns[question.target])
    choose = class_target if task == CLASSIFICATION else number_target
    return choose(table, question.target)


def _columns(table: Table) -> fb.Columns:
    """Return the inputs' columns, fitted."""
    words = {name: column for name, column in table.columns.items() if isinstance(column, Words)}
    for name, column in words.items():
        count = len(np.unique(column.codes))
        if count > MAX_CATEGORIES:
            raise DataError(
                f"{table.path}, column {name!r}: must have at most {MAX_CATEGORIES} categories, "
                f"got {count} (--ignore {name!r} leaves it out)"
            )
    numeric = [name for name in table.columns if name not in words]
    columns = fb.Columns(numeric, list(words), "ignore", "ignore", MAX_CATEGORIES)
    return columns.fit(table.plain())


def _split(path: str, labels: NDArray[np.int64], question: Question) -> list[NDArray[np.int64]]:
    """Return the row indices of the training, validation and test parts."""
    rng = np.random.default_rng(question.seed)
    kept, test = set_aside(labels, question.test, rng)
    if question.test and not len(test):
        raise DataError(
            f"{path}: must have rows enough for a test part of {question.test:g}, "
            f"got {len(labels)} (--test-fraction 0 trains on all rows)"
        )
    training, validation = set_aside(labels[kept], question.validation, rng)
    return [kept[training], kept[validation], test]
