"""What fastbp.sklearn has beyond scikit-learn's perceptrons, and how it works with its tools."""

import pickle
import tracemalloc

import numpy as np
import pytest

pytest.importorskip("sklearn")

import joblib
from scipy.sparse import csr_matrix
from scipy.sparse import random as random_sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fastbp as fb
from fastbp.sklearn import MLPClassifier, MLPRegressor
from fastbp.sklearn.blocks import BLOCK_NUMBERS

pytestmark = [
    pytest.mark.filterwarnings("ignore:Stochastic Optimizer"),
    pytest.mark.filterwarnings("ignore:lbfgs failed to converge"),
]

rng = np.random.default_rng(11)
X = rng.normal(size=(80, 3))
LABELS = np.digitize(X[:, 0], [-0.4, 0.7])
NUMBERS = X[:, 0] * X[:, 1]
SMALL = {"hidden_layer_sizes": (6,), "max_iter": 8, "random_state": 2}


def classifier(**more):
    return MLPClassifier(**SMALL | more)


def regressor(**more):
    return MLPRegressor(**SMALL | more)


def params(mlp):
    return mlp.network_.params


def test_they_are_cloned_searched_piped_and_run_in_parallel():
    grid = GridSearchCV(
        make_pipeline(StandardScaler(), classifier(max_iter=40)),
        {"mlpclassifier__alpha": [1e-4, 1e2], "mlpclassifier__solver": ["sgd", "lbfgs"]},
        cv=2,
    ).fit(X, LABELS)
    assert grid.best_params_["mlpclassifier__alpha"] == 1e-4
    copy = clone(grid.best_estimator_[-1])
    assert not hasattr(copy, "coefs_")
    assert copy.get_params() == grid.best_estimator_[-1].get_params()
    with joblib.parallel_backend("threading", n_jobs=2):
        together = cross_val_score(classifier(), X, LABELS, cv=3)
    assert together.tolist() == cross_val_score(classifier(), X, LABELS, cv=3).tolist()


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_a_pickle_predicts_and_goes_on_as_the_original(solver):
    mlp = regressor(solver=solver, dropout=0.0 if solver == "lbfgs" else 0.2)
    mlp.fit(X, NUMBERS) if solver == "lbfgs" else mlp.partial_fit(X, NUMBERS)
    copy = pickle.loads(pickle.dumps(mlp))
    assert copy.predict(X).tobytes() == mlp.predict(X).tobytes()
    if solver != "lbfgs":
        for each in (mlp, copy):
            each.partial_fit(X, NUMBERS)
    assert params(copy).tobytes() == params(mlp).tobytes()
    assert [a.shape for a in copy.coefs_] == [(3, 6), (6, 1)]
    assert all(np.shares_memory(a, params(copy)) for a in (*copy.coefs_, *copy.intercepts_))


@pytest.mark.parametrize("place", [0, 10, 40, -40, -1])
def test_damaged_bytes_are_refused(place):
    state = regressor().fit(X, NUMBERS).__getstate__()
    damaged = bytearray(state["model"])
    damaged[place] ^= 4
    with pytest.raises(fb.FileFormatError, match=r"^model of the pickled MLPRegressor is not a"):
        MLPRegressor().__setstate__({**state, "model": bytes(damaged)})
    cut = {**state, "model": state["model"][:-5]}
    with pytest.raises(fb.FileFormatError, match=r"^model of the pickled MLPRegressor is not a"):
        MLPRegressor().__setstate__(cut)


def test_sparse_rows_are_never_whole_in_memory():
    n_rows, n_features = 4000, 2500
    x = random_sparse(n_rows, n_features, 0.002, "csr", random_state=0)
    y = np.asarray(x.sum(axis=1)).ravel() > 0.8
    for settings in ({}, {"early_stopping": True}, {"solver": "lbfgs", "max_fun": 3}):
        mlp = MLPClassifier(4, **{"max_iter": 2, **settings})
        tracemalloc.start()
        with pytest.warns(ConvergenceWarning):
            mlp.fit(x, y)
        mlp.predict(x)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        # A few blocks at most, and the whole is 76.
        assert peak < 8 * 8 * BLOCK_NUMBERS < 8 * n_rows * n_features / 4


def test_class_weight_multiplies_weights():
    own = np.linspace(0.5, 2, 80)
    by_class = {0: 2.0, 1: 0.5, 2: 3.0}
    by_hand = own * np.array([by_class[label] for label in LABELS])
    got = classifier(class_weight=by_class).fit(X, LABELS, own)
    want = classifier().fit(X, LABELS, by_hand)
    assert params(got).tobytes() == params(want).tobytes()
    rare = (X[:, 0] + rng.normal(size=80) > 1.8).astype(int)
    plain, fair = (
        classifier(max_iter=200, class_weight=w).fit(X, rare).predict(X) for w in (None, "balanced")
    )
    assert balanced_accuracy_score(rare, fair) > balanced_accuracy_score(rare, plain)
    with pytest.raises(ValueError, match=r"^class_weight 'balanced' must be numbers"):
        classifier(class_weight="balanced").partial_fit(X, LABELS, classes=[0, 1, 2])


def test_every_layer_has_its_activation_and_dropout():
    mlp = classifier(
        hidden_layer_sizes=(6, 5, 4),
        activation=["gelu", "leaky_relu(0.2)", "logistic"],
        dropout=[0.1, 0, 0.5],
    ).fit(X, LABELS)
    layers = mlp.network_.layers
    assert [layer.activation for layer in layers] == [
        *("gelu", "leaky_relu(0.2)", "sigmoid", "softmax")
    ]
    assert [layer.dropout for layer in layers] == [0.1, 0, 0.5, 0]
    one = classifier(dropout=0.3).fit(X, LABELS)
    assert [layer.dropout for layer in one.network_.layers] == [0.3, 0]
    assert params(one).tobytes() != params(classifier().fit(X, LABELS)).tobytes()
    assert params(one).tobytes() == params(classifier(dropout=0.3).fit(X, LABELS)).tobytes()


@pytest.mark.parametrize(
    "solver",
    ["adamw", "rmsprop", "adagrad", "adadelta", "adamax", "nadam", "radam", "lion", "rprop"],
)
def test_every_optimizer_is_a_solver(solver):
    mlp = regressor(solver=solver, batch_size=80).fit(X, NUMBERS)
    assert type(mlp._optimizer).__name__.lower() == solver
    assert mlp._optimizer.learning_rate == 0.001
    assert mlp._optimizer.steps == 8
    assert np.isfinite(mlp.loss_curve_).all()


def test_an_optimizer_object_is_a_solver_and_stays_new():
    rule = fb.SGD(0.05, momentum=0.9, nesterov=True)
    got = regressor(solver=rule).fit(X, NUMBERS)
    want = regressor(solver="sgd", learning_rate_init=0.05).fit(X, NUMBERS)
    assert params(got).tobytes() == params(want).tobytes()
    assert rule.steps == 0
    clone(got).fit(X, NUMBERS)


@pytest.mark.parametrize(
    ("loss", "y"),
    [
        ("mae", NUMBERS),
        ("huber(0.5)", NUMBERS),
        ("quantile(0.9)", NUMBERS),
        ("log_cosh", np.column_stack([NUMBERS, NUMBERS])),
        ("gamma", np.exp(NUMBERS)),
        ("gaussian_nll", NUMBERS),
        ("gaussian_nll", np.column_stack([NUMBERS, -NUMBERS])),
    ],
)
def test_every_loss_trains_a_regressor(loss, y):
    mlp = regressor(loss=loss, max_iter=60, learning_rate_init=0.01).fit(X, y)
    assert mlp.predict(X).shape == y.shape
    assert mlp.network_.loss == loss
    assert mlp.loss_ < mlp.loss_curve_[0]


@pytest.mark.parametrize(
    "loss", ["cross_entropy(label_smoothing=0.1)", "mse", "kl_divergence", "huber(0.5)"]
)
def test_other_losses_train_a_classifier(loss):
    mlp = classifier(loss=loss, max_iter=150, learning_rate_init=0.02).fit(X, LABELS)
    assert mlp.score(X, LABELS) > 0.85
    np.testing.assert_allclose(mlp.predict_proba(X).sum(axis=1), 1, rtol=1e-9)


def test_gradients_are_clipped():
    got = regressor(solver="sgd", clip_norm=1e-3, momentum=0.0, batch_size=80, max_iter=1)
    start = regressor(solver="sgd", learning_rate_init=1e-300, max_iter=1).fit(X, NUMBERS)
    moved = params(got.fit(X, NUMBERS)) - params(start)
    assert np.linalg.norm(moved) == pytest.approx(1e-6, rel=1e-3)


def test_validation_rows_of_ones_own_are_followed():
    mlp = regressor(learning_rate_init=0.02, max_iter=30)
    mlp.fit(X[:60], NUMBERS[:60], X_val=X[60:], y_val=NUMBERS[60:])
    assert len(mlp.validation_loss_curve_) == 30
    expected = mlp.network_.evaluate(X[60:], NUMBERS[60:])
    assert mlp.validation_loss_curve_[-1] == pytest.approx(expected, rel=1e-12)
    assert mlp.validation_scores_ is None
    stops = regressor(learning_rate_init=0.1, early_stopping=True, n_iter_no_change=3, max_iter=300)
    stops.fit(X[:60], NUMBERS[:60], X_val=X[60:], y_val=NUMBERS[60:])
    assert stops.stopped_
    assert stops.n_iter_ == len(stops.validation_scores_) < 300
    score = stops.score(X[60:], NUMBERS[60:])
    assert score == pytest.approx(max(stops.validation_scores_), rel=1e-12)
    # All rows given are trained on.
    assert stops.t_ == 60 * stops.n_iter_
    with pytest.raises(ValueError, match=r"^X_val and y_val must be given together"):
        regressor().fit(X, NUMBERS, X_val=X)


def test_any_scorer_ends_a_fit():
    mlp = classifier(early_stopping=True, scoring="neg_log_loss", n_iter_no_change=4, max_iter=500)
    mlp.set_params(learning_rate_init=0.1).fit(X, LABELS)
    assert mlp.stopped_
    assert max(mlp.validation_scores_) == mlp.best_validation_score_ < 0
    calls = []

    def scorer(estimator, x, y):
        calls.append(len(y))
        return -len(calls)

    mlp = regressor(early_stopping=True, scoring=scorer, n_iter_no_change=2, max_iter=50)
    mlp.fit(X, NUMBERS)
    assert calls == [8] * 4
    assert mlp.best_validation_score_ == -1


def test_partial_fits_end_early_with_validation_rows():
    mlp = regressor(early_stopping=True, learning_rate_init=0.1, n_iter_no_change=2)
    calls = 0
    while calls < 300 and not getattr(mlp, "stopped_", False):
        mlp.partial_fit(X[:60], NUMBERS[:60], X_val=X[60:], y_val=NUMBERS[60:])
        calls += 1
    assert mlp.stopped_
    assert calls == len(mlp.validation_scores_) < 300
    best = mlp.score(X[60:], NUMBERS[60:])
    assert best == pytest.approx(max(mlp.validation_scores_), rel=1e-12)
    before = params(mlp).copy()
    mlp.partial_fit(X[:60], NUMBERS[:60], X_val=X[60:], y_val=NUMBERS[60:])
    assert params(mlp).tobytes() == before.tobytes()


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_time_and_loss_end_a_fit_without_a_warning(solver, recwarn):
    long = {"max_iter": 10**6, "tol": 0.0, "n_iter_no_change": 10**6, "max_fun": 10**6}
    mlp = regressor(solver=solver, target_loss=0.2, **long).fit(X, NUMBERS)
    assert mlp.loss_ <= 0.2
    timed = regressor(solver=solver, max_seconds=0.05, **long).fit(X, NUMBERS)
    assert 0 < timed.n_iter_ < 10**6
    assert [w.category for w in recwarn if w.category is ConvergenceWarning] == []


def test_dtype_and_threads_are_the_networks():
    mlp = classifier(dtype="float32", threads=2).fit(X, LABELS)
    assert mlp.network_.dtype == "float32"
    assert {a.dtype.name for a in mlp.coefs_} == {"float32"}
    assert params(mlp).tobytes() == params(classifier(dtype="float32").fit(X, LABELS)).tobytes()
    with pytest.raises(ValueError, match=r"The 'dtype' parameter of MLPClassifier must be"):
        classifier(dtype="float16").fit(X, LABELS)


def test_callbacks_are_called(tmp_path):
    seen = []
    log = fb.CSVLog(tmp_path / "log.csv")
    mlp = regressor(callbacks=[log, lambda network, history: seen.append(len(history.loss))])
    mlp.fit(X, NUMBERS)
    assert seen == list(range(1, 9))
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 9
    ended = regressor(callbacks=lambda network, history: len(history.loss) == 3).fit(X, NUMBERS)
    assert ended.n_iter_ == 3


def test_a_fit_begins_with_what_it_is_given():
    first = regressor().fit(X, NUMBERS)
    begun = regressor(
        initial_coefs=first.coefs_,
        initial_intercepts=first.intercepts_,
        solver="sgd",
        learning_rate_init=1e-300,
    ).fit(X, NUMBERS)
    assert params(begun).tobytes() == params(first).tobytes()
    with pytest.raises(ValueError, match=r"^initial_coefs must have shapes \[\(3, 6\), \(6, 1\)\]"):
        regressor(initial_coefs=[np.zeros((3, 6))]).fit(X, NUMBERS)


def test_coefs_can_be_set():
    mlp, other = regressor().fit(X, NUMBERS), regressor(random_state=5).fit(X, NUMBERS)
    mlp.coefs_[0][...] = other.coefs_[0]
    mlp.coefs_[1] = other.coefs_[1].copy()
    mlp.intercepts_ = [a.copy() for a in other.intercepts_]
    assert mlp.predict(X).tobytes() == other.predict(X).tobytes()
    assert mlp.network_.predict(X).tobytes() == other.network_.predict(X).tobytes()


def test_a_warm_start_keeps_the_moments_where_it_is_asked_to():
    whole = regressor(max_iter=8, shuffle=False).fit(X, NUMBERS)
    parts = regressor(max_iter=4, shuffle=False, warm_start="optimizer")
    parts.fit(X, NUMBERS).fit(X, NUMBERS)
    assert params(parts).tobytes() == params(whole).tobytes()
    forgets = regressor(max_iter=4, shuffle=False, warm_start=True)
    forgets.fit(X, NUMBERS).fit(X, NUMBERS)
    assert params(forgets).tobytes() != params(whole).tobytes()


def test_several_targets_of_lbfgs_are_fitted_by_their_true_gradient():
    y = np.column_stack([NUMBERS, X[:, 2] ** 2, X[:, 0]])
    mlp = regressor(solver="lbfgs", max_iter=3000, hidden_layer_sizes=(20,)).fit(X, y)
    assert mlp.score(X, y) > 0.99
    penalty = 1e-4 / 2 / 80 * sum((w**2).sum() for w in mlp.coefs_)
    expected = ((mlp.predict(X) - y) ** 2).mean() / 2 + penalty
    assert mlp.loss_ == pytest.approx(expected, rel=1e-9)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"^dropout must be 0 with solver 'lbfgs', got 0.5"):
        classifier(solver="lbfgs", dropout=0.5).fit(X, LABELS)
    with pytest.raises(ValueError, match=r"^dropout must be one value or 1, one a hidden layer"):
        classifier(dropout=[0.1, 0.2]).fit(X, LABELS)
    with pytest.raises(ValueError, match=r"The 'solver' parameter of MLPClassifier must be a str"):
        classifier(solver="newton").fit(X, LABELS)
    with pytest.raises(ValueError, match=r"^activation must be one of"):
        classifier(activation="step").fit(X, LABELS)
    with pytest.raises(ValueError, match=r"^loss must be one of"):
        regressor(loss="squared").fit(X, NUMBERS)
    with pytest.raises(ValueError, match=r"^sample_weight must"):
        regressor().fit(X, NUMBERS, -np.ones(80))
    with pytest.raises(AttributeError, match=r"has no network_ before it is fitted"):
        classifier().network_  # noqa: B018


def test_sparse_rows_have_weights_and_validation_rows():
    x = csr_matrix(np.where(X > 0, X, 0))
    weight = np.linspace(0.5, 2, 60)
    sparse, dense = regressor(early_stopping=True), regressor(early_stopping=True)
    sparse.fit(x[:60], NUMBERS[:60], weight, X_val=x[60:], y_val=NUMBERS[60:])
    rows = x.toarray()
    dense.fit(rows[:60], NUMBERS[:60], weight, X_val=rows[60:], y_val=NUMBERS[60:])
    assert params(sparse).tobytes() == params(dense).tobytes()
    assert sparse.validation_loss_curve_ == dense.validation_loss_curve_
