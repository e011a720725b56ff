"""Promise 11, elementwise functions: every activation and its derivative within what is stated."""

import functools
import importlib

import numpy as np
import pytest
from formulas import activated
from strategies import EVERY_ACTIVATION
from tape import Tape
from tolerance import DERIVATIVE_BOUNDS, VALUE_BOUNDS

from fastbp import _compiled, _cpu, spec
from fastbp.kernels.activations import split_activation
from fastbp.names import plain

LEVELS = [level for level in _compiled.LEVELS if level <= f"v{_cpu.isa_level()}"]
WIDER = {"float32": np.float64, "float64": np.longdouble}
BY_ROWS = ("softmax", "log_softmax")
ELEMENTWISE = [name for name in EVERY_ACTIVATION if name not in BY_ROWS]

every_dtype = pytest.mark.parametrize("dtype", spec.DTYPES)
pytestmark = pytest.mark.skipif(
    np.finfo(np.longdouble).nmant < 63, reason="the oracle needs a 64-bit significand"
)


def points(name, dtype):
    """Draw z densely where activations bend, of all sizes near 0, and at the kinks."""
    # mpmath answers for gelu in float64, some ten thousand times a second.
    n = 2_000 if (plain(name), dtype) == ("gelu", "float64") else 20_000
    rng = np.random.default_rng(2)
    small = np.exp(rng.uniform(-30, 1, n)) * rng.choice([-1, 1], n)
    kinks = np.array([0.0, 1, 3, 20]) * np.ones((2, 1)) + np.array([[0], [1e-6]])
    z = np.concatenate([rng.uniform(-30, 30, n), rng.uniform(-4, 4, n), small, kinks.ravel()])
    return np.concatenate([z, -kinks.ravel()]).astype(dtype)


@functools.cache
def exact(name, dtype):
    """Return (z, s(z), s'(z)), the latter two in a wider type."""
    z = points(name, dtype)
    tape = Tape(WIDER[dtype])
    tape.given = np.dtype(dtype).type
    node = tape.number(z[None])
    a = activated(name, node)
    (slope,) = tape.gradients(a, np.ones_like(a.value), [node])
    return z, a.value[0], slope[0]


def answered(name, level, z):
    """Return s(z) and s'(z) of a level's kernels."""
    kernels = importlib.import_module(f"fastbp._kernels_{level}")
    a, slope = z[None].copy(), np.ones_like(z[None])
    if plain(name) != "identity":
        kernels.activation_value(*split_activation(name), a)
        kernels.activation_vjp(*split_activation(name), a, z[None], slope)
    return a[0], slope[0]


def off_by(got, want, unit):
    """Return the largest error in ulp of the result, or in epsilons of it, if it is above 1."""
    size = np.abs(want)
    epsilons = np.maximum(size, 1) * np.finfo(got.dtype).eps
    one = np.spacing(size.astype(got.dtype)) if unit == "ulp" else epsilons
    return float((np.abs(got - want) / one).max())


@every_dtype
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_an_activation_and_its_derivative(name, dtype, promise):
    z, value, slope = exact(name, dtype)
    for what, want, bounds, place in [
        ("value", value, VALUE_BOUNDS, 0),
        ("derivative", slope, DERIVATIVE_BOUNDS, 1),
    ]:
        most, unit = bounds[plain(name)]
        reached = max(off_by(answered(name, level, z)[place], want, unit) for level in LEVELS)
        promise(
            11, f"{what} of {name}, {dtype}", f"{most:g} {unit} at most", f"{reached:.3g} {unit}"
        )
        assert reached <= most, (what, name)


@every_dtype
@pytest.mark.parametrize("name", BY_ROWS)
def test_an_activation_of_rows_and_its_derivative(name, dtype, promise):
    rng = np.random.default_rng(3)
    worst = [0.0, 0.0]
    for width in (2, 3, 8, 17, 100):
        z, g = rng.uniform(-4, 4, (2, 300, width)).astype(dtype)
        tape = Tape(WIDER[dtype])
        node = tape.number(z)
        value = activated(name, node)
        (slope,) = tape.gradients(value, g, [node])
        for level in LEVELS:
            kernels = importlib.import_module(f"fastbp._kernels_{level}")
            a, found = z.copy(), g.copy()
            kernels.activation_value(name, 0.0, a)
            kernels.activation_vjp(name, 0.0, a, z, found)
            largest = np.abs(g).sum(axis=1, keepdims=True)
            worst[0] = max(worst[0], off_by(a, value.value, "epsilons"))
            worst[1] = max(worst[1], off_by(found / largest, slope / largest, "epsilons"))
    for what, bounds, reached in zip(
        ("value", "derivative"), (VALUE_BOUNDS, DERIVATIVE_BOUNDS), worst, strict=True
    ):
        most, unit = bounds[name]
        promise(
            11, f"{what} of {name}, {dtype}", f"{most:g} {unit} at most", f"{reached:.3g} {unit}"
        )
        assert reached <= most, (what, name)


@every_dtype
@pytest.mark.parametrize("name", [*ELEMENTWISE, *BY_ROWS])
@pytest.mark.parametrize("level", LEVELS)
def test_nan_stays_nan_so_that_a_divergence_is_seen(name, dtype, level):
    value, _ = answered(name, level, np.full(40, np.nan, dtype))
    assert np.isnan(value).all()


def test_bounds_are_stated_for_every_activation_and_no_other():
    assert set(VALUE_BOUNDS) == set(DERIVATIVE_BOUNDS) == set(spec.ACTIVATIONS)
