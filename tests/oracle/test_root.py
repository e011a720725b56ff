"""The square roots of root.h: rounded correctly, whatever estimate they begin with.

What is exact is taken from whole numbers: math.isqrt for roots, fractions for the multiply-adds of
a way that the processor does not take here.
"""

import importlib
from fractions import Fraction
from math import isqrt

import numpy as np
import pytest

from fastbp import _compiled, _cpu

LEVELS = [level for level in _compiled.LEVELS if level <= f"v{_cpu.isa_level()}"]
UINT = {"float32": np.uint32, "float64": np.uint64}
# 4 X - (2 k + 1)^2 of what has to be looked at is 96 at most; see root.h.
NEAREST = 2048
DIGITS = 53


def roots(level, x):
    out = np.empty_like(x)
    importlib.import_module(f"fastbp._kernels_{level}").elementwise("square_root", x, out)
    return out


def rounded_root(x):
    """Return the root of x = X 2^2e for a whole X of 105 or 106 bits, in units of 2^e."""
    k = isqrt(x)
    return k + (4 * x > (2 * k + 1) ** 2)


def square_roots_of(c, bits):
    """Return all odd m below 2^bits with m^2 = -c modulo 2^bits, for c = 7 modulo 8."""
    found = [1]
    for bit in range(3, bits):
        # Each root modulo 2^bit is one, or becomes one by adding 2^(bit - 1), modulo 2^(bit + 1).
        found = [
            m + step
            for m in found
            for step in (0, 1 << bit - 1)
            if ((m + step) ** 2 + c) % (1 << bit + 1) == 0
        ]
    every = {sign * m + half for m in found for sign in (1, -1) for half in (0, 1 << bits - 1)}
    return sorted({m % (1 << bits) for m in every})


def nearest_to_midpoints(digits, nearest):
    """Return all X, of so many digits and zeros, whose root is next to the middle of two numbers.

    4 X - (2 k + 1)^2 = c with |c| <= nearest + 1; X is a multiple of 2^(digits - 1) for an even
    exponent and of 2^digits for an odd one.
    """
    found = set()
    for zeros in (digits - 1, digits):
        bits = zeros + 2
        for c in range(-nearest - 1, nearest, 8):
            for m in square_roots_of(c, bits):
                for middle in range(m, 1 << digits + 1, 1 << bits):
                    x = (middle * middle + c) >> 2
                    if middle >> digits and (x >> zeros).bit_length() == digits:
                        found.add(x)
    return sorted(found)


HARD = nearest_to_midpoints(DIGITS, NEAREST)


def as_doubles(xs):
    return np.array([float(x) for x in xs])


def test_the_hard_cases_are_hard():
    assert len(HARD) > 500
    for x in HARD:
        k = isqrt(x)
        assert float(x) == x
        assert 1 << DIGITS - 1 <= k < 1 << DIGITS
        assert abs(4 * x - (2 * k + 1) ** 2) <= NEAREST + 1


def test_none_is_left_out_among_all_numbers_of_11_digits():
    every = [
        fraction << zeros
        for zeros in (10, 11)
        for fraction in range(1 << 10, 1 << 11)
        if -65 <= 4 * (fraction << zeros) - (2 * isqrt(fraction << zeros) + 1) ** 2 <= 64
    ]
    assert nearest_to_midpoints(11, 64) == sorted(every)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("scale", [-900, -2, 0, 2, 800])
def test_hard_cases_are_rounded_correctly(level, scale):
    got = roots(level, as_doubles(HARD) * 2.0**scale)
    want = as_doubles([rounded_root(x) for x in HARD]) * 2.0 ** (scale // 2)
    np.testing.assert_array_equal(got, want)


def fma(a, b, c):
    """Return a b + c, rounded once."""
    return float(Fraction(a) * Fraction(b) + Fraction(c))


def root_from(x, estimate):
    """Take the steps of root_f64 from an estimate of 1 / sqrt(x)."""
    g, h = x * estimate, 0.5 * estimate
    for _ in range(2):
        r = fma(-g, h, 0.5)
        g, h = fma(g, r, g), fma(h, r, h)
    return fma(fma(-g, g, x), h, g)


def test_no_estimate_leaves_a_trace():
    # Other processors estimate otherwise, within the same 2^-14.
    for x in HARD[::10]:
        want = float(rounded_root(x))
        for off in np.linspace(-(2.0**-14), 2.0**-14, 9):
            assert root_from(float(x), (1 + off) / want) == want, (x, off)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("dtype", UINT)
def test_any_bits_give_the_root_of_the_instruction(level, dtype):
    rng = np.random.default_rng(5)
    bits = rng.integers(0, 2 ** np.finfo(dtype).bits, 1_000_000, UINT[dtype])
    x = bits.view(dtype)
    ordinary = rng.uniform(1, 4, 1_000_000).astype(dtype)
    squares = (rng.integers(0, 2 ** (np.finfo(dtype).nmant // 2), 10_000) ** 2).astype(dtype)
    for values in (x, np.abs(x), ordinary, ordinary * dtype_tiny(dtype), squares):
        with np.errstate(all="ignore"):
            want = np.sqrt(values)
        np.testing.assert_array_equal(roots(level, values), want)


def dtype_tiny(dtype):
    """Return a power of 4 next to the limit below which the instruction is taken."""
    return np.dtype(dtype).type(2.0 ** (-98 if dtype == "float32" else -962))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("dtype", UINT)
def test_special_values_keep_to_themselves(level, dtype):
    # One in a vector of others, at each place of it.
    for value in (0.0, -0.0, np.inf, np.nan, -1.0, np.finfo(dtype).smallest_subnormal):
        for place in range(16):
            x = np.full(16, 2, dtype)
            x[place] = value
            with np.errstate(all="ignore"):
                want = np.sqrt(x)
            got = roots(level, x)
            np.testing.assert_array_equal(got, want)
            np.testing.assert_array_equal(np.signbit(got)[want == 0], np.signbit(want)[want == 0])


@pytest.mark.slow
@pytest.mark.parametrize("level", LEVELS)
def test_every_float(level):
    for first in range(0, 2**32, 2**24):
        x = np.arange(first, first + 2**24, dtype=np.uint32).view(np.float32)
        with np.errstate(all="ignore"):
            want = np.sqrt(x)
        got = roots(level, x)
        assert ((got == want) | (np.isnan(got) & np.isnan(want))).all(), hex(first)
