"""Compare with an earlier tree, over the workloads of benches/peers, on one thread.

    python benches/before.py TREE      measure, write results/before.json and the table
    python benches/before.py --check   fail if docs/performance.md is stale
    python benches/before.py TREE --workloads W1,W4 --rounds 5     measure a part, write nothing

TREE is another checkout with its modules built in place (`python setup.py build_ext --inplace`),
as this one must be. Each has a process of its own, bound to the same core; samples are taken in
turn, the two in a new order each round, and compared within the round.
"""

import argparse
import datetime
import gc
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from marked_block import fill_all

BENCHES = Path(__file__).resolve().parent
ROOT = BENCHES.parent
RESULTS = BENCHES / "results" / "before.json"
NAME = "before table"
WORKLOADS = [*(f"W{number}" for number in range(1, 10)), "S1", "I1", "I2", "I3"]
# Those whose epoch takes a second or so are cut to some thousand rows.
CUT = ("W5", "W6", "W7")
SECONDS = 0.25
ROUNDS = 13


class Subject:
    """One tree's network and rows of a workload, in its own process."""

    def __init__(self, name: str) -> None:
        import workloads
        from adapters import fastbp_adapter

        self.workload = workloads.find(name, quick=name in CUT)
        self.problem = workloads.build(self.workload)
        self.runner = fastbp_adapter.idioms(self.workload, 1)[0].make(self.problem)
        if self.workload.trains and self.workload.shuffle:
            self.runner.use(workloads.shuffled(self.workload))
        self.seconds(1)

    def seconds(self, repeats: int) -> float:
        """Return the time of an epoch, or of a call."""
        x, batch = self.problem.x, self.workload.batch
        rows = [x[start : start + batch] for start in range(0, len(x), batch)]
        if self.workload.trains:
            self.runner.reset()
        gc.collect()
        gc.disable()
        began = time.perf_counter()
        if self.workload.trains:
            self.runner.run(repeats)
        else:
            for call in range(repeats):
                self.runner.predict(rows[call % len(rows)])
        spent = time.perf_counter() - began
        gc.enable()
        return spent / repeats


def answer(tree: str) -> None:
    """Answer requests from standard input: a workload's name, or a number of repeats."""
    sys.path[:0] = [tree, str(BENCHES / "peers")]
    import fastbp

    assert Path(fastbp.__file__).is_relative_to(tree), fastbp.__file__
    subject: Any = None
    for line in sys.stdin:
        request = json.loads(line)
        if isinstance(request, str):
            subject = Subject(request)
            print(max(1, round(SECONDS / subject.seconds(2))), flush=True)
        else:
            print(subject.seconds(request), flush=True)


class Tree:
    """The process of one tree."""

    def __init__(self, path: Path, core: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(BENCHES / "before.py"), "--answer", str(path.resolve())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            env={**os.environ, "FASTBP_NUM_THREADS": "1"},
            preexec_fn=lambda: os.sched_setaffinity(0, [core]),
        )

    def ask(self, request: str | int) -> float:
        """Return the answer to a request."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


def commit(tree: Path) -> str:
    """Return the short hash of a checkout."""
    command = ["git", "-C", str(tree), "rev-parse", "--short=10", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def measure(tree: Path, names: list[str], rounds: int) -> dict[str, Any]:
    """Return the samples of both trees and what they were taken on."""
    sys.path.insert(0, str(BENCHES / "peers"))
    import machine

    core = max(os.sched_getaffinity(0))
    trees = {"before": Tree(tree, core), "now": Tree(ROOT, core)}
    samples: dict[str, dict[str, list[float]]] = {}
    for name in names:
        repeats = int(min(each.ask(name) for each in trees.values()))
        samples[name] = {which: [] for which in trees}
        for number in range(rounds):
            for which in sorted(trees, reverse=bool(number % 2)):
                samples[name][which].append(trees[which].ask(repeats))
        print(f"{name}: {ratio(samples[name]):.3f}", flush=True)
    return {
        "date": str(datetime.date.today()),
        "machine": machine.describe(),
        "commits": {"before": commit(tree), "now": commit(ROOT)},
        "samples": samples,
    }


def ratio(sample: dict[str, list[float]]) -> float:
    """Return the median of now / before, round by round."""
    pairs = zip(sample["now"], sample["before"], strict=True)
    return statistics.median(now / before for now, before in pairs)


def table(found: dict[str, Any]) -> str:
    """Return the Markdown table of a measurement."""
    about, commits = found["machine"], found["commits"]
    rounds = len(next(iter(found["samples"].values()))["now"])
    lines = [
        f"Measured {found['date']} on {about['cpu']} ({about['cores']} cores), Python "
        f"{about['python']}, one thread, {rounds} interleaved samples of each: commit "
        f"{commits['now']} against {commits['before']}.",
        "",
        "| workload | now / before, median | lowest | highest |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name, sample in found["samples"].items():
        pairs = [now / old for now, old in zip(sample["now"], sample["before"], strict=True)]
        lines.append(f"| {name} | {ratio(sample):.3f} | {min(pairs):.3f} | {max(pairs):.3f} |")
    return "\n".join(lines)


def main() -> int:
    """Measure, or compare the table with the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tree", nargs="?", type=Path)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--workloads", type=lambda text: text.split(","), default=WORKLOADS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--answer", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.answer:
        answer(arguments.answer)
        return 0
    if not arguments.check:
        if arguments.tree is None:
            parser.error("TREE must be another checkout, built in place")
        found = measure(arguments.tree, arguments.workloads, arguments.rounds)
        if (arguments.workloads, arguments.rounds) != (WORKLOADS, ROUNDS):
            return 0
        RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    found = json.loads(RESULTS.read_text())
    return fill_all({ROOT / "docs" / "performance.md": table(found)}, NAME, arguments.check)


if __name__ == "__main__":
    sys.exit(main())
