"""Formulas as trees: one and the same is written, filled with numbers and evaluated.

A formula of a step is built once, of named values. `writing` makes text and LaTeX of it, with the
names or with their numbers, and `evaluate` tells what it comes to, with the numbers themselves or
with those that are shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from fastbp.reference import scalars
from fastbp.reference.activations import smooth

Place = list[int]


@dataclass(frozen=True)
class Value:
    """A number with a name, and what of the network it is.

    Attributes
    ----------
    symbol, latex : str
        The name in plain text and in LaTeX.
    number : float
    exact : bool
        Whether all digits are shown: somebody has chosen it.
    node : [layer, unit] or None
        The unit whose value it is; layer 0 is the inputs, units from 0.
    edge : [layer, unit, input] or None
        The weight that it is.
    bias : [layer, unit] or None
        The bias that it is.
    """

    symbol: str
    latex: str
    number: float
    exact: bool = False
    node: Place | None = None
    edge: Place | None = None
    bias: Place | None = None


@dataclass(frozen=True)
class Constant:
    """A number that is part of a formula, as it is written."""

    text: str


@dataclass(frozen=True)
class Sum:
    """Parts with the sign, 1 or -1, of each."""

    parts: tuple[Expression, ...]
    signs: tuple[int, ...]


@dataclass(frozen=True)
class Product:
    """Factors, one after the other."""

    factors: tuple[Expression, ...]


@dataclass(frozen=True)
class Quotient:
    """Top / bottom."""

    top: Expression
    bottom: Expression


@dataclass(frozen=True)
class Power:
    """Base ^ exponent."""

    base: Expression
    exponent: Expression


@dataclass(frozen=True)
class Call:
    """A function of one or several numbers: one of `FUNCTIONS`, or one that came with it."""

    name: str
    arguments: tuple[Expression, ...]
    function: Callable[..., Any] | None = None


@dataclass(frozen=True)
class Choice:
    """`then` where left stands in a relation to right, else `otherwise`."""

    left: Expression
    relation: str
    right: Expression
    then: Expression
    otherwise: Expression


Expression = Value | Constant | Sum | Product | Quotient | Power | Call | Choice
KINDS = (Value, Constant, Sum, Product, Quotient, Power, Call, Choice)


def total(parts: Sequence[Expression]) -> Expression:
    """Return the sum of some parts; those that are sums are taken apart."""
    signed: list[tuple[int, Expression]] = []
    for part in parts:
        signed += zip(part.signs, part.parts, strict=True) if isinstance(part, Sum) else [(1, part)]
    return together(signed)


def together(signed: Sequence[tuple[int, Expression]]) -> Expression:
    """Return the sum of parts with their signs."""
    if len(signed) == 1 and signed[0][0] > 0:
        return signed[0][1]
    signs, parts = zip(*signed, strict=True)
    return Sum(parts, signs)


def product(*factors: Expression) -> Expression:
    """Return the product of some factors; a minus sign of the first is that of the whole.

    Examples
    --------
    >>> minus_two = Sum((Constant("2"),), (-1,))
    >>> product(minus_two, Constant("3"))
    Sum(parts=(Product(factors=(Constant(text='2'), Constant(text='3'))),), signs=(-1,))
    """
    first, *others = factors
    if not others:
        return first
    if isinstance(first, Sum) and first.signs == (-1,):
        return Sum((product(first.parts[0], *others),), (-1,))
    before = first.factors if isinstance(first, Product) else (first,)
    return Product((*before, *others))


def _of_float(function: Callable[..., float]) -> Callable[..., Any]:
    """Return a function that decimals have not, by way of floats."""

    def of(x: Any) -> Any:
        return type(x)(function(float(x)))

    return of


def _density(z: float) -> float:
    return float(scalars.exp(-z * z / 2) / scalars.sqrt(2 * scalars.pi_of(z)))


# The functions that formulas may have; those of the twin, which takes floats and decimals.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "max": max,
    "min": min,
    "sign": scalars.sign,
    "exp": scalars.exp,
    "log": scalars.log,
    "sqrt": scalars.sqrt,
    "tanh": scalars.tanh,
    "sigmoid": smooth.sigmoid,
    "sin": _of_float(scalars.sin),
    "cos": _of_float(scalars.cos),
    "Phi": _of_float(smooth.normal_distribution),
    "phi": _of_float(_density),
}
RELATIONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda u, v: u < v,
    "<=": lambda u, v: u <= v,
    ">": lambda u, v: u > v,
    ">=": lambda u, v: u >= v,
    "=": lambda u, v: u == v,
}


def evaluate(formula: Expression, number: Callable[[Value | Constant], Any]) -> Any:
    """Return what a formula comes to with the numbers that `number` gives for its leaves.

    Examples
    --------
    >>> from fastbp.explain.reading import read
    >>> formula = read("1/2 * (a - y)**2", {"a": Value("a", "a", 3.0), "y": Value("y", "y", 1.0)})
    >>> evaluate(formula, true_number)
    2.0
    """

    def of(part: Expression) -> Any:
        return evaluate(part, number)

    if isinstance(formula, Value | Constant):
        return number(formula)
    if isinstance(formula, Sum):
        parts = zip(formula.signs, formula.parts, strict=True)
        return scalars.add_up(of(part) if sign > 0 else -of(part) for sign, part in parts)
    if isinstance(formula, Product):
        first, *others = map(of, formula.factors)
        for other in others:
            first = first * other
        return first
    if isinstance(formula, Quotient):
        return of(formula.top) / of(formula.bottom)
    if isinstance(formula, Power):
        return of(formula.base) ** of(formula.exponent)
    if isinstance(formula, Choice):
        holds = RELATIONS[formula.relation](of(formula.left), of(formula.right))
        return of(formula.then if holds else formula.otherwise)
    return _called(formula, [of(argument) for argument in formula.arguments])


def _called(formula: Call, arguments: list[Any]) -> Any:
    if formula.function is None:
        return FUNCTIONS[formula.name](*arguments)
    kind = type(arguments[0])
    return kind(formula.function(*map(float, arguments)))


def true_number(leaf: Value | Constant) -> float:
    """Return the number of a leaf in double precision."""
    return leaf.number if isinstance(leaf, Value) else float(leaf.text)


def comes_to(formula: Expression, number: Callable[[Value | Constant], Decimal]) -> Decimal | None:
    """Return what a formula comes to with rounded numbers; None where it has no value."""
    try:
        found = Decimal(evaluate(formula, number))
    except (ArithmeticError, ValueError, InvalidOperation):
        return None
    return found if found.is_finite() else None


def leaves(formula: Expression) -> Iterator[Value]:
    """Yield the named values of a formula, in order."""
    if isinstance(formula, Value):
        yield formula
        return
    for part in vars(formula).values():
        for inner in part if isinstance(part, tuple) else (part,):
            if isinstance(inner, KINDS):
                yield from leaves(inner)


def summands(formula: Expression) -> list[Expression]:
    """Return a sum split at its plus signs, anything else as it is.

    Examples
    --------
    >>> from fastbp.explain.reading import read
    >>> values = {name: Value(name, name, 0.0) for name in "abc"}
    >>> len(summands(read("a - b + c", values))), len(summands(read("a * b", values)))
    (2, 1)
    """
    if not isinstance(formula, Sum):
        return [formula]
    groups: list[list[tuple[int, Expression]]] = []
    for sign, part in zip(formula.signs, formula.parts, strict=True):
        if sign > 0 or not groups:
            groups.append([])
        groups[-1].append((sign, part))
    return [together(group) for group in groups]
