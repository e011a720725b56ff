"""Orders of an epoch's rows: drawn from a generator, by rows or by blocks, or given."""

from __future__ import annotations

import numpy as np

from fastbp import checks
from fastbp._compiled import orders as compiled
from fastbp.checks import Array

# Consecutive rows that stay together where blocks are shuffled.
SHUFFLE_BLOCK = 4096


def shuffled(n_rows: int, rng: np.random.Generator) -> Array:
    """Return 0 .. n_rows - 1 in an order drawn from the generator."""
    order = np.empty(n_rows, np.int64)
    compiled.shuffle(order, rng.bit_generator)
    return order


def shuffled_blocks(n_rows: int, rng: np.random.Generator) -> Array:
    """Return an order of blocks of SHUFFLE_BLOCK neighbours, and an order within each.

    Rows that are near in time are near on the disk.
    """
    order = np.empty(n_rows, np.int64)
    done = 0
    for block in shuffled(-(-n_rows // SHUFFLE_BLOCK), rng):
        first = int(block) * SHUFFLE_BLOCK
        part = order[done : done + min(SHUFFLE_BLOCK, n_rows - first)]
        compiled.shuffle(part, rng.bit_generator)
        part += first
        done += len(part)
    return order


class Reshuffled:
    """Orders that a RandomState draws: each is the last one, shuffled as its own shuffle does.

    With the same numbers, in less time.
    """

    def __init__(self, n_rows: int, random_state: np.random.RandomState) -> None:
        self.order = np.arange(n_rows, dtype=np.int64)
        self.bits = random_state._bit_generator

    def __call__(self) -> Array:
        """Return the next order."""
        with self.bits.lock:
            compiled.shuffle_legacy(self.order, self.bits)
        return self.order.copy()


def checked_order(order: object, n_rows: int) -> Array:
    """Return a copy of what a user's function gave as the order of an epoch.

    Raises
    ------
    ValueError
        It is no vector of so many indices below `n_rows`.
    """
    found = np.asarray(order)
    if found.shape != (n_rows,) or found.dtype.kind not in "iu":
        raise ValueError(
            f"shuffle must return {n_rows} integers, the order of the rows, got "
            f"{checks.described(order)}"
        )
    # Of a negative one an unsigned number has its highest bit.
    if found.astype(np.int64, copy=False).view(np.uint64).max() >= n_rows:
        raise ValueError(
            f"shuffle must return indices from 0 to {n_rows - 1}, got {found.min()} to "
            f"{found.max()}"
        )
    return np.array(found, np.int64)
