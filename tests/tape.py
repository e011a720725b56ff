"""Derivatives from formulas of values alone: reverse-mode differentiation on a tape of arrays.

The oracle of the accuracy's promise states only how a network's loss comes about; every derivative
in it is made here, from those of +, *, /, exp, log and a few more, so that it has no formula of a
gradient in common with the kernels or the twin. Works in whatever type the arrays have: float64 or
the 64-bit significand of x86's long double.

A. Griewank, A. Walther, "Evaluating Derivatives" (2nd edition, 2008), chapter 3.
"""

import math

import mpmath
import numpy as np

LONG = mpmath.MPContext()
LONG.prec = 80


def _distribution(x):
    """Return the normal distribution, beyond float64 by mpmath."""
    if x.dtype == np.float64:
        return np.array([math.erfc(-v / math.sqrt(2)) / 2 for v in x.ravel()]).reshape(x.shape)
    out = np.empty_like(x)
    for place, value in np.ndenumerate(x):
        exact = LONG.ncdf(exact_number(LONG, value))
        high = float(exact)
        out[place] = np.longdouble(high) + np.longdouble(float(exact - high))
    return out


def exact_number(context, value):
    """Return a long double as a number of mpmath, in two parts without an error."""
    high = float(value)
    return context.mpf(high) + context.mpf(float(value - np.longdouble(high)))


def _reduced(gradient, shape):
    """Sum a gradient over the axes along which a value was broadcast."""
    gradient = gradient.sum(axis=tuple(range(gradient.ndim - len(shape))))
    axes = tuple(i for i, n in enumerate(shape) if n == 1 and gradient.shape[i] != 1)
    return gradient.sum(axis=axes, keepdims=True)


class Tape:
    """Where results are written down in the order of their making.

    Parameters
    ----------
    dtype : type
        Of every number on it.
    noise : float, optional
        Each result and each derivative is changed by up to this share of itself: what that does to
        the gradients tells how well they are conditioned (D. S. Parker, "Monte Carlo arithmetic",
        1997). As with rounding, numbers alike are changed alike.
    seed : int, optional
        Another noise for each.

    Attributes
    ----------
    given : type
        In which the numbers were given, when that is another one.
    """

    def __init__(self, dtype, noise=0.0, seed=0):
        self.dtype, self.noise, self.given = dtype, noise, dtype
        self.pitch = 1e9 * (1 + seed)
        self.nodes = []

    def changes(self, value):
        """Return the noise of each number of a value, a function of its digits."""
        digits = np.frexp(value.astype(np.float64))[0]
        return (self.noise * np.sin(self.pitch * digits)).astype(self.dtype)

    def shaken(self, value):
        """Return a value with its noise."""
        return value * (1 + self.changes(value)) if self.noise else value

    def number(self, value):
        """Write down an array as it is."""
        return Node(self, np.asarray(value, self.dtype), ())

    def gradients(self, result, seed, wanted):
        """Return the derivatives of sum(seed * result) to each of the wanted nodes."""
        found = {id(result): np.asarray(seed, self.dtype)}
        for node in reversed(self.nodes):
            above = found.get(id(node))
            if above is None:
                continue
            for parent, pull in node.parents:
                below = self.shaken(_reduced(pull(above), parent.value.shape))
                found[id(parent)] = found.get(id(parent), 0) + below
        return [found.get(id(node), np.zeros_like(node.value)) for node in wanted]


class Node:
    """A result on a tape: its value, and for each operand how a derivative comes down to it."""

    def __init__(self, tape, value, parents):
        self.tape, self.parents = tape, parents
        self.value = tape.shaken(value) if parents else value
        tape.nodes.append(self)

    def _other(self, other):
        return other if isinstance(other, Node) else self.tape.number(other)

    def __add__(self, other):
        other = self._other(other)
        parents = ((self, lambda g: g), (other, lambda g: g))
        return Node(self.tape, self.value + other.value, parents)

    def __mul__(self, other):
        other = self._other(other)
        parents = ((self, lambda g: g * other.value), (other, lambda g: g * self.value))
        return Node(self.tape, self.value * other.value, parents)

    def __matmul__(self, other):
        parents = ((self, lambda g: g @ other.value.T), (other, lambda g: self.value.T @ g))
        return Node(self.tape, self.value @ other.value, parents)

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + -self._other(other)

    def __rsub__(self, other):
        return -self + other

    def __truediv__(self, other):
        return self * self._other(other).power(-1)

    @property
    def T(self):
        """The transpose."""
        return Node(self.tape, self.value.T, ((self, lambda g: g.T),))

    def sum(self, axis):
        """Return the sum along an axis, which stays with length 1."""
        total = self.value.sum(axis=axis, keepdims=True)
        return Node(self.tape, total, ((self, lambda g: g + np.zeros_like(self.value)),))

    def columns(self, first, stop):
        """Return some of the columns."""

        def pull(g):
            whole = np.zeros_like(self.value)
            whole[:, first:stop] = g
            return whole

        return Node(self.tape, self.value[:, first:stop], ((self, pull),))

    def _of(self, value, slope):
        if self.tape.noise:
            # A derivative is known to some epsilons of 1, see DERIVATIVE_EPSILONS of tolerance.py.
            slope = slope + self.tape.changes(value)
        return Node(self.tape, value, ((self, lambda g: g * slope),))

    def power(self, exponent):
        """Return the value to a power, which is -1, 2 or -1/2."""
        x = self.value
        value = {-1: lambda: 1 / x, 2: lambda: x * x, -0.5: lambda: 1 / np.sqrt(x)}[exponent]()
        return self._of(value, exponent * value / x if exponent != 2 else 2 * x)

    def exp(self):
        """e^x."""
        value = np.exp(self.value)
        return self._of(value, value)

    def expm1(self):
        """e^x - 1."""
        return self._of(np.expm1(self.value), np.exp(self.value))

    def log(self):
        """Return the natural logarithm."""
        return self._of(np.log(self.value), 1 / self.value)

    def log1p(self):
        """log(1 + x)."""
        return self._of(np.log1p(self.value), 1 / (1 + self.value))

    def tanh(self):
        """Return the hyperbolic tangent."""
        small = np.exp(-2 * np.abs(self.value))
        return self._of(np.tanh(self.value), 4 * small / (1 + small) ** 2)

    def sin(self):
        """Return the sine."""
        return self._of(np.sin(self.value), np.cos(self.value))

    def distribution(self):
        """Return the distribution of a standard normal variable."""
        x = self.value
        pi = x.dtype.type(4) * np.arctan(x.dtype.type(1))
        return self._of(_distribution(x), np.exp(-x * x / 2) / np.sqrt(2 * pi))

    def where(self, mask, other):
        """Return the value where the mask says so, and the other's elsewhere."""
        mask = np.asarray(mask).astype(self.tape.dtype)
        return self * mask + self._other(other) * (1 - mask)
