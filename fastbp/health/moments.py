"""Range, mean and deviation of numbers that come block by block.

References
----------
T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating formulae and a pairwise algorithm for computing
sample variances", COMPSTAT 1982, eq. 2.1.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from fastbp.checks import Array


class Range(NamedTuple):
    """Where numbers lie: smallest, largest, mean and standard deviation.

    Examples
    --------
    >>> Range(-1.0, 3.0, 1.0, 2.0).std
    2.0
    """

    min: float
    max: float
    mean: float
    std: float


class Moments:
    """Takes blocks of numbers and says where all of them lie."""

    def __init__(self) -> None:
        self.n, self.mean, self.squares = 0, 0.0, 0.0
        self.low, self.high = math.inf, -math.inf

    def take(self, block: Array) -> None:
        """Take numbers of any shape."""
        numbers = block.astype(np.float64)
        n, mean = numbers.size, float(numbers.mean())
        squares = float(((numbers - mean) ** 2).sum())
        total = self.n + n
        apart = mean - self.mean
        self.squares += squares + apart * apart * (self.n * n / total)
        self.mean += apart * (n / total)
        self.n = total
        # np.minimum hands a NaN on, where min(a, b) may hide it.
        self.low = float(np.minimum(self.low, numbers.min()))
        self.high = float(np.maximum(self.high, numbers.max()))

    def range(self) -> Range:
        """Return where the numbers lie."""
        return Range(self.low, self.high, self.mean, math.sqrt(self.squares / self.n))


class Columns:
    """How far the numbers of each column reach, and their root mean square."""

    def __init__(self, width: int) -> None:
        self.n = 0
        self.squares = np.zeros(width)
        self.low, self.high = np.full(width, np.inf), np.full(width, -np.inf)

    def take(self, block: Array) -> None:
        """Take rows, (n_rows, width)."""
        numbers = block.astype(np.float64)
        self.n += len(numbers)
        self.squares += (numbers**2).sum(axis=0)
        self.low = np.minimum(self.low, numbers.min(axis=0))
        self.high = np.maximum(self.high, numbers.max(axis=0))

    def size(self) -> float:
        """Return the largest root mean square of a column."""
        return math.sqrt(float(self.squares.max()) / self.n)

    def spread(self) -> float:
        """Return the widest range of a column."""
        return float((self.high - self.low).max())
