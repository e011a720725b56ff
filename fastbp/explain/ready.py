"""The steps before the network: columns standardised, categories as columns of 0 and 1."""

from __future__ import annotations

from typing import Any, NamedTuple

from fastbp.explain.expression import Expression, Value
from fastbp.explain.names import Names
from fastbp.explain.reading import read
from fastbp.explain.step import Place, Step
from fastbp.explain.working import Working
from fastbp.explain.writing import quoted
from fastbp.preprocessing import Columns, OneHot, Preprocessor, Standardize


class Column(NamedTuple):
    """What a column that goes out is made of: numbers and their scaling, or a category.

    `values`: of each row, the number as it came, or 1 where the row has the category.
    """

    name: str
    values: list[float]
    mean: float = 0.0
    scale: float = 1.0
    category: str | None = None


def ready_steps(work: Working, names: Names, x: Any, y: Any) -> list[Step]:
    """Return the steps that make inputs and targets ready; none where they are already."""
    steps = []
    for side, letter, given, ready in [
        (work.net.inputs, "x", x, work.data.x),
        (work.net.targets, "y", y, work.data.y),
    ]:
        columns = [] if side is None else columns_of(side, letter, given)
        layer = 0 if letter == "x" else len(names.sizes) - 1
        for row in range(work.n_rows):
            for place, column in enumerate(columns):
                result = names.data(letter, row, place, ready[row][place], [layer, place])
                about = "input_category" if column.category is not None else f"input_{letter}"
                steps.append(
                    Step(
                        "forward",
                        "input",
                        Place(row=row),
                        result,
                        _formula(column, names, row),
                        about,
                        {"column": column.name, "category": column.category},
                    )
                )
    return steps


def _formula(column: Column, names: Names, row: int) -> Expression:
    number = column.values[row]
    if column.category is not None:
        text = f"{column.name} = {column.category}"
        return Value(f"[{text}]", f"\\left[{quoted(text)}\\right]", number)
    values: dict[str, Expression] = {
        "raw": Value(
            f"{column.name}{names.row(row)}",
            f"{quoted(column.name)}{names.latex_row(row) and f'^{{{names.latex_row(row)}}}'}",
            number,
        ),
        "mean": Value("mean", "\\mu", column.mean),
        "scale": Value("scale", "\\sigma", column.scale),
    }
    return read("(raw - mean) / scale", values)


def columns_of(side: Preprocessor, name: str, given: Any) -> list[Column]:
    """Return what becomes of a preprocessor's columns, in the order in which they go out."""
    source: Any = side.source(name, given)
    if isinstance(side, Standardize):
        return numeric_columns(_titles(side), source.numbers, side.mean, side.scale)
    if isinstance(side, OneHot):
        parts = zip(_titles(side), source.parts, strict=True)
        every = [categories(title, part, source.n_rows) for title, part in parts]
        return [column for columns in every for column in columns]
    assert isinstance(side, Columns)
    found: list[Column] = []
    infos = side.columns
    numeric = [info for info in infos if info.kind == "numeric"]
    numbers = iter(
        numeric_columns(
            [info.name for info in numeric],
            source.numbers.numbers,
            [info.mean for info in numeric],
            [info.scale for info in numeric],
        )
        if numeric
        else []
    )
    cells = iter(source.cells)
    for info in infos:
        if info.kind == "numeric":
            found.append(next(numbers))
        else:
            found += categories(info.name, next(cells), source.n_rows)
    return found


def _titles(side: Standardize | OneHot) -> list[str]:
    """Return the names of columns, or what stands for them."""
    if side.names is not None:
        return list(side.names)
    return ["raw"] if side.n_in == 1 else [f"raw[{place + 1}]" for place in range(side.n_in)]


def numeric_columns(titles: list[str], numbers: Any, mean: Any, scale: Any) -> list[Column]:
    """Return columns of numbers."""
    rows = numbers.part(0, numbers.n_rows).T.tolist()
    each = zip(titles, rows, mean, scale, strict=True)
    return [Column(title, values, float(m), float(s)) for title, values, m, s in each]


def categories(title: str, part: Any, n_rows: int) -> list[Column]:
    """Return a column for each category."""
    cells, vocabulary = part
    codes = vocabulary.codes(cells, 0, n_rows, "ignore").tolist()
    return [
        Column(title, [float(code == place) for code in codes], category=str(category))
        for place, category in enumerate(vocabulary.categories)
    ]
