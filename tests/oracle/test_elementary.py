"""exp, log, log1p, tanh, sigmoid and softplus of elementary.h, on every instruction-set level.

The error of a result is counted in ulp: units of the spacing of the dtype at the exact value, down
to the spacing of the denormals. The oracles are numpy's functions in a wider type (float64 for
float32, the 64-bit significand of x86 for float64), and mpmath for some thousand points.
"""

import functools
import importlib

import mpmath
import numpy as np
import pytest

from fastbp import _compiled, _cpu

ULPS = 2.5  # the promise of the numerics contract
LEVELS = [level for level in _compiled.LEVELS if level <= f"v{_cpu.isa_level()}"]
DTYPES = ["float32", "float64"]
WIDER = {"float32": np.float64, "float64": np.longdouble}
POINTS = 1_000_000
CHUNK = 1 << 18

X86_LONGDOUBLE = np.finfo(np.longdouble).nmant >= 63


def sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, x.dtype.type(1)) / (1 + e) + 0 * x.clip(-1, 1)


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


ORACLES = {
    "exp": np.exp,
    "log": np.log,
    "log1p": np.log1p,
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "softplus": softplus,
}

EXACT = {
    "exp": mpmath.exp,
    "log": mpmath.log,
    "log1p": mpmath.log1p,
    "tanh": mpmath.tanh,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
}

INF = np.inf
NAN = np.nan

SPECIALS = {
    "exp": [(0.0, 1.0), (-0.0, 1.0), (-INF, 0.0), (INF, INF), (-2e3, 0.0), (2e3, INF)],
    "log": [(0.0, -INF), (-0.0, -INF), (INF, INF), (-INF, NAN), (-1.0, NAN), (1.0, 0.0)],
    "log1p": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, NAN), (-1.0, -INF), (-2.0, NAN)],
    "tanh": [(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (50.0, 1.0), (-50.0, -1.0)],
    "sigmoid": [(0.0, 0.5), (-0.0, 0.5), (INF, 1.0), (-INF, 0.0), (2e3, 1.0), (-2e3, 0.0)],
    "softplus": [(INF, INF), (-INF, 0.0), (2e3, 2e3), (-2e3, 0.0)],
}

# Where a formula changes over or a result leaves the normal numbers.
BREAKPOINTS = {
    "float32": [9.01, 10, 16.64, 87.34, 88.38, 88.72283, 103.2789, 103.9721, 104, 2**25],
    "float64": [19.06, 20, 36.74, 708.4, 709.44, 709.7827128933840, 744.44, 745.1332, 746, 2**54],
}


def elementwise(level, name, x):
    """Apply the compiled function of a level to a contiguous array."""
    out = np.empty_like(x)
    importlib.import_module(f"fastbp._kernels_{level}").elementwise(name, x, out)
    return out


def errors_in_ulps(got, want):
    """Return |got - want| in units of the spacing that got's dtype has at want.

    Parameters
    ----------
    got : array of float32 or float64
    want : array of a wider type
        Exact as far as it goes; a number too large for got's dtype must be answered by infinity.

    Returns
    -------
    array of the wider type
        Infinite where one side is NaN or infinite and the other is not.
    """
    info = np.finfo(got.dtype)
    wide = want.dtype.type
    with np.errstate(all="ignore"):
        power = np.abs(want / np.frexp(want)[0])  # in (|want|, 2 |want|], NaN for 0
        unit = np.fmax(power * wide(info.eps) / 2, wide(info.smallest_subnormal))
        overflow = wide(info.max) * (1 + wide(info.eps) / 4)
        want = np.where(np.abs(want) < overflow, want, want * wide(INF))
        error = np.abs(got.astype(wide) - want) / unit
        same = (got == want) | (np.isnan(got) & np.isnan(want))
    error[same] = 0
    error[np.isnan(error)] = INF
    return error


def assert_within_promise(name, x, got, want):
    error = errors_in_ulps(got, want)
    worst = int(error.argmax())
    assert error[worst] <= ULPS, (
        f"{name}({x[worst]!r}) is off by {float(error[worst]):.3f} ulp: got {got[worst]!r}, "
        f"want {want[worst]!r}"
    )
    return float(error[worst])


def break_points(dtype):
    """Draw around the constants above, the halfway points of the reductions, and 1."""
    halves = np.arange(1, 2200) * (np.log(2) / 4)
    centres = np.concatenate([BREAKPOINTS[dtype], halves, [1.0, np.sqrt(2) - 1, np.sqrt(2)]])
    centres = np.concatenate([centres, -centres, np.sqrt(2.0) * 2.0 ** np.arange(-60, 60)])
    steps = np.arange(-12, 13) * np.finfo(dtype).eps
    return (centres[:, None] * (1 + steps)).ravel().astype(dtype)


@functools.cache
def points(dtype, seed=0):
    """Return a million arguments: all magnitudes evenly, the useful ranges, and breakpoints."""
    rng = np.random.default_rng([seed, 7])
    bits = np.dtype(dtype).itemsize * 8
    every = rng.integers(0, 2**bits, POINTS // 4, dtype=f"uint{bits}").view(dtype)
    near = break_points(dtype)
    reach = 110 if dtype == "float32" else 760
    useful = rng.uniform(-reach, reach, POINTS // 4)
    spread = np.exp(rng.uniform(-40, 5, POINTS // 8)) * rng.choice([-1, 1], POINTS // 8)
    rest = POINTS - every.size - near.size - useful.size - spread.size
    small = np.concatenate([useful, spread, rng.uniform(-20, 20, rest)]).astype(dtype)
    x = np.concatenate([every, near, small])
    x.flags.writeable = False
    return x


@functools.cache
def expected(name, dtype):
    """Evaluate the oracle, once for all levels."""
    with np.errstate(all="ignore"):
        return ORACLES[name](points(dtype).astype(WIDER[dtype]))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ORACLES)
def test_error_on_a_million_points(name, dtype, level):
    if dtype == "float64" and not X86_LONGDOUBLE:
        pytest.skip("long double is no wider than float64 here")
    x = points(dtype)
    assert_within_promise(name, x, elementwise(level, name, x), expected(name, dtype))


@pytest.mark.parametrize("name", EXACT)
def test_error_against_mpmath(name):
    x = np.random.default_rng(3).choice(points("float64"), 2000)
    x = np.concatenate([x[np.isfinite(x) & (np.abs(x) < 1e6)], np.linspace(-45, 45, 1001)])
    x = x[x > {"log": 0.0, "log1p": -1.0}.get(name, -INF)]
    with mpmath.workprec(1200):  # 1 + e^-746 must keep the second term
        exact = [EXACT[name](mpmath.mpf(value)) for value in x.tolist()]
        for level in LEVELS:
            got = elementwise(level, name, x)
            for value, result, want in zip(x.tolist(), got.tolist(), exact, strict=True):
                if abs(want) > np.finfo(np.float64).max:
                    assert np.isinf(result), value
                    continue
                unit = mpmath.ldexp(1, max(int(mpmath.frexp(want)[1]) - 53, -1074))
                error = abs(mpmath.mpf(result) - want) / unit
                assert error <= ULPS, f"{name}({value!r}): {float(error):.3f} ulp, level {level}"


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ORACLES)
def test_specials(name, dtype, level):
    x, want = np.array([*SPECIALS[name], (NAN, NAN), (-NAN, NAN)], dtype).T
    for size in (1, 40):  # as a scalar tail and in the body of the vector loop
        got = elementwise(level, name, np.repeat(x, size))
        np.testing.assert_array_equal(got, np.repeat(want, size))
        numbers = ~np.isnan(got)
        signs = np.signbit(np.repeat(want, size))
        np.testing.assert_array_equal(np.signbit(got)[numbers], signs[numbers])


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_bounds_and_symmetry(dtype, level):
    x = points(dtype)[~np.isnan(points(dtype))]
    up = elementwise(level, "tanh", x)
    np.testing.assert_array_equal(elementwise(level, "tanh", -x), -up)
    assert np.abs(up).max() == 1
    assert (np.signbit(up) == np.signbit(x)).all()
    middle = elementwise(level, "sigmoid", x)
    assert middle.min() == 0
    assert middle.max() == 1
    assert elementwise(level, "softplus", x).min() == 0


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["tanh", "log1p"])
def test_small_arguments_come_back(name, dtype, level):
    info = np.finfo(dtype)
    x = np.geomspace(info.smallest_subnormal, info.eps / 8, 1000, dtype=np.longdouble)
    x = np.concatenate([x, -x]).astype(dtype)
    np.testing.assert_array_equal(elementwise(level, name, x), x)


def canonical(values):
    """Return the bits, with one NaN for all: which NaN comes out is not promised."""
    return np.where(np.isnan(values), values.dtype.type(NAN), values).tobytes()


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ORACLES)
def test_bits_depend_on_the_value_alone(name, dtype, level):
    x = np.random.default_rng(5).choice(points(dtype), 400)
    whole = elementwise(level, name, x)
    single = [elementwise(level, name, x[i : i + 1]) for i in range(x.size)]
    assert canonical(np.concatenate(single)) == canonical(whole)
    for offset in range(18):
        for length in (1, 2, 3, 5, 8, 15, 16, 17, 31, 33, 63, 64, 65, 127, 200):
            part = slice(offset, offset + length)
            got = elementwise(level, name, x[part])
            assert canonical(got) == canonical(whole[part]), (offset, length)


@pytest.mark.skipif("v4" not in LEVELS, reason="needs a CPU with AVX-512")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ORACLES)
def test_same_bits_on_both_levels_with_fma(name, dtype):
    x = points(dtype)
    assert canonical(elementwise("v3", name, x)) == canonical(elementwise("v4", name, x))


@pytest.mark.parametrize("dtype", DTYPES)
def test_measure_sees_an_error_of_three_ulp(dtype):
    want = np.concatenate([np.geomspace(1e-30, 1e30, 999), [1.0, 2.0]]).astype(WIDER[dtype])
    right = want.astype(dtype)
    assert errors_in_ulps(right, want).max() <= 0.5
    wrong = right.copy()
    for _ in range(3):
        wrong = np.nextafter(wrong, np.array(INF, dtype))
    assert errors_in_ulps(wrong, want).min() >= 2.5
    with pytest.raises(AssertionError, match="is off by"):
        assert_within_promise("identity", want, wrong, want)


@pytest.mark.parametrize("dtype", DTYPES)
def test_measure_sees_wrong_specials(dtype):
    tiny = np.finfo(dtype).smallest_subnormal
    pairs = [(0, NAN), (NAN, 0), (INF, 1), (1, INF), (-INF, INF), (3 * tiny, 0), (0, 3 * tiny)]
    got, want = np.array(pairs, dtype).T
    assert (errors_in_ulps(got, want.astype(WIDER[dtype])) >= 3).all()
    fine = np.array([0, NAN, INF, -INF, tiny], dtype)
    assert (errors_in_ulps(fine, fine.astype(WIDER[dtype])) == 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("level", [level for level in LEVELS if level != "v3"])
@pytest.mark.parametrize("name", ORACLES)
def test_error_on_every_float32(name, level, record_property):
    worst = 0.0
    for start in range(0, 1 << 32, CHUNK):
        x = np.arange(start, start + CHUNK, dtype=np.uint64).astype(np.uint32).view(np.float32)
        with np.errstate(all="ignore"):
            want = ORACLES[name](x.astype(np.float64))
        worst = max(worst, assert_within_promise(name, x, elementwise(level, name, x), want))
    record_property("ulp", worst)
    print(f"{name} {level}: {worst:.4f} ulp")
