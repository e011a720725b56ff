"""Write the kernel table of README.md from the JSON of pytest-benchmark.

    python benches/kernel_table.py [benches/results/kernels.json] [--check]

The table stands between `<!-- kernel table: begin -->` and `<!-- kernel table: end -->`.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from marked_block import fill_all

BENCHES = Path(__file__).resolve().parent
RESULTS = BENCHES / "results" / "kernels.json"
SIDES = ("float32", "float64", "reference")


def microseconds(seconds: float) -> str:
    """Return a time in microseconds with three digits."""
    value = seconds * 1e6
    return f"{value:,.{0 if value >= 100 else 1 if value >= 10 else 2}f}"


def body(results: dict[str, Any]) -> str:
    """Return the table: one line a kernel or step, the medians of package and twin."""
    medians: dict[tuple[str, str], dict[str, float]] = {}
    for measured in results["benchmarks"]:
        info = measured["extra_info"]
        line = medians.setdefault((info["what"], info["shape"]), {})
        line[info["side"]] = measured["stats"]["median"]
    lines = [
        "| call | size | float32, us | float64, us | pure Python, us | times faster |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for (what, shape), times in medians.items():
        if set(times) != set(SIDES):
            raise ValueError(f"{what} must be measured for {', '.join(SIDES)}, got {list(times)}")
        shown = " | ".join(microseconds(times[side]) for side in SIDES)
        faster = times["reference"] / times["float64"]
        lines.append(f"| {what} | {shape} | {shown} | {faster:,.0f} |")
    return "\n".join([caption(results), "", *lines])


def caption(results: dict[str, Any]) -> str:
    """Return the machine, the versions and the date of the run."""
    machine = results["machine_info"]
    cpu = machine["cpu"].get("brand_raw", machine["processor"])
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    return (
        f"Medians of one call from Python, its checks included, measured"
        f" {results['datetime'][:10]} on {cpu}, one thread; {versions}."
        f" The last column compares float64 with the pure-Python twin."
    )


def main() -> int:
    """Fill README.md; return 1 where --check finds it stale."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("results", nargs="?", type=Path, default=RESULTS)
    parser.add_argument("--check", action="store_true", help="fail if the table is stale")
    arguments = parser.parse_args()
    results = json.loads(arguments.results.read_text(encoding="utf-8"))
    readme = BENCHES.parent / "README.md"
    return fill_all({readme: body(results)}, "kernel table", arguments.check)


if __name__ == "__main__":
    sys.exit(main())
