"""Activations and losses of the user's own, by name.

The two functions of each are in `functions` brought to one way of calling and in `differences` held
against each other before a name is taken.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from fastbp import checks
from fastbp._compiled import engine
from fastbp.custom.differences import Range, check_activation, check_loss
from fastbp.custom.functions import Function, as_function


class Custom(NamedTuple):
    """A function and its derivative."""

    value: Function
    slope: Function

    @property
    def calls_python(self) -> bool:
        """Whether they are Python callables."""
        return self.value.calls_python


ACTIVATIONS: dict[str, Custom] = {}
LOSSES: dict[str, Custom] = {}


class UnregisteredError(ValueError):
    """A description of a network has a name that nobody has registered here."""


def register_activation(name: str, value: Any, derivative: Any) -> None:
    """Give an activation of your own a name, which then stands wherever a built-in one may.

    a = s(z), and delta = dL/da * s'(z). Either two Python callables, or two compiled functions.

    Python callables work elementwise on a block of rows, up to 256 or with batch normalisation the
    batch: they are given z (n_rows, n_units), a copy in the network's dtype, and return as many
    real numbers. This is the slow way: some microseconds a layer and block, and one thread. What
    they raise ends the call, and the parameters are those of the last whole step. numpy's functions
    may give a number other last bits in another place of an array, and so in another batch.

    Compiled functions are double(double) and are called from the compiled loop without the GIL,
    possibly by several threads: a ctypes function with its restype and argtypes set, a numba
    ``cfunc("float64(float64)")``, or the capsule of a Cython ``cdef double f(double z) noexcept
    nogil`` as in ``__pyx_capi__``. They work in float64; float32 networks round the results. A
    ctypes callback to Python takes the GIL itself, and what it raises is lost.

    Parameters
    ----------
    name : str
        A Python identifier, none of the built-in names. Files and pickles hold the name alone: it
        must be registered again before they are loaded.
    value, derivative : callables or compiled functions
        s and s'. They are called once at points from about -15 to 15, and refused where the central
        differences of s do not agree with s' to 1e-5. They must not change afterwards.

    Raises
    ------
    TypeError
        The name is no string, or a function is neither callable nor of the type above.
    ValueError
        The name is built in or has other functions; a result is not finite or of another shape; the
        derivative is wrong: the message says where.

    Examples
    --------
    >>> import fastbp as fb
    >>> def cube(z):
    ...     return z**3
    >>> def cube_prime(z):
    ...     return 3 * z**2
    >>> fb.register_activation("cube", cube, cube_prime)
    >>> fb.mlp([2, 3, 1], hidden="cube")
    <Network 2-3-1 (cube, identity), mse, float32, 13 parameters>

    >>> fb.register_activation("square", lambda z: z**2, lambda z: z)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: derivative of activation 'square' must agree with ... got ... and not ... at z = ...
    """
    check_name("activation", name, engine.ACTIVATIONS)
    found = Custom(
        as_function(f"value of activation {name!r}", value, 1, of_rows=False),
        as_function(f"derivative of activation {name!r}", derivative, 1, of_rows=False),
    )
    if is_new("activation", name, found, ACTIVATIONS):
        check_activation(name, *found)
        ACTIVATIONS[name] = found


def register_loss(
    name: str,
    value: Any,
    gradient: Any,
    outputs: Range = (-math.inf, math.inf),
    targets: Range = (-math.inf, math.inf),
) -> None:
    """Give a loss of your own a name, which then stands wherever a built-in one may.

    L = (1/N) sum_r L_r, with dL_r/da for each output; any output activation may come before it.

    Python callables are given a and y, (n_rows, n_out), copies of the network's dtype; value
    returns the losses of the rows, (n_rows,), which must not depend on one another, and gradient
    dL_r/da, (n_rows, n_out). Compiled functions are double(double a, double y): the loss of one
    output, of which a row's is the sum, and its derivative by a. Of both kinds, what
    `register_activation` says holds here.

    Parameters
    ----------
    name : str
        As for `register_activation`.
    value, gradient : callables or compiled functions
        L_r and dL_r/da, checked as for `register_activation`, y also of 0 and 1.
    outputs, targets : (low, high)
        Where the loss is defined: in the range of a without its ends, in that of y with them. The
        check draws from there; in training nothing looks at it.

    Raises
    ------
    TypeError, ValueError
        As for `register_activation`; a range is not two numbers, the first one smaller.

    Examples
    --------
    Too little is three times as bad as too much:

    >>> import fastbp as fb, numpy as np
    >>> def value(a, y):
    ...     return (np.where(a < y, 3.0, 1.0) * (a - y) ** 2).sum(axis=1)
    >>> def gradient(a, y):
    ...     return np.where(a < y, 6.0, 2.0) * (a - y)
    >>> fb.register_loss("asymmetric", value, gradient)
    >>> net = fb.Network(1, [fb.Dense(1, init="zeros")], loss="asymmetric")
    >>> net.evaluate([[1.0], [1.0]], [2.0, -2.0])
    8.0
    """
    check_name("loss", name, engine.LOSSES)
    found = Custom(
        as_function(f"value of loss {name!r}", value, 2, of_rows=True),
        as_function(f"gradient of loss {name!r}", gradient, 2, of_rows=False),
    )
    ranges = checked_range("outputs", outputs), checked_range("targets", targets)
    if is_new("loss", name, found, LOSSES):
        check_loss(name, *found, *ranges)
        LOSSES[name] = found


def check_name(kind: str, name: object, built_in: Mapping[str, int]) -> None:
    """Refuse what cannot be the name of an activation or a loss."""
    if not isinstance(name, str):
        raise TypeError(f"name must be a string, got {checks.described(name)}")
    if not name.isidentifier():
        raise ValueError(f"name must be an identifier (letters, digits and _), got {name!r}")
    if name in built_in:
        raise ValueError(f"name must be none of the built-in ones, got {kind} {name!r}")


def is_new(kind: str, name: str, found: Custom, known: Mapping[str, Custom]) -> bool:
    """Return whether a name is not yet taken by the same functions; refuse others, and mixtures."""
    if found.value.calls_python != found.slope.calls_python:
        raise TypeError(
            f"{kind} {name!r} must have two Python callables or two compiled functions, got one of "
            "each"
        )
    if name not in known:
        return True
    if any(old.identity != new.identity for old, new in zip(known[name], found, strict=True)):
        raise ValueError(
            f"name must be one that other functions do not have, got {kind} {name!r}, which is "
            "registered with others"
        )
    return False


def checked_range(name: str, value: Any) -> Range:
    """Return a range as two floats, the first one smaller."""
    try:
        low, high = (float(end) for end in value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be (low, high), got {checks.described(value)}") from None
    if not low < high:
        raise ValueError(f"{name} must be (low, high) with low < high, got {(low, high)}")
    return low, high


def require(kind: str, text: object, built_in: Mapping[str, int]) -> None:
    """Refuse a name of a saved network that is neither built in nor registered.

    Raises
    ------
    UnregisteredError
        The message says what must be registered.
    """
    known = ACTIVATIONS if kind == "activation" else LOSSES
    if not isinstance(text, str) or not text.isidentifier() or text in (*built_in, *known):
        return
    functions = "derivative" if kind == "activation" else "gradient"
    raise UnregisteredError(
        f"has the {kind} {text!r}, which is not built in: give it its functions before, with "
        f"fastbp.register_{kind}({text!r}, value, {functions})"
    )
