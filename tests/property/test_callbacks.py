"""Callbacks of a fit: when they are called, what they see, and how they end it."""

import math

import numpy as np
import pytest
from fitted import BATCH, EPOCHS, N_ROWS, STEPS, WAYS, every_way, network, rows, run
from refusal import refuse
from tolerance import assert_same_bits

import fastbp as fb


class Diary(fb.Callback):
    """Write down each call in a list that callbacks may share."""

    def __init__(self, calls, name="", every=None):
        self.calls, self.name, self.every_steps = calls, name, every

    def note(self, hook, training):
        self.calls.append((hook, self.name, training.epoch, training.step, training.total_steps))

    def begin(self, training):
        self.note("begin", training)

    def after_epoch(self, training):
        self.note("epoch", training)

    def after_steps(self, training):
        self.note("steps", training)

    def end(self, training):
        self.note("end", training)


def expected_calls(periods, epochs=EPOCHS, steps=STEPS):
    """Return the calls of Diaries, by name, that are made in a whole fit."""
    calls = [("begin", name, 0, 0, 0) for name in periods]
    for total in range(1, epochs * steps + 1):
        epoch, step = divmod(total, steps)
        if step == 0:
            calls += [("epoch", name, epoch, 0, total) for name in periods]
        due = [name for name, every in periods.items() if every and total % every == 0]
        calls += [("steps", name, epoch, step, total) for name in due]
    return calls + [("end", name, epochs, 0, epochs * steps) for name in reversed(periods)]


@every_way
@pytest.mark.parametrize(
    "periods",
    [
        {"a": None},
        {"a": 1},
        {"a": 4},
        {"a": STEPS},
        {"a": 10_000},
        {"a": 2, "b": None, "c": 3, "d": STEPS, "e": 1, "f": 5 * STEPS},
    ],
    ids=str,
)
def test_calls_come_in_their_order_at_their_steps(fit, periods):
    calls = []
    run(fit, network(), callbacks=[Diary(calls, *item) for item in periods.items()])
    assert calls == expected_calls(periods)


@every_way
def test_callbacks_see_where_the_fit_is(fit):
    seen = []

    class Look(fb.Callback):
        every_steps = 1

        def look(self, training):
            assert training.network is net
            assert training.optimizer is optimizer
            assert training.epochs == EPOCHS
            assert len(training.history.loss) == training.epoch
            seen.append((training.total_steps, training.loss, training.best, training.steps))

        begin = after_epoch = after_steps = end = look

    x, y = rows()
    net, optimizer = network(), fb.SGD(0.5)
    history = run(fit, net, optimizer, callbacks=Look())
    alone, other, expected = network(), fb.SGD(0.5), []
    for _ in range(EPOCHS):
        total = 0.0
        for first in range(0, N_ROWS, BATCH):
            part = slice(first, first + BATCH)
            total += alone.train_step(x[part], y[part], other) * len(x[part])
            expected.append(total / min(first + BATCH, N_ROWS))
    assert math.isnan(seen[0][1])
    found = {total: loss for total, loss, *_ in seen[1:]}
    np.testing.assert_allclose([found[n + 1] for n in range(EPOCHS * STEPS)], expected, rtol=1e-12)
    assert [found[STEPS * (epoch + 1)] for epoch in range(EPOCHS)] == history.loss
    assert {steps for *_, steps in seen} == {None if fit is WAYS["stream"] else STEPS}
    # The loss falls here: every epoch is the best so far, from its end on.
    assert [best for total, _, best, _ in seen if total < STEPS] == [False] * STEPS
    assert all(best for total, _, best, _ in seen if total >= STEPS)
    assert_same_bits(net.params, alone.params)


def test_no_loss_is_known_before_the_first_step_of_a_second_fit():
    seen = []

    class Look(fb.Callback):
        def begin(self, training):
            seen.append(training.loss)

    net = network()
    for _ in range(2):
        run(WAYS["fit"], net, callbacks=Look())
    assert np.isnan(seen).tolist() == [True, True]


def test_best_follows_the_monitored_figure():
    values, found = iter([3.0, 2.0, 2.5, 1.0, 1.0]), []

    def merit(y, outputs):
        return next(values)

    class Look(fb.Callback):
        def after_epoch(self, training):
            found.append(training.best)

    stop = fb.Stop(monitor="merit", mode="min")
    network().fit(*rows(), epochs=5, metrics=merit, stop=stop, callbacks=Look())
    assert found == [True, True, False, True, False]


def test_a_callback_without_hooks_does_nothing():
    plain, watched = network(), network()
    expected = run(WAYS["fit"], plain)
    history = run(WAYS["fit"], watched, callbacks=[fb.Callback(), fb.EverySteps(2, lambda _: None)])
    assert history.loss == expected.loss
    assert_same_bits(watched.params, plain.params)


def test_a_plain_function_gets_network_and_history():
    seen = []
    net = network()
    history = run(WAYS["fit"], net, callbacks=lambda *given: seen.append(given))
    assert [item[0] is net and item[1] is history for item in seen] == [True] * EPOCHS


@every_way
@pytest.mark.parametrize("total", [1, STEPS - 1, STEPS, STEPS + 2, 2 * STEPS, EPOCHS * STEPS])
def test_a_true_answer_after_steps_ends_the_fit_there(fit, total):
    calls = []
    stop = fb.EverySteps(total, lambda training: "enough")
    net, optimizer = network(), fb.Adam(0.01)
    history = run(fit, net, optimizer, callbacks=[stop, Diary(calls, every=1)])
    assert history.stop_reason == "callback"
    # An epoch that was not whole is not recorded.
    assert len(history.loss) == len(history.seconds) == total // STEPS
    assert optimizer.steps == total
    assert calls[-2:] == [
        ("steps", "", *divmod(total, STEPS), total),
        ("end", "", *divmod(total, STEPS), total),
    ]


@every_way
def test_a_true_answer_after_an_epoch_ends_the_fit_when_all_have_been_called(fit):
    calls = []

    class Stopping(Diary):
        def after_epoch(self, training):
            super().after_epoch(training)
            return training.epoch == 2

    history = run(fit, network(), callbacks=[Stopping(calls, "a"), Diary(calls, "b", 2 * STEPS)])
    assert history.stop_reason == "callback"
    assert len(history.loss) == 2
    at_end = (2, 0, 2 * STEPS)
    assert calls[-5:] == [
        ("epoch", "a", *at_end),
        ("epoch", "b", *at_end),
        ("steps", "b", *at_end),
        ("end", "b", *at_end),
        ("end", "a", *at_end),
    ]


def test_a_rule_to_stop_comes_before_a_callback():
    history = run(WAYS["fit"], network(), stop=fb.Stop(epochs=1), callbacks=lambda *_: True)
    assert (history.stop_reason, len(history.loss)) == ("epochs", 1)


class Failing(Diary):
    """Fail in one hook."""

    def __init__(self, calls, name, hook):
        super().__init__(calls, name, 2)
        self.hook = hook

    def note(self, hook, training):
        super().note(hook, training)
        if hook == self.hook:
            raise LookupError(self.name)


@every_way
@pytest.mark.parametrize("hook", ["begin", "epoch", "steps", "end"])
def test_an_error_in_a_hook_ends_all_that_began_and_the_network_learns_on(fit, hook):
    calls, net, optimizer = [], network(), fb.Adam(0.01)
    callbacks = [Diary(calls, "a"), Failing(calls, "b", hook), Diary(calls, "c")]
    with pytest.raises(LookupError, match=r"^b$"):
        run(fit, net, optimizer, callbacks=callbacks)
    ended = [name for kind, name, *_ in calls if kind == "end"]
    assert ended == (["a"] if hook == "begin" else ["c", "b", "a"])
    # As many steps as were taken until then, and the next fit goes on from there.
    taken = {"begin": 0, "steps": 2, "epoch": STEPS, "end": EPOCHS * STEPS}[hook]
    assert optimizer.steps == taken
    other, alone = fb.Adam(0.01), network()
    x, y = rows()
    for step in range(taken):
        part = slice(step % STEPS * BATCH, (step % STEPS + 1) * BATCH)
        alone.train_step(x[part], y[part], other)
    run(fit, net, optimizer)
    run(fit, alone, other)
    assert_same_bits(net.params, alone.params)


def test_errors_at_the_end_reach_the_caller_one_by_one():
    calls = []
    callbacks = [Failing(calls, "a", "end"), Failing(calls, "b", "end")]
    with pytest.raises(LookupError, match=r"^a$") as caught:
        run(WAYS["fit"], network(), callbacks=callbacks)
    assert str(caught.value.__context__) == "b"


def test_end_sees_the_parameters_and_the_reason_that_the_fit_leaves():
    seen = []

    class Last(fb.Callback):
        def end(self, training):
            seen.append((training.network.params.copy(), training.history.stop_reason))
            seen.append(training.optimizer.learning_rate)

    net, optimizer = network(), fb.Adam(0.3)
    stop = fb.Stop(restore_best=True, patience=2)
    history = run(
        WAYS["fit"], net, optimizer, epochs=50, stop=stop, schedule=fb.Linear(), callbacks=Last()
    )
    assert history.stop_reason == "patience"
    assert_same_bits(seen[0][0], net.params)
    assert seen[0][1] == "patience"
    assert seen[1] == 0.3


def test_a_callback_is_told_of_a_divergence_at_the_end():
    found = []

    class Last(fb.Callback):
        def end(self, training):
            found.append((training.history.stop_reason, training.loss, training.epoch))

    net = fb.mlp([1, 1], dtype="float64")
    x = np.ones((6, 1))
    with pytest.warns(RuntimeWarning, match="at epoch 1, step 5 "):
        net.fit(x, np.ones(6), fb.SGD(1e45), batch_size=1, shuffle=False, callbacks=Last())
    ((reason, loss, epoch),) = found
    assert (reason, epoch) == ("diverged", 0)
    # The mean of the four losses that were finite, the last of which outweighs the others.
    alone, optimizer = fb.mlp([1, 1], dtype="float64"), fb.SGD(1e45)
    losses = [alone.train_step(x[:1], [1.0], optimizer) for _ in range(4)]
    np.testing.assert_allclose(loss, np.mean(losses), rtol=1e-12)


@pytest.mark.parametrize(
    ("callbacks", "message"),
    [
        (fb.Callback, "got the class Callback$"),
        ([fb.CSVLog], "got the class CSVLog$"),
        ([fb.Callback(), 3], r"functions of \(network, history\), got 3$"),
    ],
)
def test_what_is_no_callback_is_refused(callbacks, message):
    net = network()
    refuse(net, TypeError, message, lambda: run(WAYS["fit"], net, callbacks=callbacks))


@pytest.mark.parametrize("every", [0, -1, 1.5, "2", True])
def test_every_steps_must_be_a_number_of_steps(every):
    class Often(fb.Callback):
        every_steps = every

    net = network()
    error = ValueError if every in (0, -1) and every is not True else TypeError
    refuse(net, error, "^every_steps must be ", lambda: run(WAYS["fit"], net, callbacks=Often()))
    with pytest.raises(error, match=r"^every must be "):
        fb.EverySteps(every, print)
    for make in (fb.JSONLog, fb.Checkpoint):
        with pytest.raises(error, match=r"^every_steps must be "):
            make("file", every_steps=every)


def test_every_steps_needs_a_function():
    with pytest.raises(TypeError, match=r"^function must be callable, got 5$"):
        fb.EverySteps(3, 5)
