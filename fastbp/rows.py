"""The rows of a call, checked, and how some of them are held out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fastbp import maps
from fastbp.checks import Array


class Rows(NamedTuple):
    """Checked rows: x (n_rows, n_in), y (n_rows, n_out) or label (n_rows,), weight (n_rows,)."""

    x: Array
    y: Array | None
    label: Array | None
    weight: Array | None

    def take(self, index: Array) -> Rows:
        """Return a copy of the rows of an index array."""
        y, label, weight = (None if part is None else maps.take(part, index) for part in self[1:])
        return Rows(maps.take(self.x, index), y, label, weight)

    def part(self, first: int, stop: int) -> Rows:
        """Return rows first .. stop - 1, as views."""
        y, label, weight = (None if part is None else part[first:stop] for part in self[1:])
        return Rows(self.x[first:stop], y, label, weight)

    @property
    def nbytes(self) -> int:
        """Bytes of all rows."""
        return sum(part.nbytes for part in self if part is not None)


class Split(NamedTuple):
    """Rows, which of them are trained on (all where there is no index), and those held out."""

    rows: Rows
    chosen: Array | None
    held: Rows | None


def split(rows: Rows, fraction: float, shuffle: bool, seed: int | None) -> Split:
    """Hold out a fraction of the rows: drawn by the seed, or the last ones without shuffle.

    The rows to train on are not copied.
    """
    n_rows = len(rows.x)
    n_trained, order = held_out(n_rows, fraction, shuffle, seed)
    if order is not None:
        index = np.sort(order[:n_trained])
        held = rows.take(np.sort(order[n_trained:]))
        trained = None if rows.weight is None else maps.take(rows.weight, index)
    else:
        index, held = None, rows.part(n_trained, n_rows)
        rows = rows.part(0, n_trained)
        trained = rows.weight
    if any(weight is not None and not weight.any() for weight in (trained, held.weight)):
        raise ValueError("sample_weight must hold a weight above 0 on both sides of validation")
    return Split(rows, index, held)


def held_out(
    n_rows: int, fraction: float, shuffle: bool, seed: int | None
) -> tuple[int, Array | None]:
    """Return how many rows are trained on, and an order in which they are the first (None: as is).

    Raises
    ------
    ValueError
        There would be none of them, or none held out.
    """
    n_held = round(n_rows * fraction)
    if not 0 < n_held < n_rows:
        raise ValueError(
            f"validation must leave at least 1 of {n_rows} rows on each side, got {fraction:g}"
        )
    order = np.random.default_rng(seed).permutation(n_rows) if shuffle else None
    return n_rows - n_held, order
