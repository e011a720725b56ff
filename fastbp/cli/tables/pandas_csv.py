"""Read a large delimited file with pandas, told to parse numbers to the nearest double."""

import importlib
import re
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from fastbp.cli.tables.delimited import Layout
from fastbp.cli.tables.table import MISSING, NUMBERS, Column, Words
from fastbp.cli.tables.textfile import count, holds


def read(layout: Layout, kinds: Mapping[str, str]) -> dict[str, Column] | None:
    """Return the columns wanted, as `arrow_csv.read` does."""
    pd = importlib.import_module("pandas")
    if _is_strange(layout.path):
        return None
    last = layout.names[-1]
    kept = [name for name in layout.names if name in kinds or name == last]
    if 2 * len(kept) >= len(layout.names):
        kept = layout.names  # Choosing among columns takes pandas longer than reading some more.
    numeric = [name for name in kept if kinds.get(name) == NUMBERS]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            frame = pd.read_csv(
                layout.path,
                sep=layout.delimiter,
                names=layout.names,
                header=None,
                index_col=False,
                skiprows=layout.header_lines,
                usecols=None if kept is layout.names else kept,
                dtype={name: "f8" if name in numeric else object for name in kept},
                na_values={name: list(MISSING) for name in numeric},
                keep_default_na=False,
                encoding="utf-8",
                **_precision(pd),
            )
    except (ValueError, OverflowError, Warning, OSError, EOFError):
        return None
    series = {name: frame[name].to_numpy() for name in {*kinds, last}}
    raw = {
        name: values if name in numeric else pd.factorize(values) for name, values in series.items()
    }
    if _is_ragged(layout, raw[last], len(frame)):
        return None
    return {name: _column(raw[name]) for name in kinds}


def _is_ragged(layout: Layout, last: Any, n_rows: int) -> bool:
    """Return whether a row may have too few fields, or some of them too many.

    pandas fills up the one with missing values and cuts off the other.
    """
    if isinstance(last, tuple):
        codes, words = last
        gaps = "" in words or (codes < 0).any()
    else:
        gaps = np.isnan(last).any()
    if gaps:
        return True
    delimiters = count(layout.path, layout.delimiter.encode())
    return delimiters != (len(layout.names) - 1) * (n_rows + 1)


def _is_strange(path: str) -> bool:
    """Return whether a file may have what pandas passes over: lines of blanks, and open quotes."""
    return holds(path, b'"', b"\0", b"\n ", b"\n\t", b"\r ", b"\r\t")


def _precision(pd: Any) -> dict[str, str]:
    """Return the argument that asks for correct rounding, which is the default from 3.1 on."""
    version = tuple(map(int, re.findall(r"\d+", pd.__version__)[:2]))
    return {} if version >= (3, 1) else {"float_precision": "round_trip"}


def _column(raw: Any) -> Column:
    """Return numbers as they are, and codes with their words."""
    if isinstance(raw, tuple):
        codes, words = raw
        return Words.of(codes.astype(np.int32), words.tolist())
    return np.asarray(raw, dtype=np.float64)
