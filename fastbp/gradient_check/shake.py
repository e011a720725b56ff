"""Numbers changed by a small share of themselves: what rounding does, made large enough to see.

A gradient of rounded arithmetic is close to the exact one of slightly other parameters, targets and
weights of rows: each sum of a pass errs by c sqrt(K) u (|A||B|), as much as changes of its terms by
a few u do. So what such changes do to a derivative is the size of its error. It is a large part of
a small derivative: delta = a - y cancels in a network that is trained to the end, and so do rows.

References
----------
N. J. Higham, "Accuracy and stability of numerical algorithms", 2nd edition, 2002, section 1.5
(backward errors) and 3.1 (sums). D. S. Parker, "Monte Carlo arithmetic", technical report
CSD-970002, UCLA, 1997.
"""

from __future__ import annotations

from typing import Any

import numpy as np

# Small beside 1, and large beside the rounding of what derivatives are taken from.
SHARE = 2.0**-24
# Changes of fewer parameters may by chance cancel in a z.
FEW = 1000


class Shake:
    """Changes each number by a share of itself, up or down as a seed draws it.

    `direction`: 1, -1 for just the other way, or 0 for not at all.
    """

    def __init__(self, direction: int = 0, seed: int = 0) -> None:
        self.direction = direction
        self._rng = np.random.default_rng(seed)

    def of(self, values: Any, sizes: Any = None) -> Any:
        """Return an array as it is, or changed: by shares of itself, or of other sizes."""
        array = np.asarray(values)
        if self.direction == 0:
            return array
        sign = self.direction * self._rng.choice([-1.0, 1.0], array.shape)
        return array + SHARE * sign * (array if sizes is None else sizes)


def pairs(n_params: int) -> list[tuple[Shake, Shake]]:
    """Return opposite ways to shake; two pairs where changes of few numbers might cancel."""
    return [(Shake(1, seed), Shake(-1, seed)) for seed in range(2 if n_params < FEW else 1)]
