"""Gradient descent with one step size for all parameters, or one of its own for each."""

from __future__ import annotations

from typing import Unpack

from fastbp import checks
from fastbp.optimizers.optimizer import (
    OWN,
    DecayAndShaping,
    Optimizer,
    Setting,
    Shaping,
    above_zero,
    decay,
    not_negative,
)


def fraction(name: str, value: object) -> float:
    """Return a number in (0, 1)."""
    return checks.number(name, value, 0, below=1, above=True)


def above_one(name: str, value: object) -> float:
    """Return a finite number above 1."""
    return checks.number(name, value, 1, above=True)


class SGD(Optimizer):
    """Gradient descent, with momentum and Nesterov's correction.

    v <- momentum v + (1 - dampening) g (the first v is g);
    p <- p - learning_rate v, or p - learning_rate (g + momentum v) with `nesterov`.

    Parameters
    ----------
    learning_rate : float
        eta, at least 0.
    momentum : float
        mu, at least 0; 0 keeps no state.
    nesterov : bool
        Look ahead along v; needs momentum above 0 and no dampening.
    weight_decay : float
        lambda of the penalty lambda/2 ||p||^2, at least 0.
    dampening : float
        What momentum takes from later gradients, in [0, 1).
    **shaping
        l1, clip_value, clip_norm, ema: see `Optimizer`.

    References
    ----------
    B. T. Polyak, "Some methods of speeding up the convergence of iteration methods", 1964, eq. 9.
    I. Sutskever, J. Martens, G. Dahl, G. Hinton, "On the importance of initialization and momentum
    in deep learning", ICML 2013, eq. 1-4 (in PyTorch's form: the step multiplies
    the whole velocity).

    Examples
    --------
    >>> import fastbp as fb
    >>> fb.SGD(0.1, momentum=0.9, clip_norm=1.0)
    SGD(learning_rate=0.1, momentum=0.9, nesterov=False, dampening=0.0, clip_norm=1.0)
    """

    rule = "sgd"
    momentum = Setting(OWN, not_negative)
    nesterov = Setting(OWN + 1, checks.flag, bool)
    dampening = Setting(OWN + 2, decay)

    def __init__(
        self,
        learning_rate: float = 1e-3,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        dampening: float = 0.0,
        **shaping: Unpack[Shaping],
    ) -> None:
        if nesterov and momentum == 0:
            raise ValueError("nesterov must come with momentum above 0, got momentum 0")
        if nesterov and dampening != 0:
            raise ValueError(f"nesterov must come without dampening, got dampening {dampening}")
        super().__init__(
            shaping,
            learning_rate=learning_rate,
            momentum=momentum,
            nesterov=nesterov,
            weight_decay=weight_decay,
            dampening=dampening,
        )

    @property
    def n_slots(self) -> int:
        """The velocity, with momentum."""
        return int(self.momentum > 0) + super().n_slots


class Rprop(Optimizer):
    """Rprop: a step size for each parameter, from the signs of its gradients alone.

    size <- size grow where g keeps its sign, size shrink where the sign changes, and there no step;
    p <- p - sign(g) size. The signs of two gradients can be compared where both are of the same
    rows: all of them, `batch_size=None`.

    Parameters
    ----------
    learning_rate : float
        Every size at first, at least 0.
    shrink, grow : float
        In (0, 1), and above 1.
    least, most : float
        Limits of a size, above 0.
    **shaping
        l1, clip_value, clip_norm, ema: see `Optimizer`.

    References
    ----------
    M. Riedmiller, H. Braun, "A direct adaptive method for faster backpropagation learning", ICNN
    1993, section II. C. Igel, M. Huesken, "Empirical evaluation of the improved Rprop learning
    algorithms", Neurocomputing 50, 2003, for the variant iRprop-.

    Examples
    --------
    >>> import fastbp as fb
    >>> fb.Rprop()
    Rprop(learning_rate=0.01, shrink=0.5, grow=1.2, least=1e-06, most=50.0)
    """

    rule = "rprop"
    rule_slots = 2
    full_batch = True
    shrink = Setting(OWN, fraction)
    grow = Setting(OWN + 1, above_one)
    least = Setting(OWN + 2, above_zero)
    most = Setting(OWN + 3, above_zero)

    def __init__(
        self,
        learning_rate: float = 1e-2,
        shrink: float = 0.5,
        grow: float = 1.2,
        least: float = 1e-6,
        most: float = 50.0,
        **shaping: Unpack[DecayAndShaping],
    ) -> None:
        if not least <= most:
            raise ValueError(f"least must be at most most ({most}), got {least}")
        super().__init__(
            shaping,
            learning_rate=learning_rate,
            shrink=shrink,
            grow=grow,
            least=least,
            most=most,
        )
