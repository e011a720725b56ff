"""Memory that the kernels may read as whole vectors."""

from typing import Any

import numpy as np

from fastbp.checks import Array

# A cache line, and the widest vector of any instruction-set level.
LINE_BYTES = 64


def zeros(length: int, dtype: np.dtype[Any]) -> Array:
    """Return zeros that start at a cache line and may be read one line past their end."""
    step = LINE_BYTES // dtype.itemsize
    memory = np.zeros(length + 2 * step, dtype)
    start = -(memory.ctypes.data // dtype.itemsize) % step
    return memory[start : start + length]
