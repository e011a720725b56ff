"""All that a network may have beside W, b and s, as its steps."""

import math
from functools import partial

import numpy as np
import pytest
from strategies import OPTIMIZERS, PAIRS, case, optimizer_pair
from traced import steps_of

import fastbp as fb
from fastbp.explain import formulas, rules
from fastbp.explain.expression import evaluate, true_number
from fastbp.explain.step import Step
from fastbp.explain.text import line_of
from fastbp.optimizers import BY_NAME
from fastbp.spec import ACTIVATIONS, LOSSES

X, Y = [[1.0, -0.5], [0.25, 2.0]], [0.5, -1.0]


def explained(layers, n_rows=2, loss="mse", optimizer="sgd", weight=None, y=None, seed=1):
    net = fb.Network(2, layers, loss, dtype="float64", seed=seed)
    for part in (*net.biases, *net.shifts):
        if part is not None:
            part[:] = np.linspace(-0.2, 0.3, part.size)
    return net.explain(X[:n_rows], (y or Y)[:n_rows], optimizer, weight)


def lines(trace, kind, layer=None):
    return [line_of(step) for step in steps_of(trace.to_dict(), kind, layer)]


def require_formulas(trace):
    """Require that every formula comes to its result, with the numbers behind those shown."""
    steps = [step for step in trace._steps if isinstance(step, Step)]
    assert steps
    for step in steps:
        got = float(evaluate(step.formula, true_number))
        # Inputs are rounded to the network's dtype; 1 - a has lost digits where a is near 1.
        assert got == pytest.approx(step.result.number, rel=1e-6, abs=1e-9), step.result.symbol


def test_no_activation_loss_or_optimizer_lacks_its_formula():
    assert not set(ACTIVATIONS) - set(formulas.ACTIVATIONS), "fastbp/explain/formulas.py"
    assert not set(LOSSES) - set(formulas.LOSSES), "fastbp/explain/formulas.py"
    kinds = {kind.__name__ for kind in BY_NAME.values()}
    assert not kinds - set(rules.RULES), "fastbp/explain/rules.py"


@pytest.mark.parametrize(("output", "loss"), PAIRS)
def test_every_formula_of_a_loss_comes_to_its_result(output, loss):
    drawn = case((2, 2, 2), "softmax", output, loss, "float64", 2, seed=6)
    x, y = drawn.rows()
    weight = None if loss == "mse" else [1.0, 3.0]
    require_formulas(drawn.network().explain(x, y, "sgd", weight))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_formula_of_an_optimizer_comes_to_its_result(name):
    drawn = case((1, 2, 1), "gelu_tanh", "identity", "mse", "float64", 2, seed=7)
    (x, y), net, optimizer = drawn.rows(), drawn.network(), optimizer_pair(name)[0]
    for _ in range(8 if name == "radam" else 2):
        require_formulas(net.explain(x, y, optimizer))
        net.train_step(x, y, optimizer)


def test_momentum_and_adam_in_full():
    net = fb.Network(1, [fb.Dense(1, bias=False, init=[[0.5]])], dtype="float64")
    momentum, adam = fb.SGD(0.1, momentum=0.9), fb.Adam(0.1)
    net.explain([[1.0]], [1.0], momentum)
    net.train_step([[1.0]], [1.0], momentum)
    assert lines(net.explain([[1.0]], [1.0], momentum), "state") == [
        "v(w1) = mu v(w1) + dL/dw1 = 0.9 * (-0.5) + (-0.45) = -0.9"
    ]
    assert lines(net.explain([[1.0]], [1.0], momentum), "weight_update") == [
        "w1 = w1 - eta v(w1) = 0.55 - 0.1 * (-0.9) = 0.64"
    ]
    net.params = [0.5]
    net.train_step([[1.0]], [1.0], adam)
    second = net.explain([[1.0]], [1.0], adam)
    assert lines(second, "state") == [
        "m(w1) = beta1 m(w1) + (1 - beta1) dL/dw1 = 0.9 * (-0.05) + (1 - 0.9) * (-0.400) = -0.085",
        "v(w1) = beta2 v(w1) + (1 - beta2) (dL/dw1)^2 = 0.999 * 2.5e-04 + (1 - 0.999) * (-0.400)^2 "
        "= 4.10e-04",
        "mhat(w1) = m(w1) / (1 - beta1^t) = -0.085 / (1 - 0.9^2) = -0.447",
        "vhat(w1) = v(w1) / (1 - beta2^t) = 4.10e-04 / (1 - 0.999^2) = 0.205",
    ]
    assert lines(second, "weight_update") == [
        "w1 = w1 - eta mhat(w1) / (sqrt(vhat(w1)) + epsilon) = 0.600 - 0.1 * (-0.447) / "
        "(sqrt(0.205) + 1e-08) = 0.699"
    ]


def test_clipping_decay_and_penalty_come_before_the_rule():
    rule = fb.SGD(0.1, clip_norm=0.1, clip_value=0.05, weight_decay=0.01, l1=0.02)
    trace = explained([fb.Dense(1, bias=False)], optimizer=rule)
    (clip,) = steps_of(trace.to_dict(), "clip")
    assert clip["formula"] == "min(1, clip_norm / (norm + 1e-06))"
    formulas_of_g = [step["formula"] for step in steps_of(trace.to_dict(), "state")][:4]
    assert formulas_of_g == [
        "shrinking dL/dw1[1,1]",
        "max(min(g(w1[1,1]), clip_value), -clip_value)",
        "g(w1[1,1]) + lambda w1[1,1]",
        "g(w1[1,1]) + l1 sign(w1[1,1])",
    ]
    require_formulas(trace)


def test_decoupled_decay_is_part_of_the_step():
    trace = explained([fb.Dense(1, bias=False)], optimizer=fb.AdamW(0.1))
    assert "w1[1,1] - eta lambda w1[1,1] - eta mhat" in lines(trace, "weight_update")[0]


def test_several_rows_are_added_up_and_divided_in_the_first_delta():
    trace = explained([fb.Dense(1)])
    assert lines(trace, "delta")[0].startswith("delta1[row 1][1] = (a1[row 1][1] - y[row 1]) / N =")
    assert " / 2 = " in lines(trace, "delta")[0]
    assert lines(trace, "weight_gradient")[0].startswith(
        "dL/dw1[1,1] = delta1[row 1][1] x[row 1][1] + delta1[row 2][1] x[row 2][1] = "
    )
    assert lines(trace, "bias_gradient")[0].startswith(
        "dL/db1[1] = delta1[row 1][1] + delta1[row 2][1] = "
    )
    assert [step["symbol"] for step in steps_of(trace.to_dict(), "loss")] == [
        *("L[row 1]", "L[row 2]", "L")
    ]


def test_sample_weights_stand_where_the_mean_is_taken():
    trace = explained([fb.Dense(1)], weight=[1.0, 3.0])
    assert lines(trace, "delta")[1].startswith(
        "delta1[row 2][1] = c[row 2] (a1[row 2][1] - y[row 2]) / C = 3 * ("
    )
    assert lines(trace, "loss")[2].startswith("L = (c[row 1] L[row 1] + c[row 2] L[row 2]) / C = ")


@pytest.mark.parametrize(
    ("output", "loss", "y"),
    [("softmax", "cross_entropy", [1, 0]), ("sigmoid", "binary_cross_entropy", [[1, 0], [0, 1]])],
)
def test_probabilities_less_targets(output, loss, y):
    trace = explained([fb.Dense(2, output)], 1, loss, y=y)
    found = lines(trace, "delta")
    assert found[0].startswith("delta1[1] = a1[1] - y[1] = ")
    assert found[1].startswith("delta1[2] = a1[2] - y[2] = ")
    (why, _) = [step["why"] for step in steps_of(trace.to_dict(), "delta")]
    assert "cancel" in why
    assert not steps_of(trace.to_dict(), "slope")


def test_softmax_and_smoothed_targets_in_full():
    trace = explained([fb.Dense(2, "softmax")], 1, "cross_entropy(0.2)", y=[1])
    assert lines(trace, "a")[0].startswith("a1[1] = e^z1[1] / (e^z1[1] + e^z1[2]) = e^")
    assert lines(trace, "loss")[0].startswith("L = -y'[1] log(a1[1]) - y'[2] log(a1[2]) = -0.1 * ")
    require_formulas(trace)


def test_ways_to_several_units_are_added_up_first():
    trace = explained([fb.Dense(2, "tanh"), fb.Dense(2)], 1, y=[[0.5, 0.0]])
    assert lines(trace, "output_gradient", 1)[0].startswith(
        "dL/da1[1] = w2[1,1] delta2[1] + w2[2,1] delta2[2] = "
    )
    assert lines(trace, "delta", 1)[0].startswith("delta1[1] = dL/da1[1] s'(z1[1]) = ")
    edges = [term["edge"] for term in steps_of(trace.to_dict(), "output_gradient")[0]["terms"]]
    assert edges == [[2, 0, 0], [2, 1, 0]]


def test_dropout():
    trace = explained([fb.Dense(4, "tanh", dropout=0.5), fb.Dense(1)], 1)
    kept = [step["terms"][0] for step in steps_of(trace.to_dict(), "dropout")]
    assert {term["numbers"].split(" * ")[0] for term in kept} == {"0", "2"}
    assert lines(trace, "dropout")[0].startswith("a1'[1] = m1[1] a1[1] = ")
    assert lines(trace, "delta", 1)[0].startswith("delta1[1] = w2[1,1] delta2[1] m1[1] s'(z1[1]) =")
    require_formulas(trace)


@pytest.mark.parametrize("norm", ["layer", "batch", "batch(0.3)"])
@pytest.mark.parametrize("trainable", [True, False])
def test_norms(norm, trainable):
    layers = [fb.Dense(2, "tanh", norm=norm, trainable=trainable), fb.Dense(1)]
    trace = explained(layers, weight=[1.0, 2.0])
    contents = trace.to_dict()
    kinds = {step["kind"] for step in contents["steps"]}
    assert {"norm", "norm_gradient"} <= kinds
    assert ("norm_update" in kinds) == trainable
    last = [step for step in steps_of(contents, "norm") if step["unit"] is not None][-1]
    assert last["formula"] == (
        "scale1[2] (z1[row 2][2] - mean1[2]) / sqrt(variance1[2] + 1e-05) + shift1[2]"
        if norm != "layer"
        else "scale1[2] (z1[row 2][2] - mean1[row 2]) / sqrt(variance1[row 2] + 1e-05) + shift1[2]"
    )
    moved = [step for step in steps_of(contents, "norm_update") if "running" in step["symbol"]]
    assert len(moved) == (4 if norm != "layer" and trainable else 0)
    require_formulas(trace)


def test_skip_connections():
    layers = [fb.Dense(2, "tanh"), fb.Dense(2, "tanh", residual=True), fb.Dense(1)]
    trace = explained(layers, 1)
    assert lines(trace, "skip")[0].startswith("a2'[1] = a2[1] + a1[1] = ")
    assert lines(trace, "output_gradient", 1)[0].startswith(
        "dL/da1[1] = w2[1,1] delta2[1] + w2[2,1] delta2[2] + dL/da2'[1] = "
    )
    require_formulas(trace)


@pytest.mark.parametrize("activation", ["identity", "tanh"])
@pytest.mark.parametrize("n_rows", [1, 2])
def test_a_skip_connection_of_the_last_layer(activation, n_rows):
    layers = [fb.Dense(2, "tanh"), fb.Dense(2, activation, residual=True)]
    trace = explained(layers, n_rows, y=[[0.5, 0.0], [1.0, -1.0]])
    assert lines(trace, "output_gradient", 2)[0].startswith("dL/da2'")
    require_formulas(trace)


@pytest.mark.parametrize("transposed", [False, True])
def test_tied_weights(transposed):
    layers = [
        fb.Dense(2, "tanh"),
        fb.Dense(2, tied_to=0, transposed=transposed),
    ]
    trace = explained(layers, 1, y=[[0.5, 0.0]])
    part = "dL/dw2[2,1]" if transposed else "dL/dw2[1,2]"
    assert f" + {part} = " in lines(trace, "weight_gradient", 1)[1]
    assert len(steps_of(trace.to_dict(), "weight_update")) == 4
    require_formulas(trace)


def test_frozen_layers():
    trace = explained([fb.Dense(2, "tanh", trainable=False), fb.Dense(1)], 1)
    assert {step["layer"] for step in steps_of(trace.to_dict(), "weight_update")} == {2}
    (stays,) = steps_of(trace.to_dict(), "summary")
    assert (stays["phase"], stays["layer"]) == ("update", 1)
    assert stays["title"] == "Layer 1 stays as it is"


def own(z):
    return np.arctan(z)


def own_prime(z):
    return 1 / (1 + z * z)


def fourth(a, y):
    return ((a - y) ** 4).sum(axis=1)


def fourth_prime(a, y):
    return 4 * (a - y) ** 3


def test_functions_of_the_users_own():
    fb.register_activation("arc", own, own_prime)
    fb.register_loss("fourth", fourth, fourth_prime)
    known = {**fb.reference.activations.CUSTOM}, {**fb.reference.losses.CUSTOM}
    trace = explained([fb.Dense(2, "arc"), fb.Dense(1, "arc")], loss="fourth")
    z = steps_of(trace.to_dict(), "z", 1)[0]["result"]
    assert steps_of(trace.to_dict(), "a", 1)[0]["result"] == pytest.approx(math.atan(z))
    assert lines(trace, "a", 1)[0].startswith("a1[row 1][1] = arc(z1[row 1][1]) = arc(")
    assert lines(trace, "slope", 1)[0].startswith("s'(z1[row 1][1]) = arc'(z1[row 1][1]) = arc'(")
    assert lines(trace, "loss")[0].startswith("L[row 1] = fourth(a2[row 1][1], y[row 1]) = fourth(")
    require_formulas(trace)
    assert known == ({**fb.reference.activations.CUSTOM}, {**fb.reference.losses.CUSTOM})


def test_an_activation_a_loss_and_an_optimizer_without_a_formula_still_have_their_steps(
    monkeypatch,
):
    monkeypatch.delitem(formulas.ACTIVATIONS, "tanh")
    monkeypatch.delitem(formulas.LOSSES, "mae")
    monkeypatch.delitem(rules.RULES, "Adam")
    trace = explained([fb.Dense(2, "tanh"), fb.Dense(1)], 1, "mae", "adam")
    assert lines(trace, "a", 1)[0].startswith("a1[1] = tanh(z1[1]) = ")
    assert lines(trace, "loss")[0].startswith("L = mae(a2[1], y) = ")
    assert lines(trace, "weight_update")[0].startswith("w2[1,1] = Adam(w2[1,1], dL/dw2[1,1]) = ")
    require_formulas(trace)


def test_standardised_columns_and_categories():
    table = {"age": [20.0, 40.0], "sex": ["male", "female"]}
    columns = fb.Columns().fit(table)
    scaling = fb.Standardize().fit([100.0, 300.0])
    net = fb.Network(None, [fb.Dense(1)], inputs=columns, targets=scaling, dtype="float64")
    trace = net.explain({"age": [50.0], "sex": ["male"]}, [350.0])
    assert lines(trace, "input") == [
        "x[1] = (age - mean) / scale = (50 - 30) / 10 = 2",
        "x[2] = [sex = female] = 0",
        "x[3] = [sex = male] = 1",
        "y = (raw - mean) / scale = (350 - 200) / 100 = 1.5",
    ]
    require_formulas(trace)
    one_hot = fb.Network(None, [fb.Dense(1)], inputs=fb.OneHot().fit([[1], [5]]), dtype="float64")
    assert lines(one_hot.explain([[5]], [1.0]), "input") == [
        "x[1] = [raw = 1] = 0",
        "x[2] = [raw = 5] = 1",
    ]
    scaled = fb.Network(
        2, [fb.Dense(1)], inputs=fb.Standardize().fit([[1.0, 0.0], [3.0, 4.0]]), dtype="float64"
    )
    trace = scaled.explain([[5.0, 2.0], [1.0, 0.0]], [1.0, 2.0])
    require_formulas(trace)
    assert lines(trace, "input") == [
        "x[row 1][1] = (raw[1][row 1] - mean) / scale = (5 - 2) / 1 = 3",
        "x[row 1][2] = (raw[2][row 1] - mean) / scale = (2 - 2) / 2 = 0",
        "x[row 2][1] = (raw[1][row 2] - mean) / scale = (1 - 2) / 1 = -1",
        "x[row 2][2] = (raw[2][row 2] - mean) / scale = (0 - 2) / 2 = -1",
    ]


def test_a_seed_that_is_none_keeps_its_mask():
    net = fb.Network(2, [fb.Dense(8, dropout=0.5), fb.Dense(1)], dtype="float64", seed=None)
    explain = partial(net.explain, X[:1], Y[:1], fb.SGD(0.1))
    first = explain().to_dict()["network"]["new_weights"]
    net.train_step(X[:1], Y[:1], fb.SGD(0.1))
    assert net.weights[0].tolist() == pytest.approx(
        [pytest.approx(row, abs=1e-14) for row in first[0]]
    )
