"""The bundled digits: right shape, right values, and a licence beside them."""

import hashlib

import numpy as np
import pytest

from fastbp.datasets import DIGITS_PATH, load_digits

# UCI's documentation gives these numbers of rows a class for the test part.
ROWS_OF_DIGIT = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_shapes_types_and_ranges():
    x, y = load_digits()
    assert (x.shape, x.dtype) == ((1797, 64), np.float32)
    assert (y.shape, y.dtype) == ((1797,), np.int64)
    assert (x.min(), x.max()) == (0, 16)
    assert (x % 1 == 0).all()
    assert np.bincount(y).tolist() == ROWS_OF_DIGIT


def test_first_image():
    x, y = load_digits()
    assert y[0] == 0
    assert x[0, :16].tolist() == [0, 0, 5, 13, 9, 1, 0, 0, 0, 0, 13, 15, 10, 15, 5, 0]


def test_values_have_not_changed():
    x, y = load_digits()
    rows = np.column_stack([x, y]).astype(np.uint8)
    assert (
        hashlib.sha256(rows.tobytes()).hexdigest()
        == "68aea062d35a127749050fa0e52dca09d6569ac08092c925610e0954e172dde2"
    )


def test_calls_do_not_share_memory():
    first, _ = load_digits()
    first[:] = -1
    assert load_digits()[0].min() == 0


def test_same_as_scikit_learn():
    peer = pytest.importorskip("sklearn.datasets").load_digits()
    x, y = load_digits()
    assert np.array_equal(x, peer.data)
    assert np.array_equal(y, peer.target)


def test_source_and_licence_are_stated():
    text = DIGITS_PATH.with_name("digits_LICENSE.txt").read_text(encoding="utf-8")
    for part in ("10.24432/C50P49", "CC BY 4.0", "Alpaydin", "Kaynak", "UCI Machine Learning"):
        assert part in text
