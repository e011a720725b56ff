"""Gradient descent with one step size for all parameters, or one of its own for each.

A rule is a function on flat lists that changes params in place; its class keeps what it remembers.
"""

from typing import Unpack

from .. import checks
from ..scalars import Number, Row, sign
from .optimizer import DecayAndShaping, Optimizer, Shaping


def sgd_update(
    params: Row,
    grad: Row,
    velocity: Row | None,
    learning_rate: Number = 1e-3,
    momentum: Number = 0.0,
    nesterov: bool = False,
    weight_decay: Number = 0.0,
) -> None:
    """Take one step of gradient descent in place: p <- p - eta g.

    With momentum mu and weight decay::

        g <- g + weight_decay p
        v <- mu v + g
        p <- p - eta v                  momentum
        p <- p - eta (g + mu v)         Nesterov: look ahead along the velocity

    Parameters
    ----------
    params, grad : lists (n_params,)
        params is changed in place.
    velocity : list (n_params,) or None
        v, changed in place; zeros before the first step, so that the first v is g. None will do
        when momentum is 0.
    learning_rate : number
        eta.
    momentum : number
        mu.
    nesterov : bool
    weight_decay : number
        Adds the gradient of weight_decay / 2 * p^2 to that of the loss.

    References
    ----------
    B. T. Polyak, "Some methods of speeding up the convergence of iteration methods", USSR
    Computational Mathematics and Mathematical Physics 4(5), 1964.
    D. E. Rumelhart, G. E. Hinton and R. J. Williams, "Learning representations by
    back-propagating errors", Nature 323, 1986, equations 8 and 9.
    I. Sutskever, J. Martens, G. Dahl and G. Hinton, "On the importance of initialization and
    momentum in deep learning", ICML 2013, equations 1 to 4.

    Examples
    --------
    >>> params, velocity = [1.0], [0.0]
    >>> sgd_update(params, [2.0], velocity, learning_rate=0.25, momentum=0.5)
    >>> sgd_update(params, [2.0], velocity, learning_rate=0.25, momentum=0.5)
    >>> params, velocity
    ([-0.25], [3.0])
    """
    if momentum and velocity is None:
        raise ValueError("velocity must be a list where momentum is above 0, got None")
    for i, p in enumerate(params):
        g = grad[i]
        # A term that is switched off is left out, not multiplied by 0.0: a Fraction stays one.
        if weight_decay:
            g = g + weight_decay * p
        if velocity is not None:
            velocity[i] = momentum * velocity[i] + g if momentum else g
        if momentum and velocity is not None:
            g = g + momentum * velocity[i] if nesterov else velocity[i]
        params[i] = p - learning_rate * g


class SGD(Optimizer):
    """Gradient descent, with momentum if wanted; the formulas are those of sgd_update.

    Parameters
    ----------
    learning_rate, momentum, weight_decay : numbers >= 0
    nesterov : bool
        Needs a momentum, and no dampening.
    dampening : number in [0, 1)
        The part of every later gradient that does not enter the velocity.
    shaping
        As in Optimizer.

    Examples
    --------
    >>> SGD(0.1, momentum=0.9).momentum
    0.9
    """

    def __init__(
        self,
        learning_rate: Number = 1e-3,
        momentum: Number = 0.0,
        nesterov: bool = False,
        weight_decay: Number = 0.0,
        dampening: Number = 0.0,
        **shaping: Unpack[Shaping],
    ) -> None:
        self.momentum = checks.bounded("momentum", momentum)
        self.nesterov = nesterov
        self.dampening = checks.bounded("dampening", dampening, below=1)
        if nesterov and not momentum:
            raise ValueError(f"nesterov must come with momentum above 0, got momentum {momentum}")
        if nesterov and dampening:
            raise ValueError(f"nesterov must come without dampening, got dampening {dampening}")
        super().__init__(learning_rate, {**shaping, "weight_decay": weight_decay})

    def _vectors(self) -> list[str]:
        return ["velocity"] if self.momentum else []

    def _rule(self, params: Row, grad: Row, number: checks.NumberType) -> None:
        if self.dampening and self.momentum and self._step > 1:
            grad = [(1 - number(self.dampening)) * g for g in grad]
        sgd_update(
            params,
            grad,
            self._state.get("velocity"),
            number(self.learning_rate),
            number(self.momentum),
            self.nesterov,
        )


def rprop_update(
    params: Row,
    grad: Row,
    before: Row,
    size: Row,
    shrink: Number = 0.5,
    grow: Number = 1.2,
    least: Number = 1e-6,
    most: Number = 50.0,
) -> None:
    """Take one step of Rprop in place.

    The size of a parameter's step grows while its gradient keeps its sign. Where the sign has
    changed, a minimum was jumped over: the size shrinks, this step is left out, and the next
    gradient is not compared with this one.

    Parameters
    ----------
    params, grad : lists (n_params,)
    before : list (n_params,)
        The gradient of the step before, changed in place; zeros at first.
    size : list (n_params,)
        Changed in place; the learning rate at first.
    shrink, grow, least, most : numbers

    References
    ----------
    M. Riedmiller and H. Braun, "A Direct Adaptive Method for Faster Backpropagation Learning: The
    RPROP Algorithm", ICNN 1993, section II.
    C. Igel and M. Huesken, "Empirical Evaluation of the Improved Rprop Learning Algorithms",
    Neurocomputing 50, 2003 (iRprop-).

    Examples
    --------
    >>> params, before, size = [1.0, 1.0], [3.0, 3.0], [0.5, 0.5]
    >>> rprop_update(params, [1.0, -1.0], before, size, grow=1.5)
    >>> params, before, size
    ([0.25, 1.0], [1.0, 0], [0.75, 0.25])
    """
    for i, g in enumerate(grad):
        change = sign(before[i] * g)
        if change:
            size[i] = size[i] * (grow if change > 0 else shrink)
        size[i] = min(max(size[i], least), most)
        before[i] = 0 if change < 0 else g
        params[i] = params[i] - sign(before[i]) * size[i]


class Rprop(Optimizer):
    """Rprop; the formulas are those of rprop_update. Every step needs all rows.

    Parameters
    ----------
    learning_rate : number >= 0
        The first size of every step.
    shrink : number in (0, 1)
    grow : number > 1
    least, most : numbers > 0
    shaping
        As in Optimizer.

    Examples
    --------
    >>> Rprop().grow
    1.2
    """

    full_batch = True

    def __init__(
        self,
        learning_rate: Number = 1e-2,
        shrink: Number = 0.5,
        grow: Number = 1.2,
        least: Number = 1e-6,
        most: Number = 50.0,
        **shaping: Unpack[DecayAndShaping],
    ) -> None:
        self.shrink = checks.bounded("shrink", shrink, below=1)
        self.grow = checks.positive("grow", grow)
        self.least = checks.positive("least", least)
        self.most = checks.positive("most", most)
        if not (shrink > 0 and grow > 1 and least <= most):
            raise ValueError(
                "shrink, grow, least and most must be 0 < shrink < 1 < grow and least <= most, "
                f"got {shrink}, {grow}, {least}, {most}"
            )
        super().__init__(learning_rate, shaping)

    def _vectors(self) -> list[str]:
        return ["before", "size"]

    def _begin(self, name: str, number: checks.NumberType) -> Number:
        return number(self.learning_rate if name == "size" else 0)

    def _rule(self, params: Row, grad: Row, number: checks.NumberType) -> None:
        rprop_update(
            params,
            grad,
            self._state["before"],
            self._state["size"],
            number(self.shrink),
            number(self.grow),
            number(self.least),
            number(self.most),
        )
