"""How many threads a call takes."""

import subprocess
import sys

import numpy as np
import pytest

import fastbp as fb
from fastbp import threads

TINY = fb.mlp([2, 8, 1])._spec
WIDE = fb.mlp([784, 512, 512, 10])._spec
DEEP = fb.mlp([64] * 51 + [1], "tanh")._spec
SETTINGS = ["FASTBP_NUM_THREADS", "OMP_NUM_THREADS"]


@pytest.fixture(autouse=True)
def _four_cores(monkeypatch):
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(threads, "usable_cores", lambda: 4)


def test_a_number_asked_for_is_the_most_that_is_taken():
    assert threads.most_threads(3) == 3
    assert [threads.fit_threads(count, WIDE, 256, 10**6) for count in (1, 2, 3)] == [1, 2, 3]
    assert threads.fit_threads(2, TINY, 256, 10**6) == 1
    assert [threads.pass_threads(count, WIDE, 10_000) for count in (1, 2, 3)] == [1, 2, 3]
    assert threads.pass_threads(2, TINY, 10_000) == 1


def test_no_more_threads_are_taken_than_there_are_cores():
    assert threads.most_threads(10**6) == 4
    assert threads.fit_threads(8, WIDE, 1024, 10**6) == 4
    assert threads.pass_threads(8, WIDE, 10**6) == 4


def test_the_default_is_what_the_work_pays_for():
    assert [threads.fit_threads(None, WIDE, rows, 10**6) for rows in (1, 32, 256)] == [1, 3, 4]
    assert [threads.pass_threads(None, WIDE, rows) for rows in (1, 32, 10_000)] == [1, 2, 4]
    # Hardly any arithmetic for each number that goes from core to core.
    assert threads.fit_threads(None, DEEP, 128, 10**6) == 1


def test_a_short_fit_starts_no_threads():
    assert threads.fit_threads(2, WIDE, 32, 1e6) == 2
    assert threads.fit_threads(2, fb.mlp([32, 256, 256, 1])._spec, 128, 0.5) == 1


def test_wide_layers_are_split_by_columns():
    assert threads.split_columns(WIDE, 2)
    assert not threads.split_columns(WIDE, 64)
    assert not threads.split_columns(DEEP, 2)
    # A row of softmax needs all its columns.
    assert not threads.split_columns(fb.mlp([784, 512, 512, 10], "softmax")._spec, 2)


def test_the_environment_sets_the_most(monkeypatch):
    monkeypatch.setenv("FASTBP_NUM_THREADS", "2")
    assert threads.most_threads() == 2
    assert threads.fit_threads(None, TINY, 1, 1) == 1
    assert threads.most_threads(3) == 3


@pytest.mark.parametrize(
    ("value", "most"), [("2", 2), (" 3 ", 3), ("2,1", 2), ("99", 4), ("0", 4), ("no", 4), ("", 4)]
)
def test_the_environment_of_other_libraries_sets_the_most_too(monkeypatch, value, most):
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert threads.most_threads() == most
    monkeypatch.setenv("FASTBP_NUM_THREADS", "1")
    assert threads.most_threads() == 1


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5"])
def test_a_bad_environment_is_refused(monkeypatch, value):
    monkeypatch.setenv("FASTBP_NUM_THREADS", value)
    with pytest.raises(ValueError, match=r"^FASTBP_NUM_THREADS must be an integer .* got"):
        fb.mlp([1, 1]).fit([[1.0]], [1.0], epochs=1, progress=False)


@pytest.mark.parametrize(("value", "error"), [(0, ValueError), (1.5, TypeError), (True, TypeError)])
@pytest.mark.parametrize("call", ["fit", "predict", "evaluate"])
def test_a_bad_number_is_refused(call, value, error):
    arguments = {"x": [[1.0]], "y": [1.0], "threads": value}
    if call == "predict":
        del arguments["y"]
    with pytest.raises(error, match=r"^threads must be"):
        getattr(fb.mlp([1, 1]), call)(**arguments)


def test_the_affinity_of_the_process_counts(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _: {5}, raising=False)
    assert threads.usable_cores() == 1


def sent_by_value():
    """Return a function to be sent to workers, which may not be able to import this module."""

    def fitted():
        """Return (parameters, most threads) of a fit large enough for two threads."""
        rng = np.random.default_rng(0)
        x = rng.normal(size=(512, 400)).astype(np.float32)
        net = fb.mlp([400, 400, 400, 1], "relu")
        net.fit(x, x[:, :1], epochs=3, batch_size=256, progress=False)
        return net.params.tobytes(), threads.most_threads()

    return fitted


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_joblib_workers_train_the_same_bits(backend):
    joblib = pytest.importorskip("joblib")
    fitted = sent_by_value()
    expected = fitted()[0]
    jobs = [joblib.delayed(fitted)() for _ in range(4)]
    with joblib.parallel_config(backend=backend, n_jobs=2):
        found = joblib.Parallel()(jobs)
    assert [params == expected for params, _ in found] == [True] * 4


def test_processes_of_joblib_share_the_cores_out():
    joblib = pytest.importorskip("joblib")
    with joblib.parallel_config(backend="loky", n_jobs=2):
        found = joblib.Parallel()(joblib.delayed(sent_by_value())() for _ in range(2))
    assert [most for _, most in found] == [max(1, joblib.cpu_count() // 2)] * 2


def test_teams_keep_to_the_cores_of_their_process():
    # A team takes its threads off the caller's core, and must not let them out of the affinity.
    code = (
        "import os, threading, numpy as np\n"
        "core = min(os.sched_getaffinity(0))\n"
        "os.sched_setaffinity(0, {core})\n"
        "from fastbp._compiled import team\n"
        "team = team.Team(3, 1)\n"
        "for task in os.listdir('/proc/self/task'):\n"
        "    assert os.sched_getaffinity(int(task)) == {core}, task\n"
        "print(len(os.listdir('/proc/self/task')))\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    )
    assert int(done.stdout) >= 3
