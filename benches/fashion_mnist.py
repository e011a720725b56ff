"""The recipe of examples/fashion_mnist.py in fastbp and in torch: time and accuracy on one thread.

    python benches/fashion_mnist.py [FOLDER]   measure, write results/fashion_mnist.json, fill the
                                               document; FOLDER has the data, as for the example
    python benches/fashion_mnist.py --table    fill the document from what was measured
    python benches/fashion_mnist.py --check    fail if docs/performance.md is stale

Both start from the same parameters, take the same rate in the same step, and draw a new order of
the rows for every epoch inside the timed span. torch is written in three ways, each warmed up
before it is timed; the fastest is the one to compare with. A round has one run of each, and each
goes first in turn; rounds differ by the seed of parameters and orders.
"""

import argparse
import datetime
import gc
import importlib
import json
import os
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

BENCHES = Path(__file__).resolve().parent
ROOT = BENCHES.parent
# The example has the name of this file, and goes first.
sys.path[:0] = [str(ROOT / "examples"), str(BENCHES), str(BENCHES / "peers")]

import fashion_mnist as example  # noqa: E402
import machine  # noqa: E402
import numpy as np  # noqa: E402
from marked_block import fill_all  # noqa: E402
from workloads import Problem, Workload  # noqa: E402

import fastbp as fb  # noqa: E402

RESULTS = BENCHES / "results" / "fashion_mnist.json"
NAME = "fashion table"
SEEDS = range(5)
GOAL = 0.885
FASTBP = "fastbp"

# Trains from a network's parameters by a seed; returns the seconds, and classes of the test rows.
Run = Callable[[fb.Network, int], tuple[float, np.ndarray]]


def recipe() -> str:
    """Return the example's recipe in a line."""
    return (
        f"784-{example.HIDDEN}-10 relu/softmax, {example.EPOCHS} epochs in batches of "
        f"{example.BATCH}, {fb.Adam(example.LEARNING_RATE)!r}, {example.SCHEDULE!r}"
    )


def pairs(net: fb.Network) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return copies of weight (n_out, n_in) and bias of each layer."""
    return [(w.copy(), b.copy()) for w, b in zip(net.weights, net.biases, strict=True)]


def of_fastbp(x: np.ndarray, y: np.ndarray, x_test: np.ndarray) -> Run:
    """Return runs of fastbp, warmed up."""

    def run(net: fb.Network, seed: int) -> tuple[float, np.ndarray]:
        seconds = example.train(net, x, y, threads=1)
        return seconds, net.predict(x_test, threads=1).argmax(1)

    run(example.network(x.shape[1], 0), 0)
    return run


def of_torch(form: str, x: np.ndarray, y: np.ndarray, x_test: np.ndarray) -> Run:
    """Return runs of one form of torch, warmed up."""
    workload = Workload(
        "fashion", (x.shape[1], example.HIDDEN, 10), "relu", "softmax", "cross_entropy", "adam",
        example.LEARNING_RATE, rows=len(x), batch=example.BATCH, unit="epoch",
    )  # fmt: skip
    problem = Problem(x, y, pairs(example.network(x.shape[1], 0)))
    runs = importlib.import_module("fashion_torch").Runs(form, workload, problem)
    total = example.EPOCHS * workload.steps
    factors = example.SCHEDULE.factors(np.arange(total), workload.steps, total)

    def run(net: fb.Network, seed: int) -> tuple[float, np.ndarray]:
        seconds = runs.train(pairs(net), example.LEARNING_RATE * factors, seed)
        return seconds, runs.classes(x_test)

    return run


def subjects(rows: tuple[np.ndarray, np.ndarray, np.ndarray]) -> tuple[dict[str, Run], Any]:
    """Return runs by name, and why a form of torch that does not work was left out."""
    found, left_out = {FASTBP: of_fastbp(*rows)}, {}
    for form in importlib.import_module("fashion_torch").FORMS:
        try:
            found[form] = of_torch(form, *rows)
        except Exception as error:  # torch.compile needs a compiler and its headers.
            left_out[form] = f"{type(error).__name__}: {error}"[:300]
            print(f"{form} is left out: {left_out[form]}")
    return found, left_out


def measure(folder: Path) -> dict[str, Any]:
    """Return the results of all rounds, and on what they were measured."""
    computer = machine.describe()
    # torch reads the number of threads when it is imported, which is after this.
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"
    os.sched_setaffinity(0, machine.cpus(1))
    (x, y), (x_test, y_test) = example.read(folder)
    example.standardise(x, x_test)
    found, left_out = subjects((x, y, x_test))
    runs = []
    for number, seed in enumerate(SEEDS):
        names = list(found)
        for name in names[number % len(names) :] + names[: number % len(names)]:
            gc.collect()
            seconds, classes = found[name](example.network(x.shape[1], seed), seed)
            accuracy = float(np.mean(classes == y_test))
            runs.append({"seed": seed, "name": name, "seconds": seconds, "accuracy": accuracy})
            print(f"seed {seed}  {name:24s} {seconds:6.2f} s  accuracy {accuracy:.4f}", flush=True)
    torch = importlib.import_module("torch")
    return {
        "date": str(datetime.date.today()),
        "machine": computer,
        "versions": {FASTBP: fb.__version__, "torch": torch.__version__, "numpy": np.__version__},
        "threads": 1,
        "rows": [len(x), len(x_test)],
        "recipe": recipe(),
        "left_out": left_out,
        "runs": runs,
    }


def by_name(results: dict[str, Any], key: str) -> dict[str, list[float]]:
    """Return the seconds or the accuracies of each subject, seed by seed."""
    found: dict[str, list[float]] = {}
    for run in sorted(results["runs"], key=lambda run: run["seed"]):
        found.setdefault(run["name"], []).append(run[key])
    return found


def caption(results: dict[str, Any]) -> str:
    """Return what was measured, on which machine."""
    computer = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    rows, test_rows = results["rows"]
    return (
        f"Measured {results['date']} on {computer['cpu']} ({computer['cores']} cores,"
        f" {computer['memory_gib']} GiB, {computer['system']}), one thread bound to one CPU,"
        f" float32; {versions}, Python {computer['python']}. {rows:,} rows to train, {test_rows:,}"
        f" to test; {results['recipe']}. Medians of {len(SEEDS)} interleaved runs, seeds"
        f" {SEEDS[0]} to {SEEDS[-1]}."
    )


def verdict(results: dict[str, Any]) -> str:
    """Return the ratio of torch's fastest form to fastbp, and who reaches the accuracy."""
    times, accuracies = by_name(results, "seconds"), by_name(results, "accuracy")
    ours = times.pop(FASTBP)
    fastest = min(times, key=lambda name: statistics.median(times[name]))
    ratios = [theirs / own for theirs, own in zip(times[fastest], ours, strict=True)]
    reached = sum(accuracy >= GOAL for accuracy in accuracies[FASTBP])
    return (
        f"The fastest form of torch / fastbp, run by run: {statistics.median(ratios):.2f}"
        f" ({min(ratios):.2f} to {max(ratios):.2f}). At least {GOAL} is asked for of the test"
        f" accuracy, and {reached} of fastbp's {len(ours)} runs reach it."
    )


def table(results: dict[str, Any]) -> str:
    """Return the Markdown table: a line a subject."""
    times, accuracies = by_name(results, "seconds"), by_name(results, "accuracy")
    base = statistics.median(times[FASTBP])
    lines = [
        caption(results),
        "",
        "| | training, s | / fastbp | test accuracy, mean | lowest |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, seconds in times.items():
        middle = statistics.median(seconds)
        span = f"{middle:.2f} ({min(seconds):.2f} to {max(seconds):.2f})"
        mean, lowest = statistics.mean(accuracies[name]), min(accuracies[name])
        lines.append(f"| {name} | {span} | {middle / base:.2f} | {mean:.4f} | {lowest:.4f} |")
    return "\n".join([*lines, "", verdict(results)])


def parse() -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=example.FOLDER)
    parser.add_argument("--table", action="store_true", help="measure nothing, fill the document")
    parser.add_argument("--check", action="store_true", help="fail if the table is stale")
    return parser.parse_args()


def main() -> int:
    """Measure, or only render or compare what was measured."""
    arguments = parse()
    if not (arguments.check or arguments.table):
        try:
            results = measure(arguments.folder)
        except example.NoData as missing:
            sys.exit(str(missing))
        RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        print(verdict(results))
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    if results["recipe"] != recipe():
        print(f"{RESULTS.name}: measured by another recipe: {results['recipe']}")
        return 1
    body = table(results)
    return fill_all({ROOT / "docs" / "performance.md": body}, NAME, arguments.check)


if __name__ == "__main__":
    sys.exit(main())
