"""What loading does beside reading: it opens one file, starts nothing and takes little memory."""

import json
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from tolerance import assert_same_bits

import fastbp as fb
from fastbp import checkpoints, files

# Everything that the interpreter tells an audit hook of, from the load's begin to its end.
SCRIPT = """
import sys
import fastbp as fb
from fastbp import checkpoints

path, job, foreign = sys.argv[1:]
if job == "warm":
    fb.load(path)
events, watching = [], False

def hook(event, arguments):
    if watching:
        events.append([event, str(arguments[0]) if arguments else ""])

sys.addaudithook(hook)
loaded = set(sys.modules)
watching = True
net = fb.load(path)
state = checkpoints.read(path)
watching = False
modules = sorted(set(sys.modules) - loaded)
import json
watching = True
try:
    fb.load(foreign)
except fb.FileFormatError as error:
    watching = False
    refused = str(error)
print(json.dumps([events, modules, refused]))
"""


def checkpoint(path):
    net = fb.mlp([3, 5, 2], "tanh", seed=1)
    x = np.linspace(-1, 1, 12).reshape(4, 3)
    net.fit(x, x[:, :2], "adam", epochs=2, callbacks=fb.Checkpoint(path), metrics="r2")


def watched(tmp_path, job):
    path, foreign = tmp_path / "run.fastbp", tmp_path / "foreign.npz"
    checkpoint(path)
    np.savez(foreign, params=np.zeros(3))
    command = [sys.executable, "-c", SCRIPT, str(path), job, str(foreign)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/")
    return path, foreign, json.loads(answer.stdout)


def test_loading_opens_its_file_and_does_nothing_else(tmp_path):
    path, foreign, (events, modules, refused) = watched(tmp_path, "warm")
    opened = [["open", str(path)], ["open", str(path)], ["open", str(foreign)]]
    # A file that is opened is told of by the call, and once more where its descriptor is wrapped.
    assert [event for event in events if event[1] in (str(path), str(foreign))] == opened
    rest = [event for event in events if event not in opened]
    assert {event for event, _ in rest} <= {"open"}, "no import, exec, compile, process or socket"
    assert all(argument.isdigit() for _, argument in rest), "the descriptor of the same file"
    assert modules == []
    assert "a numpy .npz archive" in refused


def test_the_first_load_imports_what_reads_json_and_no_more(tmp_path):
    _, _, (events, modules, _) = watched(tmp_path, "cold")
    assert all(name.split(".")[0] in ("json", "_json") for name in modules), modules
    told = {event for event, _ in events}
    assert told <= {"open", "import", "exec", "compile", "os.listdir", "marshal.loads"}, told


def peak_of(call):
    """Return (what a call returns, the most bytes held in it beyond those held before it)."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        found = call()
        return found, tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


# Pieces of 256 KiB, the header and its objects: what docs/format.md says.
SLACK = 2 << 20


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Return (a network of 32 MB, its checkpoint with Adam's state)."""
    path = tmp_path_factory.mktemp("large") / "run.fastbp"
    net = fb.mlp([1000, 8000, 2], seed=1)
    x = np.ones((2, 1000), np.float32)
    keep = fb.EverySteps(1, lambda training: training.save(path))
    net.fit(x, x[:, :2], "adam", epochs=1, callbacks=keep)
    assert net.params.nbytes > 32 * 10**6
    return net, path


def test_a_model_is_read_into_its_place(large, tmp_path):
    net, _ = large
    net.save(tmp_path / "model.fastbp")
    found, peak = peak_of(lambda: fb.load(tmp_path / "model.fastbp"))
    assert_same_bits(found.params, net.params)
    assert net.params.nbytes <= peak < net.params.nbytes + SLACK


def test_loading_a_checkpoint_leaves_the_rest_on_the_disk(large):
    net, path = large
    assert path.stat().st_size > 3 * net.params.nbytes
    _, peak = peak_of(lambda: fb.load(path))
    assert peak < net.params.nbytes + SLACK


def test_a_checkpoint_is_read_once(large):
    net, path = large
    state, peak = peak_of(lambda: checkpoints.read(path))
    assert state.slots.nbytes == 2 * net.params.nbytes
    assert peak < 3 * net.params.nbytes + SLACK


def test_saving_copies_a_piece_at_a_time(large, tmp_path):
    net, _ = large
    _, peak = peak_of(lambda: net.save(tmp_path / "model.fastbp"))
    assert peak < SLACK


def test_a_description_of_a_giant_allocates_nothing(tmp_path):
    path = tmp_path / "model.fastbp"
    contents = fb.mlp([1, 1]).file_contents()
    layers = [{**contents.network["layers"][0], "units": 2**31}]
    files.write(path, contents._replace(network={**contents.network, "layers": layers}))

    def load():
        with pytest.raises(fb.FileFormatError, match="must hold 4294967296 numbers"):
            fb.load(path)

    load()
    assert peak_of(load)[1] < 1 << 16


def test_what_is_saved_while_it_is_trained_is_whole(tmp_path):
    # Another thread changes parameters between the hash of a piece and its writing: a copy holds.
    net = fb.mlp([300, 300, 2], seed=1)
    taken = []
    for piece in files.pieces(net.file_contents()):
        net.params += 1
        taken.append(piece)
    found = files.from_bytes(b"".join(taken), "it")
    assert len(found.params) == net.params.size
