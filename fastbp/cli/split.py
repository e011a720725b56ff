"""Set rows aside at random."""

import numpy as np
from numpy.typing import NDArray


def set_aside(
    labels: NDArray[np.int64], fraction: float, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split rows at random into those kept and those set aside, in proportion for each class.

    Parameters
    ----------
    labels : ndarray, shape (n_rows,), int64
        The class of each row; all equal for a plain random split.
    fraction : float
        Part of the rows to set aside, 0 <= fraction < 1.
    rng : numpy.random.Generator
        Source of the choice.

    Returns
    -------
    kept, aside : ndarray of int64
        Row indices, ascending. Every class keeps at least one row.
    """
    order = rng.permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    ordered = labels[order]
    first_of_class = np.append(True, ordered[1:] != ordered[:-1])
    candidates = order[~first_of_class]
    count = min(round(fraction * len(labels)), len(candidates))
    # Equal steps through rows sorted by class take from each class its share.
    steps = ((np.arange(count) + 0.5) * len(candidates) / max(count, 1)).astype(np.int64)
    aside = np.zeros(len(labels), dtype=bool)
    aside[candidates[steps]] = True
    return np.flatnonzero(~aside), np.flatnonzero(aside)
