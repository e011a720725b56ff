"""Learning-rate schedules: what a fit multiplies the optimizer's learning rate by, step by step.

With n steps an epoch and N in all, step t counts from 0 and e = t // n is the epoch. A schedule is
computed for the steps of an epoch together, before they are taken: nothing per step is Python.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from fastbp import checks
from fastbp.checks import Array


class Schedule:
    """A schedule; as such the learning rate stays what it is.

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
        return np.ones(len(t))

    def observe(self, loss: float, validation_loss: float | None) -> None:
        """Look at the losses of an epoch."""

    def begin(self) -> None:
        """Forget what was observed: a fit begins."""

    def __repr__(self) -> str:
        settings = ", ".join(
            f"{name}={value!r}" for name, value in vars(self).items() if name[0] != "_"
        )
        return f"{type(self).__name__}({settings})"


class StepDecay(Schedule):
    """factor^(e // every): the rate falls by a factor every so many epochs.

    Parameters
    ----------
    every : int
        Epochs, at least 1.
    factor : float
        In (0, 1].

    Examples
    --------
    >>> import fastbp as fb
    >>> fb.StepDecay(10, 0.5)
    StepDecay(every=10, factor=0.5)
    """

    def __init__(self, every: int = 30, factor: float = 0.1) -> None:
        self.every = checks.integer("every", every, 1)
        self.factor = checks.number("factor", factor, 0, above=True)

    def factors(self, t: Array, n: int, total: int) -> Array:
        """Return factor^(e // every)."""
        return np.asarray(self.factor ** (t // n // self.every), np.float64)


class ExponentialDecay(Schedule):
    """factor^e: the rate falls by a factor every epoch.

    Parameters
    ----------
    factor : float
        Above 0.

    Examples
    --------
    >>> import fastbp as fb
    >>> fb.ExponentialDecay(0.9)
    ExponentialDecay(factor=0.9)
    """

    def __init__(self, factor: float = 0.95) -> None:
        self.factor = checks.number("factor", factor, 0, above=True)

    def factors(self, t: Array, n: int, total: int) -> Array:
        """Return factor^e."""
        return np.asarray(self.factor ** (t // n), np.float64)


class InverseScaling(Schedule):
    """(1 + t)^-power, the rate that stochastic approximation converges with for power in (1/2, 1].

    Parameters
    ----------
    power : float
        Above 0.

    References
    ----------
    H. Robbins, S. Monro, "A stochastic approximation method", Annals of Mathematical Statistics
    22(3), 1951, eq. 7.

    Examples
    --------
    >>> import fastbp as fb
    >>> fb.InverseScaling(0.5)
    InverseScaling(power=0.5)
    """

    def __init__(self, power: float = 0.5) -> None:
        self.power = checks.number("power", power, 0, above=True)

    def factors(self, t: Array, n: int, total: int) -> Array:
        """Return (1 + t)^-power."""
        return np.power(1.0 + t, -self.power)


class Linear(Schedule):
    """1 + (end - 1) t / N: a straight line to `end` at the end of the fit.

    Parameters
    ----------
    end : float
        At least 0.

    Examples
    --------
    >>> import fastbp as fb
    >>> fb.Linear(end=0.1)
    Linear(end=0.1)
    """

    def __init__(self, end: float = 0.0) -> None:
        self.end = checks.number("end", end, 0)

    def factors(self, t: Array, n: int, total: int) -> Array:
        """Return 1 + (end - 1) t / N."""
        return 1 + (self.end - 1) * t / total


class Cosine(Schedule):
    """end + (1 - end) (1 + cos(pi u)) / 2, u from 0 to 1 over the fit, or again and again.

    Parameters
    ----------
    end : float
        At least 0.
    period : float, optional
        Epochs to the first restart, above 0; None for none.
    growth : float
        How many times longer each period is than the one before, at least 1.

    References
    ----------
    I. Loshchilov, F. Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017,
    eq. 5.

    Examples
    --------
    >>> import fastbp as fb
    >>> fb.Cosine(period=10, growth=2)
    Cosine(end=0.0, period=10.0, growth=2.0)
    """

    def __init__(self, end: float = 0.0, period: float | None = None, growth: float = 1.0) -> None:
        self.end = checks.number("end", end, 0)
        self.period = None if period is None else checks.number("period", period, 0, above=True)
        self.growth = checks.number("growth", growth, 1)

    def factors(self, t: Array, n: int, total: int) -> Array:
        """Return end + (1 - end) (1 + cos(pi u)) / 2."""
        if self.period is None:
            u = t / total
        elif self.growth == 1:
            u = t / n / self.period % 1.0
        else:
            # After k periods, period (growth^k - 1) / (growth - 1) epochs are over.
            epochs = t / n
            k = np.floor(np.log1p(epochs / self.period * (self.growth - 1)) / np.log(self.growth))
            over = self.period * (self.growth**k - 1) / (self.growth - 1)
            u = np.clip((epochs - over) / (self.period * self.growth**k), 0, 1)
        return self.end + (1 - self.end) * (1 + np.cos(np.pi * u)) / 2


class Warmup(Schedule):
    """(1 + t) / (1 + w) in the first w steps, then another schedule over the steps that are left.

    Parameters
    ----------
    epochs : float
        w in epochs, at least 0.
    then : Schedule, optional
        What follows; None keeps the learning rate.

    References
    ----------
    P. Goyal et al., "Accurate, large minibatch SGD", arXiv:1706.02677, 2017, section 2.2.

    Examples
    --------
    >>> import fastbp as fb
    >>> fb.Warmup(2, fb.Linear())
    Warmup(epochs=2.0, then=Linear(end=0.0))
    """

    def __init__(self, epochs: float = 1.0, then: Schedule | None = None) -> None:
        self.epochs = checks.number("epochs", epochs, 0)
        if then is not None and not isinstance(then, Schedule):
            raise TypeError(
                f"then must be a schedule such as fb.Cosine(), got {checks.described(then)}"
            )
        self.then = then or Schedule()

    def factors(self, t: Array, n: int, total: int) -> Array:
        """Return (1 + t) / (1 + w), and from step w on what follows."""
        first = min(math.ceil(self.epochs * n), total - 1)
        later = self.then.factors(np.maximum(t - first, 0), n, total - first)
        return np.where(t < first, (1.0 + t) / (1.0 + first), later)

    def observe(self, loss: float, validation_loss: float | None) -> None:
        """Hand the losses on."""
        self.then.observe(loss, validation_loss)

    def begin(self) -> None:
        """Let what follows begin too."""
        self.then.begin()


class OneCycle(Schedule):
    """From `start` up to 1 in a part `peak` of the fit, then down to `end`, along cosines.

    The optimizer's learning rate is the highest one.

    Parameters
    ----------
    start, end : float
        At least 0.
    peak : float
        In (0, 1).

    References
    ----------
    L. Smith, N. Topin, "Super-convergence: very fast training of neural networks using large
    learning rates", arXiv:1708.07120, 2018, section 3; the cosines are PyTorch's.

    Examples
    --------
    >>> import fastbp as fb
    >>> fb.OneCycle(peak=0.2)
    OneCycle(start=0.04, end=4e-06, peak=0.2)
    """

    def __init__(self, start: float = 0.04, end: float = 4e-6, peak: float = 0.3) -> None:
        self.start = checks.number("start", start, 0)
        self.end = checks.number("end", end, 0)
        self.peak = checks.number("peak", peak, 0, below=1, above=True)

    def factors(self, t: Array, n: int, total: int) -> Array:
        """Return the two half cosines; the peak lies at step peak N - 1."""
        top, last = self.peak * total - 1, total - 1
        up = np.clip(t / top, 0, 1) if top > 0 else np.ones(len(t))
        down = np.clip((t - top) / max(last - top, 1e-9), 0, 1)
        rising = 1 + (self.start - 1) * (1 + np.cos(np.pi * up)) / 2
        falling = self.end + (1 - self.end) * (1 + np.cos(np.pi * down)) / 2
        return np.where(t <= top, rising, falling)


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


class Called(Schedule):
    """A function of the epoch, from 1, that returns the learning rate itself."""

    def __init__(self, function: Callable[[int], float], learning_rate: float) -> None:
        self.function = function
        self.learning_rate = learning_rate

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
