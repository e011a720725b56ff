"""Tiny networks are trained by a way of their own: it must give the bits of the general way.

A team of two threads takes the general way for every network, and by the contract (test_bits.py)
its bits are those of one thread.
"""

import itertools

import numpy as np
import pytest
from strategies import (
    FIRST_ACTIVATIONS,
    FIRST_PAIRS,
    OPTIMIZERS,
    Case,
    case,
    one_hot,
    optimizer_pair,
)

from fastbp import _compiled, spec
from fastbp._compiled import engine
from fastbp._compiled import team as compiled
from fastbp.plan import Plan
from fastbp.rescue import Safe

N_ROWS = 21
EVERY_NETWORK = list(itertools.product(FIRST_ACTIVATIONS, FIRST_PAIRS))
# Only SGD and Adam on the gradient as it is have a place in the local variables.
SHAPING = {"l1", "clip_norm", "clip_value", "ema", "dampening"}
PLAIN_OPTIMIZERS = [
    name
    for name, (kind, settings) in OPTIMIZERS.items()
    if not SHAPING & set(settings)
    and (kind == "SGD" or (kind == "Adam" and "weight_decay" not in settings))
]
TINY = [(1, 1, 1), (1, 1), (2, 8, 1), (3, 2), (8, 1, 8), (8, 8, 8, 8, 8), (1, 5, 1, 3)]

pytestmark = pytest.mark.skipif(
    "plain C" in _compiled.COMPILER, reason="without threads every tiny network goes its own way"
)


def rows_of(structure, weighted=False, hot=False):
    """Return (x, y, label, weight); one batch of 3 rows is without weight."""
    x, target = structure.rows()
    is_label = target.dtype == np.int64
    weight = np.linspace(0, 2, len(x), dtype=structure.dtype) if weighted else None
    if weighted:
        weight[3:6] = 0
    if is_label and not hot:
        return x, None, target, weight
    y = one_hot(target, structure.sizes[-1], structure.dtype) if is_label else target
    return x, y, None, weight


def run(structure, rows, optimizer, batch_size, threads, shuffled=False):
    """Return all that three runs of steps leave behind, and whether the workspace was used."""
    net = structure.network()
    plan = Plan(net._spec, batch_size, threads)
    work, grad = plan.workspace(), plan.vector()
    plan.workspace = lambda: work
    bound = engine.Engine(plan, net.params, grad)
    optimizer.bind(net, net.params)
    space = plan.safe_space(optimizer.n_slots)
    safe = Safe(bound, space, net.params, optimizer, batch_size)
    bound.set_data(*rows)
    bound.set_rule(optimizer, safe, keep_gradient=True)
    team = compiled.Team(threads, 2) if threads > 1 else None
    bound.use_team(team)
    n_rows = len(rows[0])
    n_steps = -(-n_rows // batch_size)
    order = np.random.default_rng(5).permutation(n_rows) if shuffled else None
    left = []
    for first, last, keep in [(0, n_steps, True), (0, 1, False), (1, n_steps, True)]:
        if first == 0:
            bound.begin_sums()
        diverged = bound.run(order, batch_size, first, last, keep)
        left += [diverged, bound.stopped, bound.updated, bound.kept]
        left += [repr(bound.last_loss), repr(bound.weighted_loss), bound.total_weight]
        for array in (net.params, grad, *optimizer.slots, optimizer.clock):
            left.append(array.tobytes())
        if bound.kept:
            left += [safe.params.tobytes(), safe.slots.tobytes(), safe.clock.tobytes()]
    bound.use_team(None)
    return left, bool(work.any())


def assert_same(structure, rows, name, batch_size, shuffled=False):
    """Compare the tiny way with the general way."""
    found, used = run(structure, rows, optimizer_pair(name)[0], batch_size, 1, shuffled)
    expected, general = run(structure, rows, optimizer_pair(name)[0], batch_size, 2, shuffled)
    assert (used, general) == (False, True), "each run must go its own way"
    assert found == expected, (structure, name, batch_size)


@pytest.mark.parametrize("dtype", spec.DTYPES)
@pytest.mark.parametrize("sizes", TINY, ids=lambda sizes: "-".join(map(str, sizes)))
@pytest.mark.parametrize(
    ("hidden", "output", "loss"),
    [(hidden, *pair) for hidden, pair in EVERY_NETWORK],
)
def test_every_network_has_the_bits_of_the_general_way(hidden, output, loss, sizes, dtype):
    structure = case(sizes, hidden, output, loss, dtype, N_ROWS, seed=len(sizes))
    rows = rows_of(structure)
    for batch_size in (1, 5, 16):
        assert_same(structure, rows, "sgd", batch_size, shuffled=True)
    assert_same(structure, rows, "adam", 3)


@pytest.mark.parametrize("dtype", spec.DTYPES)
@pytest.mark.parametrize("name", PLAIN_OPTIMIZERS)
@pytest.mark.parametrize("batch_size", [1, 3, 8, 16])
@pytest.mark.parametrize("sizes", [(1, 1, 1), (2, 8, 1), (3, 4, 5, 2)], ids=str)
def test_every_optimizer_has_the_bits_of_the_general_way(sizes, batch_size, name, dtype):
    structure = case(sizes, "tanh", "identity", "mse", dtype, N_ROWS)
    for weighted in (False, True):
        rows = rows_of(structure, weighted)
        assert_same(structure, rows, name, batch_size)
        assert_same(structure, rows, name, batch_size, shuffled=True)


@pytest.mark.parametrize("dtype", spec.DTYPES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("hot", [False, True])
@pytest.mark.parametrize("sizes", [(1, 1, 1), (4, 8, 3), (2, 2, 2, 2, 8)], ids=str)
def test_labels_and_one_hot_rows_have_the_bits_of_the_general_way(sizes, hot, weighted, dtype):
    structure = case(sizes, "sigmoid", "softmax", "cross_entropy", dtype, N_ROWS)
    rows = rows_of(structure, weighted, hot)
    for batch_size in (1, 3, 16):
        assert_same(structure, rows, "sgd-momentum", batch_size)


@pytest.mark.parametrize("dtype", spec.DTYPES)
@pytest.mark.parametrize("biases", list(itertools.product([True, False], repeat=2)), ids=str)
@pytest.mark.parametrize("sizes", [(1, 1, 1), (3, 7, 2)], ids=str)
def test_layers_without_bias_have_the_bits_of_the_general_way(sizes, biases, dtype):
    structure = Case(sizes, ("relu", "identity"), biases, "mse", dtype, N_ROWS, 1)
    for name, batch_size in itertools.product(["sgd", "adam"], [1, 4]):
        assert_same(structure, rows_of(structure), name, batch_size)


@pytest.mark.parametrize("dtype", spec.DTYPES)
@pytest.mark.parametrize("batch_size", [1, 4])
@pytest.mark.parametrize("sizes", [(1, 1, 1), (2, 8, 1)], ids=str)
@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e30])
def test_a_loss_that_is_not_finite_stops_both_ways_alike(bad, sizes, batch_size, dtype):
    structure = case(sizes, "relu", "identity", "mse", dtype, N_ROWS)
    x, y, _, _ = rows_of(structure)
    y[11] = bad * (1 if dtype == "float32" else 1e150)
    left = [run(structure, (x, y, None, None), optimizer_pair("sgd")[0], batch_size, threads)
            for threads in (1, 2)]  # fmt: skip
    assert left[0][0] == left[1][0]
    assert left[0][0][:2] == [True, 11 // batch_size]
    assert [used for _, used in left] == [False, True]


@pytest.mark.parametrize(
    ("sizes", "batch_size"), [((9, 2), 4), ((2, 9, 1), 4), ((2, 2), 17), ((1,) * 6, 1)], ids=str
)
def test_what_is_not_tiny_goes_the_general_way(sizes, batch_size):
    structure = case(sizes, "tanh", "identity", "mse", "float32", N_ROWS)
    assert run(structure, rows_of(structure), optimizer_pair("sgd")[0], batch_size, 1)[1]
