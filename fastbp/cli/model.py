"""A network with what a table's columns and its outputs mean, in memory and in its file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastbp as fb
from fastbp.cli import missing as policy
from fastbp.cli.columns import Columns
from fastbp.cli.tables import read_table
from fastbp.cli.tables.table import EITHER, NUMBERS, WORDS, Table
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
    columns: Columns
    target: Target
    scaling: tuple[float, float]
    fill: policy.Fill | None = None
    training: dict[str, Any] = field(default_factory=dict)

    def predict(self, table: Table) -> NDArray[np.floating]:
        """Return the outputs for a table with the input columns, nothing missing."""
        x = self.columns.transform(table.plain())
        with np.errstate(over="ignore"):
            x = x.astype(self.network.dtype)
        finite = np.isfinite(x)
        if not finite.all():
            row, column = np.argwhere(~finite)[0].tolist()
            rule = f"must fit {x.dtype} after scaling"
            raise table.fault(row, self.columns.numeric[column], rule)
        outputs = self.network.predict(x)
        if isinstance(self.target, ClassTarget):
            return outputs
        mean, scale = self.scaling
        return outputs.astype(np.float64) * scale + mean

    def read(self, path: str, with_target: bool = False) -> Table:
        """Return the columns of a file that the model takes, and the target where it is wanted.

        Raises
        ------
        DataError
            If a column is missing, or as `read_table`.
        """
        kinds: dict[str, str | None] = dict.fromkeys(self.columns.numeric, NUMBERS)
        kinds |= dict.fromkeys(self.columns.categorical, WORDS)
        if with_target:
            is_class = isinstance(self.target, ClassTarget)
            kinds[self.target.name] = EITHER if is_class else NUMBERS
        return read_table(path, kinds)

    def complete(self, table: Table, drop: bool = False) -> Table:
        """Return a table without missing values: filled as the model does, or rows left out.

        Raises
        ------
        DataError
            If a value is missing and the model was not trained to fill it.
        """
        if self.fill is not None:
            table = policy.filled(table, self.fill)
        if drop:
            return table.take(policy.complete_rows(table))
        hint = "" if self.fill is not None else "a model trained with --missing mean fills it"
        policy.check_complete(table, hint)
        return table

    def described_columns(self) -> list[dict[str, Any]]:
        """Return what is known of each input column."""
        told = self.columns
        numeric = [
            {"name": n, "kind": "numeric", "mean": told.mean[n], "scale": told.scale[n]}
            for n in told.numeric
        ]
        return numeric + [
            {"name": n, "kind": "categorical", "categories": told.categories[n]}
            for n in told.categorical
        ]

    def save(self, path: str) -> None:
        """Write the model."""
        self.network.metadata[METADATA_KEY] = self._metadata()
        self.network.save(path)

    def _metadata(self) -> dict[str, Any]:
        record: dict[str, Any] = {
            "version": VERSION,
            "task": self.target.task,
            "target": self.target.name,
            "columns": {
                "numeric": self.columns.numeric,
                "mean": self.columns.mean,
                "scale": self.columns.scale,
                "categories": self.columns.categories,
            },
            "scaling": list(self.scaling),
            "training": self.training,
        }
        if self.fill is not None:
            record["fill"] = dict(self.fill)
        if isinstance(self.target, ClassTarget):
            record["classes"] = list(self.target.classes)
        return record
