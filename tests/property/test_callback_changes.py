"""What callbacks change in a fit, and that those which only look change no bit."""

import contextlib
import math

import numpy as np
import pytest
from bits.trained import force_teams
from fitted import BATCH, EPOCHS, STEPS, WAYS, every_way, network, rows, run
from refusal import refuse
from tolerance import assert_same_bits

import fastbp as fb


@every_way
def test_a_learning_rate_that_a_callback_sets_counts_from_the_next_step(fit):
    def slow_down(training):
        training.optimizer.learning_rate = 0.01 / training.total_steps

    net, alone = network(), network()
    optimizer, other = fb.Adam(0.05), fb.Adam(0.05)
    history = run(fit, net, optimizer, callbacks=fb.EverySteps(2, slow_down))
    x, y = rows()
    for total in range(EPOCHS * STEPS):
        if total and total % 2 == 0:
            other.learning_rate = 0.01 / total
        part = slice(total % STEPS * BATCH, (total % STEPS + 1) * BATCH)
        alone.train_step(x[part], y[part], other)
    assert_same_bits(net.params, alone.params)
    # The record of an epoch has the rate of its last step.
    rates = [0.01 / (STEPS * n - (1 if STEPS * n % 2 else 2)) for n in range(1, EPOCHS + 1)]
    assert history.learning_rate == rates


def test_a_learning_rate_set_between_epochs_has_the_bits_of_two_fits():
    def slow_down(training):
        training.optimizer.learning_rate = 0.001

    x, y = rows()
    arguments = {"batch_size": BATCH, "shuffle": False}
    net, optimizer = network(), fb.SGD(0.1, momentum=0.9)
    history = net.fit(
        x, y, optimizer, epochs=5, callbacks=fb.EverySteps(2 * STEPS, slow_down), **arguments
    )
    twice, other = network(), fb.SGD(0.1, momentum=0.9)
    losses = twice.fit(x, y, other, epochs=2, **arguments).loss
    other.learning_rate = 0.001
    losses += twice.fit(x, y, other, epochs=3, **arguments).loss
    assert history.loss == losses
    assert_same_bits(net.params, twice.params)


@every_way
def test_parameters_that_a_callback_sets_are_trained_on(fit):
    def shrink(training):
        training.network.params *= 0.5

    net, alone, other = network(), network(), fb.Adam(0.01)
    history = run(fit, net, fb.Adam(0.01), callbacks=fb.EverySteps(4, shrink), validation=rows())
    x, y = rows()
    losses = []
    for total in range(1, EPOCHS * STEPS + 1):
        part = slice((total - 1) % STEPS * BATCH, ((total - 1) % STEPS + 1) * BATCH)
        alone.train_step(x[part], y[part], other)
        # What comes after the last step of an epoch comes after its record.
        if total % STEPS == 0:
            losses.append(alone.evaluate(x, y))
        if total % 4 == 0:
            alone.params *= 0.5
    assert_same_bits(net.params, alone.params)
    assert history.validation_loss == losses


def push(net, optimizer):
    net.params *= 1.5


def hurry(net, optimizer):
    optimizer.learning_rate *= 3


def step_aside(net, optimizer):
    with contextlib.suppress(FloatingPointError):
        net.train_step([[0.5]], [2.0], optimizer)


def step_by_gradients(net, optimizer):
    net.apply_gradients(net.backward([[0.5]], [[0.3]]), optimizer)


def gather_momentum(net, optimizer):
    rate, optimizer.learning_rate = optimizer.learning_rate, 0.0
    step_aside(net, optimizer)
    optimizer.learning_rate = rate


def spoil(net, optimizer):
    if optimizer.steps >= 40:
        net.params[0] = math.inf


@pytest.mark.parametrize(
    "change", [push, hurry, step_aside, step_by_gradients, gather_momentum, spoil]
)
@pytest.mark.parametrize("every", [1, 3, 7])
@pytest.mark.parametrize(
    "make", [lambda: fb.SGD(1.7), lambda: fb.SGD(1.5, momentum=0.9)], ids=["sgd", "momentum"]
)
def test_a_divergence_goes_back_to_the_last_finite_step_whatever_callbacks_did(change, every, make):
    taken = 0
    x, y = np.linspace(0.8, 1.7, 6)[:, np.newaxis], np.ones(6)
    net, optimizer = fb.mlp([1, 1], dtype="float64"), make()
    callback = fb.EverySteps(every, lambda training: change(net, optimizer))
    with pytest.warns(RuntimeWarning, match="not finite|loss became"):
        history = net.fit(
            x, y, optimizer, epochs=5000, batch_size=1, shuffle=False, callbacks=callback
        )
    assert history.stop_reason == "diverged"
    assert history.message.endswith("are back at the last finite step")
    alone, other = fb.mlp([1, 1], dtype="float64"), make()
    good = alone.params.copy()
    while True:
        before = alone.params.copy()
        try:
            alone.train_step(x[taken % 6 : taken % 6 + 1], [1.0], other)
        except FloatingPointError:
            break
        good = before
        taken += 1
        if taken % every == 0:
            change(alone, other)
    assert_same_bits(net.params, good)
    assert f" at epoch {taken // 6 + 1}, step {taken % 6 + 1} " in history.message


def bits_of(fit, callbacks, threads, dtype):
    net = fb.mlp([3, 70, 2], "tanh", dtype=dtype, seed=4)
    histories = fit(net, callbacks, threads)
    return net.params.tobytes(), [history.loss for history in histories]


def whole_fit(net, callbacks, threads):
    x, y = rows(150)
    arguments = {"epochs": 3, "batch_size": 40, "threads": threads, "callbacks": callbacks}
    return [net.fit(x, y, "adam", validation=0.2, schedule=fb.Cosine(), **arguments)]


def streamed_fit(net, callbacks, threads):
    x, y = rows(150)
    blocks = [(x[:70], y[:70]), (x[70:75], y[70:75]), (x[75:], y[75:])]
    arguments = {"epochs": 3, "batch_size": 40, "threads": threads, "callbacks": callbacks}
    return [net.fit_stream(blocks, "adam", shuffle=True, **arguments)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("fit", [whole_fit, streamed_fit])
def test_a_callback_that_only_looks_changes_no_bit(monkeypatch, fit, threads, dtype):
    force_teams(change=monkeypatch.setattr)
    expected = bits_of(fit, (), 1, dtype)
    for every in (1, 3, 7):
        counted = []
        look = fb.EverySteps(every, lambda training, seen=counted: seen.append(training.loss))
        assert bits_of(fit, look, threads, dtype) == expected
        assert len(counted) == 3 * (4 if fit is streamed_fit else 3) // every
    assert bits_of(fit, lambda *_: None, threads, dtype) == expected


def test_partial_fit_goes_on_after_fits_with_callbacks():
    # partial_fit takes no callbacks; those of a fit between its calls change nothing of it.
    def passes(net, callbacks):
        losses = []
        for _ in range(2):
            losses += net.partial_fit(*rows(), "adam", batch_size=BATCH).loss
            losses += net.fit(*rows(), "sgd", 1, batch_size=BATCH, callbacks=callbacks).loss
        return losses, net.params.tobytes()

    assert passes(network(), fb.EverySteps(1, lambda _: None)) == passes(network(), ())


def test_threads_are_given_back_after_an_error(monkeypatch):
    force_teams(change=monkeypatch.setattr)

    def fail(training):
        raise LookupError("here")

    net = network()
    with pytest.raises(LookupError, match="here"):
        net.fit(*rows(), batch_size=BATCH, threads=3, callbacks=fb.EverySteps(2, fail))
    assert len(net.fit(*rows(), batch_size=BATCH, threads=3, epochs=2).loss) == 2


class Begins(fb.Callback):
    """Change a setting before the first step."""

    def __init__(self, **settings):
        self.settings = settings

    def begin(self, training):
        for name, value in self.settings.items():
            setattr(training.optimizer, name, value)


def test_settings_may_be_changed_at_the_beginning_but_those_that_want_other_state():
    net, alone = network(), network()
    run(WAYS["fit"], net, fb.SGD(0.5), callbacks=Begins(learning_rate=0.1))
    run(WAYS["fit"], alone, fb.SGD(0.1))
    assert_same_bits(net.params, alone.params)
    message = r"^settings of an optimizer must keep its number of state vectors .*\(0\)"
    for change in ({"momentum": 0.9}, {"ema": 0.9}):
        refuse(
            net,
            ValueError,
            message,
            lambda change=change: run(WAYS["fit"], net, fb.SGD(0.5), callbacks=Begins(**change)),
        )


@pytest.mark.parametrize("learning_rate", [0.02, 1e30])
def test_a_callback_that_changes_settings_alone_may_say_so(learning_rate):
    class Setter(fb.Callback):
        def after_epoch(self, training):
            if training.epoch == 2:
                training.optimizer.learning_rate = learning_rate

    class Sparing(Setter):
        changes_parameters = False

    found = []
    for kind in (Setter, Sparing):
        net, optimizer = network(), fb.SGD(0.01, momentum=0.9)
        ends = warns_of_divergence() if learning_rate > 1 else contextlib.nullcontext()
        with ends:
            history = net.fit(*rows(), optimizer, epochs=5, batch_size=BATCH, callbacks=kind())
        assert history.stop_reason == ("diverged" if learning_rate > 1 else "epochs")
        found.append((net.params.copy(), optimizer.slots.copy(), history.loss))
    assert_same_bits(found[0][0], found[1][0])
    assert_same_bits(found[0][1], found[1][1])
    assert found[0][2] == found[1][2]


def warns_of_divergence():
    return pytest.warns(RuntimeWarning, match="parameters are back|parameters of")
