"""What every optimizer is: the settings of an update rule and its state for one network.

The rules themselves are compiled (src_pyx/fastbp/rules.pxd), and so is what all of them share: how
a gradient is shaped before a rule sees it (src_pyx/fastbp/update.pxd).
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict

import numpy as np

from fastbp import checks, claims
from fastbp._compiled import engine
from fastbp.checks import Array
from fastbp.memory import clear

# Places of the settings in `hyper`: those of every optimizer, then its own.
PLACES = engine.SETTING_PLACES
DECOUPLED_DECAY, OWN = PLACES["decoupled_decay"], PLACES["own"]


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


class Shaping(TypedDict, total=False):
    """Arguments that every optimizer takes, all off at 0; see `Optimizer`."""

    l1: float
    clip_value: float
    clip_norm: float
    ema: float


class DecayAndShaping(Shaping, total=False):
    """The same with weight decay, for optimizers that do not name it among their own."""

    weight_decay: float


class Optimizer:
    """Settings and state of an update rule.

    Every optimizer takes these keyword arguments, each off at 0. The gradient g of a batch is
    clipped first and then given its penalties:

        g <- g min(1, clip_norm / (||g|| + 1e-6));  g <- max(min(g, clip_value), -clip_value);
        g <- g + weight_decay p + l1 sign(p)

    Parameters
    ----------
    learning_rate : float
        eta, at least 0.
    weight_decay : float
        lambda of the penalty lambda/2 ||p||^2, at least 0; AdamW and Lion take it off the
        parameters themselves instead: p <- p - eta lambda p.
    l1 : float
        Factor of the penalty ||p||_1, at least 0.
    clip_value, clip_norm : float
        Largest |g_i|, and largest 2-norm of g over all parameters, above 0. The norm is known when
        the last gradient is: with clip_norm the updates follow the backward pass.
    ema : float
        Keep an exponential moving average of the parameters with this decay, in [0, 1); see
        `average`.

    References
    ----------
    I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR 2019, Algorithm 2.
    R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent neural networks",
    ICML 2013, Algorithm 1, for clip_norm.
    B. T. Polyak, A. B. Juditsky, "Acceleration of stochastic approximation by averaging", SIAM
    Journal on Control and Optimization 30(4), 1992, for averaging.
    """

    # `hyper`: the settings, float64, learning rate first. State: `slots` (n_slots, n_params) of the
    # network's dtype and `clock`, float64; see update.pxd for both.
    rule: str
    # Vectors of the rule itself, and whether it needs all rows in every step.
    rule_slots = 0
    full_batch = False
    learning_rate = Setting(PLACES["learning_rate"], not_negative)
    weight_decay = Setting(PLACES["weight_decay"], not_negative)
    l1 = Setting(PLACES["l1"], not_negative)
    clip_value = Setting(PLACES["clip_value"], not_negative)
    clip_norm = Setting(PLACES["clip_norm"], not_negative)
    ema = Setting(PLACES["ema"], decay)
    slots: Array
    _owner: weakref.ref[object] | None
    _params: Array
    _running: Sequence[slice]

    def __init__(self, shaping: Mapping[str, Any], **settings: float) -> None:
        given = {**settings, **shaping}
        known = self._settings()
        for name in given:
            if name not in known:
                raise TypeError(
                    f"{type(self).__name__} must have arguments among {', '.join(sorted(known))}, "
                    f"got {name!r}"
                )
        self.hyper: Array = np.zeros(1 + max(OWN - 1, *(place.index for place in known.values())))
        for name, value in given.items():
            setattr(self, name, value)
        self.clock: Array = np.zeros(engine.CLOCK_LENGTH)
        self.reset()

    @property
    def n_slots(self) -> int:
        """Number of state vectors: those of the rule, and the moving average."""
        return self.rule_slots + int(self.ema > 0)

    @property
    def steps(self) -> int:
        """Number of updates taken since the state began."""
        return int(self.clock[0])

    @property
    def average(self) -> Array:
        """The moving average of the parameters, (n_params,), a copy; needs `ema` above 0.

        Examples
        --------
        >>> import fastbp as fb
        >>> net, optimizer = fb.mlp([1, 1]), fb.SGD(0.1, ema=0.99)
        >>> history = net.fit([[1.0], [2.0]], [1.0, 2.0], optimizer, epochs=20)
        >>> net.params = optimizer.average
        """
        if self.ema == 0 or self.steps == 0:
            raise ValueError(
                f"average must be asked of an optimizer with ema above 0 that has taken a step, "
                f"got ema {self.ema:g} after {self.steps} steps"
            )
        average: Array = self.slots[-1].copy()
        for part in self._running:
            average[part] = self._params[part]
        return average

    def bind(self, owner: object, params: Array, running: Sequence[slice] = ()) -> None:
        """Take on a network: make the state on first use, refuse another network's state.

        `running`: the parts of params that are means over batches already, their own average.
        """
        if self._owner is not None and self._owner() is not owner:
            raise ValueError(
                "optimizer must be new or reset for another network, got one that carries the "
                f"state of its first network after {self.steps} steps; call optimizer.reset() or "
                "make a new one"
            )
        shape = (self.n_slots, params.size)
        if self.slots.shape != shape:
            # Written at once: pages that come in the middle of an update would make it long.
            slots = np.empty(shape, params.dtype)
            clear(slots.reshape(-1))
            self._begin(slots)
            if self.ema > 0:
                # What is frozen stays at this.
                slots[-1] = params
            self.slots = slots
        self._owner = self._owner or weakref.ref(owner)
        self._params, self._running = params, running

    def check_slots(self) -> None:
        """Refuse settings that want other state than there is: kernels write where it should be."""
        if self.n_slots != len(self.slots):
            raise ValueError(
                "settings of an optimizer must keep its number of state vectors during a fit "
                f"({len(self.slots)}), got {self!r} with {self.n_slots}; change them between fits"
            )

    def check_state(self, hyper: Array, clock: Array, slots: Array) -> None:
        """Refuse settings and state that no optimizer of this kind, so bound, comes to.

        Raises
        ------
        ValueError
            A part has another shape or type, a setting is out of range, or the clock of steps is.
        """
        parts = {"hyper": hyper, "clock": clock, "slots": slots}
        for name, found in parts.items():
            own = getattr(self, name)
            if found.shape != own.shape or found.dtype != own.dtype:
                raise ValueError(
                    f"{name} of {type(self).__name__} must have shape {own.shape} and dtype "
                    f"{own.dtype}, got {found.shape} and {found.dtype}"
                )
        if not (np.isfinite(hyper).all() and np.isfinite(clock).all()):
            raise ValueError(f"hyper and clock of {type(self).__name__} must be finite")
        if not (0 <= clock[0] < 2**53 and clock[0] == int(clock[0])):
            raise ValueError(f"clock must begin with a number of steps, got {clock[0]}")
        other = self._with(hyper)
        if (other.hyper != hyper).any() or other.n_slots != len(slots):
            raise ValueError(f"hyper must be settings of {self!r} in a fit, got {other!r}")

    def _with(self, hyper: Array) -> Optimizer:
        """Return an optimizer of this kind with settings from a file, each checked."""
        other = type(self).__new__(type(self))
        other.hyper = self.hyper.copy()
        for setting in self._settings().values():
            value = setting.kind(float(hyper[setting.index]))
            # A schedule of the user's own may make the learning rate whatever it likes.
            if setting.index != PLACES["learning_rate"]:
                setting.check(setting.name, value)
            other.hyper[setting.index] = value
        return other

    def _begin(self, slots: Array) -> None:
        """Fill new state where it does not begin at 0."""

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
        claims.refuse("optimizer", self, "reset")
        self._owner = None
        self.slots = np.zeros((0, 0))
        self.clock[:] = 1
        self.clock[0] = 0

    @classmethod
    def _settings(cls) -> dict[str, Setting]:
        """Return every setting by its name, in the order of their places."""
        found = {
            name: value
            for kind in reversed(cls.__mro__)
            for name, value in vars(kind).items()
            if isinstance(value, Setting)
        }
        return dict(sorted(found.items(), key=lambda item: item[1].index))

    def __repr__(self) -> str:
        known = self._settings()
        own = [name for name, place in known.items() if place.index >= OWN]
        common = [name for name in known if name not in ("learning_rate", *own)]
        # Decoupled decay is not 0 unless told so.
        shown = [
            name for name in common if getattr(self, name) or known[name].index == DECOUPLED_DECAY
        ]
        named = [f"{name}={getattr(self, name)!r}" for name in ("learning_rate", *own, *shown)]
        return f"{type(self).__name__}({', '.join(named)})"

    def __getstate__(self) -> dict[str, object]:
        """Return the settings: the state belongs to one network in one process."""
        return {"hyper": self.hyper.copy()}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self.clock = np.zeros(engine.CLOCK_LENGTH)
        self.reset()
