"""Rows that are converted block by block, so that a sparse matrix is never whole in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy.sparse import issparse

# Numbers of a block.
BLOCK_NUMBERS = 1 << 18


def block_rows(n_features: int, batch_size: int = 1) -> int:
    """Return the rows of a block, whole batches."""
    return max(1, BLOCK_NUMBERS // (n_features * batch_size)) * batch_size


def dense(x: Any, rows: Any) -> Any:
    """Return some rows of a matrix as an array in C order."""
    part = x[rows]
    return part.toarray(order="C") if issparse(part) else part


def pieces(x: Any) -> Iterator[tuple[slice, Any]]:
    """Yield (rows, array) of each block of a sparse matrix, or the whole of an array."""
    n_rows, n_features = x.shape
    size = block_rows(n_features) if issparse(x) else max(n_rows, 1)
    for start in range(0, n_rows, size):
        part = slice(start, start + size)
        yield part, dense(x, part) if issparse(x) else x


def stream(
    x: Any, arrays: tuple[Any, ...], batch_size: int, order: Callable[[], Any] | None
) -> Callable[[], Iterator[tuple[Any, ...]]]:
    """Return a function that gives the blocks of an epoch, in a new order each time."""
    n_rows = x.shape[0]
    size = block_rows(x.shape[1], batch_size)

    def blocks() -> Iterator[tuple[Any, ...]]:
        index = np.arange(n_rows) if order is None else order()
        for start in range(0, n_rows, size):
            rows = index[start : start + size]
            yield (dense(x, rows), *(array[rows] for array in arrays))

    return blocks


def outputs(network: Any, x: Any, threads: int | None) -> Any:
    """Return what a network gives for rows of an array or of a sparse matrix."""
    if not issparse(x):
        return network.predict(x, threads=threads)
    out = np.empty((x.shape[0], network.sizes[-1]), network.dtype)
    for rows, part in pieces(x):
        out[rows] = network.predict(part, threads=threads)
    return out


def evaluated(network: Any, x: Any, y: Any, weight: Any, threads: int | None) -> float:
    """Return the mean loss over rows of an array or of a sparse matrix."""
    total, loss = 0.0, 0.0
    for rows, part in pieces(x):
        own = None if weight is None else weight[rows]
        mass = float(part.shape[0] if own is None else own.sum())
        if mass > 0:
            loss += mass * network.evaluate(part, y[rows], own, threads=threads)
            total += mass
    return loss / total
