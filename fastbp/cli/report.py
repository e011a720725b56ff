"""The final report in words: how good a model is on rows that it was not trained on."""

from __future__ import annotations

import shutil

import fastbp as fb
from fastbp.cli.figures import Figures

STOP_REASONS = {
    "epochs": "all --epochs are done",
    "loss": "the training loss is down to --stop-loss",
    "patience": "no lower loss for --patience epochs",
    "seconds": "--max-seconds are over",
}
# A terminal's width where there is none.
WIDTH = 100
SHOWN_CONFUSIONS = 10


def stop_line(history: fb.History, best: int | None) -> str:
    """Return why training ended and, with validation rows, whose epoch's parameters were kept."""
    reason = STOP_REASONS.get(history.stop_reason, history.stop_reason)
    line = f"stopped after {len(history.loss)} whole epochs: {reason}"
    return line if best is None else f"{line}; kept the parameters of epoch {best}"


def details(found: Figures) -> str:
    """Return the tables of a classification: figures of each class, and what is taken for what."""
    classes = found["classes"]
    width = max(5, *(len(shown(entry["name"])) for entry in classes))
    lines = [f"{'class':{width}}  precision  recall      f1    rows"]
    for entry in classes:
        numbers = [three(entry[name]) for name in ("precision", "recall", "f1")]
        lines.append(
            f"{shown(entry['name']):{width}}  {numbers[0]:>9}  {numbers[1]:>6}  {numbers[2]:>6}"
            f"  {entry['rows']:>6}"
        )
    return "\n".join([*lines, "", *_confusion(found, width)])


def _confusion(found: Figures, width: int) -> list[str]:
    """Return the confusion matrix, or the most frequent confusions where it is too wide."""
    names = [shown(entry["name"]) for entry in found["classes"]]
    matrix = found["confusion"]
    cell = max(max(map(len, names)), *(len(str(count)) for row in matrix for count in row))
    room = shutil.get_terminal_size((WIDTH, 0)).columns
    if width + len(names) * (cell + 1) > room:
        return _confusions(found)
    lines = ["confusion matrix (row: actual class, column: predicted class)"]
    lines.append(" ".join([" " * width, *(f"{name:>{cell}}" for name in names)]))
    for name, row in zip(names, matrix, strict=True):
        lines.append(" ".join([f"{name:{width}}", *(f"{count:>{cell}}" for count in row)]))
    return lines


def _confusions(found: Figures) -> list[str]:
    names = [shown(entry["name"]) for entry in found["classes"]]
    wrong = [
        (count, names[actual], names[predicted])
        for actual, row in enumerate(found["confusion"])
        for predicted, count in enumerate(row)
        if actual != predicted and count
    ]
    wrong.sort(key=lambda item: -item[0])
    if not wrong:
        return ["no class is taken for another"]
    lines = ["most frequent confusions"]
    lines += [f"{count:>6} x {a} taken for {b}" for count, a, b in wrong[:SHOWN_CONFUSIONS]]
    return lines


def shown(name: str, most: int = 24) -> str:
    """Return a class name, cut where it is long."""
    return name if len(name) <= most else name[: most - 1] + "…"


def three(value: float | None) -> str:
    """Return a share with three digits; a dash where there is none."""
    return "-" if value is None else f"{value:.3f}"
