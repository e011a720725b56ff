"""Weights of layers: as heat maps, histograms, or the images that units look for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

import fastbp as fb
from fastbp import checks
from fastbp.checks import Array
from fastbp.plot.canvas import axes_for, ink, keep_title_above
from fastbp.plot.graph import network_of
from fastbp.plot.palette import BLUE, signs
from fastbp.plot.panels import panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

USER = "fb.plot.weights"
KINDS = ("heat", "histogram", "images")
# Inputs from which a square is taken for an image, and units of which all have theirs.
LEAST_PIXELS = 49
MOST_IMAGES = 64
# Inputs or units above which a heat map is a grey mist.
MOST_CELLS = 256
# Layers that are drawn at once.
MOST_LAYERS = 12
BINS = 40
# Between panels and, for their titles, above them, in points.
GAP, TITLE = (78.0, 52.0), 22.0
WHITE = "#ffffff"


def weights(
    net: fb.Network, layer: int | None = None, *, kind: str | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the weights of each layer.

    Vermillion is positive, blue negative; each layer has its own scale.

    Parameters
    ----------
    net : Network
        Stays as it is.
    layer : int, optional
        The only layer to draw, 0 is the first; None: all, of more than 12 the first and last 6.
    kind : str, optional
        "heat": W as a matrix, a row a unit. "histogram": how many weights have which size.
        "images": each unit's weights as the image that it looks for, where the number of inputs is
        a square; of more than 64 units the first 64. None: images for a first layer with 49, 64,
        81, ... inputs that no `net.inputs` makes; heat maps up to 256 inputs and units; histograms.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes
        With a panel a layer, the first of its `child_axes`.

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong type, out of range or an unknown name, or there are images to
        make of a number of inputs that is no square.
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> import fastbp as fb
    >>> from matplotlib.figure import Figure
    >>> ax = fb.plot.weights(fb.mlp([64, 8, 3]), ax=Figure().add_subplot())
    >>> [panel.get_title() for panel in ax.child_axes[:2]]
    ['weights[0]: 8 images of 8x8', 'weights[1]: 3 x 8']
    """
    given = network_of(net)
    if kind is not None:
        checks.choice("kind", kind, KINDS)
    layers = _layers(given, layer)
    kinds = {place: _kind(given, place, kind) for place in layers}
    columns = math.ceil(math.sqrt(len(layers)))
    rows = math.ceil(len(layers) / columns)
    axes = axes_for(USER, ax, (0.6 + 4.0 * columns, 0.6 + 3.0 * rows))
    for panel, (place, drawn) in zip(
        panels(axes, len(layers), columns, GAP), kinds.items(), strict=True
    ):
        DRAWN[drawn](panel, given.weights[place], f"weights[{place}]")
    keep_title_above(axes, TITLE)
    if len(layers) < len(given.layers) and layer is None:
        half = MOST_LAYERS // 2
        axes.set_title(
            f"without weights[{half}] to weights[{len(given.layers) - half - 1}]", pad=24
        )
    return axes


def _layers(net: fb.Network, layer: object) -> list[int]:
    """Return the places of the layers to draw."""
    count, half = len(net.layers), MOST_LAYERS // 2
    if layer is not None:
        return [checks.integer("layer", layer, 0, count - 1)]
    if count <= MOST_LAYERS:
        return list(range(count))
    return [*range(half), *range(count - half, count)]


def _kind(net: fb.Network, place: int, kind: str | None) -> str:
    """Return how a layer is drawn."""
    n_out, n_in = net.weights[place].shape
    is_square = math.isqrt(n_in) ** 2 == n_in
    if kind == "images" and not is_square:
        raise ValueError(
            f"kind must be 'heat' or 'histogram' where the number of inputs is no square, got "
            f"'images' and {n_in} inputs of layer {place}"
        )
    if kind is not None:
        return kind
    makes_own = isinstance(net.inputs, (fb.OneHot, fb.Columns))
    if place == 0 and is_square and n_in >= LEAST_PIXELS and not makes_own:
        return "images"
    return "heat" if max(n_in, n_out) <= MOST_CELLS else "histogram"


def _heat(panel: Any, weight: Array, name: str) -> None:
    """Draw W as it stands."""
    _coloured(panel, weight, aspect="auto")
    panel.set_title(f"{name}: {weight.shape[0]} x {weight.shape[1]}", fontsize="medium")
    panel.set(xlabel="input", ylabel="unit")
    for axis in (panel.xaxis, panel.yaxis):
        axis.get_major_locator().set_params(integer=True, min_n_ticks=1)


def _images(panel: Any, weight: Array, name: str) -> None:
    """Draw the weights of each unit as a square image, with a line between images."""
    side, count = math.isqrt(weight.shape[1]), min(len(weight), MOST_IMAGES)
    across = math.ceil(math.sqrt(count))
    down = math.ceil(count / across)
    mosaic = np.full((down * (side + 1) - 1, across * (side + 1) - 1), np.nan)
    for place in range(count):
        row, column = (part * (side + 1) for part in divmod(place, across))
        mosaic[row : row + side, column : column + side] = weight[place].reshape(side, side)
    _coloured(panel, np.ma.masked_invalid(mosaic), aspect="equal")
    panel.set(xticks=[], yticks=[])
    panel.spines[:].set_visible(False)
    shown = f"{count}" if count == len(weight) else f"{count} of {len(weight)}"
    panel.set_title(f"{name}: {shown} images of {side}x{side}", fontsize="medium")


def _histogram(panel: Any, weight: Array, name: str) -> None:
    """Draw how many weights have which size."""
    panel.hist(weight.ravel(), bins=BINS, color=BLUE)
    panel.axvline(0, color=ink(panel), linewidth=0.8, linestyle=":")
    panel.set_title(f"{name}: {weight.shape[0]} x {weight.shape[1]}", fontsize="medium")
    panel.set(xlabel="weight", ylabel="number of weights")


def _coloured(panel: Any, values: Array, aspect: str) -> None:
    """Draw numbers as colours around 0, and their scale."""
    most = float(np.abs(values).max()) or 1.0
    image = panel.imshow(
        values, cmap=signs(WHITE), vmin=-most, vmax=most, aspect=aspect, interpolation="nearest"
    )
    scale = panel.inset_axes((1.03, 0, 0.045, 1))
    bar = panel.figure.colorbar(image, cax=scale, ticks=[-most, 0, most])
    bar.ax.set_yticklabels([f"{-most:.2g}", "0", f"{most:.2g}"], fontsize="small")
    bar.outline.set_visible(False)


DRAWN = {"heat": _heat, "histogram": _histogram, "images": _images}
