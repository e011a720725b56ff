"""Activations and losses of your own, and whether their derivatives are right.

A derivative is what a difference tends to: f'(z) is close to (f(z + h) - f(z - h)) / 2h for a small
h. Anyone can get a sign or a factor wrong, so the two are compared before a name is taken.
"""

import math
import random
import sys
from collections.abc import Callable, Iterable

from . import activations, losses
from .losses.differences import Elementwise
from .scalars import Number

TOLERANCE = 1e-5
# Of a smaller h too few digits of the difference are left, a larger one is too far from the limit.
STEP = sys.float_info.epsilon ** (1 / 3)
ROUNDING = 64 * sys.float_info.epsilon
EVERYWHERE = (-math.inf, math.inf)
_FUNCTIONS: dict[tuple[str, str], tuple[object, object]] = {}

Range = tuple[float, float]


def register_activation(
    name: str, value: Callable[[Number], Number], derivative: Callable[[Number], Number]
) -> None:
    """Give s and s' a name that layers can have.

    Parameters
    ----------
    name : str
        An identifier, none of the built-in names.
    value, derivative : functions of one number
        s(z) and s'(z). They are compared as floats; networks may call them with other numbers.

    Examples
    --------
    >>> from fastbp import reference
    >>> reference.register_activation("cube", lambda z: z**3, lambda z: 3 * z**2)
    >>> reference.Dense(2, "cube")
    Dense(units=2, activation='cube')
    """
    if _is_new("activation", name, (value, derivative), activations.ACTIVATIONS):
        for z in _points(EVERYWHERE):
            _compare(f"derivative of activation {name!r}", value, derivative, z, EVERYWHERE)
        activations.CUSTOM[name] = activations.elementwise(value, derivative)
        _FUNCTIONS["activation", name] = value, derivative


def register_loss(
    name: str,
    value: Elementwise,
    gradient: Elementwise,
    outputs: Range = EVERYWHERE,
    targets: Range = EVERYWHERE,
) -> None:
    """Give a loss, the sum over outputs of a function of a and y, a name.

    Parameters
    ----------
    name : str
        An identifier, none of the built-in names.
    value, gradient : functions of two numbers
        L(a, y) of one output and dL/da.
    outputs, targets : (low, high)
        Where the loss is defined: a between these, y between these or one of them.

    Examples
    --------
    >>> from fastbp import reference
    >>> reference.register_loss("fourth", lambda a, y: (a - y) ** 4, lambda a, y: 4 * (a - y) ** 3)
    >>> reference.mlp([1, 1], loss="fourth").loss
    'fourth'
    """
    if _is_new("loss", name, (value, gradient), losses.LOSSES):
        for a, y in zip(_points(outputs), _targets(targets), strict=True):
            _compare(f"gradient of loss {name!r}", value, gradient, a, outputs, y)
        losses.CUSTOM[name] = losses.of_outputs(value, gradient)
        _FUNCTIONS["loss", name] = value, gradient


def _is_new(
    kind: str, name: str, functions: tuple[object, object], built_in: Iterable[str]
) -> bool:
    """Return whether the name is free; refuse one that cannot be, or has other functions."""
    if not isinstance(name, str):
        raise TypeError(f"name must be a string, got {name!r}")
    if not name.isidentifier() or name in built_in:
        raise ValueError(f"name must be an identifier and not a built-in {kind}, got {name!r}")
    if not all(map(callable, functions)):
        raise TypeError(f"the functions of {kind} {name!r} must be callable, got {functions!r}")
    if _FUNCTIONS.get((kind, name), functions) != functions:
        raise ValueError(f"name must be free, got {kind} {name!r}, which has other functions")
    return (kind, name) not in _FUNCTIONS


def _points(span: Range, seed: int = 0) -> list[float]:
    """Return some numbers within a range, also far out where it has no end."""
    rng = random.Random(seed)
    low, high = span
    normal = [rng.gauss(0, 1) * (5 if i % 3 == 0 else 1) for i in range(60)]
    if math.isinf(low) and math.isinf(high):
        return normal
    if math.isinf(low) or math.isinf(high):
        return [
            low + math.exp(g / 5) if math.isinf(high) else high - math.exp(g / 5) for g in normal
        ]
    return [low + (high - low) * rng.uniform(0.02, 0.98) for _ in normal]


def _targets(span: Range) -> list[float]:
    """Return as many targets, half of them 0 or 1 where they may be."""
    found = _points(span, seed=1)
    if span[0] <= 0 and span[1] >= 1:
        found[::2] = [float(i % 2) for i, _ in enumerate(found[::2])]
    return found


def _compare(
    what: str,
    value: Callable[..., float],
    slope: Callable[..., float],
    at: float,
    span: Range,
    *target: float,
) -> None:
    """Refuse a slope that is not that of the value."""
    h = min(STEP * max(1, abs(at)), (at - span[0]) / 1000, (span[1] - at) / 1000)
    above, below, got = value(at + h, *target), value(at - h, *target), slope(at, *target)
    if not all(map(math.isfinite, (above, below, got))):
        raise ValueError(f"{what} and its value must be finite, got {got} and {above} at {at}")
    want = (above - below) / ((at + h) - (at - h))
    rounding = ROUNDING * max(1, abs(above), abs(below)) / h
    if abs(got - want) > TOLERANCE * max(abs(got), abs(want)) + rounding:
        raise ValueError(
            f"{what} must agree with the central differences of its value, got {got:.10g} and not "
            f"{want:.10g} at {at:.10g} (tolerance {TOLERANCE:g})"
        )
