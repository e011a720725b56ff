"""A fit that is taken up from a checkpoint goes on as if it had never ended, bit for bit."""

import json
import subprocess
import sys

import numpy as np
import pytest
from refusal import refuse
from strategies import OPTIMIZERS, optimizer_pair
from structures import STRUCTURES, structure

import fastbp as fb
from fastbp import files
from fastbp.optimizers import BY_NAME

N_ROWS, BATCH, EPOCHS = 53, 8, 6
STEPS = -(-N_ROWS // BATCH)

SCHEDULES = {
    "step": lambda: fb.StepDecay(2, 0.5),
    "exponential": lambda: fb.ExponentialDecay(0.9),
    "inverse": lambda: fb.InverseScaling(),
    "linear": lambda: fb.Linear(),
    "cosine": lambda: fb.Cosine(),
    "restarts": lambda: fb.Cosine(period=1.5, growth=2),
    "warmup": lambda: fb.Warmup(1.5, fb.Cosine()),
    "one-cycle": lambda: fb.OneCycle(),
    "plateau": lambda: fb.ReduceOnPlateau(0.5, patience=0, cooldown=1),
    "warmup-plateau": lambda: fb.Warmup(1, fb.ReduceOnPlateau(0.5, patience=0)),
    "function": lambda: lambda epoch: 0.05 / epoch,
}


def rows(n_in=3, n_out=2, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(N_ROWS, n_in))
    return x, np.tanh(x @ rng.normal(size=(n_in, n_out)))


def network(dtype="float64", seed=4):
    return fb.mlp([3, 7, 2], "tanh", dtype=dtype, seed=seed)


class SaveAt(fb.Callback):
    """Save after so many steps in all, and end the fit there."""

    def __init__(self, path, step):
        self.path, self.every_steps, self.saved = path, step, False

    def after_steps(self, training):
        if not self.saved:
            self.saved = training.save(self.path)
        return True


def left(net, optimizer, history):
    """Return all that a fit leaves behind but its times."""
    columns = {
        name: values
        for name, values in history.columns().items()
        if name not in ("seconds", "rows_per_second")
    }
    state = [net.params.tobytes(), optimizer.slots.tobytes(), optimizer.clock.tobytes()]
    return columns, state, optimizer.hyper.tolist(), history.stop_reason


def assert_resumes(tmp_path, make, optimizer, step, data=None, schedule=None, **more):
    """Fit in one go, and in two with a file and a new network in between; compare."""
    x, y = data or rows()
    arguments = {"epochs": EPOCHS, "batch_size": BATCH, "progress": False, **more}

    def fit(net, rule, **extra):
        made = schedule() if schedule else None
        history = net.fit(x, y, rule, schedule=made, **arguments, **extra)
        return left(net, rule, history)

    expected = fit(make(), optimizer())
    path = tmp_path / "run.fastbp"
    fit(make(), optimizer(), callbacks=SaveAt(path, step))
    other = make()
    other.params = np.zeros(other.params.size)
    assert fit(other, optimizer(), resume=path) == expected
    return path


@pytest.mark.parametrize("step", [3, 3 * STEPS, 3 * STEPS + 4], ids="step {}".format)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_goes_on(tmp_path, name, step):
    assert_resumes(tmp_path, network, lambda: optimizer_pair(name)[0], step)


def test_no_optimizer_is_left_out():
    kinds = {kind for kind, _ in OPTIMIZERS.values()}
    assert kinds | {"Rprop"} == {kind.__name__ for kind in BY_NAME.values()}


@pytest.mark.parametrize("step", [1, 3])
def test_rprop_goes_on(tmp_path, step):
    assert_resumes(tmp_path, network, lambda: fb.Rprop(), step, batch_size=None)


@pytest.mark.parametrize("step", [5, 2 * STEPS, 4 * STEPS + 1], ids="step {}".format)
@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_goes_on(tmp_path, name, step):
    assert_resumes(tmp_path, network, lambda: fb.Adam(0.05), step, schedule=SCHEDULES[name])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", STRUCTURES)
def test_every_kind_of_layer_goes_on(tmp_path, name, dtype):
    def make():
        return structure(fb, name, dtype)

    net = make()
    rng = np.random.default_rng(1)
    x = rng.normal(size=(N_ROWS, net.sizes[0]))
    y = rng.normal(size=(N_ROWS, net.sizes[-1]))
    if net.loss == "cross_entropy":
        y = rng.integers(0, net.sizes[-1], N_ROWS)
    step = 2 * STEPS + 3
    assert_resumes(tmp_path, make, lambda: fb.Adam(0.01), step, data=(x, y))


@pytest.mark.parametrize("shuffle", ["rows", "blocks", "none"])
@pytest.mark.parametrize("step", [2 * STEPS, 2 * STEPS + 3])
def test_every_order_of_the_rows_goes_on(tmp_path, shuffle, step):
    assert_resumes(tmp_path, network, lambda: fb.SGD(0.05), step, shuffle=shuffle)


@pytest.mark.parametrize("step", [12, 21])
def test_validation_metrics_and_weights_go_on(tmp_path, step):
    assert_resumes(
        tmp_path,
        network,
        lambda: fb.Adam(0.02),
        step,
        validation=0.25,
        metrics=["r2", "gradient_norm"],
        sample_weight=np.linspace(0.5, 2, N_ROWS),
        stop=fb.Stop(gradient_norm=1e-9, seconds=1e6),
    )


def test_a_fit_goes_on_with_another_number_of_threads(tmp_path, monkeypatch):
    from bits.trained import force_teams

    force_teams(change=monkeypatch.setattr)
    x, y = rows()
    found = []
    for first, second in [(1, 3), (3, 1), (2, 2)]:
        path = tmp_path / f"{first}.fastbp"
        arguments = {"epochs": EPOCHS, "batch_size": BATCH}
        callbacks = SaveAt(path, 2 * STEPS + 1)
        network().fit(x, y, "adam", threads=first, callbacks=callbacks, **arguments)
        net = network()
        net.fit(x, y, "adam", threads=second, resume=path, **arguments)
        found.append(net.params.tobytes())
    assert len(set(found)) == 1


@pytest.mark.parametrize("step", [2, 4])
def test_patience_and_the_best_parameters_go_on(tmp_path, step):
    def make():
        return fb.mlp([3, 3, 2], "tanh", dtype="float64", seed=1)

    # The second epoch is the best; patience runs out after the checkpoint.
    for patience in (3, 4, 9):
        stop = fb.Stop(patience=patience, restore_best=True)
        assert_resumes(
            tmp_path, make, lambda: fb.SGD(1.9), step, stop=stop, batch_size=None, epochs=60
        )


def test_a_network_without_a_seed_goes_on(tmp_path):
    x, y = rows()
    net = fb.Network(3, [fb.Dense(9, "tanh", dropout=0.3), fb.Dense(2)], seed=None)
    begun = net.params.copy()
    path = tmp_path / "run.fastbp"

    class Both(fb.Callback):
        every_steps = 2 * STEPS + 2

        def after_steps(self, training):
            if training.total_steps == self.every_steps:
                training.save(path)

    optimizer = fb.Adam(0.01)
    history = net.fit(x, y, optimizer, epochs=6, validation=0.2, callbacks=Both(), batch_size=6)
    other = fb.load(path)
    rule = fb.Adam(0.01)
    again = other.fit(x, y, rule, epochs=6, validation=0.2, batch_size=6, resume=path)
    assert (begun != net.params).any()
    assert left(other, rule, again) == left(net, optimizer, history)


def test_checkpoints_of_whole_epochs_add_up(tmp_path):
    # n epochs, and n more through a file, are 2 n: for what does not depend on the total.
    x, y = rows()
    net, path = network(), tmp_path / "run.fastbp"
    net.fit(x, y, "adam", epochs=3, callbacks=fb.Checkpoint(path))
    other = network()
    history = other.fit(x, y, "adam", epochs=6, resume=path)
    whole = network()
    expected = whole.fit(x, y, "adam", epochs=6)
    assert other.params.tobytes() == whole.params.tobytes()
    assert history.loss == expected.loss
    assert history.seconds == sorted(history.seconds)
    assert len(history.rows_per_second) == 6


def test_a_finished_fit_is_only_read(tmp_path):
    x, y = rows()
    net, path = network(), tmp_path / "run.fastbp"
    history = net.fit(x, y, "adam", epochs=3, callbacks=fb.Checkpoint(path))
    other = network(seed=4)
    again = other.fit(x, y, "adam", epochs=3, resume=path)
    assert (again.loss, again.stop_reason) == (history.loss, "epochs")
    assert other.params.tobytes() == net.params.tobytes()


def test_an_optimizer_that_was_used_before_goes_on(tmp_path):
    x, y = rows()
    path = tmp_path / "run.fastbp"
    results = []
    for resume in (False, True):
        net, rule = network(), fb.Adam(0.01)
        net.fit(x, y, rule, epochs=2)
        if resume:
            net.fit(x, y, rule, epochs=4, callbacks=SaveAt(path, 3))
            net, rule = network(), fb.Adam(0.01)
        net.fit(x, y, rule, epochs=4, resume=path if resume else None)
        results.append((net.params.tobytes(), rule.steps))
    assert results[0] == results[1]


SCRIPT = """
import json, sys
import numpy as np
import fastbp as fb
from fastbp.optimizers import BY_NAME

job, folder = sys.argv[1:]
rng = np.random.default_rng(0)
x, y = rng.normal(size=(60, 4)), rng.integers(0, 3, 60)
found = {}
for name in BY_NAME:
    layers = [fb.Dense(9, "tanh", dropout=0.2), fb.Dense(8, "relu", norm="batch"),
              fb.Dense(3, "softmax")]
    net = fb.Network(4, layers, "cross_entropy", seed=7)
    batch = None if name == "rprop" else 8
    path = f"{folder}/{name}.fastbp"
    save = lambda training: training.save(path) and training.total_steps == stop
    stop = 3 if batch is None else 19
    history = net.fit(
        x, y, name, epochs=6, batch_size=batch, schedule=fb.Warmup(2, fb.Cosine()), validation=0.1,
        metrics="accuracy", callbacks=[fb.EverySteps(stop, save)] if job == "first" else (),
        resume=path if job == "second" else None,
    )
    found[name] = [net.params.tobytes().hex(), history.loss, history.metrics]
print(json.dumps(found))
"""


def test_every_optimizer_goes_on_in_a_new_process(tmp_path):
    def run(job):
        command = [sys.executable, "-c", SCRIPT, job, str(tmp_path)]
        answer = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
        return json.loads(answer.stdout)

    expected = run("whole")
    assert run("first") != expected
    assert run("second") == expected
    assert set(expected) == set(BY_NAME)


def test_parameters_that_are_not_finite_replace_no_checkpoint(tmp_path):
    x, y = rows()
    path = tmp_path / "run.fastbp"
    answers = []

    def spoil(training):
        answers.append(training.save(path))
        training.network.params[0] = np.nan
        answers.append(training.save(path))
        return True

    with pytest.warns(RuntimeWarning, match="not finite"):
        network().fit(x, y, "adam", epochs=1, batch_size=BATCH, callbacks=fb.EverySteps(2, spoil))
    assert answers == [True, False]
    assert np.isfinite(fb.load(path).params).all()


def checkpoint(tmp_path, **more):
    path = tmp_path / "run.fastbp"
    x, y = rows()
    arguments = {"epochs": 4, "batch_size": BATCH, **more}
    network().fit(x, y, fb.Adam(0.01), callbacks=fb.Checkpoint(path), **arguments)
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 3}, "^epochs must be at least the 4 of the checkpoint .*, got 3$"),
        ({"batch_size": 9}, "^batch size must be 8 as in the checkpoint .*, got 9$"),
        ({"shuffle": False}, "^shuffle must be 'rows' as in the checkpoint .*, got 'none'$"),
        ({"validation": 0.1}, "^rows must be 53 as in the checkpoint .*, got 48$"),
        ({"schedule": fb.Cosine()}, "^schedule must be 'None' as in .*, got 'Cosine"),
        ({"metrics": "r2"}, "^metrics must be those of the checkpoint .*, got .*, r2, "),
        ({"stop": fb.Stop(gradient_norm=0)}, "^metrics must be .*, got gradient_norm, "),
        ({"optimizer": fb.SGD(0.01)}, "^optimizer must be 'Adam' as in .*, got 'SGD'$"),
        (
            {"optimizer": fb.Adam(0.02)},
            r"^optimizer must have the settings of the checkpoint .*0\.01, .*got .*0\.02",
        ),
    ],
)
def test_other_arguments_are_refused(tmp_path, change, message):
    path = checkpoint(tmp_path)
    x, y = rows()
    arguments = {"optimizer": fb.Adam(0.01), "epochs": 6, "batch_size": BATCH, **change}
    net = network()
    refuse(net, ValueError, message, lambda: net.fit(x, y, resume=path, **arguments))


def test_another_network_is_refused(tmp_path):
    path = checkpoint(tmp_path)
    x, y = rows()
    net = fb.mlp([3, 8, 2], "tanh", dtype="float64", seed=4)
    message = "^resume must be a checkpoint of this network, got one with other layers"
    refuse(net, ValueError, message, lambda: net.fit(x, y, fb.Adam(0.01), resume=path))


def test_files_that_are_no_checkpoint_are_refused(tmp_path):
    x, y = rows()
    net, path = network(), tmp_path / "model.fastbp"
    net.save(path)
    message = r"^resume must be a checkpoint .*, got model\.fastbp, a saved network$"
    refuse(net, fb.FileFormatError, message, lambda: net.fit(x, y, resume=path))
    (tmp_path / "text").write_text("text")
    refuse(net, fb.FileFormatError, "^text is not", lambda: net.fit(x, y, resume=tmp_path / "text"))
    with pytest.raises(FileNotFoundError):
        net.fit(x, y, resume=tmp_path / "nothing")


PARTS = [
    *("key", "seed", "ground", "place", "generator", "schedule", "waited", "columns", "metrics"),
]
ARRAYS = ["settings", "hyper", "clock", "sums", "watch", "slots", "history.0"]


def refused_checkpoint(path, message, training=None, arrays=None):
    """Change parts of a checkpoint, each by None to leave it out; require that it is refused."""
    contents = files.read(path)
    both = {**contents.training, **(training or {})}, {**contents.arrays, **(arrays or {})}
    parts = [{name: part for name, part in found.items() if part is not None} for found in both]
    files.write(path, contents._replace(training=parts[0], arrays=parts[1]))
    net = network()
    before = net.params.copy()
    arguments = {"epochs": 6, "batch_size": BATCH, "resume": path}
    with pytest.raises(fb.FileFormatError, match=message):
        net.fit(*rows(), fb.Adam(0.01), schedule=fb.ReduceOnPlateau(), **arguments)
    assert (net.params == before).all()


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("value", [None, "text", [], {}, 1.5, True], ids=repr)
def test_a_checkpoint_with_a_wrong_part_is_refused(tmp_path, part, value):
    if part == "metrics" and value == []:
        return  # as it is
    path = checkpoint(tmp_path, schedule=fb.ReduceOnPlateau())
    refused_checkpoint(path, "checkpoint", training={part: value})


@pytest.mark.parametrize("name", ARRAYS)
def test_a_checkpoint_with_a_wrong_array_is_refused(tmp_path, name):
    path = checkpoint(tmp_path, schedule=fb.ReduceOnPlateau())
    right = files.read(path).arrays[name]
    wrong = [None]
    if name == "slots":
        wrong += [right[0], right[:1], right[:, :-1]]
    else:
        wrong += [right[np.newaxis], right[:0].reshape(0, 3)]
    if name in ("settings", "hyper", "clock", "sums", "watch"):
        wrong.append(right[:-1])
    for value in wrong:
        refused_checkpoint(path, "checkpoint", arrays={name: value})
    refused_checkpoint(path, "checkpoint", arrays={name: right.astype(np.float32)})


def test_a_checkpoint_with_another_array_is_refused(tmp_path):
    path = checkpoint(tmp_path, schedule=fb.ReduceOnPlateau())
    refused_checkpoint(path, "but for more", arrays={"more": np.zeros(1)})


GROUND = {"rows": 53, "validation_rows": 0, "batch_size": BATCH, "shuffle": "rows"}
PLACE = {"epoch": 4, "step": 0, "total_steps": 4 * STEPS, "seconds": 1.5}
BAD_PLACES = [
    {"epoch": -1},
    {"epoch": 4.0},
    {"epoch": True},
    {"epoch": 2**60, "total_steps": STEPS * 2**60},
    {"step": -1},
    {"step": STEPS, "total_steps": 5 * STEPS},
    {"step": STEPS + 1, "total_steps": 5 * STEPS + 1},
    {"step": 2},
    {"total_steps": 3},
    {"seconds": -1.0},
    {"seconds": None},
    {"more": 1},
]


@pytest.mark.parametrize("change", BAD_PLACES, ids=repr)
def test_a_place_that_no_fit_comes_to_is_refused(tmp_path, change):
    path = checkpoint(tmp_path, schedule=fb.ReduceOnPlateau())
    refused_checkpoint(path, "is not a fastbp checkpoint", training={"place": {**PLACE, **change}})


@pytest.mark.parametrize(
    "change",
    [{"rows": 0}, {"rows": 5.5}, {"batch_size": 0}, {"validation_rows": -1}, {"shuffle": 1}],
    ids=repr,
)
def test_ground_that_no_fit_stands_on_is_refused(tmp_path, change):
    path = checkpoint(tmp_path, schedule=fb.ReduceOnPlateau())
    ground = {**files.read(path).training["ground"], **change}
    refused_checkpoint(path, "is not a fastbp checkpoint", training={"ground": ground})


@pytest.mark.parametrize(
    "change",
    [
        {"bit_generator": "MT19937"},
        {"state": {"state": "0" * 32, "inc": "0" * 32}},
        {"state": {"state": "0" * 31, "inc": "1" * 32}},
        {"state": {"state": "G" * 32, "inc": "1" * 32}},
        {"state": {"state": 5, "inc": "1" * 32}},
        {"state": {"state": "\u0661" * 32, "inc": "1" * 32}},
        {"has_uint32": 2},
        {"uinteger": 2**32},
        {"uinteger": -1},
        {"more": 0},
    ],
    ids=repr,
)
def test_a_generator_that_is_none_is_refused(tmp_path, change):
    path = checkpoint(tmp_path, schedule=fb.ReduceOnPlateau())
    generator = {**files.read(path).training["generator"], **change}
    refused_checkpoint(path, "is not a fastbp checkpoint", training={"generator": generator})


def test_keys_of_another_seed_are_refused(tmp_path):
    path = checkpoint(tmp_path, schedule=fb.ReduceOnPlateau())
    for part, value in (("seed", f"{5:032x}"), ("key", f"{5:016x}")):
        refused_checkpoint(path, "those of the network's seed 4", training={part: value})


@pytest.mark.parametrize(
    ("array", "place", "value"),
    [
        ("hyper", 0, np.nan),
        ("hyper", 0, np.inf),
        ("hyper", 1, -1.0),
        ("hyper", -1, 0.0),
        ("hyper", -2, 1.0),
        ("clock", 0, -1.0),
        ("clock", 0, 0.5),
        ("clock", 0, 2.0**53),
        ("clock", 0, np.nan),
        ("clock", 1, np.inf),
    ],
)
def test_settings_and_clocks_that_no_optimizer_has_are_refused(tmp_path, array, place, value):
    path = checkpoint(tmp_path, schedule=fb.ReduceOnPlateau())
    values = files.read(path).arrays[array]
    assert values[place] != value
    values[place] = value
    refused_checkpoint(path, "is damaged", arrays={array: values})


def test_settings_that_want_other_state_are_refused(tmp_path):
    path = tmp_path / "run.fastbp"
    arguments = {"epochs": 3, "batch_size": BATCH}
    network().fit(*rows(), fb.SGD(0.01), callbacks=fb.Checkpoint(path), **arguments)
    contents = files.read(path)
    other = fb.SGD(0.01, momentum=0.5)
    arrays = {**contents.arrays, "hyper": other.hyper}
    files.write(path, contents._replace(arrays=arrays))
    with pytest.raises(fb.FileFormatError, match="is damaged: hyper must be settings of SGD"):
        network().fit(*rows(), fb.SGD(0.01), resume=path, **arguments)


@pytest.mark.parametrize(
    "change",
    [
        {"scale": "1"},
        {"scale": -1.0},
        {"scale": None},
        {"lowest": "1"},
        {"waited": -1},
        {"waited": 0.5},
        {"cooling": None},
    ],
    ids=repr,
)
def test_a_plateau_that_nothing_comes_to_is_refused(tmp_path, change):
    path = checkpoint(tmp_path, schedule=fb.ReduceOnPlateau())
    schedule = {**files.read(path).training["schedule"], **change}
    refused_checkpoint(path, "is damaged", training={"schedule": schedule})


@pytest.mark.parametrize(
    "change",
    [
        {"columns": ["loss", "loss", "seconds", "rows_per_second"]},
        {"columns": ["loss", "mine", "seconds", "rows_per_second"]},
        {"columns": ["loss", "learning_rate", "seconds", 4]},
        {"columns": ["loss"]},
        {"metrics": [""]},
    ],
    ids=repr,
)
def test_a_history_that_is_none_is_refused(tmp_path, change):
    path = checkpoint(tmp_path, schedule=fb.ReduceOnPlateau())
    refused_checkpoint(path, "is not a fastbp checkpoint", training=change)


def test_a_schedule_whose_state_is_no_json_is_named(tmp_path):
    class Odd(fb.Constant):
        def state(self):
            return {"seen": {1, 2}}

    with pytest.raises(ValueError, match=r"^training must hold JSON values only"):
        checkpoint(tmp_path, schedule=Odd())


def test_a_long_history_with_numbers_that_are_not_finite_goes_on(tmp_path):
    def odd(y, outputs):
        return [np.nan, np.inf, -np.inf, 0.1][len(outputs) % 4]

    x, y = rows()
    path = tmp_path / "run.fastbp"
    arguments = {"batch_size": None, "metrics": [odd], "progress": False}
    net = network()
    history = net.fit(
        x, y, "sgd", epochs=12_000, callbacks=fb.Checkpoint(path, 12_000), **arguments
    )
    again = network().fit(x, y, "sgd", epochs=12_000, resume=path, **arguments)
    assert again.loss == history.loss
    assert np.array_equal(again["odd"], history["odd"], equal_nan=True)


def test_steps_and_epochs_are_counted_on(tmp_path):
    x, y = rows()
    path = tmp_path / "run.fastbp"

    class Note(fb.Callback):
        every_steps = 5

        def __init__(self):
            self.seen = []

        def begin(self, training):
            self.seen.append((training.epoch, training.step, training.total_steps))

        after_steps = begin

    whole, first, second = Note(), Note(), Note()
    arguments = {"epochs": EPOCHS, "batch_size": BATCH}
    network().fit(x, y, callbacks=whole, **arguments)
    network().fit(x, y, callbacks=[first, SaveAt(path, 17)], **arguments)
    network().fit(x, y, callbacks=second, resume=path, **arguments)
    assert second.seen[0] == (2, 3, 17)
    assert first.seen + second.seen[1:] == whole.seen
