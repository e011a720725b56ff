"""The few functions of a number that a network needs, for whatever type of number comes in.

``+ - * /`` work on every number type, so most of the package never asks what it is computing with.
Only exp, log, sqrt and tanh belong to a type, and this file finds them: in ``math`` for float and
int, in ``cmath`` for complex, in the number itself for Decimal, in the number's context for mpmath.
A Fraction has none of them; networks of identity and relu layers with the mse loss need none, and
there every result is exact.

Complex numbers are here for the complex-step derivative: f'(x) = Im f(x + ih) / h has no
subtraction and so no cancellation. It needs comparisons (as in relu) to look at the real part only.

References
----------
W. Squire and G. Trapp, "Using Complex Variables to Estimate Derivatives of Real Functions", SIAM
Review 40(1), 1998.
"""

import cmath
import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

# Python has no type for "anything with + - * /" (Fraction, mpf and complex share no useful base
# class), so the annotation is for the reader and the type checker lets it pass.
Number = Any
Row = list[Number]
Rows = list[Row]

# Of y^2 nothing is left in a float beside 1.
NEAR_THE_AXIS = 1e-8


def exp(x: Number) -> Number:
    """E to the power x.

    Examples
    --------
    >>> from decimal import Decimal
    >>> exp(0.0), exp(Decimal(0))
    (1.0, Decimal('1'))
    """
    return _elementary("exp", x)


def log(x: Number) -> Number:
    """Natural logarithm of x."""
    return _elementary("log", x)


def log1p(x: Number) -> Number:
    """log(1 + x); for a float without losing a small x beside the 1."""
    return math.log1p(x) if isinstance(x, float) else log(1 + x)


def sqrt(x: Number) -> Number:
    """Square root of x."""
    return _elementary("sqrt", x)


def tanh(x: Number) -> Number:
    """Hyperbolic tangent, (e^x - e^-x) / (e^x + e^-x)."""
    if isinstance(x, Decimal):  # the one type here with exp but without tanh
        small = exp(-2 * abs(x))
        return ((1 - small) / (1 + small)).copy_sign(x)
    return _elementary("tanh", x)


def sin(x: Number) -> Number:
    """Sine of x, in radians."""
    return _elementary("sin", x)


def cos(x: Number) -> Number:
    """Cosine of x, in radians."""
    return _elementary("cos", x)


def erf(x: Number) -> Number:
    """Error function, 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x."""
    return _elementary("erf", x)


def erfc(x: Number) -> Number:
    """1 - erf(x), for large x without losing its digits beside the 1.

    There is none for complex numbers in the standard library. Beside the real axis, where a complex
    step goes, it is erfc(x) - 2 / sqrt(pi) e^(-x^2) iy, for the integral that it is; what is left
    out has a factor of y^2.
    """
    if isinstance(x, complex):
        if abs(x.imag) > NEAR_THE_AXIS:
            raise ValueError(f"erfc needs |imag x| <= {NEAR_THE_AXIS}, got {x}")
        slope = -2 / math.sqrt(math.pi) * math.exp(-x.real * x.real)
        return complex(math.erfc(x.real), slope * x.imag)
    return _elementary("erfc", x)


def pi_of(x: Number) -> Number:
    """Return pi in the number type of x."""
    context = getattr(type(x), "context", None)
    return +context.pi if context is not None else math.pi


def sign(x: Number) -> int:
    """-1, 0 or 1."""
    return int(real(x) > 0) - int(real(x) < 0)


def expm1(x: Number) -> Number:
    """e^x - 1; for a float without losing a small x beside the 1."""
    return math.expm1(x) if isinstance(x, float) else exp(x) - 1


def real(x: Number) -> Number:
    """Real part of x, the part that comparisons look at."""
    return x.real


def is_finite(x: Number) -> bool:
    """Whether x is neither infinite nor NaN, for any number type.

    Examples
    --------
    >>> is_finite(1.5), is_finite(float("inf")), is_finite(float("nan"))
    (True, False, False)
    """
    if isinstance(x, Decimal):  # Decimal raises on infinity - infinity
        return x.is_finite()
    return bool(x - x == 0)  # infinity - infinity is NaN, and NaN equals nothing


def add_up(terms: Iterable[Number]) -> Number:
    """Sum in the order given, one rounding a term.

    The built-in sum corrects its rounding since Python 3.12; this one gives the same float on
    every version.
    """
    total: Number = 0
    for term in terms:
        total = total + term
    return total


def _elementary(name: str, x: Number) -> Number:
    if isinstance(x, int | float):
        return getattr(math, name)(x)
    if isinstance(x, complex):
        return getattr(cmath, name)(x)
    if isinstance(x, Decimal):
        return getattr(x, {"log": "ln"}.get(name, name))()
    context = getattr(type(x), "context", None)  # mpmath's numbers carry their precision there
    if hasattr(context, name):
        return getattr(context, name)(x)
    raise TypeError(
        f"{name} needs a number type that has it (float, complex, Decimal, mpmath.mpf), "
        f"got {type(x).__name__}"
    )
