"""The edges of the picture: width by the size of a weight, colour and dashes by its sign."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastbp.explain.layout import Layout
from fastbp.explain.shown import shown

# More edges between two layers have labels only while they are pointed at.
MOST_LABELS = 3
THINNEST, THICKEST = 1.5, 6.5
# Between dots there are many.
THICKEST_OF_MANY = 3.0


@dataclass(frozen=True)
class Edge:
    """Where an edge runs; its label stands in the middle."""

    x1: float
    y1: float
    x2: float
    y2: float

    def line(self, attributes: str) -> str:
        """Return the edge as one SVG line."""
        ends = f'x1="{self.x1:g}" y1="{self.y1:g}" x2="{self.x2:g}" y2="{self.y2:g}"'
        return f"<line {attributes} {ends}/>"

    def weighted(self, value: float, state: str, part: float, thickest: float) -> str:
        """Return the edge as one value of its weight draws it, `part` of the largest one."""
        width = THINNEST + (thickest - THINNEST) * part
        return self.line(f'class="weight {state} {sign(value)}" stroke-width="{width:.2f}"')

    def label(self, value: float, state: str, digits: int) -> str:
        """Return what stands at the edge for one value of its weight."""
        x, y = (self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2
        y += -9 if self.y1 == self.y2 else 6
        text = shown(value, digits)
        return f'<text class="{state} {sign(value)}" x="{x:g}" y="{y:g}">{text}</text>'


def edges_into(contents: dict[str, Any], layout: Layout, layer: int) -> str:
    """Return the edges that end in a layer.

    Parameters
    ----------
    contents : dict
        `Trace.to_dict()`.
    layout : Layout
        Where the units stand.
    layer : int
        From 1 to the number of layers.

    Returns
    -------
    str
        SVG groups ``edge``, each with the old and the new weight, and above them all ``label``.
    """
    network, digits = contents["network"], contents["digits"]
    old, new = network["weights"][layer - 1], network["new_weights"][layer - 1]
    largest = max(abs(weight) for rows in (old, new) for row in rows for weight in row) or 1.0
    updates = {
        tuple(step["edge"]): number
        for number, step in enumerate(contents["steps"], start=1)
        if step["kind"] == "weight_update" and step["edge"]
    }
    pairs = [(j, k) for j in layout.units[layer] for k in layout.units[layer - 1]]
    quiet = " quiet" if len(pairs) > MOST_LABELS else ""
    thickest = THICKEST if layout.lines else THICKEST_OF_MANY
    lines, labels = [], []
    for unit, source in pairs:
        edge = _edge(layout, layer, unit, source)
        known = updates.get((layer, unit, source), len(contents["steps"]) + 1)
        place = f'data-edge="{layer},{unit},{source}" data-from="{known}"'
        states = (("old", old[unit][source]), ("new", new[unit][source]))
        lines += [
            f'<g class="edge" {place}>',
            edge.line('class="halo"'),
            *(edge.weighted(w, state, abs(w) / largest, thickest) for state, w in states),
            edge.line('class="hit"') + "</g>",
        ]
        labels += [
            f'<g class="label{quiet}" {place}>',
            *(edge.label(value, state, digits) for state, value in states),
            "</g>",
        ]
    return "".join(lines + labels)


def sign(value: float) -> str:
    """Return the class of a weight."""
    return "negative" if value < 0 else "positive"


def _edge(layout: Layout, layer: int, unit: int, source: int) -> Edge:
    """Return where the edge between two units runs."""
    start_x, start_y = layout.middle(layer - 1, layout.places(layer - 1)[source])
    end_x, end_y = layout.middle(layer, layout.places(layer)[unit])
    side = layout.box / 2 if layout.lines else layout.unit_height / 2
    return Edge(start_x + side, start_y, end_x - side, end_y)
