"""How long `fastbp train` takes to read a CSV of 500,000 rows (about 100 MB), and how much memory.

    python benches/csv_reading.py [--rounds N]   measure, write results/csv_reading.json, fill the
                                                 document
    python benches/csv_reading.py --check        fail if docs/command_line.md is stale

Each of the readers' packages, as the command uses it and alone, take turns; then the command's own
reader, which is there where no package is. Memory: the most that reading allocates beyond the
columns that it returns.
"""

import argparse
import importlib
import json
import os
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from marked_block import fill_all
from measured import measured_on

from fastbp.cli.tables import arrow_csv, pandas_csv, rowwise
from fastbp.cli.tables.delimited import Layout, read_layout
from fastbp.cli.tables.table import Words

BENCHES = Path(__file__).resolve().parent
RESULTS = BENCHES / "results" / "csv_reading.json"
DOCUMENT = BENCHES.parent / "docs" / "command_line.md"
ROWS = 500_000
READERS = {"pyarrow": (arrow_csv, "pyarrow.csv"), "pandas": (pandas_csv, "pandas")}


def write(path: Path, n_rows: int) -> None:
    """Write 14 columns of numbers, 8 of them with all their digits, and one of words."""
    rng = np.random.default_rng(0)
    whole, short = rng.normal(size=(n_rows, 8)).tolist(), rng.normal(size=(n_rows, 6)).round(3)
    words = rng.choice(["red", "green", "blue"], n_rows).tolist()
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(f"c{place}" for place in range(15)) + "\n")
        for long, few, word in zip(whole, short.tolist(), words, strict=True):
            file.write(",".join([*map(repr, long + few), word]) + "\n")


def seconds(call: Callable[[], Any]) -> float:
    """Return how long a call takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def by_package(layout: Layout, own: ModuleType, alone: ModuleType, rounds: int) -> dict[str, Any]:
    """Return the seconds of the command's reader and of the package alone, which take turns."""
    kinds = rowwise.guess(layout, dict.fromkeys(layout.names))
    calls = {
        "fastbp": lambda: own.read(layout, kinds),
        "alone": lambda: alone.read_csv(layout.path),
    }
    taken: dict[str, list[float]] = {name: [] for name in calls}
    if calls["fastbp"]() is None:
        raise RuntimeError(
            f"{own.__name__} must read the file itself, it left it to another reader"
        )
    calls["alone"]()
    for _ in range(rounds):
        for name, call in calls.items():
            taken[name].append(seconds(call))
    return taken


def extra_memory(layout: Layout) -> int:
    """Return the bytes that the own reader allocates beyond the columns."""
    tracemalloc.start()
    found = rowwise.read(layout, dict.fromkeys(layout.names))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    kept = sum(c.codes.nbytes if isinstance(c, Words) else c.nbytes for c in found.values())
    return peak - kept


def measure(rounds: int) -> dict[str, Any]:
    """Return times and memory."""
    found: dict[str, Any] = {"readers": {}}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "big.csv")
        write(path, ROWS)
        layout = read_layout(str(path))
        found["bytes"] = os.path.getsize(path)
        for name, (own, module) in READERS.items():
            alone = importlib.import_module(module)
            taken = by_package(layout, own, alone, rounds)
            found["readers"][name] = taken
            print(name, *(f"{statistics.median(s):.3f} s" for s in taken.values()), flush=True)
        kinds = dict.fromkeys(layout.names)
        own_times = [seconds(lambda: rowwise.read(layout, kinds)) for _ in range(rounds)]
        found["own"] = own_times
        print("own", f"{statistics.median(own_times):.3f} s", flush=True)
        small = Path(folder, "small.csv")
        write(small, ROWS // 5)
        found["extra"] = {
            str(rows): extra_memory(read_layout(str(file)))
            for rows, file in ((ROWS // 5, small), (ROWS, path))
        }
    versions = ", ".join(f"{name} {importlib.import_module(name).__version__}" for name in READERS)
    found["caption"] = measured_on(f"{versions}, median of {rounds}")
    return found


def table(found: dict[str, Any]) -> str:
    """Return the caption and the Markdown table."""
    lines = [
        found["caption"],
        f"The file: {ROWS:,} rows, 15 columns, {found['bytes'] / 1e6:.0f} MB.",
        "",
        "| read by | fastbp train | the package alone | ratio |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name, taken in found["readers"].items():
        ours, alone = (statistics.median(taken[key]) for key in ("fastbp", "alone"))
        ratio = statistics.median(
            a / b for a, b in zip(taken["fastbp"], taken["alone"], strict=True)
        )
        lines.append(f"| {name} | {ours:.2f} s | {alone:.2f} s | {ratio:.2f} |")
    lines.append(f"| its own reader | {statistics.median(found['own']):.2f} s | - | - |")
    extra = ", ".join(
        f"{size / 2**20:.1f} MiB for {int(rows):,} rows" for rows, size in found["extra"].items()
    )
    return "\n".join([*lines, "", f"The own reader's memory beyond the columns: {extra}."])


def main() -> int:
    """Measure, or only compare with what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9, help="timed readings of each")
    parser.add_argument("--check", action="store_true", help="fail if the table is stale")
    arguments = parser.parse_args()
    if not arguments.check:
        RESULTS.write_text(json.dumps(measure(arguments.rounds), indent=1) + "\n", encoding="utf-8")
    body = table(json.loads(RESULTS.read_text(encoding="utf-8")))
    return fill_all({DOCUMENT: body}, "csv reading", arguments.check)


if __name__ == "__main__":
    sys.exit(main())
