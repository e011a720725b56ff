"""Read a model file and check what it says about its table."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import fastbp as fb
from fastbp.cli.errors import DataError
from fastbp.cli.model import METADATA_KEY, VERSION, Model
from fastbp.cli.target import CLASSIFICATION, REGRESSION, ClassTarget, NumberTarget, Target


def load_network(path: str) -> fb.Network:
    """Return the network of a model file.

    Raises
    ------
    DataError
        If there is no such file or it is no model.
    """
    try:
        return fb.load(path)
    except FileNotFoundError:
        raise DataError(f"{path}: the file does not exist") from None
    except fb.FileFormatError as error:
        raise DataError(f"{path}: {error}") from None


def load_model(path: str) -> Model:
    """Return the model that `fastbp train` saved.

    Parameters
    ----------
    path : str
        The file.

    Raises
    ------
    DataError
        If there is no such file, or it is no model of `fastbp train`.
    """
    network = load_network(path)
    record = network.metadata.get(METADATA_KEY)
    if not isinstance(record, dict):
        raise DataError(
            f"{path}: must be a model saved by `fastbp train`, got a network without a record of "
            "its table"
        )
    if record.get("version") != VERSION:
        raise DataError(
            f"{path}: the record of the table must have version {VERSION}, "
            f"got {record.get('version')!r}"
        )
    columns = network.inputs
    if not isinstance(columns, fb.Columns):
        raise DataError(f"{path}: must be a network that takes the columns of a table")
    part = Parts(path, record)
    target = part.target(network.sizes[-1])
    return Model(network, target, part.fill(columns.names), part.training())


@dataclass(frozen=True)
class Parts:
    """Checked access to the parts of a record read from a file."""

    path: str
    record: dict[str, Any]

    def target(self, n_outputs: int) -> Target:
        """Return what the outputs mean."""
        name = self.record.get("target")
        if not isinstance(name, str):
            raise self._fault("target", "a column name")
        if self.record.get("task") == CLASSIFICATION:
            return ClassTarget(name, self._classes(n_outputs))
        if self.record.get("task") == REGRESSION and n_outputs == 1:
            return NumberTarget(name)
        raise self._fault("task", f"a task for a network with {n_outputs} outputs")

    def fill(self, names: Iterable[str]) -> dict[str, float | str] | None:
        """Return what stands for missing values."""
        value = self.record.get("fill")
        if value is None:
            return None
        if not isinstance(value, dict) or set(value) != set(names):
            raise self._fault("fill", "a value for each input column")
        for filler in value.values():
            is_number = type(filler) in (int, float) and math.isfinite(filler)
            if not (is_number or isinstance(filler, str)):
                raise self._fault("fill", "finite numbers and words")
        return value

    def training(self) -> dict[str, Any]:
        """Return the record of the training."""
        value = self.record.get("training")
        if not isinstance(value, dict):
            raise self._fault("training", "a record of the training")
        return value

    def _classes(self, count: int) -> tuple[str, ...]:
        """Return `count` different names."""
        value = self.record.get("classes")
        if (
            not isinstance(value, list)
            or not all(isinstance(name, str) for name in value)
            or not len(value) == len(set(value)) == count
        ):
            raise self._fault("classes", f"a list of {count} different names")
        return tuple(value)

    def _fault(self, key: str, rule: str) -> DataError:
        value = repr(self.record.get(key))
        shown = value if len(value) <= 60 else value[:60] + "..."
        return DataError(f"{self.path}: the table record's {key!r} must be {rule}, got {shown}")
