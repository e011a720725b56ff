"""Schedules that depend on the step alone, and Warmup, which goes before any other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from fastbp import checks
from fastbp.checks import Array
from fastbp.schedules.schedule import Schedule


class Constant(Schedule):
    """1: the learning rate stays what it is.

    Examples
    --------
    >>> import fastbp as fb
    >>> fb.Warmup(5, fb.Constant())
    Warmup(epochs=5.0, then=Constant())
    """

    def factors(self, t: Array, n: int, total: int) -> Array:
        """Return 1."""
        return np.ones(len(t))


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
        self.then = then or Constant()

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

    def state(self) -> dict[str, Any]:
        """Return what the schedule that follows has observed."""
        return self.then.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Hand the state on."""
        self.then.restore(state)


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
