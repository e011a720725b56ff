"""What every schedule is: factors of the learning rate for the steps of an epoch together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fastbp import checks
from fastbp.checks import Array


class Schedule:
    """What the learning rate is multiplied by; one of your own says it in `factors`.

    Examples
    --------
    >>> import fastbp as fb
    >>> net = fb.mlp([2, 8, 1], "tanh")
    >>> x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    >>> history = net.fit(x, y, fb.Adam(0.01), epochs=3, schedule=fb.Cosine())
    >>> [round(rate, 4) for rate in history.learning_rate]
    [0.01, 0.0075, 0.0025]
    """

    def factors(self, t: Array, n: int, total: int) -> Array:
        """Return what the learning rate is multiplied by in each step.

        Parameters
        ----------
        t : array, (n_steps,)
            Numbers of the steps, from 0.
        n, total : int
            Steps an epoch, and of the fit.
        """
        raise NotImplementedError(f"{type(self).__name__} must say its factors")

    def observe(self, loss: float, validation_loss: float | None) -> None:
        """Look at the losses of an epoch."""

    def begin(self) -> None:
        """Forget what was observed: a fit begins."""

    def state(self) -> dict[str, Any]:
        """Return what was observed, as JSON values."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up what `state` of an earlier fit returned."""

    def __repr__(self) -> str:
        settings = ", ".join(
            f"{name}={value!r}" for name, value in vars(self).items() if name[0] != "_"
        )
        return f"{type(self).__name__}({settings})"


class Called(Schedule):
    """A function of the epoch, from 1, that returns the learning rate itself."""

    def __init__(self, function: Callable[[int], float], learning_rate: float) -> None:
        self.function = function
        self.learning_rate = learning_rate

    def __repr__(self) -> str:
        return "a function of the epoch"

    def factors(self, t: Array, n: int, total: int) -> Array:
        """Return the function's rate as a multiple of the optimizer's."""
        rate = self.function(int(t[0]) // n + 1)
        rate = checks.number("learning rate returned by schedule", rate, 0)
        return np.full(len(t), rate / self.learning_rate)


def as_schedule(value: object, learning_rate: float) -> Schedule | None:
    """Return a schedule from the object itself or from a function of the epoch; None stays None."""
    if value is None or isinstance(value, Schedule):
        return value
    if not callable(value):
        raise TypeError(
            "schedule must be a schedule such as fb.Cosine() or a function of the epoch, got "
            f"{checks.described(value)}"
        )
    if learning_rate == 0:
        raise ValueError("schedule must come with a learning_rate above 0, got 0")
    return Called(value, learning_rate)
