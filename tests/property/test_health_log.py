"""Health over a fit: columns of the history that say what net.health says, and change nothing."""

import csv
import json
import math

import numpy as np
import pytest

import fastbp as fb

RNG = np.random.default_rng(7)
X, Y = RNG.normal(size=(60, 3)), RNG.normal(size=(60, 2))
LOOKED_AT = X[:20], Y[:20]


def network(**arguments):
    layers = [fb.Dense(5, "tanh", **arguments), fb.Dense(4, "relu"), fb.Dense(2)]
    return fb.Network(3, layers, seed=3)


def fit(net, *callbacks, epochs=4, **arguments):
    arguments = {"optimizer": fb.Adam(0.01), "batch_size": 16, "progress": False, **arguments}
    return net.fit(X, Y, epochs=epochs, callbacks=callbacks, **arguments)


KINDS = ["activation_mean", "activation_std", "dead", "saturated", "gradient_norm", "update_ratio"]


def test_columns_of_every_layer_and_an_item_an_epoch():
    history = fit(network(), fb.HealthLog(*LOOKED_AT))
    columns = history.columns()
    assert list(columns)[1:-3] == [f"{kind}_{layer}" for layer in (1, 2, 3) for kind in KINDS]
    assert all(len(values) == 4 for values in columns.values())
    assert all(np.isfinite(values).all() for values in columns.values())


def test_layers_without_slopes_of_their_own_have_no_shares():
    net = fb.mlp([3, 4, 2], output="softmax", loss="cross_entropy")
    labels = (Y[:, 0] > 0).astype(int)
    history = net.fit(X, labels, epochs=1, callbacks=fb.HealthLog(X, labels))
    names = set(history.columns())
    assert {"dead_1", "saturated_1", "update_ratio_2", "activation_std_2"} <= names
    assert not {"dead_2", "saturated_2"} & names


@pytest.mark.parametrize("optimizer", [fb.Adam(0.01), fb.SGD(0.1, momentum=0.9), fb.RMSprop(0.01)])
def test_figures_are_those_of_health_with_the_state_of_the_fit(optimizer):
    net, seen = network(), []

    def look(network, history):
        seen.append(network.health(*LOOKED_AT, optimizer=optimizer))

    history = fit(net, fb.HealthLog(*LOOKED_AT), look, optimizer=optimizer)
    for epoch, health in enumerate(seen):
        for layer in health.layers:
            got = [history[f"{kind}_{layer.number}"][epoch] for kind in KINDS]
            want = [layer.a.mean, layer.a.std, layer.dead, layer.saturated]
            assert got == [*want, layer.weight_gradient, layer.update_ratio]
    # A step with the state of the fit is not one of a new optimizer.
    fresh = type(optimizer)(optimizer.learning_rate)
    assert net.health(*LOOKED_AT, optimizer=fresh).layers[0].update_ratio != got[-1]


def test_a_fit_with_it_is_bit_for_bit_the_fit_without():
    nets = [network(dropout=0.3, norm="batch") for _ in range(2)]
    histories = [fit(nets[0]), fit(nets[1], fb.HealthLog(*LOOKED_AT))]
    assert (nets[0].params == nets[1].params).all()
    assert histories[0].loss == histories[1].loss


def test_epochs_between_two_looks_are_nan():
    history = fit(network(), fb.HealthLog(*LOOKED_AT, every=2), epochs=5)
    assert [math.isnan(value) for value in history["update_ratio_1"]] == [True, False] * 2 + [True]


@pytest.mark.parametrize("order", [1, -1])
def test_logs_carry_it_wherever_they_stand(tmp_path, order):
    table, lines = tmp_path / "run.csv", tmp_path / "run.jsonl"
    callbacks = [fb.CSVLog(table), fb.HealthLog(*LOOKED_AT, every=3), fb.JSONLog(lines)][::order]
    history = fit(network(), *callbacks)
    rows = list(csv.DictReader(table.read_text().splitlines()))
    entries = [json.loads(line) for line in lines.read_text().splitlines()]
    for epoch, (row, entry) in enumerate(zip(rows, entries, strict=True)):
        value = history["gradient_norm_2"][epoch]
        if epoch == 2:
            assert float(row["gradient_norm_2"]) == entry["gradient_norm_2"] == value > 0
        else:
            assert row["gradient_norm_2"] == "nan"
            assert entry["gradient_norm_2"] is None


def test_a_resumed_fit_goes_on_with_its_columns(tmp_path):
    path, log = tmp_path / "run.fastbp", fb.HealthLog(*LOOKED_AT, every=2)
    whole = fit(network(), log, epochs=6)
    fit(network(), fb.Checkpoint(path), log, epochs=3)
    resumed = fit(fb.load(path), log, epochs=6, resume=path)
    for name in whole.columns():
        if name not in ("seconds", "rows_per_second"):
            np.testing.assert_array_equal(resumed[name], whole[name], err_msg=name)


def test_a_fit_is_not_resumed_without_it(tmp_path):
    path = tmp_path / "run.fastbp"
    fit(network(), fb.Checkpoint(path), fb.HealthLog(*LOOKED_AT), epochs=2)
    with pytest.raises(ValueError, match=r"^metrics must be those of the checkpoint .* dead_1"):
        fit(fb.load(path), epochs=4, resume=path)


def test_two_figures_of_one_name_are_refused_before_the_first_step():
    net = network()
    start = net.params.copy()
    log = fb.HealthLog(*LOOKED_AT)
    with pytest.raises(
        ValueError, match=r"^callbacks must .* got 'activation_mean_1' of HealthLog"
    ):
        fit(net, log, fb.HealthLog(*LOOKED_AT))

    def dead_2(y, outputs):
        return 0.0

    with pytest.raises(ValueError, match=r"^callbacks must .* got 'dead_2' of HealthLog"):
        fit(net, log, metrics=dead_2)
    assert (net.params == start).all()


def test_rows_that_do_not_suit_are_refused_before_the_first_step():
    net = network()
    start = net.params.copy()
    with pytest.raises(ValueError, match=r"^x must have 3 columns \(network sizes 3-5-4-2\)"):
        fit(net, fb.HealthLog(X[:, :2], Y))
    assert (net.params == start).all()
    with pytest.raises(ValueError, match=r"^every must be at least 1, got 0"):
        fb.HealthLog(X, Y, every=0)


def test_a_callback_that_breaks_its_word_ends_the_fit():
    class Wrong(fb.Callback):
        def column_names(self, network):
            return ("one", "two")

        def figures(self, training):
            return {"one": 1.0}

    with pytest.raises(ValueError, match=r"^figures of Wrong must be .* one, two, got one$"):
        fit(network(), Wrong())


def test_own_figures_are_recorded_before_any_callback_is_called():
    class Steps(fb.Callback):
        def column_names(self, network):
            return ("steps",)

        def figures(self, training):
            return {"steps": training.total_steps}

    seen = []
    history = fit(network(), lambda net, history: seen.append(history["steps"][-1]), Steps())
    assert seen == history["steps"] == [4, 8, 12, 16]


def test_a_stream_and_standardised_sides_are_looked_at_too():
    sides = {"inputs": fb.Standardize(), "targets": fb.Standardize()}
    net = fb.Network(3, [fb.Dense(4, "tanh"), fb.Dense(2)], **sides)
    history = net.fit(
        100 + 50 * X, 1e6 * Y, epochs=2, callbacks=fb.HealthLog(100 + 50 * X, 1e6 * Y)
    )
    assert max(history["saturated_1"]) < 0.1
    blocks = [(X[:30], Y[:30]), (X[30:], Y[30:])]
    history = network().fit_stream(blocks, epochs=2, callbacks=fb.HealthLog(*LOOKED_AT))
    assert len(history["dead_2"]) == 2


def test_a_diverging_fit_ends_as_without_it():
    with pytest.warns(RuntimeWarning, match="became"):
        history = fit(network(), fb.HealthLog(*LOOKED_AT), optimizer=fb.SGD(1e6), epochs=20)
    assert history.stop_reason == "diverged"
