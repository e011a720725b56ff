"""When a fit ends, what it reports, and that a network survives copying and saving bit for bit."""

import copy
import math
import os
import pickle
import time

import numpy as np
import pytest
from strategies import OPTIMIZERS, optimizer_pair, twin_of
from tolerance import assert_agree, assert_same_bits, plain

import fastbp as fb
from fastbp import reference, spec


def line(dtype="float64"):
    """Return (network y = w x + b at 0, x, y) whose fit by SGD(0.1) is known in closed form."""
    net = fb.mlp([1, 1], dtype=dtype)
    net.params = [0.0, 0.0]
    return net, np.ones((1, 1)), np.ones(1)


# One row (1, 1): both gradients are the error e, L = e^2 / 2, and a step multiplies e by 1 - 0.2.
LOSSES = [0.8 ** (2 * epoch) / 2 for epoch in range(200)]


def fit(net, x, y, optimizer=None, **arguments):
    """Fit with SGD(0.1), quietly."""
    optimizer = optimizer or fb.SGD(0.1)
    return net.fit(x, y, optimizer, **{"epochs": 200, "progress": False, **arguments})


def test_without_a_rule_all_epochs_are_taken():
    history = fit(*line(), epochs=7)
    assert history.stop_reason == "epochs"
    assert history.message == ""
    assert history.validation_loss == []
    np.testing.assert_allclose(history.loss, LOSSES[:7], rtol=1e-12)
    assert len(history.seconds) == 7
    assert history.seconds == sorted(history.seconds)
    assert 0 < history.seconds[0] <= history.seconds[-1] < 10
    assert all(type(value) is float for value in history.loss + history.seconds)


def test_loss_stops_at_the_first_epoch_that_reaches_it():
    history = fit(*line(), stop=fb.Stop(loss=LOSSES[5] * (1 + 1e-9)))
    assert (history.stop_reason, len(history.loss)) == ("loss", 6)
    history = fit(*line(), stop=fb.Stop(loss=0.5))
    assert (history.stop_reason, len(history.loss)) == ("loss", 1)


def test_gradient_norm_stops_at_the_first_epoch_whose_last_batch_reaches_it():
    # The norm is sqrt(2) e = 2 sqrt(L).
    limit = 2 * math.sqrt(LOSSES[9]) * (1 + 1e-9)
    history = fit(*line(), stop=fb.Stop(gradient_norm=limit))
    assert (history.stop_reason, len(history.loss)) == ("gradient_norm", 10)


def test_seconds_stop_a_fit_at_an_epochs_end_and_within_one():
    started = time.perf_counter()
    history = fit(*line(), epochs=10**9, stop=fb.Stop(seconds=0.05))
    assert history.stop_reason == "seconds"
    assert 0.05 <= time.perf_counter() - started < 5
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50_000, 64)), rng.normal(size=50_000)
    started = time.perf_counter()
    history = fit(
        fb.mlp([64, 512, 1]), x, y, fb.SGD(1e-4), batch_size=16, stop=fb.Stop(seconds=0.05)
    )
    assert history.stop_reason == "seconds"
    assert time.perf_counter() - started < 5
    assert len(history.loss) == len(history.seconds)


def patience_case(values, **rules):
    """Fit with a validation loss that follows `values`; return the history."""
    net, x, y = line()
    # A validation row x = 0 predicts b alone, which the callback sets: L = b^2 / 2.
    values = iter(values)

    def set_next(network, history):
        network.params = [0.0, math.sqrt(2 * next(values, 0.0))]

    set_next(net, None)
    validation = (np.zeros((1, 1)), np.zeros(1))
    return fit(
        net,
        x,
        y,
        fb.SGD(0.0),
        epochs=12,
        validation=validation,
        callbacks=[set_next],
        stop=fb.Stop(**rules),
    )


@pytest.mark.parametrize(
    ("values", "rules", "epochs"),
    [
        ([5, 4, 4, 4, 4, 4], {"patience": 2}, 4),
        ([5, 4, 4, 4, 4, 4], {"patience": 1}, 3),
        ([5, 6, 4, 6, 3, 6, 6, 6], {"patience": 2}, 7),
        ([5, 4.9, 4.8, 4.7, 4.6], {"patience": 2, "min_delta": 1.0}, 3),
        ([5, 4.4, 3.9, 3.7, 3.6], {"patience": 2, "min_delta": 1.0}, 5),
        ([5, 4, 3, 2, 1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3], {"patience": 1}, None),
        ([5, 9, 9, 9], {"patience": 2, "monitor": "validation_loss"}, 3),
    ],
    ids=str,
)
def test_patience_counts_epochs_without_a_fall_below_the_best(values, rules, epochs):
    history = patience_case(values, **rules)
    if epochs is None:
        assert (history.stop_reason, len(history.loss)) == ("epochs", 12)
    else:
        assert (history.stop_reason, len(history.loss)) == ("patience", epochs)
        np.testing.assert_allclose(history.validation_loss, values[:epochs], rtol=1e-12)
    assert len(history.validation_loss) == len(history.loss) == len(history.seconds)


def test_patience_without_validation_follows_the_training_loss():
    history = fit(*line(), fb.SGD(0.0), stop=fb.Stop(patience=3))
    assert (history.stop_reason, len(history.loss)) == ("patience", 4)
    assert fit(*line(), stop=fb.Stop(patience=1), epochs=20).stop_reason == "epochs"


def test_monitor_loss_follows_the_training_loss_although_there_is_validation():
    net, x, y = line()
    # Training pulls the prediction to 1, away from the 0 of the validation row.
    arguments = {"validation": (x, [0.0]), "epochs": 20}
    assert fit(net, x, y, stop=fb.Stop(patience=2), **arguments).stop_reason == "patience"
    net, x, y = line()
    stop = fb.Stop(patience=2, monitor="loss")
    assert fit(net, x, y, stop=stop, **arguments).stop_reason == "epochs"


@pytest.mark.parametrize("monitor", [None, "validation_loss", "loss"])
def test_restore_best_puts_back_the_parameters_of_the_lowest_monitored_loss(monitor):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(40, 3)), rng.normal(size=40)
    net = fb.mlp([3, 8, 1], "tanh", dtype="float64")
    trail = []
    history = fit(
        net,
        x,
        y,
        fb.SGD(0.3, momentum=0.9),
        epochs=30,
        batch_size=5,
        validation=0.5,
        stop=fb.Stop(restore_best=True, monitor=monitor),
        callbacks=[lambda network, _: trail.append(network.params.copy()) and False],
    )
    assert history.stop_reason == "epochs"
    followed = history.loss if monitor == "loss" else history.validation_loss
    best = int(np.argmin(followed))
    assert best < 29
    assert_same_bits(net.params, trail[best])
    without = fb.mlp([3, 8, 1], "tanh", dtype="float64")
    arguments = {"epochs": 30, "batch_size": 5, "validation": 0.5}
    fit(without, x, y, fb.SGD(0.3, momentum=0.9), **arguments)
    assert_same_bits(without.params, trail[-1])


@pytest.mark.parametrize("stop", [{"patience": 4, "restore_best": True}, {"loss": 0.05}], ids=str)
@pytest.mark.parametrize("optimizer", ["sgd-momentum", "adam"])
def test_rules_stop_package_and_twin_at_the_same_epoch(stop, optimizer):
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(12, 3)), rng.normal(size=12)
    net = fb.mlp([3, 6, 1], "tanh", dtype="float64", seed=2)
    twin = twin_of(net)
    ours, theirs = optimizer_pair(optimizer)
    more = {"epochs": 60, "batch_size": 4, "shuffle": False}
    validation = (x[:4] + 0.1, y[:4])
    got = net.fit(x, y, ours, validation=validation, stop=fb.Stop(**stop), progress=False, **more)
    want = twin.fit(
        plain(x),
        plain(y),
        theirs,
        validation=tuple(map(plain, validation)),
        stop=reference.Stop(**stop),
        **more,
    )
    assert (got.stop_reason, len(got.loss)) == (want.stop_reason, len(want.loss))
    assert_agree(np.array(got.loss), want.loss, "float64")
    assert_agree(np.array(got.validation_loss), want.validation_loss, "float64")
    np.testing.assert_allclose(net.params, twin.params, rtol=1e-9)


def test_callbacks_see_the_network_and_its_history_after_every_epoch():
    net, x, y = line()
    seen = []
    callbacks = [
        lambda network, history: seen.append((network is net, len(history.loss))),
        lambda network, history: len(history.seconds) == 3,
        lambda network, history: seen.append(history.loss[-1]),
    ]
    history = fit(net, x, y, callbacks=callbacks)
    assert (history.stop_reason, len(history.loss)) == ("callback", 3)
    assert seen[::2] == [(True, 1), (True, 2), (True, 3)]
    assert seen[1::2] == history.loss
    assert fit(*line(), callbacks=lambda network, history: True).stop_reason == "callback"


def test_a_callback_may_use_the_network():
    net, x, y = line()
    found = []

    def use(network, history):
        network.predict(x)
        network.gradient(x, y)
        found.append(network.evaluate(x, y))

    fit(net, x, y, callbacks=[use], epochs=5)
    np.testing.assert_allclose(found, LOSSES[1:6], rtol=1e-12)


def test_an_error_in_a_callback_reaches_the_caller_and_the_network_stays_usable():
    net, x, y = line()

    def fail(network, history):
        raise RuntimeError("mine")

    optimizer = fb.SGD(0.1)
    with pytest.raises(RuntimeError, match="mine"):
        fit(net, x, y, optimizer, callbacks=[fail])
    np.testing.assert_allclose(net.evaluate(x, y), LOSSES[1], rtol=1e-12)
    history = fit(net, x, y, optimizer, epochs=2)
    np.testing.assert_allclose(history.loss, LOSSES[1:3], rtol=1e-12)


def test_progress_prints_a_line_an_epoch_to_standard_error(capsys):
    net, x, y = line()
    net.fit(x, y, fb.SGD(0.1), epochs=3, progress=True, validation=(x, y))
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("epoch 1/3  loss 0.5  validation_loss 0.32")
    net.fit(x, y, fb.SGD(0.1), epochs=3, progress=False)
    net.fit(x, y, fb.SGD(0.1), epochs=3)  # standard error is no terminal here
    assert capsys.readouterr().err == ""


def test_validation_rows_are_evaluated_after_each_epoch():
    net, x, y = line()
    rows = (np.array([[2.0], [3.0]]), np.array([1.0, 0.0]))
    found = []
    history = fit(
        net,
        x,
        y,
        epochs=4,
        validation=rows,
        callbacks=[lambda network, _: found.append(network.evaluate(*rows))],
    )
    assert history.validation_loss == found
    again = fit(*line(), epochs=4, validation=list(rows))
    assert again.validation_loss == found


def test_a_validation_fraction_holds_out_the_last_rows_without_shuffle():
    x, y = np.arange(1.0, 9.0)[:, np.newaxis], np.r_[np.zeros(6), 4.0, 8.0]
    net, _, _ = line()
    history = fit(net, x, y, fb.SGD(0.0), epochs=2, shuffle=False, validation=0.25)
    assert history.loss == [0.0, 0.0]
    assert history.validation_loss == [(8 + 32) / 2] * 2


def test_a_validation_fraction_holds_out_rows_drawn_by_the_seed():
    # The sum of the two sides is that of all rows; which rows are held out shows in the loss.
    x, y = np.ones((20, 1)), np.sqrt(2 * np.arange(1.0, 21.0))

    def held_out(seed):
        net = fb.mlp([1, 1], dtype="float64", seed=seed)
        net.params = [0.0, 0.0]
        history = fit(net, x, y, fb.SGD(0.0), epochs=1, validation=0.3)
        total = 14 * history.loss[0] + 6 * history.validation_loss[0]
        assert total == pytest.approx(210, rel=1e-12)
        return round(6 * history.validation_loss[0], 6)

    assert held_out(1) == held_out(1)
    assert len({held_out(seed) for seed in range(8)}) > 1


def test_the_loss_of_an_epoch_is_the_mean_over_rows_of_the_losses_before_each_update():
    net, _, _ = line()
    alone, _, _ = line()
    x, y = np.arange(1.0, 8.0)[:, np.newaxis] / 7, np.arange(7.0)
    weight = np.array([1.0, 2, 0, 0, 5, 1, 3])
    history = fit(net, x, y, epochs=2, batch_size=2, shuffle=False, sample_weight=weight)
    optimizer = fb.SGD(0.1)
    for loss in history.loss:
        parts = [slice(start, start + 2) for start in (0, 4, 6)]  # the second has no weight
        steps = [alone.train_step(x[p], y[p], optimizer, weight[p]) for p in parts]
        assert loss == pytest.approx(np.average(steps, weights=[3, 6, 3]), rel=1e-14)
    assert_same_bits(net.params, alone.params)


@pytest.mark.parametrize("dtype", spec.DTYPES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_state_of_an_optimizer_goes_on_over_train_step_and_fit(name, dtype):
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))

    def run(*parts):
        net = fb.mlp([3, 5, 2], "tanh", dtype=dtype)
        optimizer = optimizer_pair(name)[0]
        for part in parts:
            if part == "step":
                net.train_step(x, y, optimizer)
            else:
                fit(net, x, y, optimizer, epochs=part, batch_size=8, shuffle=False)
        assert optimizer.steps == 6
        return net.params

    whole = run(6)
    assert_same_bits(run(1, 5), whole)
    assert_same_bits(run("step", 4, "step"), whole)
    assert_same_bits(run(*["step"] * 6), whole)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_reset_forgets_the_state(name):
    x, y = np.array([[1.0, -2.0]]), np.array([0.5])
    runs = []
    optimizer = optimizer_pair(name)[0]
    for _ in range(2):
        net = fb.mlp([2, 3, 1], "tanh", dtype="float64")
        for _ in range(3):
            net.train_step(x, y, optimizer)
        runs.append(net.params.copy())
        assert optimizer.steps == 3
        optimizer.reset()
        assert optimizer.steps == 0
    assert_same_bits(runs[1], runs[0])


def test_a_name_is_an_optimizer_with_its_defaults():
    for name, optimizer in (("sgd", fb.SGD()), ("adam", fb.Adam())):
        net, x, y = line()
        other, _, _ = line()
        net.fit(x, y, name, epochs=3, progress=False)
        other.fit(x, y, optimizer, epochs=3, progress=False)
        assert_same_bits(net.params, other.params)


def test_a_changed_learning_rate_holds_from_the_next_step():
    net, x, y = line()
    optimizer = fb.SGD(0.1)
    net.train_step(x, y, optimizer)
    optimizer.learning_rate = 0.5
    assert net.train_step(x, y, optimizer) == pytest.approx(LOSSES[1])
    assert net.evaluate(x, y) == pytest.approx(0, abs=1e-30)  # 1 - 2 * 0.5 = 0


def rich_network(dtype):
    """Return a trained network that uses every part of the description."""
    layers = [
        fb.Dense(5, "tanh", bias=False),
        fb.Dense(4, "relu", init="glorot_normal"),
        fb.Dense(3, "softmax"),
    ]
    net = fb.Network(2, layers, loss="cross_entropy", dtype=dtype, seed=17)
    x = np.random.default_rng(0).normal(size=(9, 2))
    net.fit(x, np.arange(9) % 3, fb.Adam(0.05), epochs=3, progress=False)
    net.metadata = {"classes": ["a", "ü", "c"], "mean": [0.1, -2.5e300], "n": None, "ok": True}
    return net, x


def by_file(net, tmp_path):
    net.save(tmp_path / "model.fastbp")
    return fb.load(tmp_path / "model.fastbp")


WAYS = {
    "file": by_file,
    "pickle": lambda net, _: pickle.loads(pickle.dumps(net)),
    "deepcopy": lambda net, _: copy.deepcopy(net),
    "file of a pickle": lambda net, path: by_file(pickle.loads(pickle.dumps(net)), path),
}


@pytest.mark.parametrize("dtype", spec.DTYPES)
@pytest.mark.parametrize("way", WAYS)
def test_a_copied_network_is_the_same_bit_for_bit_and_independent(way, dtype, tmp_path):
    net, x = rich_network(dtype)
    found = WAYS[way](net, tmp_path)
    assert_same_bits(found.params, net.params)
    assert_same_bits(found.predict(x), net.predict(x))
    assert [repr(layer) for layer in found.layers] == [repr(layer) for layer in net.layers]
    for name in ("sizes", "loss", "dtype", "seed", "metadata"):
        assert getattr(found, name) == getattr(net, name), name
    assert found.biases[0] is None
    assert found.metadata is not net.metadata
    assert found.metadata["classes"] is not net.metadata["classes"]
    before = net.params.copy()
    y = np.arange(9) % 3
    found.train_step(x, y, fb.SGD(0.5))
    assert_same_bits(net.params, before)
    assert not np.array_equal(found.params, before)
    found.params = before
    for one in (net, found):
        one.fit(x, y, fb.Adam(), epochs=3, batch_size=4, progress=False)
    assert_same_bits(found.params, net.params)


def test_a_saved_file_has_the_name_and_the_permissions_that_were_asked_for(tmp_path):
    net, _ = rich_network("float32")
    for path in (tmp_path / "model", str(tmp_path / "other.bin")):
        net.save(path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model", "other.bin"]
    (tmp_path / "plain").write_bytes(b"")
    wanted = os.stat(tmp_path / "plain").st_mode
    assert os.stat(tmp_path / "model").st_mode == wanted, "as any new file of this user"


def test_saving_replaces_an_old_file(tmp_path):
    path = tmp_path / "model.fastbp"
    path.write_text("old")
    net, _ = rich_network("float64")
    net.save(path)
    net.params[0] += 1
    net.save(path)
    assert_same_bits(fb.load(path).params, net.params)
    assert [p.name for p in tmp_path.iterdir()] == ["model.fastbp"]


def test_parameters_that_are_nan_or_infinite_survive_a_file(tmp_path):
    net = fb.mlp([1, 1], dtype="float64")
    net.params[:] = [math.nan, -math.inf]
    net.save(tmp_path / "model.fastbp")
    assert fb.load(tmp_path / "model.fastbp").params.tobytes() == net.params.tobytes()


def test_copies_of_an_optimizer_have_its_settings_and_no_state():
    net, x, y = line()
    optimizer = fb.Adam(0.25, beta1=0.5)
    net.train_step(x, y, optimizer)
    for one in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        assert repr(one) == repr(optimizer)
        assert (one.steps, optimizer.steps) == (0, 1)
        line()[0].train_step(x, y, one)
