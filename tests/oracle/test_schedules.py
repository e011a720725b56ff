"""Schedules: against PyTorch's, against the twin's, and as a fit follows them."""

from pathlib import Path

import numpy as np
import pytest
from strategies import case, twin_of
from tolerance import assert_agree, assert_same_bits, assert_same_fit

import fastbp as fb
from fastbp import reference

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "schedules.npz")
RATE, STEPS = 0.5, 30

# PyTorch's schedules, with one step an epoch where theirs count epochs.
CASES = {
    "step": ("StepDecay", {"every": 4, "factor": 0.3}),
    "exponential": ("ExponentialDecay", {"factor": 0.9}),
    "linear": ("Linear", {"end": 0.2}),
    "cosine": ("Cosine", {"end": 0.1}),
    "restarts": ("Cosine", {"period": 7}),
    "growing-restarts": ("Cosine", {"period": 4, "growth": 2, "end": 0.1}),
    "one-cycle": ("OneCycle", {}),
    "one-cycle-settings": ("OneCycle", {"start": 0.1, "end": 1e-3, "peak": 0.5}),
    "plateau": ("ReduceOnPlateau", {"factor": 0.5, "patience": 2}),
    "plateau-settings": (
        "ReduceOnPlateau",
        {"factor": 0.3, "patience": 1, "min_delta": 0.05, "cooldown": 2, "minimum": 0.02},
    ),
}
# What PyTorch has not, or not in this form.
MORE = {
    "constant": ("Constant", {}),
    "inverse-scaling": ("InverseScaling", {"power": 0.6}),
    "warmup": ("Warmup", {"epochs": 1.5}),
    "warmup-longer-than-the-fit": ("Warmup", {"epochs": 100}),
}


def made(package, kind, settings):
    return getattr(package, kind)(**settings)


def rates_by_step(schedule, n=1):
    """Return the learning rates of 30 steps as a fit asks for them, epoch by epoch."""
    found = []
    for epoch in range(STEPS // n):
        t = np.arange(epoch * n, (epoch + 1) * n)
        found.extend(RATE * schedule.factors(t, n, STEPS))
        schedule.observe(float(GOLDEN["losses"][epoch]), None)
    return np.array(found)


def rates_of_twin(schedule, n=1):
    found = []
    for t in range(STEPS):
        found.append(RATE * schedule.factor(t, n, STEPS))
        if t % n == n - 1:
            schedule.observe(float(GOLDEN["losses"][t // n]), None)
    return np.array(found)


def test_every_recorded_schedule_and_every_schedule_has_a_case():
    assert set(GOLDEN.files) == {*CASES, "losses"}
    kinds = {kind for kind, _ in [*CASES.values(), *MORE.values()]}
    public = {name for name in fb.__all__ if isinstance(getattr(fb, name), type)} - {"Schedule"}
    assert kinds == {name for name in public if issubclass(getattr(fb, name), fb.Schedule)}


@pytest.mark.parametrize("name", CASES)
def test_rates_are_pytorchs(name):
    np.testing.assert_allclose(rates_by_step(made(fb, *CASES[name])), GOLDEN[name], rtol=1e-12)


@pytest.mark.parametrize("n", [1, 3, 10])
@pytest.mark.parametrize("name", [*CASES, *MORE])
def test_rates_are_the_twins(name, n):
    kind = {**CASES, **MORE}[name]
    ours, theirs = rates_by_step(made(fb, *kind), n), rates_of_twin(made(reference, *kind), n)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-15)


def test_warmup_climbs_by_even_steps_and_hands_over():
    schedule = fb.Warmup(2, fb.Linear())
    np.testing.assert_allclose(
        schedule.factors(np.arange(10), 2, 10),
        [1 / 5, 2 / 5, 3 / 5, 4 / 5, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6],
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sizes", [(3, 5, 2), (3, 40, 2)], ids=["tiny", "small"])
@pytest.mark.parametrize("name", [*CASES, *MORE, "function"])
def test_a_fit_follows_the_schedule(name, sizes, dtype):
    structure = case(sizes, "tanh", "identity", "mse", dtype, 10, seed=4)
    net = structure.network()
    x, y = structure.rows()
    twin, rates = twin_of(net), []

    def function(epoch):
        rates.append(epoch)
        return 0.3 / epoch

    kind = {**CASES, **MORE}.get(name)
    ours = function if kind is None else made(fb, *kind)
    theirs = (lambda epoch: 0.3 / epoch) if kind is None else made(reference, *kind)
    optimizers = fb.SGD(0.2, momentum=0.5), reference.SGD(0.2, momentum=0.5)
    arguments = {"epochs": 6, "batch_size": 4, "shuffle": False}
    got = net.fit(x, y, optimizers[0], schedule=ours, progress=False, **arguments)
    want = twin.fit(x.tolist(), y.tolist(), optimizers[1], schedule=theirs, **arguments)
    assert_agree(got.loss, want.loss, dtype, "loss")
    assert_agree(got.learning_rate, want.learning_rate, "float64", "learning rate")
    assert_agree(net.params, twin.params, dtype, "params")
    assert optimizers[0].learning_rate == optimizers[1].learning_rate == 0.2
    assert rates in ([], [1, 2, 3, 4, 5, 6])


def test_a_fit_without_a_schedule_records_its_rate():
    structure = case((3, 5, 2), "tanh", "identity", "mse", "float64", 10, seed=4)
    net = structure.network()
    assert_same_fit(net, twin_of(net), *structure.rows(), fb.SGD(0.1), reference.SGD(0.1), epochs=2)
    history = net.fit(*structure.rows(), fb.SGD(0.1), epochs=2)
    assert history.learning_rate == [0.1, 0.1]


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_follow_the_schedule_bit_for_bit(threads, monkeypatch):
    from fastbp import threads as team_sizes

    monkeypatch.setattr(team_sizes, "usable_cores", lambda: 4)
    for cost in ("STEP_WORK", "ELEMENT_WORK", "CALL_WORK"):
        monkeypatch.setattr(team_sizes, cost, 1e-9)
    structure = case((9, 60, 30, 2), "tanh", "identity", "mse", "float32", 200, seed=4)
    params = []
    for count in (1, threads):
        net = structure.network()
        arguments = {"epochs": 4, "batch_size": 32, "threads": count, "schedule": fb.OneCycle()}
        net.fit(*structure.rows(), fb.Adam(0.01), **arguments)
        params.append(net.params)
    assert_same_bits(*params)


def test_a_diverged_fit_under_a_schedule_goes_back_to_its_last_finite_step():
    structure = case((3, 40, 2), "relu", "identity", "mse", "float64", 64, seed=4)
    x, y = structure.rows()
    net, optimizer = structure.network(), fb.SGD(1e-3)
    with pytest.warns(RuntimeWarning, match="loss became"):
        history = net.fit(
            x, y, optimizer, epochs=9, batch_size=8, schedule=lambda epoch: 10.0 ** (3 * epoch - 6)
        )
    assert history.stop_reason == "diverged"
    assert np.isfinite(net.params).all()
    assert np.isfinite(net.evaluate(x, y))
    assert optimizer.learning_rate == 1e-3


def test_bad_schedules_are_refused():
    net, x = fb.mlp([1, 1]), [[1.0]]
    with pytest.raises(TypeError, match=r"^schedule must be a schedule such as fb.Cosine"):
        net.fit(x, x, schedule="cosine")
    with pytest.raises(ValueError, match=r"^learning rate returned by schedule must be a finite"):
        net.fit(x, x, schedule=lambda epoch: -1.0)
    with pytest.raises(ValueError, match=r"^schedule must come with a learning_rate above 0"):
        net.fit(x, x, fb.SGD(0.0), schedule=lambda epoch: 1.0)
    for make, message in [
        (lambda: fb.StepDecay(0), "^every must be at least 1, got 0"),
        (lambda: fb.StepDecay(factor=0), "^factor must be a finite number, above 0"),
        (lambda: fb.Cosine(period=0), "^period must be a finite number, above 0"),
        (lambda: fb.Cosine(growth=0.5), "^growth must be a finite number, at least 1"),
        (lambda: fb.OneCycle(peak=1), "^peak must be a finite number, above 0, below 1"),
        (lambda: fb.ReduceOnPlateau(factor=1), "^factor must be a finite number, above 0, below 1"),
        (lambda: fb.Warmup(-1), "^epochs must be a finite number, at least 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            make()
    with pytest.raises(TypeError, match=r"^then must be a schedule such as fb.Cosine"):
        fb.Warmup(1, "cosine")
