"""The log for TensorBoard, read back from its event files."""

import math
import struct
import subprocess
import sys

import numpy as np
import pytest

import fastbp as fb

pytest.importorskip("tensorboardX")

from tensorboardX.proto.event_pb2 import Event, SessionLog

from fastbp.integrations.tensorboard import TensorBoard

N_ROWS, BATCH = 23, 4
STEPS = -(-N_ROWS // BATCH)


def rows():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(N_ROWS, 3))
    return x, np.tanh(x @ rng.normal(size=(3, 2)))


def fit(callbacks, epochs=5, **more):
    net = fb.mlp([3, 7, 2], "tanh", dtype="float64", seed=4)
    arguments = {"batch_size": BATCH, "progress": False, **more}
    return net.fit(*rows(), fb.Adam(0.01), epochs=epochs, callbacks=callbacks, **arguments)


def records(path):
    """Yield the records of a file: length (8 bytes), its checksum (4), the bytes, theirs (4)."""
    data = path.read_bytes()
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        yield data[12 : 12 + length]
        data = data[16 + length :]


def events_of(path):
    return [Event.FromString(record) for record in records(path)]


def files_of(folder):
    """Return the event files of a folder, the oldest first."""
    return sorted(folder.glob("*tfevents*"), key=lambda path: path.stat().st_mtime_ns)


def scalars_of(path):
    """Return {tag: [(step, value), ...]} of an event file."""
    found = {}
    for event in events_of(path):
        for value in event.summary.value:
            assert value.HasField("simple_value")
            found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found


def expected(history, first=1):
    """Return the same of a history: event files hold float32."""
    return {
        name: [(epoch, float(np.float32(value))) for epoch, value in enumerate(values, 1)][
            first - 1 :
        ]
        for name, values in history.columns().items()
    }


@pytest.mark.parametrize(
    "more",
    [{}, {"validation": 0.2, "metrics": ["r2", "gradient_norm"], "schedule": fb.Cosine()}],
    ids=["plain", "metrics"],
)
def test_every_figure_of_the_history_is_a_scalar(tmp_path, more):
    folder = tmp_path / "runs" / "first"
    history = fit(TensorBoard(folder), **more)
    (path,) = files_of(folder)
    assert scalars_of(path) == expected(history)
    assert len(history.columns()) == (8 if more else 4)
    # A fit that is not resumed hides nothing.
    assert not [event for event in events_of(path) if event.HasField("session_log")]
    assert [item.name for item in folder.iterdir()] == [path.name]


def test_names_and_values_of_all_kinds(tmp_path):
    values = iter([1.5, math.nan, math.inf])
    history = fit(TensorBoard(str(tmp_path)), 3, metrics=lambda y, outputs: next(values))
    (path,) = files_of(tmp_path)
    found = scalars_of(path)
    # TensorBoard's names have fewer characters.
    assert set(found) == {*history.columns(), "_lambda_"} - {"<lambda>"}
    assert [step for step, _ in found["_lambda_"]] == [1, 2, 3]
    first, second, third = (value for _, value in found["_lambda_"])
    assert (first, math.isnan(second), third) == (1.5, True, math.inf)


def test_steps_are_written_to_a_folder_of_their_own(tmp_path):
    seen = []

    def note(training):
        seen.append((training.total_steps, float(np.float32(training.loss))))

    history = fit([TensorBoard(tmp_path, every_steps=4), fb.EverySteps(4, note)])
    (path,), (steps,) = files_of(tmp_path), files_of(tmp_path / "steps")
    assert scalars_of(path) == expected(history)
    assert scalars_of(steps) == {"loss_so_far": seen}
    assert [step for step, _ in seen] == list(range(4, 5 * STEPS + 1, 4))


@pytest.mark.parametrize("step", [4, 2 * STEPS, 3 * STEPS + 4])
def test_a_resumed_fit_hides_what_it_takes_again(tmp_path, step):
    checkpoint = tmp_path / "run.fastbp"

    def save(training):
        if training.total_steps == step:
            training.save(checkpoint)
        return training.total_steps == step + 7

    fit([TensorBoard(tmp_path, 1), fb.EverySteps(1, save)])
    history = fit(TensorBoard(tmp_path, 1), resume=checkpoint)
    epoch = step // STEPS
    old, new = files_of(tmp_path)
    assert scalars_of(new) == expected(history, epoch + 1)
    starts = [event for event in events_of(new) if event.HasField("session_log")]
    assert [event.session_log.status for event in starts] == [SessionLog.START]
    assert starts[0].step == epoch + 1
    # What TensorBoard shows: the old events before that step, then the new ones.
    both = {
        name: [item for item in scalars_of(old).get(name, []) if item[0] < starts[0].step] + values
        for name, values in scalars_of(new).items()
    }
    assert both["loss"] == expected(history)["loss"]
    old, new = files_of(tmp_path / "steps")
    (start,) = (event for event in events_of(new) if event.HasField("session_log"))
    assert start.step == step + 1
    assert [item[0] for item in scalars_of(old)["loss_so_far"]] == list(range(1, step + 8))
    assert [item[0] for item in scalars_of(new)["loss_so_far"]] == list(
        range(step + 1, 5 * STEPS + 1)
    )


def test_fits_within_a_second_do_not_overwrite_each_other(tmp_path):
    for _ in range(3):
        fit(TensorBoard(tmp_path), 1)
    assert len(files_of(tmp_path)) == 3


class Failing(fb.Callback):
    def after_epoch(self, training):
        if training.epoch == 2:
            raise LookupError("here")


def test_files_are_whole_and_closed_where_the_fit_ends_by_an_error(tmp_path):
    log = TensorBoard(tmp_path, 2)
    with pytest.raises(LookupError, match="here"):
        fit([log, Failing()])
    assert (log._epochs, log._steps) == (None, None)
    history = fit(())
    (path,) = files_of(tmp_path)
    assert scalars_of(path)["loss"] == expected(history)["loss"][:2]


def test_a_folder_that_cannot_be_made_is_said_before_the_first_step(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        fit(TensorBoard(tmp_path / "file" / "run"))
    (tmp_path / "steps").write_text("")
    log = TensorBoard(tmp_path, 2)
    with pytest.raises(OSError, match="steps"):
        fit(log)
    assert log._epochs is None


@pytest.mark.parametrize("folder", [None, 3])
def test_a_folder_must_be_a_path(folder):
    with pytest.raises(TypeError, match=r"^folder must be a string or a path, got "):
        TensorBoard(folder)


def test_a_wrong_number_of_steps_is_refused_by_the_fit(tmp_path):
    with pytest.raises(ValueError, match=r"^every_steps must be .*, got 0$"):
        fit(TensorBoard(tmp_path / "run", 0))
    assert not (tmp_path / "run").exists()


def test_the_module_is_imported_without_tensorboardx_which_its_use_asks_for():
    code = (
        "import sys\n"
        "import fastbp.integrations.tensorboard as module\n"
        "assert 'tensorboardX' not in sys.modules\n"
        "sys.modules['tensorboardX'] = None\n"
        "try: module.TensorBoard('folder')\n"
        "except ImportError as error: print(error)\n"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/")
    assert answer.stdout == (
        'TensorBoard needs tensorboardX; install it with: pip install "fastbp[tensorboard]"\n'
    )
