"""Shapes and counts beyond memory, 2^31, 2^63: the right answer or a named error, at once."""

import re
import time

import numpy as np
import pytest

import fastbp as fb
from fastbp import room

X = np.arange(12.0).reshape(4, 3)
Y = np.ones((4, 2))
AT_ONCE = 0.5
COUNTS = [2**31, 2**62, 2**63 - 1, 2**63, 2**70, 10**400]
LARGEST = "at most 9223372036854775807, got"


@pytest.fixture(autouse=True)
def _eight_gibibytes(monkeypatch):
    """Let the machine be of one size, and no larger than it is."""
    free = min(room.free_bytes(), 8 << 30)
    monkeypatch.setattr(room, "free_bytes", lambda: free)


def network():
    return fb.mlp([3, 4, 2], "tanh", seed=1)


def huge(*shape, dtype=np.float32):
    """Return an array of a shape that no memory holds, of one number."""
    return np.broadcast_to(dtype(1), shape)


def batch_norm():
    return fb.Network(3, [fb.Dense(4, norm="batch"), fb.Dense(2)])


ARRAYS = {
    "x": lambda n, net: net.predict(huge(n, 3)),
    "x of bytes": lambda n, net: net.predict(huge(n, 3, dtype=np.int8)),
    "x without columns": lambda n, net: net.predict(np.empty((n, 0), np.int8)),
    "x without rows": lambda n, net: net.predict(np.empty((0, n), np.int8)),
    "y": lambda n, net: net.evaluate(X, huge(n, 2)),
    "y of columns": lambda n, net: net.evaluate(X, huge(4, n, dtype=np.int8)),
    "sample_weight": lambda n, net: net.gradient(X, Y, huge(n)),
    "output_gradient": lambda n, net: net.backward(X, huge(n, 2)),
    "validation y": lambda n, net: net.fit(X, Y, validation=(X, huge(n, 2))),
    "validation x": lambda n, net: net.fit(X, Y, validation=(huge(n, 3), Y)),
    "params": lambda n, net: setattr(net, "params", huge(n)),
    "class_weight": lambda n, net: fb.mlp([3, 2], output="softmax", loss="cross_entropy").fit(
        X, [0, 1, 1, 0], class_weight=huge(n)
    ),
}
FILLING = ["x", "x of bytes", "validation x"]


@pytest.mark.parametrize("n", [2**31, 2**40, 2**59])
@pytest.mark.parametrize("argument", ARRAYS)
def test_arrays_of_huge_shapes_are_refused_at_once(argument, n):
    net, name = network(), re.split(" of | without ", argument)[0]
    began = time.thread_time()
    # What x does not go with is refused by its shape, whatever the memory.
    error = MemoryError if argument in FILLING else ValueError
    with pytest.raises(error, match=f"^{name} ") as caught:
        ARRAYS[argument](n, net)
    assert time.thread_time() - began < AT_ONCE
    assert str(n) in str(caught.value)


NETWORKS = {
    "inputs": lambda n: fb.Network(n, [fb.Dense(1)]),
    "units": lambda n: fb.Network(1, [fb.Dense(n)]),
    "a product beyond 2^63": lambda n: fb.mlp([1, n, n, 1]),
    "a norm": lambda n: fb.Network(1, [fb.Dense(n, norm="batch"), fb.Dense(1)]),
}


@pytest.mark.parametrize("n", COUNTS)
@pytest.mark.parametrize("what", NETWORKS)
def test_networks_of_huge_sizes_are_refused_at_once(what, n):
    began = time.thread_time()
    if n >= 2**63:
        error, message = ValueError, rf"^(n_in|units|sizes\[1\]) must be {LARGEST}"
    else:
        error, message = MemoryError, rf"^parameters of network sizes .*{n}.* must fit in memory"
    with pytest.raises(error, match=message):
        NETWORKS[what](n)
    assert time.thread_time() - began < AT_ONCE


RUNS = {
    "batch_size of fit": lambda n: network().fit(X, Y, epochs=2, batch_size=n),
    "batch_size of partial_fit": lambda n: network().partial_fit(X, Y, batch_size=n),
    "batch_size of a norm": lambda n: batch_norm().fit(X, Y, epochs=2, batch_size=n),
    "batch_size of a stream": lambda n: network().fit_stream([(X, Y)], batch_size=n),
    "epochs": lambda n: network().fit(X, Y, epochs=n, stop=fb.Stop(epochs=2)),
    "threads": lambda n: network().fit(X, Y, epochs=2, threads=n),
    "patience": lambda n: network().fit(X, Y, epochs=2, stop=fb.Stop(patience=n)),
    "every": lambda n: network().fit(X, Y, epochs=2, callbacks=fb.EverySteps(n, bool)),
}


@pytest.mark.parametrize("n", COUNTS)
@pytest.mark.parametrize("what", RUNS)
def test_huge_counts_count_as_all_there_is_or_are_named(what, n):
    name = what.partition(" ")[0]
    began = time.thread_time()
    if n >= 2**63:
        with pytest.raises(ValueError, match=f"^{name} must be {LARGEST} {str(n)[:19]}"):
            RUNS[what](n)
    else:
        small = {"epochs": 2}.get(name, 4)
        assert RUNS[what](n).loss == RUNS[what](small).loss
    assert time.thread_time() - began < AT_ONCE


SCHEDULES = [
    fb.Constant(),
    fb.Cosine(),
    fb.Linear(),
    fb.Warmup(3),
    fb.OneCycle(),
    fb.StepDecay(3),
    fb.ExponentialDecay(0.9),
    fb.InverseScaling(),
    fb.ReduceOnPlateau(),
    lambda epoch: 0.1 / epoch,
]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda one: type(one).__name__)
def test_schedules_stand_huge_numbers_of_steps(schedule):
    net = network()
    history = net.fit(X, Y, epochs=2**63 - 1, stop=fb.Stop(epochs=2), schedule=schedule)
    assert len(history.loss) == 2
    assert np.isfinite(net.params).all()


def test_a_batch_of_a_norm_beyond_memory_is_named():
    for n in (2**31, 2**40, 2**62):
        with pytest.raises(MemoryError, match=rf"^work on blocks of {n} rows must fit in memory"):
            batch_norm().fit_stream([(X, Y)], batch_size=n)


@pytest.mark.parametrize("n", [2**31, 2**62])
def test_the_memory_of_huge_fits_is_told(n):
    assert network().memory(n) == network().memory(256)
    assert batch_norm().memory(n) > 4 * n


def test_figures_of_huge_shapes(promise):
    longest = 0.0
    for call in (
        lambda: network().predict(huge(2**31, 3)),
        lambda: network().predict(huge(2**59, 3)),
        lambda: fb.Network(2**40, [fb.Dense(2**40)]),
    ):
        began = time.perf_counter()
        with pytest.raises(MemoryError):
            call()
        longest = max(longest, time.perf_counter() - began)
    promise(
        8,
        "arrays of (2^31, 3) and (2^59, 3) rows, a network of 2^80 weights",
        "a named error well under 1 s",
        f"MemoryError after at most {1000 * longest:.0f} ms",
    )
    assert longest < 1
