"""The loss around a network's parameters, over a plane through them."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

import fastbp as fb
from fastbp import checks
from fastbp.checks import Array
from fastbp.integrations.packages import needed
from fastbp.plot.canvas import axes_for, legend_above
from fastbp.plot.graph import network_of
from fastbp.plot.palette import AMOUNTS, INK, VERMILLION

if TYPE_CHECKING:
    import numpy.typing as npt
    from matplotlib.axes import Axes

USER = "fb.plot.loss_surface"
NORMALISED = ("filter", "layer", "none")
LEVELS = 16
# The largest loss by the smallest from which the levels are powers.
WIDE = 20
# Room around a path, a share of what it spans.
MARGIN = 0.25


@dataclass(frozen=True)
class Plane:
    """Two directions, how far to go along them, and what the axes say.

    Attributes
    ----------
    directions : array, (2, n_params)
    first, second : (float, float)
        From where to where, in directions.
    labels : (str, str)
    path : array, (n, 2), or None
        The places of earlier parameters.
    """

    directions: Array
    first: tuple[float, float]
    second: tuple[float, float]
    labels: tuple[str, str]
    path: Array | None = None


def loss_surface(
    net: fb.Network,
    x: Any,
    y: npt.ArrayLike,
    *,
    directions: npt.ArrayLike | None = None,
    path: npt.ArrayLike | None = None,
    normalise: str = "filter",
    seed: int = 0,
    span: float = 1.0,
    resolution: int = 31,
    ax: Axes | None = None,
) -> Axes:
    """Draw the loss over a plane through the network's parameters.

    L(p + alpha d1 + beta d2) for alpha and beta from -span to span, as filled contours; the network
    itself is marked at (0, 0).

    Parameters
    ----------
    net : Network
        Stays as it is: all is computed with a copy.
    x, y
        As for `evaluate`. The whole takes resolution^2 calls of it.
    directions : array_like, (2, n_params), optional
        d1 and d2, in the order of `net.params`, taken as they are; None: drawn by the seed.
    path : array_like, (n, n_params), optional
        Parameters on the way here, such as a callback keeps: the plane is that of the two principal
        directions of their differences from `net.params`, each of length 1, and has them all.
    normalise : str
        How long drawn directions are. "filter": in each unit's weights as long as the weights are;
        "layer": in each layer's; "none": as drawn from a normal distribution. Biases and what norms
        have stay as they are, as where a layer is tied its own part does.
    seed : int
        Of the drawn directions, at least 0.
    span : float
        How far to go, in directions, above 0; with a path, it is as far as the path needs.
    resolution : int
        Points along each axis, at least 3; the marked one is among them where it is odd.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong type, shape or range; both `directions` and `path` are given; no
        loss in the plane is finite.
    ImportError
        matplotlib is not installed.

    References
    ----------
    H. Li, Z. Xu, G. Taylor, C. Studer, T. Goldstein, "Visualizing the loss landscape of neural
    nets", NeurIPS 2018: eq. 1 and section 4 for the plane and the lengths, section 7.2 for paths.

    Examples
    --------
    >>> import fastbp as fb
    >>> from matplotlib.figure import Figure
    >>> x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    >>> net = fb.mlp([2, 4, 1], "tanh")
    >>> ax = fb.plot.loss_surface(net, x, y, ax=Figure().add_subplot())
    >>> ax.get_xlabel()
    'direction 1 (filter norm)'
    """
    given = network_of(net)
    wide = checks.number("span", span, 0, above=True)
    count = checks.integer("resolution", resolution, 3)
    checks.choice("normalise", normalise, NORMALISED)
    number = checks.integer("seed", seed, 0, most=None)
    if directions is not None and path is not None:
        raise ValueError("directions must be None where path is given, got both")
    here = given.evaluate(x, y)
    if path is not None:
        plane = _plane_of_path(given, path)
    else:
        plane = _plane_of_directions(given, directions, normalise, number, wide)
    first, second = np.linspace(*plane.first, count), np.linspace(*plane.second, count)
    losses = _losses(given, x, y, plane.directions, first, second)
    axes = axes_for(USER, ax, (5.8, 4.6))
    _contours(axes, first, second, losses)
    _places(axes, plane, here)
    axes.set(xlabel=plane.labels[0], ylabel=plane.labels[1])
    axes.locator_params(nbins=5)
    return axes


def _plane_of_directions(
    net: fb.Network, given: npt.ArrayLike | None, normalise: str, seed: int, span: float
) -> Plane:
    """Return the plane of two directions that are given or drawn."""
    if given is not None:
        found = checks.shaped("directions", given, (2, net.params.size)).astype(np.float64)
        checks.finite("directions", np.ascontiguousarray(found), found)
        told = ""
    else:
        rng = np.random.default_rng(seed)
        found = np.stack([_direction(net, rng, normalise) for _ in range(2)])
        told = "" if normalise == "none" else f" ({normalise} norm)"
    labels = tuple(f"direction {place}{told}" for place in (1, 2))
    return Plane(found, (-span, span), (-span, span), (labels[0], labels[1]))


def _direction(net: fb.Network, rng: np.random.Generator, normalise: str) -> Array:
    """Return a direction of weights drawn by a generator, 0 for all other parameters."""
    probe = copy.deepcopy(net)
    probe.params[...] = 0
    for layer, weight, part in zip(net.layers, net.weights, probe.weights, strict=True):
        if layer.tied_to is not None:
            continue
        drawn = rng.standard_normal(weight.shape)
        if normalise != "none":
            of_units = normalise == "filter"
            drawn *= _lengths(weight, of_units) / _lengths(drawn, of_units)
        part[...] = drawn
    return probe.params.astype(np.float64)


def _lengths(weight: Array, of_units: bool) -> Array:
    """Return the 2-norms of a matrix's rows, or of all of it."""
    squares = weight.astype(np.float64) ** 2
    norms: Array = np.sqrt(squares.sum(axis=1 if of_units else None, keepdims=True))
    return norms


def _plane_of_path(net: fb.Network, path: npt.ArrayLike) -> Plane:
    """Return the plane that earlier parameters are closest to."""
    points = checks.numeric_array("path", path)
    if net.params.size < 2:
        raise ValueError("path must be of at least 2 parameters, got a network of 1")
    if points.ndim != 2 or points.shape[1] != net.params.size or len(points) < 2:
        raise ValueError(
            f"path must have shape (n, {net.params.size}) with n at least 2, got shape "
            f"{points.shape}"
        )
    way = np.ascontiguousarray(points, np.float64)
    checks.finite("path", way, points)
    way = way - net.params
    _, sizes, axes = np.linalg.svd(way, full_matrices=False)
    total = float((sizes**2).sum())
    if total == 0:
        raise ValueError("path must hold parameters other than net.params, got only these")
    places = way @ axes[:2].T
    ends = np.stack([np.minimum(places.min(axis=0), 0), np.maximum(places.max(axis=0), 0)])
    spans = ends[1] - ends[0]
    # A path that is all but straight needs some room beside it too.
    room = MARGIN * np.maximum(spans, spans.max() / 2)
    low, high = ends[0] - room, ends[1] + room
    shares = [f"{100 * size**2 / total:.3g} % of the path" for size in sizes[:2]]
    return Plane(
        axes[:2],
        (float(low[0]), float(high[0])),
        (float(low[1]), float(high[1])),
        (f"direction 1 ({shares[0]})", f"direction 2 ({shares[1]})"),
        places,
    )


def _losses(
    net: fb.Network, x: Any, y: npt.ArrayLike, directions: Array, first: Array, second: Array
) -> Array:
    """Return the loss at each point, [i, j] at second[i] and first[j], computed with a copy."""
    probe = copy.deepcopy(net)
    start = net.params.astype(np.float64)
    found = np.empty((len(second), len(first)))
    for i, along_second in enumerate(second):
        for j, along_first in enumerate(first):
            probe.params[...] = start + along_first * directions[0] + along_second * directions[1]
            found[i, j] = probe.evaluate(x, y)
    return found


def _contours(axes: Any, first: Array, second: Array, losses: Array) -> None:
    """Draw losses as filled contours, in powers where they span much."""
    finite = losses[np.isfinite(losses)]
    if not finite.size:
        raise ValueError("span must be one within which a loss is finite, got none that is")
    low, high = float(finite.min()), float(finite.max())
    is_log = low > 0 and high > WIDE * low
    if is_log:
        # A hair further, for rounding leaves neither end out.
        levels = np.geomspace(low * (1 - 1e-6), high * (1 + 1e-6), LEVELS + 1)
    else:
        locator = needed(USER, "matplotlib.ticker", "plot", "matplotlib").MaxNLocator
        levels = locator(LEVELS).tick_values(low, high)
    shown = np.ma.masked_invalid(losses)
    scale: dict[str, Any] = {"norm": "log"} if is_log else {}
    filled = axes.contourf(first, second, shown, levels, cmap=AMOUNTS, **scale)
    axes.contour(first, second, shown, levels, colors="white", linewidths=0.4, alpha=0.5)
    bar = axes.figure.colorbar(filled, ax=axes, fraction=0.046, pad=0.03)
    bar.set_label("loss")
    if is_log:
        bar.set_ticks(levels[::4], labels=[f"{level:.2g}" for level in levels[::4]])
        bar.minorticks_off()


def _places(axes: Any, plane: Plane, loss: float) -> None:
    """Mark where the network is, and the path that led there."""
    marks = []
    if plane.path is not None:
        marks += axes.plot(*plane.path.T, "-o", color="white", markersize=2.5, linewidth=1.2)
        marks[0].set_label("path")
        effects = needed(USER, "matplotlib.patheffects", "plot", "matplotlib")
        marks[0].set_path_effects([effects.withStroke(linewidth=3, foreground=INK)])
    marks += axes.plot(
        [0], [0], "*", color=VERMILLION, markersize=14, markeredgecolor="white", zorder=4
    )
    marks[-1].set_label(f"loss {loss:.3g}")
    legend_above(axes, marks)
