"""The time of a step with `threads=` 2, 4 and 8 against one thread, over sizes and batches.

    python benches/thread_grid.py              measure, write results/thread_grid.json and the table
    python benches/thread_grid.py --check      fail if docs/performance.md is stale
    python benches/thread_grid.py --sizes 784-128-10 --batches 128    measure a part, write nothing

Samples of all numbers of threads are taken in turn, in a new order each round, and compared within
the round. A sample during which other processes had more than a tenth of a core is taken again,
up to RETRIES times. `threads=` is the most that a fit may use, so where more do not pay a ratio is
1 but for noise.
"""

import argparse
import json
import os
import random
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from marked_block import fill_all
from measured import measured_on

import fastbp as fb
from fastbp.threads import fit_threads, usable_cores

BENCHES = Path(__file__).resolve().parent
RESULTS = BENCHES / "results" / "thread_grid.json"
NAME = "thread grid"
SIZES = {
    "2-8-1": [2, 8, 1],
    "8-64-64-4": [8, 64, 64, 4],
    "64-32-10": [64, 32, 10],
    "32-256-256-1": [32, 256, 256, 1],
    "784-128-10": [784, 128, 10],
    "784-512-512-10": [784, 512, 512, 10],
    "1024-2048-2048-10": [1024, 2048, 2048, 10],
    "64-[64 x 50]-1": [64] * 51 + [1],
}
BATCHES = [1, 8, 32, 128, 256, 1024]
THREADS = [1, 2, 4, 8]
SECONDS = 0.1
FOREIGN = 0.1
RETRIES = 20


class Busy:
    """The processor time that other processes take, in cores, since it was made."""

    def __init__(self) -> None:
        self.began = self._now()

    @staticmethod
    def _now() -> tuple[float, float, float]:
        """Return (seconds, seconds of all cores at work, seconds of this process)."""
        spent = [int(part) for part in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
        tick = os.sysconf("SC_CLK_TCK")
        own = os.times()
        return (
            time.perf_counter(),
            (sum(spent) - spent[3] - spent[4]) / tick,
            own.user + own.system,
        )

    def foreign(self) -> float:
        """Return the cores that other processes have used."""
        seconds, used, own = (now - then for now, then in zip(self._now(), self.began, strict=True))
        return (used - own) / seconds


class Case:
    """Fits of one network on one batch size."""

    def __init__(self, name: str, batch: int) -> None:
        import numpy as np

        sizes = SIZES[name]
        rng = np.random.default_rng(0)
        self.net = fb.mlp(sizes, "tanh" if len(sizes) > 9 else "relu")
        self.batch = batch
        work = 6 * batch * self.net.params.size
        self.steps = max(4, min(256, 1_000_000_000 // work))
        self.x = rng.normal(size=(batch * self.steps, sizes[0])).astype(np.float32)
        self.y = rng.normal(size=(batch * self.steps, sizes[-1])).astype(np.float32)
        self.epochs = 1
        self.seconds(1)
        self.epochs = max(1, int(SECONDS / (self.seconds(1) * self.steps)))

    def used(self, threads: int) -> int:
        """Return how many threads a fit takes."""
        return fit_threads(threads, self.net._spec, self.batch, self.steps * self.epochs)

    def seconds(self, threads: int) -> float:
        """Return the time of a step."""
        began = time.perf_counter()
        self.net.fit(
            self.x,
            self.y,
            fb.SGD(1e-6, momentum=0.9),
            epochs=self.epochs,
            batch_size=self.batch,
            shuffle=False,
            progress=False,
            threads=threads,
        )
        return (time.perf_counter() - began) / (self.epochs * self.steps)

    def alone(self, threads: int) -> float:
        """Return the time of a step, taken while the machine does little else if it can be had."""
        for _ in range(RETRIES):
            busy = Busy()
            seconds = self.seconds(threads)
            if busy.foreign() < FOREIGN:
                break
            time.sleep(1)
        return seconds


def measure(name: str, batch: int, samples: int) -> dict[str, Any]:
    """Return the median time of a step on one thread and the ratios of the others to it."""
    case = Case(name, batch)
    times: dict[int, list[float]] = {threads: [] for threads in THREADS}
    for _ in range(samples):
        for threads in random.sample(THREADS, len(THREADS)):
            times[threads].append(case.alone(threads))
    return {
        "network": name,
        "batch": batch,
        "seconds": statistics.median(times[1]),
        "ratios": {
            str(threads): statistics.median(
                many / one for many, one in zip(times[threads], times[1], strict=True)
            )
            for threads in THREADS[1:]
        },
        "used": {str(threads): case.used(threads) for threads in THREADS[1:]},
    }


def time_text(seconds: float) -> str:
    """Return a time with three digits and its unit."""
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "us")):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def table(results: dict[str, Any]) -> str:
    """Return the Markdown table: a line a network and batch."""
    head = ["network", "batch", "one thread, a step"]
    head += [f"`threads={threads}`" for threads in THREADS[1:]]
    lines = [
        results["caption"],
        "",
        f"| {' | '.join(head)} |",
        "| --- |" + " ---: |" * (len(head) - 1),
    ]
    for case in results["cases"]:
        cells = [
            f"{case['ratios'][str(threads)]:.2f} ({case['used'][str(threads)]})"
            for threads in THREADS[1:]
        ]
        lines.append(
            f"| {case['network']} | {case['batch']:,} | {time_text(case['seconds'])} | "
            f"{' | '.join(cells)} |"
        )
    return "\n".join(lines)


def caption(samples: int) -> str:
    """Return what was measured, on which machine and how."""
    where = measured_on(f"{usable_cores()} cores")
    return (
        f"{where} SGD with momentum, float32; medians of {samples} "
        f"interleaved samples. Times of a step in shares of that with one thread; in brackets the "
        f"threads that a fit used."
    )


def main() -> int:
    """Measure, or only compare with what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="fail if the table is stale")
    parser.add_argument("--samples", type=int, default=5)
    parser.add_argument("--sizes", default=",".join(SIZES), help="only these, written to no file")
    parser.add_argument("--batches", default=",".join(map(str, BATCHES)))
    arguments = parser.parse_args()
    names = arguments.sizes.split(",")
    batches = [int(batch) for batch in arguments.batches.split(",")]
    if not arguments.check:
        results: dict[str, Any] = {"caption": caption(arguments.samples), "cases": []}
        for name in names:
            for batch in batches:
                results["cases"].append(measure(name, batch, arguments.samples))
                print(table({**results, "cases": results["cases"][-1:]}).splitlines()[-1])
        if names != list(SIZES) or batches != BATCHES:
            return 0
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    body = table(json.loads(RESULTS.read_text()))
    return fill_all({BENCHES.parent / "docs" / "performance.md": body}, NAME, arguments.check)


if __name__ == "__main__":
    sys.exit(main())
