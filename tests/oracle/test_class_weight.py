"""class_weight: against the twin, against rows weighed by hand, and what is refused."""

import numpy as np
import pytest
from strategies import case, one_hot, optimizer_pair, twin_of
from tolerance import assert_same_bits, assert_same_fit

import fastbp as fb

WEIGHTS = [2.0, 0.5, 3.0]
LABELS = np.array([0, 1, 1, 2, 0, 1, 1, 1, 2, 1])


def make(loss="cross_entropy", output="softmax", n_out=3, dtype="float64"):
    structure = case((4, 6, n_out), "tanh", output, loss, dtype, 10, seed=4)
    return structure.network(), structure.rows()[0]


def fitted(y, **arguments):
    net, x = make()
    net.fit(x, y, fb.SGD(0.1), epochs=2, batch_size=4, **arguments)
    return net.params


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "class_weight", [WEIGHTS, {0: 2.0, 2: 0}, "balanced"], ids=["list", "dict", "balanced"]
)
@pytest.mark.parametrize("kind", ["labels", "one-hot"])
def test_fits_agree_with_the_twin(kind, class_weight, dtype):
    net, x = make(dtype=dtype)
    y = LABELS if kind == "labels" else one_hot(LABELS, 3, dtype)
    arguments = {"epochs": 3, "batch_size": 4, "class_weight": class_weight}
    assert_same_fit(net, twin_of(net), x, y, *optimizer_pair("sgd"), **arguments)


@pytest.mark.parametrize("class_weight", [[0.25, 4.0], "balanced"], ids=["list", "balanced"])
def test_binary_fits_agree_with_the_twin(class_weight):
    net, x = make("binary_cross_entropy", "sigmoid", 1)
    y = np.array([0.0, 1, 1, 1, 0.5, 1, 0, 1, 1, 1])[:, np.newaxis]
    arguments = {"epochs": 3, "batch_size": 4, "class_weight": class_weight}
    assert_same_fit(net, twin_of(net), x, y, *optimizer_pair("sgd"), **arguments)


def test_it_is_the_rows_weighed_by_their_class():
    own = np.linspace(0.5, 2, 10)
    by_hand = fitted(LABELS, sample_weight=np.array(WEIGHTS)[LABELS] * own)
    assert_same_bits(fitted(LABELS, sample_weight=own, class_weight=WEIGHTS), by_hand)
    balanced = {k: 10 / 3 / np.sum(k == LABELS) for k in range(3)}
    assert_same_bits(fitted(LABELS, class_weight="balanced"), fitted(LABELS, class_weight=balanced))


@pytest.mark.parametrize(
    ("class_weight", "error", "message"),
    [
        (
            [1.0, 2.0],
            ValueError,
            "^class_weight must be 'balanced', a dict or 3 numbers",
        ),
        ({3: 1.0}, ValueError, "^class_weight must have keys from 0 to 2, got 3"),
        (
            {0: -1.0},
            ValueError,
            r"^class_weight\[0\] must be a finite number, at least 0, got",
        ),
        ([1.0, np.nan, 1.0], ValueError, r"^class_weight\[1\] must be a finite number, at least 0"),
        ("even", ValueError, "^class_weight must be one of 'balanced', got 'even'"),
        ({"a": 1.0}, TypeError, "^class_weight's keys must be an integer, got 'a'"),
        ([0.0, 0.0, 0.0], ValueError, "must hold at least one weight above 0"),
    ],
)
def test_bad_class_weights_are_refused(class_weight, error, message):
    net, x = make()
    before = net.params.copy()
    with pytest.raises(error, match=message):
        net.fit(x, LABELS, class_weight=class_weight)
    assert_same_bits(net.params, before)


@pytest.mark.parametrize(("loss", "output"), [("mse", "identity"), ("hinge", "tanh")])
def test_a_regression_refuses_them_and_names_sample_weight(loss, output):
    net, x = make(loss, output)
    with pytest.raises(ValueError, match=r"^class_weight must come with .* by sample_weight inst"):
        net.fit(x, np.ones((10, 3)), class_weight="balanced")
