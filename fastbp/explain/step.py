"""One step of a trace: a formula, what it comes to, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fastbp.explain.catalogue import Catalogue
from fastbp.explain.expression import (
    Constant,
    Expression,
    Value,
    comes_to,
    evaluate,
    leaves,
    summands,
    true_number,
)
from fastbp.explain.shown import decimal, is_fixed, rounded, written
from fastbp.explain.writing import LatexWriter, Writer, number_text


@dataclass(frozen=True)
class Place:
    """Where a step is: layer from 1, row, unit and input from 0; None where it has none."""

    layer: int | None = None
    row: int | None = None
    unit: int | None = None
    input: int | None = None


@dataclass(frozen=True)
class Step:
    """A figure with its formula.

    Attributes
    ----------
    phase, kind : str
        As in `Trace.to_dict`.
    place : Place
    result : Value
        What is made known, with its name.
    formula : Expression
    about : str
        Key of the sentences that say why; the title's is `kind`.
    said : dict
        What stands in for the placeholders of these texts.
    edge : [layer, unit, input] or None
        The weight whose gradient or new value it is.
    node : [layer, unit] or None
        The unit at which it acts, where the result is no value of a unit.
    """

    phase: str
    kind: str
    place: Place
    result: Value
    formula: Expression
    about: str
    said: dict[str, Any] = field(default_factory=dict)
    edge: list[int] | None = None
    node: list[int] | None = None

    def described(
        self, digits: int, catalogue: Catalogue, sizes: list[int], n_rows: int
    ) -> dict[str, Any]:
        """Return the step as `Trace.to_dict` has it."""
        text = Writer(None, catalogue.words), Writer(digits, catalogue.words)
        latex = LatexWriter(None, catalogue.words), LatexWriter(digits, catalogue.words)
        parts = [writer.terms(self.formula) for writer in text]
        result = number_text(self.result, digits)
        return {
            "phase": self.phase,
            "kind": self.kind,
            **vars(self.place),
            "title": catalogue.title(self.kind, self.place, sizes, n_rows),
            "why": catalogue.why(self.about, self.said),
            "symbol": self.result.symbol,
            "formula": " + ".join(parts[0]),
            "numbers": " + ".join(parts[1]),
            "result": self.result.number,
            "shown": result,
            "note": self.note(digits, catalogue),
            "latex": {
                "symbol": self.result.latex,
                "formula": latex[0].write(self.formula),
                "numbers": latex[1].write(self.formula),
                "shown": latex[1].number(result),
            },
            "terms": [
                _term(part, formula, numbers)
                for part, formula, numbers in zip(summands(self.formula), *parts, strict=True)
            ],
            "node": self.node or self.result.node,
            "edge": self.edge,
        }

    def note(self, digits: int, catalogue: Catalogue) -> str | None:
        """Return what the numbers that are shown give, where that is not what is shown."""
        found = comes_to(self.formula, lambda leaf: shown_number(leaf, digits))
        if found is None:
            return catalogue.words["note_nothing"]
        true = decimal(self.result.number)
        fixed = is_fixed(true, digits)
        if rounded(found, digits, fixed) == rounded(true, digits, fixed):
            return None
        return catalogue.words["note_rounded"].format(result=written(found, digits, False))


def shown_number(leaf: Value | Constant, digits: int) -> Any:
    """Return the number that is shown for a leaf of a formula."""
    text = leaf.text if isinstance(leaf, Constant) else number_text(leaf, digits)
    return decimal(float(text))


def _term(part: Expression, formula: str, numbers: str) -> dict[str, Any]:
    found = list(leaves(part))
    try:
        value = float(evaluate(part, true_number))
    except (ArithmeticError, ValueError):
        value = None
    return {
        "formula": formula,
        "numbers": numbers,
        "value": value,
        **{
            key: next((getattr(leaf, key) for leaf in found if getattr(leaf, key)), None)
            for key in ("edge", "node", "bias")
        },
    }
