"""What a network of two inputs decides, over the plane of its inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

import fastbp as fb
from fastbp import checks
from fastbp.checks import Array
from fastbp.integrations.packages import needed
from fastbp.names import plain
from fastbp.plot.canvas import axes_for, legend_above
from fastbp.plot.graph import network_of
from fastbp.plot.palette import AMOUNTS, CLASSES, INK, MARKERS, shades
from fastbp.spec import shape_text, targets_a_row

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.axes import Axes

USER = "fb.plot.decision"
# Room around the rows, a share of what they span.
MARGIN = 0.08
LEVELS = 14
# How much of a region's colour there is, so that marks stand out.
SHADE = 0.55
# Outputs between these, of which the middle one decides.
TWO_CLASSES = {"sigmoid": (0.0, 1.0), "hard_sigmoid": (0.0, 1.0), "hinge": (-1.0, 1.0)}
PROBABILITIES = ("softmax", "log_softmax")


@dataclass(frozen=True)
class Plane:
    """The points of the plane that are asked for, and what the network says of them.

    Attributes
    ----------
    first, second : array, (resolution,)
        What the inputs are along the axes.
    outputs : array, (resolution, resolution, n_out)
        [i, j] is of first[j] and second[i].
    """

    first: Array
    second: Array
    outputs: Array

    def extent(self) -> tuple[float, float, float, float]:
        """Return the edges of an image whose pixels have the points in their middle."""
        (left, right), (low, high) = (
            (line[0] - (line[1] - line[0]) / 2, line[-1] + (line[1] - line[0]) / 2)
            for line in (self.first, self.second)
        )
        return left, right, low, high


def decision(
    net: fb.Network,
    x: Any,
    y: npt.ArrayLike,
    *,
    output: int | None = None,
    classes: Sequence[str] | None = None,
    resolution: int = 240,
    ax: Axes | None = None,
) -> Axes:
    """Draw what a network of two inputs decides, and rows over it.

    Classes are regions, the paler the less sure the network is, with lines where it changes its
    mind; rows are marked by their class. Any other output is a surface of filled contours, in whose
    colours the rows show their own y.

    Parameters
    ----------
    net : Network
        Of two inputs; stays as it is. Classes are outputs of softmax; or one output that is a
        sigmoid's or is trained by hinge.
    x : array_like or table, (n_rows, 2)
        As for `predict`. The plane reaches a little further than these rows do.
    y : array_like, (n_rows,) or (n_rows, n_out)
        As for `evaluate`.
    output : int, optional
        Which of several outputs that are no classes is drawn, from 0.
    classes : list of str, optional
        What the classes are called; None: their numbers.
    resolution : int
        Points along each axis, at least 2.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong type, shape or range; the network has not two inputs, or several
        outputs of which none is named.
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> import fastbp as fb
    >>> from matplotlib.figure import Figure
    >>> x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    >>> net = fb.mlp([2, 8, 1], "tanh", "sigmoid", "binary_cross_entropy")
    >>> ax = fb.plot.decision(net, x, y, ax=Figure().add_subplot())
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('x1', 'x2')
    """
    given = network_of(net)
    points = _points(given, x)
    limits = _limits(given)
    is_classes = limits is not None or _last(given) in PROBABILITIES
    place = _output(given, output, is_classes)
    targets = _targets(given, y, len(points), limits)
    names = _class_names(given, classes, is_classes)
    plane = _plane(given, points, checks.integer("resolution", resolution, 2))
    axes = axes_for(USER, ax, (5.6, 4.6))
    if limits is not None:
        _two_regions(axes, plane, limits, names)
    elif is_classes:
        _many_regions(axes, plane)
    if is_classes:
        _marks(axes, points, targets, names)
    else:
        _surface(axes, plane, place, points, targets[:, place])
    labels = [str(name) for name in getattr(given.inputs, "names", None) or ("x1", "x2")]
    axes.set(xlabel=labels[0], ylabel=labels[1])
    axes.set(xlim=plane.first[[0, -1]], ylim=plane.second[[0, -1]])
    return axes


def _points(net: fb.Network, x: Any) -> Array:
    """Return the two numbers of each row, (n_rows, 2), in the order of the network's inputs."""
    takes_numbers = net.inputs is None or isinstance(net.inputs, (fb.Standardize, fb.Columns))
    names = getattr(net.inputs, "names", None)
    if net.sizes[0] != 2 or not takes_numbers or (names is not None and len(names) != 2):
        raise ValueError(
            f"net must have 2 inputs that are numbers (network sizes {shape_text(net.sizes)}), "
            f"got {net.sizes[0]}" + (f" from {net.inputs!r}" if net.inputs is not None else "")
        )
    net.predict(x)
    if names is not None and not isinstance(x, (np.ndarray, list, tuple)):
        return np.column_stack([np.asarray(x[name], np.float64) for name in names])
    return checks.rows("x", x, 2, np.float64, shape_text(net.sizes))


def _last(net: fb.Network) -> str:
    """Return the activation of the outputs."""
    return plain(net.layers[-1].activation)


def _limits(net: fb.Network) -> tuple[float, float] | None:
    """Return the outputs that stand for either of two classes; None where there are not two."""
    if net.sizes[-1] != 1:
        return None
    return TWO_CLASSES.get(plain(net.loss)) or TWO_CLASSES.get(_last(net))


def _output(net: fb.Network, output: object, is_classes: bool) -> int:
    """Return the place of the output that is drawn as a surface."""
    count = targets_a_row(net.loss, net.sizes[-1])
    if output is None:
        if count > 1 and not is_classes:
            raise ValueError(
                f"output must be a place from 0 to {count - 1} where several outputs are no "
                f"classes (network sizes {shape_text(net.sizes)}, output {_last(net)!r}), got None"
            )
        return 0
    if is_classes:
        raise ValueError(f"output must be None where outputs are classes, got {output!r}")
    return checks.integer("output", output, 0, count - 1)


def _targets(
    net: fb.Network, y: npt.ArrayLike, n_rows: int, limits: tuple[float, float] | None
) -> Array:
    """Return the class of each row, (n_rows,), or its numbers, (n_rows, n_y)."""
    n_y = targets_a_row(net.loss, net.sizes[-1])
    found, label = checks.targets(y, plain(net.loss), n_rows, n_y, np.float64)
    if found is None:
        assert label is not None
        return label
    if limits is not None:
        above: Array = (found[:, 0] > sum(limits) / 2).astype(np.int64)
        return above
    return found.argmax(axis=1) if _last(net) in PROBABILITIES else found


def _class_names(net: fb.Network, classes: Sequence[str] | None, is_classes: bool) -> list[str]:
    """Return what each class is called."""
    count = max(net.sizes[-1], 2)
    if classes is None:
        return [f"class {place}" for place in range(count)]
    if not is_classes:
        raise ValueError(
            f"classes must be None where outputs are no classes (output {_last(net)!r}), got "
            f"{checks.described(classes)}"
        )
    if isinstance(classes, str) or len(classes) != count:
        raise ValueError(
            f"classes must hold {count} names, one a class, got {checks.described(classes)}"
        )
    return [str(name) for name in classes]


def _plane(net: fb.Network, points: Array, resolution: int) -> Plane:
    """Return the outputs over a plane that the rows are in."""
    lines = []
    for column in points.T:
        low, high = float(column.min()), float(column.max())
        room = MARGIN * (high - low) or 1.0
        lines.append(np.linspace(low - room, high + room, resolution))
    grid = np.stack(np.meshgrid(*lines), axis=-1).reshape(-1, 2)
    asked: Any = grid
    if isinstance(net.inputs, fb.Columns):
        asked = dict(zip(net.inputs.names, grid.T, strict=True))
    outputs = net.predict(asked).astype(np.float64)
    if _last(net) == "log_softmax":
        outputs = np.exp(outputs)
    return Plane(lines[0], lines[1], outputs.reshape(resolution, resolution, -1))


def _two_regions(axes: Axes, plane: Plane, limits: tuple[float, float], names: list[str]) -> None:
    """Shade the plane by one output, with a line where it is half-way."""
    values = plane.outputs[..., 0]
    image = axes.imshow(
        values,
        origin="lower",
        extent=plane.extent(),
        aspect="auto",
        cmap=shades(CLASSES[0], "#ffffff", CLASSES[1]),
        vmin=limits[0],
        vmax=limits[1],
        alpha=SHADE,
    )
    middle = sum(limits) / 2
    if values.min() < middle < values.max():
        axes.contour(plane.first, plane.second, values, [middle], colors=INK, linewidths=1.2)
    bar = axes.figure.colorbar(image, ax=axes, fraction=0.046, pad=0.03)
    what = "probability" if limits[0] == 0 else "output"
    bar.set_label(f"{what} of {names[1]}" if limits[0] == 0 else what)


def _many_regions(axes: Axes, plane: Plane) -> None:
    """Fill each class's region, paler where it is less probable, with lines between them."""
    chosen = plane.outputs.argmax(axis=-1)
    count = plane.outputs.shape[-1]
    for place in range(count):
        axes.imshow(
            np.ma.masked_array(plane.outputs[..., place], chosen != place),
            origin="lower",
            extent=plane.extent(),
            aspect="auto",
            interpolation="nearest",
            cmap=shades("#ffffff", CLASSES[place % len(CLASSES)]),
            vmin=1 / count,
            vmax=1,
            alpha=SHADE,
        )
        is_here = (chosen == place).astype(float)
        if 0 < is_here.mean() < 1:
            line = axes.contour(plane.first, plane.second, is_here, [0.5], colors=INK)
            line.set_linewidth(0.8)


def _marks(axes: Any, points: Array, labels: Array, names: list[str]) -> None:
    """Mark the rows by their class, which the legend names."""
    size = _mark_size(len(points))
    marks = [
        axes.scatter(
            *points[labels == place].T,
            s=size,
            color=CLASSES[place % len(CLASSES)],
            marker=MARKERS[place % len(MARKERS)],
            edgecolors="white",
            linewidths=0.6,
            label=name,
            zorder=3,
        )
        for place, name in enumerate(names)
        if (labels == place).any()
    ]
    legend_above(axes, marks)


def _surface(axes: Any, plane: Plane, place: int, points: Array, y: Array) -> None:
    """Draw one output as filled contours, and rows in the colours of the same scale."""
    values = plane.outputs[..., place]
    ends = (min(values.min(), y.min()), max(values.max(), y.max()))
    ticker = needed(USER, "matplotlib.ticker", "plot", "matplotlib")
    levels = ticker.MaxNLocator(LEVELS).tick_values(*ends)
    filled = axes.contourf(plane.first, plane.second, values, levels, cmap=AMOUNTS)
    axes.scatter(
        *points.T,
        c=y,
        s=_mark_size(len(points)),
        cmap=filled.cmap,
        norm=filled.norm,
        edgecolors="white",
        linewidths=0.6,
        zorder=3,
    )
    bar = axes.figure.colorbar(filled, ax=axes, fraction=0.046, pad=0.03)
    bar.set_label("prediction (surface), y (points)")


def _mark_size(n_rows: int) -> float:
    """Return the area of a row's mark in square points: the more rows, the smaller."""
    return float(np.clip(6000 / n_rows, 14, 42))
