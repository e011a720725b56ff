"""What the twin refuses, with which message, and that a refusal changes nothing."""

import math

import pytest

from fastbp import reference


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: reference.mlp([2, 1], output="rleu"),
            ValueError,
            "'identity', 'leaky_relu', .*'rleu'",
        ),
        (lambda: reference.mlp([2, 1], loss="mad"), ValueError, "loss must be one of .*'mad'"),
        (
            lambda: reference.mlp([2, 1], output="sigmoid", loss="cross_entropy"),
            ValueError,
            "'binary_cross_entropy', .* for output 'sigmoid', got 'cross_entropy'",
        ),
        (lambda: reference.mlp([2]), ValueError, "sizes must have at least 2"),
        (lambda: reference.mlp([2, 0]), ValueError, "sizes must be at least 1, got 0"),
        (lambda: reference.mlp([2, 1.5]), TypeError, "sizes must be an integer, got 1.5"),
        (lambda: reference.mlp([2, 1], dtype="int8"), ValueError, "dtype must be .*'int8'"),
        (lambda: reference.mlp([2, 1], dtype=8), TypeError, "dtype must be"),
        (lambda: reference.Network(2, []), TypeError, "layers must be a list"),
        (lambda: reference.Dense(2, init="one"), ValueError, "init must be one of 'auto'"),
        (lambda: reference.Dense(2, 3), TypeError, "activation must be one of"),
        (lambda: reference.SGD(-1), ValueError, "learning_rate must be finite and >= 0, got -1"),
        (lambda: reference.SGD("1"), TypeError, "learning_rate must be a number, got '1'"),
        (lambda: reference.SGD(1, nesterov=True), ValueError, "nesterov must come with momentum"),
        (lambda: reference.Adam(beta1=1), ValueError, "beta1 must be >= 0 and < 1, got 1"),
        (lambda: reference.Adam(epsilon=0), ValueError, "epsilon must be > 0"),
        (lambda: reference.Stop(patience=0), ValueError, "patience must be at least 1"),
        (lambda: reference.Stop(monitor=1), TypeError, "monitor must be a string"),
        (lambda: reference.Stop(mode="x"), ValueError, "mode must be one of 'max', 'min', got 'x'"),
    ],
)
def test_refused_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("x", "y", "more", "error", "message"),
    [
        ([[1.0]] * 4, [0] * 4, {}, ValueError, r"x must have 2 columns \(network sizes 2-3\)"),
        ([[1.0, 2.0], [1.0]], [0, 0], {}, ValueError, "2 columns .* got 1 in row 1"),
        ([1.0, 2.0], [0, 0], {}, TypeError, "x must be a list of rows, got 1.0 in row 0"),
        ([], [], {}, ValueError, "x must have at least 1 row, got 0"),
        ([[1, math.nan]], [0], {}, ValueError, "x must be finite, got nan in row 0"),
        ([[1, "2"]], [0], {}, TypeError, "x must hold real numbers, got '2' in row 0"),
        ([[1, 2j]], [0], {}, TypeError, "x must hold real numbers, got 2j in row 0"),
        ([[1, None]], [0], {}, TypeError, "x must hold real numbers, got None in row 0"),
        ("text", [0], {}, TypeError, "x must be a list of rows, got str"),
        ([[1, 2]], [0, 1], {}, ValueError, "y must have 1 rows .* got 2"),
        ([[1, 2]], [3], {}, ValueError, "y must hold class indices from 0 to 2, got 3 in row 0"),
        ([[1, 2]], [-1], {}, ValueError, "y must hold class indices from 0 to 2, got -1"),
        ([[1, 2]], [0.5], {}, ValueError, "y must hold class indices from 0 to 2, got 0.5"),
        ([[1, 2]], [math.inf], {}, ValueError, "y must be finite, got inf in row 0"),
        ([[1, 2]], [[1, 0]], {}, ValueError, "y must have 3 columns"),
        ([[1, 2]], [[1, 1, 0]], {}, ValueError, "y must have rows with sum 1"),
        ([[1, 2]], [[2, -1, 0]], {}, ValueError, "y must be between 0 and 1"),
        ([[1, 2]], [0], {"sample_weight": [1, 2]}, ValueError, "sample_weight must have 1 rows"),
        ([[1, 2]], [0], {"sample_weight": [-1]}, ValueError, "sample_weight must be >= 0"),
        ([[1, 2]], [0], {"sample_weight": [0]}, ValueError, "sample_weight must have a sum"),
        ([[1, 2]], [0], {"epochs": 0}, ValueError, "epochs must be at least 1"),
        ([[1, 2]], [0], {"batch_size": 0}, ValueError, "batch_size must be at least 1"),
        (
            [[1, 2]],
            [0],
            {"optimizer": "adm"},
            ValueError,
            "optimizer must be one of .*'adam', .*'sgd', got 'adm'",
        ),
        ([[1, 2]], [0], {"optimizer": 3}, TypeError, "optimizer must be a name or"),
        ([[1, 2]], [0], {"stop": 1e-6}, TypeError, "stop must be a Stop or None"),
        ([[1, 2]], [0], {"validation": 0.5}, ValueError, "validation must leave at least 1 row"),
        ([[1, 2]], [0], {"validation": 1.5}, ValueError, "validation must be >= 0 and < 1"),
        ([[1, 2]], [0], {"validation": ([[1, 2]],)}, ValueError, r"validation must be \(x, y\)"),
        (
            [[1, 2]],
            [0],
            {"stop": reference.Stop(monitor="validation_loss")},
            ValueError,
            "monitor must be one of 'loss', got 'validation_loss'",
        ),
        (
            [[1, 2]],
            [0],
            {"metrics": "f1"},
            ValueError,
            "metrics must be among 'accuracy', 'r2', 'gradient_norm' or functions, got 'f1'",
        ),
    ],
)
def test_refused_data_leaves_the_parameters_alone(x, y, more, error, message):
    net = reference.mlp([2, 3], output="softmax", loss="cross_entropy")
    before = net.params
    with pytest.raises(error, match=message):
        net.fit(x, y, **more)
    assert net.params == before


def test_refused_targets_of_other_losses():
    with pytest.raises(ValueError, match=r"y must have 2 columns \(one an output\), got shape"):
        reference.mlp([1, 2]).evaluate([[1.0]], [1.0])
    net = reference.mlp([1, 1], output="sigmoid", loss="binary_cross_entropy")
    with pytest.raises(ValueError, match="y must be between 0 and 1 for binary_cross_entropy"):
        net.evaluate([[1.0]], [2.0])
    with pytest.raises(ValueError, match="output_gradient must have 1 column "):
        net.backward([[1.0]], [[1.0, 2.0]])
    with pytest.raises(ValueError, match="output_gradient must have 1 rows"):
        net.backward([[1.0]], [[1.0], [2.0]])
    with pytest.raises(ValueError, match=r"params must have 2 numbers .*, got 1"):
        net.params = [1.0]
