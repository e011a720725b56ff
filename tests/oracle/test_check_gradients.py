"""The check of gradients checked: right ones pass in every network, a wrong one never does."""

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from strategies import COMBINATIONS, case, targets, twin_of
from structures import STRUCTURES, structure, with_signs

import fastbp as fb
from fastbp import custom, reference
from fastbp.gradient_check import places

DTYPES = ["float32", "float64"]
RNG = np.random.default_rng(3)
X, Y = RNG.normal(size=(7, 3)), RNG.normal(size=(7, 2))
every_dtype = pytest.mark.parametrize("dtype", DTYPES)


@pytest.mark.parametrize("names", COMBINATIONS)
def test_right_gradients_pass_in_every_combination(names):
    number = COMBINATIONS.index(names)
    one = case((3, 5, 4, 2), *names, DTYPES[number % 2], 7, seed=number)
    net, (x, y) = one.network(), one.rows()
    weight = RNG.random(7) if number % 3 else None
    report = fb.check_gradients(net, x, y, weight, entries=40)
    assert report.raise_if_wrong()
    assert not report.kinks
    assert report.method == "complex step in the twin"
    # Margin for other compilers: FACTOR of comparison.py is 32 roundings, 4 were the most here.
    assert report.worst.excess < 0.25


@every_dtype
@pytest.mark.parametrize("name", STRUCTURES)
def test_right_gradients_pass_in_every_structure(name, dtype):
    net, rng = with_signs(structure(fb, name, dtype)), np.random.default_rng(0)
    x = rng.uniform(-0.5, 0.5, (9, net.sizes[0]))
    y = targets(rng, net.loss, 9, net.sizes[-1], dtype)
    report = fb.check_gradients(net, x, y, entries=40).raise_if_wrong()
    wanted = {(0, "input")} | {
        (number, part)
        for number, layer in enumerate(net.layers, 1)
        for part in ("weight", "bias", "scale", "shift")
        if (part != "weight" or layer.tied_to is None)
        and (part != "bias" or layer.bias)
        and (part not in ("scale", "shift") or layer.norm)
    }
    assert set(report.largest_errors) == wanted


@pytest.mark.parametrize(
    "layers",
    [
        [fb.Dense(4, "gelu"), fb.Dense(4, "softmax", norm="layer"), fb.Dense(2, "gelu_tanh")],
        [fb.Dense(3, "selu", residual=True), fb.Dense(3, tied_to=0), fb.Dense(2, "softplus")],
    ],
)
def test_what_is_expected_is_the_derivative_in_fifty_digits(layers, monkeypatch):
    net = fb.Network(3, layers, dtype="float64", seed=2)
    context = mpmath.MPContext()
    context.dps = 50
    twin = twin_of(net, context.mpf)
    want = twin.gradient(X.tolist(), Y.tolist())[1]
    off_by(net, monkeypatch, lambda grads: grads.flat.fill(math.nan))
    off_by(net, monkeypatch, lambda grads: grads.inputs.fill(math.nan))
    report = fb.check_gradients(net, X, Y, entries=None)
    assert len(report.wrong) == report.of == report.checked
    for entry in report.wrong:
        part = {"bias": "biases", "input": "inputs"}.get(entry.part, f"{entry.part}s")
        found = getattr(want, part)
        found = found if entry.part == "input" else found[entry.layer - 1]
        found = found[entry.row] if entry.column is None else found[entry.row][entry.column]
        assert abs(entry.expected - float(found)) <= 1e-14 * max(1, abs(found)), entry


def off_by(net, monkeypatch, change):
    """Let a network's gradient be wrong."""
    right = net.gradient

    def wrong(*arguments):
        loss, grads = right(*arguments)
        change(grads)
        return loss, grads

    monkeypatch.setattr(net, "gradient", wrong)


def network(dtype, hidden="tanh", output="identity", loss="mse", **arguments):
    layers = [fb.Dense(6, hidden, **arguments), fb.Dense(5, hidden), fb.Dense(2, output)]
    net = fb.Network(3, layers, loss, dtype, seed=4)
    for bias in net.biases:
        bias[:] = RNG.uniform(-0.5, 0.5, bias.shape)
    return net


PARTS = ["weights[0]", "weights[1]", "biases[0]", "biases[2]", "scales[0]", "shifts[0]", "inputs"]


@every_dtype
@pytest.mark.parametrize("part", PARTS)
def test_one_derivative_that_is_off_by_a_thousandth_is_named(part, dtype, monkeypatch):
    net = network(dtype, norm="layer")
    array = eval(f"grads.{part}", {"grads": net.gradient(X, Y)[1]})
    large = np.argwhere(np.abs(array) > 0.1 * np.abs(array).max())
    assert len(large) > 1
    for place in large[:: max(1, len(large) // 3)]:
        with monkeypatch.context() as patch:
            index = tuple(place)

            def change(grads, index=index):
                eval(f"grads.{part}", {"grads": grads})[index] *= 1.001

            off_by(net, patch, change)
            report = fb.check_gradients(net, X, Y)
        assert not report
        assert [entry.name for entry in report.wrong] == [f"{part}[{', '.join(map(str, place))}]"]
        assert report.worst == report.wrong[0]
        assert report.worst.compiled == pytest.approx(1.001 * report.worst.expected, rel=1e-4)
        assert report.worst.name in str(report)
        with pytest.raises(AssertionError, match="1 derivative is wrong"):
            report.raise_if_wrong()


@every_dtype
@pytest.mark.parametrize("factor", [1.001, 0.999, 0.0, -1.0, math.nan])
def test_a_wrong_slope_that_got_past_registration_is_noticed(dtype, factor, monkeypatch):
    net = network(dtype, "elsewhere_tanh")
    assert fb.check_gradients(net, X, Y)
    right = custom.ACTIVATIONS["elsewhere_tanh"]

    def slope(z):
        return right.slope(z) * z.dtype.type(factor)

    slope.calls_python, slope.room = True, right.slope.room
    monkeypatch.setitem(custom.ACTIVATIONS, "elsewhere_tanh", right._replace(slope=slope))
    report = fb.check_gradients(network(dtype, "elsewhere_tanh"), X, Y)
    assert not report
    # Twice the wrong sign is right again.
    assert {entry.layer for entry in report.wrong} == ({2} if factor == -1 else {0, 1, 2})


@every_dtype
def test_a_wrong_gradient_of_a_loss_is_noticed(dtype, monkeypatch):
    net = network(dtype, loss="elsewhere_fourth")
    assert fb.check_gradients(net, X, Y, RNG.random(7))
    right = custom.LOSSES["elsewhere_fourth"]

    def slope(a, y):
        return right.slope(a, y) * a.dtype.type(1.001)

    slope.calls_python, slope.room = True, right.slope.room
    monkeypatch.setitem(custom.LOSSES, "elsewhere_fourth", right._replace(slope=slope))
    report = fb.check_gradients(network(dtype, loss="elsewhere_fourth"), X, Y)
    assert {entry.layer for entry in report.wrong} == {0, 1, 2, 3}


@pytest.fixture(autouse=True)
def _own_functions():
    fb.register_activation("elsewhere_tanh", tanh, tanh_prime)
    fb.register_activation("elsewhere_relu", relu, relu_prime)
    fb.register_loss("elsewhere_fourth", fourth, fourth_prime)


def tanh(z):
    return np.tanh(z)


def tanh_prime(z):
    return 1 - np.tanh(z) ** 2


def relu(z):
    return np.maximum(z, 0)


def relu_prime(z):
    return (z > 0).astype(z.dtype)


def fourth(a, y):
    return ((a - y) ** 4).sum(axis=1)


def fourth_prime(a, y):
    return 4 * (a - y) ** 3


@every_dtype
@pytest.mark.parametrize(
    "net",
    [
        {"hidden": "elsewhere_relu"},
        {"hidden": "elsewhere_tanh", "output": "softmax", "loss": "cross_entropy"},
        {"hidden": "relu", "loss": "elsewhere_fourth"},
        {"hidden": "elsewhere_tanh", "norm": "layer", "loss": "mae"},
        {"hidden": "elsewhere_tanh", "norm": "batch", "dropout": 0.3},
    ],
    ids=str,
)
def test_own_functions_are_held_against_differences(net, dtype):
    y = [0, 1, 1, 0, 1, 0, 0] if net.get("loss") == "cross_entropy" else Y
    report = fb.check_gradients(network(dtype, **net), X, y, RNG.random(7))
    assert report.raise_if_wrong()
    assert not report.kinks
    assert "float64" in report.method
    assert report.largest_error < {"float32": 1e-5, "float64": 1e-10}[dtype]


def at_zero(dtype, hidden):
    layers = [fb.Dense(3, hidden, init="zeros"), fb.Dense(1, init="constant(1)")]
    return fb.Network(2, layers, dtype=dtype)


@every_dtype
def test_at_a_kink_both_slopes_are_right(dtype, monkeypatch):
    x, y = [[1.0, 2.0], [2.0, -1.0]], [0.3, 0.4]
    # The twin has the same convention as the kernels: the slope from below.
    report = fb.check_gradients(at_zero(dtype, "relu"), x, y).raise_if_wrong()
    assert not report.kinks
    # Differences have half of both.
    report = fb.check_gradients(at_zero(dtype, "elsewhere_relu"), x, y).raise_if_wrong()
    assert {(entry.layer, entry.part) for entry in report.kinks} == {(1, "weight"), (1, "bias")}
    assert len(report.kinks) == 9
    assert report.checked == report.of == 17
    assert "at a kink, where both slopes are right: 9, first weights[0][0, 0]" in str(report)


@every_dtype
@pytest.mark.parametrize("hidden", ["relu", "elsewhere_relu"])
def test_what_is_beyond_both_slopes_of_a_kink_is_wrong(hidden, dtype, monkeypatch):
    net = at_zero(dtype, hidden)
    off_by(net, monkeypatch, lambda grads: grads.biases[0].fill(0.5))
    report = fb.check_gradients(net, [[1.0, 2.0], [2.0, -1.0]], [0.3, 0.4])
    assert {(entry.layer, entry.part) for entry in report.wrong} == {(1, "bias")}


@pytest.mark.parametrize("side", [1e-9, -1e-9])
def test_a_kink_within_rounding_is_told_from_a_wrong_slope(side, monkeypatch):
    # z = 1 - 1 + side: float32 loses the side, so that relu is off where the twin has it on.
    net = fb.Network(1, [fb.Dense(1, "relu"), fb.Dense(1)], dtype="float32")
    net.weights[0][:], net.biases[0][:], net.weights[1][:] = 1, -1, 1
    monkeypatch.setattr(
        reference.Network,
        "_data",
        lambda twin, x, y, weight: reference.training.Data([[1 + side + 0j]], [[1 + 0j]], [1]),
    )
    report = fb.check_gradients(net, [[1.0]], [1.0]).raise_if_wrong()
    beyond = {entry.name for entry in report.kinks}
    assert beyond == ({"weights[0][0, 0]", "biases[0][0]", "inputs[0, 0]"} if side > 0 else set())


def test_a_smooth_bend_is_no_kink(monkeypatch):
    # sin 3000 z bends as much within a hundredth as others between -1 and 1.
    layers = [fb.Dense(1, "sin", init="constant(3000)"), fb.Dense(1, init="constant(1)")]
    net = fb.Network(1, layers, dtype="float32")
    assert fb.check_gradients(net, [[0.4]], [2.0])
    off_by(net, monkeypatch, lambda grads: grads.biases[0].__imul__(1.01))
    assert [entry.name for entry in fb.check_gradients(net, [[0.4]], [2.0]).wrong] == [
        "biases[0][0]"
    ]


@every_dtype
def test_networks_that_are_trained_to_the_end_pass(dtype):
    net = fb.mlp([2, 8, 1], hidden="tanh", dtype=dtype)
    x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    net.fit(x, y, fb.Adam(0.05), epochs=2000, progress=False)
    assert net.evaluate(x, y) < 1e-8
    assert fb.check_gradients(net, x, y).raise_if_wrong()
    net = fb.mlp([3, 8, 2], output="softmax", loss="cross_entropy", dtype=dtype)
    labels = (X[:, 0] > 0).astype(int)
    net.fit(X, labels, fb.Adam(0.05), epochs=1000, progress=False)
    assert net.evaluate(X, labels) < 1e-3
    assert fb.check_gradients(net, X, labels).raise_if_wrong()


def test_many_rows_in_float64():
    net = fb.mlp([3, 4, 1], loss="mae", dtype="float64")
    x = RNG.normal(size=(700, 3))
    assert fb.check_gradients(net, x, x.sum(axis=1), entries=30).raise_if_wrong()


def test_of_a_large_network_some_of_each_part_and_the_largest_are_compared():
    net = fb.mlp([40, 30, 10], output="softmax", loss="cross_entropy")
    x, y = RNG.normal(size=(8, 40)), RNG.integers(0, 10, 8)
    report = fb.check_gradients(net, x, y, entries=100)
    assert report.of == 41 * 30 + 31 * 10 + 320
    assert 100 <= report.checked <= 105
    _, grads = net.gradient(x, y)
    parts = places.parts_of(net, grads)
    chosen = places.chosen(parts, 100, 0)
    for part, some in zip(parts, chosen, strict=True):
        assert len(set(some)) == len(some) >= places.LEAST
        assert some[0].at == np.unravel_index(np.abs(part.compiled).argmax(), part.compiled.shape)
    assert places.chosen(parts, 100, 0) == chosen != places.chosen(parts, 100, 1)
    assert sum(map(len, places.chosen(parts, None, 0))) == report.of
    assert len(places.chosen(parts, 1, 0)) == len(parts)


def test_sides_are_taken_as_net_gradient_takes_them():
    net = fb.Network(
        3, [fb.Dense(4, "tanh"), fb.Dense(2)], inputs=fb.Standardize(), targets=fb.Standardize()
    )
    x, y = 100 + 30 * X, 1e6 * Y
    net.inputs.fit(x)
    net.targets.fit(y)
    assert fb.check_gradients(net, x, y, RNG.random(7)).raise_if_wrong()


def test_nothing_is_changed():
    net = network("float64", "elsewhere_tanh", norm="batch", dropout=0.3)
    before, x, y = net.params.copy(), X.copy(), Y.copy()
    for checked in (net, network("float64")):
        fb.check_gradients(checked, x, y)
    assert (net.params == before).all()
    assert (x == X).all()
    assert (y == Y).all()


def test_arguments_that_cannot_be():
    net = network("float32")
    for value, message in (
        (lambda: fb.check_gradients("net", X, Y), r"^net must be a fb.Network, got 'net'"),
        (lambda: fb.check_gradients(net, X, Y, entries=0), r"^entries must be at least 1, got 0"),
        (lambda: fb.check_gradients(net, X, Y, seed=-1), r"^seed must be at least 0, got -1"),
        (lambda: fb.check_gradients(net, X[:, :2], Y), r"^x must have 3 columns"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            value()
    net.weights[2][:] = 3e38
    with pytest.raises(ValueError, match=r"^loss must be finite where gradients are .* got inf"):
        fb.check_gradients(net, X, Y)


def twin(number=float):
    net = reference.mlp([2, 3, 1], "relu", dtype=number, seed=1)
    net.biases[0] = [number(Fraction(k, 8)) for k in (1, 2, 3)]
    return net


ROWS, TARGETS = [[1, 2], [Fraction(-1, 2), 1]], [1, 3]


@pytest.mark.parametrize("number", [float, Fraction, complex])
def test_the_twin_checks_itself(number, monkeypatch):
    net = twin(number)
    params = net.params
    report = reference.check_gradients(net, ROWS, TARGETS, [1, 2])
    assert report
    assert (report.checked, report.of) == (13, 13)
    assert net.params == params
    assert reference.check_gradients(net, ROWS, TARGETS, entries=5).checked == 5
    if number is Fraction:
        assert report.largest_error == 0
    right = net.gradient

    def wrong(*arguments):
        loss, grads = right(*arguments)
        grads.biases[1][0] *= number(Fraction(1001, 1000))
        return loss, grads

    monkeypatch.setattr(net, "gradient", wrong)
    report = reference.check_gradients(net, ROWS, TARGETS)
    assert not report
    assert report.worst.place == 12


def test_the_twins_complex_erfc_is_right_beside_the_axis_and_refused_elsewhere():
    for x in (-3.0, -0.4, 0.0, 0.7, 4.0):
        y = 1e-10
        want = mpmath.erfc(mpmath.mpc(x, y))
        got = reference.scalars.erfc(complex(x, y))
        assert got.real == pytest.approx(float(want.real), rel=1e-14)
        assert got.imag == pytest.approx(float(want.imag), rel=1e-14)
    with pytest.raises(ValueError, match=r"^erfc needs \|imag x\| <= 1e-08, got \(1\+0.1j\)"):
        reference.scalars.erfc(1 + 0.1j)
