"""Accuracy and R2 of validation rows, without a look at what has been looked at already."""

from __future__ import annotations

from typing import Any

import numpy as np


def accuracy(y: Any, predicted: Any, weight: Any) -> float:
    """Share of the rows whose label, or all of whose labels, are met."""
    right = y == predicted
    right = right.all(axis=1) if right.ndim == 2 else right
    return float(np.average(right, weights=weight))


def r2(y: Any, predicted: Any, weight: Any) -> float:
    """1 - sum_r w_r (p_r - y_r)^2 / sum_r w_r (y_r - mean y)^2, the mean over the targets.

    A target that is the same in all rows counts 1 where it is met, else 0.
    """
    if not np.isfinite(predicted).all():
        return float("nan")
    y = np.asarray(y, np.float64)
    spread = np.average((y - np.average(y, axis=0, weights=weight)) ** 2, axis=0, weights=weight)
    left = np.average((predicted - y) ** 2, axis=0, weights=weight)
    constant = spread == 0
    share = np.where(constant, left > 0, left / np.where(constant, 1, spread))
    return float((1 - share).mean())
