"""What a model file must say about its table: column names, scaling and the target's meaning."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp.cli.encoding import (
    CLASSIFICATION,
    REGRESSION,
    ClassTarget,
    NumberTarget,
    Standardization,
)
from fastbp.cli.errors import DataError
from fastbp.cli.table import Table, row_line

METADATA_KEY = "table"
VERSION = 1


@dataclass(frozen=True)
class TableRecord:
    """The table a network was trained on, as far as predictions need it.

    Attributes
    ----------
    columns : tuple of str
        Names of the input columns in the network's order.
    scaling : Standardization
        The scaling of the input columns.
    target : ClassTarget or NumberTarget
        What the outputs mean.
    """

    columns: tuple[str, ...]
    scaling: Standardization
    target: ClassTarget | NumberTarget

    def inputs(self, table: Table, dtype: Any) -> NDArray[np.floating]:
        """Return the network's inputs for a table with this record's columns.

        Parameters
        ----------
        table : Table
            Numeric columns in this record's order.
        dtype : dtype
            The network's dtype.

        Returns
        -------
        ndarray, shape (n_rows, n_columns), dtype
            The scaled columns.

        Raises
        ------
        DataError
            If a value is so far from the training rows that `dtype` cannot hold it.
        """
        with np.errstate(over="ignore"):
            x = self.scaling.apply(table.numbers).astype(dtype)
        finite = np.isfinite(x)
        if not finite.all():
            row, column = np.argwhere(~finite)[0].tolist()
            raise DataError(
                f"{table.path}, line {row_line(table, row)}, column {self.columns[column]!r}: "
                f"value must fit {x.dtype} after scaling, got {table.numbers[row, column]:g}"
            )
        return x

    def to_metadata(self) -> dict[str, Any]:
        """Return the record as a dict that JSON can hold."""
        record: dict[str, Any] = {
            "version": VERSION,
            "task": self.target.task,
            "columns": list(self.columns),
            "mean": self.scaling.mean.tolist(),
            "scale": self.scaling.scale.tolist(),
            "target": self.target.name,
        }
        if isinstance(self.target, ClassTarget):
            return record | {"classes": list(self.target.classes)}
        return record | {
            "target_mean": self.target.scaling.mean.tolist(),
            "target_scale": self.target.scaling.scale.tolist(),
        }

    @classmethod
    def from_metadata(cls, path: str, record: Any, sizes: list[int]) -> "TableRecord":
        """Return the record that a model file carries.

        Parameters
        ----------
        path : str
            The model file, for messages.
        record : object
            What the network's metadata has under `METADATA_KEY`; None if nothing.
        sizes : list of int
            The network's sizes, inputs first.

        Returns
        -------
        TableRecord
            The record, checked against the network's inputs and outputs.

        Raises
        ------
        DataError
            If there is no record or a part of it is not as `to_metadata` writes it.
        """
        if not isinstance(record, dict):
            raise DataError(
                f"{path}: must be a model saved by `fastbp train`, got a network without a "
                "record of its table"
            )
        if record.get("version") != VERSION:
            raise DataError(
                f"{path}: the record of the table must have version {VERSION}, "
                f"got {record.get('version')!r}"
            )
        part = _Parts(path, record)
        columns = part.names("columns", sizes[0])
        scaling = part.scaling("mean", "scale", sizes[0])
        return cls(columns, scaling, part.target(sizes[-1]))


@dataclass(frozen=True)
class _Parts:
    """Checked access to the parts of a record read from a file."""

    path: str
    record: dict[str, Any]

    def target(self, n_outputs: int) -> ClassTarget | NumberTarget:
        """Return what the outputs mean."""
        name = self.record.get("target")
        if not isinstance(name, str):
            raise self._fault("target", "a column name")
        if self.record.get("task") == CLASSIFICATION:
            return ClassTarget(name, self.names("classes", n_outputs))
        if self.record.get("task") == REGRESSION and n_outputs == 1:
            return NumberTarget(name, self.scaling("target_mean", "target_scale", 1))
        raise self._fault("task", f"a task for a network with {n_outputs} outputs")

    def names(self, key: str, count: int) -> tuple[str, ...]:
        """Return `count` different names."""
        value = self.record.get(key)
        if (
            not isinstance(value, list)
            or not all(isinstance(name, str) for name in value)
            or not len(value) == len(set(value)) == count
        ):
            raise self._fault(key, f"a list of {count} different names")
        return tuple(value)

    def scaling(self, mean_key: str, scale_key: str, count: int) -> Standardization:
        """Return the scaling of `count` columns."""
        scale = self._numbers(scale_key, count)
        if not (scale > 0).all():
            raise self._fault(scale_key, f"a list of {count} numbers above 0")
        return Standardization(self._numbers(mean_key, count), scale)

    def _numbers(self, key: str, count: int) -> NDArray[np.float64]:
        value = self.record.get(key)
        if (
            not isinstance(value, list)
            or len(value) != count
            or not all(type(number) in (int, float) and math.isfinite(number) for number in value)
        ):
            raise self._fault(key, f"a list of {count} finite numbers")
        return np.array(value, dtype=np.float64)

    def _fault(self, key: str, rule: str) -> DataError:
        value = repr(self.record.get(key))
        shown = value if len(value) <= 60 else value[:60] + "..."
        return DataError(f"{self.path}: the table record's {key!r} must be {rule}, got {shown}")
