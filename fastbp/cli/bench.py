"""``fastbp bench``: how fast this machine trains and predicts, over the project's workloads."""

from __future__ import annotations

import argparse
import gc
import json
import platform
import re
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import fastbp as fb
from fastbp.cli import options as kinds
from fastbp.cli.errors import UsageError
from fastbp.cli.workloads import WORKLOADS, Problem, Workload, build, find

NAMES = [name for name in WORKLOADS if re.fullmatch(r"[WI]\d", name)]
# Seconds of a sample, and samples of a workload.
SECONDS, SAMPLES = 0.3, 5
QUICK_SECONDS, QUICK_SAMPLES = 0.03, 3


def add_command(commands: Any) -> None:
    """Add ``bench`` to the subcommands of the parser."""
    parser = commands.add_parser(
        "bench",
        help="measure this machine",
        description=(
            "Measure training (W1 to W9) and prediction (I1 to I3) on this machine, on drawn rows. "
            "A figure is the median of some samples; half a minute, or some seconds with --quick. "
            "Measure while nothing else runs."
        ),
        epilog="example: fastbp bench --quick --threads 1",
    )
    parser.set_defaults(run=run)
    parser.add_argument("--quick", action="store_true", help="few rows and short samples")
    parser.add_argument(
        "--workloads",
        metavar="NAMES",
        help=f"some of them, such as W1,I3 (default: W1 to I3 of {', '.join(WORKLOADS)})",
    )
    parser.add_argument(
        "--threads", type=kinds.count, metavar="N", help="most threads to work with"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")


def run(options: argparse.Namespace, argv: Sequence[str]) -> int:
    """Measure and print."""
    names = NAMES if options.workloads is None else options.workloads.split(",")
    for name in names:
        if name not in WORKLOADS:
            raise UsageError(
                f"--workloads must be of {', '.join(WORKLOADS)}, got {name!r} (see `fastbp bench "
                "--help`)"
            )
    found = {}
    if not options.json:
        print(f"fastbp {fb.__version__}, {platform.machine()}, python {platform.python_version()}")
        print(f"{'':4}  {'time':>9}  {'per':5}  {'GFLOP/s':>8}  workload")
    for name in names:
        workload = find(name, options.quick)
        seconds = measured(workload, options.threads, options.quick)
        rate = workload.flops / seconds / 1e9
        found[name] = {
            "description": workload.description,
            "unit": workload.unit,
            "seconds": seconds,
            "gflops": rate,
        }
        if not options.json:
            print(
                f"{name:4}  {duration(seconds):>9}  {workload.unit:5}  {rate:>8.2f}  "
                f"{workload.description}",
                flush=True,
            )
    if options.json:
        machine = {"fastbp": fb.__version__, "threads": options.threads, "quick": options.quick}
        print(json.dumps({**machine, "workloads": found}))
    return 0


def measured(workload: Workload, threads: int | None, quick: bool) -> float:
    """Return the median seconds of one unit of a workload."""
    target, samples = (QUICK_SECONDS, QUICK_SAMPLES) if quick else (SECONDS, SAMPLES)
    action = _action(workload, build(workload), threads)
    # The first call makes what later ones find ready.
    action(1)
    once = _seconds(action, 1)
    repeats = max(1, round(target / once))
    times = [_seconds(action, repeats) / repeats for _ in range(samples)]
    return statistics.median(times) / workload.units_per_run


def _seconds(action: Callable[[int], None], repeats: int) -> float:
    gc.collect()
    gc.disable()
    began = time.perf_counter()
    action(repeats)
    spent = time.perf_counter() - began
    gc.enable()
    return spent


def _action(workload: Workload, problem: Problem, threads: int | None) -> Callable[[int], None]:
    """Return what trains for so many epochs, or predicts so many times."""
    network = fb.mlp(
        list(workload.sizes), workload.hidden, workload.output, workload.loss, workload.dtype
    )
    for weight, bias, (first_weight, first_bias) in zip(
        network.weights, network.biases, problem.params, strict=True
    ):
        weight[...], bias[...] = first_weight, first_bias
    if not workload.trains:
        x, batch = problem.x, workload.batch
        parts = [x[start : start + batch] for start in range(0, len(x), batch)]

        def predict(repeats: int) -> None:
            for call in range(repeats):
                network.predict(parts[call % len(parts)], threads=threads)

        return predict
    start: np.ndarray[Any, Any] = network.params.copy()

    def train(repeats: int) -> None:
        network.params = start
        network.fit(
            problem.x,
            problem.y,
            _rule(workload),
            epochs=repeats,
            batch_size=workload.batch,
            shuffle=workload.shuffle,
            progress=False,
            threads=threads,
        )

    return train


def _rule(workload: Workload) -> fb.Adam | fb.SGD:
    if workload.optimizer == "adam":
        return fb.Adam(workload.learning_rate)
    return fb.SGD(workload.learning_rate, momentum=workload.momentum)


def duration(seconds: float) -> str:
    """Return a time with three digits in the unit that suits it."""
    units = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
    unit = next((unit for unit, size in units.items() if seconds >= size), "ns")
    value = seconds / units[unit]
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f} {unit}"
