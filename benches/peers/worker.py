"""One peer at one number of threads, in a process of its own that the runner commands.

A request is a line of JSON on standard input, an answer a line on standard output. The process is
bound to its CPUs before anything that counts CPUs is imported.
"""

import gc
import json
import math
import os
import sys
import time
import traceback
from types import ModuleType
from typing import Any

TOLERANCE = 1e-3
SLOW_SECONDS = 1.0


def finite(value: float) -> float | None:
    """Return the value, or None for what JSON has no number."""
    return float(value) if math.isfinite(value) else None


class Column:
    """The chosen idiom of a peer for a workload: fast or ordinary."""

    def __init__(self, workload: Any, problem: Any, target: float) -> None:
        self.workload = workload
        self.problem = problem
        self.target = target
        self.repeats = 1
        self.subject: Any = None

    def agreement(self, subject: Any, expected: Any) -> dict[str, Any]:
        """Return how far the subject is from the expected loss or outputs."""
        import numpy as np

        if self.workload.trains:
            subject.use(np.arange(self.workload.rows) if self.workload.shuffle else None)
            found = subject.run(self.workload.check_epochs)
            error = abs(found - expected) / abs(expected)
            answer = {"loss": finite(found), "expected": expected}
        else:
            right = np.array(expected)
            outputs = subject.predict(self.inputs()[0])[: len(right)].reshape(right.shape)
            error = float(np.abs(outputs - right).max() / np.abs(right).max())
            answer = {}
        return {**answer, "relative_error": finite(error), "agrees": bool(error <= TOLERANCE)}

    def inputs(self) -> list[Any]:
        """Return the batches that predict is asked for in turn."""
        x, batch = self.problem.x, self.workload.batch
        return [x[start : start + batch] for start in range(0, len(x), batch)]

    def choose(self, idioms: list[Any], expected: Any, order: Any) -> dict[str, Any]:
        """Check and time every idiom once, keep the fastest that agrees, and say what was found."""
        variants: dict[str, Any] = {}
        best = float("inf")
        for idiom in idioms:
            try:
                subject = idiom.make(self.problem)
                found = self.agreement(subject, expected)
                if found["agrees"]:
                    found["seconds"] = self.trial(subject, order)
            except Exception as error:
                traceback.print_exc()
                found = {"agrees": False, "error": f"{type(error).__name__}: {error}"[:300]}
            variants[idiom.name] = found
            if found.get("seconds", best) < best:
                best, self.subject, name = found["seconds"], subject, idiom.name
            subject = None
            gc.collect()
        if self.subject is None:
            return {"refused": "no idiom agrees on the loss", "variants": variants}
        self.repeats = max(1, round(self.target / (best * self.workload.units_per_run)))
        runs = {"repeats": self.repeats, "units": self.repeats * self.workload.units_per_run}
        return {"idiom": name, **runs, "variants": variants}

    def trial(self, subject: Any, order: Any) -> float:
        """Return the time of one unit, after a warm-up, from short samples."""
        if self.workload.trains:
            subject.use(order if self.workload.shuffle else None)
        first = self.sample(subject, 1)
        if first > SLOW_SECONDS:
            return first / self.workload.units_per_run
        repeats = max(1, round(0.3 * self.target / first))
        samples = [self.sample(subject, repeats) for _ in range(3)]
        return min(samples) / repeats / self.workload.units_per_run

    def sample(self, subject: Any, repeats: int) -> float:
        """Return the seconds of so many epochs from the initial parameters, or of calls."""
        if self.workload.trains:
            subject.reset()
            start = time.perf_counter()
            subject.run(repeats)
            return time.perf_counter() - start
        inputs, predict = self.inputs(), subject.predict
        chosen = [inputs[call % len(inputs)] for call in range(repeats)]
        start = time.perf_counter()
        for x in chosen:
            predict(x)
        return time.perf_counter() - start


class Worker:
    """Answers the runner's requests."""

    def __init__(self, peer: str, threads: int, adapter: ModuleType) -> None:
        self.peer = peer
        self.threads = threads
        self.adapter = adapter
        self.columns: dict[str, Column] = {}

    def versions(self) -> dict[str, Any]:
        """Return the versions of the packages, and fastbp's configuration."""
        configuration = getattr(self.adapter, "configuration", lambda: "")
        return {"versions": self.adapter.versions(), "configuration": configuration()}

    def prepare(self, workload: str, quick: bool, target: float, expected: Any) -> dict[str, Any]:
        """Build the workload; return for each column the idiom, or why there is none."""
        import workloads
        from protocol import Skip

        chosen = workloads.find(workload, quick)
        try:
            idioms = self.adapter.idioms(chosen, self.threads)
        except Skip as reason:
            return {"fast": {"skipped": str(reason)}}
        problem = workloads.build(chosen)
        order = workloads.shuffled(chosen)
        answer = {}
        for name, ordinary in (("fast", False), ("ordinary", True)):
            of_kind = [idiom for idiom in idioms if idiom.ordinary == ordinary]
            if of_kind:
                column = Column(chosen, problem, target)
                answer[name] = column.choose(of_kind, expected, order)
                self.columns[name] = column
        return answer

    def measure(self, column: str) -> dict[str, Any]:
        """Return the seconds of one unit, from one sample."""
        subject = self.columns[column]
        gc.collect()
        gc.disable()
        seconds = subject.sample(subject.subject, subject.repeats)
        gc.enable()
        return {"seconds": seconds / subject.repeats / subject.workload.units_per_run}

    def release(self) -> dict[str, Any]:
        """Forget the workload."""
        self.columns.clear()
        gc.collect()
        return {}


def main() -> None:
    """Answer requests until standard input ends."""
    peer, threads, cpus = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
    os.sched_setaffinity(0, cpus)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    import adapters

    worker = Worker(peer, threads, adapters.load(peer))
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = getattr(worker, request.pop("do"))(**request)
        except Exception as error:
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"[:300]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
