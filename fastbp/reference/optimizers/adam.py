"""Adam: steps scaled by running means of the gradient and of its square."""

from typing import Unpack

from .. import checks
from ..scalars import Number, Row, sqrt
from .optimizer import DecayAndShaping, Optimizer, Shaping


def adam_update(
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
    """Take one step of Adam in place.

    With running means of the gradient and of its square::

        m <- beta1 m + (1 - beta1) g            m_hat = m / (1 - beta1^step)
        v <- beta2 v + (1 - beta2) g^2          v_hat = v / (1 - beta2^step)
        p <- p - eta m_hat / (sqrt(v_hat) + epsilon)

    m and v begin at 0 and would be too small for a while; the hats divide by exactly the weight
    the gradients have in them so far.

    Parameters
    ----------
    params, grad : lists (n_params,)
        params is changed in place.
    m, v : lists (n_params,)
        Changed in place; zeros before the first step.
    step : int
        Number of this step, from 1.
    learning_rate : number
        eta.
    beta1, beta2, epsilon : numbers

    References
    ----------
    D. P. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, Algorithm 1.

    Examples
    --------
    >>> params, m, v = [1.0], [0.0], [0.0]
    >>> adam_update(params, [4.0], m, v, step=1, learning_rate=0.5)
    >>> round(params[0], 6)
    0.5
    """
    for i, g in enumerate(grad):
        m[i] = beta1 * m[i] + (1 - beta1) * g
        v[i] = beta2 * v[i] + (1 - beta2) * g * g
        m_hat = m[i] / (1 - beta1**step)
        v_hat = v[i] / (1 - beta2**step)
        params[i] = params[i] - learning_rate * m_hat / (sqrt(v_hat) + epsilon)


class Adam(Optimizer):
    """Adam; the formulas are those of adam_update.

    Parameters
    ----------
    learning_rate : number >= 0
    beta1, beta2 : numbers in [0, 1)
    epsilon : number > 0
    shaping
        As in Optimizer.

    Examples
    --------
    >>> Adam().learning_rate
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
        adam_update(
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


class AdamW(Adam):
    """Adam with decoupled weight decay.

    Parameters
    ----------
    learning_rate : number >= 0
    beta1, beta2 : numbers in [0, 1)
    epsilon : number > 0
    weight_decay : number >= 0
    shaping
        As in Optimizer.

    References
    ----------
    I. Loshchilov and F. Hutter, "Decoupled Weight Decay Regularization", ICLR 2019, Algorithm 2.

    Examples
    --------
    >>> AdamW().weight_decay
    0.01
    """

    decoupled = True

    def __init__(
        self,
        learning_rate: Number = 1e-3,
        beta1: Number = 0.9,
        beta2: Number = 0.999,
        epsilon: Number = 1e-8,
        weight_decay: Number = 1e-2,
        **shaping: Unpack[Shaping],
    ) -> None:
        super().__init__(learning_rate, beta1, beta2, epsilon, weight_decay=weight_decay, **shaping)
