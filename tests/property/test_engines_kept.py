"""A network keeps what its calls work in, and no call sees what others left there."""

import numpy as np
import pytest

import fastbp as fb
from fastbp import passes

SIZES = [1, 64, 3, 600]


def network(dtype="float64"):
    layers = [
        fb.Dense(7, "relu", norm="layer"),
        fb.Dense(7, "tanh", trainable=False, residual=True),
        fb.Dense(2, "softsign", bias=False),
    ]
    return fb.Network(5, layers, dtype=dtype, seed=3)


def batch(n_rows, dtype="float64"):
    rng = np.random.default_rng(n_rows)
    return rng.normal(size=(n_rows, 5)).astype(dtype), rng.normal(size=(n_rows, 2)).astype(dtype)


@pytest.fixture
def made(monkeypatch):
    """Return the list of what plans are made for."""
    found = []

    class Counted(passes.Plan):
        def __init__(self, *given, **named):
            super().__init__(*given, **named)
            found.append(self.does)

    monkeypatch.setattr(passes, "Plan", Counted)
    return found


def test_calls_that_take_turns_find_their_own_again(made):
    net, optimizer = network(), fb.Adam()
    x, y = batch(64)
    for turn in range(5):
        net.predict(x[:1])
        gradients = net.backward(x, y)
        net.apply_gradients(gradients, optimizer)
        net.train_step(x, y, optimizer)
        net.gradient(x[:3], y[:3])
        if turn == 1:
            made.clear()
    assert made == []


def test_more_rows_or_other_layers_that_learn_make_others(made):
    net = network()
    for n_rows in (3, 64):
        made.clear()
        net.gradient(*batch(n_rows))
        net.predict(batch(n_rows)[0])
        assert len(made) == 2
    made.clear()
    net.layers[1].trainable = True
    net.gradient(*batch(64))
    assert len(made) == 1


def test_no_more_are_kept_than_there_are_kinds_of_work():
    net = network()
    x, y = batch(64)
    for pattern in range(8):
        for place, layer in enumerate(net.layers):
            layer.trainable = place == 2 or bool(pattern >> place & 1)
        net.train_step(x, y, "sgd")
        net.predict(x)
        net.gradient(x, y)
    assert len(net._idle) <= 1 + passes.MOST_OTHERS
    assert len(net._idle_gradients) == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradients_have_the_bits_of_a_network_that_did_nothing_else(dtype):
    net = network(dtype)
    kept = []
    for n_rows in (*SIZES, *SIZES[::-1]):
        x, y = batch(n_rows, dtype)
        loss, gradients = net.gradient(x, y)
        other_loss, other = network(dtype).gradient(x, y)
        assert loss == other_loss
        for found, expected in (
            (gradients, other),
            (net.backward(x, y), network(dtype).backward(x, y)),
        ):
            assert np.array_equal(found.flat, expected.flat)
            assert np.array_equal(found.inputs, expected.inputs)
            kept.append((found, found.flat.copy()))
    # What was returned stays as it was, whatever came after.
    for found, as_it_was in kept:
        assert np.array_equal(found.flat, as_it_was)
        assert not np.shares_memory(found.flat, net._idle_gradients[0][1])


def test_what_learns_is_asked_anew_for_every_gradient():
    net, other = network(), network()
    x, y = batch(64)
    net.gradient(x, y)
    net.layers[1].trainable = other.layers[1].trainable = True
    assert np.array_equal(net.gradient(x, y)[1].flat, other.gradient(x, y)[1].flat)
