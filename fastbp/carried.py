"""What a file carries of preprocessing: descriptions in its header, numbers a column as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fastbp.checks import Array
from fastbp.header import SIDES, Header

NUMBERS = ("mean", "deviation")
ARRAYS = {f"{side}.{part}": (side, part) for side in SIDES for part in NUMBERS}


def split(
    preprocessing: Mapping[str, Any] | None,
) -> tuple[dict[str, Any] | None, dict[str, Array]]:
    """Return descriptions without their numbers, and the numbers by the names of their arrays."""
    if preprocessing is None:
        return None, {}
    texts: dict[str, Any] = {}
    arrays: dict[str, Array] = {}
    for side in SIDES:
        one = preprocessing[side]
        texts[side] = None if one is None else {k: v for k, v in one.items() if k not in NUMBERS}
        if one is not None:
            arrays |= {f"{side}.{part}": one[part] for part in NUMBERS if part in one}
    return texts, arrays


def names(header: Header) -> list[str]:
    """Return the arrays of a file that belong to its preprocessing."""
    if header.preprocessing is None:
        return []
    return [tensor.name for tensor in header.tensors if tensor.name in ARRAYS]


def check_tensors(header: Header) -> None:
    """Refuse arrays of preprocessing that are not numbers of float64, one a column."""
    own = names(header)
    for tensor in header.tensors:
        if tensor.name in own and (tensor.dtype != "float64" or len(tensor.shape) != 1):
            raise ValueError(f"{tensor.name} must be of one dimension and float64")


def joined(header: Header, arrays: dict[str, Array]) -> dict[str, Any] | None:
    """Return descriptions with their numbers, which are taken out of a file's arrays."""
    if header.preprocessing is None:
        return None
    found = {side: None if one is None else dict(one) for side, one in header.preprocessing.items()}
    for name in names(header):
        side, part = ARRAYS[name]
        one = found[side]
        if one is None or part in one:
            raise ValueError(f"{name} must belong to preprocessing of its own")
        one[part] = np.ascontiguousarray(arrays.pop(name), np.float64)
    return found
