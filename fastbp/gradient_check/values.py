"""Derivatives of what the package itself computes, for functions that the twin does not have.

Central differences for steps that are halved from row to row, extrapolated to a step of 0, always
in float64; the entry of the table whose neighbours agree best is the answer.

References
----------
C. J. F. Ridders, "Accurate computation of F'(x) and F'(x) F''(x)", Advances in Engineering Software
4(2), 1982. W. H. Press et al., "Numerical Recipes", 3rd edition, 2007, section 5.7.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fastbp.checks import Array
from fastbp.gradient_check.places import ARRAYS, Place
from fastbp.gradient_check.shake import Shake
from fastbp.passes import Passes
from fastbp.rows import Rows
from fastbp.spec import Spec

# The first step beside the number's size, and how often it is halved: down to 5e-6, where a
# difference has lost ten of its sixteen digits.
FIRST, HALVINGS = 0.02, 12
# Roundings of a loss in float64, which a difference has divided by its step.
ROUNDING = 4 * float(np.finfo(np.float64).eps)


class ValueSlopes:
    """The derivatives of the package's own loss in float64, at given parameters.

    Parameters
    ----------
    network : Network
        Of any dtype; a copy in float64 is made.
    rows : Rows
        Checked and ready.
    shake : Shake
        Changes parameters and weights of rows; a loss of the user's own may want exact targets.
    """

    method = "extrapolated differences of the package's own loss in float64"
    # Differences of fewer digits than the sixteenth of these have are noise.
    rounding, blur = 2.0**-24, 1e-6

    def __init__(self, network: Any, rows: Rows, shake: Shake) -> None:
        spec = Spec.from_dict({**network._spec.to_dict(), "dtype": "float64"})
        self.made = Passes.__new__(Passes)
        self.made._build(spec)
        self.made.params = shake.of(network.params.astype(np.float64))
        x, y, label, weight = rows
        weight = np.ones(len(x)) if weight is None else weight
        y = None if y is None else y.astype(np.float64)
        weight = shake.of(weight.astype(np.float64))
        self.rows = Rows(x.astype(np.float64), y, label, weight)

    def slope(self, place: Place, shift: float = 0.0, width: float = 0.0) -> tuple[float, float]:
        """Return the derivative where the number is moved by a shift, and what it may be off by.

        `width`: of one central difference without extrapolation; 0 for the extrapolated one.
        """
        array = self._array(place)
        was = array[place.at]

        def central(h: float) -> tuple[float, float]:
            values = []
            for side in (h, -h):
                array[place.at] = was + shift + side
                values.append(self.made.validation_loss(self.rows))
            above, below = values
            return (above - below) / (2 * h), ROUNDING * (abs(above) + abs(below)) / (2 * h)

        try:
            if width:
                return central(width / 2)
            return extrapolated(central, FIRST * max(1.0, abs(float(was))))
        finally:
            array[place.at] = was

    def _array(self, place: Place) -> Array:
        """Return what a place is in."""
        if place.part == "input":
            return self.rows.x
        found: Array = getattr(self.made, ARRAYS[place.part])[place.layer]
        return found


def extrapolated(
    central: Callable[[float], tuple[float, float]], first: float
) -> tuple[float, float]:
    """Return the limit of central differences for a step of 0, and what it may be off by.

    `central` returns the difference of a step, and what rounding has to do with it.
    """
    best, error = math.nan, math.inf
    above: list[float] = []
    for halving in range(HALVINGS + 1):
        difference, rounding = central(first / 2**halving)
        row = [difference]
        for order, old in enumerate(above, 1):
            factor = 4.0**order
            row.append((factor * row[-1] - old) / (factor - 1))
            off = max(abs(row[-1] - row[-2]), abs(row[-1] - old)) + rounding
            if off <= error:
                best, error = row[-1], off
        above = row
    return best, error
