"""The rows of a call, checked, and how some of them are held out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fastbp.checks import Array


class Rows(NamedTuple):
    """Checked rows: x (n_rows, n_in), y (n_rows, n_out) or label (n_rows,), weight (n_rows,)."""

    x: Array
    y: Array | None
    label: Array | None
    weight: Array | None

    def take(self, index: Array) -> Rows:
        """Return the rows of an index array."""
        y, label, weight = (None if part is None else part[index] for part in self[1:])
        return Rows(self.x[index], y, label, weight)


def split(rows: Rows, fraction: float, shuffle: bool, seed: int | None) -> tuple[Rows, Rows]:
    """Return (training, validation) rows: drawn by the seed, or the last ones without shuffle."""
    n_rows = len(rows.x)
    n_held = round(n_rows * fraction)
    if not 0 < n_held < n_rows:
        raise ValueError(
            f"validation must leave at least 1 of {n_rows} rows on each side, got {fraction:g}"
        )
    order = np.random.default_rng(seed).permutation(n_rows) if shuffle else np.arange(n_rows)
    parts = [rows.take(np.sort(part)) for part in np.split(order, [n_rows - n_held])]
    if any(part.weight is not None and not part.weight.any() for part in parts):
        raise ValueError("sample_weight must hold a weight above 0 on both sides of validation")
    return parts[0], parts[1]
