"""Means and standard deviations of one pass against exact ones, however the rows are cut."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tolerance import MEAN_ULPS, SCALE_ULPS, SCALE_ULPS_OF_MANY, assert_same_bits

import fastbp as fb
from fastbp.preprocessing import moments

LARGEST = np.finfo(np.float64).max


def exact(column):
    """Return mean and standard deviation of a column, to 60 digits."""
    values = [Fraction(float(value)) for value in column]
    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / len(values)
    with mpmath.workdps(60):
        ratio = mpmath.mpf(variance.numerator) / mpmath.mpf(variance.denominator)
        return mpmath.mpf(mean.numerator) / mean.denominator, mpmath.sqrt(ratio)


def check_column(column, scaling, place=0, ulps=SCALE_ULPS):
    """Require mean and scale of a column; the mean to its ulps, or to those of the deviations."""
    mean, deviation = exact(column)
    found, scale = scaling.mean[place], scaling.scale[place]
    with mpmath.workdps(60):
        room = MEAN_ULPS * max(np.spacing(min(abs(float(v)), LARGEST / 2)) for v in exact(column))
        assert abs(mpmath.mpf(float(found)) - mean) <= room
        if deviation == 0:
            assert scale == 1
        else:
            room = ulps * np.spacing(float(deviation))
            assert abs(mpmath.mpf(float(scale)) - deviation) <= room


def normal(seed, n_rows, offset=0.0, scale=1.0):
    return np.random.default_rng(seed).normal(size=n_rows) * scale + offset


COLUMNS = {
    "usual": normal(0, 5000),
    "offset of 1e9": normal(1, 5000, 1e9),
    "offset of 1e9, spread of 1e-6": normal(2, 5000, 1e9, 1e-6),
    "offset of -1e15": normal(3, 9000, -1e15, 3.0),
    "one far away first": np.concatenate([[1e12], normal(4, 4999)]),
    "one far away last": np.concatenate([normal(5, 4999), [-1e12]]),
    "two clusters": np.concatenate([normal(6, 4500, 1e9), normal(7, 4500, -1e9)]),
    "constant": np.full(9000, 0.1),
    "constant zero": np.zeros(10),
    "one row": np.array([3.7]),
    "tiny": normal(8, 5000, 1e-300, 1e-305),
    "denormal": np.arange(50) * 5e-324,
    "huge": normal(9, 5000, 0, 1e300),
    "largest": np.array([LARGEST, -LARGEST, LARGEST, LARGEST / 2]),
    "largest constant": np.full(5000, LARGEST),
    "tiny beside huge": np.concatenate([normal(10, 5000, 0, 1e-300), normal(11, 5000, 0, 1e300)]),
    "sorted": np.sort(normal(12, 9000, 50.0)),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_mean_and_scale_are_those_of_exact_arithmetic(name):
    check_column(COLUMNS[name], fb.Standardize().fit(COLUMNS[name]))


@pytest.mark.parametrize("name", COLUMNS)
def test_many_pieces_lose_no_more_than_few(name, monkeypatch):
    monkeypatch.setattr(moments, "MOST_PIECE_ROWS", 7)
    column = COLUMNS[name][:3000]
    check_column(column, fb.Standardize().fit(column), ulps=SCALE_ULPS_OF_MANY)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=8), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=40)
def test_any_cut_into_blocks_gives_the_same_bits(lengths, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(sum(lengths), 3)) * 10.0 ** rng.integers(-200, 200, 3) + 1e3
    # Pieces shorter than the rows, so that blocks end within and at the ends of them.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(moments, "MOST_PIECE_ROWS", 16)
        whole, parts, start = fb.Standardize().fit(x), fb.Standardize(), 0
        for length in lengths:
            parts.partial_fit(x[start : start + length])
            start += length
    assert_same_bits(parts.mean, whole.mean)
    assert_same_bits(parts.scale, whole.scale)
    assert parts.n_rows == whole.n_rows == len(x)


@pytest.mark.parametrize("step", [1, 4095, 4096, 4097, 10_000])
def test_blocks_around_the_length_of_a_piece_give_the_same_bits(step):
    x = normal(20, 20_000, 1e6)
    whole, parts = fb.Standardize().fit(x), fb.Standardize()
    for start in range(0, len(x), step) if step > 1 else [*range(9), 9]:
        parts.partial_fit(x[start : start + step] if step > 1 else x[start : start + 1])
        if step == 1 and start == 9:
            parts.partial_fit(x[10:])
    assert_same_bits(parts.mean, whole.mean)
    assert_same_bits(parts.scale, whole.scale)


def test_columns_do_not_touch_each_other():
    listed = [COLUMNS[name][:3000] for name in COLUMNS if len(COLUMNS[name]) >= 3000]
    scaling = fb.Standardize().fit(np.stack(listed, axis=1))
    for place, column in enumerate(listed):
        check_column(column, scaling, place)


def test_the_twin_goes_the_same_way():
    x = np.random.default_rng(0).normal(size=(300, 3)) * [1, 1e3, 1e-3] + [0, 1e5, 7]
    theirs, ours = fb.reference.Standardize(), fb.Standardize()
    for start in range(0, 300, 70):
        theirs.partial_fit(x[start : start + 70].tolist())
        ours.partial_fit(x[start : start + 70])
    np.testing.assert_allclose(ours.mean, theirs.mean, rtol=1e-13)
    np.testing.assert_allclose(ours.scale, theirs.scale, rtol=1e-11)
    z = ours.transform(x)
    np.testing.assert_allclose(z, theirs.transform(x.tolist()), atol=1e-9)
    np.testing.assert_allclose(ours.inverse(z), theirs.inverse(z.tolist()), rtol=1e-12)


def test_the_twin_is_exact_for_fractions():
    x = [[Fraction(1, 3)], [Fraction(5, 3)], [Fraction(7, 2)], [Fraction(-1)]]
    whole, parts = fb.reference.Standardize().fit(x), fb.reference.Standardize()
    for row in x:
        parts.partial_fit([row])
    assert whole.mean == parts.mean == [sum(row[0] for row in x) / 4]
    assert whole._moment.squares == parts._moment.squares
    assert whole._moment.squares == [sum((row[0] - whole.mean[0]) ** 2 for row in x)]


def test_a_table_larger_than_a_chunk_is_standardised_to_mean_0_and_deviation_1():
    x = np.random.default_rng(1).normal(size=(40_000, 5)) * [1, 10, 100, 1e3, 1e4] + 5e5
    z = fb.Standardize().fit(x).transform(x)
    assert np.abs(z.mean(axis=0)).max() < 1e-9
    assert np.abs(z.std(axis=0) - 1).max() < 1e-12


def test_a_difference_that_would_overflow_is_taken_in_halves():
    x = [LARGEST, -LARGEST, LARGEST, LARGEST]
    scaling = fb.Standardize().fit(x)
    z = scaling.transform(x)
    np.testing.assert_allclose(z, [1 / np.sqrt(3), -np.sqrt(3), 1 / np.sqrt(3), 1 / np.sqrt(3)])
    assert scaling.transform([[-LARGEST]])[0, 0] == z[1]


def test_a_huge_mean_may_have_the_smallest_scale():
    described = {"kind": "standardize", "n_rows": 2, "names": None}
    scaling = fb.Standardize.from_dict({**described, "mean": [1e300], "deviation": [5e-324]})
    assert scaling.transform([[1e300]]) == 0
    with pytest.raises(ValueError, match="not finite as float64 once it is standardised"):
        scaling.transform([[np.nextafter(1e300, 2e300)]])
