"""Kinks: where a derivative is one number on this side and another on that.

relu, mae, hinge and their like have none at some points, and take one of both sides' by convention;
within rounding of such a point compiled and exact numbers may lie on different sides. There the
slope jumps within a short way, however short, while that of a smooth function changes in proportion
to the way.
"""

from __future__ import annotations

from typing import Protocol

from fastbp.gradient_check.places import Place
from fastbp.gradient_check.report import Entry

# How far a kink is looked for, in roundings of a number: those of a sum of some hundred terms, and
# of terms by which the number enters z with a small factor.
WAYS = (16.0, 256.0, 4096.0)
# So often the way is halved towards the jump; a smooth slope then changes by 1/64 as much.
HALVINGS = 6


class Slopes(Protocol):
    """Where derivatives come from; `method` says how.

    `rounding`: the least share of a number that it may be moved by. `blur`: up to which share of
    the largest derivative a jump may be noise.
    """

    method: str
    rounding: float
    blur: float

    def slope(self, place: Place, shift: float = 0.0, width: float = 0.0) -> tuple[float, float]:
        """Return the derivative where the number is moved by a shift, and what it may be off by.

        `width`: how much of the function's graph it may be taken from; 0: what is most exact.
        """


def at_kink(slopes: Slopes, entry: Entry, place: Place, rounding: float) -> bool:
    """Whether a derivative lies between the slopes on both sides of a jump close by.

    Parameters
    ----------
    slopes : Slopes
    entry : Entry
        The derivative that is not the one expected.
    place : Place
    rounding : float
        What the number at this place is rounded by.
    """
    off, noise = entry.tolerance, max(entry.tolerance, slopes.blur * entry.scale)
    for way in WAYS:
        low, high = -way * rounding, way * rounding
        left, right = (slopes.slope(place, end, high)[0] for end in (low, high))
        between = min(left, right) - off <= entry.compiled <= max(left, right) + off
        jumps = abs(right - left) > noise
        if jumps and between and _stays(slopes, place, (low, left), (high, right)):
            return True
    return False


def _stays(
    slopes: Slopes, place: Place, low: tuple[float, float], high: tuple[float, float]
) -> bool:
    """Whether a difference of two (shift, slope) is still there on a way that is halved often."""
    jump = abs(high[1] - low[1])
    for _ in range(HALVINGS):
        middle = (low[0] + high[0]) / 2
        slope = slopes.slope(place, middle, (high[0] - low[0]) / 4)[0]
        if abs(slope - low[1]) > abs(high[1] - slope):
            high = (middle, slope)
        else:
            low = (middle, slope)
    # A difference across the jump itself is halfway.
    return 4 * abs(high[1] - low[1]) > jump
