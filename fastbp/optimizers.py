"""Optimizers: the settings of an update rule and its state for one network.

The rules themselves are compiled (src_pyx/fastbp/update.pxd). Adding an optimizer adds a class here
that names its rule, its number of slots and its settings in the rule's order.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable

import numpy as np

from fastbp import checks
from fastbp.checks import Array


class Setting:
    """An argument of an optimizer that can be read and changed: one place of its `hyper`.

    Parameters
    ----------
    index : int
        The place.
    check : callable
        Takes (name, value), returns the number to store, raises for a value out of range.
    kind : callable
        Turns the stored float into what the user reads.
    """

    def __init__(
        self,
        index: int,
        check: Callable[[str, object], float],
        kind: Callable[[float], float] = float,
    ) -> None:
        self.index = index
        self.check = check
        self.kind = kind

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, optimizer: Optimizer, owner: type | None = None) -> float:
        return self.kind(float(optimizer.hyper[self.index]))

    def __set__(self, optimizer: Optimizer, value: float) -> None:
        optimizer.hyper[self.index] = self.check(self.name, value)


def not_negative(name: str, value: object) -> float:
    """Return a finite number of at least 0."""
    return checks.number(name, value, 0)


def above_zero(name: str, value: object) -> float:
    """Return a finite number above 0."""
    return checks.number(name, value, 0, above=True)


def decay(name: str, value: object) -> float:
    """Return a number in [0, 1)."""
    return checks.number(name, value, 0, below=1)


class Optimizer:
    """Settings and state of an update rule.

    `hyper`: the settings in the order of the compiled rule, float64, learning rate first.
    State: `slots` (n_slots, n_params) of the network's dtype and `clock`, float64 (3,): steps taken
    and the running powers beta1^t and beta2^t.
    """

    rule: str
    learning_rate = Setting(0, not_negative)
    slots: Array
    _owner: weakref.ref[object] | None

    def __init__(self, **settings: float) -> None:
        self.hyper: Array = np.zeros(len(settings))
        for name, value in settings.items():
            setattr(self, name, value)
        self.clock: Array = np.zeros(3)
        self.reset()

    @property
    def n_slots(self) -> int:
        """Number of state vectors that the rule keeps."""
        raise NotImplementedError

    @property
    def steps(self) -> int:
        """Number of updates taken since the state began."""
        return int(self.clock[0])

    def bind(self, owner: object, params: Array) -> None:
        """Take on a network: make the state on first use, refuse another network's state."""
        if self._owner is None:
            self._owner = weakref.ref(owner)
        elif self._owner() is not owner:
            raise ValueError(
                "optimizer must be new or reset for another network, got one that carries the "
                f"state of its first network after {self.steps} steps; call optimizer.reset() or "
                "make a new one"
            )
        shape = (self.n_slots, params.size)
        if self.slots.shape != shape:
            self.slots = np.zeros(shape, params.dtype)

    def reset(self) -> None:
        """Forget the state and the network it belongs to.

        Examples
        --------
        >>> import fastbp as fb
        >>> net, optimizer = fb.mlp([1, 1]), fb.SGD(0.1)
        >>> loss = net.train_step([[1.0]], [0.0], optimizer)
        >>> optimizer.reset()
        >>> optimizer.steps
        0
        """
        self._owner = None
        self.slots = np.zeros((0, 0))
        self.clock[:] = 0, 1, 1

    def __getstate__(self) -> dict[str, object]:
        """Return the settings: the state belongs to one network in one process."""
        return {"hyper": self.hyper.copy()}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self.clock = np.zeros(3)
        self.reset()


class SGD(Optimizer):
    """Gradient descent, with momentum, Nesterov's correction and L2 weight decay.

    g <- g + weight_decay p;  v <- momentum v + g (the first v is g);
    p <- p - learning_rate v, or p - learning_rate (g + momentum v) with `nesterov`.

    Parameters
    ----------
    learning_rate : float
        eta, at least 0.
    momentum : float
        mu, at least 0; 0 keeps no state.
    nesterov : bool
        Look ahead along v; needs momentum above 0.
    weight_decay : float
        lambda of the penalty lambda/2 ||p||^2, at least 0.

    References
    ----------
    B. T. Polyak, "Some methods of speeding up the convergence of iteration methods", 1964, eq. 9.
    I. Sutskever, J. Martens, G. Dahl, G. Hinton, "On the importance of initialization and momentum
    in deep learning", ICML 2013, eq. 1-4 (in PyTorch's form: the step multiplies
    the whole velocity).

    Examples
    --------
    >>> import fastbp as fb
    >>> fb.SGD(0.1, momentum=0.9)
    SGD(learning_rate=0.1, momentum=0.9, nesterov=False, weight_decay=0.0)
    """

    rule = "sgd"
    momentum = Setting(1, not_negative)
    nesterov = Setting(2, checks.flag, bool)
    weight_decay = Setting(3, not_negative)

    def __init__(
        self,
        learning_rate: float = 1e-3,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        if nesterov and momentum == 0:
            raise ValueError("nesterov must come with momentum above 0, got momentum 0")
        super().__init__(
            learning_rate=learning_rate,
            momentum=momentum,
            nesterov=nesterov,
            weight_decay=weight_decay,
        )

    @property
    def n_slots(self) -> int:
        """The velocity, with momentum."""
        return int(self.momentum > 0)

    def __repr__(self) -> str:
        rate, momentum, nesterov, decay = self.hyper.tolist()
        return (
            f"SGD(learning_rate={rate:g}, momentum={momentum}, nesterov={bool(nesterov)}, "
            f"weight_decay={decay})"
        )


class Adam(Optimizer):
    """Adam: steps scaled by running means of the gradient and of its square.

    m <- beta1 m + (1 - beta1) g;  v <- beta2 v + (1 - beta2) g^2;
    p <- p - learning_rate m^ / (sqrt(v^) + epsilon), m^ = m / (1 - beta1^t), v^ = v / (1 -
    beta2^t).

    Parameters
    ----------
    learning_rate : float
        eta, at least 0.
    beta1, beta2 : float
        Decay of the two means, in [0, 1).
    epsilon : float
        Added to the root, above 0.

    References
    ----------
    D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, Algorithm 1.

    Examples
    --------
    >>> import fastbp as fb
    >>> fb.Adam(3e-4)
    Adam(learning_rate=0.0003, beta1=0.9, beta2=0.999, epsilon=1e-08)
    """

    rule = "adam"
    beta1 = Setting(1, decay)
    beta2 = Setting(2, decay)
    epsilon = Setting(3, above_zero)

    def __init__(
        self,
        learning_rate: float = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
    ) -> None:
        super().__init__(learning_rate=learning_rate, beta1=beta1, beta2=beta2, epsilon=epsilon)

    @property
    def n_slots(self) -> int:
        """The means of the gradient and of its square."""
        return 2

    def __repr__(self) -> str:
        rate, beta1, beta2, epsilon = self.hyper.tolist()
        return f"Adam(learning_rate={rate:g}, beta1={beta1}, beta2={beta2}, epsilon={epsilon:g})"


BY_NAME: dict[str, type[SGD] | type[Adam]] = {"sgd": SGD, "adam": Adam}


def as_optimizer(value: object) -> Optimizer:
    """Return an optimizer from its name or the object itself."""
    if isinstance(value, Optimizer):
        return value
    if isinstance(value, str):
        return BY_NAME[checks.choice("optimizer", value, BY_NAME)]()
    raise TypeError(
        f"optimizer must be a name or an optimizer such as fb.Adam(), got {checks.described(value)}"
    )
