"""The twin's gradients against differences of its own loss, in numbers long enough to settle it.

A central difference with step h is off by h^2 times a third derivative. One Richardson step removes
that term and leaves h^4, here 1e-40; rounding adds 1e-50 / h = 1e-40. So 25 digits are safe.
"""

import itertools
import random

import mpmath
import pytest
from strategies import COMBINATIONS, EVERY_ACTIVATION, PAIRS

from fastbp import reference
from fastbp.reference import kernels
from fastbp.reference.losses import targets_a_row

pytestmark = pytest.mark.no_sanitizer("runs no compiled code, and for long")

MP = mpmath.MPContext()
MP.dps = 50
STEP = MP.mpf(10) ** -10
TOLERANCE = MP.mpf(10) ** -25
DIRECTIONS = 3

CASES = list(itertools.product(COMBINATIONS, ["plain", "weighted"]))


def number(value):
    """Convert to 50 digits."""
    return MP.mpf(value)


def slope(f, values, direction):
    """Return df(values + t direction)/dt at 0: two central differences, Richardson-extrapolated."""

    def central(h):
        above = f([v + h * d for v, d in zip(values, direction, strict=True)])
        below = f([v - h * d for v, d in zip(values, direction, strict=True)])
        return (above - below) / (2 * h)

    return (4 * central(STEP / 2) - central(STEP)) / 3


def assert_derivatives(f, values, found):
    """Compare found with f along drawn directions: a wrong entry is wrong along each of them."""
    rng = random.Random(len(values))
    for _ in range(DIRECTIONS):
        direction = [number(rng.choice((-1, 1)) * rng.uniform(0.5, 1)) for _ in values]
        parts = [g * d for g, d in zip(found, direction, strict=True)]
        scale = max(abs(part) for part in parts)
        assert scale > 0
        assert abs(slope(f, values, direction) - sum(parts)) <= TOLERANCE * scale


def draw(rng, n_rows, n_columns):
    """Draw rows of numbers in [-1, 1]."""
    return [[rng.uniform(-1, 1) for _ in range(n_columns)] for _ in range(n_rows)]


def target_rows(rng, loss, n_rows, n_out):
    """Draw targets that suit the loss; probabilities of a row add up to exactly 1."""
    n_y = targets_a_row(loss, n_out)
    name = loss.partition("(")[0]
    if name == "hinge":
        return [[(-1) ** (r + j) for j in range(n_y)] for r in range(n_rows)]
    if name in ("binary_cross_entropy", "poisson", "gamma"):
        return [[rng.random() for _ in range(n_y)] for _ in range(n_rows)]
    if name not in ("cross_entropy", "kl_divergence"):
        return draw(rng, n_rows, n_y)
    rows = [[rng.randrange(1, 100) / MP.mpf(1024) for _ in range(n_out - 1)] for _ in range(n_rows)]
    return [[*row, 1 - sum(row)] for row in rows]


def make_case(hidden, output, loss, weighted):
    """Make a 3-4-4-2 network, rows, targets and row weights."""
    rng = random.Random(f"{hidden} {output} {loss}")
    net = reference.mlp([3, 4, 4, 2], hidden, output, loss, dtype=number, seed=5)
    net.params = [rng.uniform(-1, 1) for _ in net.params]
    # Positive biases leave some relu units on and some off, but no layer off altogether.
    net.biases = [[number(rng.random()) for _ in bias] for bias in net.biases]
    weight = [0.5, 0, 2, 1.25] if weighted == "weighted" else None
    return net, draw(rng, 4, 3), target_rows(rng, loss, 4, 2), weight


def flat(rows):
    """Return all entries, row by row."""
    return [value for row in rows for value in row]


def rows_of(values, n_columns):
    """Return the inverse of flat."""
    return [values[i : i + n_columns] for i in range(0, len(values), n_columns)]


@pytest.mark.parametrize(("names", "weighted"), CASES)
def test_gradient(names, weighted):
    net, x, y, weight = make_case(*names, weighted)
    params = net.params
    loss, gradients = net.gradient(x, y, weight)
    assert loss == net.evaluate(x, y, weight)

    def loss_of_params(values):
        net.params = values
        return net.evaluate(x, y, weight)

    assert_derivatives(loss_of_params, params, gradients.flat)
    net.params = params

    def loss_of_inputs(values):
        return net.evaluate(rows_of(values, 3), y, weight)

    assert_derivatives(loss_of_inputs, [number(v) for v in flat(x)], flat(gradients.inputs))


@pytest.mark.parametrize("entry", [0, 17, 45])
@pytest.mark.parametrize("share", ["1e-3", "1e-12", "1e-20"])
def test_one_entry_that_is_wrong_is_found(entry, share):
    net, x, y, _ = make_case("tanh", "softmax", "cross_entropy", "plain")
    params, right = net.params, list(net.gradient(x, y)[1].flat)
    wrong = list(right)
    wrong[entry] *= 1 + MP.mpf(share)

    def loss_of_params(values):
        net.params = values
        return net.evaluate(x, y)

    assert_derivatives(loss_of_params, params, right)
    with pytest.raises(AssertionError):
        assert_derivatives(loss_of_params, params, wrong)


@pytest.mark.parametrize(
    ("hidden", "output"),
    [
        *((name, "tanh") for name in EVERY_ACTIVATION),
        *(("tanh", name) for name in EVERY_ACTIVATION),
    ],
)
def test_backward(hidden, output):
    net, x, _, _ = make_case(hidden, output, "mse", "plain")
    g = [[number(v) for v in row] for row in draw(random.Random(1), 4, 2)]
    params = net.params
    gradients = net.backward(x, g)

    def loss_of(inputs):
        pairs = zip(flat(net.predict(inputs)), flat(g), strict=True)
        return sum(a_j * g_j for a_j, g_j in pairs)

    def loss_of_params(values):
        net.params = values
        return loss_of(x)

    assert_derivatives(loss_of_params, params, gradients.flat)
    net.params = params
    inputs = [number(v) for v in flat(x)]
    assert_derivatives(lambda values: loss_of(rows_of(values, 3)), inputs, flat(gradients.inputs))


@pytest.mark.parametrize(("output", "loss"), PAIRS)
def test_output_delta(output, loss):
    rng = random.Random(loss)
    z = [[number(v) for v in row] for row in draw(rng, 3, 4)]
    y = target_rows(rng, loss, 3, 4)

    def loss_of(values):
        return kernels.loss_value(rows_of(values, 4), y, output, loss)

    assert_derivatives(loss_of, flat(z), flat(kernels.output_delta(z, y, output, loss)))


@pytest.mark.parametrize("name", ["identity", "sigmoid", "relu", "tanh"])
@pytest.mark.parametrize("z", [-30, -2.5, -0.1, 0.1, 1, 30])
def test_primes(name, z):
    s, s_prime = getattr(kernels, name), getattr(kernels, f"{name}_prime")
    found = slope(lambda values: s(values[0]), [number(z)], [1])
    assert abs(found - s_prime(number(z))) <= TOLERANCE


def test_relu_prime_at_zero_is_zero():
    for zero in (0, 0.0, -0.0, number(0), complex(0)):
        assert kernels.relu_prime(zero) == 0


def test_float_gradients_agree_with_fifty_digits():
    for (hidden, output, loss), weighted in CASES:
        net, x, y, weight = make_case(hidden, output, loss, weighted)
        floats = reference.mlp([3, 4, 4, 2], hidden, output, loss)
        floats.params = net.params
        exact = net.gradient(x, y, weight)[1].flat
        rounded = floats.gradient(x, y, weight)[1].flat
        scale = max(abs(g) for g in exact)
        assert max(abs(e - r) for e, r in zip(exact, rounded, strict=True)) <= 1e-15 * scale * 8


def complex_step(net, params, x, y, weight):
    """Return the gradient without any backward pass: Im L(p + ih) / h."""
    h = 1e-30
    gradient = []
    for i in range(len(params)):
        net.params = [p + 1j * h if i == k else p for k, p in enumerate(params)]
        gradient.append(net.evaluate(x, y, weight).imag / h)
    return gradient


@pytest.mark.parametrize(("names", "weighted"), CASES)
def test_complex_step(names, weighted):
    hidden, output, loss = names
    _, x, y, weight = make_case(hidden, output, loss, weighted)
    y = [[float(v) for v in row] for row in y]
    floats = reference.mlp([3, 4, 4, 2], hidden, output, loss)
    floats.params = make_case(hidden, output, loss, weighted)[0].params
    found = floats.gradient(x, y, weight)[1].flat
    net = reference.mlp([3, 4, 4, 2], hidden, output, loss, dtype=complex)
    expected = complex_step(net, floats.params, x, y, weight)
    scale = max(abs(e) for e in expected)
    assert max(abs(e - g) for e, g in zip(expected, found, strict=True)) <= 1e-14 * scale


def test_softmax_in_a_hidden_layer_uses_the_whole_jacobian():
    z = [[number(v) for v in (0.3, -0.7, 1.1)]]
    g = [[number(v) for v in (1, -2, 0.5)]]
    a = kernels.softmax(z)[0]
    jacobian = [[a[k] * ((j == k) - a[j]) for j in range(3)] for k in range(3)]
    expected = [sum(g[0][k] * jacobian[k][j] for k in range(3)) for j in range(3)]
    identity = [[int(j == k) for k in range(3)] for j in range(3)]
    for found in (
        kernels.softmax_vjp(z, g)[0],
        kernels.hidden_delta(identity, g, z, "softmax")[0],
    ):
        assert all(abs(e - f) < 1e-48 for e, f in zip(expected, found, strict=True))
