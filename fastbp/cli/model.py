"""A network with what a table's columns and its outputs mean, in memory and in its file."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastbp as fb
from fastbp.cli import missing as policy
from fastbp.cli.tables import read_table
from fastbp.cli.tables.table import EITHER, NUMBERS, WORDS, Table, Words
from fastbp.cli.target import ClassTarget, Target

METADATA_KEY = "table"
VERSION = 2


@dataclass
class Model:
    """A network and the table that it was trained on, as far as others need it.

    Attributes
    ----------
    network : Network
        Takes the columns as they are, and gives a regression's target in its own unit.
    target : ClassTarget or NumberTarget
        What the outputs mean.
    fill : dict from str to float or str, or None
        What stands for a missing value of a column; None where none may be missing.
    training : dict
        The record of the training: options, rows, epochs, figures.
    """

    network: fb.Network
    target: Target
    fill: policy.Fill | None = None
    training: dict[str, Any] = field(default_factory=dict)

    @property
    def columns(self) -> fb.Columns:
        """The input columns."""
        columns = self.network.inputs
        assert isinstance(columns, fb.Columns), "a record is for networks that take tables"
        return columns

    def predict(self, table: Table) -> NDArray[np.floating]:
        """Return the outputs for a table with the input columns, nothing missing.

        Raises
        ------
        DataError
            If a value is so far from the training rows that the network's dtype cannot hold it.
        """
        self.check_fits(table)
        return self.network.predict(table.plain())

    def check_fits(self, table: Table) -> None:
        """Refuse what the network's dtype cannot hold."""
        largest = np.finfo(self.network.dtype).max
        for column in self.columns.columns:
            values = table.columns[column.name]
            if isinstance(values, Words) or column.mean is None or column.scale is None:
                continue
            with np.errstate(over="ignore"):
                far = np.abs((values - column.mean) / column.scale) > largest
            if far.any():
                rule = f"must fit {self.network.dtype} after scaling"
                raise table.fault(int(far.argmax()), column.name, rule)

    def count_unknown(self, table: Table) -> int:
        """Return how many values of a table are categories that the training rows did not have."""
        count = 0
        for column in self.columns.columns:
            values = table.columns[column.name]
            if isinstance(values, Words):
                known = {*(column.categories or ())}
                strange = [code for code, word in enumerate(values.words) if word not in known]
                count += int(np.isin(values.codes, strange).sum())
        return count

    def read(self, path: str, with_target: bool = False) -> Table:
        """Return the columns of a file that the model takes, and the target where it is wanted.

        Raises
        ------
        DataError
            If a column is missing, or as `read_table`.
        """
        kinds: dict[str, str | None] = {
            column.name: NUMBERS if column.kind == "numeric" else WORDS
            for column in self.columns.columns
        }
        if with_target:
            is_class = isinstance(self.target, ClassTarget)
            kinds[self.target.name] = EITHER if is_class else NUMBERS
        return read_table(path, kinds)

    def complete(self, table: Table, drop: bool = False) -> Table:
        """Return a table without missing values: filled as the model does, or rows left out.

        Categories that the training rows did not have are noted on standard error.

        Raises
        ------
        DataError
            If a value is missing and the model was not trained to fill it.
        """
        if unknown := self.count_unknown(table):
            note = "values are categories that the model does not know, and count as none of them"
            print(f"fastbp: note: {unknown} {note}", file=sys.stderr)
        if self.fill is not None:
            table = policy.filled(table, self.fill)
        if drop:
            return table.take(policy.complete_rows(table))
        hint = "" if self.fill is not None else "a model trained with --missing mean fills it"
        policy.check_complete(table, hint)
        return table

    def save(self, path: str) -> None:
        """Write the model."""
        self.network.metadata[METADATA_KEY] = self._metadata()
        self.network.save(path)

    def _metadata(self) -> dict[str, Any]:
        record: dict[str, Any] = {
            "version": VERSION,
            "task": self.target.task,
            "target": self.target.name,
            "training": self.training,
        }
        if self.fill is not None:
            record["fill"] = dict(self.fill)
        if isinstance(self.target, ClassTarget):
            record["classes"] = list(self.target.classes)
        return record
