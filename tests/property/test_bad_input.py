"""What a network refuses: by name, with TypeError or ValueError, its parameters untouched."""

import math
from decimal import Decimal

import numpy as np
import pytest
from refusal import LABELS, X, make, refuse

import fastbp as fb
from fastbp import kernels
from fastbp._compiled import engine

NAN, INF = math.nan, math.inf
ONE_HOT = np.eye(2)[LABELS]


def with_value(array, row, value):
    """Return a copy of the array as float64 with one bad entry."""
    bad = np.array(array, np.float64)
    bad[(row,) + (1,) * (bad.ndim - 1)] = value
    return bad


def bad_rows(name, width):
    """Return (label, value, error, message) of rows that every method must refuse."""
    columns = f"^{name} must have {width} columns? \\(network sizes 3-5-2\\), got shape "
    wide, narrow = np.zeros((4, width + 1)), np.zeros((4, width - 1))
    return [
        ("wide", wide, ValueError, columns + rf"\(4, {width + 1}\)$"),
        ("narrow", narrow, ValueError, columns + rf"\(4, {width - 1}\)$"),
        ("flat", np.zeros(width), ValueError, f"^{name} must have 2 dimensions .*got shape"),
        ("deep", np.zeros((4, width, 1)), ValueError, f"^{name} must have 2 dimensions .*got"),
        ("empty", np.zeros((0, width)), ValueError, f"^{name} must have at least 1 row, got shape"),
        ("object", np.full((4, width), None), TypeError, f"^{name} must .* got dtype object$"),
        ("text", np.full((4, width), "1"), TypeError, f"^{name} must .* got dtype <U1$"),
        ("bytes", np.full((4, width), b"1"), TypeError, f"^{name} must .* got dtype .S1$"),
        ("complex", np.ones((4, width), complex), TypeError, f"^{name} must .* got dtype complex"),
        ("ragged", [[0.0] * width, [0.0]], ValueError, f"^{name} must be a rectangular array"),
        ("huge integers", [[10**30] * width] * 4, TypeError, f"^{name} must .* dtype object$"),
    ]


def bad_numbers(name, array):
    """Return rows with NaN or infinity; the message names the first bad row."""
    found = []
    for label, value in [("nan", NAN), ("inf", INF), ("-inf", -INF)]:
        rule = f"^{name} must be finite, got {value} in row "
        found.append((label, with_value(array, 2, value), ValueError, rule + "2, column 1"))
    twice = with_value(with_value(array, 3, NAN), 1, INF)
    found.append(("first of two", twice, ValueError, f"^{name} must be finite, got inf in row 1"))
    return found


def bad_targets():
    """Return (loss, label, y, error, message)."""
    found = [
        ("cross_entropy", "label 2", [0, 1, 2, 0], ValueError, "^y must .*0 to 1, got 2 in row 2$"),
        ("cross_entropy", "label -1", [0, -1, 2, 0], ValueError, "^y must .*got -1 in row 1$"),
        ("cross_entropy", "label 0.5", [0, 1, 1, 0.5], ValueError, "^y must .*got 0.5 in row 3$"),
        ("cross_entropy", "label nan", [NAN, 1, 1, 0], ValueError, "^y must .*got nan in row 0$"),
        ("cross_entropy", "label inf", [0, INF, 1, 0], ValueError, "^y must .*got inf in row 1$"),
        ("cross_entropy", "label text", ["a", "b", "a", "b"], TypeError, "^y must .*got dtype <U1"),
        ("cross_entropy", "sum", with_value(ONE_HOT, 1, 0.5), ValueError, "^y must .* in row 1$"),
        (
            "cross_entropy",
            "negative",
            ONE_HOT + np.array([[0, 0], [0, 0], [-0.5, 0.5], [0, 0]]),
            ValueError,
            r"^y must lie in \[0, 1\] for cross_entropy.*in row 2$",
        ),
        ("cross_entropy", "columns", np.ones((4, 3)) / 3, ValueError, "^y must have shape"),
        ("cross_entropy", "short", LABELS[:3], ValueError, r"^y must .*\(4\), got shape \(3,\)$"),
        ("cross_entropy", "long", [0] * 5, ValueError, r"^y must .*\(4\), got shape \(5,\)$"),
        ("cross_entropy", "empty", [], ValueError, "^y must "),
        (
            "binary_cross_entropy",
            "above 1",
            with_value(ONE_HOT, 3, 1.5),
            ValueError,
            r"^y must lie in \[0, 1\] for binary_cross_entropy.*in row 3$",
        ),
        ("binary_cross_entropy", "below 0", ONE_HOT - 1, ValueError, r"^y must lie in \[0, 1\]"),
        ("binary_cross_entropy", "flat", LABELS, ValueError, r"^y must have shape \(n_rows, 2\)"),
        ("mse", "flat", LABELS, ValueError, r"^y must have shape \(n_rows, 2\), got shape \(4,\)"),
        ("mse", "columns", np.ones((4, 3)), ValueError, "^y must have shape .*got shape"),
        ("mse", "short", ONE_HOT[:3], ValueError, r"^y must .*\(4\), got shape \(3, 2\)$"),
        ("mse", "scalar", 1.0, ValueError, r"^y must have shape .*got shape \(\)"),
        ("mse", "object", np.full((4, 2), None), TypeError, "^y must .*got dtype object$"),
        ("mse", "complex", np.ones((4, 2), complex), TypeError, "^y must .*got dtype complex128$"),
    ]
    for loss in ("mse", "cross_entropy", "binary_cross_entropy"):
        found += [(loss, *row) for row in bad_numbers("y", ONE_HOT)]
    return found


def bad_weights():
    """Return (label, sample_weight, error, message)."""
    name = "sample_weight"
    return [
        ("short", [1.0] * 3, ValueError, rf"^{name} must .*\(4\), got shape \(3,\)$"),
        (
            "matrix",
            [[1.0]] * 4,
            ValueError,
            rf"^{name} must have 1 dimension .*got shape \(4, 1\)$",
        ),
        ("scalar", 1.0, ValueError, rf"^{name} must have 1 dimension .*got shape \(\)$"),
        ("negative", [1, 1, -1, -2], ValueError, rf"^{name} must not be negative.*in row 2$"),
        ("nan", [1, NAN, 1, 1], ValueError, rf"^{name} must be finite, got nan in row 1"),
        ("inf", [1, 1, 1, INF], ValueError, rf"^{name} must be finite, got inf in row 3"),
        ("all 0", [0] * 4, ValueError, rf"^{name} must .*got all 0$"),
        ("text", ["1"] * 4, TypeError, rf"^{name} must .*got dtype <U1$"),
        ("object", [None] * 4, TypeError, rf"^{name} must .*got dtype object$"),
    ]


def ids(rows):
    """Return pytest parameters with their labels as ids; a label is the last text before data."""
    return [pytest.param(*row[1:], id=str(row[0])) for row in rows]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("value", "error", "message"), ids(bad_rows("x", 3) + bad_numbers("x", X)))
def test_bad_x_is_refused_by_every_method(value, error, message, dtype):
    net = make(dtype=dtype)
    y = LABELS[: np.shape(value)[0]] if isinstance(value, np.ndarray) else LABELS
    for call in [
        lambda: net.predict(value),
        lambda: net.evaluate(value, y),
        lambda: net.gradient(value, y),
        lambda: net.backward(value, ONE_HOT),
        lambda: net.train_step(value, y, "sgd"),
        lambda: net.fit(value, y),
    ]:
        refuse(net, error, message, call)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    ids(bad_rows("output_gradient", 2) + bad_numbers("output_gradient", ONE_HOT)),
)
def test_bad_output_gradient_is_refused(value, error, message):
    net = make()
    refuse(net, error, message, lambda: net.backward(X, value))


@pytest.mark.parametrize(
    ("loss", "y", "error", "message"),
    [pytest.param(loss, *rest, id=f"{loss}-{label}") for loss, label, *rest in bad_targets()],
)
def test_bad_y_is_refused_by_every_method(loss, y, error, message):
    net = make(loss)
    for call in [
        lambda: net.evaluate(X, y),
        lambda: net.gradient(X, y),
        lambda: net.train_step(X, y, fb.SGD()),
        lambda: net.fit(X, y, fb.SGD()),
    ]:
        refuse(net, error, message, call)


@pytest.mark.parametrize(("weight", "error", "message"), ids(bad_weights()))
def test_bad_row_weights_are_refused_by_every_method(weight, error, message):
    net = make()
    for call in [
        lambda: net.evaluate(X, LABELS, weight),
        lambda: net.gradient(X, LABELS, weight),
        lambda: net.train_step(X, LABELS, fb.SGD(), weight),
        lambda: net.fit(X, LABELS, sample_weight=weight),
    ]:
        refuse(net, error, message, call)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_that_the_engine_takes_for_0_are_refused_or_counted(dtype):
    net = make(dtype=dtype)
    tiny = np.full(4, np.finfo(dtype).smallest_subnormal)
    for call in [
        lambda: net.evaluate(X, LABELS, tiny),
        lambda: net.gradient(X, LABELS, tiny)[0],
        lambda: net.fit(X, LABELS, epochs=1, sample_weight=tiny, progress=False).loss[0],
    ]:
        try:
            loss = call()
        except ValueError as error:
            assert str(error).startswith("sample_weight must ")  # noqa: PT017
        else:
            assert math.isfinite(loss)


def test_a_number_too_large_for_float32_is_refused_and_explained():
    net = make(dtype="float32")
    message = r"^x must be finite, got 1e\+300 in row 2, column 1 \(not finite as float32\)$"
    refuse(net, ValueError, message, lambda: net.predict(with_value(X, 2, 1e300)))


def test_lengths_of_x_and_output_gradient_must_match():
    net = make()
    message = r"^output_gradient must have one entry a row of x \(4\), got shape \(3, 2\)$"
    refuse(net, ValueError, message, lambda: net.backward(X, ONE_HOT[:3]))


NETWORKS = [
    ("sizes of one", lambda: fb.mlp([3]), ValueError, "^sizes must have at least 2 entries"),
    ("no sizes", lambda: fb.mlp([]), ValueError, "^sizes must have at least 2 entries"),
    ("sizes number", lambda: fb.mlp(3), TypeError, "^sizes must be a list"),
    ("sizes text", lambda: fb.mlp("34"), TypeError, "^sizes must be a list"),
    ("size 0", lambda: fb.mlp([3, 0]), ValueError, r"^sizes\[1\] must be at least 1, got 0$"),
    ("size -1", lambda: fb.mlp([-1, 2]), ValueError, r"^sizes\[0\] must be at least 1, got -1$"),
    ("size 1.5", lambda: fb.mlp([3, 1.5]), TypeError, r"^sizes\[1\] must be an integer, got 1.5$"),
    ("size True", lambda: fb.mlp([3, True]), TypeError, r"^sizes\[1\] must be an integer, got"),
    ("units 0", lambda: fb.Dense(0), ValueError, "^units must be at least 1, got 0$"),
    ("units text", lambda: fb.Dense("3"), TypeError, "^units must be an integer, got '3'$"),
    ("bias 1", lambda: fb.Dense(3, bias=1), TypeError, "^bias must be True or False, got 1$"),
    ("n_in 0", lambda: fb.Network(0, [fb.Dense(1)]), ValueError, "^n_in must be at least 1, got 0"),
    ("no layers", lambda: fb.Network(1, []), ValueError, "^layers must hold at least 1 Dense"),
    ("one layer", lambda: fb.Network(1, fb.Dense(1)), TypeError, "^layers must be a list of Dense"),
    ("layer 3", lambda: fb.Network(1, [3]), TypeError, "^layers must hold Dense only, got 3$"),
    ("seed -1", lambda: fb.mlp([1, 1], seed=-1), ValueError, "^seed must be at least 0, got -1$"),
    ("seed 0.5", lambda: fb.mlp([1, 1], seed=0.5), TypeError, "^seed must be an integer, got 0.5$"),
    ("dtype None", lambda: fb.mlp([1, 1], dtype=None), TypeError, "^dtype must be a string"),
    ("init constant", lambda: fb.Dense(1, init="constant"), ValueError, r"constant\(value\), got"),
    ("init uniform(1)", lambda: fb.Dense(1, init="uniform(1)"), ValueError, r"\(low, high\), got"),
    (
        "init zeros(1)",
        lambda: fb.Dense(1, init="zeros(1)"),
        ValueError,
        "^init must be written as z",
    ),
    ("init constant(x)", lambda: fb.Dense(1, init="constant(x)"), ValueError, r"constant\(value\)"),
    (
        "init of another shape",
        lambda: fb.Network(2, [fb.Dense(3, init=np.ones((2, 3)))]),
        ValueError,
        r"^init must have shape \(n_out, n_in\) = \(3, 2\), got \(2, 3\)",
    ),
    (
        "relu(1)",
        lambda: fb.Dense(1, "relu(1)"),
        ValueError,
        "^activation .relu. must have no",
    ),
    ("elu(-1)", lambda: fb.Dense(1, "elu(-1)"), ValueError, "^alpha of activation 'elu' must be a"),
    ("elu(q=1)", lambda: fb.Dense(1, "elu(q=1)"), ValueError, r"like 'elu\(alpha=1\)', got"),
    (
        "huber(0)",
        lambda: fb.mlp([1, 1], loss="huber(0)"),
        ValueError,
        "^delta of loss .huber.",
    ),
    (
        "gaussian_nll of 3",
        lambda: fb.mlp([1, 3], loss="gaussian_nll"),
        ValueError,
        "^gaussian_nll must have an even number of outputs",
    ),
    (
        "Rprop in batches",
        lambda: make().fit(X, LABELS, "rprop", batch_size=2),
        ValueError,
        r"^batch_size must be None \(all .* rows\) for Rprop, .*, got 2; for smaller batches use",
    ),
    ("activation 3", lambda: fb.Dense(1, 3), TypeError, "^activation must be a string, got 3$"),
]

ACTIVATIONS = (
    "'identity', 'sigmoid', 'relu', 'tanh', 'softmax', 'leaky_relu', 'elu', 'selu', 'gelu', "
    "'gelu_tanh', 'silu', 'softplus', 'softsign', 'hard_sigmoid', 'hard_tanh', 'mish', 'exp', "
    "'sin', 'log_softmax'"
)
LOSSES = (
    "'mse', 'cross_entropy', 'binary_cross_entropy', 'mae', 'huber', 'log_cosh', 'quantile', "
    "'poisson', 'gamma', 'hinge', 'gaussian_nll', 'kl_divergence'"
)
OPTIMIZERS = (
    "'sgd', 'adam', 'adamw', 'rmsprop', 'adagrad', 'adadelta', 'adamax', 'nadam', 'radam', "
    "'lion', 'rprop'"
)
UNKNOWN = [
    ("activation", lambda: fb.Dense(1, "rleu"), ACTIVATIONS, "rleu"),
    ("activation", lambda: fb.Dense(1, "ReLU"), ACTIVATIONS, "ReLU"),
    ("hidden", lambda: fb.mlp([1, 2, 1], hidden="celu"), ACTIVATIONS, "celu"),
    ("output", lambda: fb.mlp([1, 1], output=""), ACTIVATIONS, ""),
    ("loss", lambda: fb.mlp([1, 1], loss="mad"), LOSSES, "mad"),
    ("dtype", lambda: fb.mlp([1, 1], dtype="float16"), "'float32', 'float64'", "float16"),
    ("dtype", lambda: fb.mlp([1, 1], dtype=np.int32), "'float32', 'float64'", "int32"),
    (
        "init",
        lambda: fb.Dense(1, init="normal"),
        "'auto', 'he_normal', 'he_uniform', 'glorot_normal', 'glorot_uniform', 'lecun_normal', "
        "'lecun_uniform', 'orthogonal', 'zeros', 'given', 'constant', 'uniform'",
        "normal",
    ),
    ("optimizer", lambda: make().fit(X, LABELS, "sdg"), OPTIMIZERS, "sdg"),
    ("optimizer", lambda: make().train_step(X, LABELS, "Adam"), OPTIMIZERS, "Adam"),
    (
        "monitor",
        lambda: make().fit(X, LABELS, stop=fb.Stop(monitor="val_loss"), metrics="accuracy"),
        "'loss', 'accuracy'",
        "val_loss",
    ),
    ("mode", lambda: fb.Stop(mode="least"), "'min', 'max'", "least"),
    ("shuffle", lambda: make().fit(X, LABELS, shuffle="batch"), "'rows', 'blocks'", "batch"),
    ("metrics", lambda: make().fit(X, LABELS, metrics="f1"), "'accuracy', 'r2'", "f1"),
    ("activation", lambda: kernels.hidden_delta(*[[[1.0]]] * 3, "x"), ACTIVATIONS, "x"),
    ("activation", lambda: kernels.loss_value([[1.0]], [[1.0]], "x"), ACTIVATIONS, "x"),
    (
        "loss",
        lambda: kernels.output_delta([[1.0]], [[1.0]], "identity", "x"),
        LOSSES,
        "x",
    ),
]


@pytest.mark.parametrize(("make_it", "error", "message"), ids(NETWORKS))
def test_bad_networks_are_refused(make_it, error, message):
    with pytest.raises(error, match=message):
        make_it()


@pytest.mark.parametrize(
    ("name", "call", "known", "came"),
    [pytest.param(*row, id=f"{row[0]}-{row[3]}-{i}") for i, row in enumerate(UNKNOWN)],
)
def test_unknown_names_are_answered_with_the_known_ones(name, call, known, came):
    with pytest.raises(ValueError, match="must be one of") as caught:
        call()
    message = str(caught.value)
    assert message.startswith(f"{name} must be one of ")
    assert message.endswith(f", got {came!r}")
    for one in known.split(", "):
        assert one in message


@pytest.mark.parametrize(
    ("output", "loss", "instead"),
    [
        (output, loss, instead)
        for loss, instead in [("cross_entropy", "softmax"), ("binary_cross_entropy", "sigmoid")]
        for output in ("identity", "relu", "tanh", "sigmoid", "softmax")
        if output != instead
    ],
)
def test_a_loss_with_an_output_that_does_not_fit_is_refused_with_what_would(output, loss, instead):
    for call in [
        lambda: fb.mlp([3, 2], output=output, loss=loss),
        lambda: fb.Network(3, [fb.Dense(2, output)], loss=loss),
        lambda: kernels.loss_value([[1.0, 2.0]], [[0.0, 1.0]], output, loss),
        lambda: kernels.output_delta([[1.0, 2.0]], [[0.0, 1.0]], output, loss),
    ]:
        with pytest.raises(ValueError, match=f"^loss '{loss}' must have output '{instead}'") as e:
            call()
        assert f"got output '{output}'" in str(e.value)


SETTINGS = {
    "learning_rate": [fb.SGD, fb.Adam],
    "momentum": [fb.SGD],
    "weight_decay": [fb.SGD],
    "beta1": [fb.Adam],
    "beta2": [fb.Adam],
    "epsilon": [fb.Adam],
    "loss": [fb.Stop],
    "seconds": [fb.Stop],
    "min_delta": [fb.Stop],
    "gradient_norm": [fb.Stop],
}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        pytest.param(n, kind, id=f"{kind.__name__}-{n}")
        for n, kinds in SETTINGS.items()
        for kind in kinds
    ],
)
def test_settings_that_are_no_finite_number_are_refused(name, kind):
    for value, error in [
        (NAN, ValueError),
        (INF, ValueError),
        (-INF, ValueError),
        (True, TypeError),
        ("0.1", TypeError),
        (1j, TypeError),
        ([0.1], TypeError),
        (np.array([0.1, 0.2]), TypeError),
    ]:
        with pytest.raises(error, match=f"^{name} must be .*got"):
            kind(**{name: value})
    if name != "loss":
        with pytest.raises(ValueError, match=f"^{name} must be .*got -1"):
            kind(**{name: -1})
    if name.startswith("beta"):
        with pytest.raises(ValueError, match=f"^{name} must be .*below 1, got 1.0$"):
            kind(**{name: 1})


OTHER_SETTINGS = [
    ("none", lambda: fb.SGD(None), TypeError, "^learning_rate must be a number, got None$"),
    ("nesterov 1", lambda: fb.SGD(1, 0.5, nesterov=1), TypeError, "^nesterov must be True or"),
    ("nesterov alone", lambda: fb.SGD(nesterov=True), ValueError, "^nesterov must come with mom"),
    ("seconds 0", lambda: fb.Stop(seconds=0), ValueError, "^seconds must be .*above 0, got 0"),
    ("patience 0", lambda: fb.Stop(patience=0), ValueError, "^patience must be at least 1, got 0$"),
    ("patience 1.5", lambda: fb.Stop(patience=1.5), TypeError, "^patience must be an integer"),
    ("patience True", lambda: fb.Stop(patience=True), TypeError, "^patience must be an integer"),
    ("monitor 3", lambda: fb.Stop(monitor=3), TypeError, "^monitor must be a string, got 3$"),
    ("restore 1", lambda: fb.Stop(restore_best=1), TypeError, "^restore_best must be True or"),
]


@pytest.mark.parametrize(("call", "error", "message"), ids(OTHER_SETTINGS))
def test_other_settings_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_numbers_of_other_types_are_taken():
    for value in (np.float32(0.5), np.float64(0.5), Decimal("0.5"), np.array(0.5)):
        assert fb.SGD(value).learning_rate == 0.5
    assert fb.mlp(np.array([2, 3])).sizes == fb.mlp((2, np.int16(3))).sizes == [2, 3]
    assert fb.mlp([1, 1], dtype=np.float64).dtype == fb.mlp([1, 1], dtype=np.dtype("f8")).dtype


def test_a_learning_rate_is_checked_when_it_is_changed():
    optimizer = fb.SGD(0.5)
    for value, error in [(-1, ValueError), (NAN, ValueError), ("1", TypeError), (True, TypeError)]:
        with pytest.raises(error, match=r"^learning_rate must be"):
            optimizer.learning_rate = value
    assert optimizer.learning_rate == 0.5


FITS = [
    ("epochs 0", {"epochs": 0}, ValueError, "^epochs must be at least 1, got 0$"),
    ("epochs -1", {"epochs": -1}, ValueError, "^epochs must be at least 1, got -1$"),
    ("epochs 1.5", {"epochs": 1.5}, TypeError, "^epochs must be an integer, got 1.5$"),
    ("epochs True", {"epochs": True}, TypeError, "^epochs must be an integer, got True$"),
    ("epochs text", {"epochs": "3"}, TypeError, "^epochs must be an integer, got '3'$"),
    ("epochs None", {"epochs": None}, TypeError, "^epochs must be an integer, got None$"),
    ("batch 0", {"batch_size": 0}, ValueError, "^batch_size must be at least 1, got 0$"),
    ("batch 2.0", {"batch_size": 2.0}, TypeError, "^batch_size must be an integer, got 2.0$"),
    ("batch True", {"batch_size": True}, TypeError, "^batch_size must be an integer, got True$"),
    ("shuffle 1", {"shuffle": 1}, TypeError, "^shuffle must be True, False, .*, got 1$"),
    ("shuffle None", {"shuffle": None}, TypeError, "^shuffle must be True, .*, got None$"),
    ("threads 0", {"threads": 0}, ValueError, "^threads must be at least 1, got 0$"),
    ("threads 1.5", {"threads": 1.5}, TypeError, "^threads must be an integer, got 1.5$"),
    ("progress", {"progress": "yes"}, TypeError, "^progress must be "),
    ("stop number", {"stop": 1e-6}, TypeError, "^stop must be a fb.Stop, got 1e-06$"),
    ("stop class", {"stop": fb.Stop}, TypeError, "^stop must be a fb.Stop, got <class"),
    ("optimizer 3", {"optimizer": 3}, TypeError, "^optimizer must be a name or an optimizer"),
    ("optimizer None", {"optimizer": None}, TypeError, "^optimizer must be a name or an opt"),
    ("optimizer class", {"optimizer": fb.SGD}, TypeError, "^optimizer must be a name or an opt"),
    ("callbacks 5", {"callbacks": 5}, TypeError, "^callbacks must be "),
    ("callbacks None", {"callbacks": None}, TypeError, "^callbacks must be "),
    ("callback 5", {"callbacks": [5]}, TypeError, "^callbacks must be .*functions.*, got 5$"),
    ("validation 0", {"validation": 0.0}, ValueError, "^validation must be .*got 0"),
    ("validation 1", {"validation": 1.0}, ValueError, "^validation must be .*got 1"),
    ("validation nan", {"validation": NAN}, ValueError, "^validation must be .*got nan"),
    ("validation True", {"validation": True}, TypeError, "^validation must be "),
    ("validation text", {"validation": "x"}, TypeError, "^validation must be "),
    ("validation x", {"validation": (X,)}, ValueError, r"^validation must be \(x, y\)"),
    (
        "validation xyz",
        {"validation": (X, LABELS, None, X)},
        ValueError,
        r"^validation must be \(x, y\)",
    ),
    ("validation small", {"validation": 0.01}, ValueError, "^validation must leave at least 1 "),
    ("validation large", {"validation": 0.99}, ValueError, "^validation must leave at least 1 "),
    (
        "validation columns",
        {"validation": (X[:, :2], LABELS)},
        ValueError,
        r"^validation x must have 3 columns .*got shape \(4, 2\)$",
    ),
    (
        "validation numbers",
        {"validation": (with_value(X, 3, NAN), LABELS)},
        ValueError,
        "^validation x must be finite, got nan in row 3, column 1$",
    ),
    (
        "validation labels",
        {"validation": (X, [0, 1, 2, 0])},
        ValueError,
        "^validation y must hold class indices from 0 to 1, got 2 in row 2$",
    ),
    (
        "monitor",
        {"stop": fb.Stop(monitor="validation_loss")},
        ValueError,
        "^monitor must be one of 'loss' .*, got 'validation_loss'$",
    ),
    (
        "weights of one side",
        {"validation": 0.5, "sample_weight": [0, 0, 1, 1], "shuffle": False},
        ValueError,
        "^sample_weight must ",
    ),
    (
        "weights of the other side",
        {"validation": 0.5, "sample_weight": [1, 1, 0, 0], "shuffle": False},
        ValueError,
        "^sample_weight must ",
    ),
]


@pytest.mark.parametrize(("arguments", "error", "message"), ids(FITS))
def test_bad_arguments_of_fit_are_refused(arguments, error, message):
    net = make()
    refuse(net, error, message, lambda: net.fit(X, LABELS, **arguments))


def test_a_refused_fit_does_not_take_the_optimizer():
    optimizer = fb.Adam()
    net = make()
    for arguments in ({"epochs": 0}, {"batch_size": 0}, {"stop": 3}):
        with pytest.raises((TypeError, ValueError)):
            net.fit(X, LABELS, optimizer, **arguments)
    with pytest.raises(ValueError, match=r"^y must"):
        net.train_step(X, [0, 1, 2, 3], optimizer)
    make().train_step(X, LABELS, optimizer)  # another network may still have it


@pytest.mark.parametrize("use", ["fit", "train_step"])
def test_an_optimizer_with_the_state_of_another_network_is_refused(use):
    first, second, optimizer = make(), make(), fb.SGD(0.1, momentum=0.5)
    first.train_step(X, LABELS, optimizer)
    message = "^optimizer must be new or reset .*reset()"
    refuse(second, ValueError, message, lambda: getattr(second, use)(X, LABELS, optimizer))
    first.train_step(X, LABELS, optimizer)
    del first
    refuse(second, ValueError, message, lambda: getattr(second, use)(X, LABELS, optimizer))
    optimizer.reset()
    getattr(second, use)(X, LABELS, optimizer)


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        (np.zeros(31), ValueError, r"^params must have shape \(32,\), got"),
        (np.zeros((1, 32)), ValueError, r"^params must have shape \(32,\), got"),
        (0.0, ValueError, r"^params must have shape \(32,\), got"),
        ([None] * 32, TypeError, "^params must .*got dtype object$"),
        ("text", TypeError, "^params must "),
    ],
    ids=["short", "matrix", "number", "objects", "text"],
)
def test_bad_params_are_refused(values, error, message):
    net = make()
    refuse(net, error, message, lambda: setattr(net, "params", values))


FLAT, MATRIX = np.zeros(3), np.zeros((2, 3))
LOCKED = np.zeros(3)
LOCKED.flags.writeable = False
KERNELS = [
    ("softmax flat", lambda: kernels.softmax([1.0]), ValueError, "^z must have 2 dimensions"),
    ("softmax text", lambda: kernels.softmax([["1"]]), TypeError, "^z must hold real numbers"),
    ("sigmoid text", lambda: kernels.sigmoid("1"), TypeError, "^z must hold real numbers"),
    ("tanh complex", lambda: kernels.tanh(1j), TypeError, "^z must hold real numbers, got dtype c"),
    (
        "vjp shapes",
        lambda: kernels.softmax_vjp(MATRIX, MATRIX.T),
        ValueError,
        "^output_gradient must have the shape of z",
    ),
    (
        "forward columns",
        lambda: kernels.dense_forward(MATRIX, MATRIX.T, None),
        ValueError,
        r"^x must have 2 columns to fit weight, got shape \(2, 3\)$",
    ),
    (
        "forward bias",
        lambda: kernels.dense_forward(MATRIX, MATRIX, FLAT),
        ValueError,
        r"^bias must have shape \(2,\) to fit weight, got \(3,\)$",
    ),
    (
        "hidden delta columns",
        lambda: kernels.hidden_delta(MATRIX, MATRIX, MATRIX),
        ValueError,
        r"^delta must have 2 columns to fit weight",
    ),
    (
        "hidden delta rows",
        lambda: kernels.hidden_delta(MATRIX, np.zeros((4, 2)), MATRIX),
        ValueError,
        "^delta must have one entry a row",
    ),
    (
        "loss labels",
        lambda: kernels.loss_value(MATRIX, [0, 3], "softmax", "cross_entropy"),
        ValueError,
        "^y must hold class indices from 0 to 2, got 3 in row 1$",
    ),
    (
        "loss nan",
        lambda: kernels.output_delta([[1.0]], [[NAN]]),
        ValueError,
        "^y must be finite, got nan in row 0",
    ),
    (
        "accumulate rows",
        lambda: kernels.accumulate_gradients(MATRIX, np.zeros((3, 1)), np.zeros((1, 3)), None),
        ValueError,
        "^delta must have one entry a row",
    ),
    (
        "accumulate shape",
        lambda: kernels.accumulate_gradients(MATRIX, MATRIX, np.zeros((3, 2)), None),
        ValueError,
        r"^weight_gradient must have shape \(3, 3\), got \(3, 2\)$",
    ),
    (
        "accumulate list",
        lambda: kernels.accumulate_gradients([[1.0]], [[1.0]], [[0.0]], None),
        TypeError,
        "^weight_gradient must be a writable array",
    ),
    (
        "accumulate integers",
        lambda: kernels.accumulate_gradients([[1.0]], [[1.0]], np.zeros((1, 1), int), None),
        TypeError,
        "^weight_gradient must be float32 or float64, got int64$",
    ),
    (
        "accumulate bias dtype",
        lambda: kernels.accumulate_gradients(
            [[1.0]], [[1.0]], np.zeros((1, 1)), np.zeros(1, np.float32)
        ),
        TypeError,
        "^bias_gradient must have dtype float64, got float32$",
    ),
    (
        "sgd locked",
        lambda: kernels.sgd_update(LOCKED, FLAT, None),
        TypeError,
        "^params must be a writable",
    ),
    (
        "sgd strided",
        lambda: kernels.sgd_update(np.zeros(6)[::2], FLAT, None),
        TypeError,
        "^params must be a writable C-contiguous",
    ),
    (
        "sgd lengths",
        lambda: kernels.sgd_update(np.zeros(2), FLAT, None),
        ValueError,
        r"^grad must have the shape of params \(2,\), got \(3,\)$",
    ),
    (
        "sgd velocity",
        lambda: kernels.sgd_update(np.zeros(3), FLAT, None, momentum=0.5),
        ValueError,
        "^velocity must be an array where momentum is above 0, got None$",
    ),
    (
        "sgd matrix",
        lambda: kernels.sgd_update(MATRIX.copy(), MATRIX, None),
        ValueError,
        "^params must have 1 dimension",
    ),
    (
        "adam step 0",
        lambda: kernels.adam_update(np.zeros(3), FLAT, np.zeros(3), np.zeros(3), 0),
        ValueError,
        "^step must be at least 1, got 0$",
    ),
    (
        "adam dtype",
        lambda: kernels.adam_update(np.zeros(3), FLAT, np.zeros(3, "f4"), np.zeros(3), 1),
        TypeError,
        "^m must have dtype float64, got float32$",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), ids(KERNELS))
def test_bad_arguments_of_kernels_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("width", [1, 7, 33])
def test_a_number_that_is_not_finite_is_found_at_every_place(width, dtype):
    for place in range(3 * width):
        x = np.ones((3, width), dtype)
        x.flat[place] = np.nan
        assert engine.first_nonfinite_row(x) == place // width


@pytest.mark.parametrize(
    ("optimizer", "setting", "value"),
    [
        (fb.SGD(0.1), "ema", 0.9),
        (fb.SGD(0.1, momentum=0.5), "momentum", 0.0),
        (fb.RMSprop(), "centered", True),
        (fb.RMSprop(), "momentum", 0.9),
        (fb.Adam(), "ema", 0.9),
    ],
    ids=lambda value: str(value)[:12],
)
def test_settings_that_want_other_state_are_refused_during_a_fit(optimizer, setting, value):
    net = fb.mlp([2, 30, 1])

    def change(network, history):
        setattr(optimizer, setting, value)

    with pytest.raises(
        ValueError, match=r"^settings of an optimizer must keep its number of state"
    ):
        net.fit(np.ones((9, 2)), np.ones(9), optimizer, epochs=3, callbacks=change)
    # Between fits the state is made anew.
    net.fit(np.ones((9, 2)), np.ones(9), optimizer, epochs=1)
    assert np.isfinite(net.params).all()
