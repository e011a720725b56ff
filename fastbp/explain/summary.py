"""A layer at a glance: shape, first entries, norm, smallest and largest of many figures at once.

Larger networks are shown this way, one step a layer and kind of figure, in matrices.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastbp.checks import Array
from fastbp.explain.catalogue import Catalogue
from fastbp.explain.expression import Expression, Value
from fastbp.explain.shown import shown
from fastbp.explain.step import Place
from fastbp.explain.writing import LatexWriter, Writer

FIRST_ENTRIES = 3


@dataclass(frozen=True)
class Summary:
    """Many figures of a kind in one step.

    Attributes
    ----------
    phase : str
    title : str
        Key of the title.
    layer : int or None
    symbol, latex : str
        Name of the matrix.
    formula : Expression
        Of named matrices, or a text that says how it is made.
    figures : array
    about : str
    said : dict
    """

    phase: str
    title: str
    layer: int | None
    symbol: str
    latex: str
    formula: Expression
    figures: Array
    about: str
    said: dict[str, Any] = field(default_factory=dict)

    def described(
        self, digits: int, catalogue: Catalogue, sizes: list[int], n_rows: int
    ) -> dict[str, Any]:
        """Return the step as `Trace.to_dict` has it."""
        formula = Writer(None, catalogue.words).write(self.formula)
        latex = LatexWriter(None, catalogue.words).write(self.formula)
        entries, found = self.entries(digits), self.size(digits, catalogue)
        place = Place(self.layer)
        return {
            "phase": self.phase,
            "kind": "summary",
            **vars(place),
            "title": catalogue.title(self.title, place, sizes, n_rows),
            "why": catalogue.why(self.about, self.said),
            "symbol": self.symbol,
            "formula": formula,
            "numbers": entries,
            "result": None,
            "shown": found,
            "note": None,
            "latex": {
                "symbol": self.latex,
                "formula": latex,
                "numbers": LatexWriter(digits, catalogue.words).listed(entries),
                "shown": f"\\text{{{found}}}",
            },
            "terms": [
                {
                    "formula": formula,
                    "numbers": entries,
                    "value": None,
                    **dict.fromkeys(("edge", "node", "bias")),
                }
            ],
            "node": None,
            "edge": None,
        }

    def entries(self, digits: int) -> str:
        """Return the first entries, row by row."""
        flat = self.figures.ravel()
        text = ", ".join(shown(value, digits) for value in flat[:FIRST_ENTRIES].tolist())
        return f"[{text}{', ...' if flat.size > FIRST_ENTRIES else ''}]"

    def size(self, digits: int, catalogue: Catalogue) -> str:
        """Return shape, norm, smallest and largest."""
        figures = self.figures
        return catalogue.words["size"].format(
            shape=" x ".join(map(str, figures.shape)),
            norm=shown(float(np.sqrt(np.square(figures).sum())), digits),
            least=shown(float(figures.min()), digits),
            most=shown(float(figures.max()), digits),
        )


def matrix(name: str, layer: int) -> Value:
    r"""Return the name of all figures of a layer: Z1, dL/dW2.

    Examples
    --------
    >>> matrix("Z", 1).symbol, matrix("dL/dW", 2).latex
    ('Z1', '\\frac{\\partial L}{\\partial W^{(2)}}')
    """
    letters = {"Delta": "\\Delta", "Scale": "\\gamma", "Shift": "\\beta"}
    if layer == 0:
        return Value("X", "X", float("nan"))
    bare = name.removeprefix("dL/d")
    latex = f"{letters.get(bare, bare)}^{{({layer})}}"
    if bare != name:
        latex = f"\\frac{{\\partial L}}{{\\partial {latex}}}"
    return Value(f"{name}{layer}", latex, float("nan"))
