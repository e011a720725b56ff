"""Formulas read from text, as the tables have them: `1 / (1 + exp(-z))`.

The text is Python's notation of arithmetic; nothing of it is ever executed.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence

from fastbp.explain.expression import (
    FUNCTIONS,
    Call,
    Choice,
    Constant,
    Expression,
    Power,
    Quotient,
    Sum,
    product,
    total,
)

RELATIONS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "="}
Names = Mapping[str, Expression]


def read(text: str, names: Names, units: Sequence[Names] = ()) -> Expression:
    """Return the formula that a text says of some values.

    Parameters
    ----------
    text : str
        Numbers, names, + - * / **, the functions of `FUNCTIONS`, `u if a > b else v`; and
        `total(...)`, the sum of what stands in it over all units of a row.
    names : dict of str
        What the names are.
    units : list of dict, optional
        What names are for each unit, within `total`.

    Returns
    -------
    Expression

    Raises
    ------
    KeyError, ValueError
        A name is unknown, or the text is no such formula.

    Examples
    --------
    >>> from fastbp.explain.expression import Value, evaluate, true_number
    >>> evaluate(read("a * (1 - a)", {"a": Value("a1", "a", 0.5)}), true_number)
    0.25
    """
    return Reader(names, units).of(ast.parse(text, mode="eval").body)


class Reader:
    """Turns the nodes of Python's parser into formulas."""

    def __init__(self, names: Names, units: Sequence[Names]) -> None:
        self.names = names
        self.units = units

    def of(self, node: ast.AST) -> Expression:
        """Return the formula of a node."""
        makers: dict[type, Callable[..., Expression]] = {
            ast.Name: lambda node: self.names[node.id],
            ast.Constant: lambda node: Constant(repr(node.value)),
            ast.BinOp: self.binary,
            ast.UnaryOp: lambda node: Sum((self.of(node.operand),), (-1,)),
            ast.Call: self.call,
            ast.IfExp: self.choice,
        }
        if type(node) not in makers:
            raise ValueError(f"a formula must be arithmetic, got {ast.unparse(node)!r}")
        return makers[type(node)](node)

    def binary(self, node: ast.BinOp) -> Expression:
        """Return a sum, product, quotient or power; sums and products in one piece."""
        left, right = self.of(node.left), self.of(node.right)
        if isinstance(node.op, ast.Div):
            return Quotient(left, right)
        if isinstance(node.op, ast.Pow):
            return Power(left, right)
        if isinstance(node.op, ast.Mult):
            return product(left, right)
        if isinstance(node.op, ast.Add):
            return total([left, right])
        return total([left, Sum((right,), (-1,))])

    def call(self, node: ast.Call) -> Expression:
        """Return a function's value, or a sum over all units."""
        assert isinstance(node.func, ast.Name)
        name = node.func.id
        if name == "total":
            return total([Reader(unit, []).of(node.args[0]) for unit in self.units])
        if name not in FUNCTIONS:
            raise ValueError(f"a function must be one of {', '.join(FUNCTIONS)}, got {name!r}")
        return Call(name, tuple(self.of(argument) for argument in node.args))

    def choice(self, node: ast.IfExp) -> Expression:
        """Return one value or the other."""
        test = node.test
        assert isinstance(test, ast.Compare)
        left, right = self.of(test.left), self.of(test.comparators[0])
        relation = RELATIONS[type(test.ops[0])]
        return Choice(left, relation, right, self.of(node.body), self.of(node.orelse))
