"""The memory of a fit is what Network.memory says, and no step allocates."""

import tracemalloc

import numpy as np
import pytest

import fastbp as fb
from fastbp import threads as threads_of
from fastbp._compiled import engine

CASES = [
    ([784, 128, 10], "relu", "softmax", "cross_entropy", 128, "adam", 1),
    ([32, 256, 256, 1], "relu", "identity", "mse", 256, "adam", 1),
    ([32, 256, 256, 1], "relu", "identity", "mse", 1000, "sgd", 1),
    ([64] + [64] * 20 + [1], "tanh", "identity", "mse", 100, "sgd", 1),
    ([200, 300, 100, 5], "tanh", "identity", "mse", 64, "adam", 2),
]


def peak_of_fit(net, x, y, **arguments):
    """Return the most bytes held during a fit beyond those held before it."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        net.fit(x, y, **arguments)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "case", CASES, ids=lambda case: f"{case[0][0]}-{case[4]}-{case[5]}-{case[6]}"
)
def test_a_fit_takes_what_memory_says(case, monkeypatch):
    for cost in ("STEP_WORK", "ELEMENT_WORK", "CALL_WORK"):
        monkeypatch.setattr(threads_of, cost, 1e-9)
    monkeypatch.setattr(threads_of, "usable_cores", lambda: 2)
    sizes, hidden, output, loss, batch_size, optimizer, threads = case
    rng = np.random.default_rng(0)
    n_rows = 2000
    x = rng.normal(size=(n_rows, sizes[0])).astype(np.float32)
    y = rng.integers(0, sizes[-1], n_rows)
    if loss != "cross_entropy":
        y = rng.random((n_rows, sizes[-1])).astype(np.float32)
    net = fb.mlp(sizes, hidden, output, loss)
    peak = peak_of_fit(
        net, x, y, optimizer=optimizer, batch_size=batch_size, epochs=2, threads=threads
    )
    # The parameters were there before; two epochs' orders may be held at once.
    formula = net.memory(batch_size, optimizer, threads) - net.params.nbytes + 2 * 8 * n_rows
    assert peak <= 1.05 * formula
    assert peak >= 0.8 * formula


def test_more_epochs_take_no_more_memory():
    x = np.random.default_rng(1).normal(size=(300, 20)).astype(np.float32)
    net = fb.mlp([20, 30, 1])
    y = x[:, :1].copy()
    few = peak_of_fit(net, x, y, epochs=3)
    many = peak_of_fit(net, x, y, epochs=600)
    # What grows is the record: two lists of floats.
    assert many - few < 100_000 + 600 * 100


@pytest.mark.parametrize("threads", [1, 2])
def test_more_rows_predicted_take_no_more_memory_beside_them(threads, monkeypatch):
    monkeypatch.setattr(threads_of, "CALL_WORK", 1e-9)
    monkeypatch.setattr(threads_of, "usable_cores", lambda: 2)
    peaks = []
    for n_rows in (600, 60_000):
        x = np.random.default_rng(2).normal(size=(n_rows, 8)).astype(np.float32)
        y = x[:, :1].copy()
        net = fb.mlp([8, 100, 100, 1])
        tracemalloc.start()
        net.evaluate(x, y, threads=threads)
        out = net.predict(x, threads=threads)
        peaks.append(tracemalloc.get_traced_memory()[1] - out.nbytes)
        tracemalloc.stop()
    # A block of rows a thread, its widths padded to cache lines, and its scratch; no gradient.
    assert peaks[1] < peaks[0] + 5_000
    block = 256 * (112 + 112 + 16 + 16) + engine.scratch_length(112, 4)
    assert peaks[1] < 1.05 * 4 * threads * block + 10_000
