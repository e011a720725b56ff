"""Write docs/promises.md: what the package promises, and the figures its tests reached.

    FASTBP_PROMISES=figures.jsonl pytest tests/promises    run the tests, put figures on record
    python docs/make_promises.py figures.jsonl             take the record in and write the page
    python docs/make_promises.py --check                   fail if the page is stale

docs/promises.json is the record: each run's machine, versions and figures. A new record replaces
the figures of the same tests and suites.
"""

import datetime
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("promises.md")
RECORD = Path(__file__).with_name("promises.json")

TITLES = {
    1: "A save is all or nothing, even killed",
    2: "A failing disk leaves the old file whole",
    3: "Every flipped bit is noticed",
    4: "No file can hurt who loads it",
    5: "Ctrl-C and SIGTERM end a fit at once, and it goes on from there",
    6: "A divergence is named, and the last good parameters are back",
    7: "Memory that runs out changes nothing, and nothing leaks",
    8: "Any kind of array: the right answer or a named error",
    9: "Threads, forks and workers",
    10: "Sanitizers find nothing",
    11: "Accuracy against an oracle",
    12: "The tests notice faults in the kernels",
}
# So many cases of one test with the same figure are shown one by one, more of them as one line.
FEW = 4
HEAD = """# Promises

Made by `python docs/make_promises.py` from what the tests in `tests/promises` put on record. Quick
figures are of `pytest`, slow ones of `pytest -m slow`, the sanitizers' of `.ci/sanitize`.
"""


def machine() -> str:
    """Return the sentence about where and with what the figures were reached."""
    import numpy as np

    import fastbp as fb

    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    commit = subprocess.run(
        ["git", "rev-parse", "--short=10", "HEAD"],
        capture_output=True,
        text=True,
        check=True,
        cwd=PAGE.parent,
    ).stdout.strip()
    return (
        f"{datetime.date.today()}, {cpu[1] if cpu else 'an unknown CPU'}, "
        f"{len(os.sched_getaffinity(0))} cores, fastbp {fb.__version__} at {commit}, numpy "
        f"{np.__version__}, Python {sys.version.split()[0]}"
    )


def source(figure: dict[str, Any]) -> tuple[str, str]:
    """Return the test and the suite of a figure, whose newer ones replace it."""
    return figure["test"], figure["suite"]


def place(figure: dict[str, Any]) -> tuple[int, str, str]:
    """Return where a figure stands on the page."""
    return figure["promise"], figure["what"], figure["suite"]


def take_in(lines: list[dict[str, Any]]) -> None:
    """Add a run's figures to the record."""
    figures = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else []
    run = machine()
    again = {source(line) for line in lines}
    kept = [figure for figure in figures if source(figure) not in again]
    ordered = sorted([*kept, *({**line, "run": run} for line in lines)], key=place)
    RECORD.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")


def gathered(figures: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return figures with one for all cases of a test that differ in nothing but their name."""
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for figure in figures:
        same = tuple(figure[name] for name in ("test", "asked", "reached", "suite", "run"))
        alike.setdefault(same, []).append(figure)
    lines: list[dict[str, Any]] = []
    for group in alike.values():
        if len(group) < FEW:
            lines += group
            continue
        first, last = group[0]["what"], group[-1]["what"]
        lines.append({**group[0], "what": f"{len(group)} cases, from {first} to {last}"})
    return lines


def page() -> str:
    """Return the whole page."""
    figures = json.loads(RECORD.read_text(encoding="utf-8"))
    runs = list(dict.fromkeys(figure["run"] for figure in figures))
    parts = [HEAD]
    for number, title in TITLES.items():
        parts.append(f"## {number}. {title}\n")
        parts.append("| what | asked | reached | suite | run |\n| --- | --- | --- | --- | --- |")
        for figure in gathered([f for f in figures if f["promise"] == number]):
            cells = [figure[name] for name in ("what", "asked", "reached", "suite")]
            cells.append(str(runs.index(figure["run"]) + 1))
            parts.append("| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |")
        parts.append("")
    parts.append("## Runs\n")
    parts += [f"{place}. {run}" for place, run in enumerate(runs, 1)]
    return "\n".join(parts) + "\n"


def main() -> int:
    """Write the page, or compare."""
    arguments = sys.argv[1:]
    if "--check" in arguments:
        same = PAGE.exists() and PAGE.read_text(encoding="utf-8") == page()
        print(f"{PAGE.name}: {'up to date' if same else 'stale'}")
        return 0 if same else 1
    for name in arguments:
        text = Path(name).read_text(encoding="utf-8")
        take_in([json.loads(line) for line in text.splitlines()])
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE.name}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
