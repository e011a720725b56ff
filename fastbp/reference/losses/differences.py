"""Losses of the difference between an output and its target.

Each is a function of a and y of one output, beside its derivative by a; a row's loss is the sum.
"""

from collections.abc import Callable

from ..scalars import Number, exp, expm1, log, log1p, real, sign, tanh

Elementwise = Callable[[Number, Number], Number]


def mae(a: Number, y: Number) -> Number:
    """L = |a - y|."""
    return a - y if real(a - y) > 0 else y - a


def mae_prime(a: Number, y: Number) -> Number:
    """dL/da = sign(a - y), 0 where they are equal."""
    return type(a)(sign(a - y))


def huber(a: Number, y: Number, delta: Number) -> Number:
    """L = 1/2 (a - y)^2 near y, and delta (|a - y| - delta / 2) further away than delta.

    References
    ----------
    P. J. Huber, "Robust Estimation of a Location Parameter", Annals of Mathematical Statistics
    35(1), 1964.
    """
    size = mae(a, y)
    return size * size / 2 if real(size) <= delta else delta * (size - delta / 2)


def huber_prime(a: Number, y: Number, delta: Number) -> Number:
    """dL/da = a - y, but no less than -delta and no more than delta."""
    return a - y if abs(real(a - y)) <= delta else type(a)(delta * sign(a - y))


def log_cosh(a: Number, y: Number) -> Number:
    """L = log cosh(a - y) = |d| + log(1 + e^(-2 |d|)) - log 2 with d = a - y.

    For small d these terms cancel; there cosh d = 1 + m^2 / (2 (1 + m)) with m = e^-|d| - 1.
    """
    size = mae(a, y)
    if real(size) < 1:
        m = expm1(-size)
        return log1p(m * m / (2 * (1 + m)))
    return size + log1p(exp(-2 * size)) - log(type(a)(2))


def log_cosh_prime(a: Number, y: Number) -> Number:
    """dL/da = tanh(a - y)."""
    return tanh(a - y)


def quantile(a: Number, y: Number, q: Number) -> Number:
    """L = q (y - a) where a is too small, (1 - q) (a - y) where it is too large.

    Least for the a below which a part q of the y lies.

    References
    ----------
    R. Koenker and G. Bassett, "Regression Quantiles", Econometrica 46(1), 1978, equation 2.1.
    """
    return q * (y - a) if real(a - y) < 0 else (1 - q) * (a - y)


def quantile_prime(a: Number, y: Number, q: Number) -> Number:
    """dL/da = -q where a is too small, 1 - q where it is too large, 0 between."""
    if real(a - y) == 0:
        return a - y
    return type(a)(-q if real(a - y) < 0 else 1 - q)


def hinge(a: Number, y: Number) -> Number:
    """L = max(0, 1 - y a) for y = -1 or 1: right by a margin costs nothing.

    References
    ----------
    C. Cortes and V. Vapnik, "Support-Vector Networks", Machine Learning 20, 1995.
    """
    return type(a)(0) if real(y * a) >= 1 else 1 - y * a


def hinge_prime(a: Number, y: Number) -> Number:
    """dL/da = -y where y a < 1, else 0."""
    return type(a)(0) if real(y * a) >= 1 else -y
