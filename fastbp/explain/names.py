"""What the numbers of a step are called: z1, w2[1,3], delta1[row 2][1], and the same in LaTeX.

A layer with one unit and one input has no indices; several rows are told apart by [row 2], in LaTeX
by a number in square brackets beside that of the layer. Texts count from 1, places from 0.
"""

from __future__ import annotations

from dataclasses import dataclass

from fastbp.explain.expression import Value

# Quantities of units whose name is not the letter itself in LaTeX.
LATEX = {
    "delta": "\\delta",
    "mean": "\\mu",
    "variance": "\\mathrm{var}",
    "scale": "\\gamma",
    "shift": "\\beta",
}


@dataclass(frozen=True)
class Names:
    """Makes named values.

    Attributes
    ----------
    sizes : list of int
        Inputs, then units of each layer.
    n_rows : int
    row_word : str
        "row" in a language.
    """

    sizes: list[int]
    n_rows: int
    row_word: str

    def unit(
        self, name: str, layer: int, row: int | None, unit: int | None, number: float
    ) -> Value:
        """Return a value of a unit; layer 0 is the inputs, whose a is x.

        Examples
        --------
        >>> Names([2, 3, 1], 2, "row").unit("z", 1, 1, 0, 0.5).symbol
        'z1[row 2][1]'
        >>> Names([1, 1], 1, "row").unit("a", 0, 0, 0, 0.5).symbol
        'x'
        """
        if layer == 0 and name == "a":
            return self.data("x", row, unit, number, [0, unit or 0])
        index = self.index(layer, unit)
        bare = name.rstrip("'")
        primes = name[len(bare) :]
        latex = LATEX.get(bare, bare) + primes
        symbol = f"{bare}{layer}{primes}"
        return Value(
            f"{symbol}{self.row(row)}{index and f'[{index}]'}",
            f"{latex}^{{({layer}){self.latex_row(row)}}}{index and f'_{{{index}}}'}"
            if not primes
            else f"{{{latex}}}^{{({layer}){self.latex_row(row)}}}{index and f'_{{{index}}}'}",
            number,
            node=None if unit is None else [layer, unit],
        )

    def data(
        self, name: str, row: int | None, place: int | None, number: float, node: list[int] | None
    ) -> Value:
        """Return an input or a target; `node` is what it stands at."""
        width = self.sizes[0] if name == "x" else self.sizes[-1]
        has_index = width > 1 and place is not None
        index = f"[{place + 1}]" if has_index and place is not None else ""
        row_text, latex_row = self.row(row), self.latex_row(row)
        return Value(
            f"{name}{row_text}{index}",
            name
            + (f"^{{{latex_row}}}" if latex_row else "")
            + (f"_{{{index.strip('[]')}}}" if index else ""),
            number,
            node=node,
        )

    def weight(self, layer: int, unit: int, source: int, number: float) -> Value:
        """Return a weight, from an input of the layer to a unit."""
        index = self.index(layer, unit, source)
        return Value(
            f"w{layer}{index and f'[{index}]'}",
            f"w^{{({layer})}}{index and f'_{{{index}}}'}",
            number,
            edge=[layer, unit, source],
        )

    def bias(self, layer: int, unit: int, number: float) -> Value:
        """Return a bias."""
        index = self.index(layer, unit)
        return Value(
            f"b{layer}{index and f'[{index}]'}",
            f"b^{{({layer})}}{index and f'_{{{index}}}'}",
            number,
            bias=[layer, unit],
        )

    def index(self, layer: int, *places: int | None) -> str:
        """Return the indices of a place in a layer, counted from 1; none where there is one."""
        n_in = self.sizes[layer - 1] if layer else 1
        if (n_in == 1 and self.sizes[layer] == 1) or None in places:
            return ""
        return ",".join(str(place + 1) for place in places if place is not None)

    def row(self, row: int | None) -> str:
        """Return what tells a row from others in text; nothing where there is one."""
        return "" if row is None or self.n_rows == 1 else f"[{self.row_word} {row + 1}]"

    def latex_row(self, row: int | None) -> str:
        """Return the same for LaTeX, to stand above."""
        return "" if row is None or self.n_rows == 1 else f"[{row + 1}]"


def derivative(of: Value, number: float) -> Value:
    """Return dL/d of something.

    Examples
    --------
    >>> derivative(Names([1, 1], 1, "row").weight(1, 0, 0, 0.5), -0.2).symbol
    'dL/dw1'
    """
    latex = f"\\frac{{\\partial L}}{{\\partial {of.latex}}}"
    return Value(f"dL/d{of.symbol}", latex, number, node=of.node)


def slope(of: Value, number: float) -> Value:
    """Return s'(z).

    Examples
    --------
    >>> slope(Names([1, 1], 1, "row").unit("z", 1, 0, 0, 0.5), 0.25).symbol
    "s'(z1)"
    """
    return Value(f"s'({of.symbol})", f"s'\\left({of.latex}\\right)", number, node=of.node)


def setting(name: str, latex: str, number: float) -> Value:
    """Return a number that somebody has chosen, of which all digits are shown."""
    return Value(name, latex, number, exact=True)


def state(name: str, latex: str, of: Value, number: float) -> Value:
    """Return what an optimizer remembers of a parameter, such as m(w1).

    Examples
    --------
    >>> state("m", "m", Names([1, 1], 1, "row").weight(1, 0, 0, 0.5), 0.1).symbol
    'm(w1)'
    """
    return Value(f"{name}({of.symbol})", f"{latex}_{{{of.latex}}}", number)
