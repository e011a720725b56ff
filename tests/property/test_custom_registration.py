"""What is refused when an activation or a loss of one's own is registered, and what is not."""

import ctypes

import numpy as np
import pytest
from customs import FORMS, NAMES, OF_ONE, OF_TWO, capsule, functions_of, register

import fastbp as fb
from fastbp import custom, kernels, reference, spec
from fastbp.reference.losses import differences

DOUBLE = ctypes.c_double

DIFFERENCES = ["mae", "huber", "log_cosh", "quantile", "hinge"]


@pytest.fixture(autouse=True)
def _nothing_stays(monkeypatch):
    for registry in ("ACTIVATIONS", "LOSSES"):
        monkeypatch.setattr(custom, registry, {})


def square(z):
    return z**2


def twice(z):
    return 2 * z


def of_row(a, y):
    return ((a - y) ** 2).sum(axis=1)


def gradient(a, y):
    return 2 * (a - y)


def elementwise():
    """Return the names of the built-in activations whose outputs are independent."""
    coupled = ("softmax", "log_softmax")
    return [name for name in (*spec.ACTIVATIONS, "elu(0.5)") if name not in coupled]


def copy_of(name):
    """Return a built-in activation and its derivative as functions on a batch."""
    return (
        lambda z: kernels.activate(z, name),
        lambda z: kernels.activation_delta(z, np.ones_like(z), name),
    )


def copy_of_loss(name):
    """Return a built-in loss and its gradient as functions on a batch."""
    more = {"huber": {"delta": 0.7}, "quantile": {"q": 0.8}}.get(name, {})
    value, prime = (getattr(differences, f"{name}{end}") for end in ("", "_prime"))

    def on_batch(function):
        return np.vectorize(lambda a, y: float(function(float(a), float(y), **more)))

    return lambda a, y: on_batch(value)(a, y).sum(axis=1), on_batch(prime)


def scaled(function, factor):
    return lambda *arguments: factor * function(*arguments)


@pytest.mark.parametrize("name", elementwise())
def test_every_built_in_activation_would_be_taken_and_none_a_thousandth_off(name):
    value, derivative = copy_of(name)
    fb.register_activation("copy", value, derivative)
    for factor in (1.001, 0.999, -1, 1.0001):
        with pytest.raises(ValueError, match=r"^derivative of activation 'off' must agree with"):
            fb.register_activation("off", value, scaled(derivative, factor))
    assert "off" not in custom.ACTIVATIONS


@pytest.mark.parametrize("name", DIFFERENCES)
def test_built_in_losses_would_be_taken_and_none_a_thousandth_off(name):
    value, prime = copy_of_loss(name)
    fb.register_loss("copy", value, prime)
    for factor in (1.001, 0.999, -1, 1.0001):
        with pytest.raises(ValueError, match=r"^gradient of loss 'off' must agree with"):
            fb.register_loss("off", value, scaled(prime, factor))
    assert "off" not in custom.LOSSES


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", NAMES)
def test_every_form_is_checked(form, name):
    register(form)
    take = fb.register_loss if name == "huber" else fb.register_activation
    value, derivative = functions_of(form)[name]
    other = functions_of(form)["softplus" if name == "tanh" else "tanh"][1]
    with pytest.raises(TypeError if name == "huber" and form != "python" else ValueError):
        take("off", value, other) if name != "huber" or form != "python" else take(
            "off", value, lambda a, y: other(a)
        )
    with pytest.raises(ValueError, match="must agree with the central differences"):
        take("off", derivative, value) if name != "huber" or form != "python" else take(
            "off", value, lambda a, y: -derivative(a, y)
        )


def test_the_message_says_where_and_by_how_much():
    with pytest.raises(ValueError, match="central differences") as caught:
        fb.register_activation("off", square, scaled(twice, 1.001))
    words = str(caught.value).replace(",", "").replace(")", "").split()
    got, want, z = (float(words[words.index(word) + 1]) for word in ("got", "not", "="))
    assert got == pytest.approx(2.002 * z)
    assert want == pytest.approx(2 * z)
    error, tolerance = float(words[words.index("error") + 1]), float(words[-1])
    assert error == pytest.approx(0.001, rel=0.01)
    assert tolerance == 1e-5


def log_loss(a, y):
    return -(y * np.log(a) + (1 - y) * np.log(1 - a)).sum(axis=1)


def log_loss_gradient(a, y):
    return (a - y) / (a * (1 - a))


def test_a_loss_may_be_defined_in_a_range_alone():
    fb.register_loss("log_loss", log_loss, log_loss_gradient, outputs=(0, 1), targets=(0, 1))
    assert fb.mlp([1, 1], output="sigmoid", loss="log_loss").loss == "log_loss"
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match=r"must be finite .* nan"):
        fb.register_loss("log_loss_everywhere", log_loss, log_loss_gradient)
    with pytest.raises(ValueError, match="must agree with"):
        fb.register_loss(
            "off", log_loss, scaled(log_loss_gradient, 1.001), outputs=(0, 1), targets=(0, 1)
        )


@pytest.mark.parametrize("span", [(0, np.inf), (-np.inf, 0), (3, 4), (1e6, 1e6 + 1), (0, 1e-6)])
def test_samples_lie_within_the_ranges(span):
    seen = []

    def value(a, y):
        seen.append((a, y))
        return of_row(a, y)

    fb.register_loss("seen", value, gradient, outputs=span, targets=(-1, 0.5))
    for a, y in seen:
        assert ((span[0] < a) & (a < span[1])).all()
        assert ((y >= -1) & (y <= 0.5)).all()
    with pytest.raises(ValueError, match="must agree with"):
        fb.register_loss("off", value, scaled(gradient, 1.001), outputs=span, targets=(-1, 0.5))


def test_targets_of_0_and_1_are_among_the_samples():
    seen = []

    def value(a, y):
        seen.append(y)
        return of_row(a, y)

    fb.register_loss("seen", value, gradient)
    whole = np.isin(seen[0], (0, 1)).all(axis=1)
    assert 10 < whole.sum() < len(whole) - 10


def exp_of_row(z):
    return np.exp(z - z.max(axis=1, keepdims=True))


PYTHON = [
    (
        "softmax",
        lambda: fb.register_activation(
            "off",
            lambda z: exp_of_row(z) / exp_of_row(z).sum(axis=1, keepdims=True),
            lambda z: kernels.softmax(z) * (1 - kernels.softmax(z)),
        ),
        ValueError,
        "^derivative of activation 'off' must agree with",
    ),
    (
        "rows that depend on one another",
        lambda: fb.register_loss(
            "off", lambda a, y: of_row(a - a.mean(axis=0), y), lambda a, y: 2 * (a - a.mean(0) - y)
        ),
        ValueError,
        "^gradient of loss 'off' must agree with",
    ),
    (
        "a mean",
        lambda: fb.register_loss("off", lambda a, y: of_row(a, y).mean(), gradient),
        ValueError,
        r"^what value of loss 'off' returns must have shape \(48,\) .* got shape \(\)$",
    ),
    (
        "a loss for each output",
        lambda: fb.register_loss("off", lambda a, y: (a - y) ** 2, gradient),
        ValueError,
        r"^what value of loss 'off' returns must have shape \(48,\) .* got shape \(48, 3\)$",
    ),
    (
        "one slope",
        lambda: fb.register_activation("off", twice, lambda z: 2.0),
        ValueError,
        r"^what derivative of activation 'off' returns must have shape \(48, 3\)",
    ),
    (
        "complex",
        lambda: fb.register_activation("off", square, lambda z: 2j * z),
        TypeError,
        "^what derivative of activation 'off' returns must hold real numbers, got dtype complex",
    ),
    (
        "None",
        lambda: fb.register_activation("off", square, lambda z: None),
        TypeError,
        "^what derivative of activation 'off' returns must hold real numbers, got dtype object",
    ),
    (
        "not finite",
        lambda: fb.register_activation("off", lambda z: np.where(z > 3, np.inf, z), square),
        ValueError,
        "^value of activation 'off' must be finite where it is checked, got inf at z = ",
    ),
    (
        "slope not finite",
        lambda: fb.register_activation("off", square, lambda z: z * np.nan),
        ValueError,
        "^derivative of activation 'off' must be finite where it is checked, got nan at z = ",
    ),
]

WRONG = [
    ("name 3", lambda: fb.register_activation(3, square, twice), TypeError, "^name must be a str"),
    ("name 'a b'", lambda: fb.register_loss("a b", of_row, gradient), ValueError, "identifier"),
    ("no name", lambda: fb.register_loss("", of_row, gradient), ValueError, "identifier"),
    (
        "built-in activation",
        lambda: fb.register_activation("gelu", square, twice),
        ValueError,
        "^name must be none of the built-in ones, got activation 'gelu'$",
    ),
    (
        "built-in loss",
        lambda: fb.register_loss("mse", of_row, gradient),
        ValueError,
        "^name must be none of the built-in ones, got loss 'mse'$",
    ),
    (
        "no function",
        lambda: fb.register_activation("off", square, 3),
        TypeError,
        "^derivative of activation 'off' must be a Python callable or a compiled function .* got 3",
    ),
    (
        "a mixture",
        lambda: fb.register_activation("off", square, OF_ONE(twice)),
        TypeError,
        "^activation 'off' must have two Python callables or two compiled functions, got one of",
    ),
    (
        "another capsule",
        lambda: fb.register_activation("off", capsule(OF_ONE(twice), b"int (int)"), square),
        TypeError,
        r"of type 'double \(double\)', got 'int \(int\)'$",
    ),
    (
        "a nameless capsule",
        lambda: fb.register_loss("off", capsule(OF_TWO(gradient), None), gradient),
        TypeError,
        r"of type 'double \(double, double\)', got ''$",
    ),
    (
        "of two numbers",
        lambda: fb.register_activation("off", OF_TWO(gradient), OF_ONE(twice)),
        TypeError,
        "^value of activation 'off' must be a ctypes function with restype c_double and 1 argtypes",
    ),
    (
        "no types",
        lambda: fb.register_activation("off", ctypes.CDLL(None).cos, OF_ONE(twice)),
        TypeError,
        "got restype <class 'ctypes.c_int'> and argtypes None$",
    ),
    (
        "float",
        lambda: fb.register_activation("off", ctypes.CFUNCTYPE(ctypes.c_float, DOUBLE)(twice), 3),
        TypeError,
        "got restype <class 'ctypes.c_float'>",
    ),
    (
        "needs the GIL",
        lambda: fb.register_activation("off", ctypes.PYFUNCTYPE(DOUBLE, DOUBLE)(twice), 3),
        TypeError,
        "^value of activation 'off' must be a C function that needs no GIL",
    ),
    (
        "null",
        lambda: fb.register_activation("off", OF_ONE(0), 3),
        ValueError,
        "must be the address of a function, got a null pointer",
    ),
    (
        "range of one",
        lambda: fb.register_loss("off", of_row, gradient, outputs=3),
        TypeError,
        r"^outputs must be \(low, high\), got 3$",
    ),
    (
        "range upside down",
        lambda: fb.register_loss("off", of_row, gradient, targets=(1, 0)),
        ValueError,
        r"^targets must be \(low, high\) with low < high, got \(1\.0, 0\.0\)$",
    ),
    ("parameter", lambda: fb.Dense(1, "relu(2)"), ValueError, "must have no parameter"),
]


@pytest.mark.parametrize(
    ("call", "error", "message"), [pytest.param(*case[1:], id=case[0]) for case in PYTHON + WRONG]
)
def test_what_is_wrong_is_refused(call, error, message):
    with pytest.raises(error, match=message) as caught:
        call()
    assert caught.type is error
    assert not custom.ACTIVATIONS
    assert not custom.LOSSES


def test_another_numba_function_is_refused():
    numba = pytest.importorskip("numba")
    single = numba.cfunc("float32(float32)")(lambda z: z)
    with pytest.raises(
        TypeError, match=r"'\(float64,\) -> float64', got '\(float32,\) -> float32'"
    ):
        fb.register_activation("off", single, single)


@pytest.mark.parametrize("form", FORMS)
def test_a_name_is_taken_again_by_the_same_functions_alone(form):
    tanh, _, huber = register(form)
    assert register(form) == [tanh, f"softplus_{form}", huber]
    found = functions_of(form)
    with pytest.raises(ValueError, match=rf"got activation '{tanh}', which is registered with"):
        fb.register_activation(tanh, *found["softplus"])
    other = functions_of("callback" if form != "callback" else "python")["huber"]
    with pytest.raises(ValueError, match=rf"got loss '{huber}', which is registered with others"):
        fb.register_loss(huber, *other)


def test_a_registered_name_is_listed_and_has_no_parameter():
    fb.register_activation("square", square, twice)
    with pytest.raises(ValueError, match="'square', got 'sqare'"):
        fb.Dense(1, "sqare")
    with pytest.raises(ValueError, match="'square' must have no parameter"):
        fb.Dense(1, "square(2)")
    assert repr(fb.Dense(1, "square")) == "Dense(1, 'square')"


def test_the_twin_checks_too():
    def pair(a, y):
        return (a - y) ** 2

    with pytest.raises(ValueError, match=r"^derivative of activation 'off_twin' must agree"):
        reference.register_activation("off_twin", square, scaled(twice, 1.001))
    with pytest.raises(ValueError, match=r"^gradient of loss 'off_twin' must agree"):
        reference.register_loss("off_twin", pair, scaled(gradient, 0.999))
    with pytest.raises(ValueError, match="must be finite"):
        reference.register_activation("off_twin", square, lambda z: float("nan"))
    with pytest.raises(ValueError, match="not a built-in activation, got 'tanh'"):
        reference.register_activation("tanh", square, twice)
    with pytest.raises(ValueError, match="got 'a b'"):
        reference.register_loss("a b", pair, gradient)
    with pytest.raises(TypeError, match="must be callable"):
        reference.register_loss("off_twin", pair, None)
    with pytest.raises(TypeError, match="must be a string, got 3"):
        reference.register_loss(3, pair, gradient)
    reference.register_activation("square_twin", square, twice)
    reference.register_activation("square_twin", square, twice)
    with pytest.raises(ValueError, match="'square_twin', which has other functions"):
        reference.register_activation("square_twin", square, square)
    reference.register_loss("pair_twin", pair, gradient, outputs=(0, 1), targets=(0, np.inf))
