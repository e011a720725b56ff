"""Every figure is that of the compiled kernels, in both dtypes; a figure that is not is refused."""

import copy

import numpy as np
import pytest
from drawn import drawn
from strategies import EVERY_ACTIVATION, OPTIMIZERS, PAIRS, case, optimizer_pair
from tolerance import AGREEMENT, assert_agree, norm
from traced import by_edge, by_unit, figures

import fastbp as fb
from fastbp import kernels, reference, spec
from fastbp.explain import explain
from fastbp.explain.agreement import Disagreement, agreement
from fastbp.explain.working import Working
from fastbp.reference import activations, losses

# Every activation in a hidden layer, and every loss with its outputs.
NAMES = [(name, "identity", "mse") for name in EVERY_ACTIVATION] + [("tanh", *p) for p in PAIRS]
DTYPES = ["float32", "float64"]


def require_figures(net, x, y, optimizer):
    """Compare all figures of a network without extras with the kernels', layer by layer."""
    trace, dtype, n_rows = net.explain(x, y, optimizer).to_dict(), net.dtype, len(x)
    moved = copy.deepcopy(net)
    loss = moved.train_step(x, y, copy.deepcopy(optimizer))
    assert_agree(loss, trace["loss"], dtype, "loss", abs(loss) + 1)
    a, zs, layers = [x], [], list(enumerate(net.layers, start=1))
    for layer, spec_ in layers:
        zs.append(kernels.dense_forward(a[-1], net.weights[layer - 1], net.biases[layer - 1]))
        a.append(kernels.activate(zs[-1], spec_.activation))
        units = spec_.units
        assert_agree(zs[-1], figures(trace, "z", layer, n_rows, units), dtype, f"z{layer}")
        assert_agree(a[-1], figures(trace, "a", layer, n_rows, units), dtype, f"a{layer}", 1)
    delta = kernels.output_delta(zs[-1], y, net.layers[-1].activation, net.loss)
    for layer, spec_ in reversed(layers):
        units, weight = spec_.units, net.weights[layer - 1]
        scale = max(norm(delta), 1e-3)
        want = figures(trace, "delta", layer, n_rows, units)
        assert_agree(delta, want, dtype, f"delta{layer}", scale)
        dw, db = np.zeros_like(weight, order="C"), np.zeros(units, dtype)
        kernels.accumulate_gradients(a[layer - 1], delta, dw, db)
        scale *= 1 + norm(a[layer - 1])
        assert_agree(dw, by_edge(trace, "weight_gradient", layer, weight.shape), dtype, "dW", scale)
        assert_agree(db, by_unit(trace, "bias_gradient", layer, units), dtype, "db", scale)
        new = by_edge(trace, "weight_update", layer, weight.shape)
        assert_agree(np.ascontiguousarray(moved.weights[layer - 1]), new, dtype, "w", scale + 1)
        new = by_unit(trace, "bias_update", layer, units)
        assert_agree(moved.biases[layer - 1].copy(), new, dtype, "b", scale + 1)
        if layer > 1:
            below = net.layers[layer - 2].activation
            delta = kernels.hidden_delta(weight, delta, zs[layer - 2], below)
            require_slopes(trace, net, zs, layer - 1)


def require_slopes(trace, net, zs, layer):
    """Compare s'(z) where a layer has it."""
    name = net.layers[layer - 1].activation
    if name in ("softmax", "log_softmax", "identity"):
        return
    z = zs[layer - 1]
    got = kernels.activation_delta(z, np.ones_like(z), name)
    assert_agree(got, figures(trace, "slope", layer, *z.shape), net.dtype, f"s'{layer}", 1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("hidden", "output", "loss"), NAMES)
def test_activations_and_losses(hidden, output, loss, dtype):
    drawn_case = case((2, 3, 2), hidden, output, loss, dtype, 1, seed=4)
    x, y = drawn_case.rows()
    require_figures(drawn_case.network(), x, y, fb.SGD(0.1))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_and_their_later_steps(name, dtype):
    drawn_case = case((2, 2, 1), "tanh", "identity", "mse", dtype, 2, seed=1)
    (x, y), net = drawn_case.rows(), drawn_case.network()
    optimizer = optimizer_pair(name)[0]
    for _ in range(3):
        contents = net.explain(x, y, optimizer).to_dict()
        net.train_step(x, y, optimizer)
        for part in ("weights", "biases"):
            for got, want in zip(
                getattr(net, part), contents["network"][f"new_{part}"], strict=True
            ):
                assert_agree(np.ascontiguousarray(got), want, dtype, f"{name}: {part}")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("number", range(24))
def test_drawn_networks_with_all_that_a_network_may_have(number, dtype):
    one = drawn(number, dtype, small=True)
    contents = one.net.explain(one.x, one.y, fb.SGD(0.1), one.weight).to_dict()
    assert contents["largest_difference"] < AGREEMENT[dtype]
    got = copy.deepcopy(one.net)
    got.train_step(one.x, one.y, fb.SGD(0.1), one.weight)
    for weight, want in zip(got.weights, contents["network"]["new_weights"], strict=True):
        assert_agree(np.ascontiguousarray(weight), want, dtype, str(one))


def working(dtype="float64", **more):
    """Return a step of the twin, its rows and its optimizer."""
    layers = [fb.Dense(3, "tanh", **more), fb.Dense(2, "softplus"), fb.Dense(1, "sigmoid")]
    net = fb.Network(2, layers, dtype=dtype, seed=5)
    rng = np.random.default_rng(0)
    rows = net._data(rng.uniform(-1, 1, (3, 2)), rng.uniform(0, 1, 3))
    rule = fb.Adam(0.1)
    net._step(rule, rows)
    return Working(net, rows, rule), rows, rule


FIGURES = ["z", "n", "a", "out", "slope", "above", "delta_n", "delta", "weight_gradient"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layer", [0, 1, 2])
@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_off_by_a_thousandth_is_refused(name, layer, dtype):
    work, rows, rule = working(dtype)
    agreement(work, rows, rule)
    getattr(work.layers[layer], name)[-1][0] *= 1.001
    with pytest.raises(Disagreement, match="must agree with the compiled kernels"):
        agreement(work, rows, rule)


def test_the_limit_is_where_it_says():
    work, rows, rule = working()
    right = work.layers[0].z[-1][0]
    work.layers[0].z[-1][0] = right * (1 + 2**-51)
    agreement(work, rows, rule)
    work.layers[0].z[-1][0] = right * (1 + 2e-13)
    with pytest.raises(Disagreement, match=r"z of layer 1 .* to \d\.\de-15"):
        agreement(work, rows, rule)


@pytest.mark.parametrize("layer", [0, 1, 2])
@pytest.mark.parametrize("name", ["bias_gradient", "normed"])
def test_a_bias_gradient_or_a_normalised_value_off_by_a_thousandth_is_refused(name, layer):
    work, rows, rule = working(norm="layer")
    agreement(work, rows, rule)
    if name == "bias_gradient":
        work.layers[layer].bias_gradient[0] *= 1.001
    else:
        work.layers[0].n[1][layer] *= 1.001
    with pytest.raises(Disagreement):
        agreement(work, rows, rule)


@pytest.mark.parametrize("place", range(0, 20, 3))
def test_a_new_parameter_off_by_a_thousandth_is_refused(place):
    work, rows, rule = working()
    work.after[place] = work.before[place] + 1.001 * (work.after[place] - work.before[place])
    with pytest.raises(Disagreement, match="a new parameter of the trace"):
        agreement(work, rows, rule)


def test_a_loss_off_by_a_thousandth_is_refused():
    work, rows, rule = working()
    work.loss *= 1.001
    with pytest.raises(Disagreement, match="loss of the trace"):
        agreement(work, rows, rule)
    work, rows, rule = working()
    work.row_losses[2] *= 1.001
    with pytest.raises(Disagreement, match="loss of rows"):
        agreement(work, rows, rule)


@pytest.mark.parametrize(
    ("what", "layers"),
    [
        ("mask", {"dropout": 0.5}),
        ("statistics", {"norm": "batch"}),
        ("weights", {}),
        ("rows", {}),
    ],
)
def test_another_mask_batch_weight_or_row_is_noticed_by_the_whole_step(what, layers):
    net = fb.Network(2, [fb.Dense(4, "tanh", **layers), fb.Dense(1)], dtype="float64", seed=1)
    x, y = np.random.default_rng(1).uniform(-1, 1, (5, 2)), np.linspace(0, 1, 5)
    rows, rule = net._data(x, y), fb.SGD(0.1)
    work = Working(net, rows, rule)
    agreement(work, rows, rule)
    if what == "mask":
        net._spec.dropout_key += 1
    elif what == "statistics":
        net.layers[0].trainable = False
    elif what == "weights":
        net.weights[0][1, 1] *= 1.001
    else:
        rows.x[2, 1] *= 1.001
    with pytest.raises(Disagreement):
        agreement(work, rows, rule)


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "softmax", "softplus", "gelu"])
@pytest.mark.parametrize("part", ["value", "vjp"])
def test_a_twin_that_is_wrong_gives_no_trace(name, part, monkeypatch):
    net = fb.mlp([2, 3, 1], hidden=name, dtype="float64", seed=2)
    net.explain([[1.0, -1.0]], [0.5])
    right = activations.ACTIVATIONS[name]
    wrong = {
        "value": lambda z: [1.001 * a for a in right.value(z)],
        "vjp": lambda z, g: [1.001 * d for d in right.vjp(z, g)],
    }
    monkeypatch.setitem(activations.ACTIVATIONS, name, right._replace(**{part: wrong[part]}))
    with pytest.raises(Disagreement):
        net.explain([[1.0, -1.0]], [0.5])


@pytest.mark.parametrize("loss", spec.LOSSES)
@pytest.mark.parametrize("part", ["value", "delta"])
def test_a_twin_with_a_wrong_loss_gives_no_trace(loss, part, monkeypatch):
    output = spec.OUTPUT_OF_LOSS.get(loss, "identity")
    drawn_case = case((2, 2), "tanh", output, loss, "float64", 2, seed=3)
    (x, y), net = drawn_case.rows(), drawn_case.network()
    net.explain(x, y)
    right = losses.LOSSES[loss]
    wrong = {
        "value": lambda z, y, s: 1.001 * right.value(z, y, s),
        "delta": lambda z, y, s: [1.001 * d for d in right.delta(z, y, s)],
    }
    monkeypatch.setitem(losses.LOSSES, loss, right._replace(**{part: wrong[part]}))
    with pytest.raises(Disagreement):
        net.explain(x, y)


@pytest.mark.parametrize("kind", [type(optimizer_pair(name)[1]) for name in OPTIMIZERS])
def test_a_twin_with_a_wrong_rule_gives_no_trace(kind, monkeypatch):
    net = fb.mlp([2, 2, 1], hidden="tanh", dtype="float64", seed=2)
    optimizer = getattr(fb, kind.__name__)()
    right = kind._take_step

    def wrong(self, params, grad, number):
        before = list(params)
        right(self, params, grad, number)
        params[:] = [b + 1.001 * (p - b) for b, p in zip(before, params, strict=True)]

    net.explain([[1.0, -1.0]], [0.5], optimizer)
    monkeypatch.setattr(reference.optimizers.Optimizer, "_take_step", wrong)
    with pytest.raises(Disagreement):
        net.explain([[1.0, -1.0]], [0.5], optimizer)


def test_a_bend_at_which_rounding_decides_is_no_disagreement():
    # 0.1 + 0.2 - 0.3 is 5.6e-17 or 2.8e-17 or 0, as it is rounded; relu' is 1 or 0.
    layers = [fb.Dense(1, "relu", init=[[0.1, 0.2, -0.3]]), fb.Dense(1, init=[[1.0]])]
    net = fb.Network(3, layers, dtype="float64")
    assert net.explain([[1.0, 1.0, 1.0]], [1.0]).to_dict()["largest_difference"] < 1e-12


def test_explain_is_the_function_behind_the_method():
    net = fb.mlp([1, 1], dtype="float64")
    direct = explain(net, [[1.0]], [0.5], "sgd", None, 3, "en")
    assert direct.to_dict() == net.explain([[1.0]], [0.5]).to_dict()
