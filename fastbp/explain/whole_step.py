"""The step as a whole by compiled code: the optimizer's rule alone, and a copy's train_step."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from fastbp.checks import Array
from fastbp.explain.working import Working
from fastbp.names import plain, split
from fastbp.optimizers import SGD, Optimizer
from fastbp.spec import LOSS_PARAMETERS

if TYPE_CHECKING:
    from fastbp.explain.agreement import Agreement

# A step's figures may be off by so many times what roundings of the parameters do to them.
AMPLIFIED = 64
# Where activations have a bend.
BENDS = {
    **{name: [0.0] for name in ("relu", "leaky_relu", "elu", "selu")},
    "hard_sigmoid": [-3.0, 3.0],
    "hard_tanh": [-1.0, 1.0],
}


class WholeStep:
    """A step of compiled code beside the twin's.

    Parameters
    ----------
    work : Working
    rows : Rows
        As for the twin.
    optimizer : Optimizer
        Of the package; it stays as it is.
    """

    def __init__(self, work: Working, rows: Any, optimizer: Optimizer) -> None:
        self.work = work
        self.rows = rows
        self.optimizer = optimizer
        self.epsilon = float(np.finfo(work.net.dtype).eps)

    def require_update(self, found: Agreement) -> None:
        """Compare new parameters with those that the compiled rule makes of the twin's gradient.

        The rule is reached through a network whose gradient is what it is given: of the loss
        |a - y| with a far above y, dL/da is 1 and dL/dw is x.
        """
        work, learned = self.work, self.work.learned
        if not learned:
            return
        before, after = np.array(work.before)[learned], np.array(work.after)[learned]
        gradient = np.array(work.gradients.flat)[learned]
        kind = type(work.net.layers[0])
        net = type(work.net)(
            len(learned), [kind(1, bias=False, init="zeros")], loss="mae", dtype="float64"
        )
        net.weights[0][0] = before
        rule = self._in_its_state(net, learned)
        below = -1 - 2 * float(np.abs(before * gradient).sum())
        net.train_step(gradient[np.newaxis], [[below]], rule)
        moved = np.abs(after - before)
        found.require("a new parameter", net.weights[0][0], after, np.abs(before) + moved)

    def _in_its_state(self, net: Any, places: list[int] | None = None) -> Optimizer:
        """Return a copy of the optimizer for another network, in the state it has."""
        rule = copy.deepcopy(self.optimizer)
        rule.bind(net, net.params, net._running)
        rule.clock[:] = self.optimizer.clock
        if self.optimizer.steps:
            slots = self.optimizer.slots
            rule.slots[...] = slots if places is None else slots[:, places]
        return rule

    def require_step(self, found: Agreement) -> None:
        """Compare loss, gradients and movement with those of train_step, in the network's dtype.

        How far roundings go in a whole step is asked of the step itself: parameters that differ by
        a rounding each are tried too. Where z is at a bend of an activation but for rounding, the
        two sides may stand on either side of it, and nothing is asked.

        Raises
        ------
        Disagreement
            They differ by more than that.
        """
        try:
            self._compare_steps(found)
        except AssertionError:
            if not is_at_a_bend(self.work):
                raise

    def _compare_steps(self, found: Agreement) -> None:
        work, net = self.work, self.work.net
        before, gradient = np.array(work.before), np.array(work.gradients.flat)
        shaken = copied(net)
        noise = np.random.default_rng(0).uniform(-1, 1, before.size).astype(net.dtype)
        shaken.params[:] *= 1 + self.epsilon * noise
        loss, own = self._movement(net, self._plain)
        shaken_loss, other = self._movement(shaken, self._plain)
        limit = AMPLIFIED * self.epsilon
        room = (AMPLIFIED * abs(loss - shaken_loss) + work.imbalance) / limit
        found.require_within("the loss", loss, work.loss, abs(work.loss) + 1 + room, limit)
        _, moved = self._movement(net, self._in_its_state)
        _, moved_too = self._movement(shaken, self._in_its_state)
        wanted = np.array(work.after) - before
        floor = _norm(gradient) + self._size_of_terms()
        for block in self._blocks():
            room = _norm(own[block] - other[block]) / self.epsilon
            size = floor + np.abs(before[block]) + room
            found.require_within("a gradient", -own[block], gradient[block], size, limit)
            # A rule may look at a sign, which rounding makes where there is nothing else.
            told = np.abs(gradient[block]) > limit * size
            room = _norm(moved[block] - moved_too[block]) / self.epsilon
            size = _norm(wanted[block]) + np.abs(before[block]) + room
            found.require_within(
                "a movement", (moved[block])[told], wanted[block][told], size[told], limit
            )
        self._compare_gradient(found)

    def _size_of_terms(self) -> float:
        """Return the size of what a gradient is made of, which may cancel to rounding alone."""
        work = self.work
        ends = max(np.abs(np.array(rows)).max() for rows in (work.layers[-1].out, work.data.y))
        return float(ends * max(1.0, *(np.abs(np.array(w.inputs)).max() for w in work.layers)))

    def _compare_gradient(self, found: Agreement) -> None:
        """Compare with `Network.gradient`, which knows no dropout and no batch."""
        layers = self.work.twin.layers
        if any(layer.dropout or (layer.norm or "").startswith("batch") for layer in layers):
            return
        _, flat, bound = self.work.net._gradient_engine(self.work.n_rows)
        bound.set_data(*self.rows)
        bound.gradient(np.empty_like(self.rows.x))
        _, own = self._movement(self.work.net, self._plain)
        before = np.array(self.work.before)[self.work.learned]
        size = np.abs(own).max() + self._size_of_terms() + np.abs(before)
        got, want = flat[self.work.learned], -own[self.work.learned]
        found.require_within("a gradient", got, want, size, AMPLIFIED * self.epsilon)

    def _blocks(self) -> list[list[int]]:
        """Return the places of each array of learned parameters in the flat vector."""
        places, learned = self.work.places, set(self.work.learned)
        parts = [
            *([flat for row in weight for flat in row] for weight in places.weights),
            *(bias or [] for bias in places.biases),
            *(part for norm in places.norms for part in norm),
        ]
        return [part for part in parts if part and part[0] in learned]

    def _plain(self, net: Any) -> Optimizer:
        """Return an optimizer that takes off the gradient itself, at the same number of steps."""
        rule = SGD(1.0)
        rule.bind(net, net.params, net._running)
        rule.clock[0] = self.optimizer.steps
        return rule

    def _movement(self, net: Any, rule_of: Callable[[Any], Optimizer]) -> tuple[float, Array]:
        """Return the loss of a copy, and how its parameters move in a step."""
        other = copied(net)
        before = other.params.astype(np.float64)
        loss: float = other._step(rule_of(other), self.rows)
        return loss, other.params.astype(np.float64) - before


def copied(net: Any) -> Any:
    """Return a copy with the same dropout, which a copy without a seed would draw anew."""
    other = copy.deepcopy(net)
    other._spec.dropout_key = net._spec.dropout_key
    return other


def _norm(values: Array) -> float:
    return float(np.sqrt((values * values).sum()))


def is_at_a_bend(work: Working) -> bool:
    """Return whether rounding decides on which side of a bend some number is."""
    near = 1e-4 if work.net.dtype == "float32" else 1e-12
    for layer, spec in zip(work.layers, work.twin.layers, strict=True):
        bends = BENDS.get(plain(spec.activation), [])
        n = np.array(layer.n)
        size = 1 + np.abs(np.array(layer.inputs)).max()
        if any((np.abs(n - bend) <= near * size).any() for bend in bends):
            return True
    out: Array = np.array(work.layers[-1].out)
    y: Array = np.array(work.data.y)
    name, parameter = split(work.twin.loss, LOSS_PARAMETERS)
    if name == "hinge":
        return bool((np.abs(out * y - 1) <= near).any())
    bends = {"mae": [0.0], "quantile": [0.0], "huber": [parameter]}.get(name, [])
    return any((np.abs(np.abs(out - y) - bend) <= near).any() for bend in bends)
