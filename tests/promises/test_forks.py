"""Forks around fits, workers of every kind, and how many threads they run."""

import subprocess
import sys
import textwrap

import pytest

AT_MOST = 10

pytestmark = pytest.mark.no_sanitizer("measures seconds, and threads of a tree of processes")

# Rows and a network large enough for a team of two threads.
HEAD = """
import multiprocessing, os, sys, threading, time
import numpy as np
import fastbp as fb
from fastbp import threads as sizes
sizes.usable_cores = lambda: 2
rng = np.random.default_rng(0)
X = rng.normal(size=(512, 400)).astype(np.float32)

def network(seed=0):
    return fb.mlp([400, 400, 400, 1], "relu", seed=seed)

def fitted(net, threads=2, epochs=2, **more):
    net.fit(X, X[:, :1], epochs=epochs, batch_size=256, progress=False, threads=threads, **more)
    return net.params.tobytes()

def tasks(pid="self"):
    return len(os.listdir(f"/proc/{pid}/task"))
"""


def run(*arguments):
    """Return what a Python of its own prints."""
    done = subprocess.run(
        [sys.executable, "-P", *arguments],
        capture_output=True,
        text=True,
        cwd="/",
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def run_code(code):
    """Return what a program prints that comes after the head."""
    return run("-c", HEAD + textwrap.dedent(code))


def test_a_child_forked_after_a_threaded_fit_fits(promise):
    found = run_code(
        """
        net = network()
        expected = fitted(net)
        began = time.perf_counter()
        child = os.fork()
        if child == 0:
            same = fitted(network()) == expected
            # Also the network that was fitted before goes on.
            fitted(net)
            os._exit(0 if same else 1)
        code = os.waitpid(child, 0)[1]
        print(code, time.perf_counter() - began)
        """
    )
    promise(
        9,
        "os.fork after a fit of 2 threads, then fits of 2 threads in the child",
        f"the same bits within {AT_MOST} s",
        f"exit {found[0]}, {float(found[1]):.1f} s",
    )
    assert found[0] == "0"
    assert float(found[1]) < AT_MOST


def test_a_child_forked_in_the_middle_of_another_threads_fit_fits(promise):
    found = run_code(
        """
        import warnings
        # From Python 3.12 on: that a fork of a process with threads may wait for ever.
        warnings.simplefilter("ignore", DeprecationWarning)
        expected = fitted(network(1))
        net = network()
        began_fit, ended = threading.Event(), threading.Event()
        def look(training):
            began_fit.set()
            return ended.is_set()
        fit = threading.Thread(
            target=fitted,
            args=(net,),
            kwargs={"epochs": 10**6, "callbacks": fb.EverySteps(1, look)},
        )
        fit.start()
        began_fit.wait()
        began, codes = time.perf_counter(), []
        for _ in range(10):
            child = os.fork()
            if child == 0:
                # The fit is not in this process: all cores and its network are free here.
                same = sizes.share(2) == 2 and fitted(network(1)) == expected
                fitted(net, epochs=1)
                os._exit(0 if same else 1)
            codes.append(os.waitpid(child, 0)[1])
        seconds = time.perf_counter() - began
        ended.set()
        fit.join()
        print(sum(code == 0 for code in codes), seconds / 10)
        """
    )
    promise(
        9,
        "10 forks while another thread fits with 2 threads, then fits in the child",
        f"the same bits within {AT_MOST} s each",
        f"{found[0]} of 10 the same, {float(found[1]):.1f} s each",
    )
    assert found[0] == "10"
    assert float(found[1]) < AT_MOST


WORKER = """
import multiprocessing, sys, time
import numpy as np
import fastbp as fb

X = np.random.default_rng(0).normal(size=(512, 400)).astype(np.float32)

def fitted(seed):
    net = fb.mlp([400, 400, 400, 1], "relu", seed=seed)
    net.fit(X, X[:, :1], epochs=2, batch_size=256, progress=False, threads=2)
    return net.params.tobytes()

if __name__ == "__main__":
    expected = [fitted(seed) for seed in range(2)]
    began = time.perf_counter()
    context = multiprocessing.get_context(sys.argv[1])
    with context.Pool(2) as pool:
        found = pool.map_async(fitted, range(2)).get(60)
        pool.close()
        pool.join()
    print(found == expected, time.perf_counter() - began)
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_pools_of_processes_fit_after_a_threaded_fit(method, tmp_path, promise):
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    same, seconds = run(str(script), method)
    promise(
        9,
        f"a pool of 2 processes by {method}, after a fit of 2 threads",
        f"the same bits within {AT_MOST} s",
        f"{'the same' if same == 'True' else 'other'} bits, {float(seconds):.1f} s",
    )
    assert same == "True"
    assert float(seconds) < AT_MOST


# The threads of the process tree that run, and not those that there are: sampled again and again.
RUNNING = """
def children(pid):
    found = [pid]
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children") as file:
            for child in file.read().split():
                found += children(int(child))
    return found

def spent():
    found = {}
    for pid in children(os.getpid()):
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/stat") as file:
                    fields = file.read().rpartition(")")[2].split()
                found[pid, task] = int(fields[11]) + int(fields[12])
        except OSError:
            pass
    return found
"""


TWO_WORKERS = """
from concurrent.futures import ThreadPoolExecutor
import joblib

def work(seconds):
    # Called in the worker, whose cores are those of the machine: made two here, as in the head.
    import time
    import numpy as np
    import fastbp as fb
    from fastbp import threads as sizes
    sizes.usable_cores = lambda: 2
    x = np.random.default_rng(0).normal(size=(512, 400)).astype(np.float32)
    end = time.perf_counter() + seconds
    look = fb.EverySteps(1, lambda training: time.perf_counter() > end)
    net = fb.mlp([400, 400, 400, 1], "relu")
    net.fit(x, x[:, :1], epochs=10**6, batch_size=256, progress=False, callbacks=look)
    return sizes.most_threads()

def several(seconds):
    if backend == "pool":
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(work, [seconds] * 2))
    with joblib.parallel_config(backend=backend, n_jobs=2):
        return joblib.Parallel()(joblib.delayed(work)(seconds) for _ in range(2))

several(0.1)
answers = []
thread = threading.Thread(target=lambda: answers.extend(several(2.5)))
thread.start()
time.sleep(1.0)
before = spent()
time.sleep(1.0)
after = spent()
thread.join()
busy = sum(after[key] - before.get(key, 0) > 5 for key in after)
print(busy, *answers)
"""


@pytest.mark.parametrize("backend", ["loky", "threading", "pool"])
def test_two_workers_on_two_cores_run_two_threads(backend, promise):
    pytest.importorskip("joblib")
    found = run_code(RUNNING + f"backend = {backend!r}" + TWO_WORKERS)
    promise(
        9,
        f"2 workers ({backend}) with FASTBP_NUM_THREADS unset on 2 cores",
        "2 threads that run",
        f"{found[0]} threads, {' and '.join(found[1:])} allowed a worker",
    )
    assert int(found[0]) == 2
