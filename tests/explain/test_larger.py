"""Larger networks: a step a layer and kind of figure, whatever the size."""

import itertools

import numpy as np
import pytest
from traced import steps_of

import fastbp as fb
from fastbp import kernels
from fastbp.explain import arithmetic, working
from fastbp.explain.overview import MOST_FIGURES

SMALL = [fb.Dense(20, "tanh"), fb.Dense(10, "softmax")]


def explained(layers, n_in=30, n_rows=4, loss="cross_entropy", optimizer="sgd", **more):
    net = fb.Network(n_in, layers, loss, dtype="float64", seed=3)
    rng = np.random.default_rng(1)
    x, y = rng.uniform(-1, 1, (n_rows, n_in)), rng.integers(0, layers[-1].units, n_rows)
    if loss == "mse":
        y = rng.uniform(-1, 1, (n_rows, layers[-1].units))
    return net, x, y, net.explain(x, y, optimizer, **more)


def test_a_small_network_is_shown_whole_and_a_larger_one_shortened():
    assert fb.mlp([2, 3, 1]).explain([[1.0, 2.0]], [1.0]).to_dict()["shortened"] is False
    assert explained(SMALL)[3].to_dict()["shortened"] is True
    lengths = [len(explained(SMALL, n_rows=n_rows)[3].to_dict()["steps"]) for n_rows in (2, 500)]
    assert lengths[0] == lengths[1] < MOST_FIGURES


def test_summaries_tell_shape_entries_norm_and_range():
    net, x, _, trace = explained(SMALL)
    (z,) = [s for s in steps_of(trace.to_dict(), "summary", 1) if s["symbol"] == "Z1"]
    figures = kernels.dense_forward(x, net.weights[0], net.biases[0])
    first = ", ".join(f"{value:.3f}" for value in figures[0, :3])
    assert z["formula"] == "X W1^T + b1"
    assert z["numbers"] == f"[{first}, ...]"
    assert z["shown"] == (
        f"4 x 20, norm {np.linalg.norm(figures):.3f}, from {figures.min():.3f} to "
        f"{figures.max():.3f}"
    )
    assert (z["result"], z["node"], z["edge"], z["note"]) == (None, None, None, None)
    assert z["why"].startswith("A unit begins with a weighted sum")


def test_every_layer_has_every_kind():
    symbols = [step["symbol"] for step in explained(SMALL)[3].to_dict()["steps"]]
    assert symbols == [
        *("Z1", "A1", "Z2", "A2", "L[rows]", "L", "Delta2", "dL/dW2", "dL/db2"),
        *("dL/dA1", "S'1", "Delta1", "dL/dW1", "dL/db1", "W2", "b2", "W1", "b1"),
    ]


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "nadam", "lion", "rprop"])
@pytest.mark.parametrize(
    ("layers", "loss"),
    [
        ([fb.Dense(30, "relu", norm="batch", dropout=0.2), fb.Dense(6, "tanh")], "mse"),
        ([fb.Dense(30, "elu", residual=True, norm="layer"), fb.Dense(30, tied_to=0)], "mse"),
        ([fb.Dense(9, "softmax", trainable=False), fb.Dense(5, "sigmoid")], "mse"),
        ([fb.Dense(9, "selu"), fb.Dense(4)], "gaussian_nll"),
    ],
)
def test_all_that_a_network_may_have(layers, loss, optimizer):
    net = fb.Network(30, layers, loss, dtype="float64", seed=3)
    rng = np.random.default_rng(1)
    x, y = rng.uniform(-1, 1, (4, 30)), rng.uniform(0, 1, (4, net._spec.n_y))
    contents = net.explain(x, y, optimizer, [1.0, 2.0, 0.5, 1.0]).to_dict()
    assert contents["shortened"]
    assert contents["largest_difference"] < 1e-12
    assert len(contents["steps"]) < 80


def test_where_the_twin_would_take_too_long_the_kernels_do(monkeypatch):
    layers = [fb.Dense(30, "relu", norm="layer", dropout=0.3, residual=True)]
    layers += [fb.Dense(30, "tanh", tied_to=0, transposed=True), fb.Dense(3, "softmax")]
    twins = explained(layers)[3].to_dict()
    monkeypatch.setattr(working, "MOST_FOR_TWIN", 0)
    _, _, _, trace = explained(layers)
    contents = trace.to_dict()
    assert (twins["source"], contents["source"]) == ("reference", "kernels")
    assert "The figures are those of the compiled kernels" in trace.to_text()
    for got, want in zip(contents["steps"], twins["steps"], strict=True):
        assert {**got, "result": None} == {**want, "result": None}
    assert contents["loss"] == pytest.approx(twins["loss"], rel=1e-13)
    for got, want in zip(
        contents["network"]["new_weights"], twins["network"]["new_weights"], strict=True
    ):
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-14)


def test_an_mnist_network_goes_through_the_twin_and_a_larger_one_does_not():
    sizes = [784, 128, 10]
    multiply_adds = 32 * sum(n * m for n, m in itertools.pairwise(sizes))
    assert multiply_adds < arithmetic.MOST_FOR_TWIN < 256 * 784 * 512
