"""Read a Parquet file with pyarrow."""

import importlib
from collections.abc import Mapping
from typing import Any

from fastbp.cli.errors import DataError, UsageError
from fastbp.cli.tables.arrow_csv import column_of
from fastbp.cli.tables.table import NUMBERS, WORDS, Column


def read_names(path: str) -> list[str]:
    """Return the names of the columns."""
    return list(_open(path).schema_arrow.names)


def read(path: str, kinds: Mapping[str, str | None]) -> dict[str, Column]:
    """Read columns.

    Parameters
    ----------
    path : str
        The file.
    kinds : dict from str to str or None
        The columns wanted, each `NUMBERS`, `WORDS`, or None for what the file has.

    Returns
    -------
    dict from str to ndarray of float64 or Words
        The columns. True and false are 1 and 0.

    Raises
    ------
    DataError
        If a column has neither numbers nor text, or text where numbers must be.
    """
    pa = importlib.import_module("pyarrow")
    table = _open(path).read(columns=list(kinds))
    try:
        return {name: _column(path, name, table[name], kind) for name, kind in kinds.items()}
    except pa.ArrowInvalid as error:
        raise DataError(f"{path}: {error}") from None


def _open(path: str) -> Any:
    """Open the file."""
    try:
        pa = importlib.import_module("pyarrow")
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise UsageError(
            f"{path} needs pyarrow, which is not installed: pip install pyarrow"
        ) from None
    try:
        return parquet.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise DataError(f"{path}: must be a Parquet file: {error}") from None


def _column(path: str, name: str, values: Any, kind: str | None) -> Column:
    """Return one column."""
    pa = importlib.import_module("pyarrow")
    of = pa.types
    plain = values.type.value_type if of.is_dictionary(values.type) else values.type
    is_number = of.is_integer(plain) or of.is_floating(plain) or of.is_decimal(plain)
    is_number = is_number or of.is_boolean(plain) or of.is_null(plain)
    is_text = of.is_string(plain) or of.is_large_string(plain)
    if not (is_number or is_text) or (is_text and kind == NUMBERS):
        rule = "numbers" if kind == NUMBERS else "numbers or text"
        raise DataError(f"{path}, column {name!r}: must hold {rule}, got {values.type}")
    values = values.cast(plain)
    if is_number and kind != WORDS:
        if of.is_boolean(plain):
            values = values.cast(pa.uint8())
        # Integers beyond 2^53 are rounded, as they are in text.
        return column_of(values.cast(pa.float64(), safe=False))
    return column_of(values.cast(pa.string()).dictionary_encode())
