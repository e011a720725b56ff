"""fastbp.sklearn against scikit-learn's perceptrons: the same calls, attributes and messages."""

import inspect
import re
import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn")

import sklearn
import sklearn.neural_network as theirs
from scipy.sparse import csc_matrix, csr_matrix
from sklearn.base import is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import check_estimator

import fastbp.sklearn as ours

VERSION = tuple(map(int, sklearn.__version__.split(".")[:2]))
# The same steps in another order of their sums, and of exponentials by other polynomials, some
# hundred times; float64.
CLOSE = {"rtol": 1e-7, "atol": 1e-9}
KINDS = ["MLPClassifier", "MLPRegressor"]

rng = np.random.default_rng(7)
X = rng.normal(size=(90, 4))
COUNTS = rng.poisson(np.exp(X[:, 0]))
TARGETS = {
    "two classes": np.where(X[:, 0] + X[:, 1] > 0, "yes", "no"),
    "one class": np.zeros(90, int),
    "classes": np.digitize(X[:, 1], [-0.5, 0.5]) * 2 + 5,
    "labels": (X[:, :3] > 0).astype(int),
    "numbers": X[:, 0] * X[:, 1],
    "one column": (X[:, 0] * X[:, 1])[:, np.newaxis],
    "several numbers": X[:, :3] ** 2,
    "counts": COUNTS,
    "several counts": np.column_stack([COUNTS, COUNTS[::-1]]),
}
needs_weights = pytest.mark.skipif(VERSION < (1, 7), reason="no sample_weight before 1.7")
needs_poisson = pytest.mark.skipif(VERSION < (1, 7), reason="no loss before 1.7")
# Before 1.9 scikit-learn cannot stop early by labels that are words.
STOPS_BY_WORDS = VERSION >= (1, 9)
REGRESSION = ("numbers", "one column", "several numbers", "counts", "several counts")


def kind_of(target):
    return "MLPRegressor" if target in REGRESSION else "MLPClassifier"


def quiet(function, *arguments, **more):
    """Return (result, printed warnings as (category, text)) of a call."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        # Of scikit-learn 1.6 with a newer scipy.
        warnings.filterwarnings("ignore", ".*L-BFGS-B solver are deprecated", DeprecationWarning)
        result = function(*arguments, **more)
    return result, [(w.category, str(w.message)) for w in seen]


def both(target, x=X, fit=None, **settings):
    """Return scikit-learn's estimator and ours after the same fit, whose warnings must agree."""
    settings = {"hidden_layer_sizes": (9, 5), "max_iter": 25, "random_state": 3} | settings
    kind = kind_of(target)
    found = []
    for package in (theirs, ours):
        mlp = getattr(package, kind)(**settings)
        found.append(quiet(mlp.fit, x, TARGETS[target], **(fit or {})))
    (want, told), (got, said) = found
    assert said == told
    assert_same(got, want, x)
    return got, want


def assert_same(got, want, x=X, **tolerance):
    """Compare every public attribute of scikit-learn's estimator, and what both predict."""
    tolerance = CLOSE | tolerance
    for name, value in vars(want).items():
        if not name.endswith("_") or name.startswith("_"):
            continue
        own = getattr(got, name)
        if name in ("coefs_", "intercepts_"):
            assert [a.dtype for a in own] == [a.dtype for a in value]
            for array, other in zip(own, value, strict=True):
                np.testing.assert_allclose(array, other, **tolerance, err_msg=name)
        elif value is None or isinstance(value, str):
            assert own == value, name
        elif name in ("classes_", "feature_names_in_"):
            np.testing.assert_array_equal(own, value)
            assert own.dtype == value.dtype
        else:
            np.testing.assert_allclose(own, value, **tolerance, err_msg=name)
    np.testing.assert_allclose(
        *((m.predict_proba if is_classifier(m) else m.predict)(x) for m in (got, want)),
        **tolerance,
    )
    if is_classifier(want):
        np.testing.assert_array_equal(got.predict(x), want.predict(x))
        assert got.predict(x).dtype == want.predict(x).dtype
        (a, told), (b, said) = (quiet(m.predict_log_proba, x) for m in (got, want))
        # Of a probability that is not denormal, of which the kernels make 0.
        normal = b > -700
        np.testing.assert_allclose(a[normal], b[normal], rtol=1e-5, atol=1e-6)
        assert {category for category, _ in (*told, *said)} <= {RuntimeWarning}


@pytest.mark.parametrize("kind", KINDS)
def test_the_constructor_has_the_same_arguments_and_defaults(kind):
    def parameters(package):
        return inspect.signature(getattr(package, kind)).parameters

    own, other = parameters(ours), parameters(theirs)
    for name, parameter in other.items():
        assert own[name].default == parameter.default, name
        if VERSION >= (1, 7):
            assert own[name].kind == parameter.kind, name
    if VERSION >= (1, 7):
        before = list(own)[: len(other)]
        assert before == list(other)


@pytest.mark.parametrize("kind", KINDS)
def test_scikit_learns_own_checks_pass(kind):
    found, _ = quiet(check_estimator, getattr(ours, kind)(), on_fail=None, on_skip=None)
    assert [(r["check_name"], r["exception"]) for r in found if r["status"] == "failed"] == []
    assert sum(r["status"] == "passed" for r in found) >= 50


SOLVERS = {
    "sgd": {"solver": "sgd", "learning_rate_init": 0.05},
    "plain sgd": {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.1, "batch_size": 16},
    "momentum": {"solver": "sgd", "nesterovs_momentum": False, "learning_rate_init": 0.05},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.3},
    "adaptive": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "learning_rate_init": 0.05,
        "tol": 0.02,
        "n_iter_no_change": 1,
        "batch_size": 16,
    },
    "adam": {"learning_rate_init": 0.01},
    "lbfgs": {"solver": "lbfgs"},
    "no shuffle": {"solver": "sgd", "shuffle": False, "batch_size": 16},
    "penalty": {"solver": "sgd", "alpha": 3.0, "batch_size": 16, "learning_rate_init": 0.02},
    # At 0.1 a wrong label gets a probability that scikit-learn's loss does not tell from 0.
    "early": {
        "solver": "sgd",
        "early_stopping": True,
        "batch_size": 16,
        "learning_rate_init": 0.05,
    },
    "tolerance": {"tol": 0.1, "n_iter_no_change": 2},
    "early tolerance": {
        "early_stopping": True,
        "validation_fraction": 0.4,
        "tol": 0.04,
        "n_iter_no_change": 2,
        "learning_rate_init": 0.01,
    },
    "clipped batch": {"solver": "sgd", "batch_size": 500},
}


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("target", [t for t in TARGETS if "counts" not in t])
def test_every_solver_goes_the_same_way(solver, target):
    if solver == "lbfgs" and target == "several numbers":
        pytest.skip("scikit-learn's loss and gradient disagree there: docs/sklearn.md")
    if "early" in solver and target == "two classes" and not STOPS_BY_WORDS:
        pytest.skip("scikit-learn before 1.9 cannot stop early by labels that are words")
    both(target, **SOLVERS[solver])


@needs_poisson
@pytest.mark.parametrize("target", ["counts", "several counts"])
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs", "early", "penalty"])
def test_the_poisson_loss_goes_the_same_way(solver, target):
    both(target, **SOLVERS[solver] | {"loss": "poisson", "learning_rate_init": 0.01})


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("hidden", [(), 7, [4, 3], np.array([4, 3])], ids=repr)
def test_every_activation_and_shape_goes_the_same_way(activation, hidden):
    for target in ("classes", "numbers"):
        settings = SOLVERS["sgd"] | {"activation": activation, "hidden_layer_sizes": hidden}
        both(target, **settings)


@needs_weights
@pytest.mark.parametrize("solver", ["sgd", "lbfgs", "early"])
@pytest.mark.parametrize("target", ["two classes", "classes", "numbers"])
def test_weights_of_rows_go_the_same_way(solver, target):
    if solver == "early" and target == "two classes" and not STOPS_BY_WORDS:
        pytest.skip("scikit-learn before 1.9 cannot stop early by labels that are words")
    # One batch, for scikit-learn weighs the losses of batches by their rows.
    weight = np.linspace(0.5, 2, 90)
    both(target, fit={"sample_weight": weight}, **SOLVERS[solver] | {"batch_size": 90})


@pytest.mark.parametrize("target", ["two classes", "classes", "labels", "several numbers"])
def test_float32_is_kept(target):
    settings = {"random_state": 3, "max_iter": 10, "solver": "sgd"}
    found = []
    for package in (theirs, ours):
        mlp = getattr(package, kind_of(target))(**settings)
        found.append(quiet(mlp.fit, X.astype("float32"), TARGETS[target])[0])
    want, got = found
    assert_same(got, want, X.astype("float32"), rtol=1e-4, atol=1e-5)
    assert got.network_.dtype == "float32"
    outputs = "predict_proba" if is_classifier(got) else "predict"
    for rows in (X, X.astype("float32"), X.astype(int)):
        assert getattr(got, outputs)(rows).dtype == getattr(want, outputs)(rows).dtype


@pytest.mark.parametrize("target", ["two classes", "classes", "labels", "numbers"])
@pytest.mark.parametrize("solver", ["sgd", "adam", "invscaling"])
def test_partial_fits_go_on_the_same_way(solver, target):
    found = []
    for package in (theirs, ours):
        mlp = getattr(package, kind_of(target))(random_state=3, **SOLVERS[solver])
        labels = np.arange(3) if target == "labels" else np.unique(TARGETS[target])
        classes = {"classes": labels}
        for part in (slice(0, 50), slice(50, 90), slice(20, 60)):
            more = classes if is_classifier(mlp) else {}
            mlp.partial_fit(X[part], TARGETS[target][part], **more)
        found.append(mlp)
    assert_same(found[1], found[0])


def test_classes_may_come_later_than_the_first_rows():
    order = np.argsort(TARGETS["classes"], kind="stable")
    found = []
    for package in (theirs, ours):
        mlp = package.MLPClassifier(random_state=3)
        for part in (order[:40], order[40:], order):
            mlp.partial_fit(X[part], TARGETS["classes"][part], classes=[5, 7, 9])
        found.append(mlp)
    assert_same(found[1], found[0])


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
def test_warm_starts_go_on_the_same_way(solver):
    found = []
    for package in (theirs, ours):
        mlp = package.MLPClassifier(random_state=3, max_iter=6, warm_start=True, **SOLVERS[solver])
        for _ in range(3):
            quiet(mlp.fit, X, TARGETS["classes"])
        found.append(mlp)
    assert_same(found[1], found[0])


@pytest.mark.parametrize("target", ["classes", "numbers"])
@pytest.mark.parametrize("solver", ["sgd", "adaptive", "early", "tolerance"])
def test_the_same_lines_are_printed(solver, target, capsys):
    texts = []
    for package in (theirs, ours):
        mlp = getattr(package, kind_of(target))(
            **{"random_state": 3, "max_iter": 40, "verbose": True} | SOLVERS[solver]
        )
        quiet(mlp.fit, X, TARGETS[target])
        texts.append(capsys.readouterr().out)
    assert texts[1] == texts[0]
    assert "Iteration 1, loss = " in texts[1]


@pytest.mark.parametrize("make", [csr_matrix, csc_matrix])
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs", "early"])
def test_sparse_rows_do_what_dense_ones_do(solver, make):
    dense = np.where(rng.random(X.shape) < 0.5, X, 0)
    for target in ("classes", "numbers"):
        settings = {"random_state": 3, "max_iter": 10} | SOLVERS[solver]
        want, got = (getattr(ours, kind_of(target))(**settings) for _ in range(2))
        quiet(want.fit, dense, TARGETS[target])
        quiet(got.fit, make(dense), TARGETS[target])
        for a, b in zip(got.coefs_, want.coefs_, strict=True):
            assert a.tobytes() == b.tobytes()
        assert got.predict(make(dense)).tobytes() == want.predict(dense).tobytes()


BAD = {
    "hidden sizes": {"hidden_layer_sizes": (5, 0)},
    "alpha": {"alpha": -1},
    "batch size": {"batch_size": 0},
    "learning rate": {"learning_rate": "fast"},
    "learning rate init": {"learning_rate_init": 0.0},
    "max_iter": {"max_iter": 0},
    "shuffle": {"shuffle": "yes"},
    "momentum": {"momentum": 2},
    "fraction": {"validation_fraction": 1.0, "early_stopping": True},
    "small validation set": {"validation_fraction": 0.01, "early_stopping": True},
    "beta": {"beta_1": 1},
    "epsilon": {"epsilon": 0},
    "n_iter_no_change": {"n_iter_no_change": 0},
    "max_fun": {"max_fun": 0},
    "random_state": {"random_state": "x"},
    "tol": {"tol": -1},
    "verbose": {"verbose": -1},
}


def message(function, *arguments, **more):
    with pytest.raises(Exception) as error:  # noqa: PT011
        quiet(function, *arguments, **more)
    # A set of words is in any order.
    text = re.sub(r"\{.*?\}", lambda m: str(sorted(m[0][1:-1].split(", "))), str(error.value))
    return type(error.value).__name__, text


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("kind", KINDS)
def test_wrong_arguments_are_refused_in_the_same_words(kind, name):
    y = TARGETS["classes"]
    if name == "small validation set" and VERSION < (1, 7):
        pytest.skip("scikit-learn 1.6 does not look at it")
    found = [message(getattr(p, kind)(**BAD[name]).fit, X, y) for p in (theirs, ours)]
    assert found[1] == found[0]


def rows_with(value):
    x = X.copy()
    x[3, 1] = value
    return x


CALLS = {
    "NaN": lambda m: m.fit(rows_with(np.nan), TARGETS["classes"]),
    "infinity": lambda m: m.fit(rows_with(np.inf), TARGETS["classes"]),
    "lengths": lambda m: m.fit(X, TARGETS["classes"][:-1]),
    "one dimension": lambda m: m.fit(X[:, 0], TARGETS["classes"]),
    "no rows": lambda m: m.fit(X[:0], TARGETS["classes"][:0]),
    "words": lambda m: m.fit(np.array([["a"]] * 90), TARGETS["classes"]),
    "not fitted": lambda m: m.predict(X),
    "columns": lambda m: m.fit(X, TARGETS["classes"]).predict(X[:, :2]),
    "y is NaN": lambda m: m.fit(X, rows_with(np.nan)[:, 1]),
    "partial early": lambda m: m.set_params(early_stopping=True).partial_fit(
        X, TARGETS["classes"], **({"classes": [5, 7, 9]} if is_classifier(m) else {})
    ),
    "large": lambda m: m.set_params(solver="sgd", learning_rate_init=1e300).fit(
        X, TARGETS["classes"]
    ),
}
OF_CLASSES = {
    "no classes": lambda m: m.partial_fit(X, TARGETS["classes"]),
    "unknown label": lambda m: m.partial_fit(X, TARGETS["classes"], classes=[5, 7]),
    "other classes": lambda m: m.partial_fit(X, TARGETS["classes"], classes=[5, 7, 9]).partial_fit(
        X, TARGETS["classes"], classes=[5, 7]
    ),
    "warm": lambda m: (
        m.set_params(warm_start=True).fit(X, TARGETS["classes"]).fit(X, TARGETS["classes"] + 1)
    ),
    "numbers for classes": lambda m: m.fit(X, TARGETS["numbers"]),
    "several of several": lambda m: m.fit(X, np.digitize(X[:, :2], [-1, 0, 1])),
    "lbfgs": lambda m: m.set_params(solver="lbfgs").partial_fit(X, TARGETS["classes"]),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("kind", KINDS)
def test_wrong_calls_are_refused_in_the_same_words(kind, name):
    found = [message(CALLS[name], getattr(p, kind)(max_iter=3)) for p in (theirs, ours)]
    assert found[1] == found[0]


@pytest.mark.parametrize("name", OF_CLASSES)
def test_wrong_classes_are_refused_in_the_same_words(name):
    found = [message(OF_CLASSES[name], p.MLPClassifier(max_iter=3)) for p in (theirs, ours)]
    assert found[1] == found[0]


def test_ctrl_c_warns_and_keeps_what_there_is():
    def interrupt(network, history):
        if len(history.loss) == 4:
            raise KeyboardInterrupt

    mlp = ours.MLPRegressor(callbacks=interrupt, random_state=1)
    with pytest.warns(UserWarning, match=r"^Training interrupted by user\.$"):
        mlp.fit(X, TARGETS["numbers"])
    assert mlp.n_iter_ == len(mlp.loss_curve_) == 4
    assert mlp.predict(X).shape == (90,)


def test_names_of_columns_are_kept_and_looked_at():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(X, columns=list("abcd"))
    got, _ = both("numbers", table, early_stopping=True)
    assert got.feature_names_in_.tolist() == list("abcd")
    with pytest.warns(UserWarning, match=r"does not have valid feature names"):
        got.predict(X)


def test_the_end_of_epochs_is_told_at_the_users_line():
    with pytest.warns(ConvergenceWarning) as seen:
        ours.MLPClassifier(max_iter=1).fit(X, TARGETS["classes"])
    assert seen[0].filename == __file__
