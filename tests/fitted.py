"""One small fit that callbacks are tried on, over arrays and over streams."""

import itertools

import numpy as np
import pytest

import fastbp as fb

N_ROWS, BATCH, EPOCHS = 23, 4, 3
STEPS = -(-N_ROWS // BATCH)


def rows(n_rows=N_ROWS):
    rng = np.random.default_rng(2)
    x = rng.normal(size=(n_rows, 3))
    return x, np.tanh(x @ rng.normal(size=(3, 2)))


def network(dtype="float64"):
    return fb.mlp([3, 7, 2], "tanh", dtype=dtype, seed=4)


def blocks_of(x, y):
    """Return the rows in blocks whose ends are no ends of batches, but one."""
    places = [0, 5, 8, 9, 20, len(x)]
    return [(x[a:b], y[a:b]) for a, b in itertools.pairwise(places)]


WAYS = {
    "fit": lambda net, optimizer, **more: net.fit(*rows(), optimizer, shuffle=False, **more),
    "stream": lambda net, optimizer, **more: net.fit_stream(blocks_of(*rows()), optimizer, **more),
    "stream of known length": lambda net, optimizer, **more: net.fit_stream(
        blocks_of(*rows()), optimizer, n_rows=N_ROWS, **more
    ),
}
every_way = pytest.mark.parametrize("fit", WAYS.values(), ids=WAYS)


def run(fit, net, optimizer="adam", **more):
    arguments = {"epochs": EPOCHS, "batch_size": BATCH, "progress": False, **more}
    return fit(net, optimizer, **arguments)
