"""Learning-rate schedules: what the optimizer's learning rate is multiplied by in each step.

With n steps an epoch and N in all, step t counts from 0 and e = t // n is the epoch.
"""

from collections.abc import Callable
from math import ceil, cos, inf, pi
from typing import Any

from . import checks
from .scalars import Number


class Schedule:
    """What the learning rate is multiplied by.

    Examples
    --------
    >>> [round(Cosine().factor(t, n=1, total=4), 3) for t in range(4)]
    [1.0, 0.854, 0.5, 0.146]
    """

    def factor(self, t: int, n: int, total: int) -> float:
        """Return the factor of step t, with n steps an epoch and total in all."""
        raise NotImplementedError

    def observe(self, loss: Number, validation_loss: Number | None) -> None:
        """Look at the losses of an epoch."""

    def begin(self) -> None:
        """Forget what was observed: a fit begins."""


class Constant(Schedule):
    """1: the learning rate stays what it is.

    Examples
    --------
    >>> Constant().factor(3, n=1, total=5)
    1.0
    """

    def factor(self, t: int, n: int, total: int) -> float:
        """Return 1."""
        return 1.0


class StepDecay(Schedule):
    """factor^(e // every): a fall by a factor every so many epochs.

    Examples
    --------
    >>> [StepDecay(2, 0.5).factor(t, n=1, total=5) for t in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    def __init__(self, every: int = 30, factor: float = 0.1) -> None:
        self.every = checks.count("every", every)
        self.ratio = checks.positive("factor", factor)

    def factor(self, t: int, n: int, total: int) -> float:
        """Return factor^(e // every)."""
        ratio: float = self.ratio ** (t // n // self.every)
        return ratio


class ExponentialDecay(Schedule):
    """factor^e: a fall by a factor every epoch.

    Examples
    --------
    >>> ExponentialDecay(0.5).factor(3, n=1, total=5)
    0.125
    """

    def __init__(self, factor: float = 0.95) -> None:
        self.ratio = checks.positive("factor", factor)

    def factor(self, t: int, n: int, total: int) -> float:
        """Return factor^e."""
        ratio: float = self.ratio ** (t // n)
        return ratio


class InverseScaling(Schedule):
    """(1 + t)^-power.

    References
    ----------
    H. Robbins and S. Monro, "A Stochastic Approximation Method", Annals of Mathematical Statistics
    22(3), 1951, equation 7.

    Examples
    --------
    >>> InverseScaling(1).factor(3, n=1, total=5)
    0.25
    """

    def __init__(self, power: float = 0.5) -> None:
        self.power = checks.positive("power", power)

    def factor(self, t: int, n: int, total: int) -> float:
        """Return (1 + t)^-power."""
        ratio: float = (1 + t) ** -self.power
        return ratio


class Linear(Schedule):
    """A straight line from 1 to `end` at the end of the fit.

    Examples
    --------
    >>> Linear().factor(3, n=1, total=4)
    0.25
    """

    def __init__(self, end: float = 0.0) -> None:
        self.end = checks.bounded("end", end)

    def factor(self, t: int, n: int, total: int) -> float:
        """Return 1 + (end - 1) t / N."""
        ratio: float = 1 + (self.end - 1) * t / total
        return ratio


def half_cosine(u: float) -> float:
    """(1 + cos(pi u)) / 2: from 1 to 0 for u from 0 to 1, slow at both ends."""
    return (1 + cos(pi * u)) / 2


class Cosine(Schedule):
    """end + (1 - end) (1 + cos(pi u)) / 2 with u from 0 to 1 over the fit.

    With a period, u begins again at 0 after so many epochs, each time `growth` times later.

    References
    ----------
    I. Loshchilov and F. Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017,
    equation 5.

    Examples
    --------
    >>> [round(Cosine(period=2).factor(t, n=1, total=4), 3) for t in range(4)]
    [1.0, 0.5, 1.0, 0.5]
    """

    def __init__(self, end: float = 0.0, period: float | None = None, growth: float = 1.0) -> None:
        self.end = checks.bounded("end", end)
        self.period = None if period is None else checks.positive("period", period)
        self.growth = growth
        if checks.bounded("growth", growth) < 1:
            raise ValueError(f"growth must be at least 1, got {growth}")

    def factor(self, t: int, n: int, total: int) -> float:
        """Return the height of the cosine."""
        if self.period is None:
            u = t / total
        else:
            length, left = self.period, t / n
            while left >= length:
                left, length = left - length, length * self.growth
            u = left / length
        height: float = self.end + (1 - self.end) * half_cosine(u)
        return height


class Warmup(Schedule):
    """(1 + t) / (1 + w) in the first w steps, then another schedule over those that are left.

    References
    ----------
    P. Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour",
    arXiv:1706.02677, 2017, section 2.2.

    Examples
    --------
    >>> [Warmup(3).factor(t, n=1, total=5) for t in range(5)]
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """

    def __init__(self, epochs: float = 1.0, then: Schedule | None = None) -> None:
        self.epochs = checks.bounded("epochs", epochs)
        self.then = then or Constant()

    def factor(self, t: int, n: int, total: int) -> float:
        """Return the line's height, or that of what follows."""
        first: int = min(ceil(self.epochs * n), total - 1)
        if t < first:
            return (1 + t) / (1 + first)
        later: float = self.then.factor(t - first, n, total - first)
        return later

    def observe(self, loss: Number, validation_loss: Number | None) -> None:
        """Hand the losses on."""
        self.then.observe(loss, validation_loss)

    def begin(self) -> None:
        """Let what follows begin too."""
        self.then.begin()


class OneCycle(Schedule):
    """From `start` up to 1 in a part `peak` of the fit, then down to `end`, along cosines.

    References
    ----------
    L. Smith and N. Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large
    Learning Rates", arXiv:1708.07120, 2018, section 3.

    Examples
    --------
    >>> [round(OneCycle(peak=0.4).factor(t, n=1, total=5), 3) for t in range(5)]
    [0.04, 1.0, 0.75, 0.25, 0.0]
    """

    def __init__(self, start: float = 0.04, end: float = 4e-6, peak: float = 0.3) -> None:
        self.start = checks.bounded("start", start)
        self.end = checks.bounded("end", end)
        self.peak = checks.positive("peak", checks.bounded("peak", peak, below=1))

    def factor(self, t: int, n: int, total: int) -> float:
        """Return the height of the two half cosines; the peak lies at step peak N - 1."""
        top, last = self.peak * total - 1, total - 1
        height: float
        if t <= top:
            u = t / top if top > 0 else 1.0
            height = self.start + (1 - self.start) * half_cosine(1 - u)
        else:
            height = self.end + (1 - self.end) * half_cosine(min((t - top) / (last - top), 1))
        return height


class ReduceOnPlateau(Schedule):
    """Times `factor` whenever the loss has not fallen for more than `patience` epochs.

    Examples
    --------
    >>> schedule = ReduceOnPlateau(0.5, patience=1)
    >>> for loss in (1.0, 1.0, 1.0):
    ...     schedule.observe(loss, None)
    >>> schedule.factor(3, n=1, total=9)
    0.5
    """

    def __init__(
        self,
        factor: float = 0.1,
        patience: int = 10,
        min_delta: float = 1e-4,
        cooldown: int = 0,
        minimum: float = 0.0,
    ) -> None:
        self.ratio = checks.positive("factor", checks.bounded("factor", factor, below=1))
        self.patience = checks.bounded("patience", patience)
        self.min_delta = checks.bounded("min_delta", min_delta, below=1)
        self.cooldown = checks.bounded("cooldown", cooldown)
        self.minimum = checks.bounded("minimum", minimum)
        self.begin()

    def begin(self) -> None:
        """Forget the losses."""
        self._scale, self._lowest = 1.0, inf
        self._waited = self._cooling = 0

    def factor(self, t: int, n: int, total: int) -> float:
        """Return the product of the factors so far."""
        return self._scale

    def observe(self, loss: Number, validation_loss: Number | None) -> None:
        """Count the epochs without a fall."""
        value = loss if validation_loss is None else validation_loss
        if value < self._lowest * (1 - self.min_delta):
            self._lowest, self._waited = value, 0
        else:
            self._waited += 1
        if self._cooling:
            self._cooling, self._waited = self._cooling - 1, 0
        if self._waited > self.patience:
            self._scale = max(self._scale * self.ratio, self.minimum)
            self._waited, self._cooling = 0, self.cooldown


class Called(Schedule):
    """A function of the epoch, from 1, that returns the learning rate itself."""

    def __init__(self, function: Callable[[int], Number], learning_rate: Number) -> None:
        self.function = function
        self.learning_rate = learning_rate

    def factor(self, t: int, n: int, total: int) -> float:
        """Return the function's rate as a multiple of the optimizer's."""
        ratio: float = self.function(t // n + 1) / self.learning_rate
        return ratio


def chosen_schedule(schedule: Any, learning_rate: Number) -> Schedule | None:
    """Return a schedule as it is, one made of a function of the epoch, or None."""
    if schedule is None or isinstance(schedule, Schedule):
        return schedule
    if not callable(schedule):
        raise TypeError(f"schedule must be a schedule or a function, got {schedule!r}")
    return Called(schedule, learning_rate)
