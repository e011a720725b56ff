"""What all optimizers share.

What an optimizer remembers from step to step belongs to one network.
"""

from collections.abc import Mapping
from typing import Any, TypedDict

from .. import checks
from ..scalars import Number, Row, add_up, sign, sqrt


class Shaping(TypedDict, total=False):
    """What every optimizer can do to a gradient and to the parameters; all off at 0."""

    l1: Number
    clip_value: Number
    clip_norm: Number
    ema: Number


class DecayAndShaping(Shaping, total=False):
    """The same with weight decay, for optimizers that do not name it among their own."""

    weight_decay: Number


class Optimizer:
    """What all optimizers share: the gradient is shaped, the rule takes its step.

    ::

        g <- g min(1, clip_norm / (||g|| + 1e-6))       the whole gradient not too long
        g <- max(min(g, clip_value), -clip_value)       no entry too large
        g <- g + weight_decay p + l1 sign(p)            gradients of the penalties on p
        average <- ema average + (1 - ema) p            after the step; p itself at first

    Decoupled weight decay is no part of g: p <- p - eta weight_decay p before the step.

    Parameters
    ----------
    learning_rate : number >= 0
    shaping : weight_decay, l1, clip_value, clip_norm, all >= 0, and ema in [0, 1)
    """

    # Whether weight decay is taken off the parameters, and whether a step needs all rows.
    decoupled = False
    full_batch = False

    def __init__(self, learning_rate: Number, shaping: Mapping[str, Any]) -> None:
        unknown = sorted(set(shaping) - set(DecayAndShaping.__annotations__))
        if unknown:
            raise TypeError(f"{type(self).__name__} has no argument {unknown[0]!r}")
        self.learning_rate = checks.bounded("learning_rate", learning_rate)
        self.weight_decay = checks.bounded("weight_decay", shaping.get("weight_decay", 0.0))
        self.l1 = checks.bounded("l1", shaping.get("l1", 0.0))
        self.clip_value = checks.bounded("clip_value", shaping.get("clip_value", 0.0))
        self.clip_norm = checks.bounded("clip_norm", shaping.get("clip_norm", 0.0))
        self.ema = checks.bounded("ema", shaping.get("ema", 0.0), below=1)
        self.reset()

    def reset(self) -> None:
        """Forget the state and the network it belongs to."""
        self._owner: object = None
        self._step = 0
        self._state: dict[str, Row] = {}

    @property
    def average(self) -> Row:
        """Moving average of the parameters, a new list; needs ema above 0."""
        if "average" not in self._state:
            raise ValueError("average must be asked of an optimizer with ema that has taken a step")
        return list(self._state["average"])

    def _claim(self, owner: object) -> None:
        if self._owner is not None and self._owner is not owner:
            raise ValueError(
                "optimizer must be used with one network, got another one "
                "(call optimizer.reset() to begin anew)"
            )
        self._owner = owner

    def _saved(self) -> dict[str, Any]:
        state = {name: list(values) for name, values in self._state.items()}
        return {**vars(self), "_state": state}

    def _restore(self, saved: dict[str, Any]) -> None:
        vars(self).update(saved)

    def _vectors(self) -> list[str]:
        """Name the lists that the rule remembers."""
        return []

    def _begin(self, name: str, number: checks.NumberType) -> Number:
        """Return what a remembered list is filled with before the first step."""
        return number(0)

    def _rule(self, params: Row, grad: Row, number: checks.NumberType) -> None:
        # The hyperparameters take the number type of the network, so exact numbers stay exact.
        raise NotImplementedError

    def _update(
        self, params: Row, grad: Row, number: checks.NumberType, learned: list[int]
    ) -> None:
        """Take a step with the parameters at the places `learned`; the others stay."""
        for name in self._vectors():
            if name not in self._state:
                self._state[name] = [self._begin(name, number)] * len(params)
        if self.ema:
            # What does not learn is its own average.
            average = self._state.get("average", list(params))
            self._state["average"] = list(params)
            for i in learned:
                self._state["average"][i] = average[i]
        whole, self._state = self._state, _taken(self._state, learned)
        values = [params[i] for i in learned]
        self._take_step(values, [grad[i] for i in learned], number)
        _put(params, learned, values)
        for name, state in self._state.items():
            _put(whole[name], learned, state)
        self._state = whole

    def _take_step(self, params: Row, grad: Row, number: checks.NumberType) -> None:
        self._step += 1
        shaped = self._shaped(params, grad, number)
        if self.decoupled and self.weight_decay:
            rate = number(self.learning_rate) * number(self.weight_decay)
            params[:] = [p - rate * p for p in params]
        self._rule(params, shaped, number)
        if self.ema:
            d = number(self.ema)
            last = self._state["average"] if self._step > 1 else params
            pairs = zip(last, params, strict=True)
            self._state["average"] = [d * mean + (1 - d) * p for mean, p in pairs]

    def _shaped(self, params: Row, grad: Row, number: checks.NumberType) -> Row:
        # What is switched off is left out, not multiplied by 0.0: a Fraction stays one.
        g = list(grad)
        if self.clip_norm:
            norm = sqrt(add_up(g_i * g_i for g_i in g))
            scale = min(1, number(self.clip_norm) / (norm + number(1e-6)))
            g = [scale * g_i for g_i in g]
        if self.clip_value:
            most = number(self.clip_value)
            g = [max(min(g_i, most), -most) for g_i in g]
        if self.weight_decay and not self.decoupled:
            g = [g_i + number(self.weight_decay) * p for g_i, p in zip(g, params, strict=True)]
        if self.l1:
            g = [g_i + number(self.l1) * sign(p) for g_i, p in zip(g, params, strict=True)]
        return g


def _taken(state: dict[str, Row], places: list[int]) -> dict[str, Row]:
    return {name: [values[i] for i in places] for name, values in state.items()}


def _put(target: Row, places: list[int], values: Row) -> None:
    for i, value in zip(places, values, strict=True):
        target[i] = value
