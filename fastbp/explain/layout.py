"""Where units stand in the picture of a network: columns of boxes, or of many dots."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastbp.explain.typeset import parts

# A layer of more units is drawn with a gap in the middle.
MOST_UNITS = 10
# Up to so many units a layer, boxes have a line for each of z, a and delta; else they have one.
TALLEST_WITH_LINES = 4
# In units of the picture, which a phone 360 pixels wide shows at 5/6 of their size.
TEXT = 17
LINE = 22
TAB = 26
CAPTION = 2 * LINE
CHARACTER = 10.8
NARROW = 6.2
SUBSCRIPT = 0.75
SPACE = 14


@dataclass(frozen=True)
class Layout:
    """Sizes and places of a picture; lengths in units of the picture."""

    sizes: tuple[int, ...]
    lines: int
    box: int
    gap: int

    @property
    def units(self) -> list[tuple[int, ...]]:
        """The units of each layer that are drawn."""
        return [drawn(size) for size in self.sizes]

    @property
    def unit_height(self) -> int:
        """The height of a unit's box, or of a dot."""
        return self.lines * LINE + 10 if self.lines else 18

    @property
    def height(self) -> int:
        """The height of the tallest layer."""
        return max(slots(size) * self.pitch(layer) for layer, size in enumerate(self.sizes))

    def pitch(self, layer: int) -> int:
        """Return the distance from one unit of a layer to the next below it."""
        if not self.lines:
            return self.unit_height + SPACE
        # A bias is above each unit, and a target below each output.
        tabs = 2 if layer == len(self.sizes) - 1 else 1
        return self.unit_height + tabs * TAB + 8

    @property
    def width(self) -> float:
        """The width of the picture."""
        columns = len(self.sizes)
        return columns * self.box + (columns - 1) * self.gap + 4

    @property
    def bottom(self) -> float:
        """The height of the picture: units, and below the outputs the loss."""
        if not self.lines:
            return CAPTION + self.height
        units = CAPTION + TAB / 2 + self.height
        last = self.middle(len(self.sizes) - 1, slots(self.sizes[-1]) - 1)[1]
        return max(units, last + self.unit_height / 2 + TAB + 16 + 34 + 4)

    def left(self, layer: int) -> float:
        """Return the left side of a layer's boxes."""
        return 2 + layer * (self.box + self.gap)

    def middle(self, layer: int, place: float) -> tuple[float, float]:
        """Return the middle of what stands at a place of a layer, counted from 0 at the top."""
        pitch = self.pitch(layer)
        centre = CAPTION + (TAB / 2 if self.lines else 0) + self.height / 2
        top = centre - (slots(self.sizes[layer]) - 1) * pitch / 2
        return self.left(layer) + self.box / 2, top + place * pitch

    def rest(self, layer: int) -> int:
        """Return how many units of a layer are not drawn."""
        return self.sizes[layer] - len(self.units[layer])

    def gap_place(self, layer: int) -> int:
        """Return the place of the sign for the units that are not drawn."""
        return next(i for i, unit in enumerate(self.units[layer]) if unit != i)

    def places(self, layer: int) -> dict[int, int]:
        """Return the place of each drawn unit of a layer."""
        shift = 1 if self.rest(layer) else 0
        return {u: p if u == p else p + shift for p, u in enumerate(self.units[layer])}


def drawn(size: int) -> tuple[int, ...]:
    """Return the units of a layer that are drawn.

    Examples
    --------
    >>> drawn(3), drawn(784)
    ((0, 1, 2), (0, 1, 2, 3, 4, 780, 781, 782, 783))
    """
    if size <= MOST_UNITS:
        return tuple(range(size))
    half = MOST_UNITS // 2
    return (*range(half), *range(size - MOST_UNITS + half + 1, size))


def slots(size: int) -> int:
    """Return the number of places that a layer takes, the sign for the rest among them."""
    return min(size, MOST_UNITS)


def laid_out(
    contents: dict[str, Any], figures: Sequence[tuple[str, str]], labels: Sequence[str]
) -> Layout:
    """Return the layout for a network and the longest texts that have to find room.

    Parameters
    ----------
    contents : dict
        `Trace.to_dict()`.
    figures : sequence of (str, str)
        What stands in the units' boxes, names and values.
    labels : sequence of str
        What stands on the edges.
    """
    sizes = tuple(contents["network"]["sizes"])
    tallest = max(sizes)
    if contents["shortened"] or tallest > MOST_UNITS:
        lines = 0
    else:
        lines = 3 if tallest <= TALLEST_WITH_LINES else 1
    if not lines:
        return Layout(sizes, lines, box=76, gap=74)
    box = max((name_width(name) + width(value) for name, value in figures), default=0.0)
    gap = max(map(width, labels), default=0.0)
    return Layout(sizes, lines, max(72, math.ceil(box) + 20), max(62, math.ceil(gap) + 12))


def width(text: str) -> float:
    """Return about how wide a number is."""
    return sum(NARROW if character in ".-" else CHARACTER for character in text)


def name_width(name: str) -> float:
    """Return about how wide a name is, its index smaller than its letter."""
    letter, subscript = parts(name)
    return width(letter) + SUBSCRIPT * width(subscript)
