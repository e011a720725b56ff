"""One step of an optimizer on a copy of a network, so that nothing is changed."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from fastbp.optimizers import as_optimizer
from fastbp.optimizers.optimizer import Optimizer
from fastbp.rows import Rows


def stepped(network: Any, rows: Rows, optimizer: str | Optimizer) -> Any:
    """Return a copy of the network after the optimizer's next step; None where the loss is lost.

    Raises
    ------
    ValueError
        The optimizer carries the state of another network.
    """
    rule = as_optimizer(optimizer)
    other = copy.copy(network)
    if not any(layer.trainable for layer in network.layers):
        return other
    own = copied(rule, network, other)
    try:
        other._step(own, rows)
    except FloatingPointError:
        return None
    return other


def copied(rule: Optimizer, network: Any, other: Any) -> Optimizer:
    """Return an optimizer for a copy of a network, with the state that it has for the network."""
    # A copy of an optimizer has its settings alone.
    own = copy.copy(rule)
    if rule.steps:
        rule.bind(network, network.params, network._running)
        own.bind(other, other.params, other._running)
        own.slots[...] = rule.slots
        own.clock[...] = rule.clock
    return own


def update_ratios(network: Any, after: Any) -> list[float]:
    """Return ||W' - W|| / ||W|| of each layer, NaN where there is no step."""
    if after is None:
        return [float("nan")] * len(network.weights)
    pairs = zip(network.weights, after.weights, strict=True)
    return [_ratio(norm(new.astype(np.float64) - old), norm(old)) for old, new in pairs]


def _ratio(moved: float, size: float) -> float:
    """Return a quotient in which 0 / 0 is 0."""
    return moved / size if size else float("inf") if moved else 0.0


def norm(values: Any) -> float:
    """Return the 2-norm of all numbers, in float64."""
    return float(np.sqrt((np.asarray(values, np.float64) ** 2).sum()))
