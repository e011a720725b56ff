"""The network of a trace as SVG: every figure in its place, with the step that makes it known.

Figures carry `data-from`, the number of their step, and `data-row`; of the figures in one `slot`
the page's script shows the last one that is known. Edges and biases hold both their values, and are
`updated` from their step on. So the script never formats a number.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from fastbp.explain.edges import edges_into
from fastbp.explain.layout import LINE, TAB, Layout, laid_out
from fastbp.explain.shown import shown
from fastbp.explain.typeset import parts

# Which line of a unit's box the figure of a step stands on.
LINES = {"z": 0, "norm": 0, "a": 1, "dropout": 1, "skip": 1, "delta": 2}

Contents = dict[str, Any]


@dataclass(frozen=True)
class Figure:
    """A name and a value, known from a step on; `row` is None where all rows share it."""

    name: str
    value: str
    step: int
    row: int | None
    line: int

    def svg(self, x: float, y: float, width: float) -> str:
        """Return the figure as SVG: the name at the left end, the value at the right end."""
        row = "" if self.row is None else f' data-row="{self.row}"'
        hidden = " other-row" if self.row else ""
        return (
            f'<g class="figure{hidden}" data-from="{self.step}"{row}>'
            f'<text class="name" x="{x:g}" y="{y:g}">{named(self.name)}</text>'
            f'<text class="value" x="{x + width:g}" y="{y:g}">{escape(self.value)}</text></g>'
        )


def named(name: str) -> str:
    """Return a name as the content of an SVG text.

    Examples
    --------
    >>> named("delta1")
    'δ<tspan class="sub" dy="4">1</tspan>'
    """
    letter, subscript = parts(name)
    lowered = f'<tspan class="sub" dy="4">{escape(subscript)}</tspan>' if subscript else ""
    return escape(letter) + lowered


def drawing(contents: Contents) -> str:
    """Return the picture of a trace's network.

    Parameters
    ----------
    contents : dict
        `Trace.to_dict()`.

    Returns
    -------
    str
        An ``svg`` element, without styles of its own.
    """
    figures = unit_figures(contents)
    layout = laid_out(contents, _widest(contents, figures), _labels(contents))
    layers = range(len(layout.sizes))
    pieces = [edges_into(contents, layout, layer) for layer in layers[1:]]
    pieces += [_loss(contents, layout)] if layout.lines else []
    for layer in layers:
        pieces += [_caption(contents, layout, layer), _rest(layout, layer)]
        pieces += [
            _unit(contents, layout, (layer, unit), figures[layer, unit])
            for unit in layout.units[layer]
        ]
    kind = {0: "dots", 1: "single", 3: "boxes"}[layout.lines]
    label = f"{contents['words']['network']} {'-'.join(map(str, layout.sizes))}"
    return (
        f'<svg class="{kind}" viewBox="0 0 {layout.width:g} {layout.bottom:g}"'
        f' width="{layout.width:g}" role="img" aria-label="{escape(label)}">{"".join(pieces)}</svg>'
    )


def unit_figures(contents: Contents) -> dict[tuple[int, int], list[Figure]]:
    """Return the figures of every unit, in the order of their steps."""
    found: dict[tuple[int, int], list[Figure]] = defaultdict(list)
    # Inputs are there from the beginning, unless a step makes them ready.
    ready = {
        (step["row"], *step["node"]): number
        for number, step in enumerate(contents["steps"], start=1)
        if step["kind"] == "input" and step["node"]
    }
    for row, values in enumerate(contents["x"]):
        for unit, value in enumerate(values):
            name = f"x[{unit + 1}]" if len(values) > 1 else "x"
            known = ready.get((row, 0, unit), 0)
            found[0, unit].append(Figure(name, shown(value, contents["digits"]), known, row, 0))
    for number, step in enumerate(contents["steps"], start=1):
        if step["kind"] in LINES and step["node"]:
            layer, unit = step["node"]
            figure = Figure(
                without_row(step["symbol"]),
                step["shown"],
                number,
                step["row"],
                LINES[step["kind"]],
            )
            found[layer, unit].append(figure)
    return found


def without_row(symbol: str) -> str:
    """Return a symbol without the index that names its row.

    Examples
    --------
    >>> without_row("z1[row 2][1]")
    'z1[1]'
    """
    return re.sub(r"\[[^\]\d][^\]]*\]", "", symbol)


def _widest(
    contents: Contents, figures: dict[tuple[int, int], list[Figure]]
) -> list[tuple[str, str]]:
    """Return what the boxes and the tabs above them must have room for."""
    texts = [(figure.name, figure.value) for found in figures.values() for figure in found]
    for kind in ("biases", "new_biases"):
        for layer, values in enumerate(contents["network"][kind], start=1):
            for unit, value in enumerate(values or ()):
                name = bias_name(contents["network"]["sizes"], layer, unit)
                texts.append((name, shown(value, contents["digits"])))
    return texts


def bias_name(sizes: Sequence[int], layer: int, unit: int) -> str:
    """Return the name of a bias; of one unit with one input it has no index.

    Examples
    --------
    >>> bias_name([1, 1], 1, 0), bias_name([2, 3], 1, 2)
    ('b1', 'b1[3]')
    """
    alone = sizes[layer - 1] == sizes[layer] == 1
    return f"b{layer}" if alone else f"b{layer}[{unit + 1}]"


def _labels(contents: Contents) -> list[str]:
    """Return the labels of all weights, before the step and after it."""
    network, digits = contents["network"], contents["digits"]
    return [
        shown(value, digits)
        for name in ("weights", "new_weights")
        for rows in network[name]
        for row in rows
        for value in row
    ]


def _caption(contents: Contents, layout: Layout, layer: int) -> str:
    """Return what stands above a layer: its name and its activation."""
    words, layers = contents["words"], contents["network"]["layers"]
    name = words["layer"].format(layer=layer) if layer else words["inputs"]
    under = layers[layer - 1]["activation"] if layer else ""
    x = layout.middle(layer, 0)[0]
    return (
        f'<text class="caption" x="{x:g}" y="16">{escape(name)}</text>'
        f'<text class="caption" x="{x:g}" y="36">{escape(under)}</text>'
    )


def _rest(layout: Layout, layer: int) -> str:
    """Return the sign for the units of a layer that are not drawn."""
    if not layout.rest(layer):
        return ""
    x, y = layout.middle(layer, layout.gap_place(layer))
    return (
        f'<g class="rest" data-layer="{layer}"><text x="{x:g}" y="{y + 4:g}">⋮</text>'
        f'<text class="caption" x="{x + 20:g}" y="{y + 5:g}">+{layout.rest(layer)}</text></g>'
    )


def _unit(contents: Contents, layout: Layout, node: tuple[int, int], figures: list[Figure]) -> str:
    """Return a unit: its box, the figures in it, its bias above and its target below."""
    layer, unit = node
    x, y = layout.middle(layer, layout.places(layer)[unit])
    start = f'<g class="unit" data-node="{layer},{unit}" data-layer="{layer}">'
    if not layout.lines:
        return f'{start}<circle class="body" cx="{x:g}" cy="{y:g}" r="9"/></g>'
    left, top = layout.left(layer), y - layout.unit_height / 2
    pieces = [
        start,
        f'<rect class="body" x="{left:g}" y="{top:g}" width="{layout.box:g}"'
        f' height="{layout.unit_height:g}" rx="12"/>',
    ]
    for line in range(layout.lines):
        own = [f for f in figures if layout.lines == 1 or f.line == line or layer == 0]
        own = own if layer or line == layout.lines // 2 else []
        base = top + LINE * (line + 1)
        slot = "".join(figure.svg(left + 7, base, layout.box - 14) for figure in own)
        pieces.append(f'<g class="slot">{slot}</g>')
    pieces += ["</g>", _bias(contents, layout, node, top), _target(contents, layout, node, top)]
    return "".join(pieces)


def _bias(contents: Contents, layout: Layout, node: tuple[int, int], top: float) -> str:
    """Return the tab above a unit that holds its bias, before the step and after it."""
    layer, unit = node
    network = contents["network"]
    if layer == 0 or network["biases"][layer - 1] is None:
        return ""
    known = len(contents["steps"]) + 1
    for number, step in enumerate(contents["steps"], start=1):
        if step["kind"] == "bias_update" and step["node"] == [layer, unit]:
            known = number
    name = bias_name(layout.sizes, layer, unit)
    x, width = layout.left(layer) + 3, layout.box - 6
    pieces = [
        f'<g class="bias" data-bias="{layer},{unit}" data-from="{known}">',
        f'<rect class="tab" x="{x:g}" y="{top - TAB:g}" width="{width:g}" height="{TAB - 2}"'
        ' rx="6"/>',
        f'<text class="name" x="{x + 5:g}" y="{top - 9:g}">{named(name)}</text>',
    ]
    for state, values in (("old", network["biases"]), ("new", network["new_biases"])):
        value = shown(values[layer - 1][unit], contents["digits"])
        pieces.append(
            f'<text class="value {state}" x="{x + width - 5:g}" y="{top - 9:g}">{value}</text>'
        )
    return "".join([*pieces, "</g>"])


def _target(contents: Contents, layout: Layout, node: tuple[int, int], top: float) -> str:
    """Return the tab below an output that holds its target, where each output has one."""
    layer, unit = node
    size = layout.sizes[-1]
    if layer != len(layout.sizes) - 1 or any(len(values) != size for values in contents["y"]):
        return ""
    x, width = layout.left(layer) + 3, layout.box - 6
    y = top + layout.unit_height
    name = "y" if size == 1 else f"y[{unit + 1}]"
    figures = "".join(
        Figure(name, shown(values[unit], contents["digits"]), 0, row, 0).svg(
            x + 5, y + TAB - 8, width - 10
        )
        for row, values in enumerate(contents["y"])
    )
    return (
        f'<g class="target"><rect class="tab" x="{x:g}" y="{y + 2:g}" width="{width:g}"'
        f' height="{TAB - 3}" rx="6"/><g class="slot">{figures}</g></g>'
    )


def _loss(contents: Contents, layout: Layout) -> str:
    """Return the box of the loss, below the outputs."""
    last = len(layout.sizes) - 1
    figures = [
        Figure(without_row(step["symbol"]), step["shown"], number, step["row"], 0)
        for number, step in enumerate(contents["steps"], start=1)
        if step["kind"] == "loss"
    ]
    x, y = layout.middle(last, layout.sizes[last] - 1)
    start = y + layout.unit_height / 2 + TAB
    left, top = layout.left(last), start + 16
    slot = "".join(figure.svg(left + 7, top + 23, layout.box - 14) for figure in figures)
    return (
        f'<g class="loss"><line class="wire" x1="{x:g}" y1="{start:g}" x2="{x:g}" y2="{top:g}"/>'
        f'<rect class="body" x="{left:g}" y="{top:g}" width="{layout.box:g}" height="34" rx="12"/>'
        f'<g class="slot">{slot}</g></g>'
    )
