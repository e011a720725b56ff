"""Training reaches stated figures: XOR, the bundled digits, a regression."""

import numpy as np
import pytest

import fastbp as fb
from fastbp.datasets import load_digits

XOR_X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
XOR_Y = np.array([0, 1, 1, 0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("hidden", ["tanh", "sigmoid"])
@pytest.mark.parametrize("seed", range(5))
def test_xor_reaches_a_loss_of_a_hundredth(hidden, seed, dtype):
    net = fb.mlp([2, 8, 1], hidden, "sigmoid", "binary_cross_entropy", dtype=dtype, seed=seed)
    stop = fb.Stop(loss=0.01)
    history = net.fit(XOR_X, XOR_Y, fb.Adam(0.05), epochs=3000, stop=stop, progress=False)
    assert history.stop_reason == "loss"
    assert history.loss[-1] <= 0.01
    assert net.predict(XOR_X).round().ravel().tolist() == XOR_Y.tolist()


@pytest.mark.parametrize("seed", range(3))
def test_xor_reaches_it_with_plain_gradient_descent_and_squared_errors(seed):
    net = fb.mlp([2, 8, 1], "tanh", "sigmoid", "mse", seed=seed)
    optimizer = fb.SGD(1.0, momentum=0.9)
    history = net.fit(XOR_X, XOR_Y, optimizer, epochs=3000, stop=fb.Stop(loss=0.01), progress=False)
    assert history.stop_reason == "loss"


def test_digits_reach_97_percent_of_rows_not_seen():
    # Five folds, so that every row is held out once and the figure rests on 1,797 rows.
    x, y = load_digits()
    order = np.random.default_rng(0).permutation(len(x))
    right = 0
    for held in np.array_split(order, 5):
        rest = np.setdiff1d(order, held)
        net = fb.mlp([64, 64, 10], "relu", "softmax", "cross_entropy")
        history = net.fit(x[rest] / 16, y[rest], fb.Adam(3e-3), epochs=30, progress=False)
        assert history.loss[-1] < 0.02 * history.loss[0]
        right += np.sum(net.predict(x[held] / 16).argmax(axis=1) == y[held])
    assert right / len(x) >= 0.97


def friedman(rng, n_rows):
    """Draw Friedman #1: 5 of 10 inputs matter, noise of standard deviation 1.

    J. H. Friedman, "Multivariate adaptive regression splines", Annals of Statistics 19, 1991.
    """
    x = rng.uniform(size=(n_rows, 10))
    wave = 10 * np.sin(np.pi * x[:, 0] * x[:, 1])
    clean = wave + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    return x, clean + rng.normal(size=n_rows)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_regression_explains_92_percent_of_the_variance_of_rows_not_seen(dtype):
    # The noise leaves 1 - 1 / Var y = 0.96 at best; a linear fit reaches 0.73.
    rng = np.random.default_rng(0)
    (x, y), (new_x, new_y) = friedman(rng, 2000), friedman(rng, 1000)
    mean, deviation = y.mean(), y.std()
    net = fb.mlp([10, 32, 32, 1], "tanh", dtype=dtype)
    net.fit(
        2 * x - 1,
        (y - mean) / deviation,
        fb.Adam(3e-3),
        epochs=60,
        validation=0.1,
        stop=fb.Stop(patience=15, restore_best=True),
        progress=False,
    )
    errors = net.predict(2 * new_x - 1)[:, 0] * deviation + mean - new_y
    assert 1 - np.mean(errors**2) / new_y.var() >= 0.92
