"""expm1, sin, cos and the normal distribution of special.h, on every instruction-set level."""

import importlib
import math

import mpmath
import numpy as np
import pytest

from fastbp import _compiled, _cpu

LEVELS = [level for level in _compiled.LEVELS if level <= f"v{_cpu.isa_level()}"]
WIDER = {"float32": np.float64, "float64": np.longdouble}
# How far the reduction of sin and cos keeps its digits.
REACH = {"float32": 8192.0, "float64": 2.0**20}
INF, NAN = np.inf, np.nan

x86_longdouble = pytest.mark.skipif(
    np.finfo(np.longdouble).nmant < 63, reason="the oracle needs a 64-bit significand"
)
every_level = pytest.mark.parametrize("level", LEVELS)
every_dtype = pytest.mark.parametrize("dtype", WIDER)


def elementwise(level, name, x):
    out = np.empty_like(x)
    importlib.import_module(f"fastbp._kernels_{level}").elementwise(name, x, out)
    return out


def draw(dtype, low, high, n=200_000):
    """Draw from the range, and near 0 from all magnitudes."""
    rng = np.random.default_rng(3)
    small = np.exp(rng.uniform(-30, 1, n // 2)) * rng.choice([-1, 1], n // 2)
    return np.concatenate([rng.uniform(low, high, n), small]).astype(dtype)


@x86_longdouble
@every_level
@every_dtype
def test_expm1_is_off_by_2_and_a_half_ulp_at_most(dtype, level):
    low = -90 if dtype == "float32" else -700
    x = np.concatenate([draw(dtype, low, -low - 5), draw(dtype, -1, 1), draw(dtype, 10, 50)])
    want = np.expm1(x.astype(WIDER[dtype]))
    unit = np.spacing(np.abs(want).astype(dtype))
    assert (np.abs(elementwise(level, "expm1", x) - want) / unit).max() <= 2.5


@x86_longdouble
@every_level
@every_dtype
@pytest.mark.parametrize(("name", "oracle"), [("sine", np.sin), ("cosine", np.cos)])
def test_sin_and_cos_are_off_by_an_ulp_of_1_at_most(name, oracle, dtype, level):
    x = np.concatenate([draw(dtype, -REACH[dtype], REACH[dtype]), draw(dtype, -10, 10)])
    want = oracle(x.astype(WIDER[dtype]))
    assert np.abs(elementwise(level, name, x) - want).max() <= np.finfo(dtype).eps


@every_level
def test_the_normal_distribution_is_off_by_8_ulp_at_most_in_float32(level):
    x = draw("float32", -13, 8, 100_000)
    want = np.array([math.erfc(-value / math.sqrt(2)) / 2 for value in x.astype(float)])
    unit = np.spacing(want.astype("float32"))
    assert (np.abs(elementwise(level, "normal_cdf", x) - want) / unit).max() <= 8


@every_level
def test_the_normal_distribution_is_off_by_8_ulp_at_most_in_float64(level):
    context = mpmath.MPContext()
    context.prec = 120
    x = draw("float64", -37, 8, 3000)
    for value, got in zip(x, elementwise(level, "normal_cdf", x), strict=True):
        want = context.erfc(-context.mpf(float(value)) / context.sqrt(2)) / 2
        assert abs(context.mpf(float(got)) - want) <= 8 * float(np.spacing(float(want)))


@every_level
@every_dtype
@pytest.mark.parametrize(
    ("name", "pairs"),
    [
        ("expm1", [(0.0, 0.0), (INF, INF), (-INF, -1.0), (-2e3, -1.0), (2e3, INF)]),
        ("sine", [(0.0, 0.0), (INF, NAN), (-INF, NAN), (1e30, 0.0)]),
        ("cosine", [(0.0, 1.0), (INF, NAN), (-INF, NAN), (1e30, 1.0)]),
        ("normal_cdf", [(0.0, 0.5), (INF, 1.0), (-INF, 0.0), (50.0, 1.0), (-50.0, 0.0)]),
    ],
)
def test_special_numbers(name, pairs, dtype, level):
    x, want = np.array([*pairs, (NAN, NAN)], dtype).T.copy()
    np.testing.assert_array_equal(elementwise(level, name, x), want)


@pytest.mark.parametrize("name", ["expm1", "sine", "cosine", "normal_cdf"])
@every_dtype
@pytest.mark.skipif("v4" not in LEVELS, reason="this CPU does not run v4")
def test_levels_v3_and_v4_agree_bit_for_bit(name, dtype):
    x = draw(dtype, -30, 30)
    assert elementwise("v3", name, x).tobytes() == elementwise("v4", name, x).tobytes()
