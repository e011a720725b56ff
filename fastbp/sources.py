"""Where the rows of an epoch come from, and in which order: arrays, or a stream of blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from fastbp import checks, maps
from fastbp.checks import Array
from fastbp.orders import Reshuffled, checked_order, shuffled, shuffled_blocks
from fastbp.rows import Rows

SHUFFLES = ("rows", "blocks", "none")
# What a fit calls the orders of a function.
GIVEN = "given"

Blocks = Iterable[object] | Callable[[], Iterable[object]]
Order = Callable[[], Array]
Shuffle = bool | str | Order


def shuffle_mode(value: object) -> str:
    """Return how rows are shuffled: one of SHUFFLES, or GIVEN; True stands for rows."""
    if callable(value):
        return GIVEN
    if isinstance(value, (bool, np.bool_)):
        return "rows" if value else "none"
    if not isinstance(value, str):
        raise TypeError(
            "shuffle must be True, False, 'rows', 'blocks', 'none' or a function, got "
            f"{checks.described(value)}"
        )
    return checks.choice("shuffle", value, SHUFFLES)


def given_order(shuffle: object) -> Order | None:
    """Return the user's function, where that is how rows are shuffled."""
    return shuffle if callable(shuffle) else None


class Span(NamedTuple):
    """Rows that steps are taken from without a break.

    `order` says which row comes when; None: as they lie. `nbytes` is what only this span holds.
    """

    rows: Rows
    order: Array | None
    n_rows: int
    nbytes: int
    rates: Array | None = None


class Stored:
    """Rows that lie in arrays, or the part of them that an index names; `given` gives orders."""

    def __init__(
        self, rows: Rows, index: Array | None, shuffle: str, given: Order | None = None
    ) -> None:
        self.rows = rows
        self.index = index
        self.shuffle = shuffle
        self.given = given
        n_rows = len(rows.x) if index is None else len(index)
        self.n_rows: int | None = n_rows
        self.as_they_lie = (Span(rows, index, n_rows, 0),)

    def spans(self, rng: np.random.Generator) -> Iterable[Span]:
        """Return the one span of an epoch."""
        if self.shuffle == "none":
            return self.as_they_lie
        n_rows = self.as_they_lie[0].n_rows
        if self.given is not None:
            order = self.given()
            if not (isinstance(self.given, Reshuffled) and len(order) == n_rows):
                order = checked_order(order, n_rows)
        else:
            order = (shuffled if self.shuffle == "rows" else shuffled_blocks)(n_rows, rng)
        if self.index is not None:
            order = maps.take(self.index, order)
        return (Span(self.rows, order, n_rows, 8 * n_rows),)


class Stream:
    """Rows that come block by block; steps are those of all blocks laid end to end.

    Parameters
    ----------
    blocks : iterable or function
        Blocks of an epoch, or what returns them anew for each.
    batch_size : int
        Rows a step.
    shuffle : bool
        Whether the rows of each block, with what the one before left over, are shuffled.
    check : function
        Turns a block of the user's into checked rows.
    n_rows : int, optional
        Rows of an epoch, where that is known.
    """

    def __init__(
        self,
        blocks: Blocks,
        batch_size: int,
        shuffle: bool,
        check: Callable[[object], Rows],
        n_rows: int | None,
    ) -> None:
        self.blocks = blocks
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.check = check
        self.n_rows = n_rows

    def spans(self, rng: np.random.Generator) -> Iterator[Span]:
        """Yield whole batches of each block; what is left over goes before the next block's rows.

        Raises
        ------
        ValueError
            There are no rows, or not as many as was said.
        """
        left: Rows | None = None
        total = 0
        for block in self.blocks() if callable(self.blocks) else self.blocks:
            rows = self.check(block)
            total += len(rows.x)
            if left is not None:
                rows = joined(left, rows)
            whole = len(rows.x) // self.batch_size * self.batch_size
            order = shuffled(len(rows.x), rng) if self.shuffle else None
            if whole:
                first = None if order is None else order[:whole]
                yield Span(
                    rows.part(0, whole) if order is None else rows, first, whole, rows.nbytes
                )
            rest = np.arange(whole, len(rows.x)) if order is None else order[whole:]
            left = rows.take(rest) if len(rest) else None
        if left is not None:
            yield Span(left, None, len(left.x), left.nbytes)
        if total == 0 or total != (self.n_rows or total):
            wanted = self.n_rows or "at least 1"
            raise ValueError(f"blocks must give {wanted} rows an epoch, got {total}")


def joined(first: Rows, second: Rows) -> Rows:
    """Return the rows of both, the first's before the second's.

    Raises
    ------
    ValueError
        Only one of them has class indices.
    """
    if (first.y is None) != (second.y is None):
        raise ValueError(
            "blocks must hold y in one form, got class indices in one block and rows of numbers "
            "in the next"
        )
    weight = None
    if first.weight is not None or second.weight is not None:
        weight = np.concatenate(
            [
                np.ones(len(part.x), part.x.dtype) if part.weight is None else part.weight
                for part in (first, second)
            ]
        )
    y, label = (
        None if a is None or b is None else np.concatenate([a, b])
        for a, b in ((first.y, second.y), (first.label, second.label))
    )
    return Rows(np.concatenate([first.x, second.x]), y, label, weight)


def checked_blocks(blocks: object, epochs: int) -> Blocks:
    """Return what gives the blocks of an epoch, for as many epochs as are wanted."""
    if callable(blocks):
        return blocks
    if not isinstance(blocks, Iterable):
        raise TypeError(
            "blocks must be an iterable of (x, y), or a function that returns one, got "
            f"{checks.described(blocks)}"
        )
    if isinstance(blocks, Iterator) and epochs > 1:
        raise ValueError(
            f"blocks must be a list or a function that returns an iterator for {epochs} epochs, "
            "got an iterator, which can be gone through once"
        )
    return blocks
