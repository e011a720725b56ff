"""Preprocessing that belongs to a model: what makes rows ready, fitted in one pass over them."""

from __future__ import annotations

from typing import Any

from fastbp import checks
from fastbp.header import mapping
from fastbp.preprocessing.columns import ColumnInfo as ColumnInfo
from fastbp.preprocessing.columns import Columns
from fastbp.preprocessing.onehot import OneHot
from fastbp.preprocessing.reading import Preprocessor as Preprocessor
from fastbp.preprocessing.reading import Source as Source
from fastbp.preprocessing.reading import chunk_places as chunk_places
from fastbp.preprocessing.reading import whole as whole
from fastbp.preprocessing.scaling import GivenRows as GivenRows
from fastbp.preprocessing.scaling import Scaling as Scaling
from fastbp.preprocessing.scaling import StandardizedRows as StandardizedRows
from fastbp.preprocessing.scaling import numeric_rows as numeric_rows
from fastbp.preprocessing.standardize import Standardize

__all__ = ["Columns", "OneHot", "Standardize"]

KINDS: dict[str, Any] = {"columns": Columns, "one_hot": OneHot, "standardize": Standardize}


def from_dict(values: object) -> Preprocessor:
    """Return what `to_dict` of any of them described.

    Raises
    ------
    TypeError, ValueError
        It is no description, or of a kind that is not known.
    """
    kind = mapping("preprocessing", values).get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        raise ValueError(
            f"kind of preprocessing must be one of {', '.join(KINDS)}, got {checks.described(kind)}"
        )
    made: Preprocessor = KINDS[kind].from_dict(values)
    return made
