"""Logs of a fit in files: what they hold, who can read them when, what a resumed fit leaves."""

import csv
import json
import math
import subprocess
import sys

import numpy as np
import pytest
from tolerance import assert_same_bits

import fastbp as fb

N_ROWS, BATCH = 23, 4
STEPS = -(-N_ROWS // BATCH)


def rows():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(N_ROWS, 3))
    return x, np.tanh(x @ rng.normal(size=(3, 2)))


def network():
    return fb.mlp([3, 7, 2], "tanh", dtype="float64", seed=4)


def fit(net, callbacks, epochs=5, **more):
    arguments = {"batch_size": BATCH, "progress": False, **more}
    return net.fit(*rows(), fb.Adam(0.01), epochs=epochs, callbacks=callbacks, **arguments)


def read_csv(path):
    """Return the columns of a CSV file; every row must have as many fields as the header."""
    with open(path, encoding="utf-8", newline="") as file:
        names, *lines = csv.reader(file, strict=True)
    assert {len(line) for line in lines} <= {len(names)}
    return {name: [line[i] for line in lines] for i, name in enumerate(names)}


def read_json(path):
    text = path.read_text(encoding="utf-8")
    assert text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def expected(history):
    """Return the epochs' numbers and every column of the history."""
    columns = history.columns()
    return {"epoch": list(range(1, 1 + len(columns["loss"]))), **columns}


def assert_same_log(path, history):
    """Compare a file with the history: the same names in the same order, every float exactly."""
    want = expected(history)
    if path.suffix == ".csv":
        found = read_csv(path)
        assert list(found) == list(want)
        assert found == {name: [repr(value) for value in want[name]] for name in want}
    else:
        entries = [entry for entry in read_json(path) if "step" not in entry]
        assert [list(entry) for entry in entries] == [list(want)] * len(history.loss)
        assert {name: [entry[name] for entry in entries] for name in want} == want


LOGS = {"run.csv": fb.CSVLog, "run.jsonl": fb.JSONLog}
every_log = pytest.mark.parametrize(("name", "make"), LOGS.items(), ids=LOGS)


def odd_metrics():
    """Return metrics whose names are no plain words."""

    def largest(y, outputs):
        return np.float32(outputs.max())

    largest.__name__ = 'largest, or "ü"'

    def smallest(y, outputs):
        return int(outputs.min())

    smallest.__name__ = "two\nlines"
    return [largest, smallest, lambda y, outputs: np.float64(outputs.mean())]


@every_log
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"validation": 0.2, "metrics": ["r2", "gradient_norm"], "schedule": fb.Cosine()},
        {"validation": 0.3, "metrics": odd_metrics()},
    ],
    ids=["plain", "metrics", "odd names"],
)
def test_a_log_is_the_history(tmp_path, name, make, more):
    path = tmp_path / name
    history = fit(network(), make(path), **more)
    assert len(history.loss) == 5
    assert_same_log(path, history)


@every_log
def test_a_log_takes_a_text_for_its_path_and_a_new_fit_writes_it_anew(tmp_path, name, make):
    path = tmp_path / name
    path.write_text("something else\n" * 1000)
    log, net = make(str(path)), network()
    fit(net, log, epochs=9, metrics="r2")
    assert_same_log(path, fit(net, log, epochs=2))


@every_log
def test_others_can_read_each_line_when_its_epoch_has_ended(tmp_path, name, make):
    path, seen = tmp_path / name, []

    def read(network, history):
        command = [sys.executable, "-c", f"print(len(open({str(path)!r}, 'rb').read()))"]
        length = int(subprocess.run(command, capture_output=True, check=True).stdout)
        assert length == path.stat().st_size
        seen.append(path.read_bytes())
        assert_same_log(path, history)

    fit(network(), [make(path), read], epochs=3)
    assert seen[0] == path.read_bytes()[: len(seen[0])]
    assert len(seen) == 3


@every_log
def test_a_figure_that_is_not_finite_is_written_as_such(tmp_path, name, make):
    path, values = tmp_path / name, iter([1.5, math.nan, math.inf, -math.inf])

    def odd(y, outputs):
        return next(values)

    fit(network(), make(path), epochs=4, metrics=odd)
    if make is fb.CSVLog:
        assert read_csv(path)["odd"] == ["1.5", "nan", "inf", "-inf"]
    else:
        assert [entry["odd"] for entry in read_json(path)] == [1.5, None, None, None]


def test_steps_stand_between_epochs_in_a_json_log(tmp_path):
    path, seen = tmp_path / "run.jsonl", []

    def note(training):
        seen.append({"epoch": training.epoch, "step": training.step, "loss": training.loss})

    log = fb.JSONLog(path, every_steps=4)
    history = fit(network(), [log, fb.EverySteps(4, note)], epochs=4)
    assert_same_log(path, history)
    lines = read_json(path)
    assert [line for line in lines if "step" in line] == seen
    assert len(seen) == 4 * STEPS // 4
    places = [(line["epoch"], line.get("step", -1)) for line in lines]
    assert places == sorted(places)


class Failing(fb.Callback):
    """Fail after an epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def after_epoch(self, training):
        if training.epoch == self.epoch:
            raise LookupError("here")


@every_log
def test_a_log_is_closed_at_the_end_also_where_an_error_is_the_end(tmp_path, name, make):
    path = tmp_path / name
    log = make(path)
    opened = []

    class Look(fb.Callback):
        def begin(self, training):
            opened.append(log._file)

    fit(network(), [log, Look()])
    with pytest.raises(LookupError, match="here"):
        fit(network(), [log, Look(), Failing(2)])
    with pytest.warns(RuntimeWarning, match=r"not finite|became"):
        network().fit(*rows(), fb.SGD(1e300), callbacks=[log, Look()])
    assert [file.closed for file in opened] == [True] * 3


@every_log
def test_rows_before_an_error_and_before_a_divergence_are_there(tmp_path, name, make):
    path = tmp_path / name
    with pytest.raises(LookupError, match="here"):
        fit(network(), [make(path), Failing(2)])
    whole = fit(network(), ())
    if make is fb.CSVLog:
        assert read_csv(path)["loss"] == list(map(repr, whole.loss[:2]))
    else:
        assert [entry["loss"] for entry in read_json(path)] == whole.loss[:2]


@every_log
def test_a_folder_that_is_not_there_is_said_before_the_first_step(tmp_path, name, make):
    net, optimizer, ended = network(), fb.Adam(0.01), []

    class Last(fb.Callback):
        def end(self, training):
            ended.append(training.total_steps)

    before = net.params.copy()
    path = tmp_path / "none" / name
    with pytest.raises(FileNotFoundError, match=f"No such file or directory: '.*none.*{name}'"):
        net.fit(*rows(), optimizer, callbacks=[Last(), make(path)])
    assert_same_bits(net.params, before)
    assert (optimizer.steps, ended) == (0, [0])
    with pytest.raises(IsADirectoryError):
        net.fit(*rows(), optimizer, callbacks=make(tmp_path))
    assert_same_bits(net.params, before)


def resumed(path, checkpoint, callbacks, epochs=6, **more):
    """Go on in a new network."""
    return fit(network(), callbacks, epochs, resume=checkpoint, **more)


@every_log
@pytest.mark.parametrize("more", [{}, {"metrics": odd_metrics()[:2]}], ids=["", "odd names"])
def test_a_resumed_fit_drops_what_it_takes_again(tmp_path, name, make, more):
    path, checkpoint = tmp_path / name, tmp_path / "run.fastbp"
    callbacks = [make(path), fb.Checkpoint(checkpoint, every=3), Failing(5)]
    with pytest.raises(LookupError, match="here"):
        fit(network(), callbacks, epochs=6, **more)
    first = path.read_bytes()
    history = resumed(path, checkpoint, make(path), **more)
    assert_same_log(path, history)
    # What lies before the checkpoint is not written again.
    kept = first.splitlines(keepends=True)[:-2]
    assert path.read_bytes().startswith(b"".join(kept))


@every_log
def test_a_resumed_fit_adds_epochs_that_only_its_checkpoint_knows(tmp_path, name, make):
    path, checkpoint = tmp_path / name, tmp_path / "run.fastbp"
    # The checkpoint is made before the line of its epoch, which the error prevents.
    callbacks = [fb.Checkpoint(checkpoint), Failing(4), make(path)]
    with pytest.raises(LookupError, match="here"):
        fit(network(), callbacks, epochs=6)
    assert_same_log(path, resumed(path, checkpoint, make(path)))
    other = tmp_path / f"other-{name}"
    assert_same_log(other, resumed(other, checkpoint, make(other)))


@every_log
@pytest.mark.parametrize("left", [-1, -5, -60, 20, 0])
def test_a_line_that_was_cut_off_is_written_again(tmp_path, name, make, left):
    path, checkpoint = tmp_path / name, tmp_path / "run.fastbp"
    fit(network(), [make(path), fb.Checkpoint(checkpoint)], epochs=3)
    path.write_bytes(path.read_bytes()[:left])
    assert_same_log(path, resumed(path, checkpoint, make(path)))


@pytest.mark.parametrize("step", [2, STEPS, STEPS + 4, 2 * STEPS + 1])
def test_a_fit_resumed_within_an_epoch_has_each_line_once(tmp_path, step):
    whole, parts = tmp_path / "whole.jsonl", tmp_path / "parts.jsonl"
    table, checkpoint = tmp_path / "parts.csv", tmp_path / "run.fastbp"

    def save(training):
        if training.total_steps == step:
            training.save(checkpoint)
        return training.total_steps == step + 5

    fit(network(), fb.JSONLog(whole, 1), epochs=4)
    logs = [fb.JSONLog(parts, 1), fb.CSVLog(table)]
    fit(network(), [*logs, fb.EverySteps(1, save)], epochs=4)
    history = fit(network(), logs, epochs=4, resume=checkpoint)
    assert_same_log(parts, history)
    assert_same_log(table, history)

    def without_times(path):
        times = ("seconds", "rows_per_second")
        return [
            {name: value for name, value in line.items() if name not in times}
            for line in read_json(path)
        ]

    assert without_times(parts) == without_times(whole)


@every_log
@pytest.mark.parametrize(
    "text", ["a,b\n1,2\n", "[1]\n", '{"loss": 1}\n', "epoch,loss\n1,0.5\n", "\n"]
)
def test_a_file_that_is_no_log_of_the_fit_is_left_as_it_is(tmp_path, name, make, text):
    path, checkpoint = tmp_path / name, tmp_path / "run.fastbp"
    fit(network(), fb.Checkpoint(checkpoint), epochs=3)
    path.write_text(text)
    log = make(path)
    with pytest.raises(ValueError, match=f"^{name} must be the log of the fit that is resumed, "):
        resumed(path, checkpoint, log)
    assert log._file is None
    assert path.read_text() == text


@pytest.mark.parametrize("make", [fb.CSVLog, fb.JSONLog])
@pytest.mark.parametrize("path", [None, 3, ["run.csv"]])
def test_a_path_must_be_a_path(make, path):
    with pytest.raises(TypeError, match=r"^path must be a string or a path, got "):
        make(path)
