"""Draw the figures of the performance page from the committed results of its benchmarks."""

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from building.pages import ROOT

RESULTS = ROOT / "benches" / "results" / "peers.json"
COLOURS = {"fastbp": "#1f6fb4"}
Record = dict[str, Any]


def fastest(entry: Record, peer: str) -> float | None:
    """Return a peer's fastest median in seconds, of its fastest and its ordinary idiom."""
    columns = (entry.get(column, {}).get(peer, {}) for column in ("fast", "ordinary"))
    return min((column["median"] for column in columns if "median" in column), default=None)


def ratios(results: Record, threads: str) -> tuple[list[str], dict[str, list[float | None]]]:
    """Return the workloads, and of each peer its time by fastbp's on each of them."""
    labels: list[str] = []
    found: dict[str, list[float | None]] = {}
    measured = [
        (name, record, record["threads"][threads])
        for name, record in results["workloads"].items()
        if fastest(record["threads"].get(threads, {}), "fastbp") is not None
    ]
    peers = {peer for _, _, entry in measured for peer in entry["fast"]} - {"fastbp"}
    for name, record, entry in measured:
        labels.append(f"{name}  {record['description'].partition(', ')[0]}")
        ours = fastest(entry, "fastbp")
        for peer in sorted(peers):
            theirs = fastest(entry, peer)
            found.setdefault(peer, []).append(None if theirs is None else theirs / ours)
    return labels, found


def draw(results: Record, threads: str, is_dark: bool) -> Figure:
    """Return the figure of one number of threads: a row a workload, a mark a package."""
    ink, paper = ("#e6e6e6", "#14181e") if is_dark else ("#222222", "#ffffff")
    labels, found = ratios(results, threads)
    figure = Figure(figsize=(8.5, 0.36 * len(labels) + 1.3), facecolor=paper, layout="constrained")
    axes = figure.subplots()
    axes.set_facecolor(paper)
    places = list(range(len(labels)))[::-1]
    axes.axvspan(1e-3, 1, color="#c44e52", alpha=0.12, linewidth=0)
    axes.axvline(1, color=ink, linewidth=1)
    shapes = zip(sorted(found), "osD^vP*X", mpl.colormaps["tab10"].colors[1:], strict=False)
    for peer, shape, colour in shapes:
        shown = [(r, y) for r, y in zip(found[peer], places, strict=True) if r is not None]
        axes.plot(*zip(*shown, strict=True), shape, color=colour, markersize=6, label=peer)
    every = [ratio for values in found.values() for ratio in values if ratio is not None]
    axes.set(xscale="log", xlim=(min(every) / 1.3, max(every) * 1.3))
    axes.set_yticks(places, labels)
    count = "one thread" if threads == "1" else f"{threads} threads"
    axes.set_xlabel(f"time / time of fastbp, {count} (log scale); left of 1 fastbp is slower")
    axes.tick_params(colors=ink, which="both")
    axes.xaxis.label.set_color(ink)
    axes.grid(axis="both", color=ink, alpha=0.15)
    axes.spines[:].set_visible(False)
    legend = figure.legend(loc="outside upper center", ncols=len(found), frameon=False)
    for text in legend.get_texts():
        text.set_color(ink)
    return figure


def draw_timings(target: Path) -> None:
    """Write the figures to a folder, for light pages and for dark ones."""
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    target.mkdir(parents=True, exist_ok=True)
    for threads in sorted({t for r in results["workloads"].values() for t in r["threads"]}):
        for is_dark in (False, True):
            name = f"peers-{threads}-{'dark' if is_dark else 'light'}.svg"
            draw(results, threads, is_dark).savefig(target / name)
