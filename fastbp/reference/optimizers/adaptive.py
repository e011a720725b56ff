"""Rules that scale each step by the squares of the gradients so far, or by nothing but its sign."""

from typing import Unpack

from .. import checks
from ..scalars import Number, Row, sign, sqrt
from .optimizer import DecayAndShaping, Optimizer


def rmsprop_update(
    params: Row,
    grad: Row,
    v: Row,
    mean: Row | None,
    velocity: Row | None,
    learning_rate: Number = 1e-2,
    alpha: Number = 0.99,
    epsilon: Number = 1e-8,
    momentum: Number = 0.0,
) -> None:
    """Take one step of RMSprop in place.

    ::

        v <- alpha v + (1 - alpha) g^2          a running mean of g^2
        q = g / (sqrt(v) + epsilon)
        p <- p - eta q

    With mean, v is a variance: a running mean of g is kept too and its square taken off. With
    velocity, q is summed up as in momentum.

    References
    ----------
    T. Tieleman and G. Hinton, "Lecture 6.5: rmsprop", COURSERA, 2012.
    A. Graves, "Generating Sequences With Recurrent Neural Networks", arXiv:1308.0850, 2013,
    equations 38 to 45 (centered).

    Examples
    --------
    >>> params, v = [1.0], [0.0]
    >>> rmsprop_update(params, [2.0], v, None, None, learning_rate=0.1, alpha=0.75)
    >>> v, round(params[0], 6)
    ([1.0], 0.8)
    """
    for i, g in enumerate(grad):
        v[i] = alpha * v[i] + (1 - alpha) * g * g
        variance = v[i]
        if mean is not None:
            mean[i] = alpha * mean[i] + (1 - alpha) * g
            variance = variance - mean[i] * mean[i]
        step = g / (sqrt(variance) + epsilon)
        if velocity is not None:
            velocity[i] = momentum * velocity[i] + step
            step = velocity[i]
        params[i] = params[i] - learning_rate * step


class RMSprop(Optimizer):
    """RMSprop; the formulas are those of rmsprop_update.

    Parameters
    ----------
    learning_rate, momentum : numbers >= 0
    alpha : number in [0, 1)
    epsilon : number > 0
    centered : bool
    shaping
        As in Optimizer.

    Examples
    --------
    >>> RMSprop().alpha
    0.99
    """

    def __init__(
        self,
        learning_rate: Number = 1e-2,
        alpha: Number = 0.99,
        epsilon: Number = 1e-8,
        momentum: Number = 0.0,
        centered: bool = False,
        **shaping: Unpack[DecayAndShaping],
    ) -> None:
        self.alpha = checks.bounded("alpha", alpha, below=1)
        self.epsilon = checks.positive("epsilon", epsilon)
        self.momentum = checks.bounded("momentum", momentum)
        self.centered = centered
        super().__init__(learning_rate, shaping)

    def _vectors(self) -> list[str]:
        return ["v", *["mean"] * bool(self.centered), *["velocity"] * bool(self.momentum)]

    def _rule(self, params: Row, grad: Row, number: checks.NumberType) -> None:
        rmsprop_update(
            params,
            grad,
            self._state["v"],
            self._state.get("mean"),
            self._state.get("velocity"),
            number(self.learning_rate),
            number(self.alpha),
            number(self.epsilon),
            number(self.momentum),
        )


def adagrad_update(
    params: Row,
    grad: Row,
    total: Row,
    step: int,
    learning_rate: Number = 1e-2,
    rate_decay: Number = 0.0,
    epsilon: Number = 1e-10,
) -> None:
    """Take one step of Adagrad in place.

    ::

        s <- s + g^2
        p <- p - eta / (1 + (step - 1) rate_decay) g / (sqrt(s) + epsilon)

    References
    ----------
    J. Duchi, E. Hazan and Y. Singer, "Adaptive Subgradient Methods for Online Learning and
    Stochastic Optimization", JMLR 12, 2011, Figure 1.

    Examples
    --------
    >>> params, total = [1.0], [0.0]
    >>> adagrad_update(params, [2.0], total, step=1, learning_rate=0.5)
    >>> total, round(params[0], 6)
    ([4.0], 0.5)
    """
    rate = learning_rate / (1 + (step - 1) * rate_decay)
    for i, g in enumerate(grad):
        total[i] = total[i] + g * g
        params[i] = params[i] - rate * g / (sqrt(total[i]) + epsilon)


class Adagrad(Optimizer):
    """Adagrad; the formulas are those of adagrad_update.

    Parameters
    ----------
    learning_rate, rate_decay, initial_accumulator : numbers >= 0
    epsilon : number > 0
    shaping
        As in Optimizer.

    Examples
    --------
    >>> Adagrad().learning_rate
    0.01
    """

    def __init__(
        self,
        learning_rate: Number = 1e-2,
        rate_decay: Number = 0.0,
        epsilon: Number = 1e-10,
        initial_accumulator: Number = 0.0,
        **shaping: Unpack[DecayAndShaping],
    ) -> None:
        self.rate_decay = checks.bounded("rate_decay", rate_decay)
        self.epsilon = checks.positive("epsilon", epsilon)
        self.initial_accumulator = checks.bounded("initial_accumulator", initial_accumulator)
        super().__init__(learning_rate, shaping)

    def _vectors(self) -> list[str]:
        return ["total"]

    def _begin(self, name: str, number: checks.NumberType) -> Number:
        return number(self.initial_accumulator)

    def _rule(self, params: Row, grad: Row, number: checks.NumberType) -> None:
        adagrad_update(
            params,
            grad,
            self._state["total"],
            self._step,
            number(self.learning_rate),
            number(self.rate_decay),
            number(self.epsilon),
        )


def adadelta_update(
    params: Row,
    grad: Row,
    v: Row,
    moved: Row,
    learning_rate: Number = 1.0,
    rho: Number = 0.9,
    epsilon: Number = 1e-6,
) -> None:
    """Take one step of Adadelta in place.

    ::

        v <- rho v + (1 - rho) g^2
        d = sqrt(u + epsilon) / sqrt(v + epsilon) g     in the units of p
        u <- rho u + (1 - rho) d^2
        p <- p - eta d

    References
    ----------
    M. D. Zeiler, "ADADELTA: An Adaptive Learning Rate Method", arXiv:1212.5701, 2012, Algorithm 1.

    Examples
    --------
    >>> params, v, moved = [1.0], [0.0], [0.0]
    >>> adadelta_update(params, [2.0], v, moved, rho=0.75, epsilon=0.25)
    >>> v, round(params[0], 6)
    ([1.0], 0.105573)
    """
    for i, g in enumerate(grad):
        v[i] = rho * v[i] + (1 - rho) * g * g
        step = sqrt(moved[i] + epsilon) / sqrt(v[i] + epsilon) * g
        moved[i] = rho * moved[i] + (1 - rho) * step * step
        params[i] = params[i] - learning_rate * step


class Adadelta(Optimizer):
    """Adadelta; the formulas are those of adadelta_update.

    Parameters
    ----------
    learning_rate : number >= 0
    rho : number in [0, 1)
    epsilon : number > 0
    shaping
        As in Optimizer.

    Examples
    --------
    >>> Adadelta().rho
    0.9
    """

    def __init__(
        self,
        learning_rate: Number = 1.0,
        rho: Number = 0.9,
        epsilon: Number = 1e-6,
        **shaping: Unpack[DecayAndShaping],
    ) -> None:
        self.rho = checks.bounded("rho", rho, below=1)
        self.epsilon = checks.positive("epsilon", epsilon)
        super().__init__(learning_rate, shaping)

    def _vectors(self) -> list[str]:
        return ["v", "moved"]

    def _rule(self, params: Row, grad: Row, number: checks.NumberType) -> None:
        adadelta_update(
            params,
            grad,
            self._state["v"],
            self._state["moved"],
            number(self.learning_rate),
            number(self.rho),
            number(self.epsilon),
        )


def lion_update(
    params: Row,
    grad: Row,
    m: Row,
    learning_rate: Number = 1e-4,
    beta1: Number = 0.9,
    beta2: Number = 0.99,
) -> None:
    """Take one step of Lion in place.

    ::

        p <- p - eta sign(beta1 m + (1 - beta1) g)
        m <- beta2 m + (1 - beta2) g

    References
    ----------
    X. Chen et al., "Symbolic Discovery of Optimization Algorithms", NeurIPS 2023, Algorithm 2.

    Examples
    --------
    >>> params, m = [1.0, 1.0], [0.0, 0.0]
    >>> lion_update(params, [4.0, -0.1], m, learning_rate=0.5)
    >>> params
    [0.5, 1.5]
    """
    for i, g in enumerate(grad):
        params[i] = params[i] - learning_rate * sign(beta1 * m[i] + (1 - beta1) * g)
        m[i] = beta2 * m[i] + (1 - beta2) * g


class Lion(Optimizer):
    """Lion; the formulas are those of lion_update. Its weight decay is decoupled.

    Parameters
    ----------
    learning_rate : number >= 0
    beta1, beta2 : numbers in [0, 1)
    weight_decay : number >= 0
    shaping
        As in Optimizer.

    Examples
    --------
    >>> Lion().beta2
    0.99
    """

    decoupled = True

    def __init__(
        self,
        learning_rate: Number = 1e-4,
        beta1: Number = 0.9,
        beta2: Number = 0.99,
        **shaping: Unpack[DecayAndShaping],
    ) -> None:
        self.beta1 = checks.bounded("beta1", beta1, below=1)
        self.beta2 = checks.bounded("beta2", beta2, below=1)
        super().__init__(learning_rate, shaping)

    def _vectors(self) -> list[str]:
        return ["m"]

    def _rule(self, params: Row, grad: Row, number: checks.NumberType) -> None:
        lion_update(
            params,
            grad,
            self._state["m"],
            number(self.learning_rate),
            number(self.beta1),
            number(self.beta2),
        )
