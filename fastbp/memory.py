"""Memory that the kernels may read as whole vectors."""

from typing import Any

import numpy as np

from fastbp._compiled import engine
from fastbp.checks import Array
from fastbp.room import require_room

LINE_BYTES = engine.LINE_BYTES
PIECE = 1 << 22


def empty(length: int, dtype: np.dtype[Any]) -> Array:
    """Return a vector of any content that starts at a cache line, with a line of room behind."""
    step = LINE_BYTES // dtype.itemsize
    require_room(f"a vector of {length} {dtype}", (length + 2 * step) * dtype.itemsize)
    memory = np.empty(length + 2 * step, dtype)
    start = -(memory.ctypes.data // dtype.itemsize) % step
    return memory[start : start + length]


def zeros(length: int, dtype: np.dtype[Any]) -> Array:
    """Return zeros laid out as by `empty`; what may be read behind them is zero too."""
    memory = empty(length + LINE_BYTES // dtype.itemsize, dtype)
    clear(memory)
    return memory[:length]


def clear(memory: Array) -> None:
    """Fill a vector with zeros, by pieces: Python answers Ctrl-C while its pages come."""
    for start in range(0, len(memory), PIECE):
        memory[start : start + PIECE] = 0
