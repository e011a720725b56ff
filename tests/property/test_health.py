"""The health of networks: figures that agree with the gradient and the twin, and real illnesses."""

import json
import math
from html.parser import HTMLParser

import numpy as np
import pytest
from strategies import targets, twin_of
from structures import STRUCTURES, structure, with_signs
from tolerance import assert_agree

import fastbp as fb
from fastbp.datasets import load_digits
from fastbp.health import walk
from fastbp.health.slopes import SATURATED, slopes_of
from fastbp.rows import Rows
from fastbp.spec import ACTIVATIONS

DTYPES = ["float32", "float64"]
RNG = np.random.default_rng(5)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", STRUCTURES)
def test_what_the_walk_finds_makes_up_the_gradient(name, dtype):
    net = with_signs(structure(fb, name, dtype))
    x = RNG.uniform(-0.5, 0.5, (40, net.sizes[0])).astype(dtype)
    y = targets(RNG, net.loss, 40, net.sizes[-1], dtype)
    layers = walk.walk(net, net._data(x, y))
    _, grads = net.gradient(x, y)
    twin = twin_of(net)._forward(x.tolist(), None)
    below, of_weights = x, [np.zeros(weight.shape) for weight in net.weights]
    for index, layer in enumerate(layers):
        assert_agree(layer.z, twin.z[index], dtype, f"z of layers[{index}]")
        assert_agree(layer.a, twin.a[index + 1], dtype, f"a of layers[{index}]")
        delta = layer.delta.astype(np.float64)
        scale = np.linalg.norm(delta) * math.sqrt(len(x))
        if grads.biases[index] is not None:
            assert_agree(grads.biases[index], delta.sum(axis=0), dtype, "dL/db", scale)
        tied = net.layers[index]
        own = delta.T @ below
        source = index if tied.tied_to is None else tied.tied_to
        of_weights[source] += own.T if tied.transposed else own
        below = layer.a
    for index, layer in enumerate(net.layers):
        if layer.tied_to is None:
            assert_agree(grads.weights[index], of_weights[index], dtype, f"dL/dW {index}")
    assert_agree(net.predict(x), below, dtype, "predict")


def of_range(values):
    values = np.asarray(values, np.float64)
    return [values.min(), values.max(), values.mean(), values.std()]


@pytest.mark.parametrize("in_blocks", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_figures_are_those_that_numpy_makes_of_the_walk(dtype, in_blocks, monkeypatch):
    layers = [fb.Dense(6, "tanh", init="uniform(-3, 3)"), fb.Dense(5, "relu"), fb.Dense(2)]
    net = fb.Network(3, layers, dtype=dtype, seed=1)
    net.biases[1][:2] = -100
    x, y = RNG.normal(size=(50, 3)), RNG.normal(size=(50, 2))
    optimizer = fb.SGD(0.1, momentum=0.9)
    net.train_step(x, y, optimizer)
    walked = walk.walk(net, net._data(x, y))
    if in_blocks:
        monkeypatch.setattr(walk, "BLOCK_NUMBERS", 7 * sum(net.sizes))
        assert [len(part.x) for part in walk.blocks(net._data(x, y), net.sizes)] == [7] * 7 + [1]
    health = net.health(x, y, optimizer)
    after = net.params.copy()
    old = [weight.copy() for weight in net.weights]
    _, grads = net.gradient(x, y)
    net.train_step(x, y, optimizer)
    slopes = [lambda z: 1 - np.tanh(z) ** 2, lambda z: z > 0, np.ones_like]
    close = {"rel": 1e-5 if dtype == "float32" else 1e-12, "abs": 1e-7}
    for index, (layer, one) in enumerate(zip(health.layers, walked, strict=True)):
        assert list(layer.z) == pytest.approx(of_range(one.z), **close)
        assert list(layer.a) == pytest.approx(of_range(one.a), **close)
        slope = slopes[index](one.z.astype(np.float64))
        assert layer.dead == (slope == 0).all(axis=0).mean()
        flat = (slope < SATURATED).mean() if index == 0 else 0
        assert layer.saturated == pytest.approx(flat, abs=1e-12)
        # Each row's own delta: the mean over rows has divided it by their number.
        own = len(x) * one.delta.astype(np.float64)
        assert layer.delta_norm == pytest.approx(np.sqrt((own**2).sum(axis=1).mean()), **close)
        assert layer.weight_gradient == pytest.approx(np.linalg.norm(grads.weights[index]), **close)
        assert layer.bias_gradient == pytest.approx(np.linalg.norm(grads.biases[index]), **close)
        assert layer.weight_norm == pytest.approx(np.linalg.norm(old[index]), **close)
        moved = np.linalg.norm(net.weights[index].astype(np.float64) - old[index])
        assert layer.update_ratio == pytest.approx(moved / np.linalg.norm(old[index]), rel=1e-5)
    assert [layer.dead for layer in health.layers] == [0, pytest.approx(0.4, abs=0.21), 0]
    assert health.layers[0].saturated > 0.2
    assert list(health.inputs) == pytest.approx(of_range(x), **close)
    assert (after != net.params).any()


def test_the_loss_is_that_of_evaluate():
    net = fb.mlp([3, 4, 1])
    x, y = RNG.normal(size=(9, 3)), RNG.normal(size=9)
    assert net.health(x, y).loss == pytest.approx(net.evaluate(x, y))


@pytest.mark.parametrize("optimizer", ["sgd", fb.Adam(0.01), fb.RMSprop(0.01, momentum=0.5)])
def test_nothing_is_changed(optimizer):
    net = fb.Network(3, [fb.Dense(4, "tanh", norm="batch", dropout=0.3), fb.Dense(1)])
    x, y = RNG.normal(size=(20, 3)), RNG.normal(size=20)
    if not isinstance(optimizer, str):
        net.train_step(x, y, optimizer)
        state = optimizer.slots.copy(), optimizer.clock.copy(), optimizer.hyper.copy()
    before = net.params.copy()
    first = net.health(x, y, optimizer).to_dict()
    assert net.health(x, y, optimizer).to_dict() == first
    assert (net.params == before).all()
    if not isinstance(optimizer, str):
        for was, now in zip(
            state, (optimizer.slots, optimizer.clock, optimizer.hyper), strict=True
        ):
            assert (was == now).all()


def test_a_new_optimizer_stays_new():
    net, optimizer = fb.mlp([3, 4, 1]), fb.Adam(0.01)
    net.health([[1.0, 2.0, 3.0]], [1.0], optimizer)
    assert optimizer.steps == 0
    fb.mlp([2, 1]).train_step([[1.0, 2.0]], [1.0], optimizer)
    with pytest.raises(ValueError, match=r"^optimizer must be new or reset for another network"):
        net.health([[1.0, 2.0, 3.0]], [1.0], optimizer)


def digits(n_rows=400):
    x, y = load_digits()
    return x[:n_rows] / 16, y[:n_rows]


def name(health):
    return health.findings[0].name if health.findings else "healthy"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("hidden", ["relu", "tanh", "gelu", "leaky_relu", "elu", "sigmoid"])
def test_a_network_for_digits_is_healthy_before_and_after_training(hidden, dtype):
    x, y = digits()
    arguments = {"output": "softmax", "loss": "cross_entropy", "dtype": dtype}
    net = fb.mlp([64, 48, 24, 10], hidden=hidden, **arguments)
    optimizer = fb.Adam()
    assert net.health(x, y).diagnosis == "healthy"
    net.fit(x, y, optimizer, epochs=40, progress=False)
    health = net.health(x, y, optimizer)
    assert health.healthy
    assert health.loss < math.log(10) / 2
    assert str(health).splitlines()[1] == "healthy"


def vanishing():
    x, y = digits()
    return fb.mlp([64, *[24] * 20, 10], "sigmoid", "softmax", "cross_entropy"), x, y


def exploding():
    x, y = digits()
    layers = [fb.Dense(48, "relu", init="uniform(-10, 10)") for _ in range(3)]
    return fb.Network(64, [*layers, fb.Dense(10, "softmax")], "cross_entropy"), x, y


def exploding_backwards():
    # Large weights make no large z of small inputs, but a large delta.
    x, y = digits()
    layers = [fb.Dense(24, "tanh"), fb.Dense(24, "tanh", init="uniform(-2000, 2000)")]
    net = fb.Network(64, [*layers, fb.Dense(10, "softmax")], "cross_entropy")
    return net, x / 1e4, y


def dead():
    x, y = digits()
    net = fb.mlp([64, 48, 10], "relu", "softmax", "cross_entropy")
    net.biases[0][:] = -100
    return net, x, y


def half_dead():
    net, x, y = dead()
    net.biases[0][24:] = 0
    return net, x, y


def dead_elu():
    x, y = digits()
    net = fb.mlp([64, 48, 10], "elu", "softmax", "cross_entropy", dtype="float64")
    net.biases[0][:] = -30
    return net, x, y


def saturated():
    x, y = digits()
    layers = [fb.Dense(48, "tanh", init="uniform(-9, 9)"), fb.Dense(10, "softmax")]
    return fb.Network(64, layers, "cross_entropy"), x, y


def saturated_by_unscaled_inputs():
    x, y = digits()
    return fb.mlp([64, 48, 10], "sigmoid", "softmax", "cross_entropy"), 255 * x, y


def saturated_output():
    x, y = digits()
    net = fb.mlp([64, 48, 1], "relu", "sigmoid")
    net.biases[1][:] = 50
    return net, x, (y > 4).astype(float)


def constant_output():
    x, y = digits()
    return fb.Network(64, [fb.Dense(48, "tanh", init="zeros"), fb.Dense(1, init="zeros")]), x, y


def not_finite():
    x, y = digits()
    net = fb.mlp([64, 48, 10], "relu", "softmax", "cross_entropy")
    net.weights[0][:] = np.nan
    return net, x, y


def infinite_loss():
    net = fb.mlp([64, 8, 1])
    return net, digits()[0], np.full(400, 3e38)


ILL = {
    "vanishing": (vanishing, "vanishing", (1, 2, 3), "fewer layers"),
    "exploding": (exploding, "exploding", (2, 3, 4), "init='auto'"),
    "exploding_backwards": (exploding_backwards, "exploding", (1,), "clip_norm"),
    "dead": (dead, "dead", (1,), "leaky_relu"),
    "half_dead": (half_dead, "dead", (1,), "leaky_relu"),
    "dead_elu": (dead_elu, "dead", (1,), "leaky_relu"),
    "saturated": (saturated, "saturated", (1,), "init='auto'"),
    "unscaled": (saturated_by_unscaled_inputs, "saturated", (1,), "fb.Standardize()"),
    "saturated_output": (saturated_output, "saturated", (2,), "norm"),
    "constant_output": (constant_output, "constant output", (2,), "not zeros"),
    "not_finite": (not_finite, "not finite", (1, 2), "learning_rate"),
    "infinite_loss": (infinite_loss, "not finite", (2,), "targets=fb.Standardize()"),
}


@pytest.mark.parametrize("ill", ILL)
def test_each_illness_is_named_with_its_layer_and_what_to_try(ill):
    make, wanted, layers, advice = ILL[ill]
    health = make()[0].health(*make()[1:])
    first = health.findings[0]
    assert first.name == wanted
    assert set(layers) <= set(first.layers)
    assert advice in first.advice
    assert health.diagnosis == f"{first.name}: {first.what}; try {first.advice}"
    assert health.diagnosis in str(health)
    assert "\n" not in health.diagnosis
    assert not health.healthy
    json.dumps(health.to_dict(), allow_nan=False)


@pytest.mark.parametrize("make", [not_finite, infinite_loss])
def test_what_is_not_finite_says_nothing_else(make):
    net, x, y = make()
    assert [finding.name for finding in net.health(x, y).findings] == ["not finite"]


def test_what_is_advised_against_vanishing_helps():
    net, x, y = vanishing()
    advice = net.health(x, y).findings[0].advice
    for hidden in ("leaky_relu", "tanh"):
        assert f"'{hidden}'" in advice
        assert fb.mlp([64, *[24] * 20, 10], hidden, "softmax", "cross_entropy").health(x, y).healthy
    assert "residual=True" in advice
    layers = [fb.Dense(24, "tanh", residual=index > 0) for index in range(20)]
    net = fb.Network(64, [*layers, fb.Dense(10, "softmax")], "cross_entropy")
    assert net.health(x, y).healthy


@pytest.mark.parametrize("optimizer", [fb.Adam(1e-12), fb.SGD(1e-12)])
def test_a_learning_rate_of_nothing_does_not_learn(optimizer):
    x, y = digits()
    net = fb.mlp([64, 48, 10], output="softmax", loss="cross_entropy")
    health = net.health(x, y, optimizer)
    assert name(health) == "not learning"
    assert "learning_rate" in health.findings[0].advice
    assert net.health(x, y, fb.SGD(0.1)).healthy


def test_a_gradient_of_nothing_does_not_learn():
    net = fb.Network(1, [fb.Dense(1, init="constant(2)")], dtype="float64")
    x = [[-1.0], [0.5], [1.0]]
    health = net.health(x, [-2.0, 1.0, 2.0])
    assert name(health) == "not learning"
    assert "a minimum" in health.diagnosis


def test_frozen_layers_do_not_learn():
    x, y = digits()
    net = fb.mlp([64, 8, 10], output="softmax", loss="cross_entropy")
    for layer in net.layers:
        layer.trainable = False
    health = net.health(x, y)
    assert health.diagnosis.startswith("not learning: no layer is trainable")
    net.layers[1].trainable = True
    assert net.health(x, y).healthy
    assert [layer.update_ratio > 0 for layer in net.health(x, y).layers] == [False, True]


def test_a_step_that_is_too_long_overshoots():
    x, y = digits()
    net = fb.mlp([64, 8, 10], output="softmax", loss="cross_entropy")
    assert name(net.health(x, y, fb.Adam(1.0))) == "overshooting"


@pytest.mark.parametrize("scale", [255.0, 1e-4])
def test_unscaled_inputs_are_found_from_their_size(scale):
    x, y = digits()
    net = fb.mlp([64, 8, 10], output="softmax", loss="cross_entropy")
    net.weights[0][...] /= scale
    findings = {finding.name: finding for finding in net.health(scale * x, y, "sgd").findings}
    assert findings["inputs"].advice == "inputs=fb.Standardize()"
    standardised = fb.mlp(
        [64, 8, 10], output="softmax", loss="cross_entropy", inputs=fb.Standardize().fit(scale * x)
    )
    assert standardised.health(scale * x, y).healthy


def test_a_sure_output_is_well_where_the_loss_meets_no_slope():
    x, y = digits()
    net = fb.mlp([64, 16, 1], "relu", "sigmoid", "binary_cross_entropy")
    optimizer = fb.Adam(0.01)
    net.fit(x, y == 0, optimizer, epochs=60, progress=False)
    health = net.health(x, y == 0, optimizer)
    assert np.abs(net.predict(x) - 0.5).mean() > 0.49
    assert health.layers[1].saturated is None
    assert health.healthy


def test_few_rows_do_not_make_a_relu_dead():
    net = fb.mlp([3, 40, 1])
    assert net.health([[1.0, 2.0, 3.0]], [1.0]).layers[0].dead > 0.2
    assert "dead" not in {f.name for f in net.health([[1.0, 2.0, 3.0]], [1.0]).findings}


def test_a_narrow_output_is_a_matter_of_the_targets():
    x = RNG.normal(size=(60, 3))
    net = fb.mlp([3, 8, 1], seed=1)
    assert name(net.health(x, 1e6 * x[:, 0])) == "constant output"
    targets = fb.Standardize().fit(1e6 * x[:, :1])
    assert fb.mlp([3, 8, 1], seed=1, targets=targets).health(x, 1e6 * x[:, 0]).healthy


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_slopes_know_where_an_activation_is_flat(activation):
    slopes = slopes_of(activation)
    if activation in ("softmax", "log_softmax"):
        assert slopes is None
        return
    on_both_sides = {"sigmoid", "tanh", "softsign", "hard_sigmoid", "hard_tanh"}
    assert slopes.levels_off == (activation in on_both_sides)
    z = np.linspace(-1, 1, 101)[np.newaxis]
    exact = np.abs(twin_slope(activation, z[0])).max()
    assert slopes.largest == pytest.approx(exact, rel=1e-3)


def twin_slope(activation, z):
    from fastbp import reference

    one = reference.activations.find_activation(activation)
    return np.array([one.vjp([value], [1.0])[0] for value in z.tolist()])


def test_functions_of_ones_own_need_nothing():
    fb.register_activation("health_clip", clip, clip_prime)
    x, y = digits(100)
    layers = [fb.Dense(8, "health_clip", init="uniform(-9, 9)"), fb.Dense(10, "softmax")]
    health = fb.Network(64, layers, "cross_entropy").health(x, y)
    assert name(health) == "saturated"


def clip(z):
    return np.clip(z, -2, 2)


def clip_prime(z):
    return (np.abs(z) < 2).astype(z.dtype)


def test_many_rows_go_by_blocks_of_bounded_size():
    x = np.zeros((5000, 60))
    parts = walk.blocks(Rows(x, x, None, None), [60, 500, 60])
    assert sum(len(part.x) for part in parts) == 5000
    assert max(len(part.x) for part in parts) * 620 <= walk.BLOCK_NUMBERS
    assert walk.blocks(Rows(x[:2], x[:2], None, None), [10**9])[0].x.shape == (1, 60)


class Tags(HTMLParser):
    """Sees that every tag is closed, and keeps the cells."""

    def __init__(self):
        super().__init__()
        self.open, self.cells = [], []

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.cells.append((self.open[-1], data))


def test_tables_have_a_line_a_layer():
    net, x, y = dead()
    health = net.health(x, y)
    text = str(health).splitlines()
    assert max(map(len, text[text.index("") :])) <= 100
    assert [line.split("  ")[0] for line in text if line[:1].isdigit()] == [
        "1 relu",
        "2 softmax",
    ] * 2
    assert sum("100 %" in line for line in text[4:]) == 1
    parser = Tags()
    parser.feed(health._repr_html_())
    assert parser.open == []
    cells = [data for tag, data in parser.cells if tag == "td"]
    assert cells.count("1 relu") == cells.count("2 softmax") == 2
    assert ("p", health.diagnosis) in parser.cells
    assert repr(health) == "<Health: dead, 2 layers, 400 rows>"


def test_everything_is_in_the_dictionary():
    net, x, y = saturated()
    found = json.loads(json.dumps(net.health(x, y).to_dict(), allow_nan=False))
    assert found["findings"][0]["name"] == "saturated"
    assert found["layers"][0]["z"].keys() == {"min", "max", "mean", "std"}
    assert found["layers"][1]["dead"] is None
    assert found["optimizer"].startswith("Adam(learning_rate=0.001")
    assert found["n_rows"] == 400
