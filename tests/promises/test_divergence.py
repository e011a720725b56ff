"""A divergence is named and undone, and what looks like one is none: promise 6."""

import itertools
import math
import re
import warnings

import mpmath
import numpy as np
import pytest
from tolerance import assert_same_bits

import fastbp as fb

OPTIMIZERS = {
    "SGD": lambda **more: fb.SGD(**more),
    "momentum": lambda **more: fb.SGD(momentum=0.9, **more),
    **{
        name: (lambda kind: lambda **more: kind(**more))(getattr(fb, name))
        for name in (
            *("Adam", "AdamW", "Adamax", "NAdam", "RAdam", "RMSprop", "Adagrad", "Adadelta"),
            *("Lion", "Rprop"),
        )
    },
}
MESSAGE = re.compile(
    r"^(loss|validation loss|parameters|mean or variance of a batch) became "
    r"(-?inf|nan|not finite) at epoch \d+, step \d+ "
    r"\(learning_rate \S+\); parameters are back at the last finite step$"
)
DTYPES = ["float32", "float64"]


SHAPINGS = ({}, {"clip_norm": 1.0}, {"clip_value": 0.5, "ema": 0.9})
every_optimizer = pytest.mark.parametrize(
    ("name", "shaping"),
    [
        pytest.param(name, shaping, id="-".join([name, *shaping]))
        for name, shaping in itertools.product(OPTIMIZERS, SHAPINGS)
    ],
)


def rows(dtype, n_rows=24):
    rng = np.random.default_rng(7)
    x = rng.normal(size=(n_rows, 3)).astype(dtype)
    return x, (x[:, :2] ** 2).astype(dtype)


def network(dtype, norm=None):
    layers = [fb.Dense(6, "tanh", norm=norm), fb.Dense(2)]
    return fb.Network(3, layers, loss="mse", dtype=dtype, seed=1)


def run(net, x, y, optimizer, stop_after=None, validation=None):
    """Fit 6 epochs of steps on 8 rows, or on all where an optimizer wants that; tell its end."""
    size = None if optimizer.full_batch else 8
    callbacks = []
    if stop_after is not None:
        callbacks = [fb.EverySteps(stop_after, lambda training: True)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = net.fit(
            x, y, optimizer, 6, size, callbacks=callbacks, validation=validation, progress=False
        )
    return history, [str(warning.message) for warning in caught]


def check_end(make_network, x, y, make_optimizer, validation):
    """Fit; require finite results, or a divergence that is named and undone. Return whether lost.

    Undone: parameters and state have the bits of a fit that ends after so many steps.
    """
    net, optimizer = make_network(), make_optimizer()
    history, told = run(net, x, y, optimizer, validation=validation)
    assert np.isfinite(net.params).all()
    assert math.isfinite(net.evaluate(x, y)) or history.stop_reason == "diverged"
    if history.stop_reason != "diverged":
        assert not told
        assert np.isfinite(history.loss).all()
        return False
    assert told == [history.message]
    assert MESSAGE.match(history.message), history.message
    assert f"(learning_rate {optimizer.learning_rate:g})" in history.message
    # The step that is named was not taken, and the one before it made the loss what it is.
    epoch, step = map(int, re.search(r"epoch (\d+), step (\d+)", history.message).groups())
    each = 1 if optimizer.full_batch else 3
    if not history.message.startswith(("validation", "parameters")):
        assert optimizer.steps <= max(0, (epoch - 1) * each + step - 2)
    alone, other = make_network(), make_optimizer()
    if optimizer.steps:
        run(alone, x, y, other, stop_after=optimizer.steps)
        assert other.steps == optimizer.steps
        assert_same_bits(optimizer.slots, other.slots, "state")
        assert_same_bits(optimizer.clock, other.clock, "clock")
    assert_same_bits(net.params, alone.params, "params")
    return True


CAUSES = {
    # name: (learning rate or None for the optimizer's own, factor of x, of y, by dtype)
    "learning rate 1e30": (1e30, 1.0, {"float32": 1.0, "float64": 1.0}),
    "targets 1e38": (None, 1.0, {"float32": 1e38, "float64": 1e38}),
    "targets at the end of the range": (None, 1.0, {"float32": 3e37, "float64": 1e308}),
    "inputs 1e30": (None, 1e30, {"float32": 1.0, "float64": 1.0}),
}


@pytest.mark.parametrize("norm", [None, "batch", "layer"])
@pytest.mark.parametrize("dtype", DTYPES)
@every_optimizer
def test_a_divergence_is_named_and_undone(name, shaping, dtype, norm, promise):
    x, y = rows(dtype)
    lost = total = 0
    for (rate, x_factor, y_factor), held in itertools.product(CAUSES.values(), (False, True)):
        settings = dict(shaping)
        if rate is not None:
            settings["learning_rate"] = rate
        scaled = x * np.array(x_factor, dtype), y / y.max() * np.array(y_factor[dtype], dtype)
        lost += check_end(
            lambda: network(dtype, norm),
            *scaled,
            lambda settings=settings: OPTIMIZERS[name](**settings),
            scaled if held else None,
        )
        total += 1
    what = f"{name} {' '.join(shaping)} {dtype}, norm {norm}: ends of fits named or finite"
    promise(6, what, f"{total} of {total}", f"{total} of {total}, {lost} lost and back")
    # Targets of 1e38 alone leave the range of float32, whatever the optimizer does.
    assert lost >= (2 if dtype == "float32" else 1)


def dead_network(dtype):
    """Return a network whose hidden unit, pushed to -infinity, is silent: no loss shows it."""
    layers = [fb.Dense(1, "relu", bias=False), fb.Dense(1, bias=False, trainable=False)]
    net = fb.Network(1, layers, loss="mse", dtype=dtype)
    net.weights[0][...], net.weights[1][...] = 1, -1
    return net


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("epochs", "n_good"), [(1, 0), (1, 3), (10**7, 0), (10**7, 3)])
def test_parameters_that_no_loss_shows_to_be_infinite_are_undone(epochs, n_good, dtype):
    # The learning rate is harmless at first, and then pushes the unit beyond every number.
    far = 1e300 if dtype == "float64" else 1e30
    net, optimizer = dead_network(dtype), fb.SGD(0.0)
    x, y = np.ones((64, 1)), np.full((64, 1), 1e10)
    grow = fb.EverySteps(
        n_good + 1, lambda training: setattr(training.optimizer, "learning_rate", far)
    )
    if n_good == 0:
        optimizer.learning_rate = far
    with pytest.warns(RuntimeWarning, match="^(loss|parameters) became"):
        history = net.fit(x, y, optimizer, epochs, 1, False, callbacks=[grow], progress=False)
    assert history.stop_reason == "diverged"
    assert len(history.loss) < 10**6
    assert optimizer.steps == (n_good + 1 if n_good else 0)
    assert np.isfinite(net.params).all()
    assert_same_bits(net.params, dead_network(dtype).params)


TAME = {
    "constant columns": lambda x, y: (np.ones_like(x), y),
    "columns of zeros": lambda x, y: (np.zeros_like(x), y),
    "one column constant": lambda x, y: (x * np.array([1, 0, 1], x.dtype) + x.dtype.type(5), y),
    "constant targets": lambda x, y: (x, np.full_like(y, 3)),
    "one row again and again": lambda x, y: (x[:1].repeat(24, 0), y[:1].repeat(24, 0)),
}


def check_tame(net, x, y, optimizer):
    before = net.evaluate(x, y)
    history, told = run(net, x, y, optimizer)
    assert not told
    assert history.stop_reason == "epochs"
    assert np.isfinite(history.loss).all()
    assert np.isfinite(net.params).all()
    assert np.isfinite(net.predict(x)).all()
    return before, net.evaluate(x, y)


@pytest.mark.parametrize("norm", [None, "batch", "layer"])
@pytest.mark.parametrize("dtype", DTYPES)
@every_optimizer
def test_data_without_variety_is_no_divergence(name, shaping, dtype, norm):
    for change in TAME.values():
        check_tame(network(dtype, norm), *change(*rows(dtype)), OPTIMIZERS[name](**shaping))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_one_class_alone_is_no_divergence(name, dtype):
    x, _ = rows(dtype)
    for output, loss, y in (
        ("softmax", "cross_entropy", np.ones(24, np.int64)),
        ("sigmoid", "binary_cross_entropy", np.ones((24, 2))),
    ):
        net = fb.mlp([3, 6, 2], "relu", output, loss, dtype=dtype, seed=1)
        before, after = check_tame(net, x, y, OPTIMIZERS[name]())
        assert after < before


@pytest.mark.parametrize("norm", [None, "batch", "layer"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weights_that_are_all_zero_are_no_divergence(name, dtype, norm):
    net = network(dtype, norm)
    for weight in net.weights:
        weight[...] = 0
    before, after = check_tame(net, *rows(dtype), OPTIMIZERS[name]())
    # The biases of the outputs learn.
    assert after < before


# Up to here preactivations give finite losses, gradients and right values.
LARGEST_Z = 1e4


def of_z(n, activation, loss, dtype):
    """Return a network whose z are its inputs."""
    net = fb.Network(n, [fb.Dense(n, activation, bias=False)], loss=loss, dtype=dtype)
    net.weights[0][...] = np.eye(n)
    return net


def softmax(z):
    most = max(z)
    powers = [mpmath.exp(value - most) for value in z]
    return [power / mpmath.fsum(powers) for power in powers]


def log_softmax(z):
    total = mpmath.log(mpmath.fsum(mpmath.exp(value) for value in z))
    return [value - total for value in z]


def cross_entropy(z, y, smoothing=0):
    """Return the loss of a row and dL/dz; y is a distribution."""
    y = [(1 - smoothing) * value + mpmath.mpf(smoothing) / len(z) for value in y]
    logs = log_softmax(z)
    return -mpmath.fdot(y, logs), [p - value for p, value in zip(softmax(z), y, strict=True)]


def kl_divergence(z, y):
    logs = log_softmax(z)
    parts = [v * (mpmath.log(v) - log) for v, log in zip(y, logs, strict=True) if v]
    return mpmath.fsum(parts), [p - value for p, value in zip(softmax(z), y, strict=True)]


def binary_cross_entropy(z, y):
    parts = [mpmath.log1p(mpmath.exp(v)) - t * v for v, t in zip(z, y, strict=True)]
    return mpmath.fsum(parts), [1 / (1 + mpmath.exp(-v)) - t for v, t in zip(z, y, strict=True)]


LOSSES = {
    "cross_entropy": ("softmax", cross_entropy),
    "cross_entropy(label_smoothing=0.1)": ("softmax", lambda z, y: cross_entropy(z, y, 0.1)),
    "kl_divergence": ("softmax", kl_divergence),
    "binary_cross_entropy": ("sigmoid", binary_cross_entropy),
}


def extreme_rows(n, kind, dtype):
    """Return z up to LARGEST_Z in size, of every scale and sign, and targets of the kind."""
    rng = np.random.default_rng(11)
    scales = np.geomspace(1e-3, LARGEST_Z, 40)
    z = [scale * rng.uniform(-1, 1, n) for scale in scales]
    z += [np.full(n, value) for value in (-LARGEST_Z, LARGEST_Z, 0.0)]
    z += [LARGEST_Z * rng.choice([-1, 1], n) for _ in range(10)]
    z = np.array(z).astype(dtype)
    if kind == "classes":
        y = np.eye(n)[rng.integers(0, n, len(z))]
    else:
        y = rng.choice([0.0, 1.0, 0.25], (len(z), n))
    return z, y.astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", LOSSES)
def test_losses_of_large_preactivations_are_finite_and_right(loss, dtype, promise):
    activation, exact = LOSSES[loss]
    z, y = extreme_rows(5, "classes" if activation == "softmax" else "numbers", dtype)
    net = of_z(5, activation, loss, dtype)
    got, slopes, wanted, wanted_slopes = [], [], [], []
    with mpmath.workdps(40):
        for row, target in zip(z, y, strict=True):
            value, grads = net.gradient(row[np.newaxis], target[np.newaxis])
            assert value == pytest.approx(net.evaluate(row[np.newaxis], target[np.newaxis]))
            want, slope = exact([mpmath.mpf(float(v)) for v in row], [float(t) for t in target])
            got.append(value)
            slopes.append(grads.inputs[0])
            wanted.append(float(want))
            wanted_slopes.append([float(part) for part in slope])
    got, wanted = np.array(got), np.array(wanted)
    slopes, wanted_slopes = np.array(slopes), np.array(wanted_slopes)
    epsilon = float(np.finfo(dtype).eps)
    # The sum of z and terms of its size, which may cancel: in epsilons of the largest of them.
    scale = np.maximum(np.abs(z).max(axis=1).astype(float), 1) * z.shape[1]
    of_loss = np.max(np.abs(got - wanted) / (epsilon * scale))
    of_slope = np.max(np.abs(slopes - wanted_slopes)) / epsilon
    promise(
        6,
        f"{loss}, {dtype}, |z| <= 1e4",
        "finite; loss 2 and gradient 4 epsilons",
        f"loss {of_loss:.2g} and gradient {of_slope:.2g} epsilons",
    )
    assert np.isfinite(got).all()
    assert np.isfinite(slopes).all()
    assert of_loss <= 2
    assert of_slope <= 4


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ["softmax", "sigmoid", "log_softmax", "hard_sigmoid"])
@pytest.mark.parametrize("loss", ["mse", "mae", "huber", "log_cosh", "quantile", "hinge"])
def test_other_losses_of_bounded_outputs_are_finite_for_large_preactivations(
    loss, activation, dtype
):
    z, y = extreme_rows(5, "numbers", dtype)
    y = np.where(y > 0.5, 1, -1).astype(dtype) if loss == "hinge" else y
    net = of_z(5, activation, loss, dtype)
    value, grads = net.gradient(z, y)
    assert math.isfinite(value)
    assert np.isfinite(grads.inputs).all()
    assert np.isfinite(grads.flat).all()
    assert np.isfinite(net.predict(z)).all()
