"""A small network and its rows, and the check that it refuses something and stays as it is."""

import numpy as np
import pytest
from tolerance import assert_same_bits

import fastbp as fb

X = np.linspace(-1, 1, 12).reshape(4, 3)
LABELS = np.array([0, 1, 1, 0])


def make(loss="cross_entropy", dtype="float64"):
    """Return a 3-5-2 network."""
    output = {"mse": "identity", "cross_entropy": "softmax"}.get(loss, "sigmoid")
    return fb.mlp([3, 5, 2], "tanh", output, loss, dtype=dtype)


def refuse(net, error, message, call):
    """Require the error, its message, and that the parameters keep their bits."""
    before = net.params.copy()
    with pytest.raises(error, match=message) as caught:
        call()
    assert caught.type is error
    assert_same_bits(net.params, before, "params")
