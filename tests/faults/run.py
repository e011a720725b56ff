"""Turn every fault on, one after the other, and see that the quick tests notice it.

    python tests/faults/run.py                 all faults; about a quarter of an hour
    python tests/faults/run.py Adam dropout    those whose description has one of the words
    python tests/faults/run.py --tree DIR      keep the build there, or use the one that is there
    python tests/faults/run.py --write         remember in killers.json which test notices what

For each fault its test of killers.json runs first, then the files beside its source (FIRST), then
the rest of the suite, until a test fails. A process that crashes or hangs has noticed it as well.
At the end all tests that noticed something must pass without a fault.
"""

import argparse
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import hypothesis
import mpmath
import numpy
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from faults import build
from faults.fault import Fault

# What these import is not imported again by each process that tests a fault.
SHARED = (hypothesis, mpmath, numpy)
KILLERS = Path(__file__).with_name("killers.json")
# What looks at the sources themselves, which are others with the faults in them.
NOT_OF_FAULTS = ("tests/faults", "tests/integration/test_tutorial.py")
# Seconds until a process counts as hanging.
LIMIT = 300
# A test that is remembered may be there no more: then it notices nothing.
ENDED = (pytest.ExitCode.OK, pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.NO_TESTS_COLLECTED)

ORACLE, BITS, PROPERTY = "tests/oracle", "tests/bits", "tests/property"
ACTIVATIONS = "tests/promises/test_activations.py"
PRODUCTS = [f"{ORACLE}/test_kernels.py", f"{BITS}/test_bits.py", f"{ORACLE}/test_network.py"]
NETWORKS = [f"{ORACLE}/test_network.py", f"{ORACLE}/test_layers.py", f"{BITS}/test_bits.py"]
FIRST = {
    "tile.h": PRODUCTS,
    "panel.h": PRODUCTS,
    "packing.h": PRODUCTS,
    "product_body.h": PRODUCTS,
    "vector.h": PRODUCTS,
    "lanes_body.h": [f"{BITS}/test_tiny.py"],
    "tiny.pxd": [f"{ORACLE}/test_l2.py", f"{BITS}/test_tiny.py", f"{ORACLE}/test_schedules.py"],
    "elementary.h": [f"{ORACLE}/test_elementary.py"],
    "special.h": [f"{ORACLE}/test_special.py"],
    "root.h": [f"{ORACLE}/test_root.py"],
    "root_body.h": [f"{ORACLE}/test_root.py"],
    "adam_body.h": [f"{ORACLE}/test_trajectories.py", f"{ORACLE}/test_l2.py"],
    "activation.pxd": [ACTIVATIONS, f"{ORACLE}/test_kernels.py"],
    "softmax.pxd": [f"{ORACLE}/test_softmax.py", ACTIVATIONS, f"{ORACLE}/test_kernels.py"],
    "loss.pxd": [f"{ORACLE}/test_kernels.py"],
    "rules.pxd": [f"{ORACLE}/test_trajectories.py"],
    "update.pxd": [f"{ORACLE}/test_trajectories.py", f"{ORACLE}/test_network.py"],
    "normalization.pxd": [f"{ORACLE}/test_layers.py"],
    "norm.pxd": [f"{ORACLE}/test_network.py", f"{ORACLE}/test_metrics.py"],
    "dropout.pxd": [f"{ORACLE}/test_layers.py"],
    "dropout.h": [f"{ORACLE}/test_layers.py"],
    "backward.pxd": [
        f"{ORACLE}/test_l2.py",
        f"{ORACLE}/test_layers.py",
        f"{ORACLE}/test_network.py",
    ],
    "weight_gradient.pxd": [
        f"{ORACLE}/test_l2.py",
        f"{ORACLE}/test_layers.py",
        f"{ORACLE}/test_network.py",
    ],
    "batch.pxd": [f"{PROPERTY}/test_shuffle.py", f"{ORACLE}/test_network.py"],
    "passes.pxd": [f"{PROPERTY}/test_bad_input.py", *NETWORKS],
    "shuffle.pxd": [f"{PROPERTY}/test_shuffle.py"],
    "team.h": [f"{BITS}/test_bits.py", "tests/integration/test_threads.py"],
    "custom.pxd": [f"{ORACLE}/test_custom.py", f"{BITS}/test_custom_bits.py"],
    "standard.pxd": [f"{PROPERTY}/test_preprocessing_kernel.py"],
    "_engine.pyx": [f"{ORACLE}/test_l2.py", f"{ORACLE}/test_apply_gradients.py"],
    "fastbp/folding.py": [f"{PROPERTY}/test_preprocessing_kept.py"],
    "run.pxd": [f"{PROPERTY}/test_divergence.py"],
    "steps.pxd": [
        *NETWORKS,
        f"{ORACLE}/test_l2.py",
        f"{ORACLE}/test_apply_gradients.py",
        f"{ORACLE}/test_schedules.py",
        f"{PROPERTY}/test_divergence.py",
    ],
}


class Watch:
    """A pytest plugin that writes down the test that runs, and the first that fails."""

    def __init__(self, path):
        self.path = path

    def pytest_runtest_logstart(self, nodeid):
        self.path.write_text(f"running {nodeid}", encoding="utf-8")

    def pytest_runtest_logreport(self, report):
        if report.failed:
            self.path.write_text(f"failed {report.nodeid}", encoding="utf-8")

    def pytest_collectreport(self, report):
        if report.failed:
            self.path.write_text(f"failed {report.nodeid}", encoding="utf-8")


def run_here(number, chosen, notes):
    """Run the chosen tests in this process with a fault on; return pytest's exit code."""
    os.setsid()
    os.environ["FASTBP_FAULT"] = str(number)
    os.environ.pop("FASTBP_PROMISES", None)  # figures of faults are no record
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), 1)
        os.dup2(nothing.fileno(), 2)
    # What is shared was imported before pytest could look at it.
    shared = "ignore::pytest.PytestAssertRewriteWarning"
    arguments = ["-x", "-q", "-p", "no:cacheprovider", "--tb=no", "-W", shared, *chosen]
    return pytest.main(arguments, plugins=[Watch(notes)])


def tests_with(number, chosen, notes):
    """Run the chosen tests in a process of their own; return what noticed the fault, or None."""
    notes.write_text("running nothing", encoding="utf-8")
    child = os.fork()
    if child == 0:
        code = pytest.ExitCode.INTERNAL_ERROR
        try:
            code = run_here(number, chosen, notes)
        finally:
            os._exit(int(code))
    end = time.monotonic() + LIMIT
    done = status = 0
    while not done and time.monotonic() < end:
        time.sleep(0.05)
        done, status = os.waitpid(child, os.WNOHANG)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what hangs, also what the tests have started
    if not done:
        os.waitpid(child, 0)
    state, _, test = notes.read_text(encoding="utf-8").partition(" ")
    if not done:
        return f"{test} (hangs)"
    if os.WIFSIGNALED(status):
        return f"{test} (crashes)"
    if state == "failed":
        return test
    if os.WEXITSTATUS(status) not in ENDED:
        raise RuntimeError(f"pytest must run {chosen}, got {os.WEXITSTATUS(status)} from it")
    return None


def name_of(by):
    """Return the test of what has noticed a fault."""
    return by.partition(" (")[0]


def stages(fault, known):
    """Yield the tests to run, the likeliest first."""
    if fault.what in known:
        yield [name_of(known[fault.what])]
    first = FIRST.get(fault.file, NETWORKS)
    yield first
    yield ["tests", *(f"--ignore={path}" for path in (*first, *NOT_OF_FAULTS))]


def noticed(number, fault, known, notes):
    """Return the test that notices a fault, or None."""
    for chosen in stages(fault, known):
        found = tests_with(number, chosen, notes)
        if found:
            return found
    return None


def check_all(tree: Path, faults: dict[int, Fault], write=False):
    """Return {what is broken: the test that notices, or None}, and print it on the way.

    What notices faults must notice nothing where none is on; else a RuntimeError names the test.
    """
    there = {fault.what for fault in build.FAULTS}
    known = json.loads(KILLERS.read_text(encoding="utf-8")) if KILLERS.exists() else {}
    known = {what: by for what, by in known.items() if what in there}
    os.environ["PYTHONPATH"] = str(tree)
    sys.path.insert(0, str(tree))
    os.chdir(tree)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder, "notes")
        for number, fault in faults.items():
            start = time.monotonic()
            by = found[fault.what] = noticed(number, fault, known, notes)
            seconds = time.monotonic() - start
            print(f"{fault.what}: {by or 'NOT NOTICED'} ({seconds:.0f} s)", flush=True)
            if write and by:
                known[fault.what] = by
                KILLERS.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
        tests = sorted({name_of(by) for by in found.values() if by})
        wrong = tests_with(0, tests, notes) if tests else None
    if wrong:
        raise RuntimeError(f"the tests must pass without a fault, got {wrong}, which fails")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("words", nargs="*")
    parser.add_argument("--tree", type=Path)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    faults = {
        number: fault
        for number, fault in enumerate(build.FAULTS, 1)
        if not asked.words or any(word in fault.what for word in asked.words)
    }
    with tempfile.TemporaryDirectory() as folder:
        tree = asked.tree or Path(folder, "tree")
        if not any(tree.glob("fastbp/_engine_v*")):
            build.build(tree)
        found = check_all(tree.resolve(), faults, asked.write)
    left = [what for what, by in found.items() if by is None]
    print(f"{len(found) - len(left)} of {len(found)} faults noticed")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
