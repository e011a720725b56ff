"""Whether a gradient is right, found out from values of the loss alone.

A derivative is what a difference tends to. With a small step h in one parameter and none in the
others,

    dL/dp ~ (L(p + h) - L(p - h)) / (2 h)

is off by h^2 times a third derivative, and by the rounding of L divided by h: in floats an h of the
third root of the rounding makes both small. A longer number type takes a smaller h, and with
Fractions nothing is rounded at all. No derivative of any layer is used here, so a mistake in one of
them cannot hide.

References
----------
W. H. Press et al., "Numerical Recipes", 3rd edition, 2007, section 5.7.
"""

import random
import sys
from typing import NamedTuple

from . import checks
from .network import Network
from .scalars import Number, Row, Rows, real

# How far a difference of floats may be from a derivative, beside the largest one; of any longer
# number type, whose h is as small as DIGITS says, too.
TOLERANCE = 1e-7
DIGITS = 15


class Entry(NamedTuple):
    """One derivative: the place of its number in Network.params, and what both ways say."""

    place: int
    computed: Number
    expected: Number


class GradientReport(NamedTuple):
    """What a check found; true where the gradient is right.

    Attributes
    ----------
    ok : bool
    worst : Entry
        Where both ways are furthest apart.
    largest_error : number
        How far that is, beside the largest derivative.
    checked, of : int
        How many derivatives were compared, and of how many.
    """

    ok: bool
    worst: Entry
    largest_error: Number
    checked: int
    of: int

    def __bool__(self) -> bool:
        """Whether the gradient is right."""
        return self.ok


def check_gradients(
    net: Network,
    x: Rows,
    y: Rows | Row,
    sample_weight: Row | None = None,
    entries: int | None = 256,
    seed: int = 0,
) -> GradientReport:
    """Compare the gradient of a network with central differences of its loss.

    Parameters
    ----------
    net : Network
    x, y, sample_weight
        As in Network.evaluate.
    entries : int or None
        How many parameters are compared, drawn by the seed; all where there are no more, and with
        None.
    seed : int

    Returns
    -------
    GradientReport

    Examples
    --------
    >>> from fractions import Fraction
    >>> from fastbp import reference
    >>> net = reference.mlp([2, 1], dtype=Fraction)
    >>> net.params = [2, 3, Fraction(1, 2)]
    >>> report = check_gradients(net, [[1, 2]], [5])
    >>> report.ok, report.worst
    (True, Entry(place=0, computed=Fraction(7, 2), expected=Fraction(7, 2)))
    """
    params = net.params
    gradient = net.gradient(x, y, sample_weight)[1].flat
    places = list(range(len(params)))
    if entries is not None and checks.count("entries", entries) < len(places):
        places = sorted(random.Random(seed).sample(places, entries))

    def loss(place: int, moved: Number) -> Number:
        net.params = [*params[:place], params[place] + moved, *params[place + 1 :]]
        return net.evaluate(x, y, sample_weight)

    found = []
    for place in places:
        h = step_for(params[place])
        difference = (loss(place, h) - loss(place, -h)) / (2 * h)
        found.append(Entry(place, gradient[place], difference))
    net.params = params
    worst = max(found, key=lambda entry: abs(entry.computed - entry.expected))
    scale = max(abs(value) for value in gradient)
    off = abs(worst.computed - worst.expected)
    error = off / scale if scale else off
    return GradientReport(real(error) <= TOLERANCE, worst, error, len(found), len(params))


def step_for(p: Number) -> Number:
    """Return a small step of the number's own type; it grows with the number.

    Examples
    --------
    >>> from fractions import Fraction
    >>> step_for(Fraction(1, 2)), round(step_for(1.0), 7)
    (Fraction(1, 1000000000000000), 6.1e-06)
    """
    if isinstance(p, float | complex):
        return sys.float_info.epsilon ** (1 / 3) * max(1.0, abs(p))
    return type(p)(1) / 10**DIGITS
