"""The graph of a network: units, and the weights between them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

import fastbp as fb
from fastbp import checks
from fastbp.integrations.packages import needed
from fastbp.plot.canvas import axes_for, ink, lay_out, size_in_points, text_width
from fastbp.plot.palette import INK, signs

if TYPE_CHECKING:
    from matplotlib.axes import Axes

USER = "fb.plot.network"
# Layers up to which all are drawn, edges up to which each has its number.
MOST_LAYERS = 9
MOST_NUMBERS = 6
# The radius of a unit, and the place of an edge's number between two units where edges cross.
RADIUS, NUMBER_AT = 0.3, 0.3
# Room around the units, for captions and names.
SIDE, ABOVE, BELOW = 1.0, 0.5, 1.4
# From column to column, where units of a column are 1 apart.
LEAST_STEP, MOST_STEP = 1.5, 8.0
# In points.
FONT, LEAST_FONT, THIN, THICK = 9.0, 4.0, 0.3, 3.2
# The colour of 0, and the share of the largest number from which colours are dark.
ZERO, DARK = "#dddddd", 0.55
MIDDLE: dict[str, Any] = {"ha": "center", "va": "center", "color": INK}


@dataclass(frozen=True)
class Column:
    """A layer in the drawing, or layers that are left out.

    Attributes
    ----------
    layer : int or None
        0 for the inputs, then the layers from 1; None: some that are left out.
    x : float
        Where it stands.
    units : list of int or None
        Its units from above; None for those that are left out.
    """

    layer: int | None
    x: float
    units: list[int | None]

    def heights(self) -> dict[int, float]:
        """Return where each unit stands."""
        middle = (len(self.units) - 1) / 2
        return {unit: middle - row for row, unit in enumerate(self.units) if unit is not None}

    def gaps(self) -> list[float]:
        """Return where units are left out."""
        middle = (len(self.units) - 1) / 2
        return [middle - row for row, unit in enumerate(self.units) if unit is None]


def network(
    net: fb.Network,
    *,
    most_units: int = 10,
    numbers: bool | None = None,
    names: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the graph of a network.

    A line is a weight: its colour tells the sign, colour and width the size. A disc is a unit, its
    colour the bias; a dashed one has none. Dots stand for units, and in deep networks for layers,
    that are left out.

    Parameters
    ----------
    net : Network
        Stays as it is.
    most_units : int
        Units up to which a layer is drawn whole, at least 3.
    numbers : bool, optional
        Whether weights and biases are written too; None: where there are at most 6 weights.
    names : list of str, optional
        What the inputs are called; None: the names of columns that `net.inputs` knows, else x1, x2,
        and so on.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong type or out of range, or there is not a name for each input.
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> import fastbp as fb
    >>> from matplotlib.figure import Figure
    >>> ax = fb.plot.network(fb.mlp([2, 3, 1]), ax=Figure().add_subplot())
    >>> len(ax.collections[0].get_segments())
    9
    """
    given = network_of(net)
    most = checks.integer("most_units", most_units, 3)
    labels = _input_names(given, names)
    n_weights = sum(weight.size for weight in given.weights)
    is_small = n_weights <= MOST_NUMBERS if numbers is None else checks.flag("numbers", numbers)
    tallest = min(max(given.sizes), most)
    axes = axes_for(USER, ax, (6.4, 1.8 + 0.3 * tallest))
    scale = _largest(given)
    _bar(axes, scale)
    lay_out(axes)
    width, height = size_in_points(axes)
    columns = _columns(given.sizes, most, width / height)
    _edges(axes, given, columns, scale)
    _units(axes, given, columns, scale)
    _captions(axes, given, columns, labels)
    if is_small:
        _numbers(axes, given, columns, scale)
    return axes


def network_of(value: object) -> fb.Network:
    """Return the network that was given."""
    if not isinstance(value, fb.Network):
        raise TypeError(f"net must be a Network, got {checks.described(value)}")
    return value


def _input_names(net: fb.Network, names: Sequence[str] | None) -> list[str]:
    n_in = net.sizes[0]
    if names is None:
        found = getattr(net.inputs, "output_names", None) or getattr(net.inputs, "names", None)
        known = [str(name) for name in found or ()]
        return known if len(known) == n_in else [f"x{place}" for place in range(1, n_in + 1)]
    if isinstance(names, str) or not isinstance(names, Sequence):
        raise TypeError(f"names must be a list of names, got {checks.described(names)}")
    if len(names) != n_in:
        raise ValueError(f"names must hold a name for each of {n_in} inputs, got {len(names)}")
    return [str(name) for name in names]


def _shortened(count: int, most: int) -> list[int | None]:
    """Return the numbers below count, the middle ones left out where there are more than most."""
    if count <= most:
        return list(range(count))
    tail = (most - 1) // 2
    return [*range(most - 1 - tail), None, *range(count - tail, count)]


def _columns(sizes: list[int], most: int, shape: float) -> list[Column]:
    """Return the columns, so far from each other that the whole is as wide as the Axes."""
    layers = _shortened(len(sizes), MOST_LAYERS)
    nothing: list[int | None] = [None]
    units = [nothing if k is None else _shortened(sizes[k], most) for k in layers]
    height = max(map(len, units)) - 1 + ABOVE + BELOW
    step = (height * shape - 2 * SIDE) / (len(layers) - 1)
    step = min(max(step, LEAST_STEP), MOST_STEP)
    return [
        Column(layer, place * step, rows)
        for place, (layer, rows) in enumerate(zip(layers, units, strict=True))
    ]


def _neighbours(columns: list[Column]) -> Iterator[tuple[Column, Column, int]]:
    """Yield each pair of columns between which weights are drawn, and the layer that has them."""
    for left, right in itertools.pairwise(columns):
        if left.layer is not None and right.layer is not None:
            yield left, right, right.layer - 1


def _largest(net: fb.Network) -> float:
    """Return the largest size of a weight or bias; 1 where all are 0."""
    parts = [part for part in (*net.weights, *net.biases) if part is not None]
    return max(float(np.abs(part).max()) for part in parts) or 1.0


def _bar(axes: Axes, scale: float) -> None:
    """Draw the scale of the colours."""
    colours = needed(USER, "matplotlib.cm", "plot", "matplotlib").ScalarMappable(cmap=signs(ZERO))
    colours.set_clim(-scale, scale)
    bar: Any = axes.figure.colorbar(colours, ax=axes, fraction=0.045, pad=0.02, shrink=0.8)
    bar.set_label("weight, bias")
    bar.outline.set_visible(False)
    axes.set_axis_off()


def _edges(axes: Axes, net: fb.Network, columns: list[Column], scale: float) -> None:
    """Draw the weights between units that are shown, the largest last."""
    lines = needed(USER, "matplotlib.collections", "plot", "matplotlib").LineCollection
    found = []
    for left, right, layer in _neighbours(columns):
        weight = net.weights[layer]
        for k, low in left.heights().items():
            for j, high in right.heights().items():
                found.append((float(weight[j, k]), [(left.x, low), (right.x, high)]))
    found.sort(key=lambda one: abs(one[0]))
    sizes = np.array([value for value, _ in found])
    edges = lines(
        [ends for _, ends in found],
        linewidths=THIN + (THICK - THIN) * np.abs(sizes) / scale,
        cmap=signs(ZERO),
        zorder=1,
        capstyle="round",
    )
    edges.set_array(sizes)
    edges.set_clim(-scale, scale)
    axes.add_collection(edges, autolim=False)


def _units(axes: Axes, net: fb.Network, columns: list[Column], scale: float) -> None:
    """Draw the units that are shown: inputs, those with a bias, those without; and the dots."""
    places: dict[str, list[tuple[float, float]]] = {"inputs": [], "biased": [], "plain": []}
    biases, dots = [], []
    for column in columns:
        if column.layer is None:
            dots += [(column.x + shift, 0.0) for shift in (-0.3, 0, 0.3)]
            continue
        dots += [(column.x, y + shift) for y in column.gaps() for shift in (-0.25, 0, 0.25)]
        bias = net.biases[column.layer - 1] if column.layer else None
        kind = "inputs" if column.layer == 0 else "plain" if bias is None else "biased"
        for unit, y in column.heights().items():
            places[kind].append((column.x, y))
            if bias is not None:
                biases.append(float(bias[unit]))
    for kind, centres in places.items():
        if not centres:
            continue
        discs = _discs(centres, "--" if kind == "plain" else "-", ink(axes))
        if kind == "biased":
            discs.set(array=np.array(biases), clim=(-scale, scale), cmap=signs(ZERO))
        else:
            discs.set_facecolor("white")
        discs.set_label(kind)
        axes.add_collection(discs, autolim=False)
    if dots:
        axes.plot(*np.array(dots).T, "o", color=ink(axes), markersize=2, zorder=3)
    axes.set_aspect("equal", adjustable="box")
    half = (max(len(column.units) for column in columns) - 1) / 2
    axes.set_xlim(-SIDE, columns[-1].x + SIDE)
    axes.set_ylim(-half - BELOW, half + ABOVE)


def _discs(centres: list[tuple[float, float]], stroke: str, colour: Any) -> Any:
    """Return the discs of units at some places."""
    circle = needed(USER, "matplotlib.patches", "plot", "matplotlib").Circle
    group = needed(USER, "matplotlib.collections", "plot", "matplotlib").PatchCollection
    patches = [circle(centre, RADIUS) for centre in centres]
    return group(patches, edgecolors=colour, linewidths=0.8, linestyles=stroke, zorder=2)


def _captions(axes: Axes, net: fb.Network, columns: list[Column], names: list[str]) -> None:
    """Write what each layer is under it, and what the inputs are called beside them."""
    foot = -(max(len(column.units) for column in columns) - 1) / 2 - 0.5
    told = {c.layer: _caption(net, c.layer) for c in columns if c.layer is not None}
    room = (columns[1].x - columns[0].x) * _points_a_unit(axes)
    if _widest(told.values()) > room:
        told = {layer: " ".join(lines).split() for layer, lines in told.items()}
    font = FONT * min(1, max(LEAST_FONT / FONT, 0.88 * room / _widest(told.values())))
    for column in columns:
        if column.layer is not None:
            text = "\n".join(told[column.layer])
            axes.text(column.x, foot, text, ha="center", va="top", fontsize=font, color=ink(axes))
    first = columns[0]
    font = min(font, _points_a_unit(axes))
    for unit, y in first.heights().items():
        place = (first.x - RADIUS - 0.1, y)
        axes.text(*place, names[unit], ha="right", va="center", fontsize=font, color=ink(axes))


def _widest(captions: Iterable[list[str]]) -> float:
    """Return the width of the longest line in points."""
    return max(text_width(line, FONT) for lines in captions for line in lines)


def _caption(net: fb.Network, layer: int) -> list[str]:
    """Return what is written under a layer, line by line."""
    count = net.sizes[layer]
    if layer == 0:
        return [f"{count} input{'s' * (count != 1)}"]
    dense = net.layers[layer - 1]
    extra = [] if dense.norm is None else [f"{dense.norm} norm"]
    extra += [f"dropout {dense.dropout:g}"] if dense.dropout else []
    extra += ["residual"] if dense.residual else []
    extra += [] if dense.bias else ["no bias"]
    return [f"{count} {dense.activation}", *extra]


def _points_a_unit(axes: Axes) -> float:
    """Return how many points a unit of the drawing takes."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    width, height = size_in_points(axes)
    return min(width / (right - left), height / (high - low))


def _numbers(axes: Axes, net: fb.Network, columns: list[Column], scale: float) -> None:
    """Write the weights on their lines and the biases in their discs."""
    box = {"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.85}
    font = min(FONT - 1, RADIUS * _points_a_unit(axes) * 0.75)
    for left, right, layer in _neighbours(columns):
        weight, bias = net.weights[layer], net.biases[layer]
        crosses = min(len(left.units), len(right.units)) > 1
        ends = (left.x + RADIUS, right.x - RADIUS)
        share = NUMBER_AT if crosses else 0.5
        x = ends[0] + share * (ends[1] - ends[0])
        along = (x - left.x) / (right.x - left.x)
        for j, high in right.heights().items():
            for k, low in left.heights().items():
                y = low + along * (high - low)
                axes.text(x, y, f"{weight[j, k]:.3g}", size=font, bbox=box, **MIDDLE)
            if bias is not None:
                is_dark = abs(bias[j]) > DARK * scale
                ink = {"color": "white"} if is_dark else {}
                axes.text(right.x, high, f"{bias[j]:.3g}", size=font, **(MIDDLE | ink))
