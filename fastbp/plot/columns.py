"""The columns of a history, of which those on layers are a picture of their own."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

import fastbp as fb
from fastbp import checks

# What HealthLog records of a layer, which it counts from 1.
OF_LAYER = re.compile(
    r"(activation_mean|activation_std|dead|saturated|gradient_norm|update_ratio)_([1-9][0-9]*)"
)

# The largest figure by the smallest from which a scale is logarithmic.
WIDE = 20


def spans_decades(values: Iterable[float]) -> bool:
    """Return whether a logarithmic scale shows these figures better; below it there is room for 0.

    Examples
    --------
    >>> spans_decades([2.0, 0.001]), spans_decades([2.0, 1.0]), spans_decades([2.0, 1.0, 0.0])
    (True, False, False)
    """
    found = np.array(list(values))
    above = found[np.isfinite(found) & (found > 0)]
    return bool(above.size and above.max() > WIDE * above.min())


def recorded(history: object) -> fb.History:
    """Return a history of at least one epoch."""
    if not isinstance(history, fb.History):
        raise TypeError(
            f"history must be a History, which fit returns, got {checks.described(history)}"
        )
    if not history.loss:
        raise ValueError(
            f"history must hold at least 1 epoch, got 0 (stop_reason {history.stop_reason!r})"
        )
    return history


def of_layers(history: fb.History) -> dict[str, dict[int, list[float]]]:
    """Return what is recorded of layers: by the kind of figure, then by the layer.

    Examples
    --------
    >>> x, y = [[0.0], [1.0]], [0.0, 1.0]
    >>> history = fb.mlp([1, 2, 1]).fit(x, y, epochs=2, callbacks=fb.HealthLog(x, y))
    >>> sorted(of_layers(history)["update_ratio"])
    [1, 2]
    """
    found: dict[str, dict[int, list[float]]] = {}
    for name, values in history.metrics.items():
        match = OF_LAYER.fullmatch(name)
        if match:
            found.setdefault(match[1], {})[int(match[2])] = values
    return found
