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
# Keeps a quotient finite.
SMALL = 1e-200
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
        rule = self.in_its_state(net, learned)
        below = -1 - 2 * float(np.abs(before * gradient).sum())
        net.train_step(gradient[np.newaxis], [[below]], rule)
        moved = np.abs(after - before)
        found.require("a new parameter", net.weights[0][0], after, np.abs(before) + moved)

    def require_step(self, found: Agreement) -> None:
        """Compare loss, gradients and movement with those of train_step.

        Once in double precision, and in the network's own. Where z is at a bend of an activation
        but for rounding, the two sides may stand on either side of it, and nothing is asked.

        Raises
        ------
        Disagreement
            They differ by more than rounding explains.
        """
        nets = [in_double(self.work.net)]
        nets += [self.work.net] if self.work.net.dtype != "float64" else []
        for net in nets:
            try:
                TakenStep(self, net).compare(found)
            except AssertionError:
                if not is_at_a_bend(self.work):
                    raise

    def in_its_state(self, net: Any, places: list[int] | None = None) -> Optimizer:
        """Return a copy of the optimizer for another network, in the state it has."""
        rule = copy.deepcopy(self.optimizer)
        rule.bind(net, net.params, net._running)
        rule.clock[:] = self.optimizer.clock
        slots = self.optimizer.slots
        if self.optimizer.steps and len(slots) == len(rule.slots):
            rule.slots[...] = slots if places is None else slots[:, places]
        return rule

    def plain(self, net: Any) -> Optimizer:
        """Return an optimizer that takes off the gradient itself, at the same number of steps."""
        rule = SGD(1.0)
        rule.bind(net, net.params, net._running)
        rule.clock[0] = self.optimizer.steps
        return rule


class TakenStep:
    """The step of one network, and of the same with each parameter off by a rounding.

    How far roundings go in a step is asked of the second; a normalisation, which makes much of
    little differences, is counted apart.
    """

    def __init__(self, whole: WholeStep, net: Any) -> None:
        self.work, self.net = whole.work, net
        self.rows = whole.rows if net is whole.work.net else rows_in_double(whole.rows)
        self.epsilon = float(np.finfo(net.dtype).eps)
        self.limit = min(AMPLIFIED * self.epsilon * amplification(whole.work) ** 2, 1.0)
        shaken = copied(net)
        noise = np.random.default_rng(0).uniform(-1, 1, net.params.size).astype(net.dtype)
        shaken.params[:] *= 1 + self.epsilon * noise
        self.loss, self.own = self.movement(net, whole.plain)
        self.other_loss, self.other = self.movement(shaken, whole.plain)
        self.moved = self.movement(net, whole.in_its_state)[1]
        self.other_moved = self.movement(shaken, whole.in_its_state)[1]

    def movement(self, net: Any, rule_of: Callable[[Any], Optimizer]) -> tuple[float, Array]:
        """Return the loss of a copy, and how its parameters move in a step."""
        other = copied(net)
        before = other.params.astype(np.float64)
        loss: float = other._step(rule_of(other), self.rows)
        return loss, other.params.astype(np.float64) - before

    def compare(self, found: Agreement) -> None:
        """Compare loss, gradients and movement with the twin's."""
        work, limit = self.work, self.limit
        room = (AMPLIFIED * abs(self.loss - self.other_loss) + work.imbalance) / limit
        size = abs(work.loss) + self.size_of_terms() + room
        found.require_within("the loss", self.loss, work.loss, size, limit)
        before, gradient = np.array(work.before), np.array(work.gradients.flat)
        wanted = np.array(work.after) - before
        floor = _norm(gradient) + self.size_of_terms()
        for block in self.blocks():
            room = _norm(self.own[block] - self.other[block]) / self.epsilon
            size = floor + np.abs(before[block]) + room
            found.require_within("a gradient", -self.own[block], gradient[block], size, limit)
            # A rule may look at a sign, which rounding makes where there is nothing else.
            told = np.abs(gradient[block]) > limit * size
            room = _norm(self.moved[block] - self.other_moved[block]) / self.epsilon
            # What a gradient may be off by, in proportion, its movement may be too.
            of = np.maximum(np.abs(gradient[block]), size * SMALL)
            size = _norm(wanted[block]) + np.abs(before[block]) + room
            size = size + np.abs(wanted[block]) * (floor + room) / of
            got, want = self.moved[block][told], wanted[block][told]
            found.require_within("a movement", got, want, size[told], limit)
        self.compare_gradient(found)

    def size_of_terms(self) -> float:
        """Return the size of what a gradient is made of, which may cancel to rounding alone."""
        work = self.work
        ends = max(np.abs(np.array(rows)).max() for rows in (work.layers[-1].out, work.data.y))
        return 1 + float(ends * max(1.0, *(np.abs(np.array(w.inputs)).max() for w in work.layers)))

    def compare_gradient(self, found: Agreement) -> None:
        """Compare with `Network.gradient`, which knows no dropout and no batch."""
        layers = self.work.twin.layers
        if any(layer.dropout or (layer.norm or "").startswith("batch") for layer in layers):
            return
        flat = self.net.gradient_of(self.rows)[1].flat
        learned = self.work.learned
        before = np.abs(np.array(self.work.before)[learned])
        size = np.abs(self.own).max() + self.size_of_terms() + before
        found.require_within("a gradient", flat[learned], -self.own[learned], size, self.limit)

    def blocks(self) -> list[list[int]]:
        """Return the places of each array of learned parameters in the flat vector."""
        places, learned = self.work.places, set(self.work.learned)
        parts = [
            *([flat for row in weight for flat in row] for weight in places.weights),
            *(bias or [] for bias in places.biases),
            *(part for norm in places.norms for part in norm),
        ]
        return [part for part in parts if part and part[0] in learned]


def amplification(work: Working) -> float:
    """Return by how much normalisations enlarge the rounding of what goes into them."""
    factor = 1.0
    for layer, spec in zip(work.layers, work.twin.layers, strict=True):
        if spec.norm:
            factor *= 1 + max(layer.extra._inverse) * (1 + np.abs(np.array(layer.z)).max())
    return float(factor)


def in_double(net: Any) -> Any:
    """Return a network with the same parameters and dropout in double precision."""
    kind = type(net.layers[0])
    layers = []
    for layer in net.layers:
        init = {"init": "auto" if layer.tied_to is not None else "zeros"}
        layers.append(kind(**{**layer.to_dict(), **init}))
    other = type(net)(net.sizes[0], layers, net.loss, "float64", net.seed)
    other.params[:] = net.params
    other._spec.dropout_key = net._spec.dropout_key
    return other


def rows_in_double(rows: Any) -> Any:
    """Return checked rows in double precision; class indices stay what they are."""
    parts = (
        None if part is None or part is rows.label else part.astype(np.float64) for part in rows
    )
    return type(rows)(*parts)._replace(label=rows.label)


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
