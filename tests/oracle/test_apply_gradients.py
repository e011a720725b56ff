"""Updates by given gradients: those of train_step bit for bit, the twin's, and some by hand."""

import numpy as np
import pytest
from strategies import OPTIMIZERS, targets, twin_of
from structures import STRUCTURES, has_batch_statistics, moved, structure
from tolerance import assert_agree, assert_same_bits, assert_same_movement, norm

import fastbp as fb
from fastbp import optimizers, reference, spec

SHAPING = {"l1": 0.003, "clip_value": 0.05, "clip_norm": 0.2, "ema": 0.8}
RULES = {
    **OPTIMIZERS,
    "rprop": ("Rprop", {"learning_rate": 0.01}),
    **{
        f"{name}-shaped": (kind.__name__, {"learning_rate": 0.02, "weight_decay": 0.1, **SHAPING})
        for name, kind in optimizers.BY_NAME.items()
    },
    **{f"sgd-{name}-alone": ("SGD", {name: value}) for name, value in SHAPING.items()},
}
# In all of these a step's gradient is that of `gradient`.
PLAIN = [
    name
    for name, (_, layers, _) in STRUCTURES.items()
    if not has_batch_statistics(name) and not any("dropout" in layer for layer in layers)
]
# A frozen layer, frozen running statistics, a tied weight, and parts that learn in between.
MIXED = (
    6,
    [
        {"units": 6, "activation": "tanh", "norm": "layer", "trainable": False},
        {"units": 6, "activation": "tanh", "norm": "layer", "residual": True},
        {"units": 6, "activation": "silu", "norm": "batch", "trainable": False},
        {"units": 6, "activation": "tanh", "tied_to": 1, "transposed": True},
        {"units": 3, "activation": "softmax"},
    ],
    "cross_entropy",
)

every_dtype = pytest.mark.parametrize("dtype", spec.DTYPES)
every_rule = pytest.mark.parametrize("rule", RULES)


def optimizer_of(rule, package=fb):
    kind, settings = RULES[rule]
    return getattr(package, kind)(**settings)


def network(name, dtype):
    """Return the network of a structure, with parameters that are nowhere 0 or 1."""
    if name == "mixed":
        n_in, layers, loss = MIXED
        net = fb.Network(n_in, [fb.Dense(**layer) for layer in layers], loss, dtype, seed=3)
    else:
        net = structure(fb, name, dtype)
    return moved(net, np.random.default_rng(7))


def batches(net, sizes):
    """Return (x, y, sample_weight) of some steps; every other one has weights."""
    rng = np.random.default_rng(11)
    return [
        (
            rng.uniform(-2, 2, (n_rows, net.sizes[0])).astype(net.dtype),
            targets(rng, net.loss, n_rows, net.sizes[-1], net.dtype),
            rng.uniform(0.1, 3, n_rows).astype(net.dtype) if step % 2 else None,
        )
        for step, n_rows in enumerate(sizes)
    ]


def assert_same_state(optimizer, other):
    """Compare all that two optimizers carry, bit for bit."""
    assert type(optimizer) is type(other)
    for part in ("hyper", "clock", "slots"):
        assert_same_bits(getattr(optimizer, part), getattr(other, part), part)
    if optimizer.ema:
        assert_same_bits(optimizer.average, other.average, "average")


def assert_steps_are_train_steps(make, rule, sizes=(5, 3, 12, 1)):
    net, alone = make(), make()
    optimizer, other = optimizer_of(rule), optimizer_of(rule)
    for x, y, weight in batches(net, sizes):
        loss, gradients = net.gradient(x, y, weight)
        assert net.apply_gradients(gradients, optimizer) is None
        assert alone.train_step(x, y, other, weight) == loss
        assert_same_bits(net.params, alone.params, "params")
        assert_same_state(optimizer, other)
    assert optimizer.steps == len(sizes)
    assert not np.array_equal(net.params, make().params)


@every_dtype
@every_rule
def test_every_rule_takes_the_step_of_train_step(rule, dtype):
    assert_steps_are_train_steps(lambda: network("mixed", dtype), rule)


@every_dtype
@pytest.mark.parametrize("name", PLAIN)
def test_every_kind_of_layer_takes_the_step_of_train_step(name, dtype):
    assert_steps_are_train_steps(lambda: network(name, dtype), "sgd-momentum-decay")
    assert_steps_are_train_steps(lambda: network(name, dtype), "adamw-shaped")


@every_dtype
@pytest.mark.parametrize("rule", ["sgd", "sgd-nesterov-decay", "adam", "adam-shaped"])
@pytest.mark.parametrize("sizes", [[1, 1, 1], [2, 8, 1], [3, 700, 2]], ids=str)
def test_tiny_and_wide_networks_take_the_step_of_train_step(sizes, rule, dtype):
    # Those of local variables, of single rows, and batches of more than one block.
    rows = (1, 1, 1) if sizes[0] == 1 else (4, 600, 3)
    assert_steps_are_train_steps(lambda: fb.mlp(sizes, "tanh", dtype=dtype), rule, rows)


@every_dtype
def test_rules_take_turns_on_a_network(dtype):
    # One engine takes them all.
    net, alone = network("tied", dtype), network("tied", dtype)
    ((x, y, _),) = batches(net, [4])
    for before, rule in (("sgd", "sgd-clip"), ("adam-shaped", "sgd-momentum"), ("adam", "adamw")):
        net.train_step(x, y, optimizer_of(before))
        net.apply_gradients(net.gradient(x, y)[1], optimizer_of(rule))
        for name in (before, rule):
            alone.train_step(x, y, optimizer_of(name))
        assert_same_bits(net.params, alone.params, rule)


@every_dtype
@every_rule
def test_every_rule_agrees_with_the_twin(rule, dtype):
    net = network("mixed", dtype)
    twin, start = twin_of(net), net.params.astype(np.float64)
    optimizer, other = optimizer_of(rule), optimizer_of(rule, reference)
    rng = np.random.default_rng(5)
    for steps in range(1, 5):
        flat = rng.uniform(0.1, 1, start.size) * rng.choice([-1, 1], start.size)
        flat = flat.astype(dtype)
        net.apply_gradients(flat, optimizer)
        assert twin.apply_gradients(flat.tolist(), other) is None
        assert_same_movement(net, twin, start, steps)
    if optimizer.ema:
        assert_agree(optimizer.average, other.average, dtype, "average")


@every_dtype
@pytest.mark.parametrize("name", STRUCTURES)
def test_every_kind_of_layer_agrees_with_the_twin(name, dtype):
    net = network(name, dtype)
    twin, start = twin_of(net), net.params.astype(np.float64)
    ((x, y, _),) = batches(net, [7])
    for rule in ("sgd-momentum", "sgd-clip"):
        optimizer, other = optimizer_of(rule), optimizer_of(rule, reference)
        net.params = start
        twin.params = start.tolist()
        for steps in range(1, 4):
            net.apply_gradients(net.gradient(x, y)[1], optimizer)
            twin.apply_gradients(twin.gradient(x.tolist(), y.tolist())[1], other)
            assert_same_movement(net, twin, start, steps)


@pytest.mark.parametrize("rule", ["adam", "sgd-clip"])
@pytest.mark.parametrize("name", PLAIN)
def test_the_twin_takes_the_step_of_its_own_train_step(name, rule):
    net = network(name, "float64")
    twin, alone = twin_of(net), twin_of(net)
    optimizer, other = optimizer_of(rule, reference), optimizer_of(rule, reference)
    for x, y, _ in batches(net, (5, 2)):
        rows, wanted = x.tolist(), y.tolist()
        twin.apply_gradients(twin.gradient(rows, wanted)[1], optimizer)
        alone.train_step(rows, wanted, other)
        assert twin.params == alone.params
    assert optimizer._state == other._state


@every_dtype
def test_sgd_by_hand(dtype):
    net = fb.Network(2, [fb.Dense(2, trainable=False), fb.Dense(1)], dtype=dtype)
    net.params = np.arange(9) / 4
    gradients = net.backward([[1.0, 2.0]], [[3.0]])
    # All of these numbers are exact in both dtypes.
    want = net.params.copy()
    want[6:] -= 0.5 * gradients.flat[6:]
    hidden = [1.0 * 0.0 + 2.0 * 0.5 + 1.0, 1.0 * 0.25 + 2.0 * 0.75 + 1.25]
    assert gradients.flat[6:].tolist() == [3 * hidden[0], 3 * hidden[1], 3]
    assert gradients.flat[:6].any()
    net.apply_gradients(gradients, fb.SGD(0.5))
    assert_same_bits(net.params, want)


@every_dtype
def test_the_norm_that_is_clipped_is_that_of_what_learns(dtype):
    net = fb.Network(1, [fb.Dense(1, trainable=False), fb.Dense(1, norm="batch")], dtype=dtype)
    before = net.params.astype(np.float64)
    # Weight and bias, frozen; weight, bias, scale and shift; running mean and variance.
    flat = np.array([1e6, -1e6, 3, 0, 0, 4, 1e6, 1e6])
    net.apply_gradients(flat, fb.SGD(1.0, clip_norm=1.0))
    want = flat / (5 + 1e-6)
    want[[0, 1, 6, 7]] = 0
    assert_agree((before - net.params).tolist(), want, dtype, scale=norm(before))


@every_dtype
def test_the_mean_of_two_gradients_is_that_of_both_batches(dtype):
    net, alone = network("mixed", dtype), network("mixed", dtype)
    (x, y, _), (more, wanted, _) = batches(net, (6, 6))
    start = net.params.astype(np.float64)
    first, second = net.gradient(x, y)[1].flat, net.gradient(more, wanted)[1].flat
    net.apply_gradients((first + second) / 2, fb.SGD(0.1))
    alone.train_step(np.concatenate([x, more]), np.concatenate([y, wanted]), fb.SGD(0.1))
    moved = alone.params.astype(np.float64) - start
    assert_agree((net.params - start).tolist(), moved, dtype, scale=norm(start))
    assert np.abs(moved).max() > 0.01
