"""How well a network predicts some rows: as numbers for machines, from which reports are made."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastbp.cli.target import ClassTarget, Target

Figures = dict[str, Any]


def figures(target: Target, outputs: NDArray[np.floating], y: NDArray[Any]) -> Figures:
    """Return the figures of some rows.

    Parameters
    ----------
    target : ClassTarget or NumberTarget
        What the outputs mean.
    outputs : ndarray, shape (n_rows, n_outputs)
        Predictions: a probability for each class, or a number in the target's unit.
    y : ndarray, shape (n_rows,)
        Labels, or numbers.

    Returns
    -------
    dict
        "rows", and of classes "accuracy", "confusion" (row: actual, column: predicted) and
        "classes": "name", "rows", "precision", "recall" and "f1" of each; of numbers "r2", "mae"
        (mean absolute error) and "rmse" (root of the mean squared error). None where there is no
        such figure: the precision of a class that is never predicted.
    """
    if isinstance(target, ClassTarget):
        return _of_classes(target, outputs.argmax(axis=1), y)
    error = outputs[:, 0].astype(np.float64) - y
    return {
        "rows": len(y),
        "r2": r_squared(error, y),
        "mae": float(np.abs(error).mean()),
        "rmse": float(np.sqrt((error**2).mean())),
    }


def _of_classes(
    target: ClassTarget, predicted: NDArray[np.int64], labels: NDArray[np.int64]
) -> Figures:
    count = target.n_outputs
    confusion = np.bincount(labels * count + predicted, minlength=count**2).reshape(count, count)
    right = np.diag(confusion)
    actual, found = confusion.sum(axis=1), confusion.sum(axis=0)
    return {
        "rows": len(labels),
        "accuracy": float(right.sum() / len(labels)),
        "classes": [
            {
                "name": name,
                "rows": int(actual[k]),
                "precision": ratio(right[k], found[k]),
                "recall": ratio(right[k], actual[k]),
                "f1": ratio(2 * right[k], actual[k] + found[k]),
            }
            for k, name in enumerate(target.classes)
        ],
        "confusion": confusion.tolist(),
    }


def ratio(part: float, whole: float) -> float | None:
    """Return part / whole, None where there is no whole."""
    return float(part / whole) if whole else None


def r_squared(error: NDArray[np.float64], actual: NDArray[np.float64]) -> float | None:
    """Return ``1 - sum error^2 / sum (actual - mean)^2``; None if all are equal."""
    spread = float(((actual - actual.mean()) ** 2).sum())
    return 1 - float((error**2).sum()) / spread if spread > 0 else None


def one_line(found: Figures) -> str:
    """Return the main figures in words."""
    if "accuracy" in found:
        return f"accuracy {found['accuracy']:.4f}"
    r2 = found["r2"]
    return (
        f"R2 {'none' if r2 is None else format(r2, '.4f')}  "
        f"mean absolute error {found['mae']:.4g}  root mean squared error {found['rmse']:.4g}"
    )
