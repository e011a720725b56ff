"""What a width just above whole vectors costs: time per useful FLOP beside the next full width.

    python benches/width_grid.py            measure, write results/width_grid.json and the document
    python benches/width_grid.py --check    fail if docs/performance.md is stale

A width that is no multiple of the 16 floats of the widest vector is worked as the next multiple;
what is computed beyond the width is of no use. Each pair of widths is timed in turn on one CPU: the
training step of a network w-w-w-w, and its forward product and weight gradient alone, as a call of
fastbp.kernels makes them but without its copies and checks, which would take most of the time.
"""

import argparse
import itertools
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from marked_block import fill_all
from measured import measured_on

import fastbp as fb
from fastbp._compiled import LEVEL, engine
from fastbp._compiled import kernels as compiled
from fastbp.memory import empty, zeros

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benches" / "results" / "width_grid.json"
NAME = "width table"

PAIRS = [(50, 64), (65, 80), (100, 112), (257, 272)]
BATCHES = [256, 64]
LIMIT = 1.35
ROWS = 4096
ROUNDS = 31
SECONDS = 0.02  # of a sample, about

# What is timed: something to do so many times, and the useful FLOPs of one time.
Timed = tuple[Callable[[int], None], float]


def training(width: int, batch: int) -> Timed:
    """Return training by epochs, in steps of the batch."""
    rng = np.random.default_rng(width)
    x = rng.normal(size=(ROWS, width)).astype("float32")
    y = rng.normal(size=(ROWS, width)).astype("float32")
    sizes = [width] * 4
    net = fb.mlp(sizes, "relu", "identity", "mse", dtype="float32", seed=0)
    optimizer = fb.SGD(1e-4)

    def epochs(number: int) -> None:
        history = net.fit(x, y, optimizer, number, batch, progress=False, threads=1)
        assert history.stop_reason == "epochs", history.stop_reason

    pairs = list(itertools.pairwise(sizes))
    multiplied = 3 * sum(n_in * n_out for n_in, n_out in pairs) - pairs[0][0] * pairs[0][1]
    return epochs, 2.0 * multiplied * ROWS


def calls(kernel: Callable[..., object], *arguments: object) -> Callable[[int], None]:
    """Return calls of a kernel with the same arguments."""

    def repeat(number: int) -> None:
        for _ in range(number):
            kernel(*arguments)

    return repeat


def operands(width: int, batch: int) -> list[Any]:
    """Return rows, a weight, rows again and scratch, laid out as fastbp.kernels does it."""
    rng = np.random.default_rng(width)
    found: list[Any] = []
    for n_rows in (batch, width, batch):
        matrix = zeros(n_rows * width, np.dtype("float32")).reshape(n_rows, width)
        matrix[:] = rng.normal(size=matrix.shape)
        found.append(matrix)
    return [*found, empty(engine.scratch_length(width, 4), np.dtype("float32"))]


def forward_product(width: int, batch: int) -> Timed:
    """Return the product of rows and a weight."""
    x, weight, z, scratch = operands(width, batch)
    return calls(compiled.rows_product, x, weight, z, None, scratch), 2.0 * batch * width**2


def weight_gradient(width: int, batch: int) -> Timed:
    """Return the gradient of a weight, added to what is there."""
    a, total, delta, scratch = operands(width, batch)
    total[:] = 0
    return calls(compiled.add_gradients, a, delta, total, None, scratch), 2.0 * batch * width**2


SUBJECTS = {
    "training step": training,
    "forward product": forward_product,
    "weight gradient": weight_gradient,
}


def seconds_of(work: Callable[[int], None], number: int) -> float:
    """Return the time of one of so many."""
    began = time.perf_counter()
    work(number)
    return (time.perf_counter() - began) / number


def measure(subject: str, batch: int, pair: tuple[int, int]) -> dict[str, Any]:
    """Return the useful GFLOP/s of both widths and the ratio of their times per useful FLOP."""
    timed = [SUBJECTS[subject](width, batch) for width in pair]
    numbers = []
    for work, _ in timed:
        work(1)
        numbers.append(max(1, round(SECONDS / seconds_of(work, 3))))
    costs: list[tuple[float, float]] = []
    for number in range(ROUNDS):
        # Each side goes first every other time: a drift of the clock then favours neither.
        cost = [0.0, 0.0]
        for side in (0, 1) if number % 2 else (1, 0):
            work, flops = timed[side]
            cost[side] = seconds_of(work, numbers[side]) / flops
        costs.append((cost[0], cost[1]))
    ratios = [width / full for width, full in costs]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return {
        "subject": subject,
        "batch": batch,
        "width": pair[0],
        "full": pair[1],
        "gflops": [1e-9 / statistics.median(side) for side in zip(*costs, strict=True)],
        "ratio": {"lower_quartile": low, "median": middle, "upper_quartile": high},
    }


def caption() -> str:
    """Return what was measured, on which machine and how."""
    where = measured_on(f"one thread bound to one CPU, float32, level {LEVEL}")
    each = f"about {SECONDS * 1e3:.0f} ms"
    return f"{where} Medians of {ROUNDS} pairs of samples, each of {each}, with their quartiles."


def shown(found: dict[str, Any]) -> str:
    """Return a ratio with its quartiles, bold above the limit."""
    ratio = found["ratio"]
    text = f"{ratio['median']:.3f} ({ratio['lower_quartile']:.2f} to {ratio['upper_quartile']:.2f})"
    return f"**{text}**" if ratio["median"] > LIMIT else text


def verdict(cases: list[dict[str, Any]]) -> str:
    """Return which training steps are above the limit."""
    steps = [case for case in cases if case["subject"] == "training step"]
    above = [
        f"width {case['width']} at batch {case['batch']} ({case['ratio']['median']:.3f})"
        for case in steps
        if case["ratio"]["median"] > LIMIT
    ]
    return (
        f"At most {LIMIT} is asked for of a training step; above it: {', '.join(above)}."
        if above
        else f"At most {LIMIT} is asked for of a training step, and all {len(steps)} keep to it."
    )


def table(results: dict[str, Any]) -> str:
    """Return the Markdown table: one line a width and batch."""
    head = ["width", "full", "full / width", "batch", "GFLOP/s", "GFLOP/s, full", *SUBJECTS]
    lines = [results["caption"], "", f"| {' | '.join(head)} |", "|" + "---:|" * len(head)]
    lines_of: dict[tuple[int, int, int], dict[str, dict[str, Any]]] = {}
    for case in results["cases"]:
        key = (case["width"], case["full"], case["batch"])
        lines_of.setdefault(key, {})[case["subject"]] = case
    for (width, full, batch), cases in lines_of.items():
        speeds = [f"{speed:.1f}" for speed in cases["training step"]["gflops"]]
        cells = [str(width), str(full), f"{full / width:.2f}", str(batch), *speeds]
        cells += [shown(cases[subject]) for subject in SUBJECTS]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", verdict(results["cases"])])


def main() -> int:
    """Measure, or only compare with what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="fail if the table is stale")
    arguments = parser.parse_args()
    if not arguments.check:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        grid = [(batch, pair) for pair in PAIRS for batch in BATCHES]
        cases = [measure(subject, *point) for subject in SUBJECTS for point in grid]
        RESULTS.write_text(json.dumps({"caption": caption(), "cases": cases}, indent=1) + "\n")
    body = table(json.loads(RESULTS.read_text(encoding="utf-8")))
    return fill_all({ROOT / "docs" / "performance.md": body}, NAME, arguments.check)


if __name__ == "__main__":
    sys.exit(main())
