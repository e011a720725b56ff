"""A loss that turns NaN or infinite: the fit ends and the last good parameters are back."""

import math
import time
import warnings

import numpy as np
import pytest
from refusal import LABELS, X, make, refuse
from tolerance import assert_same_bits

import fastbp as fb
from fastbp import reference

NAN, INF = math.nan, math.inf


def exploding_fit(net, x, y, optimizer, epochs, batch_size, weight=None, after_epoch=None):
    """Fit until the loss is not finite; return the history."""
    with pytest.warns(RuntimeWarning, match="^loss became (nan|inf|-inf) at epoch") as caught:
        history = net.fit(
            x,
            y,
            optimizer,
            epochs=epochs,
            batch_size=batch_size,
            shuffle=False,
            sample_weight=weight,
            progress=False,
            callbacks=[lambda network, _: after_epoch and after_epoch(network, optimizer)],
        )
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert str(caught[0].message) == history.message
    assert history.stop_reason == "diverged"
    return history


def steps_until_lost(net, x, y, optimizer, epochs, batch_size, weight=None, after_epoch=None):
    """Take single steps until the loss is not finite.

    Returns (epoch, step, the parameters that had the last finite loss, losses of whole epochs).
    """
    good = net.params.copy()
    losses = []
    for epoch in range(1, epochs + 1):
        of_steps, totals = [], []
        for step, start in enumerate(range(0, len(x), batch_size), 1):
            part = slice(start, start + batch_size)
            of_rows = None if weight is None else weight[part]
            if of_rows is not None and not of_rows.any():
                continue
            before = net.params.copy()
            try:
                of_steps.append(net.train_step(x[part], y[part], optimizer, of_rows))
            except FloatingPointError:
                return epoch, step, good, losses
            totals.append(len(x[part]) if weight is None else of_rows.sum())
            good = before
        losses.append(np.average(of_steps, weights=totals))
        if after_epoch:
            after_epoch(net, optimizer)
    raise AssertionError("the loss stayed finite")


def slow(network, optimizer):
    """Take long enough for a fit to make another copy of its state."""
    time.sleep(0.07)


def faster(network, optimizer):
    """Raise the learning rate, as a schedule would."""
    optimizer.learning_rate *= 10


def pushed(network, optimizer):
    """Change the parameters from outside."""
    network.params *= 1.5


UP = np.ones(6)
HOLES = np.array([1.0, 1, 0, 1, 1, 0])
DIVERGING = {
    # label: (optimizer, batch_size, dtype, sample_weight, after each epoch)
    "second step": (lambda: fb.SGD(1e200), 1, "float64", None, None),
    "within an epoch": (lambda: fb.SGD(1e5), 1, "float64", None, None),
    "in a later epoch": (lambda: fb.SGD(300.0), 2, "float64", None, None),
    "in a much later epoch": (lambda: fb.SGD(4.0), 3, "float64", None, None),
    "float32": (lambda: fb.SGD(10.0), 2, "float32", None, None),
    "momentum": (lambda: fb.SGD(50.0, momentum=0.9), 2, "float64", None, None),
    "nesterov": (lambda: fb.SGD(50.0, momentum=0.9, nesterov=True), 2, "float32", None, None),
    "weight decay": (lambda: fb.SGD(7.0, weight_decay=0.5), 6, "float64", None, None),
    "adam": (lambda: fb.Adam(1e160), 2, "float64", None, None),
    "adam float32": (lambda: fb.Adam(3e19), 4, "float32", None, None),
    "adam with a learning rate raised by a callback": (
        lambda: fb.Adam(1.0),
        1,
        "float64",
        None,
        faster,
    ),
    "one batch an epoch": (lambda: fb.SGD(30.0), 6, "float64", None, None),
    "ragged batches": (lambda: fb.SGD(1e4), 4, "float64", None, None),
    "row weights": (lambda: fb.SGD(1e4), 2, "float64", HOLES, None),
    "batches without weight": (lambda: fb.SGD(1e120), 1, "float64", HOLES, None),
    "batches without weight before the loss": (
        lambda: fb.SGD(1e200),
        1,
        "float64",
        HOLES[1:],
        None,
    ),
    "slow epochs": (lambda: fb.SGD(1e40), 1, "float64", None, slow),
    "slow epochs lost within": (lambda: fb.SGD(1e20), 1, "float64", None, slow),
    "slow epochs with momentum": (
        lambda: fb.SGD(1e27, momentum=0.9),
        1,
        "float64",
        None,
        slow,
    ),
    "slow epochs lost at their start": (lambda: fb.SGD(1e26), 1, "float64", None, slow),
    "learning rate raised by a callback": (lambda: fb.SGD(1.0), 1, "float64", None, faster),
    "parameters changed by a callback": (lambda: fb.SGD(8.0), 1, "float64", None, pushed),
}


@pytest.mark.parametrize(
    ("make_optimizer", "batch_size", "dtype", "weight", "after_epoch"),
    DIVERGING.values(),
    ids=DIVERGING,
)
def test_a_lost_fit_is_back_at_the_parameters_of_the_last_finite_loss(
    make_optimizer, batch_size, dtype, weight, after_epoch
):
    n_rows = 6 if weight is None else len(weight)
    x, y = np.linspace(0.8, 1.2, n_rows)[:, np.newaxis], UP[:n_rows]
    arguments = (make_optimizer, batch_size, dtype, weight, after_epoch)
    assert_lost_alike(lambda: fb.mlp([1, 1], dtype=dtype), x, y, 400, arguments)


def assert_lost_alike(make_network, x, y, epochs, arguments):
    """Compare a fit that diverges with the same steps taken one by one."""
    make_optimizer, batch_size, dtype, weight, after_epoch = arguments
    weight = None if weight is None else weight.astype(dtype)
    # A pause changes no number: the steps taken one by one need not wait.
    after_step = None if after_epoch is slow else after_epoch
    alone = make_network()
    epoch, step, good, losses = steps_until_lost(
        alone, x, y, make_optimizer(), epochs, batch_size, weight, after_step
    )
    net = make_network()
    start = net.params.copy()
    history = exploding_fit(net, x, y, make_optimizer(), epochs, batch_size, weight, after_epoch)
    assert f" at epoch {epoch}, step {step} (learning_rate" in history.message
    assert history.message.endswith("; parameters are back at the last finite step")
    assert_same_bits(net.params, good, "params")
    assert len(history.loss) == len(history.seconds) == len(losses) == epoch - 1
    np.testing.assert_allclose(history.loss, losses, rtol=1e-6)
    assert net.params is not start
    assert math.isfinite(net.evaluate(x[:1], y[:1]))


@pytest.mark.parametrize(
    "make_optimizer", [lambda: fb.SGD(1e-3, momentum=0.9), fb.Adam], ids=["momentum", "adam"]
)
def test_a_fit_lost_after_a_long_time_is_back_at_the_last_finite_loss(make_optimizer):
    # A fit copies its state about every 50 ms, so this one does so a number of times.
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20_000, 32)), rng.normal(size=20_000)
    x[19_777] = 1e160  # only this row loses the loss, late in the epoch
    arguments = (make_optimizer, 4, "float64", None, None)
    assert_lost_alike(lambda: fb.mlp([32, 96, 96, 1], "relu", dtype="float64"), x, y, 2, arguments)


@pytest.mark.parametrize("package", [fb, reference], ids=["package", "twin"])
def test_a_lost_fit_with_restore_best_is_back_at_the_best_epoch(package):
    net, trail = package.mlp([1, 1], dtype="float64"), []
    with pytest.warns(RuntimeWarning, match=r"at epoch 4, .* are back at the best epoch$"):
        history = net.fit(
            [[1.0]],
            [1.0],
            package.SGD(1e55),
            stop=package.Stop(restore_best=True),
            callbacks=[lambda network, _: trail.append(list(network.params)) and False],
        )
    assert history.stop_reason == "diverged"
    # A loss is that before the update, so the best epoch is the first and ends far away.
    assert list(net.params) == trail[0]
    assert len(trail) == len(history.loss) == 3


def test_a_fit_that_is_lost_at_its_first_step_leaves_the_parameters_as_they_are():
    net = fb.mlp([1, 1], dtype="float64")
    net.params = [1e200, 0.0]
    before = net.params.copy()
    history = exploding_fit(net, np.ones((4, 1)), np.ones(4), fb.Adam(), 5, 2)
    assert history.message.startswith("loss became inf at epoch 1, step 1 (learning_rate 0.001)")
    assert_same_bits(net.params, before)
    assert history.loss == history.seconds == history.validation_loss == []


def test_a_fit_whose_parameters_are_nan_is_lost_at_once():
    net = fb.mlp([1, 1], dtype="float64")
    net.params[:] = [NAN, 0.0]
    history = exploding_fit(net, np.ones((4, 1)), np.ones(4), fb.SGD(), 5, 2)
    assert history.message.startswith("loss became nan at epoch 1, step 1 ")
    assert math.isnan(net.params[0])


def test_the_optimizer_is_back_where_the_parameters_are():
    x, y = np.linspace(0.8, 1.2, 6)[:, np.newaxis], UP
    net, optimizer = fb.mlp([1, 1], dtype="float64"), fb.SGD(50.0, momentum=0.9)
    exploding_fit(net, x, y, optimizer, 400, 2)
    alone, other = fb.mlp([1, 1], dtype="float64"), fb.SGD(50.0, momentum=0.9)
    for step in range(optimizer.steps):
        part = slice(step % 3 * 2, step % 3 * 2 + 2)
        alone.train_step(x[part], y[part], other)
    assert_same_bits(net.params, alone.params)
    optimizer.learning_rate = other.learning_rate = 1e-3
    net.train_step(x / 1e140, y, optimizer)
    alone.train_step(x / 1e140, y, other)
    assert_same_bits(net.params, alone.params)


def test_a_lost_step_changes_nothing_and_says_so():
    for make_optimizer in (fb.SGD, fb.Adam):
        net, optimizer = fb.mlp([1, 1], dtype="float64"), make_optimizer()
        net.params = [1e200, 0.0]
        message = (
            r"^loss became inf at step 1 \(learning_rate 0.001\); the parameters are unchanged$"
        )
        refuse(
            net,
            FloatingPointError,
            message,
            lambda net=net, o=optimizer: net.train_step([[1.0]], [1.0], o),
        )
        assert optimizer.steps == 0


def test_a_fit_that_is_not_lost_does_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history = make().fit(X, LABELS, epochs=2, progress=False)
    assert (history.stop_reason, history.message) == ("epochs", "")
