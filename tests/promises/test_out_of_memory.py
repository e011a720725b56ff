"""Memory that runs out is a MemoryError, changes nothing, and nothing leaks: promise 7."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tolerance import assert_same_bits

import fastbp as fb

HERE = Path(__file__).parent
COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
pytestmark = pytest.mark.no_sanitizer(
    "puts its own malloc in the place of the sanitizer's, and limits and measures memory"
)
on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="uses /proc and limits")

# Calls of out_of_memory.py.
CALLS = (
    *("construct", "predict", "predict, 2 threads", "evaluate", "evaluate, 2 threads"),
    *("gradient", "backward", "save", "load", "train_step", "fit", "fit, 2 threads"),
    *("fit with validation", "fit with a checkpoint", "fit with logs", "resumed fit"),
    *("fit_stream", "partial_fit"),
)


@pytest.fixture(scope="session")
def shim(tmp_path_factory):
    """Return the library that refuses allocations, compiled; skip where it cannot be had."""
    if COMPILER is None or not sys.platform.startswith("linux"):
        pytest.skip("there is no C compiler, or LD_PRELOAD")
    library = tmp_path_factory.mktemp("shim") / "failing_allocations.so"
    line = [COMPILER, "-O1", "-shared", "-fPIC", "-o", str(library)]
    done = subprocess.run(
        [*line, str(HERE / "failing_allocations.c"), "-ldl"], capture_output=True, check=False
    )
    if done.returncode != 0:
        pytest.skip("the C library is not the GNU one")
    return library


def ask(shim, what, every_object, **arguments):
    """Return what out_of_memory.py finds; `every_object`: Python's small objects may fail too."""
    environment = {**os.environ, "LD_PRELOAD": str(shim)}
    environment["PYTHONMALLOC"] = "malloc" if every_object else "pymalloc"
    done = subprocess.run(
        [sys.executable, str(HERE / "out_of_memory.py"), what, json.dumps(arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env=environment,
        timeout=1200,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check(promise, what, found):
    """Put the ends of the trials on record; require that none is wrong."""
    ends = found["ends"]
    wrong = [f"{count} times {end}" for end, count in ends.items() if end.startswith("wrong")]
    others = sum(count for end, count in ends.items() if end.endswith("of Python or numpy"))
    memory = ends.get("MemoryError", 0) + ends.get("OSError", 0)
    reached = (
        f"{ends.get('done', 0)} done, {memory} errors of memory, {others} that Python or numpy "
        f"made another error of, {len(wrong)} wrong"
    )
    promise(7, what, "done, or an error of memory, and nothing changed", reached)
    assert not wrong, "\n".join(wrong)
    assert memory > 0
    # What others make of a lost MemoryError is not ours, and must stay the exception.
    assert others <= 0.4 * sum(ends.values())
    assert found["threads"] == 0


@pytest.mark.parametrize("name", CALLS)
def test_one_allocation_that_fails_changes_nothing(name, shim, promise):
    stride = {"fit with a checkpoint": 9, "resumed fit": 7, "fit with validation": 7}.get(name, 3)
    found = ask(shim, "run", True, name=name, stride=stride, forever=False)
    check(promise, f"one allocation of {name} fails, each {stride}. of {found['made']}", found)


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
def test_each_allocation_that_fails_changes_nothing(name, shim, promise):
    found = ask(shim, "run", True, name=name, stride=1, forever=False)
    check(promise, f"one allocation of {name} fails, each of {found['made']}", found)


@pytest.mark.parametrize("name", CALLS)
def test_all_allocations_that_fail_from_one_on_change_nothing(name, shim, promise):
    # Without memory for an exception Python ends the process itself: small objects are spared.
    found = ask(shim, "run", False, name=name, stride=1, forever=True)
    check(promise, f"all allocations of {name} fail from one on, each of {found['made']}", found)
    promise(7, f"blocks held after failures of {name}", "no more each time", f"{found['held']}")
    assert found["held"] <= 0.1 * found["trials"]


def test_the_compiled_side_leaves_no_block_behind(shim, promise):
    found = ask(shim, "leaks", True, repeats=200)
    most = max(found, key=found.get)
    what = f"blocks that a failing call of the compiled side leaves, of {len(found)} allocations"
    promise(7, what, "0", f"{found[most]:.2f} at most")
    assert len(found) > 50
    assert found[most] < 0.5, most


def grown(setup, call, repeats, warm):
    """Return by how many bytes a call has grown a process, each time."""
    code = f"""
import gc, os, tempfile
import numpy as np, fastbp as fb
from fastbp import fitting, passes, threads
for cost in ("STEP_WORK", "ELEMENT_WORK", "CALL_WORK"):
    setattr(threads, cost, 1e-9)
for module in (threads, fitting, passes):
    module.usable_cores = lambda: 2
path = os.path.join(tempfile.mkdtemp(), "model.fastbp")
x, y = np.ones((8, 3), np.float32), np.zeros((8, 2), np.float32)
net, optimizer = fb.mlp([3, 4, 2], "tanh"), fb.Adam()
class Looking(fb.Callback):
    def after_epoch(self, training):
        return False
{setup}
def resident():
    gc.collect()
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
for _ in range({warm}):
    {call}
before = resident()
for _ in range({repeats}):
    {call}
print((resident() - before) / {repeats})
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/"
    )
    return float(done.stdout)


FITS = {
    "fit": "net.fit(x, y, optimizer, epochs=1, progress=False, threads=1)",
    "fit of a new network": "fb.mlp([3, 4, 2]).fit(x, y, epochs=1, progress=False, threads=1)",
    "fit, 2 threads": "net.fit(x, y, optimizer, epochs=1, progress=False, threads=2)",
    "fit with callbacks and validation": (
        "net.fit(x, y, optimizer, epochs=1, progress=False, threads=1, validation=0.25, "
        "metrics='r2', callbacks=[Looking(), fb.EverySteps(1, lambda t: False)])"
    ),
    "gradient": "net.gradient(x, y)",
    "predict": "net.predict(x)",
    "predict, 2 threads": "net.predict(x, threads=2)",
}


@on_linux
@pytest.mark.parametrize("name", FITS)
def test_thousands_of_calls_grow_no_memory(name, promise):
    # Threads that share cores with other tests take their time.
    calls = 2_000 if "threads" in name else 10_000
    each = grown("", FITS[name], calls, 500)
    what = f"growth of a process, each of {calls:,} calls of {name}"
    promise(7, what, "< 1 KB", f"{each:.0f} bytes")
    assert each < 1024


@on_linux
def test_saving_and_loading_grow_no_memory(promise):
    each = grown("", "net.save(path); fb.load(path)", 300, 50)
    promise(7, "growth of a process, each save and load", "< 1 KB", f"{each:.0f} bytes")
    assert each < 1024


LIMITED = """
import resource
import numpy as np, fastbp as fb
rng = np.random.default_rng(0)
net = fb.mlp([1000, 1000, 1000, 10], seed=1)
x = rng.normal(size=(600, 1000)).astype(np.float32)
y = rng.normal(size=(600, 10)).astype(np.float32)
net.train_step(x, y, "sgd")
optimizer = fb.SGD(1e-4)
net.fit(x, y, optimizer, epochs=1, progress=False, threads=1)
before, steps, adams = net.params.tobytes(), optimizer.steps, []

def adam():
    adams.append(fb.Adam())
    return adams[-1]

calls = {
    "wider": lambda: fb.mlp([1000, 20_000, 20_000, 10]),
    "adam": lambda: net.fit(x, y, adam(), epochs=1, progress=False, threads=2),
    "predict": lambda: net.predict(np.broadcast_to(x[:1], (10**6, 1000))),
    "gradient": lambda: [net.gradient(x, y)[1] for _ in range(1000)],
}
seen = {}
for room in (1 << 18, 1 << 20, 1 << 22, 12 << 20, 20 << 20):
    for name, call in calls.items():
        size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + room, resource.RLIM_INFINITY))
        try:
            call()
            end = "done"
        except MemoryError:
            end = "MemoryError"
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        seen.setdefault(name, set()).add(end)
        assert net.params.tobytes() == before or (name == "adam" and adams[-1].steps), name
        net.params[:] = np.frombuffer(before, np.float32)
assert optimizer.steps == steps
net.fit(x, y, optimizer, epochs=1, progress=False)
assert np.isfinite(net.params).all()
print(*(f"{name}: {' or '.join(sorted(ends))}" for name, ends in seen.items()), sep=", ")
"""


@on_linux
def test_a_process_with_a_limit_of_memory_goes_on(promise):
    done = subprocess.run(
        [sys.executable, "-c", LIMITED], capture_output=True, text=True, check=False, cwd="/"
    )
    assert done.returncode == 0, done.stderr
    promise(
        7, "networks of 2 10^6 weights under RLIMIT_AS", "done or MemoryError", done.stdout.strip()
    )
    assert "wider: MemoryError" in done.stdout
    assert "predict: MemoryError" in done.stdout
    assert "gradient: MemoryError" in done.stdout


def fitted(tmp_path):
    """Return rows, a network in the middle of a fit, its optimizer, and an earlier checkpoint."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(64, 3))
    y = np.tanh(x[:, :1])
    net, optimizer = fb.mlp([3, 4, 1], dtype="float64"), fb.Adam()
    net.fit(x, y, optimizer, 2, callbacks=[fb.Checkpoint(tmp_path / "run.fastbp")], progress=False)
    net.fit(x, y, optimizer, 3, progress=False)
    return x, y, net, optimizer, tmp_path / "run.fastbp"


class Failing(fb.Callback):
    def begin(self, training):
        raise MemoryError


@pytest.mark.parametrize(
    ("callback", "error"),
    [
        (lambda folder: fb.CSVLog(folder / "none" / "run.csv"), OSError),
        (lambda folder: fb.JSONLog(folder / "none" / "run.jsonl"), OSError),
        (lambda folder: Failing(), MemoryError),
    ],
    ids=["CSV", "JSON", "callback"],
)
def test_a_resumed_fit_that_cannot_begin_leaves_all_as_it_was(callback, error, tmp_path):
    x, y, net, optimizer, path = fitted(tmp_path)
    parts = (net.params, optimizer.slots, optimizer.clock, optimizer.hyper)
    before = [part.copy() for part in parts]
    with pytest.raises(error):
        net.fit(x, y, optimizer, 5, resume=path, callbacks=[callback(tmp_path)], progress=False)
    for part, was in zip(parts, before, strict=True):
        assert_same_bits(part, was)


def test_a_resumed_fit_that_fails_after_its_first_step_keeps_its_steps(tmp_path):
    x, y, net, optimizer, path = fitted(tmp_path)

    def fail(training):
        raise MemoryError

    with pytest.raises(MemoryError):
        net.fit(x, y, optimizer, 5, resume=path, callbacks=[fb.EverySteps(5, fail)], progress=False)
    assert optimizer.steps == 5
    alone, other = fb.mlp([3, 4, 1], dtype="float64"), fb.Adam()
    end = fb.EverySteps(5, lambda training: True)
    alone.fit(x, y, other, 5, callbacks=[end], progress=False)
    assert_same_bits(net.params, alone.params)
    assert_same_bits(optimizer.slots, other.slots)
