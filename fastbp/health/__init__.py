"""The health of a network: what its layers do with some rows, and what that means."""

from __future__ import annotations

from typing import Any

from fastbp.health.diagnosis import found_in
from fastbp.health.log import HealthLog
from fastbp.health.measure import measured
from fastbp.health.report import Finding, Health, LayerHealth
from fastbp.optimizers import as_optimizer
from fastbp.optimizers.optimizer import Optimizer
from fastbp.rows import Rows

__all__ = ["Finding", "Health", "HealthLog", "LayerHealth"]


def health_of(network: Any, rows: Rows, optimizer: str | Optimizer) -> Health:
    """Return the health of a network on checked rows."""
    rule = as_optimizer(optimizer)
    figures = measured(network, rows, rule)
    return Health(figures, found_in(figures), repr(rule))
