"""The compiled standardisation: every pair of dtypes, as numpy has it, and what is not finite."""

import numpy as np
import pytest
from tolerance import assert_same_bits

from fastbp._compiled import engine

PAIRS = [(a, b) for a in ("float32", "float64") for b in ("float32", "float64")]


@pytest.mark.parametrize(("given", "wanted"), PAIRS)
@pytest.mark.parametrize("n_columns", [1, 7, 16, 33])
def test_rows_are_those_of_numpy_in_float64(given, wanted, n_columns):
    rng = np.random.default_rng(n_columns)
    x = (rng.normal(size=(50, n_columns)) * 1e3 + 5e3).astype(given)
    mean, scale = rng.normal(size=n_columns) * 1e3, rng.uniform(0.1, 9, n_columns)
    z = np.empty(x.shape, wanted)
    assert engine.standardize(x, mean, scale, z) == -1
    assert_same_bits(z, ((x.astype(np.float64) - mean) / scale).astype(wanted))


@pytest.mark.parametrize(("given", "wanted"), PAIRS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 0), (3, 18), (9, 7)])
def test_the_first_row_that_is_not_finite_is_told(given, wanted, value, place):
    x = np.ones((10, 19), given)
    x[place] = x[9, 18] = value
    z = np.empty(x.shape, wanted)
    assert engine.standardize(x, np.zeros(19), np.ones(19), z) == place[0]


def test_what_is_finite_as_float64_alone_is_told():
    x, z = np.array([[1.0], [1e39]]), np.empty((2, 1), np.float32)
    assert engine.standardize(x, np.zeros(1), np.ones(1), z) == 1
    assert engine.standardize(x, np.zeros(1), np.ones(1), np.empty((2, 1))) == -1
