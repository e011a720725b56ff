"""The schedule that looks at the losses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from fastbp import checks
from fastbp.checks import Array
from fastbp.schedules.schedule import Schedule


class ReduceOnPlateau(Schedule):
    """Times `factor` whenever the loss has not fallen for more than `patience` epochs.

    Parameters
    ----------
    factor : float
        In (0, 1).
    patience : int
        Epochs, at least 0.
    min_delta : float
        A fall counts from this part of the lowest loss on, in [0, 1).
    cooldown : int
        Epochs after a reduction that are not counted, at least 0.
    minimum : float
        The product of the factors falls no lower, at least 0.

    Notes
    -----
    It looks at the validation loss where there is one, else at the training loss.

    Examples
    --------
    >>> import fastbp as fb
    >>> fb.ReduceOnPlateau(0.5, patience=3)
    ReduceOnPlateau(factor=0.5, patience=3, min_delta=0.0001, cooldown=0, minimum=0.0)
    """

    def __init__(
        self,
        factor: float = 0.1,
        patience: int = 10,
        min_delta: float = 1e-4,
        cooldown: int = 0,
        minimum: float = 0.0,
    ) -> None:
        self.factor = checks.number("factor", factor, 0, below=1, above=True)
        self.patience = checks.integer("patience", patience, 0)
        self.min_delta = checks.number("min_delta", min_delta, 0, below=1)
        self.cooldown = checks.integer("cooldown", cooldown, 0)
        self.minimum = checks.number("minimum", minimum, 0)
        self.begin()

    def begin(self) -> None:
        """Forget the losses."""
        self._scale, self._lowest, self._waited, self._cooling = 1.0, math.inf, 0, 0

    def state(self) -> dict[str, Any]:
        """Return the factor so far, the lowest loss (None before the first) and the counters."""
        lowest = self._lowest if math.isfinite(self._lowest) else None
        return {
            "scale": self._scale,
            "lowest": lowest,
            "waited": self._waited,
            "cooling": self._cooling,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        lowest = state["lowest"]
        scale = checks.number("scale", state["scale"], 0)
        lowest = math.inf if lowest is None else checks.number("lowest", lowest)
        waited, cooling = (checks.integer(name, state[name], 0) for name in ("waited", "cooling"))
        self._scale, self._lowest, self._waited, self._cooling = scale, lowest, waited, cooling

    def factors(self, t: Array, n: int, total: int) -> Array:
        """Return the product of the factors so far."""
        return np.full(len(t), self._scale)

    def observe(self, loss: float, validation_loss: float | None) -> None:
        """Count the epochs without a fall."""
        value = loss if validation_loss is None else validation_loss
        fell = value < self._lowest * (1 - self.min_delta)
        if fell:
            self._lowest = value
        self._waited = 0 if fell else self._waited + 1
        if self._cooling > 0:
            self._cooling -= 1
            self._waited = 0
        if self._waited > self.patience:
            self._scale = max(self._scale * self.factor, self.minimum)
            self._waited, self._cooling = 0, self.cooldown
