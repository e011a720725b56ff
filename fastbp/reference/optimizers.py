"""Optimizers: a rule of ``updates`` with its hyperparameters and what it remembers.

What it remembers from step to step belongs to one network.
"""

from typing import Any

from . import checks
from .scalars import Number, Row
from .updates import adam_update, sgd_update


class Optimizer:
    """What all optimizers share: their state belongs to one network until reset()."""

    def __init__(self, learning_rate: Number) -> None:
        self.learning_rate = checks.bounded("learning_rate", learning_rate)
        self.reset()

    def reset(self) -> None:
        """Forget the state and the network it belongs to."""
        self._owner: object = None

    def _claim(self, owner: object) -> None:
        if self._owner is not None and self._owner is not owner:
            raise ValueError(
                "optimizer must be used with one network, got another one "
                "(call optimizer.reset() to begin anew)"
            )
        self._owner = owner

    def _saved(self) -> dict[str, Any]:
        lists = {name: list(v) for name, v in vars(self).items() if isinstance(v, list)}
        return {**vars(self), **lists}

    def _restore(self, saved: dict[str, Any]) -> None:
        vars(self).update(saved)

    def _update(self, params: Row, grad: Row, number: checks.NumberType) -> None:
        # The hyperparameters take the number type of the network, so exact numbers stay exact.
        raise NotImplementedError


class SGD(Optimizer):
    """Gradient descent, with momentum if wanted; the formulas are those of sgd_update.

    Parameters
    ----------
    learning_rate, momentum, weight_decay : numbers >= 0
    nesterov : bool
        Needs a momentum.

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
    ) -> None:
        self.momentum = checks.bounded("momentum", momentum)
        self.nesterov = nesterov
        self.weight_decay = checks.bounded("weight_decay", weight_decay)
        if nesterov and not momentum:
            raise ValueError(f"nesterov must come with momentum above 0, got momentum {momentum}")
        super().__init__(learning_rate)

    def reset(self) -> None:
        """Forget the velocity and the network it belongs to."""
        super().reset()
        self._velocity: Row | None = None

    def _update(self, params: Row, grad: Row, number: checks.NumberType) -> None:
        if self.momentum and self._velocity is None:
            self._velocity = [number(0)] * len(params)
        sgd_update(
            params,
            grad,
            self._velocity,
            number(self.learning_rate),
            number(self.momentum),
            self.nesterov,
            number(self.weight_decay),
        )


class Adam(Optimizer):
    """Adam; the formulas are those of adam_update.

    Parameters
    ----------
    learning_rate : number >= 0
    beta1, beta2 : numbers in [0, 1)
    epsilon : number > 0

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
    ) -> None:
        self.beta1 = checks.bounded("beta1", beta1, below=1)
        self.beta2 = checks.bounded("beta2", beta2, below=1)
        self.epsilon = checks.bounded("epsilon", epsilon)
        if not epsilon:
            raise ValueError(f"epsilon must be > 0, got {epsilon}")
        super().__init__(learning_rate)

    def reset(self) -> None:
        """Forget both running means, the step count and the network they belong to."""
        super().reset()
        self._m: Row = []
        self._v: Row = []
        self._step = 0

    def _update(self, params: Row, grad: Row, number: checks.NumberType) -> None:
        if not self._step:
            self._m = [number(0)] * len(params)
            self._v = [number(0)] * len(params)
        self._step += 1
        adam_update(
            params,
            grad,
            self._m,
            self._v,
            self._step,
            number(self.learning_rate),
            number(self.beta1),
            number(self.beta2),
            number(self.epsilon),
        )


# The one place that names the optimizers.
OPTIMIZERS: dict[str, type[SGD] | type[Adam]] = {"adam": Adam, "sgd": SGD}


def chosen_optimizer(optimizer: str | Optimizer) -> Optimizer:
    """Return an optimizer object as it is, or a new one for a name."""
    if isinstance(optimizer, Optimizer):
        return optimizer
    if not isinstance(optimizer, str):
        raise TypeError(f"optimizer must be a name or an optimizer object, got {optimizer!r}")
    checks.one_of("optimizer", optimizer, OPTIMIZERS)
    return OPTIMIZERS[optimizer]()
