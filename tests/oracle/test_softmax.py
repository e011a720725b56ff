"""softmax row by row: the quotients are rounded as a division rounds them."""

import importlib

import numpy as np
import pytest

from fastbp import _compiled, _cpu

LEVELS = [level for level in _compiled.LEVELS if level <= f"v{_cpu.isa_level()}"]
# More rows than are worked at a time, and rows that are longer than that.
SHAPES = [(1, 1), (1, 2), (5, 16), (3, 10), (1500, 10), (2, 5001)]

every_level = pytest.mark.parametrize("level", LEVELS)
every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


def kernels(level):
    return importlib.import_module(f"fastbp._kernels_{level}")


def softmax(level, z):
    a = z.copy()
    kernels(level).activation_value("softmax", 0.0, a)
    return a


def powers_and_sums(level, z):
    """Return e^(z - max z) by the kernels' own exp, and each row's sum in ascending order."""
    powers = np.empty_like(z)
    kernels(level).elementwise("exp", (z - z.max(axis=1, keepdims=True)).ravel(), powers.ravel())
    return powers, np.cumsum(powers, axis=1, dtype=z.dtype)[:, -1:]


@every_level
@every_dtype
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_quotients_are_those_of_a_division(shape, dtype, level):
    z = (4 * np.random.default_rng(0).normal(size=shape)).astype(dtype)
    powers, total = powers_and_sums(level, z)
    # Without a fused multiply-add the remainder is rounded too.
    off = np.abs(softmax(level, z) - powers / total) / np.spacing(powers / total)
    assert off.max() <= (1 if level == "v1" else 0)


@every_level
@every_dtype
def test_powers_that_vanish_leave_0_and_the_others_their_sum(dtype, level):
    z = np.zeros((40, 7), dtype)
    z[:, 2] = -np.inf
    z[::2, 5] = -2000
    want = np.where(z == 0, 1, 0) / (z == 0).sum(axis=1, keepdims=True)
    np.testing.assert_array_equal(softmax(level, z), want.astype(dtype))


@every_level
@every_dtype
def test_a_nan_fills_its_row_alone(dtype, level):
    for place in range(5):
        z = np.random.default_rng(1).normal(size=(30, 5)).astype(dtype)
        want = softmax(level, z)
        z[7, place] = np.nan
        got = softmax(level, z)
        assert np.isnan(got[7]).all()
        np.testing.assert_array_equal(np.delete(got, 7, 0), np.delete(want, 7, 0))
