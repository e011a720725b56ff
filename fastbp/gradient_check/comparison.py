"""Compares the derivatives of one part with what is expected, each within a tolerance.

The tolerance is some roundings of the part's largest derivative, and what roundings on the way do
to the derivatives, which is measured: see `shake`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastbp.checks import Array
from fastbp.gradient_check.kinks import Slopes, at_kink
from fastbp.gradient_check.places import Part, Place, value_at
from fastbp.gradient_check.report import Entry
from fastbp.gradient_check.shake import SHARE

# Of how many derivatives of a part, its largest, what shaking does is looked at.
SHAKEN = 8
# How many times both parts of an error may be there: largest errors of the tests' networks are 3
# times (tests/property/test_check_gradients.py), and a share of 1e-3 is still seen in float32.
FACTOR = 32.0
# Of an answer that is itself in doubt this share of the largest derivative is believed, no more.
DOUBT = 1e-5
# Deltas that are smaller are flushed to 0, and so many of them may be in a sum.
FLUSHED = 1e6


def compared(
    network: Any,
    x: Array,
    part: Part,
    places: list[Place],
    exact: Slopes,
    shaken: Sequence[tuple[Slopes, Slopes]],
) -> tuple[list[Entry], list[Entry]]:
    """Return the derivatives of a part as they compare, and those of them at a kink.

    `exact` are the slopes of the network as it is, `shaken` those of it shaken in opposite ways.
    """
    answers = [exact.slope(place) for place in places]
    compiled = [float(part.compiled[place.at]) for place in places]
    scale = max(float(np.abs(part.compiled).max()), *(abs(value) for value, _ in answers))
    rounding = float(np.finfo(network.dtype).eps)
    moved = most_moved(places, answers, shaken) * rounding / SHARE
    base = FACTOR * (rounding * scale + moved) + FLUSHED * float(np.finfo(network.dtype).tiny)
    smooth, kinks = [], []
    for place, got, (expected, doubt) in zip(places, compiled, answers, strict=True):
        tolerance = base + min(FACTOR * doubt, DOUBT * scale)
        row, column = place.at[0], place.at[1] if len(place.at) > 1 else None
        where = (place.layer + 1, place.part, row, column)
        entry = Entry(*where, got, expected, tolerance, scale)
        size = max(1.0, abs(value_at(network, x, place)))
        step = max(rounding, exact.rounding) * size
        if entry.excess > 1 and at_kink(exact, entry, place, step):
            kinks.append(entry)
        else:
            smooth.append(entry)
    return smooth, kinks


def most_moved(
    places: list[Place], answers: list[tuple[float, float]], shaken: Sequence[tuple[Slopes, Slopes]]
) -> float:
    """Return by how much the largest derivatives of a part differ where numbers are shaken.

    Of two ways that are opposite the smaller one: a kink lies on one side.
    """
    found = zip(places, answers, strict=True)
    largest = sorted(found, key=lambda pair: -abs(pair[1][0]))[:SHAKEN]
    return max(
        min(abs(slopes.slope(place)[0] - value) for slopes in pair)
        for pair in shaken
        for place, (value, _) in largest
    )
