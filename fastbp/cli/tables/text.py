"""Read a delimited text file by the fastest reader there is, and row by row where it must be."""

import importlib.util
import os
from collections.abc import Callable, Mapping

from fastbp.cli.tables import rowwise
from fastbp.cli.tables.delimited import Layout
from fastbp.cli.tables.table import Column, Words

# Below, importing another package takes longer than it saves.
LARGE_BYTES = 8 << 20
# No longer than what the module csv takes for a field.
HUGE_WORD = 1 << 16

Reader = Callable[[Layout, Mapping[str, str]], dict[str, Column] | None]


def read(layout: Layout, kinds: Mapping[str, str | None]) -> dict[str, Column]:
    """Read columns.

    Parameters
    ----------
    layout : Layout
        The file.
    kinds : dict from str to str or None
        The columns wanted, each `NUMBERS`, `WORDS`, or None for numbers where all its values are.

    Returns
    -------
    dict from str to ndarray of float64 or Words
        The columns, the same by whichever reader.

    Raises
    ------
    DataError
        As `rowwise.read`.
    """
    reader = fast_reader() if os.path.getsize(layout.path) >= LARGE_BYTES else None
    found = None if reader is None else reader(layout, rowwise.guess(layout, kinds))
    if found is None or any(map(_is_huge, found.values())):
        return rowwise.read(layout, kinds)
    return found


def _is_huge(column: Column) -> bool:
    """Return whether a column has a word that a row reader takes for an open quote."""
    return isinstance(column, Words) and max(map(len, column.words), default=0) > HUGE_WORD


def fast_reader() -> Reader | None:
    """Return the reader of pyarrow or pandas; None where neither is installed."""
    if importlib.util.find_spec("pyarrow"):
        from fastbp.cli.tables import arrow_csv

        return arrow_csv.read
    if importlib.util.find_spec("pandas"):
        from fastbp.cli.tables import pandas_csv

        return pandas_csv.read
    return None
