"""The checker checked: each comparison used in this folder must fail for a side that is wrong."""

import dataclasses

import numpy as np
import pytest
from strategies import case, optimizer_pair, twin_of
from tolerance import (
    AGREEMENT,
    assert_agree,
    assert_same_bits,
    assert_same_elementwise,
    assert_same_fit,
    assert_same_gradients,
    assert_same_kernel,
    assert_same_passes,
    assert_same_steps,
    assert_within_ulps,
    require_twin,
)

import fastbp as fb
from fastbp import kernels, reference, spec
from fastbp.reference import activations, losses

DTYPES = ["float32", "float64"]
Z = np.linspace(-2, 2, 9)
ROWS = np.random.default_rng(1).uniform(-1, 1, (4, 3))
SQUARE = np.random.default_rng(2).uniform(-1, 1, (3, 3))
OUTPUTS = {"z": ROWS, "y": np.cos(ROWS), "activation": "tanh", "loss": "mse"}
SUMS = {
    "a": ROWS,
    "delta": np.sin(ROWS),
    "weight_gradient": np.zeros((3, 3)),
    "bias_gradient": np.zeros(3),
}
STEP = {"params": ROWS[0], "grad": ROWS[1], "velocity": ROWS[2], "momentum": 0.9}
MOMENTS = {"params": ROWS[0], "grad": ROWS[1], "m": ROWS[2], "v": ROWS[3] ** 2, "step": 3}


def refused(check, *arguments, **more):
    """Require that a comparison fails, with a message."""
    with pytest.raises(AssertionError) as caught:
        check(*arguments, **more)
    assert str(caught.value)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["sigmoid", "relu", "tanh", "identity"])
def test_a_derivative_off_by_a_thousandth_is_noticed(name, dtype):
    right, twin = getattr(kernels, f"{name}_prime"), getattr(reference.kernels, f"{name}_prime")
    assert_same_elementwise(lambda z: right(z), twin, Z, dtype)
    refused(assert_same_elementwise, lambda z: right(z) * np.float32(1.001), twin, Z, dtype)


def transposed(x, weight, bias):
    return kernels.dense_forward(x, weight.T, bias)


def without_half(z, y, activation, loss):
    return 2 * kernels.loss_value(z, y, activation, loss)


def without_division(z, y, activation, loss):
    return kernels.output_delta(z, y, activation, loss) * len(z)


def without_bias(a, delta, weight_gradient, bias_gradient):
    kernels.accumulate_gradients(a, delta, weight_gradient, None)


def without_transpose(weight, delta, z, activation):
    return kernels.hidden_delta(weight.T, delta, z, activation)


def without_slope(weight, delta, z, activation):
    return kernels.hidden_delta(weight, delta, z, "identity")


def overwriting(a, delta, weight_gradient, bias_gradient):
    weight_gradient[:] = delta.T @ a
    bias_gradient[:] = delta.sum(axis=0)


def stale_velocity(params, grad, velocity, momentum):
    kernels.sgd_update(params, grad, velocity.copy(), momentum=momentum)


def without_correction(params, grad, m, v, step):
    kernels.adam_update(params, grad, m, v, 10_000)


def nan_somewhere(z):
    a = kernels.softmax(z)
    a[1, 1] = np.nan
    return a


SABOTAGED_KERNELS = [
    (transposed, "dense_forward", {"x": ROWS, "weight": SQUARE, "bias": ROWS[0]}),
    (without_half, "loss_value", OUTPUTS),
    (without_division, "output_delta", OUTPUTS),
    (without_bias, "accumulate_gradients", SUMS),
    (
        overwriting,
        "accumulate_gradients",
        {**SUMS, "weight_gradient": SQUARE, "bias_gradient": ROWS[0]},
    ),
    (
        without_transpose,
        "hidden_delta",
        {"weight": SQUARE, "delta": ROWS, "z": ROWS, "activation": "tanh"},
    ),
    (
        without_slope,
        "hidden_delta",
        {"weight": SQUARE, "delta": ROWS, "z": ROWS, "activation": "sigmoid"},
    ),
    (stale_velocity, "sgd_update", STEP),
    (without_correction, "adam_update", MOMENTS),
    (nan_somewhere, "softmax", {"z": ROWS}),
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("sabotaged", "name", "arguments"),
    [pytest.param(*row, id=row[0].__name__) for row in SABOTAGED_KERNELS],
)
def test_a_sabotaged_kernel_is_noticed(sabotaged, name, arguments, dtype):
    twin = getattr(reference.kernels, name)
    assert_same_kernel(getattr(kernels, name), twin, arguments, dtype)
    refused(assert_same_kernel, sabotaged, twin, arguments, dtype)


def make(dtype="float64", hidden="sigmoid", output="identity", loss="mse"):
    """Return (network, twin, x, y); all layers are square, so that a transposed weight fits."""
    structure = case((3, 3, 3), hidden, output, loss, dtype, 8, seed=3)
    net = structure.network()
    return net, twin_of(net), *structure.rows()


def scaled_slope(name):
    """Return the twin's activation with a derivative off by 0.1 %."""
    right = activations.ACTIVATIONS[name]

    def vjp(z, output_gradient):
        return [g * 1.001 for g in right.vjp(z, output_gradient)]

    return activations.Activation(right.value, vjp)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("hidden", spec.ACTIVATIONS)
def test_a_derivative_off_by_a_thousandth_is_noticed_in_a_network(hidden, dtype, monkeypatch):
    net, twin, x, y = make(dtype, hidden, "sigmoid", "binary_cross_entropy")
    assert_same_passes(net, twin, x, y)
    monkeypatch.setitem(activations.ACTIVATIONS, hidden, scaled_slope(hidden))
    refused(assert_same_passes, net, twin, x, y)
    refused(assert_same_steps, net, twin, *optimizer_pair("sgd"), [(x, y, None)] * 2)
    refused(
        assert_same_fit, net, twin_of(net), x, y, *optimizer_pair("sgd"), epochs=3, batch_size=4
    )


def with_factor(loss, value=1.0, delta=1.0):
    """Return the twin's loss with its value and its delta multiplied."""
    right = losses.LOSSES[loss]
    return right._replace(
        value=lambda z, y, s: value * right.value(z, y, s),
        delta=lambda z, y, s: [delta * d for d in right.delta(z, y, s)],
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("output", "loss"),
    [(spec.OUTPUT_OF_LOSS.get(loss, "identity"), loss) for loss in spec.LOSSES],
)
@pytest.mark.parametrize(
    "factors",
    [{"value": 2.0}, {"value": 2.0, "delta": 2.0}, {"delta": 8.0}, {"delta": 1.001}],
    ids=["value-without-half", "loss-without-half", "delta-not-divided-by-rows", "delta-off"],
)
def test_a_sabotaged_loss_is_noticed(output, loss, factors, dtype, monkeypatch):
    net, twin, x, y = make(dtype, "tanh", output, loss)
    assert_same_passes(net, twin, x, y)
    monkeypatch.setitem(losses.LOSSES, loss, with_factor(loss, **factors))
    refused(assert_same_passes, net, twin, x, y)
    steps = [(x, y, None)] * 2
    refused(assert_same_steps, net, twin, *optimizer_pair("sgd"), steps)


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_dropped_bias_gradient_is_noticed(layer, dtype):
    net, twin, x, y = make(dtype)
    got, want = net.gradient(x, y)[1], twin.gradient(x.tolist(), y.tolist())[1]
    assert_same_gradients(got, want, dtype)
    got.biases[layer][:] = 0
    refused(assert_same_gradients, got, want, dtype)


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_transposed_weight_is_noticed(layer, dtype):
    net, twin, x, y = make(dtype)
    net.weights[layer][:] = net.weights[layer].T.copy()
    refused(assert_same_passes, net, twin, x, y)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_transposed_weight_gradient_is_noticed(dtype):
    net, twin, x, y = make(dtype)
    got, want = net.gradient(x, y)[1], twin.gradient(x.tolist(), y.tolist())[1]
    turned = dataclasses.replace(
        want, weights=[[list(c) for c in zip(*want.weights[0], strict=True)]]
    )
    turned.weights.append(want.weights[1])
    turned.biases = want.biases
    refused(assert_same_gradients, got, turned, dtype)


def test_a_wrong_gradient_of_the_inputs_is_noticed():
    net, twin, x, y = make()
    got, want = net.gradient(x, y)[1], twin.gradient(x.tolist(), y.tolist())[1]
    got.inputs[2, 1] *= 1.001
    refused(assert_same_gradients, got, want, "float64")


@pytest.mark.parametrize("dtype", DTYPES)
def test_another_learning_rate_or_momentum_is_noticed(dtype):
    for wrong in (reference.SGD(0.1001, momentum=0.5), reference.SGD(0.1, momentum=0.501)):
        net, twin, x, y = make(dtype)
        right = fb.SGD(0.1, momentum=0.5)
        refused(assert_same_steps, net, twin, right, wrong, [(x, y, None)] * 3)


def test_a_comparison_of_a_thing_with_itself_is_refused():
    net, twin, x, y = make()
    rows, targets = x.tolist(), y.tolist()
    sigmoid, twin_sigmoid = kernels.sigmoid, reference.kernels.sigmoid
    for subject, oracle in [(twin_sigmoid, twin_sigmoid), (sigmoid, sigmoid)]:
        refused(assert_same_elementwise, subject, oracle, Z, "float64")
    relu = reference.kernels.relu
    refused(assert_same_elementwise, relu, twin_sigmoid, Z, "float64")
    arguments = {"z": ROWS}
    refused(assert_same_kernel, kernels.softmax, kernels.softmax, arguments, "float64")
    refused(
        assert_same_kernel,
        reference.kernels.softmax,
        reference.kernels.softmax,
        arguments,
        "float64",
    )
    refused(assert_same_passes, net, net, x, y)
    refused(assert_same_passes, twin, twin, rows, targets)
    refused(assert_same_passes, twin, twin_of(net), rows, targets)
    refused(assert_same_passes, twin, net, x, y)
    ours, theirs = optimizer_pair("sgd")
    for sides in [(ours, ours), (theirs, theirs), (theirs, ours)]:
        refused(assert_same_steps, net, twin, *sides, [(x, y, None)])
        refused(assert_same_fit, net, twin, x, y, *sides)
    gradient = net.gradient(x, y)[1]
    refused(assert_same_gradients, gradient, gradient, "float64")
    refused(require_twin, np.tanh, np.tanh)
    require_twin(net, twin)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_tolerance_is_where_it_says(dtype):
    want = np.full(4, 2.0)
    off = np.array([0.0, 0, 0, 4.0 * AGREEMENT[dtype]])
    assert_agree((want + 0.9 * off).tolist(), want, dtype)
    refused(assert_agree, (want + 1.1 * off).tolist(), want, dtype)
    with pytest.raises(AssertionError, match=r"worst entry \(3,\)"):
        assert_agree((want + 2 * off).tolist(), want, dtype, "thing")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("check", [assert_agree, assert_same_bits, assert_within_ulps])
def test_nan_and_infinity_never_pass(bad, check):
    good, poisoned = np.array([1.0, 2.0]), np.array([1.0, bad])
    more = {
        assert_agree: ("float64",),
        assert_same_bits: (),
        assert_within_ulps: ("float64", 1e9),
    }[check]
    check(good, good, *more)
    refused(check, poisoned, good, *more)
    refused(check, good, poisoned, *more)
    if np.isnan(bad) or check is not assert_same_bits:
        refused(check, poisoned, poisoned, *more)


def test_shapes_dtypes_and_signs_of_zero_are_compared():
    one = np.ones((2, 1))
    refused(assert_agree, one, np.ones((1, 2)), "float64")
    refused(assert_agree, one, np.ones((2, 2)), "float64")
    refused(assert_agree, one.astype(np.float32), one, "float64")
    refused(assert_same_bits, one, one.astype(np.float32))
    refused(assert_same_bits, np.zeros(1), -np.zeros(1))
    refused(assert_same_bits, np.array([1.0]), np.array([np.nextafter(1.0, 2.0)]))
    refused(assert_agree, np.full(3, 1e-300), np.zeros(3), "float64")
