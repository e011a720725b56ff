"""Whether a derivative belongs to its function: central differences at fixed points.

    f'(z) = (f(z + h) - f(z - h)) / 2h,  h = 6e-6 max(1, |z|)

in float64, for all numbers of a block at once, so that a function that is not elementwise, or a
loss whose rows are not independent, is found out too.

References
----------
W. H. Press et al., "Numerical Recipes", 3rd edition, 2007, section 5.7: h of the third root of the
rounding error, which leaves a relative error of about 1e-10.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fastbp.checks import Array
from fastbp.custom.functions import Function

TOLERANCE = 1e-5
STEP = float(np.finfo(np.float64).eps ** (1 / 3))
# What the rounding of a value may do to a difference: some units in its last place, over h.
ROUNDING = 64 * float(np.finfo(np.float64).eps)
ROWS, OUTPUTS = 48, 3

Range = tuple[float, float]
EVERY_NUMBER = (-np.inf, np.inf)


def drawn(rng: np.random.Generator, span: Range, shape: tuple[int, int]) -> Array:
    """Return numbers within a range, a third of them 5 times as far out where it has no end."""
    low, high = span
    normal = rng.normal(size=shape)
    normal[::3] *= 5
    if np.isinf(low) and np.isinf(high):
        return normal
    if np.isinf(high):
        return low + np.exp(normal / 5)
    if np.isinf(low):
        return high - np.exp(normal / 5)
    return low + (high - low) * rng.uniform(0.02, 0.98, shape)


def steps(at: Array, span: Range) -> Array:
    """Return h for each number, small beside the way to the ends of the range."""
    room = np.minimum(at - span[0], span[1] - at)
    return np.minimum(STEP * np.maximum(1, np.abs(at)), room / 1000)


def listed(values: Array) -> str:
    """Return numbers as messages show them."""
    return f"[{', '.join(f'{value:.6g}' for value in values)}]"


def finite(what: str, values: Array, point: Callable[[int, int], str]) -> Array:
    """Return the values if all are finite."""
    if not np.isfinite(values).all():
        row, column = (int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise ValueError(
            f"{what} must be finite where it is checked, got {values[row, column]} at "
            f"{point(row, column)}"
        )
    return values


def compare(
    what: str, slope: Array, above: Array, below: Array, width: Array, point: Callable[..., str]
) -> None:
    """Refuse a slope that the difference of two values, 2h apart, does not agree with."""
    found = (above - below) / width
    size = np.maximum(np.abs(above), np.abs(below))
    rounding = ROUNDING * np.maximum(size, min(1.0, float(size.max()))) / width
    larger = np.maximum(np.abs(slope), np.abs(found))
    excess = np.abs(slope - found) - (TOLERANCE * larger + rounding)
    row, column = (int(i) for i in np.unravel_index(int(np.argmax(excess)), excess.shape))
    if excess[row, column] > 0:
        got, want = slope[row, column], found[row, column]
        raise ValueError(
            f"{what} must agree with the central differences of its value, got {got:.10g} and not "
            f"{want:.10g} at {point(row, column)} (relative error "
            f"{abs(got - want) / larger[row, column]:.3g}, tolerance {TOLERANCE:g})"
        )


def check_activation(name: str, value: Function, derivative: Function) -> None:
    """Refuse an activation whose derivative is not that of its value, or that is not finite."""
    rng = np.random.default_rng(0)
    z = drawn(rng, EVERY_NUMBER, (ROWS, OUTPUTS))
    h = steps(z, EVERY_NUMBER)

    def point(row: int, column: int) -> str:
        return f"z = {z[row, column]:.10g}"

    what = f"value of activation {name!r}"
    above, below = (finite(what, value(at.copy()), point) for at in (z + h, z - h))
    what = f"derivative of activation {name!r}"
    slope = finite(what, derivative(z.copy()), point)
    compare(what, slope, above, below, (z + h) - (z - h), point)


def check_loss(
    name: str, value: Function, gradient: Function, outputs: Range, targets: Range
) -> None:
    """Refuse a loss whose gradient is not that of its value, or that is not finite."""
    rng = np.random.default_rng(0)
    a = drawn(rng, outputs, (ROWS, OUTPUTS))
    y = drawn(rng, targets, (ROWS, OUTPUTS))
    if targets[0] <= 0 and targets[1] >= 1:
        y[::2] = rng.integers(0, 2, y[::2].shape)
    h = steps(a, outputs)

    def point(row: int, column: int) -> str:
        return f"a = {listed(a[row])}, y = {listed(y[row])}, output {column}"

    what = f"gradient of loss {name!r}"
    slope = finite(what, gradient(a.copy(), y.copy()), point)
    for column in range(OUTPUTS):
        step = np.zeros_like(h)
        step[:, column] = h[:, column]
        above, below = (
            finite(f"value of loss {name!r}", value(at, y.copy()), point)
            for at in (a + step, a - step)
        )
        width = ((a + step) - (a - step))[:, [column]]

        def of_column(row: int, _: int, column: int = column) -> str:
            return point(row, column)

        compare(what, slope[:, [column]], above, below, width, of_column)
