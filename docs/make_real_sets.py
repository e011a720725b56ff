"""Write docs/real_sets.md: what `fastbp train` reaches on real sets, from a run of their test.

    FASTBP_REAL_SETS=sets.jsonl pytest tests/integration/test_real_sets.py    put it on record
    python docs/make_real_sets.py sets.jsonl      take the record in and write the page
    python docs/make_real_sets.py --check         fail if the page is stale

docs/real_sets.json is the record. A new record replaces that of the same set.
"""

import json
import statistics
import sys
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("real_sets.md")
RECORD = Path(__file__).with_name("real_sets.json")
HEAD = """# Real sets

Made by `python docs/make_real_sets.py` from what `tests/integration/test_real_sets.py` put on
record.

Each set comes with a package of Python, is written to a CSV file and trained by
`fastbp train FILE --target COLUMN --hidden 64 --epochs 60 --patience 10`; nothing is tuned to a
set. Figures are of the rows held out, a fifth, which the training did not see: accuracy, or R2 of
a number; the mean over the seeds 0, 1 and 2, with the least and the largest. The majority is the
accuracy of naming the most frequent class. The last column is `MLPClassifier` or `MLPRegressor`
of `fastbp.sklearn` with 64 hidden units and scikit-learn's defaults (200 epochs, no rows to watch),
on the same training rows and columns.
"""


def spread(values: list[float] | None) -> str:
    """Return a mean with its range."""
    if values is None:
        return "-"
    mean = statistics.mean(values)
    return f"{mean:.3f} ({min(values):.3f} to {max(values):.3f})"


def row(entry: dict[str, Any]) -> str:
    """Return a row of the table."""
    what = f"{entry['classes']} classes" if entry["classes"] else "a number"
    columns = f"{entry['numeric']} + {entry['categorical']}"
    majority = "-" if entry["majority"] is None else f"{entry['majority']:.3f}"
    cells = [entry["set"], entry["from"], f"{entry['rows']:,}", columns, what, majority]
    cells += [spread(entry["figures"]), spread(entry["estimator"])]
    return "| " + " | ".join(cells) + " |"


def page() -> str:
    """Return the whole page."""
    entries = json.loads(RECORD.read_text(encoding="utf-8"))
    lines = [
        "| set | from | rows | numeric + categorical | target | majority | fastbp train | "
        "fastbp.sklearn |",
        "| --- | --- | ---: | ---: | --- | ---: | ---: | ---: |",
        *map(row, entries.values()),
    ]
    return HEAD + "\n" + "\n".join(lines) + "\n"


def main() -> int:
    """Write the page, or compare."""
    arguments = sys.argv[1:]
    if "--check" in arguments:
        same = PAGE.exists() and PAGE.read_text(encoding="utf-8") == page()
        print(f"{PAGE.name}: {'up to date' if same else 'stale'}")
        return 0 if same else 1
    entries = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    for name in arguments:
        text = Path(name).read_text(encoding="utf-8")
        entries.update((line["set"], line) for line in map(json.loads, text.splitlines()))
    RECORD.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE.name}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
