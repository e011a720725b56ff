"""Weights of classes, turned into weights of rows before a fit begins.

With the loss's mean over rows sum_r w_r L_r / sum_r w_r, that is PyTorch's weighted cross entropy.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fastbp import checks
from fastbp.checks import Array


def class_shares(y: Array | None, label: Array | None, n_out: int) -> Array:
    """Return how much of each row belongs to each class, (n_rows, n_classes), float64."""
    if label is not None:
        return np.equal.outer(label, np.arange(n_out)).astype(np.float64)
    shares = np.asarray(y, np.float64)
    return np.concatenate([1 - shares, shares], axis=1) if n_out == 1 else shares


def weight_of_classes(value: object, shares: Array) -> Array:
    """Return the weight of each class, (n_classes,): as given, or n_rows / (n_classes count)."""
    n_rows, n_classes = shares.shape
    if isinstance(value, str):
        checks.choice("class_weight", value, ["balanced"])
        count = shares.sum(axis=0)
        weights = np.zeros(n_classes)
        np.divide(n_rows / n_classes, count, out=weights, where=count > 0)
        return weights
    if isinstance(value, Mapping):
        given = np.ones(n_classes)
        for key, weight in value.items():
            if checks.integer("class_weight's keys", key, 0) >= n_classes:
                raise ValueError(
                    f"class_weight must have keys from 0 to {n_classes - 1}, got {key}"
                )
            given[key] = checks.number(f"class_weight[{key}]", weight, 0)
        return given
    given = checks.numeric_array("class_weight", value)
    if given.shape != (n_classes,):
        raise ValueError(
            f"class_weight must be 'balanced', a dict or {n_classes} numbers, got shape "
            f"{given.shape}"
        )
    for number, weight in enumerate(given):
        checks.number(f"class_weight[{number}]", weight, 0)
    return given.astype(np.float64)


def row_weights(
    value: object, loss: str, n_out: int, y: Array | None, label: Array | None, weight: Array | None
) -> Array:
    """Return the weight of each row, float64: its own times that of its class.

    Raises
    ------
    TypeError, ValueError
        The loss knows no classes, or the weights are not of their number, below 0 or not finite.
    """
    if loss not in ("cross_entropy", "kl_divergence") and (loss, n_out) != (
        "binary_cross_entropy",
        1,
    ):
        raise ValueError(
            "class_weight must come with a loss of classes (cross_entropy, kl_divergence, or "
            f"binary_cross_entropy of 1 output), got loss {loss!r} of {n_out} outputs; weigh rows "
            "by sample_weight instead"
        )
    shares = class_shares(y, label, n_out)
    of_rows: Array = (shares * weight_of_classes(value, shares)).sum(axis=1)
    return of_rows if weight is None else of_rows * weight
