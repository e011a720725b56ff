"""Write the tables of README.md and docs/performance.md from the JSON of run.py.

    python benches/peers/table.py [results/peers.json] [--check]

The tables stand between `<!-- peers table: begin -->` and `<!-- peers table: end -->`. README.md
gets the fastest peer of each workload, docs/performance.md every peer and the ordinary idiom.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

BENCHES = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(BENCHES))

from marked_block import fill_all  # noqa: E402

ROOT = BENCHES.parent
RESULTS = BENCHES / "results" / "peers.json"
NAME = "peers table"
UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))

Record = dict[str, Any]


def duration(seconds: float) -> str:
    """Return a time with three digits and its unit."""
    scale, unit = next((pair for pair in UNITS if seconds >= pair[0]), UNITS[-1])
    value = seconds / scale
    return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2}f} {unit}"


def share(entry: Record) -> str:
    """Return an entry's share of the FMA peak."""
    return f"{entry['share_of_peak']:.0%}" if "share_of_peak" in entry else ""


def grid(head: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table, all columns but the first aligned right."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def caption(results: Record) -> str:
    """Return the machine, the versions and the date of a run."""
    computer = results["machine"]
    quick = " A quick run with few rows and samples: no figure to rely on." * results["quick"]
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    vectors = computer["vector_bits"]
    return (
        f"Measured {results['date'][:10]} on {computer['cpu']}"
        f" ({computer['cores']} cores{f', {vectors}-bit vectors' if vectors else ''},"
        f" {computer['memory_gib']} GiB, {computer['system']}), Python {computer['python']};"
        f" {versions}. Medians of up to {results['rounds']} interleaved samples.{quick}"
    )


def thread_counts(results: Record) -> list[str]:
    """Return the numbers of threads that were measured, fewest first."""
    counts = {count for record in results["workloads"].values() for count in record["threads"]}
    return sorted(counts, key=int)


def heading(results: Record, threads: str) -> str:
    """Return the line above a table: threads, FMA peak, barrier latency."""
    measured = [
        record["threads"][threads]
        for record in results["workloads"].values()
        if threads in record["threads"] and record["dtype"] == "float32"
    ]
    parts = ["One thread" if threads == "1" else f"{threads} threads"]
    peaks = [timed["peak_flops"]["median"] for timed in measured if timed["peak_flops"]]
    if peaks:
        parts.append(f"measured FMA peak {span(peaks, 1e-9)} GFLOP/s in float32")
    barriers = [timed["barrier_ns"]["median"] for timed in measured if timed["barrier_ns"]]
    if barriers:
        parts.append(f"barrier between two cores {span(barriers, 1)} ns")
    return "; ".join(parts) + "."


def span(values: list[float], scale: float) -> str:
    """Return the smallest and the largest value, or one where they look the same."""
    low, high = f"{min(values) * scale:.0f}", f"{max(values) * scale:.0f}"
    return low if low == high else f"{low} to {high}"


def measured(results: Record, threads: str) -> list[tuple[str, Record, Record]]:
    """Return (label, record, figures) of the workloads with a figure for fastbp."""
    return [
        (
            f"{name} {record['description']}, per {record['unit']}",
            record,
            record["threads"][threads],
        )
        for name, record in results["workloads"].items()
        if "median" in record["threads"].get(threads, {}).get("fast", {}).get("fastbp", {})
    ]


def short(results: Record) -> str:
    """Return the README's tables: fastbp and the fastest peer."""
    blocks = [caption(results)]
    for threads in thread_counts(results):
        rows = []
        for label, _, timed in measured(results, threads):
            if "ratio" not in timed:
                continue
            ours = timed["fast"]["fastbp"]
            peer = timed["best_peer"]
            theirs = timed[timed["best_column"]][peer]
            rows.append(
                [
                    label,
                    duration(ours["median"]),
                    f"{peer} {duration(theirs['median'])}",
                    f"{timed['ratio']:.2f}",
                    share(ours),
                ]
            )
        head = ["workload", "fastbp", "fastest peer", "peer / fastbp", "share of FMA peak"]
        blocks += [heading(results, threads), grid(head, rows)]
    return "\n\n".join(blocks)


def cell(entry: Record | None) -> str:
    """Return a peer's time and spread, or a dash where it was skipped or refused."""
    if entry is None or "median" not in entry:
        return "-"
    return f"{duration(entry['median'])} ±{entry['iqr'] / entry['median'] / 2:.0%}"


def full(results: Record) -> str:
    """Return the tables of docs/performance.md: every peer, both idioms, and what was not timed."""
    blocks = [caption(results), "Each figure is a median, with half its interquartile range."]
    for threads in thread_counts(results):
        found = measured(results, threads)
        blocks.append(f"### {heading(results, threads)}")
        for column, title in (("fast", "Fastest idiom of each"), ("ordinary", "Ordinary idiom")):
            peers = list(dict.fromkeys(p for _, _, timed in found for p in timed[column]))
            rows = [
                [label, *(cell(timed[column].get(peer)) for peer in peers)]
                for label, _, timed in found
            ]
            blocks.append(grid([title, *peers], rows) if peers else "")
        blocks += [barrier_table(found), idioms(found), totals(found)]
    return "\n\n".join(block for block in blocks if block)


def barrier_table(found: list[tuple[str, Record, Record]]) -> str:
    """Return what was measured beside each workload: ratio and its range, peak, barrier."""
    rows = []
    for label, _, timed in found:
        peak, barrier = timed["peak_flops"], timed["barrier_ns"]
        low, high = timed.get("ratio_range", (0.0, 0.0))
        rows.append(
            [
                label,
                f"{timed['ratio']:.2f} ({low:.2f} to {high:.2f})" if "ratio" in timed else "-",
                share(timed["fast"]["fastbp"]),
                f"{peak['median'] / 1e9:.0f}" if peak else "-",
                f"{barrier['median']:.0f}" if barrier else "-",
            ]
        )
    head = ["Beside it", "fastest peer / fastbp", "share of peak", "peak, GFLOP/s", "barrier, ns"]
    return grid(head, rows)


def idioms(found: list[tuple[str, Record, Record]]) -> str:
    """Return which idiom was each peer's fastest, and what was refused for another loss."""
    chosen: dict[str, dict[str, list[str]]] = {}
    refused = []
    for label, _, timed in found:
        name = label.partition(" ")[0]
        for peer, entry in timed["fast"].items():
            if "idiom" in entry:
                chosen.setdefault(peer, {}).setdefault(entry["idiom"], []).append(name)
            elif "refused" in entry:
                refused.append(f"{peer} {name}")
    lines = [
        f"- {peer}: " + "; ".join(f"{idiom} ({', '.join(names)})" for idiom, names in used.items())
        for peer, used in chosen.items()
    ]
    if refused:
        lines.append(f"- not timed, because the loss did not agree: {', '.join(refused)}")
    return "Fastest idioms:\n\n" + "\n".join(lines)


def totals(found: list[tuple[str, Record, Record]]) -> str:
    """Return the time of a whole public benchmark, extrapolated from the epochs that were timed."""
    lines = []
    for label, record, timed in found:
        if record["total_epochs"] is None:
            continue
        entries = {
            peer: entry
            for peer, entry in timed["fast"].items()
            if "extrapolated_total_seconds" in entry
        }
        times = ", ".join(
            f"{peer} {duration(entry['extrapolated_total_seconds'])}"
            for peer, entry in entries.items()
        )
        fewest = min(entry["timed_epochs_per_sample"] for entry in entries.values())
        lines.append(
            f"{label.partition(' ')[0]}, all {record['total_epochs']:,} epochs, extrapolated from"
            f" samples of {fewest:,} epochs or more: {times}."
        )
    return "\n\n".join(lines)


def main() -> int:
    """Fill both files; return 1 where --check finds a stale one."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("results", nargs="?", type=Path, default=RESULTS)
    parser.add_argument("--check", action="store_true", help="fail if a table is stale")
    arguments = parser.parse_args()
    results = json.loads(arguments.results.read_text(encoding="utf-8"))
    bodies = {
        ROOT / "README.md": short(results),
        ROOT / "docs" / "performance.md": full(results),
    }
    return fill_all(bodies, NAME, arguments.check)


if __name__ == "__main__":
    sys.exit(main())
