"""Where an activation is flat: its slopes, from the kernels alone, beside its largest one.

Nothing here knows the name of an activation, so that a new one, or one of the user's own, needs
nothing.
"""

from __future__ import annotations

import numpy as np

from fastbp import kernels
from fastbp.checks import Array

# Where the largest slope is looked for: initial weights aim at a z of this size (Glorot and Bengio
# 2010, He et al. 2015).
USUAL = np.linspace(-1, 1, 33)[np.newaxis]
# Far out on both sides: a sigmoid, tanh or softsign is flat there, relu's like on one side only.
FAR = np.array([[-30.0, 30.0]])
# A number is saturated where the slope is below this share of the largest: |z| > 6 of a sigmoid,
# |z| > 3 of a tanh. Its unit learns a hundred times slower from that row.
SATURATED = 0.01
# A unit is dead where all rows' slopes are below this share: 0 of a relu, and what 10^6 steps do
# not make up for of an elu or gelu.
DEAD = 1e-6


class Slopes:
    """The slopes s'(z) of an activation that works on each number by itself.

    Attributes
    ----------
    largest : float
        The largest |s'(z)| for z in [-1, 1].
    levels_off : bool
        Whether it is flat on both sides, so that z may be too large for it.
    """

    def __init__(self, activation: str) -> None:
        self.activation = activation
        self.largest = float(np.abs(self._at(USUAL)).max())
        self.levels_off = bool((np.abs(self._at(FAR)) < SATURATED * self.largest).all())

    def _at(self, z: Array) -> Array:
        """Return s'(z), (n_rows, n_units)."""
        return kernels.activation_delta(z, np.ones_like(z), self.activation)

    def flat(self, z: Array) -> tuple[Array, int]:
        """Return which units are dead in these rows, and how many numbers are saturated."""
        slope = np.abs(self._at(z))
        dead = np.all(slope <= DEAD * self.largest, axis=0)
        if not self.levels_off:
            return dead, 0
        return dead, int((slope < SATURATED * self.largest).sum())


def slopes_of(activation: str) -> Slopes | None:
    """Return an activation's slopes, None where an output depends on other numbers of its row."""
    apart = kernels.activation_delta([[0.0, 1.0]], [[1.0, 0.0]], activation)
    return None if apart[0, 1] != 0 else Slopes(activation)
