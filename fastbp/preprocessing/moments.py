"""Mean and standard deviation of columns, in one pass over rows that come in any blocks.

Rows are gathered to pieces of one length, whatever blocks they come in, so that the result has the
same bits however they are cut. The moments of two pieces are put together by the formulas of
Welford and Chan:

    mean = mean_a + d n_b / n        d = mean_b - mean_a
    s^2 = (n_a s_a^2 + n_b s_b^2) / n + d^2 n_a n_b / n^2

References
----------
B. P. Welford, "Note on a method for calculating corrected sums of squares and products",
Technometrics 4(3), 1962, eq. I. T. F. Chan, G. H. Golub, R. J. LeVeque, "Updating formulae and a
pairwise algorithm for computing sample variances", COMPSTAT 1982, eq. 2.1. D. E. Knuth, "The art of
computer programming", volume 2, section 4.2.2, theorem B, for what an addition loses.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fastbp.checks import Array

PIECE_NUMBERS = 1 << 17
MOST_PIECE_ROWS = 4096
# Powers of two that are numbers themselves, and their inverses too.
MOST_EXPONENT = 1022
# No deviation is larger than the largest magnitude, but rounding may make it so.
LARGEST = np.finfo(np.float64).max


class Moment(NamedTuple):
    """Rows, and of each column mean + low, of which mean is rounded, and standard deviation."""

    n_rows: int
    mean: Array
    low: Array
    deviation: Array


class Moments:
    """The moments of all rows so far.

    Parameters
    ----------
    n_columns : int
        Numbers a row.
    start : Moment, optional
        Those of rows that came before.
    """

    def __init__(self, n_columns: int, start: Moment | None = None) -> None:
        length = max(1, min(MOST_PIECE_ROWS, PIECE_NUMBERS // n_columns))
        zeros = np.zeros(n_columns)
        self._whole = start or Moment(0, zeros, zeros, zeros)
        # A column lies in a row here: numpy adds neighbours pairwise.
        self._piece = np.empty((n_columns, length))
        self._held = 0

    def __getstate__(self) -> dict[str, Any]:
        held = self._piece[:, : self._held].copy()
        return {"whole": self._whole, "held": held}

    def __setstate__(self, state: dict[str, Any]) -> None:
        held = state["held"]
        self.__init__(len(held), state["whole"])  # type: ignore[misc]
        self.add(held.T)

    @property
    def n_rows(self) -> int:
        """Rows so far."""
        return self._whole.n_rows + self._held

    def copy(self) -> Moments:
        """Return the same of their own."""
        other = Moments.__new__(Moments)
        other.__setstate__(self.__getstate__())
        return other

    def add(self, rows: Array) -> None:
        """Take finite rows (n_rows, n_columns) of float64."""
        start, length = 0, self._piece.shape[1]
        while start < len(rows):
            count = min(length - self._held, len(rows) - start)
            self._piece[:, self._held : self._held + count] = rows[start : start + count].T
            self._held += count
            start += count
            if self._held == length:
                self._whole = together(self._whole, moment_of(self._piece))
                self._held = 0

    def result(self) -> Moment:
        """Return the moments of all rows so far, at least one."""
        if self._held == 0:
            return self._whole
        return together(self._whole, moment_of(self._piece[:, : self._held]))


def moment_of(piece: Array) -> Moment:
    """Return the moments of rows that lie in columns, (n_columns, n_rows).

    Twice around a point that is close to the mean, the first row's first: what is left over counts.
    """
    largest = np.abs(piece).max(axis=1)
    scale, back = powers(largest)
    t = piece * scale[:, np.newaxis]
    first = t[:, 0].copy()
    t -= first[:, np.newaxis]
    middle = first + t.mean(axis=1)
    np.multiply(piece, scale[:, np.newaxis], out=t)
    t -= middle[:, np.newaxis]
    left = t.mean(axis=1)
    t -= left[:, np.newaxis]
    deviation = np.sqrt(np.square(t, out=t).mean(axis=1))
    mean, low = exact_sum(middle, left)
    return Moment(piece.shape[1], mean * back, low * back, unscaled(deviation, back))


def together(a: Moment, b: Moment) -> Moment:
    """Return the moments of the rows of both."""
    if a.n_rows == 0:
        return b
    n_rows = a.n_rows + b.n_rows
    share = b.n_rows / n_rows
    largest = np.max([np.abs(a.mean), np.abs(b.mean), a.deviation, b.deviation], axis=0)
    scale, back = powers(largest)
    (mean, low, s_a), (mean_b, low_b, s_b) = (
        (part.mean * scale, part.low * scale, part.deviation * scale) for part in (a, b)
    )
    d = (mean_b - mean) + (low_b - low)
    high, rest = exact_sum(mean, d * share)
    high, rest = exact_sum(high, rest + low)
    spread = (1 - share) * s_a**2 + share * s_b**2 + (1 - share) * share * d**2
    return Moment(n_rows, high * back, rest * back, unscaled(np.sqrt(spread), back))


def unscaled(deviation: Array, back: Array) -> Array:
    """Return a deviation that was brought to about 1 as it was, finite if rounding made it more."""
    with np.errstate(over="ignore"):
        found: Array = np.minimum(deviation * back, LARGEST)
    return found


def powers(largest: Array) -> tuple[Array, Array]:
    """Return the powers of two that bring these magnitudes to about 1, and their inverses."""
    exponent = np.clip(np.frexp(largest)[1], -MOST_EXPONENT, MOST_EXPONENT)
    return np.ldexp(1.0, -exponent), np.ldexp(1.0, exponent)


def exact_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """Return a + b rounded, and what that leaves out."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part)
