"""Read a large delimited file with pyarrow, which parses numbers to the nearest double."""

import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from fastbp.cli.tables.delimited import Layout
from fastbp.cli.tables.table import MISSING, NUMBERS, Column, Words
from fastbp.cli.tables.textfile import holds


def read(layout: Layout, kinds: Mapping[str, str]) -> dict[str, Column] | None:
    """Return the columns wanted; None where the file must be read row by row.

    Parameters
    ----------
    layout : Layout
        The file.
    kinds : dict from str to str
        The columns wanted, each `NUMBERS` or `WORDS`.
    """
    pa, csv = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.csv")
    types = {
        name: pa.float64() if kind == NUMBERS else pa.dictionary(pa.int32(), pa.string())
        for name, kind in kinds.items()
    }
    try:
        with _stream(pa, layout.path) as stream:
            found = csv.read_csv(
                stream,
                read_options=csv.ReadOptions(
                    column_names=layout.names, skip_rows=layout.header_lines
                ),
                parse_options=csv.ParseOptions(
                    delimiter=layout.delimiter, newlines_in_values=holds(layout.path, b'"')
                ),
                convert_options=csv.ConvertOptions(
                    column_types=types,
                    include_columns=list(kinds),
                    null_values=list(MISSING),
                    strings_can_be_null=False,
                ),
            )
    except (pa.ArrowInvalid, OSError):
        return None
    return {name: column_of(found[name]) for name in kinds}


def _stream(pa: Any, path: str) -> Any:
    compression = "gzip" if path.endswith(".gz") else None
    return pa.input_stream(path, compression=compression)


def column_of(values: Any) -> Column:
    """Return a chunked array of float64, or a dictionary of words, as a column."""
    if not hasattr(values.type, "value_type"):
        numbers = np.empty(len(values))
        place = 0
        for chunk in values.chunks:
            # A copy of its own, which may be written to, also of one chunk.
            numbers[place : place + len(chunk)] = chunk.to_numpy(zero_copy_only=False)
            place += len(chunk)
        return numbers
    whole = values.unify_dictionaries().combine_chunks()
    chunks = getattr(whole, "chunks", [whole])
    if not chunks:
        return Words.of(np.empty(0, np.int32), [])
    codes = [np.array(chunk.indices.fill_null(-1)) for chunk in chunks]
    return Words.of(np.concatenate(codes), chunks[0].dictionary.to_pylist())
