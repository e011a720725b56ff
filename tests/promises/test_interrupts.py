"""Ctrl-C and SIGTERM end a call within 100 ms, and nothing is lost: promise 5."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from tolerance import assert_same_bits

import fastbp as fb

ASKED = 0.1
BIG = [1024, 2048, 2048, 10]
MIDDLE = [784, 512, 512, 10]
# sizes, rows, batch, seconds until the signal at most: by default of 32 rows, and one step a while.
FITS = {
    "1-1-1": ([1, 1, 1], 100_000, 32, 0.06),
    "784-512-512-10": (MIDDLE, 8192, 32, 0.06),
    "1024-2048-2048-10": (BIG, 2048, 32, 0.12),
    "1024-2048-2048-10, large batch": (BIG, 2048, 512, 0.4),
}
# At how many instants, by the number of threads; fewer where each takes half a second.
INSTANTS = {1: 50, 2: 15}
FEW_INSTANTS = {1: 15, 2: 8}
LARGE = {
    "1-1-1, all of 2 10^6 rows": ([1, 1, 1], 2 * 10**6, None, 0.6),
    "784-512-512-10, large batch": (MIDDLE, 8192, 8192, 0.8),
    **FITS,
}
pytestmark = [
    pytest.mark.no_sanitizer("measures times, which are ten times as long"),
    pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted in /proc"),
]


def interrupted(name, **arguments):
    """Return what interrupted.py finds, in a process of its own."""
    script = Path(__file__).with_name("interrupted.py")
    done = subprocess.run(
        [sys.executable, str(script), name, json.dumps(arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        timeout=1200,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def told(found):
    """Return the longest time, and of how many calls that were under way."""
    seconds = [value for value in found["seconds"] if value is not None]
    return f"{1e3 * max(seconds):.0f} ms at most of {len(seconds)}", max(seconds), len(seconds)


def check_fits(promise, case, name, threads, instants, number=signal.SIGINT):
    sizes, n_rows, batch_size, within = case
    found = interrupted(
        "fits",
        sizes=sizes,
        n_rows=n_rows,
        batch_size=batch_size,
        threads=threads,
        instants=instants,
        within=within,
        number=int(number),
        optimizer="Adam",
    )
    reached, longest, calls = told(found)
    what = f"{signal.Signals(number).name} in a fit, {name}, {threads} threads"
    promise(5, what, "< 100 ms, bits of a whole step", reached)
    assert found["alike"], "the network is not that after so many whole steps"
    assert calls == instants
    assert any(found["steps"]), "no fit has taken a step"
    assert found["threads"] == 0
    assert longest < ASKED


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", FITS)
def test_ctrl_c_ends_a_fit_between_or_within_its_steps(name, threads, promise):
    instants = FEW_INSTANTS if "large" in name else INSTANTS
    check_fits(promise, FITS[name], name, threads, instants[threads])


@pytest.mark.parametrize("name", ["784-512-512-10", "1024-2048-2048-10, large batch"])
def test_a_handler_of_sigterm_that_raises_ends_a_fit(name, promise):
    check_fits(promise, FITS[name], name, 1, 10, signal.SIGTERM)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", LARGE)
def test_signals_at_many_instants(name, threads, number, promise):
    check_fits(promise, LARGE[name], name, threads, 50, number)


CALLS = {
    # sizes, rows
    "predict": (MIDDLE, 40_000),
    "evaluate": (MIDDLE, 40_000),
    "gradient": (MIDDLE, 12_000),
    "backward": (MIDDLE, 12_000),
    "train_step": (MIDDLE, 12_000),
}
HEAVY_CALLS = {
    "conversion": ([300, 4, 1], 300_000),
    "columns": ([300, 4, 1], 300_000),
    "hold out": ([300, 4, 1], 300_000),
    "metrics": ([4, 4, 1], 3_000_000),
}


def check_call(promise, call, case, threads):
    sizes, n_rows = case
    found = interrupted("long_call", sizes=sizes, n_rows=n_rows, call=call, threads=threads)
    reached, longest, calls = told(found)
    what = f"Ctrl-C in {call} of {found['whole']:.1f} s, {threads} threads"
    promise(5, what, "< 100 ms, nothing changed", reached)
    assert found["whole"] > 2 * ASKED, "the call is too short to tell"
    assert calls >= 8
    assert found["threads"] == 0
    assert longest < ASKED
    return found


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("call", ["predict", "evaluate"])
def test_ctrl_c_ends_a_long_pass(call, threads, promise):
    assert check_call(promise, call, CALLS[call], threads)["alike"]


@pytest.mark.parametrize("call", ["gradient", "backward", "train_step"])
def test_ctrl_c_ends_a_long_gradient(call, promise):
    assert check_call(promise, call, CALLS[call], 1)["alike"]


@pytest.mark.slow
@pytest.mark.parametrize("call", HEAVY_CALLS)
def test_ctrl_c_ends_what_comes_before_and_after_the_steps(call, promise):
    check_call(promise, call, HEAVY_CALLS[call], 1)


def test_ctrl_c_ends_the_drawing_of_an_order(promise):
    found = interrupted("order", n_rows=20_000_000)
    reached, longest, _ = told(found)
    what = f"Ctrl-C in the drawing of an order of 2 10^7 rows, {found['whole']:.1f} s"
    promise(5, what, "< 100 ms", reached)
    assert longest < ASKED


def rows(n_rows=4000):
    rng = np.random.default_rng(5)
    x = rng.normal(size=(n_rows, 8))
    return x, np.tanh(x[:, :2])


def network():
    return fb.mlp([8, 16, 2], "tanh", dtype="float64", seed=2)


class Interrupting(fb.Callback):
    """Sends Ctrl-C to this process after so many steps."""

    def __init__(self, steps):
        self.every_steps = steps

    def after_steps(self, training):
        os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture(autouse=True)
def _ctrl_c_raises():
    # Tests that run in the background inherit an ignored SIGINT, which Python respects.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_fit_goes_on_from_its_last_checkpoint(tmp_path):
    x, y = rows()
    whole, part = network(), network()
    whole.fit(x, y, epochs=4, progress=False)
    keep = fb.Checkpoint(tmp_path / "run.fastbp", every_steps=7)
    with pytest.raises(KeyboardInterrupt):
        part.fit(x, y, epochs=4, callbacks=[keep, Interrupting(200)], progress=False)
    resumed = fb.load(tmp_path / "run.fastbp")
    resumed.fit(x, y, epochs=4, resume=tmp_path / "run.fastbp", progress=False)
    assert_same_bits(resumed.params, whole.params)


def test_a_pass_over_rows_that_come_in_goes_on():
    x, y = rows(64 * 3000)
    part, alone = network(), network()
    for net in (part, alone):
        net.partial_fit(x[:64], y[:64], "adam", 64, shuffle=False)
    ended = []

    def pass_on():
        while True:
            ended.append(part._optimizer[1].steps)
            part.partial_fit(x, y, "adam", 64, shuffle=False)

    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        pass_on()
    for _ in ended[1:]:
        alone.partial_fit(x, y, "adam", 64, shuffle=False)
    left = part._optimizer[1].steps - ended[-1]
    if left:
        alone.partial_fit(x[: 64 * left], y[: 64 * left], "adam", 64, shuffle=False)
    assert_same_bits(part.params, alone.params)
    for net in (part, alone):
        net.partial_fit(x, y, "adam", 64, shuffle=False)
    assert_same_bits(part.params, alone.params)


def test_a_stream_ends_at_once_and_its_rows_are_let_go():
    x, y = rows()
    net, optimizer = network(), fb.Adam()

    def endless():
        while True:
            yield x, y

    threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        net.fit_stream(endless, optimizer, progress=False)
    alone, steps = network(), optimizer.steps
    other = fb.Adam()
    end = fb.EverySteps(steps, lambda training: True)
    alone.fit_stream(endless, other, callbacks=[end], progress=False)
    assert_same_bits(net.params, alone.params)
    assert_same_bits(optimizer.slots, other.slots)


def test_no_checkpoint_is_made_of_a_fit_that_a_signal_has_ended(tmp_path):
    written = []

    class Late(fb.Callback):
        def end(self, training):
            written.append(training.save(tmp_path / "late.fastbp"))

    x, y = rows()
    with pytest.raises(KeyboardInterrupt):
        network().fit(x, y, callbacks=[Late(), Interrupting(50)], progress=False)
    assert written == [False]
    assert not list(tmp_path.iterdir())


def test_a_fit_in_another_thread_is_not_in_the_way_of_a_signal():
    x, y = rows()
    net, stop = network(), threading.Event()
    worker = threading.Thread(
        target=lambda: net.fit(
            x, y, epochs=10**9, progress=False, callbacks=lambda *_: stop.is_set()
        )
    )
    worker.start()
    began = time.perf_counter()
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        time.sleep(60)
    assert time.perf_counter() - began < 30
    assert worker.is_alive()
    stop.set()
    worker.join(60)
    assert not worker.is_alive()


@pytest.mark.parametrize("threads", [1, 2])
def test_a_handler_may_fit_the_same_network_and_others(threads):
    # In the middle of a step of 0.2 s and more: what it sees are the parameters of a whole step.
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8192, 784)).astype(np.float32)
    y = rng.normal(size=(8192, 10)).astype(np.float32)
    net, other, optimizer = fb.mlp(MIDDLE, "tanh"), network(), fb.SGD(1e-4)
    before, seen = net.params.copy(), []

    def handler(number, frame):
        seen.append((net.params.copy(), optimizer.steps))
        net.predict(x[:5])
        net.evaluate(x[:600], y[:600], threads=2)
        other.fit(*rows(100), epochs=2, progress=False, threads=2)

    old = signal.signal(signal.SIGTERM, handler)
    try:
        timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM))
        timer.start()
        net.fit(x, y, optimizer, 2, batch_size=8192, progress=False, threads=threads)
        timer.join()
    finally:
        signal.signal(signal.SIGTERM, old)
    (params, steps), alone = seen[0], fb.mlp(MIDDLE, "tanh")
    if steps == 0:
        assert_same_bits(params, before)
    alone.fit(x, y, fb.SGD(1e-4), 2, batch_size=8192, progress=False, threads=1)
    assert_same_bits(net.params, alone.params)


def test_a_progress_bar_that_fails_ends_the_fit_and_its_threads(monkeypatch):
    class Failing:
        def advance(self, steps):
            raise RuntimeError("the terminal is gone")

        def epoch(self, number, figures):
            raise RuntimeError("the terminal is gone")

        def close(self):
            raise RuntimeError("the terminal is gone")

    monkeypatch.setattr("fastbp.training.shown", lambda *_: Failing())
    monkeypatch.setattr("fastbp.fitting.fit_threads", lambda *_: 2)
    x, y = rows()
    net, before = network(), len(os.listdir("/proc/self/task"))
    with pytest.raises(RuntimeError, match="the terminal is gone"):
        net.fit(x, y, progress=True)
    assert len(os.listdir("/proc/self/task")) == before
    monkeypatch.undo()
    net.fit(x, y, epochs=1, progress=False)


CHECKPOINTED = """
import sys
import numpy as np, fastbp as fb
rng = np.random.default_rng(5)
x = rng.normal(size=(2000, 64))
y = np.tanh(x[:, :2])
net = fb.mlp([64, 256, 2], "tanh", dtype="float64", seed=2)
keep = fb.Checkpoint(sys.argv[1], every_steps=3)
told = fb.EverySteps(20, lambda training: print("step", flush=True))
net.fit(x, y, epochs=10**6, callbacks=[keep, told], progress=False)
"""


def test_sigterm_by_default_ends_the_process_and_leaves_a_whole_checkpoint(tmp_path, promise):
    rng = np.random.default_rng(5)
    x = rng.normal(size=(2000, 64))
    y = np.tanh(x[:, :2])
    whole = 0
    for delay in np.random.default_rng(0).uniform(0, 0.05, 5):
        path = tmp_path / "run.fastbp"
        with subprocess.Popen(
            [sys.executable, "-c", CHECKPOINTED, str(path)], stdout=subprocess.PIPE, cwd="/"
        ) as process:
            assert process.stdout.readline() == b"step\n"
            time.sleep(delay)
            process.terminate()
            process.stdout.close()
            assert process.wait(30) == -signal.SIGTERM
        net, optimizer = fb.load(path), fb.Adam()
        epochs = fb.load(path)
        seen = fb.EverySteps(1, lambda training: True)
        # One more step from the file, and as many from the beginning.
        net.fit(x, y, optimizer, 10**6, resume=path, callbacks=[seen], progress=False)
        alone, other = fb.mlp([64, 256, 2], "tanh", dtype="float64", seed=2), fb.Adam()
        end = fb.EverySteps(optimizer.steps, lambda training: True)
        alone.fit(x, y, other, 10**6, callbacks=[end], progress=False)
        assert_same_bits(net.params, alone.params)
        assert_same_bits(optimizer.slots, other.slots)
        assert epochs.sizes == [64, 256, 2]
        whole += 1
    promise(5, "SIGTERM without a handler: whole checkpoints", "5 of 5", f"{whole} of 5")


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [(signal.SIGINT, 130, "stopped by Ctrl-C"), (signal.SIGTERM, 143, "stopped by SIGTERM")],
)
def test_the_command_saves_its_model_when_it_is_stopped(number, code, words, tmp_path, promise):
    line = [sys.executable, "-m", "fastbp", "train", "--epochs", "1000000"]
    with subprocess.Popen(
        [*line, "--patience", "1000000"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        for line in process.stdout:
            if line.startswith("epoch"):
                break
        time.sleep(0.05)
        process.send_signal(number)
        _, complaint = process.communicate(timeout=60)
    promise(5, f"fastbp train ended by {number.name}", f"exit {code}", f"exit {process.returncode}")
    assert process.returncode == code
    assert complaint == (
        f"fastbp: {words}; the model of the best epoch so far is saved to fastbp-digits.fastbp\n"
    )
    net = fb.load(tmp_path / "fastbp-digits.fastbp")
    assert net.metadata
    assert list(tmp_path.iterdir()) == [tmp_path / "fastbp-digits.fastbp"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_command_saves_no_model_before_its_first_step(number, code, tmp_path):
    fifo = tmp_path / "rows.csv"
    os.mkfifo(fifo)
    with subprocess.Popen(
        [sys.executable, "-m", "fastbp", "train", "rows.csv", "--target", "y"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        # Opened by the command, which waits for the table.
        with fifo.open("w"):
            process.send_signal(number)
            time.sleep(0.2)
        _, complaint = process.communicate(timeout=60)
    assert process.returncode == code
    assert complaint.startswith("fastbp: error: stopped by")
    assert list(tmp_path.iterdir()) == [fifo]


def test_sigterm_is_as_it_was_after_the_command_was_called_from_python(capsys):
    from fastbp.cli import main

    seen = []
    for before in (signal.SIG_DFL, lambda number, frame: seen.append(number)):
        old = signal.signal(signal.SIGTERM, before)
        try:
            with contextlib.suppress(SystemExit):
                assert main(["--version"]) == 0
            assert signal.getsignal(signal.SIGTERM) is before
        finally:
            signal.signal(signal.SIGTERM, old)
    assert capsys.readouterr().out.startswith("fastbp ")
