"""Input columns as numbers that a network takes: standardised, or one for each category."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Columns:
    """Numeric and categorical columns."""

    def __init__(self, numeric: Sequence[str], categorical: Sequence[str]) -> None:
        self.numeric, self.categorical = list(numeric), list(categorical)
        self.mean: dict[str, float] = {}
        self.scale: dict[str, float] = {}
        self.categories: dict[str, list[str]] = {}

    def fit(self, table: Mapping[str, Any]) -> Columns:
        """Learn means, deviations and categories."""
        for name in self.numeric:
            largest = float(np.abs(table[name]).max()) or 1.0
            relative = table[name] / largest
            self.mean[name] = float(relative.mean()) * largest
            self.scale[name] = float(relative.std()) * largest or 1.0
        for name in self.categorical:
            self.categories[name] = sorted(set(table[name]))
        return self

    @property
    def n_out(self) -> int:
        """Number of the network's inputs."""
        return len(self.numeric) + sum(map(len, self.categories.values()))

    def transform(self, table: Mapping[str, Any]) -> NDArray[np.float64]:
        """Return the network's inputs."""
        parts = [((table[n] - self.mean[n]) / self.scale[n])[:, None] for n in self.numeric]
        for name in self.categorical:
            parts.append(np.array(table[name])[:, None] == np.array(self.categories[name]))
        return np.hstack(parts).astype(np.float64)
