"""The steps of the update, last layer first: what an optimizer makes of each gradient."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from fastbp.explain.expression import Call, Expression, Value, evaluate, true_number
from fastbp.explain.names import derivative, setting, state
from fastbp.explain.quantities import Quantities
from fastbp.explain.reading import read
from fastbp.explain.rules import SYMBOLS, Lines, lines_of
from fastbp.explain.step import Place, Step
from fastbp.explain.summary import Summary, matrix
from fastbp.explain.writing import upright
from fastbp.reference import SGD
from fastbp.reference.normalization import split_norm
from fastbp.reference.scalars import add_up, sqrt

UPDATE = "update"


class Parameter(NamedTuple):
    """A parameter that is updated: its name and old number, its place in the flat list."""

    value: Value
    flat: int
    kind: str
    place: Place
    node: list[int] | None


def update_steps(of: Quantities) -> list[Step | Summary]:
    """Return the steps from the gradients to the new parameters."""
    rules = Rules(of)
    steps: list[Step | Summary] = [*rules.shared()]
    for layer in range(len(of.sizes) - 1, 0, -1):
        if not of.spec(layer).trainable:
            steps.append(frozen(of, layer))
        else:
            for parameter in parameters(of, layer):
                steps += rules.of_parameter(parameter)
            steps += running_steps(of, layer)
    return steps


def frozen(of: Quantities, layer: int) -> Summary:
    """Return the step of a layer that stays as it is."""
    name, weights = matrix("W", layer), np.array(of.work.weights[layer - 1], np.float64)
    return Summary(UPDATE, "frozen", layer, name.symbol, name.latex, name, weights, "frozen")


def parameters(of: Quantities, layer: int) -> Iterator[Parameter]:
    """Yield what the optimizer changes of a layer; a shared weight is that of the first."""
    places = of.work.places
    weights, biases, norms = (
        part[layer - 1] for part in (places.weights, places.biases, places.norms)
    )
    for unit, row in enumerate(weights):
        for source, flat in enumerate(row):
            value = of.weight(layer, unit, source)
            yield Parameter(value, flat, "weight", Place(layer, None, unit, source), None)
    for unit, flat in enumerate(biases or []):
        bias = of.bias(layer, unit)
        assert bias is not None
        yield Parameter(bias, flat, "bias", Place(layer, unit=unit), [layer, unit])
    for name, part, numbers in zip(
        ("scale", "shift"), norms, of.work.norms[layer - 1], strict=False
    ):
        for unit, flat in enumerate(part):
            found = of.names.unit(name, layer, None, unit, numbers[unit])
            yield Parameter(found, flat, "norm", Place(layer, unit=unit), [layer, unit])


class Rules:
    """Makes the steps of an optimizer's lines."""

    def __init__(self, of: Quantities) -> None:
        self.of = of
        self.rule = of.work.optimizer
        self.found = lines_of(self.rule)
        self.common: dict[str, Expression] = {
            name: setting(*symbols(name), number)
            for name, number in vars(self.rule).items()
            if isinstance(number, int | float) and not name.startswith("_")
        }
        self.said = {"optimizer": type(self.rule).__name__}
        self.common["t"] = setting("t", "t", float(self.rule._step))

    def shared(self) -> list[Step]:
        """Return the steps of what is the same for all parameters."""
        steps = [self._clipping()] if self.rule.clip_norm else []
        for name, text in self.found.shared if self.found else []:
            if name == "product":
                number = self.of.work.product_before
                self.common[name] = Value(*symbols(name), number)
            formula = read(text, self.common)
            result = Value(*symbols(name), evaluate(formula, true_number))
            self.common[name] = result
            steps.append(Step(UPDATE, "state", Place(), result, formula, "state_shared", self.said))
        return steps

    def _clipping(self) -> Step:
        """Return the step that says by what the whole gradient is made shorter."""
        work = self.of.work
        gradient = work.gradients.flat
        number = sqrt(add_up(gradient[i] * gradient[i] for i in work.learned))
        names: dict[str, Expression] = {**self.common, "norm": Value("norm", "\\|g\\|", number)}
        formula = read("min(1, clip_norm / (norm + 0.000001))", names)
        result = Value("shrinking", upright("shrinking"), evaluate(formula, true_number))
        self.common["shrinking"] = result
        return Step(UPDATE, "clip", Place(), result, formula, "clip_norm")

    def of_parameter(self, parameter: Parameter) -> list[Step]:
        """Return the steps of one parameter: what is remembered, and its new number."""
        work, old, flat = self.of.work, parameter.value, parameter.flat
        new = Value(
            old.symbol, old.latex, work.after[flat], edge=old.edge, node=old.node, bias=old.bias
        )
        gradient = derivative(old, work.gradients.flat[flat])
        names = {**self.common, "p": old, "g": gradient}
        for name, numbers in work.state_before.items():
            names[name] = state(*symbols(name), old, numbers[flat])
        if self.found is None:
            formula: Expression = Call(
                type(self.rule).__name__, (old, gradient), lambda *_: new.number
            )
            return [self._step(parameter, new, formula, "update_own")]
        steps = []
        for name, text in self.lines():
            formula = read(text, names)
            if name == "p":
                names["p"] = new
                steps.append(self._step(parameter, new, formula, self.about("p")))
                continue
            result = state(*symbols(name), old, self._number(name, flat, formula))
            names[name] = result
            about = self.about(name)
            steps.append(
                Step(
                    UPDATE,
                    "state",
                    parameter.place,
                    result,
                    formula,
                    about,
                    self.said,
                    edge=old.edge,
                    node=parameter.node,
                )
            )
        return steps

    def _number(self, name: str, flat: int, formula: Expression) -> float:
        """Return the twin's number where it remembers one, else what the line comes to."""
        after = self.of.work.state_after
        return after[name][flat] if name in after else float(evaluate(formula, true_number))

    def lines(self) -> Lines:
        """Return the lines of a parameter; of an unknown rule, one that only names it."""
        return list(self.found.lines) if self.found else [("p", "p")]

    def about(self, target: str) -> str:
        """Return the key of what is said of a line."""
        if target != "p":
            return f"state_{target}" if target in KNOWN_STATES else "state"
        if self.found is None:
            return "update_own"
        is_plain = isinstance(self.rule, SGD) and len(self.found.lines) == 1
        return "update_sgd" if is_plain else "update"

    def _step(self, parameter: Parameter, new: Value, formula: Expression, about: str) -> Step:
        return Step(
            UPDATE,
            f"{parameter.kind}_update",
            parameter.place,
            new,
            formula,
            about,
            self.said,
            edge=new.edge,
            node=parameter.node,
        )


def symbols(name: str) -> tuple[str, str]:
    """Return what a number is called in formulas, in text and in LaTeX."""
    return SYMBOLS.get(name, (name, upright(name)))


KNOWN_STATES = ("g", "m", "v", "mhat", "vhat", "velocity", "average")


def running_steps(of: Quantities, layer: int) -> list[Step]:
    """Return the steps of running means and variances, into which a batch goes."""
    extra, spec = of.layer(layer).extra, of.spec(layer)
    if not extra.batch_mean:
        return []
    _, share = split_norm(spec.norm or "batch")
    momentum = setting("q", "q", share)
    after = of.work.parts(of.work.after).norms[layer - 1]
    steps = []
    for place, (name, batch) in enumerate(
        [("mean", extra.batch_mean), ("variance", extra.batch_variance)], start=2
    ):
        for unit in of.units(layer):
            of_batch = of.names.unit(name, layer, None, unit, batch[unit])
            old, new = (
                Value(f"running {of_batch.symbol}", f"\\bar{{{of_batch.latex}}}", number)
                for number in (of.work.norms[layer - 1][place][unit], after[place][unit])
            )
            names: dict[str, Expression] = {"r": old, "b": of_batch, "q": momentum}
            formula = read("r + q * (b - r)", names)
            where = Place(layer, unit=unit)
            steps.append(
                Step(
                    UPDATE, "norm_update", where, new, formula, "update_running", node=[layer, unit]
                )
            )
    return steps
