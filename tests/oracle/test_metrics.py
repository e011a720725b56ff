"""Metrics, and the rules to stop by them, against the twin and by hand."""

import numpy as np
import pytest
from refusal import refuse
from strategies import targets, twin_of
from tolerance import assert_agree

import fastbp as fb
from fastbp import metrics, reference
from fastbp.rows import Rows

N_ROWS = 40

# (sizes, output, loss, metric)
TASKS = [
    ([3, 6, 4], "softmax", "cross_entropy", "accuracy"),
    ([3, 6, 4], "softmax", "kl_divergence", "accuracy"),
    ([3, 6, 1], "sigmoid", "binary_cross_entropy", "accuracy"),
    ([3, 6, 2], "sigmoid", "binary_cross_entropy", "accuracy"),
    ([3, 6, 1], "identity", "hinge", "accuracy"),
    ([3, 6, 4], "log_softmax", "mse", "accuracy"),
    ([3, 6, 4], "identity", "mse", "r2"),
    ([3, 6, 1], "tanh", "mae", "r2"),
    ([3, 6, 4], "identity", "gaussian_nll", "r2"),
    ([3, 6, 2], "exp", "poisson", "r2"),
]


def rows(sizes, loss, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(N_ROWS, sizes[0]))
    y = targets(rng, loss, N_ROWS, sizes[-1], "float64")
    if loss in ("binary_cross_entropy",):
        y = np.round(y)
    return x, y, rng.uniform(0, 2, N_ROWS)


def in_lists(*arrays):
    return [array.tolist() for array in arrays]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("sizes", "output", "loss", "metric"), TASKS, ids=str)
def test_metrics_of_both_parts_agree_with_the_twin(sizes, output, loss, metric, dtype):
    x, y, weight = rows(sizes, loss)
    # The package's rows are rounded to its dtype; the twin takes the same numbers.
    x, weight = x.astype(dtype).astype(float), weight.astype(dtype).astype(float)
    net = fb.mlp(sizes, "tanh", output, loss, dtype=dtype, seed=2)
    twin = twin_of(net)
    arguments = {"epochs": 3, "batch_size": 8, "shuffle": False, "metrics": [metric]}
    parts = slice(0, 28), slice(28, None)
    got = net.fit(
        x[parts[0]],
        y[parts[0]],
        fb.SGD(0.05),
        sample_weight=weight[parts[0]],
        validation=(x[parts[1]], y[parts[1]]),
        **arguments,
    )
    train, held = (in_lists(x[part], y[part], weight[part]) for part in parts)
    want = twin.fit(
        *train[:2],
        reference.SGD(0.05),
        sample_weight=train[2],
        validation=tuple(held[:2]),
        **arguments,
    )
    assert list(got.metrics) == [metric, f"validation_{metric}"]
    assert set(got.metrics) == set(want.metrics)
    for name, values in got.metrics.items():
        # R2 is a difference from 1.
        assert_agree(values, want.metrics[name], dtype if metric == "r2" else "float64", scale=1)
        assert len(set(values)) > 1 or metric == "accuracy"


def test_accuracy_and_r2_by_hand():
    task = metrics.task_of("cross_entropy(0.1)", "softmax")
    outputs = np.array([[0.6, 0.4], [0.3, 0.7], [0.2, 0.8], [0.9, 0.1]])
    part = Rows(outputs, None, np.array([0, 1, 0, 1]), np.array([1.0, 1.0, 2.0, 4.0]))
    assert metrics.accuracy(part, outputs, task) == 2 / 8
    yes = metrics.task_of("binary_cross_entropy", "sigmoid")
    part = Rows(outputs, np.array([[1, 0], [0, 1], [0, 0], [1, 1]]), None, None)
    assert metrics.accuracy(part, outputs, yes) == 2 / 4
    number = metrics.task_of("mse", "identity")
    y = np.array([[0.0, 1.0], [2.0, 1.0]])
    part = Rows(outputs, y, None, None)
    # First target: 1 - 1/4 / 1 * ...; the second is constant and not met.
    assert metrics.r2(part, np.array([[0.0, 1.0], [1.0, 2.0]]), number) == (0.5 + 0) / 2
    assert metrics.r2(part, np.array([[0.0, 1.0], [1.0, 1.0]]), number) == (0.5 + 1) / 2


def test_metrics_are_taken_after_the_epochs_last_update():
    x, y, _ = rows([3, 6, 4], "cross_entropy")
    net = fb.mlp([3, 6, 4], "tanh", "softmax", "cross_entropy", seed=2)
    seen = []

    def look(network, history):
        right = network.predict(x).argmax(axis=1) == y
        seen.append(right.mean())

    history = net.fit(x, y, fb.SGD(0.5), epochs=4, metrics="accuracy", callbacks=look)
    assert history["accuracy"] == seen
    assert history.last()["accuracy"] == seen[-1]


def test_functions_of_the_users_are_called_with_targets_and_outputs():
    x, y, _ = rows([3, 6, 4], "cross_entropy")

    def largest(labels, outputs):
        assert labels.shape == (len(outputs),)
        assert labels.dtype == np.int64
        return np.float32(outputs.max())

    net = fb.mlp([3, 6, 4], "tanh", "softmax", "cross_entropy")
    history = net.fit(x, y, epochs=2, validation=0.2, metrics=[largest, "accuracy"])
    assert list(history.metrics) == [
        *("largest", "accuracy", "validation_largest", "validation_accuracy"),
    ]
    assert all(type(value) is float for values in history.metrics.values() for value in values)


def word(labels, outputs):
    return "x"


def test_a_metric_that_is_no_number_is_refused():
    x, y, _ = rows([3, 6, 4], "mse")
    with pytest.raises(TypeError, match=r"^metrics must return a number, got 'x' from word$"):
        fb.mlp([3, 6, 4]).fit(x, y, epochs=1, metrics=word)


def test_the_gradient_norm_is_that_of_the_last_batch():
    x, y, _ = rows([3, 6, 4], "mse")
    net = fb.mlp([3, 6, 4], "tanh", dtype="float64")
    norm = np.linalg.norm(net.gradient(x, y)[1].flat)
    history = net.fit(x, y, fb.SGD(0.1), epochs=2, batch_size=None, metrics="gradient_norm")
    assert history.gradient_norm[0] == pytest.approx(norm, rel=1e-12)
    assert len(history["gradient_norm"]) == 2
    twin = reference.mlp([3, 6, 4], "tanh", dtype="float64")
    twin.params = fb.mlp([3, 6, 4], "tanh", dtype="float64").params.tolist()
    want = twin.fit(
        *in_lists(x, y), reference.SGD(0.1), epochs=2, batch_size=40, metrics="gradient_norm"
    )
    np.testing.assert_allclose(history.gradient_norm, want.gradient_norm, rtol=1e-12)
    assert fb.mlp([3, 4]).fit(x, y, epochs=1).gradient_norm == []


def test_rows_per_second_are_the_rows_of_an_epoch():
    x, y, _ = rows([3, 6, 4], "mse")
    history = fb.mlp([3, 6, 4]).fit(x, y, epochs=5)
    for rate, begin, end in zip(
        history.rows_per_second, [0, *history.seconds], history.seconds, strict=False
    ):
        assert N_ROWS / rate <= end - begin


def follow(values, **rules):
    """Fit with a metric that follows the values; return the epochs taken and the reason."""
    x, y, _ = rows([3, 6, 4], "mse")
    given = iter(values)

    def figure(labels, outputs):
        return next(given)

    history = fb.mlp([3, 4]).fit(
        x, y, epochs=len(values), metrics=figure, stop=fb.Stop(monitor="figure", **rules)
    )
    return len(history.loss), history.stop_reason


@pytest.mark.parametrize(
    ("values", "rules", "epochs"),
    [
        ([1, 2, 2, 2, 2, 2], {"patience": 2, "mode": "max"}, 4),
        ([1, 2, 3, 4, 5, 6], {"patience": 2, "mode": "max"}, None),
        ([1, 2, 3, 4, 5, 6], {"patience": 2, "mode": "min"}, 3),
        ([1, 1.1, 1.2, 1.3, 1.4, 1.5], {"patience": 2, "mode": "max", "min_delta": 0.15}, None),
        ([1, 1.1, 1.2, 1.3, 1.4, 1.5], {"patience": 2, "mode": "max", "min_delta": 0.5}, 3),
        ([np.nan, np.nan, np.nan, 1], {"patience": 3, "mode": "max"}, 3),
    ],
)
def test_patience_follows_any_metric_in_its_direction(values, rules, epochs):
    expected = (len(values), "epochs") if epochs is None else (epochs, "patience")
    assert follow(values, **rules) == expected


def test_a_built_in_metric_that_is_monitored_is_recorded_and_known_to_grow():
    x, y, _ = rows([3, 6, 4], "cross_entropy")
    net = fb.mlp([3, 6, 4], "tanh", "softmax", "cross_entropy", seed=2)
    stop = fb.Stop(monitor="validation_accuracy", patience=5, restore_best=True)
    history = net.fit(x, y, fb.SGD(0.7), epochs=60, validation=(x[:17], y[:17]), stop=stop)
    best = max(history["validation_accuracy"])
    assert history.stop_reason == "patience"
    assert history["validation_accuracy"].index(best) == len(history.loss) - 6
    assert (net.predict(x[:17]).argmax(axis=1) == y[:17]).mean() == best
    assert list(history.metrics) == ["validation_accuracy"]


def test_gradient_norm_can_be_monitored():
    x, y, _ = rows([3, 6, 4], "mse")
    stop = fb.Stop(monitor="gradient_norm", patience=400)
    history = fb.mlp([3, 6, 4]).fit(x, y, epochs=2, stop=stop)
    assert len(history.gradient_norm) == 2


def test_stop_at_a_validation_loss_and_after_epochs():
    x, y, _ = rows([3, 6, 4], "mse")
    arguments = {"epochs": 50, "validation": (x[:9], y[:9]), "optimizer": fb.SGD(0.1)}
    losses = fb.mlp([3, 6, 4]).fit(x, y, **arguments).validation_loss
    limit = losses[7]
    first = next(epoch for epoch, loss in enumerate(losses, 1) if loss <= limit)
    arguments["optimizer"] = fb.SGD(0.1)
    history = fb.mlp([3, 6, 4]).fit(x, y, stop=fb.Stop(validation_loss=limit), **arguments)
    assert (history.stop_reason, len(history.loss)) == ("validation_loss", first)
    arguments["optimizer"] = fb.SGD(0.1)
    history = fb.mlp([3, 6, 4]).fit(x, y, stop=fb.Stop(epochs=3), **arguments)
    assert (history.stop_reason, len(history.loss)) == ("epochs", 3)


def called(name):
    """Return a metric of a name."""

    def metric(y, outputs):
        return 1.0

    metric.__name__ = name
    return metric


NET = {"output": "softmax", "loss": "cross_entropy"}


@pytest.mark.parametrize(
    ("kind", "arguments", "error", "message"),
    [
        ({}, {"metrics": "accuracy"}, ValueError, "^metrics must not have 'accuracy' .*'r2'"),
        (NET, {"metrics": "r2"}, ValueError, "^metrics must not have 'r2' .* take 'accuracy'"),
        ({}, {"metrics": 3}, TypeError, "^metrics must be names or functions"),
        ({}, {"metrics": [3]}, TypeError, "^metrics must be a string"),
        (
            {},
            {"metrics": [lambda y, outputs: 1.0, lambda y, outputs: 2.0]},
            ValueError,
            "^metrics must have different names, got '<lambda>' twice",
        ),
        ({}, {"metrics": ["r2", called("r2")]}, ValueError, "^metrics must have different names"),
        *(
            ({}, {"metrics": called(name)}, ValueError, f"^metrics must not have the .* '{name}'$")
            for name in ("epoch", "loss", "validation_loss", "seconds", "gradient_norm")
        ),
        ({}, {"metrics": "validation_r2"}, ValueError, "^metrics must come with validation rows"),
        ({}, {"stop": fb.Stop(validation_loss=1)}, ValueError, "^validation_loss of a Stop must"),
        (
            {},
            {"metrics": lambda y, outputs: 1.0, "stop": fb.Stop(monitor="<lambda>")},
            ValueError,
            "^mode must be 'min' or 'max' to monitor '<lambda>'",
        ),
    ],
)
def test_metrics_that_do_not_suit_are_refused(kind, arguments, error, message):
    x, y, _ = rows([3, 6, 4], kind.get("loss", "mse"))
    net = fb.mlp([3, 6, 4], **kind)
    refuse(net, error, message, lambda: net.fit(x, y, **arguments))


def test_unknown_columns_are_named():
    history = fb.mlp([1, 1]).fit([[1.0]], [1.0], epochs=1)
    with pytest.raises(KeyError, match=r"history has loss, learning_rate, .*, got 'accuracy'"):
        history["accuracy"]
