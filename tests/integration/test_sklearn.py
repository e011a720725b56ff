"""Fitted MLPs of scikit-learn to networks and back, by what they predict."""

import warnings

import numpy as np
import pytest
from exchange import both_dtypes, distance, fill, rows
from strategies import EVERY_ACTIVATION
from tolerance import EXCHANGED, assert_same_bits

import fastbp as fb

pytest.importorskip("sklearn")

from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.utils.validation import check_is_fitted

from fastbp.integrations.sklearn import HIDDEN, OUTPUTS, from_sklearn, to_sklearn

N_ROWS = 60
rng = np.random.default_rng(4)
X = rng.normal(size=(N_ROWS, 4))
TARGETS = {
    "two classes": np.where(X[:, 0] > 0, "yes", "no"),
    "three classes": np.digitize(X[:, 1], [-0.5, 0.5]) + 5,
    "several labels": (X[:, :3] > 0).astype(int),
    "one number": X[:, 0] * X[:, 1],
    "numbers": X[:, :2] ** 2,
    "counts": rng.poisson(np.exp(X[:, 0])),
}
CLASSES = {
    "two classes": ["no", "yes"],
    "three classes": [5, 6, 7],
    "several labels": [0, 1, 2],
}
SHAPES = {
    "two classes": (1, "sigmoid", "binary_cross_entropy"),
    "three classes": (3, "softmax", "cross_entropy"),
    "several labels": (3, "sigmoid", "binary_cross_entropy"),
    "one number": (1, "identity", "mse"),
    "numbers": (2, "identity", "mse"),
    "counts": (1, "exp", "poisson"),
}


def fitted(target, activation="tanh", dtype="float64", hidden=(7, 5), **more):
    """Return an estimator that has learnt a little."""
    kind = MLPClassifier if target in CLASSES else MLPRegressor
    more |= {"loss": "poisson"} if target == "counts" else {}
    mlp = kind(
        hidden_layer_sizes=hidden, activation=activation, random_state=0, max_iter=20, **more
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return mlp.fit(X.astype(dtype), TARGETS[target])


def outputs(mlp, x):
    """Return what an estimator's network gives, (n_rows, n_out)."""
    if isinstance(mlp, MLPRegressor):
        return mlp.predict(x).reshape(len(x), -1)
    found = mlp.predict_proba(x)
    return found[:, 1:] if mlp.n_outputs_ == 1 else found


@both_dtypes
@pytest.mark.parametrize("activation", HIDDEN.values())
@pytest.mark.parametrize("target", TARGETS)
def test_a_network_predicts_what_the_fitted_estimator_does(target, activation, dtype):
    mlp = fitted(target, activation, dtype)
    net = from_sklearn(mlp, seed=3)
    n_out, output, loss = SHAPES[target]
    assert (net.sizes, net.loss, net.dtype, net.seed) == ([4, 7, 5, n_out], loss, dtype, 3)
    names = [layer.activation for layer in net.layers]
    assert [HIDDEN[name] for name in names[:2]] == [activation] * 2
    assert names[2] == output
    assert net.metadata == ({"classes": CLASSES[target]} if target in CLASSES else {})
    x = X.astype(dtype)
    assert distance(net.predict(x), outputs(mlp, x)) <= EXCHANGED[dtype]


@both_dtypes
@pytest.mark.parametrize("activation", HIDDEN.values())
@pytest.mark.parametrize("target", TARGETS)
def test_an_estimator_comes_back_with_its_bits(target, activation, dtype):
    mlp = fitted(target, activation, dtype)
    net = from_sklearn(mlp)
    back = to_sklearn(net)
    check_is_fitted(back)
    assert type(back) is type(mlp)
    assert back.activation == mlp.activation
    assert tuple(back.hidden_layer_sizes) == (7, 5)
    assert back.out_activation_ == mlp.out_activation_
    for got, want in zip(back.coefs_ + back.intercepts_, mlp.coefs_ + mlp.intercepts_, strict=True):
        assert_same_bits(got, want)
    x = X.astype(dtype)
    assert_same_bits(outputs(back, x), outputs(mlp, x))
    assert back.predict(x).tolist() == mlp.predict(x).tolist()
    assert back.score(x, TARGETS[target]) == mlp.score(x, TARGETS[target])
    assert_same_bits(from_sklearn(back).params, net.params)


@both_dtypes
@pytest.mark.parametrize(
    ("output", "n_out"),
    [(output, n) for output in OUTPUTS for n in (1, 2, 3) if (output, n) != ("softmax", 1)],
)
@pytest.mark.parametrize("hidden", HIDDEN)
def test_an_estimator_predicts_what_the_network_does(hidden, n_out, output, dtype):
    layers = [fb.Dense(7, hidden, dropout=0.2), fb.Dense(6, hidden, bias=False, trainable=False)]
    net = fill(fb.Network(4, [*layers, fb.Dense(n_out, output)], dtype=dtype))
    mlp = to_sklearn(net)
    x = rows(net)
    want = net.predict(x)
    if (output, n_out) == ("softmax", 2):
        assert mlp.n_outputs_ == 1
        want = want[:, 1:]
    assert distance(outputs(mlp, x), want) <= EXCHANGED[dtype]
    if isinstance(mlp, MLPClassifier):
        whole = want if want.shape[1] > 1 else np.hstack([1 - want, want])
        labels = want > 0.5 if output == "sigmoid" and n_out > 1 else whole.argmax(axis=1)
        assert mlp.predict(x).tolist() == labels.astype(int).tolist()


def test_a_network_without_hidden_layers_goes_both_ways():
    net = fill(fb.mlp([4, 3], output="softmax", loss="cross_entropy", dtype="float64"))
    mlp = to_sklearn(net)
    assert distance(mlp.predict_proba(X), net.predict(X)) <= EXCHANGED["float64"]
    assert_same_bits(from_sklearn(mlp).params, net.params)


def test_classes_come_from_the_argument_then_the_metadata_then_count_from_0():
    net = fill(fb.mlp([4, 5, 3], output="softmax", loss="cross_entropy", dtype="float64"))
    most = net.predict(X).argmax(axis=1)
    assert to_sklearn(net).predict(X).tolist() == most.tolist()
    net.metadata["classes"] = ["a", "b", "c"]
    assert to_sklearn(net).predict(X).tolist() == np.array(["a", "b", "c"])[most].tolist()
    found = to_sklearn(net, classes=[2, 30, 400])
    assert found.predict(X).tolist() == np.array([2, 30, 400])[most].tolist()
    assert found.classes_.tolist() == [2, 30, 400]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_an_estimator_goes_on_learning_from_the_networks_parameters(target, solver):
    """As the original does whose optimizer has been forgotten."""
    mlp = fitted(target)
    back = to_sklearn(from_sklearn(mlp))
    settings = {"solver": solver, "random_state": 5, "warm_start": True, "max_iter": 3}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for one in (mlp, back):
            one.set_params(**settings)
            one.fit(X, TARGETS[target])
    for got, want in zip(back.coefs_, mlp.coefs_, strict=True):
        assert_same_bits(got, want)


def test_single_passes_go_on_from_the_networks_parameters():
    mlp = fitted("three classes")
    back = to_sklearn(from_sklearn(mlp))
    del mlp._optimizer
    for one in (mlp, back):
        one.set_params(random_state=5)
        for _ in range(3):
            one.partial_fit(X, TARGETS["three classes"])
    for got, want in zip(back.coefs_, mlp.coefs_, strict=True):
        assert_same_bits(got, want)


def test_numpys_random_numbers_are_left_alone():
    before = np.random.get_state(legacy=False)["state"]["pos"]  # noqa: NPY002
    to_sklearn(fb.mlp([4, 5, 3]))
    assert np.random.get_state(legacy=False)["state"]["pos"] == before  # noqa: NPY002


def test_a_network_of_scikit_learns_goes_on_learning_here():
    net = from_sklearn(fitted("three classes"))
    y = TARGETS["three classes"] - 5
    before = net.evaluate(X, y)
    net.fit(X, y, epochs=5, progress=False)
    assert net.evaluate(X, y) < before


def layers(*made, **more):
    return fb.Network(4, list(made), **more)


REFUSED = {
    "norm": (layers(fb.Dense(3, norm="layer"), fb.Dense(2)), r"norm='layer' in layers\[0\]"),
    "residual": (
        layers(fb.Dense(4), fb.Dense(4, residual=True)),
        r"residual=True in layers\[1\]",
    ),
    "tied": (layers(fb.Dense(4), fb.Dense(4, tied_to=0)), r"tied_to=0 in layers\[1\]"),
    "mixed": (
        layers(fb.Dense(3, "tanh"), fb.Dense(3, "relu"), fb.Dense(2)),
        r"one activation in all hidden layers, .* got 'relu' in layers\[1\]",
    ),
    "hidden softmax": (
        layers(fb.Dense(3, "softmax"), fb.Dense(2)),
        r"one activation in all hidden layers, .* got 'softmax' in layers\[0\]",
    ),
    "output relu": (layers(fb.Dense(3), fb.Dense(2, "relu")), r"output .* 'relu' in layers\[1\]"),
    "output tanh": (layers(fb.Dense(2, "tanh")), r"output .* got 'tanh' in layers\[0\]"),
    "one class": (layers(fb.Dense(1, "softmax")), r"at least 2 outputs of softmax, got 1"),
    **{
        name: (layers(fb.Dense(3, name), fb.Dense(2)), r"activations .* got '.*' in layers\[0\]")
        for name in EVERY_ACTIVATION
        if name not in (*HIDDEN, *OUTPUTS)
    },
}


@pytest.mark.parametrize(("net", "message"), REFUSED.values(), ids=REFUSED)
def test_what_scikit_learn_has_no_word_for_is_refused(net, message):
    with pytest.raises(ValueError, match=rf"^net must have .*{message}"):
        to_sklearn(net)


def test_a_custom_activation_is_refused():
    fb.register_activation("sklearns_tanh", np.tanh, lambda z: 1 - np.tanh(z) ** 2)
    with pytest.raises(ValueError, match=r"got 'sklearns_tanh' in layers\[0\]"):
        to_sklearn(fb.mlp([2, 3, 1], "sklearns_tanh"))


@pytest.mark.parametrize("classes", [["a", "b"], ["b", "a", "c"], ["a", "a", "b"], [[1], [2], [3]]])
def test_classes_that_do_not_fit_are_refused(classes):
    net = fb.mlp([4, 3], output="softmax", loss="cross_entropy")
    with pytest.raises(ValueError, match=r"^classes must be 3 labels in ascending order, got"):
        to_sklearn(net, classes)


def test_classes_where_there_are_none_are_refused():
    with pytest.raises(ValueError, match=r"^classes must be None for output 'identity'"):
        to_sklearn(fb.mlp([4, 3]), [1, 2, 3])
    with pytest.raises(ValueError, match=r"^classes must be None for several labels a row"):
        to_sklearn(fb.mlp([4, 3], output="sigmoid"), [1, 2, 3])


def test_what_is_no_fitted_mlp_is_refused():
    for wrong in (None, LinearRegression(), MLPClassifier):
        with pytest.raises(TypeError, match=r"^mlp must be an MLPClassifier or an MLPRegressor"):
            from_sklearn(wrong)
    for kind in (MLPClassifier, MLPRegressor):
        with pytest.raises(ValueError, match=r"^mlp must be fitted, got MLP"):
            from_sklearn(kind())

    with pytest.raises(TypeError, match=r"^net must be a fastbp\.Network, got None"):
        to_sklearn(None)
    mlp = fitted("one number")
    mlp.activation = "mystery"
    with pytest.raises(ValueError, match=r"^mlp must have activations .* 'mystery' in layer 0"):
        from_sklearn(mlp)
