"""Measure fastbp and whichever peers are installed on the same workloads; write JSON.

    python benches/peers/run.py [--workloads W1,W4] [--peers torch,jax] [--threads 1,all]
                                [--rounds N] [--out benches/results/peers.json] [--quick]

Every peer runs in a process of its own, bound to the same CPUs and stopped while another is
measured. Samples are taken in rounds: fastbp, the peers one after another, the machine's peak.
"""

import argparse
import datetime
import json
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import machine
import numpy as np
import workloads
from adapters import PEERS, installed, numpy_adapter
from fleet import Fleet
from workloads import Workload

RESULTS = Path(__file__).resolve().parents[1] / "results" / "peers.json"
PEAK_SECONDS = 0.03


def summary(samples: Sequence[float]) -> dict[str, Any]:
    """Return samples with their median, minimum and interquartile range."""
    quarters = np.percentile(samples, [25, 75])
    return {
        "samples": list(samples),
        "median": statistics.median(samples),
        "min": min(samples),
        "iqr": float(quarters[1] - quarters[0]),
    }


def expected(workload: Workload) -> Any:
    """Return what every peer must agree on, in float64: the training loss, or 4 rows of outputs."""
    problem = workloads.build(workload, "float64")
    (idiom,) = numpy_adapter.idioms(workload, 1)
    subject = idiom.make(problem)
    if not workload.trains:
        return subject.predict(problem.x[: workload.batch])[:4].tolist()
    subject.use(np.arange(workload.rows) if workload.shuffle else None)
    return subject.run(workload.check_epochs)


class Runner:
    """Takes the samples of one number of threads."""

    def __init__(self, arguments: argparse.Namespace, probe: machine.Probe) -> None:
        self.arguments = arguments
        self.probe = probe
        self.checks: dict[str, Any] = {}

    def workload(self, name: str, threads: int, fleet: Fleet) -> dict[str, Any]:
        """Return the figures of one workload at one number of threads."""
        workload = workloads.find(name, self.arguments.quick)
        if name not in self.checks:
            self.checks[name] = expected(workload)
        request = {"workload": name, "quick": self.arguments.quick, "target": self.target()}
        columns: dict[str, dict[str, Any]] = {"fast": {}, "ordinary": {}}
        for peer in fleet.peers:
            start = time.monotonic()
            answer = fleet.ask(peer, "prepare", **request, expected=self.checks[name])
            if "error" in answer:
                answer = {"fast": {"refused": answer["error"]}}
            for column, entry in answer.items():
                columns[column][peer] = entry
                say(f"    {peer:12s}{column:9s}{one_line(entry)}")
            say(f"    {time.monotonic() - start:.1f} s")
        timed = self.rounds(workload, threads, fleet, columns)
        for peer in fleet.peers:
            fleet.ask(peer, "release")
        return {**columns, **timed, **compare(workload, columns, timed)}

    def target(self) -> float:
        """Return how many seconds a sample should take at least."""
        return 0.05 if self.arguments.quick else 0.3

    def rounds(
        self, workload: Workload, threads: int, fleet: Fleet, columns: dict[str, dict[str, Any]]
    ) -> dict[str, Any]:
        """Sample every ready idiom, round by round; put the samples into its entry."""
        samples: dict[tuple[str, str], list[float]] = {
            (peer, column): []
            for peer in fleet.peers
            for column in columns
            if "idiom" in columns[column].get(peer, {})
        }
        peaks, barriers = [], []
        for turn in range(min(self.arguments.rounds, workload.max_rounds)):
            peaks.append(self.probe.peak(threads, workload.dtype, PEAK_SECONDS))
            if threads > 1:
                barriers.append(self.probe.barrier(threads))
            for (peer, column), taken in samples.items():
                if column == "ordinary" and turn >= self.arguments.ordinary_rounds:
                    continue
                answer = fleet.ask(peer, "measure", column=column)
                if "error" in answer:
                    columns[column][peer]["error"] = answer["error"]
                else:
                    taken.append(answer["seconds"])
        for (peer, column), taken in samples.items():
            if taken:
                columns[column][peer].update(summary(taken))
        return {
            "peak_flops": summary(peaks) if None not in peaks else None,
            "barrier_ns": summary(barriers) if barriers and None not in barriers else None,
        }


def compare(
    workload: Workload, columns: dict[str, dict[str, Any]], timed: dict[str, Any]
) -> dict[str, Any]:
    """Return the fastest peer, its time over fastbp's, and shares of the FMA peak."""
    peak = timed["peak_flops"]
    if peak:
        for entry in columns["fast"].values():
            if "median" in entry:
                entry["share_of_peak"] = workload.flops / entry["median"] / peak["median"]
    times = {
        (peer, column): entry
        for column, entries in columns.items()
        for peer, entry in entries.items()
        if "median" in entry
    }
    ours = times.pop(("fastbp", "fast"), None)
    if ours is None or not times:
        return {}
    (peer, column), best = min(times.items(), key=lambda item: item[1]["median"])
    pairs = zip(best["samples"], ours["samples"], strict=False)
    by_round = [theirs / mine for theirs, mine in pairs]
    return {
        "best_peer": peer,
        "best_column": column,
        "ratio": best["median"] / ours["median"],
        "ratio_range": [min(by_round), max(by_round)],
    }


def say(line: str) -> None:
    """Print progress to standard error."""
    print(line, file=sys.stderr, flush=True)


def one_line(entry: dict[str, Any]) -> str:
    """Return what became of a peer's preparation."""
    if "idiom" in entry:
        found = entry["variants"]
        times = {name: found[name].get("seconds") for name in found}
        why = {name: found[name].get("error", "loss differs") for name in found}
        return "; ".join(
            f"{name} {f'no: {why[name]}' if t is None else f'{t:.3g} s'}"
            for name, t in times.items()
        )
    if "refused" in entry:
        return f"refused: {entry['refused']} {json.dumps(entry.get('variants', ''))}"
    return f"skipped: {entry['skipped']}"


def described(workload: Workload) -> dict[str, Any]:
    """Return the part of a workload's record that does not depend on threads."""
    steps = {"epoch": workload.steps, "step": 1, "call": 0}[workload.unit]
    return {
        "description": workload.description,
        "unit": workload.unit,
        "rows": workload.rows,
        "batch": workload.batch,
        "dtype": workload.dtype,
        "learning_rate": workload.learning_rate,
        "steps_per_unit": steps,
        "flops_per_unit": workload.flops,
        "total_epochs": workload.total_epochs,
        "target_ratio": workload.target_ratio,
        "target_share": workload.target_share,
        "threads": {},
    }


def extrapolate(record: dict[str, Any], timed: dict[str, Any]) -> None:
    """Add the total for as many epochs as the public benchmark has, said to be extrapolated."""
    if record["total_epochs"] is None:
        return
    for column in ("fast", "ordinary"):
        for entry in timed[column].values():
            if "median" in entry:
                entry["extrapolated_total_seconds"] = entry["median"] * record["total_epochs"]
                entry["timed_epochs_per_sample"] = entry["units"]


def parse() -> argparse.Namespace:
    """Return the command line's arguments, checked."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--workloads", default=",".join(workloads.WORKLOADS))
    parser.add_argument("--peers", default=",".join(PEERS), help="fastbp is always measured")
    parser.add_argument("--threads", default="1,all")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--ordinary-rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--quick", action="store_true", help="few rows, 2 rounds, short samples")
    parser.add_argument("--verbose", action="store_true", help="show what the peers print")
    found = parser.parse_args()
    found.workloads = found.workloads.split(",")
    for name in found.workloads:
        if name not in workloads.WORKLOADS:
            parser.error(f"workloads must be of {','.join(workloads.WORKLOADS)}, got {name}")
    asked = found.peers.split(",")
    if unknown := [peer for peer in asked if peer not in PEERS]:
        parser.error(f"peers must be of {','.join(PEERS)}, got {','.join(unknown)}")
    found.peers = [peer for peer in installed() if peer == "fastbp" or peer in asked]
    if "fastbp" not in found.peers:
        parser.error("fastbp is not installed")
    cores = len(machine.cpus(0))
    counts = [cores if word == "all" else int(word) for word in found.threads.split(",")]
    found.threads = sorted({count for count in counts if 1 <= count <= cores})
    if found.quick:
        found.rounds, found.ordinary_rounds = min(found.rounds, 2), 1
    return found


def main() -> None:
    """Run everything and write the JSON after every workload."""
    arguments = parse()
    probe = machine.Probe()
    runner = Runner(arguments, probe)
    results: dict[str, Any] = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "quick": arguments.quick,
        "rounds": arguments.rounds,
        "machine": {**machine.describe(), "vector_bits": probe.vector_bits()},
        "versions": {},
        "workloads": {},
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    for threads in arguments.threads:
        with Fleet(arguments.peers, threads, arguments.verbose) as fleet:
            for peer in fleet.peers:
                answer = fleet.ask(peer, "versions")
                results["versions"].update(answer["versions"])
                if answer["configuration"]:
                    results["fastbp_configuration"] = answer["configuration"]
            for name in arguments.workloads:
                say(f"{name}, {threads} thread(s), {time.monotonic() - start:.0f} s")
                workload = workloads.find(name, arguments.quick)
                record = results["workloads"].setdefault(name, described(workload))
                timed = runner.workload(name, threads, fleet)
                extrapolate(record, timed)
                record["threads"][str(threads)] = timed
                results["seconds"] = round(time.monotonic() - start)
                report(timed, record)
                text = json.dumps(results, indent=1, allow_nan=False)
                arguments.out.write_text(text + "\n", encoding="utf-8")


def report(timed: dict[str, Any], record: dict[str, Any]) -> None:
    """Print a workload's ratio and share of peak, beside the project's goals for one thread."""
    if "ratio" in timed:
        share = timed["fast"]["fastbp"].get("share_of_peak")
        goals = f"goals {record['target_ratio']}, {record['target_share']}"
        ratio = f"{timed['best_peer']} / fastbp = {timed['ratio']:.2f}"
        say(f"  {ratio}, share of peak {share and round(share, 3)} ({goals})")


if __name__ == "__main__":
    main()
