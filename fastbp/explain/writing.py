"""Formulas written down, in plain text or in LaTeX, with names or with numbers."""

from __future__ import annotations

from fastbp.explain.expression import (
    Call,
    Choice,
    Constant,
    Expression,
    Power,
    Product,
    Quotient,
    Sum,
    Value,
    summands,
)
from fastbp.explain.shown import exactly, shown

# How tightly a piece holds together; one that is looser than its place wants gets brackets.
SUM, PRODUCT, POWER, ATOM = range(4)
CHOICE = -1
LATEX_FUNCTIONS = {
    **{name: f"\\{name}" for name in ("log", "tanh", "sin", "cos", "max", "min", "exp")},
    "sigmoid": "\\sigma",
    "Phi": "\\Phi",
    "phi": "\\varphi",
    "sign": "\\mathrm{sign}",
}
SPECIAL = {
    **{letter: f"\\{letter}" for letter in "_%&#$"},
    "{": "\\{",
    "}": "\\}",
    "^": "\\^{}",
    "~": "\\~{}",
    "\\": "/",
    "\n": " ",
}
LATEX_RELATIONS = {"<=": "\\leq", ">=": "\\geq"}


def number_text(value: Value, digits: int) -> str:
    """Return the number of a value as it is shown."""
    return exactly(value.number) if value.exact else shown(value.number, digits)


class Writer:
    """Writes formulas in plain text.

    Parameters
    ----------
    digits : int or None
        Decimals of numbers; None writes names.
    words : dict of str
        "if" and "else" in a language.
    """

    times = " * "

    def __init__(self, digits: int | None, words: dict[str, str]) -> None:
        self.digits = digits
        self.words = words

    def terms(self, formula: Expression) -> list[str]:
        """Return the texts of the summands, of which " + " makes the whole."""
        parts = summands(formula)
        if len(parts) == 1:
            return [self.write(formula)]
        return [self.write(part, SUM, i == 0) for i, part in enumerate(parts)]

    def write(self, formula: Expression, level: int = CHOICE, leading: bool = True) -> str:
        """Return the text of a formula where it must hold together as `level` says.

        `leading`: it stands first, so that a minus sign needs no brackets.
        """
        if isinstance(formula, Value):
            return self.value(formula, level, leading)
        if isinstance(formula, Constant):
            return self.constant(formula)
        if isinstance(formula, Sum):
            own, text = SUM, self.sum(formula, leading or level > SUM)
        elif isinstance(formula, Product):
            own, text = PRODUCT, self.product(formula, leading or level > PRODUCT)
        elif isinstance(formula, Quotient):
            own, text = self.quotient(formula, leading or level > PRODUCT)
        elif isinstance(formula, Power):
            own, text = POWER, self.power(formula)
        elif isinstance(formula, Choice):
            own, text = CHOICE, self.choice(formula)
        else:
            own, text = self.call(formula)
        return self.group(text) if own < level else text

    def value(self, value: Value, level: int, leading: bool) -> str:
        """Return a name or a number."""
        if self.digits is None:
            return (
                self.group(value.symbol)
                if "/" in value.symbol and level == ATOM
                else (value.symbol)
            )
        text = self.number(number_text(value, self.digits))
        is_alone = leading and level < POWER
        return self.group(text) if text.startswith("-") and not is_alone else text

    def number(self, text: str) -> str:
        """Return a number in this notation."""
        return text

    def constant(self, constant: Constant) -> str:
        """Return a number that is part of the formula."""
        return constant.text

    def sum(self, formula: Sum, leading: bool) -> str:
        """Return parts with their signs between."""
        text = ""
        for place, (sign, part) in enumerate(zip(formula.signs, formula.parts, strict=True)):
            if place:
                text += " + " if sign > 0 else " - "
            elif sign < 0:
                text += "-"
            text += self.write(part, PRODUCT, leading and not text)
        return text

    def product(self, formula: Product, leading: bool) -> str:
        """Return factors, with a sign between numbers."""
        text = ""
        for factor in formula.factors:
            piece = self.write(factor, PRODUCT if not text else POWER, leading and not text)
            if isinstance(factor, Quotient):
                piece = self.write(factor, PRODUCT, leading and not text)
            meet = self.digits is not None or piece[0].isdigit()
            text += (self.times if meet else " ") + piece if text else piece
        return text

    def quotient(self, formula: Quotient, leading: bool) -> tuple[int, str]:
        """Return how tightly a quotient holds, and its text."""
        top = self.write(formula.top, PRODUCT, leading)
        bottom = self.write(formula.bottom, POWER, False)
        plain = isinstance(formula.top, Constant) and isinstance(formula.bottom, Constant)
        return PRODUCT, f"{top}/{bottom}" if plain else f"{top} / {bottom}"

    def power(self, formula: Power) -> str:
        """Return base ^ exponent."""
        base, exponent = self.write(formula.base, ATOM), self.write(formula.exponent, ATOM)
        return f"{base}^{exponent}"

    def call(self, formula: Call) -> tuple[int, str]:
        """Return how tightly a function's value holds, and its text."""
        if formula.name == "exp":
            return POWER, f"e^{self.write(formula.arguments[0], ATOM)}"
        arguments = [self.write(argument) for argument in formula.arguments]
        if formula.name == "abs":
            return ATOM, f"|{arguments[0]}|"
        return ATOM, f"{formula.name}({', '.join(arguments)})"

    def choice(self, formula: Choice) -> str:
        """Return both values and what decides."""
        condition = (
            f"{self.write(formula.left, SUM)} {self.relation(formula.relation)} "
            f"{self.write(formula.right, SUM)}"
        )
        then, otherwise = self.write(formula.then, SUM), self.write(formula.otherwise)
        return f"{then} {self.word('if')} {condition}, {self.word('else')} {otherwise}"

    def relation(self, relation: str) -> str:
        """Return the sign of a relation."""
        return relation

    def word(self, key: str) -> str:
        """Return a word of the language."""
        return self.words[key]

    def group(self, text: str) -> str:
        """Return a piece in brackets."""
        return f"({text})"


class LatexWriter(Writer):
    """Writes formulas in LaTeX, for math mode."""

    times = " \\cdot "

    def value(self, value: Value, level: int, leading: bool) -> str:
        """Return a name or a number; an index above it keeps an exponent away by brackets."""
        if self.digits is not None:
            text = super().value(value, level, leading)
            return self.group(text) if level == ATOM and "^" in text else text
        stands_alone = level < ATOM or not set(value.latex) & set("^/_")
        return value.latex if stands_alone else self.group(value.latex)

    def number(self, text: str) -> str:
        """Return a number, powers of ten written out."""
        mantissa, found, exponent = text.partition("e")
        return f"{mantissa} \\cdot 10^{{{int(exponent)}}}" if found else text

    def constant(self, constant: Constant) -> str:
        """Return a number that is part of the formula."""
        return self.number(constant.text)

    def quotient(self, formula: Quotient, leading: bool) -> tuple[int, str]:
        """Return a fraction."""
        return POWER, f"\\frac{{{self.write(formula.top)}}}{{{self.write(formula.bottom)}}}"

    def power(self, formula: Power) -> str:
        """Return base ^ exponent."""
        return f"{self.write(formula.base, ATOM)}^{{{self.write(formula.exponent)}}}"

    def call(self, formula: Call) -> tuple[int, str]:
        """Return how tightly a function's value holds, and its text."""
        arguments = [self.write(argument) for argument in formula.arguments]
        if formula.name == "exp":
            return POWER, f"e^{{{arguments[0]}}}"
        if formula.name == "sqrt":
            return ATOM, f"\\sqrt{{{arguments[0]}}}"
        if formula.name == "abs":
            return ATOM, f"\\left|{arguments[0]}\\right|"
        name = LATEX_FUNCTIONS.get(formula.name) or upright(formula.name)
        return ATOM, f"{name}{self.group(', '.join(arguments))}"

    def relation(self, relation: str) -> str:
        """Return the sign of a relation."""
        return LATEX_RELATIONS.get(relation, relation)

    def word(self, key: str) -> str:
        """Return a word of the language, upright between spaces."""
        return f"\\ \\text{{{self.words[key]}}}\\ "

    def listed(self, numbers: str) -> str:
        """Return numbers that stand in plain text one after the other."""
        pieces = numbers.strip("[]").split(", ")
        return f"\\left[{', '.join(map(self.number, pieces))}\\right]".replace("...", "\\ldots")

    def group(self, text: str) -> str:
        """Return a piece in brackets of its height."""
        return f"\\left({text}\\right)"


def upright(name: str) -> str:
    r"""Return a name of several letters in LaTeX.

    Examples
    --------
    >>> print(upright("clip_norm"))
    \mathrm{clip\_norm}
    """
    return f"\\mathrm{{{escaped(name)}}}"


def quoted(text: str) -> str:
    """Return any text within a formula in LaTeX, such as the name of a column."""
    return f"\\text{{{escaped(text)}}}"


def escaped(text: str) -> str:
    r"""Return a text with what LaTeX takes for its own made harmless.

    Examples
    --------
    >>> print(escaped("50 % of a_b"))
    50 \% of a\_b
    """
    return "".join(SPECIAL.get(letter, letter) for letter in text)
