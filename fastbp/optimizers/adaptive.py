"""Rules that scale each step by the squares of the gradients so far."""

from __future__ import annotations

from typing import Unpack

from fastbp import checks
from fastbp.checks import Array
from fastbp.optimizers.optimizer import (
    OWN,
    DecayAndShaping,
    Optimizer,
    Setting,
    above_zero,
    decay,
    not_negative,
)


class RMSprop(Optimizer):
    """RMSprop: steps scaled by a running mean of the squared gradient.

    v <- alpha v + (1 - alpha) g^2;  q = g / (sqrt(v) + epsilon);
    p <- p - learning_rate q, or with momentum u <- momentum u + q and p <- p - learning_rate u.

    Parameters
    ----------
    learning_rate : float
        eta, at least 0.
    alpha : float
        Decay of the mean, in [0, 1).
    epsilon : float
        Added to the root, above 0.
    momentum : float
        At least 0; 0 keeps no velocity.
    centered : bool
        Whether the square of a running mean of g is taken off v.
    **shaping
        weight_decay, l1, clip_value, clip_norm, ema: see `Optimizer`.

    References
    ----------
    T. Tieleman, G. Hinton, "Lecture 6.5: rmsprop", COURSERA: Neural Networks for Machine Learning,
    2012. A. Graves, "Generating sequences with recurrent neural networks", arXiv:1308.0850, 2013,
    eq. 38-45, for `centered`.

    Examples
    --------
    >>> import fastbp as fb
    >>> fb.RMSprop(0.01)
    RMSprop(learning_rate=0.01, alpha=0.99, epsilon=1e-08, momentum=0.0, centered=False)
    """

    rule = "rmsprop"
    rule_slots = 1
    alpha = Setting(OWN, decay)
    epsilon = Setting(OWN + 1, above_zero)
    momentum = Setting(OWN + 2, not_negative)
    centered = Setting(OWN + 3, checks.flag, bool)

    def __init__(
        self,
        learning_rate: float = 1e-2,
        alpha: float = 0.99,
        epsilon: float = 1e-8,
        momentum: float = 0.0,
        centered: bool = False,
        **shaping: Unpack[DecayAndShaping],
    ) -> None:
        super().__init__(
            shaping,
            learning_rate=learning_rate,
            alpha=alpha,
            epsilon=epsilon,
            momentum=momentum,
            centered=centered,
        )

    @property
    def n_slots(self) -> int:
        """The mean of squares, the mean where centered, the velocity with momentum."""
        return super().n_slots + int(self.centered) + int(self.momentum > 0)


class Adagrad(Optimizer):
    """Adagrad: steps scaled by the sum of all squared gradients so far.

    s <- s + g^2;  p <- p - learning_rate / (1 + (t - 1) rate_decay) g / (sqrt(s) + epsilon).

    Parameters
    ----------
    learning_rate : float
        eta, at least 0.
    rate_decay : float
        At least 0.
    epsilon : float
        Added to the root, above 0.
    initial_accumulator : float
        What s begins at, at least 0.
    **shaping
        weight_decay, l1, clip_value, clip_norm, ema: see `Optimizer`.

    References
    ----------
    J. Duchi, E. Hazan, Y. Singer, "Adaptive subgradient methods for online learning and stochastic
    optimization", JMLR 12, 2011, Figure 1.

    Examples
    --------
    >>> import fastbp as fb
    >>> fb.Adagrad(0.1)
    Adagrad(learning_rate=0.1, rate_decay=0.0, epsilon=1e-10, initial_accumulator=0.0)
    """

    rule = "adagrad"
    rule_slots = 1
    rate_decay = Setting(OWN, not_negative)
    epsilon = Setting(OWN + 1, above_zero)
    initial_accumulator = Setting(OWN + 2, not_negative)

    def __init__(
        self,
        learning_rate: float = 1e-2,
        rate_decay: float = 0.0,
        epsilon: float = 1e-10,
        initial_accumulator: float = 0.0,
        **shaping: Unpack[DecayAndShaping],
    ) -> None:
        super().__init__(
            shaping,
            learning_rate=learning_rate,
            rate_decay=rate_decay,
            epsilon=epsilon,
            initial_accumulator=initial_accumulator,
        )

    def _begin(self, slots: Array) -> None:
        slots[0] = self.initial_accumulator


class Adadelta(Optimizer):
    """Adadelta: steps in the units of the parameters, from two running means.

    v <- rho v + (1 - rho) g^2;  d = sqrt(u + epsilon) / sqrt(v + epsilon) g;
    u <- rho u + (1 - rho) d^2;  p <- p - learning_rate d.

    Parameters
    ----------
    learning_rate : float
        eta, at least 0; 1 is the paper's rule.
    rho : float
        Decay of both means, in [0, 1).
    epsilon : float
        Added under both roots, above 0.
    **shaping
        weight_decay, l1, clip_value, clip_norm, ema: see `Optimizer`.

    References
    ----------
    M. D. Zeiler, "ADADELTA: an adaptive learning rate method", arXiv:1212.5701, 2012, Algorithm 1.

    Examples
    --------
    >>> import fastbp as fb
    >>> fb.Adadelta()
    Adadelta(learning_rate=1.0, rho=0.9, epsilon=1e-06)
    """

    rule = "adadelta"
    rule_slots = 2
    rho = Setting(OWN, decay)
    epsilon = Setting(OWN + 1, above_zero)

    def __init__(
        self,
        learning_rate: float = 1.0,
        rho: float = 0.9,
        epsilon: float = 1e-6,
        **shaping: Unpack[DecayAndShaping],
    ) -> None:
        super().__init__(
            shaping,
            learning_rate=learning_rate,
            rho=rho,
            epsilon=epsilon,
        )
