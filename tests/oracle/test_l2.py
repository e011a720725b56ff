"""l2, the penalty on weights that is part of the loss; and orders of rows that a function gives."""

import numpy as np
import pytest
from strategies import case, optimizer_pair, twin_of
from structures import STRUCTURES, structure
from tolerance import AGREEMENT, assert_same_bits, assert_same_fit

import fastbp as fb

SIZES = [(3, 4, 2), (3, 40, 17, 2), (5, 70, 3)]
# As many as the rows of a batch, so that the penalty is as large as the losses.
L2 = 8.0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "clipped"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_fits_agree_with_the_twin(sizes, optimizer, dtype):
    net, (x, y) = (made := case(sizes, "tanh", "identity", "mse", dtype, 29)).network(), made.rows()
    pair = optimizer_pair("sgd" if optimizer == "clipped" else optimizer)
    for rule in pair:
        rule.clip_norm = 0.5 if optimizer == "clipped" else 0.0
    weight = np.linspace(0.5, 2, 29)
    arguments = {"epochs": 3, "batch_size": 8, "l2": L2, "sample_weight": weight}
    assert_same_fit(net, twin_of(net), x, y, *pair, **arguments)


@pytest.mark.parametrize("name", ["tied-transposed", "tied", "frozen-first", "batch-norm"])
def test_fits_of_other_structures_agree_with_the_twin(name):
    net = structure(fb, name, "float64")
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(30, net.sizes[0])), rng.normal(size=(30, net.sizes[-1]))
    assert STRUCTURES[name][2] == "mse"
    arguments = {"epochs": 2, "batch_size": 8, "l2": L2}
    assert_same_fit(net, twin_of(net), x, y, *optimizer_pair("sgd"), **arguments)


def test_the_loss_of_a_batch_of_many_blocks_has_the_penalty_once():
    net, (x, y) = (
        (made := case((3, 40, 2), "tanh", "identity", "mse", "float64", 700)).network(),
        (made.rows()),
    )
    expected = net.evaluate(x, y) + L2 / 2 * sum((w**2).sum() for w in net.weights) / 700
    _, grads = net.gradient(x, y)
    moved = [w - 0.1 * (g + L2 / 700 * w) for w, g in zip(net.weights, grads.weights, strict=True)]
    biases = [b - 0.1 * g for b, g in zip(net.biases, grads.biases, strict=True)]
    history = net.fit(x, y, fb.SGD(0.1), epochs=1, batch_size=None, l2=L2, shuffle=False)
    assert history.loss[0] == pytest.approx(expected, rel=AGREEMENT["float64"])
    for got, want in zip((*net.weights, *net.biases), (*moved, *biases), strict=True):
        np.testing.assert_allclose(got, want, rtol=AGREEMENT["float64"])


def test_a_stream_is_penalized_as_arrays_are():
    made = case((3, 40, 2), "tanh", "identity", "mse", "float32", 60)
    whole, parts, (x, y) = made.network(), made.network(), made.rows()
    whole.fit(x, y, "adam", epochs=2, batch_size=7, shuffle=False, l2=L2)
    blocks = [(x[:25], y[:25]), (x[25:], y[25:])]
    parts.fit_stream(blocks, "adam", epochs=2, batch_size=7, l2=L2)
    assert_same_bits(parts.params, whole.params)


@pytest.mark.parametrize("l2", [-1.0, np.nan, "much"])
def test_what_is_no_factor_is_refused(l2):
    with pytest.raises((TypeError, ValueError), match=r"^l2 must be a"):
        fb.mlp([1, 1]).fit([[1.0]], [1.0], l2=l2)


def test_a_penalty_that_overflows_is_a_divergence():
    net = fb.mlp([2, 40, 1], seed=1)
    net.weights[0][...] = 1e38
    with pytest.warns(RuntimeWarning, match="loss became"):
        history = net.fit([[0.0, 0.0]], [1.0], fb.SGD(1e30), epochs=3, l2=1e300)
    assert history.stop_reason == "diverged"


class Orders:
    """Orders that are written anew into one array."""

    def __init__(self, n_rows, seed):
        self.order, self.rng = np.arange(n_rows), np.random.default_rng(seed)

    def __call__(self):
        self.rng.shuffle(self.order)
        return self.order


def test_rows_come_in_the_order_that_a_function_gives():
    made = case((3, 8, 2), "tanh", "identity", "mse", "float64", 30)
    got, want, (x, y) = made.network(), made.network(), made.rows()
    got.fit(x, y, "sgd", epochs=3, batch_size=8, shuffle=Orders(30, 5))
    orders, rule = Orders(30, 5), fb.SGD()
    for _ in range(3):
        order = orders()
        want.fit(x[order], y[order], rule, epochs=1, batch_size=8, shuffle=False)
    assert_same_bits(got.params, want.params)
    twin = twin_of(made.network())
    places = Orders(30, 5)
    twin.fit(
        x.tolist(), y.tolist(), "sgd", epochs=3, batch_size=8, shuffle=lambda: places().tolist()
    )
    np.testing.assert_allclose(got.params, twin.params, rtol=AGREEMENT["float64"])


def test_steps_are_taken_again_in_the_orders_that_were_given():
    made = case((2, 3, 1), "identity", "identity", "mse", "float64", 40)
    whole, part, (x, y) = made.network(), made.network(), made.rows()
    x[7] = 1e160
    first, second = np.arange(40)[::-1].copy(), np.arange(40)
    first[first == 7] = 8
    order, coming = np.empty(40, np.int64), iter([first, second])

    def orders():
        order[:] = next(coming)
        return order

    with pytest.warns(RuntimeWarning, match="loss became"):
        history = whole.fit(x, y, fb.SGD(0.05), epochs=2, batch_size=1, shuffle=orders)
    assert history.stop_reason == "diverged"
    # Back at the parameters that the last finite loss was taken of.
    taken = [*first, *second[:6]]
    part.fit(x[taken], y[taken], fb.SGD(0.05), epochs=1, batch_size=1, shuffle=False)
    assert_same_bits(whole.params, part.params)


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ([0, 1], "^shuffle must return 3 integers, the order of the rows, got"),
        ([0.0, 1.0, 2.0], "^shuffle must return 3 integers"),
        ([0, 1, 3], "^shuffle must return indices from 0 to 2, got 0 to 3"),
        ([0, 1, -1], "^shuffle must return indices from 0 to 2, got -1 to 1"),
    ],
)
def test_what_is_no_order_is_refused(order, message):
    with pytest.raises(ValueError, match=message):
        fb.mlp([1, 1]).fit([[1.0]] * 3, [1.0] * 3, shuffle=lambda: order)


def test_a_checkpoint_needs_orders_of_its_own(tmp_path):
    keep = fb.Checkpoint(tmp_path / "run.fastbp")
    with pytest.raises(ValueError, match=r"^a checkpoint must be of a fit over arrays in orders"):
        fb.mlp([1, 1]).fit([[1.0]] * 3, [1.0] * 3, shuffle=lambda: [2, 1, 0], callbacks=keep)


def test_a_callback_is_told_the_penalty():
    made = case((3, 40, 2), "tanh", "identity", "mse", "float64", 30)
    net, (x, y) = made.network(), made.rows()
    start = [weight.copy() for weight in net.weights]
    told = []

    class Told(fb.Callback):
        def after_epoch(self, training):
            told.append((training.loss, training.penalty))

    net.fit(x, y, fb.SGD(0.0), epochs=2, batch_size=8, l2=L2, callbacks=Told())
    # Each of the 4 batches has it once.
    expected = 4 * L2 / 2 * sum((w**2).sum() for w in start) / 30
    assert [penalty for _, penalty in told] == pytest.approx([expected] * 2, rel=1e-12)
    assert told[0][0] - told[0][1] == pytest.approx(net.evaluate(x, y), rel=1e-12)
