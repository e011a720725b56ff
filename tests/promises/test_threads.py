"""Python threads: passes that share a network, fits side by side, and what may not be shared."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from bits.trained import force_teams
from tolerance import assert_same_bits

import fastbp as fb
from fastbp.threads import Crew

MESSAGE = r"^this {} is being (trained|used) by another call \({} in another thread\); {} changed "
INSIDE = r"^this network is being trained by another call \({}, from which this one comes\); {} "
RNG = np.random.default_rng(9)
X = RNG.normal(size=(600, 20)).astype(np.float32)
Y = np.tanh(X[:, :3])
WAIT = 60


def network(seed=0, hidden=40):
    return fb.mlp([20, hidden, 3], "tanh", seed=seed)


def answers(net, rows):
    loss, found = net.gradient(X[:rows], Y[:rows])
    above = net.backward(X[:rows], Y[:rows]).flat
    outputs = net.predict(X[:rows])
    bits = (outputs, np.float64([net.evaluate(X[:rows], Y[:rows]), loss]), found.flat, above)
    return [part.tobytes() for part in (*bits, found.inputs)]


@pytest.mark.parametrize("teams", [False, True])
def test_sixteen_threads_share_a_network(teams, monkeypatch, promise):
    if teams:
        force_teams(change=monkeypatch.setattr)
    # More threads than cores take turns at every barrier.
    net, rows, times = network(), [1, 7, 256, 600], 1 if teams else 4
    alone = {n: answers(net, n) for n in rows}
    gate = threading.Barrier(16)

    def ask(number):
        gate.wait(WAIT)
        return [answers(net, n) == alone[n] for n in rows[number % 4 :] * times]

    with ThreadPoolExecutor(16) as pool:
        found = [same for one in pool.map(ask, range(16)) for same in one]
    promise(
        9,
        f"predict, evaluate, gradient, backward of one network from 16 threads, teams {teams}",
        "the bits of one thread",
        f"{sum(found)} of {len(found)} rounds alike",
    )
    assert all(found)


def trained(seed, epochs, threads=None):
    net = network(seed)
    history = net.fit(
        X, Y, "adam", epochs=epochs, batch_size=32, validation=0.2, progress=False, threads=threads
    )
    return net.params.tobytes(), history.loss, history.validation_loss


@pytest.mark.parametrize("teams", [False, True])
def test_eight_networks_are_fitted_at_once(teams, monkeypatch, promise):
    if teams:
        force_teams(change=monkeypatch.setattr)
    epochs = 1 if teams else 6
    alone = [trained(seed, epochs) for seed in range(8)]
    gate = threading.Barrier(8)

    def one(seed):
        gate.wait(WAIT)
        return trained(seed, epochs, threads=2 if teams else None)

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(one, range(8)))
    alike = sum(a == b for a, b in zip(alone, together, strict=True))
    promise(9, f"fits of 8 networks in 8 threads, teams {teams}", "the bits alone", f"{alike} of 8")
    assert alike == 8


class Fitting:
    """A fit in another thread that waits, at the end of its first epoch, to be let go."""

    def __init__(self, net, optimizer="sgd", call="fit", **settings):
        self.began, self.go_on = threading.Event(), threading.Event()
        self.call = call
        self.arguments = (net, optimizer, settings)
        self.error = None
        self.thread = threading.Thread(target=self.run)

    def wait(self, *_):
        self.began.set()
        assert self.go_on.wait(WAIT)

    def run(self):
        net, optimizer, settings = self.arguments
        settings = {"epochs": 2, "batch_size": 600, "callbacks": self.wait, **settings}
        rows = (X, Y) if self.call == "fit" else ([(X, Y)],)
        try:
            getattr(net, self.call)(*rows, optimizer, progress=False, **settings)
        except BaseException as error:
            self.error = error

    def __enter__(self):
        self.thread.start()
        assert self.began.wait(WAIT)
        return self

    def __exit__(self, *error):
        self.go_on.set()
        self.thread.join(WAIT)
        assert not self.thread.is_alive()
        assert self.error is None, self.error


WRITES = {
    "fit": lambda net: net.fit(X, Y, "adam", epochs=1),
    "fit_stream": lambda net: net.fit_stream([(X, Y)]),
    "partial_fit": lambda net: net.partial_fit(X, Y),
    "train_step": lambda net: net.train_step(X, Y, "sgd"),
    "apply_gradients": lambda net: net.apply_gradients(np.ones(net.params.size), "sgd"),
    "assigning params": lambda net: setattr(net, "params", np.zeros(net.params.size)),
}


@pytest.mark.parametrize("first", ["fit", "fit_stream"])
@pytest.mark.parametrize("second", WRITES)
def test_a_second_call_that_writes_is_refused_and_changes_nothing(first, second):
    net, alone = network(), network()
    with Fitting(net, call=first) as fitting:
        before = net.params.copy()
        with pytest.raises(RuntimeError, match=MESSAGE.format("network", first, second)):
            WRITES[second](net)
        assert_same_bits(net.params, before)
        # What only reads is answered.
        assert np.isfinite(net.predict(X)).all()
        net.evaluate(X, Y)
        net.gradient(X, Y)
        fitting.go_on.set()
    with Fitting(alone, call=first) as fitting:
        fitting.go_on.set()
    assert_same_bits(net.params, alone.params)
    # And afterwards it is taken again.
    WRITES[second](net)


def test_a_network_is_free_again_after_every_kind_of_end():
    net, optimizer = network(), fb.Adam()

    def fail(*_):
        raise LookupError("here")

    with pytest.raises(LookupError, match="here"):
        net.fit(X, Y, optimizer, callbacks=fail, progress=False)
    with pytest.raises(ValueError, match=r"^x must have 20 columns"):
        net.fit(X[:, :2], Y, optimizer)
    with pytest.raises(ValueError, match=r"^y must have one entry"):
        net.train_step(X, Y[:5], optimizer)
    net.fit(X, Y, optimizer, epochs=1, progress=False)


@pytest.mark.parametrize("second", ["fit", "fit_stream", "partial_fit"])
def test_a_callback_may_not_fit_the_network_of_its_fit(second):
    net, errors = network(), []

    def again(training):
        before = net.params.copy()
        with pytest.raises(RuntimeError, match=INSIDE.format("fit", second)):
            WRITES[second](net)
        errors.append(np.array_equal(net.params, before))
        # Another one it may; and predict with this.
        network(1).fit(X, Y, epochs=1, progress=False)
        assert np.isfinite(net.predict(X)).all()
        assert np.isfinite(net.evaluate(X, Y))

    net.fit(X, Y, "adam", epochs=2, batch_size=300, callbacks=fb.EverySteps(1, again))
    alone = network()
    alone.fit(X, Y, "adam", epochs=2, batch_size=300)
    assert errors == [True] * 4
    assert_same_bits(net.params, alone.params)


def test_an_optimizer_serves_one_fit_at_a_time():
    optimizer, first, second = fb.Adam(0.01), network(1), network(1)
    with Fitting(first, optimizer):
        hyper, clock = optimizer.hyper.copy(), optimizer.clock.copy()
        for call, use in {
            "fit": lambda: second.fit(X, Y, optimizer),
            "train_step": lambda: second.train_step(X, Y, optimizer),
            "apply_gradients": lambda: second.apply_gradients(second.params, optimizer),
            "reset": optimizer.reset,
        }.items():
            with pytest.raises(RuntimeError, match=MESSAGE.format("optimizer", "fit", call)):
                use()
        assert_same_bits(second.params, network(1).params)
        assert_same_bits(optimizer.hyper, hyper)
        assert_same_bits(optimizer.clock, clock)
    optimizer.reset()
    second.fit(X, Y, optimizer, epochs=1, progress=False)


def test_only_schedules_that_look_at_losses_serve_one_fit_at_a_time():
    watching, plain = fb.ReduceOnPlateau(), fb.Cosine()
    for schedule in (watching, plain):
        with Fitting(network(), schedule=schedule):
            other = network(1)
            if schedule is plain:
                other.fit(X, Y, epochs=1, schedule=schedule, progress=False)
                continue
            with pytest.raises(RuntimeError, match=MESSAGE.format("schedule", "fit", "fit")):
                other.fit(X, Y, epochs=1, schedule=schedule)
            assert_same_bits(other.params, network(1).params)


def test_of_many_calls_at_once_each_is_whole_or_refused(promise):
    net, optimizer, taken, refused = network(hidden=9), fb.SGD(0.01), [], []
    gate = threading.Barrier(12)

    def step(number):
        gate.wait(WAIT)
        for _ in range(60):
            try:
                if number % 3:
                    net.train_step(X[:40], Y[:40], optimizer)
                else:
                    net.partial_fit(X[:40], Y[:40], optimizer, 40, shuffle=False)
                taken.append(1)
            except RuntimeError as error:
                refused.append(str(error))

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(step, range(12)))
    alone, other = network(hidden=9), fb.SGD(0.01)
    for _ in taken:
        alone.train_step(X[:40], Y[:40], other)
    promise(
        9,
        "720 calls of partial_fit and train_step of one network from 12 threads",
        "each whole or refused: the bits of those taken, one after the other",
        f"{len(taken)} taken, {len(refused)} refused, optimizer at step {optimizer.steps}",
    )
    assert len(taken) + len(refused) == 720
    assert optimizer.steps == len(taken)
    assert_same_bits(net.params, alone.params)
    assert all("is being" in text for text in refused)


def test_a_team_rests_while_another_fit_wants_its_cores(monkeypatch):
    force_teams(change=monkeypatch.setattr)
    monkeypatch.setattr("fastbp.threads.usable_cores", lambda: 2)
    keep, sizes = Crew.keep_to_share, []

    def noted(crew):
        keep(crew)
        if crew.team is not None:
            sizes.append(1 if crew.bound.team is None else crew.bound.team.threads)

    monkeypatch.setattr(Crew, "keep_to_share", noted)
    net, alone = network(), network()
    other = Fitting(network(1))

    def crowd(training):
        if training.total_steps == 4:
            other.__enter__()
        if training.total_steps == 8:
            other.__exit__()

    arguments = {"epochs": 6, "batch_size": 300, "threads": 2}
    net.fit(X, Y, "adam", callbacks=fb.EverySteps(1, crowd), **arguments)
    assert sizes == [2] * 4 + [1] * 4 + [2] * 4
    alone.fit(X, Y, "adam", epochs=6, batch_size=300, threads=1)
    assert_same_bits(net.params, alone.params)
