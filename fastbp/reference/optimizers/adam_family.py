"""Rules that change one thing about Adam."""

from typing import Unpack

from .. import checks
from ..scalars import Number, Row, real, sqrt
from .optimizer import DecayAndShaping, Optimizer


def adamax_update(
    params: Row,
    grad: Row,
    m: Row,
    u: Row,
    step: int,
    learning_rate: Number = 2e-3,
    beta1: Number = 0.9,
    beta2: Number = 0.999,
    epsilon: Number = 1e-8,
) -> None:
    """Take one step of Adamax in place.

    ::

        m <- beta1 m + (1 - beta1) g
        u <- max(beta2 u, |g| + epsilon)
        p <- p - eta / (1 - beta1^step) m / u

    References
    ----------
    D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, Algorithm 2.

    Examples
    --------
    >>> params, m, u = [1.0], [0.0], [0.0]
    >>> adamax_update(params, [4.0], m, u, step=1, learning_rate=0.5)
    >>> round(params[0], 6)
    0.5
    """
    for i, g in enumerate(grad):
        m[i] = beta1 * m[i] + (1 - beta1) * g
        u[i] = max(beta2 * u[i], abs(g) + epsilon)
        params[i] = params[i] - learning_rate / (1 - beta1**step) * m[i] / u[i]


class Adamax(Optimizer):
    """Adamax; the formulas are those of adamax_update.

    Parameters
    ----------
    learning_rate : number >= 0
    beta1, beta2 : numbers in [0, 1)
    epsilon : number > 0
    shaping
        As in Optimizer.

    Examples
    --------
    >>> Adamax().learning_rate
    0.002
    """

    def __init__(
        self,
        learning_rate: Number = 2e-3,
        beta1: Number = 0.9,
        beta2: Number = 0.999,
        epsilon: Number = 1e-8,
        **shaping: Unpack[DecayAndShaping],
    ) -> None:
        self.beta1 = checks.bounded("beta1", beta1, below=1)
        self.beta2 = checks.bounded("beta2", beta2, below=1)
        self.epsilon = checks.positive("epsilon", epsilon)
        super().__init__(learning_rate, shaping)

    def _vectors(self) -> list[str]:
        return ["m", "u"]

    def _rule(self, params: Row, grad: Row, number: checks.NumberType) -> None:
        adamax_update(
            params,
            grad,
            self._state["m"],
            self._state["u"],
            self._step,
            number(self.learning_rate),
            number(self.beta1),
            number(self.beta2),
            number(self.epsilon),
        )


def nadam_update(
    params: Row,
    grad: Row,
    m: Row,
    v: Row,
    step: int,
    product: Number,
    learning_rate: Number = 2e-3,
    beta1: Number = 0.9,
    beta2: Number = 0.999,
    epsilon: Number = 1e-8,
    momentum_decay: Number = 4e-3,
) -> Number:
    """Take one step of NAdam in place and return the product of the momenta so far.

    Momentum grows from beta1 / 2 towards beta1, mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2).
    With M_t = mu_1 ... mu_t and Adam's m, v and v_hat::

        p <- p - eta ((1 - mu_t) / (1 - M_t) g + mu_(t+1) / (1 - M_(t+1)) m) / (sqrt(v_hat) + eps)

    Adam with m replaced by what Nesterov's momentum would look ahead to.

    Parameters
    ----------
    params, grad : lists (n_params,)
    m, v : lists (n_params,)
    step : int
        Number t of this step, from 1.
    product : number
        M_(t-1), 1 before the first step.
    learning_rate, beta1, beta2, epsilon, momentum_decay : numbers

    Returns
    -------
    M_t : number

    References
    ----------
    T. Dozat, "Incorporating Nesterov Momentum into Adam", ICLR 2016 workshop, Algorithm 2.

    Examples
    --------
    >>> params, m, v = [1.0], [0.0], [0.0]
    >>> product = nadam_update(params, [4.0], m, v, step=1, product=1.0, learning_rate=0.5)
    >>> round(product, 6), round(params[0], 6)
    (0.450073, 0.471774)
    """

    def mu(t: int) -> Number:
        return beta1 * (1 - 0.96 ** (t * momentum_decay) / 2)

    product = product * mu(step)
    for i, g in enumerate(grad):
        m[i] = beta1 * m[i] + (1 - beta1) * g
        v[i] = beta2 * v[i] + (1 - beta2) * g * g
        root = sqrt(v[i] / (1 - beta2**step)) + epsilon
        now = (1 - mu(step)) / (1 - product) * g
        ahead = mu(step + 1) / (1 - product * mu(step + 1)) * m[i]
        params[i] = params[i] - learning_rate * (now + ahead) / root
    return product


class NAdam(Optimizer):
    """NAdam; the formulas are those of nadam_update.

    Parameters
    ----------
    learning_rate : number >= 0
    beta1, beta2 : numbers in [0, 1)
    epsilon : number > 0
    momentum_decay : number >= 0
    shaping
        As in Optimizer.

    Examples
    --------
    >>> NAdam().learning_rate
    0.002
    """

    def __init__(
        self,
        learning_rate: Number = 2e-3,
        beta1: Number = 0.9,
        beta2: Number = 0.999,
        epsilon: Number = 1e-8,
        momentum_decay: Number = 4e-3,
        **shaping: Unpack[DecayAndShaping],
    ) -> None:
        self.beta1 = checks.bounded("beta1", beta1, below=1)
        self.beta2 = checks.bounded("beta2", beta2, below=1)
        self.epsilon = checks.positive("epsilon", epsilon)
        self.momentum_decay = checks.bounded("momentum_decay", momentum_decay)
        super().__init__(learning_rate, shaping)

    def _vectors(self) -> list[str]:
        return ["m", "v"]

    def _rule(self, params: Row, grad: Row, number: checks.NumberType) -> None:
        if self._step == 1:
            self._product = number(1)
        self._product = nadam_update(
            params,
            grad,
            self._state["m"],
            self._state["v"],
            self._step,
            self._product,
            number(self.learning_rate),
            number(self.beta1),
            number(self.beta2),
            number(self.epsilon),
            number(self.momentum_decay),
        )


def radam_update(
    params: Row,
    grad: Row,
    m: Row,
    v: Row,
    step: int,
    learning_rate: Number = 1e-3,
    beta1: Number = 0.9,
    beta2: Number = 0.999,
    epsilon: Number = 1e-8,
) -> None:
    """Take one step of RAdam in place.

    The variance of 1 / sqrt(v_hat) is large while few gradients are in v. How many there are is
    told by rho_t, and r_t makes up for it; while rho_t <= 5 nothing is divided by v::

        rho = 2 / (1 - beta2) - 1            rho_t = rho - 2 t beta2^t / (1 - beta2^t)
        r_t^2 = (rho_t - 4) (rho_t - 2) rho / ((rho - 4) (rho - 2) rho_t)
        p <- p - eta r_t m_hat sqrt(1 - beta2^t) / (sqrt(v) + epsilon)      or p - eta m_hat

    References
    ----------
    L. Liu, H. Jiang, P. He, W. Chen, X. Liu, J. Gao and J. Han, "On the Variance of the Adaptive
    Learning Rate and Beyond", ICLR 2020, Algorithm 2.

    Examples
    --------
    >>> params, m, v = [1.0], [0.0], [0.0]
    >>> radam_update(params, [4.0], m, v, step=1, learning_rate=0.125)
    >>> round(params[0], 6)
    0.5
    """
    rho = 2 / (1 - beta2) - 1
    weight = 1 - beta2**step
    rho_t = rho - 2 * step * beta2**step / weight
    for i, g in enumerate(grad):
        m[i] = beta1 * m[i] + (1 - beta1) * g
        v[i] = beta2 * v[i] + (1 - beta2) * g * g
        m_hat = m[i] / (1 - beta1**step)
        if real(rho_t) > 5:
            r = sqrt((rho_t - 4) * (rho_t - 2) * rho / ((rho - 4) * (rho - 2) * rho_t))
            params[i] = params[i] - learning_rate * r * m_hat * sqrt(weight) / (
                sqrt(v[i]) + epsilon
            )
        else:
            params[i] = params[i] - learning_rate * m_hat


class RAdam(Optimizer):
    """RAdam; the formulas are those of radam_update.

    Parameters
    ----------
    learning_rate : number >= 0
    beta1, beta2 : numbers in [0, 1)
    epsilon : number > 0
    shaping
        As in Optimizer.

    Examples
    --------
    >>> RAdam().learning_rate
    0.001
    """

    def __init__(
        self,
        learning_rate: Number = 1e-3,
        beta1: Number = 0.9,
        beta2: Number = 0.999,
        epsilon: Number = 1e-8,
        **shaping: Unpack[DecayAndShaping],
    ) -> None:
        self.beta1 = checks.bounded("beta1", beta1, below=1)
        self.beta2 = checks.bounded("beta2", beta2, below=1)
        self.epsilon = checks.positive("epsilon", epsilon)
        super().__init__(learning_rate, shaping)

    def _vectors(self) -> list[str]:
        return ["m", "v"]

    def _rule(self, params: Row, grad: Row, number: checks.NumberType) -> None:
        radam_update(
            params,
            grad,
            self._state["m"],
            self._state["v"],
            self._step,
            number(self.learning_rate),
            number(self.beta1),
            number(self.beta2),
            number(self.epsilon),
        )
