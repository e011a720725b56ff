"""Time one training step of the package and of its pure-Python twin, after they have agreed.

Run as `pytest benches --benchmark-json=benches/results/kernels.json`.
"""

import numpy as np
import pytest
from strategies import targets, twin_of
from tolerance import assert_agree, plain

import fastbp as fb
from fastbp import reference

# sizes, hidden, output, loss, optimizer, rows of the batch
NETWORKS = {
    "1-1-1 sigmoid, mse, SGD": ([1, 1, 1], "sigmoid", "identity", "mse", "SGD", 1),
    "8-64-64-4 tanh, mse, Adam": ([8, 64, 64, 4], "tanh", "identity", "mse", "Adam", 16),
    "64-32-10 relu softmax, cross_entropy, Adam": (
        [64, 32, 10],
        "relu",
        "softmax",
        "cross_entropy",
        "Adam",
        32,
    ),
}


@pytest.mark.parametrize("side", ["float32", "float64", "reference"])
@pytest.mark.parametrize("name", NETWORKS)
def test_train_step(benchmark, name, side):
    sizes, hidden, output, loss, rule, n_rows = NETWORKS[name]
    dtype = "float64" if side == "reference" else side
    net = fb.mlp(sizes, hidden, output, loss, dtype=dtype)
    twin = twin_of(net)
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (n_rows, sizes[0])).astype(dtype)
    y = targets(rng, loss, n_rows, sizes[-1], dtype)
    ours, theirs = getattr(fb, rule)(), getattr(reference, rule)()
    for _ in range(2):
        assert_agree(
            net.train_step(x, y, ours), twin.train_step(plain(x), plain(y), theirs), dtype, "loss"
        )
    assert_agree(net.params, twin.params, dtype, "parameters after 2 steps")
    benchmark.group = f"step {name}"
    shape = f"batch {n_rows}"
    benchmark.extra_info.update(what=f"train_step {name}", shape=shape, side=side)
    if side == "reference":
        benchmark(twin.train_step, plain(x), plain(y), theirs)
    else:
        benchmark(net.train_step, x, y, ours)
