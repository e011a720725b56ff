"""The health of a network over a fit: gradients, steps and slopes of its layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

import fastbp as fb
from fastbp.integrations.packages import needed
from fastbp.plot.canvas import axes_for, ink, legend_above
from fastbp.plot.columns import of_layers, recorded, spans_decades
from fastbp.plot.palette import AMOUNTS, STROKES
from fastbp.plot.panels import panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

USER = "fb.plot.health"
# What each panel shows, and what its axis says; the last two are shares.
PANELS = {
    "gradient_norm": "gradient norm",
    "update_ratio": "step / weights",
    "dead": "dead units",
    "saturated": "saturated slopes",
}
SHARES = ("dead", "saturated")
# A good step, beside the weights that it changes.
GOOD = 1e-3
# Layers that the legend names; of more, some.
MOST_NAMES = 12
# The ends of the map would be lost, one on black and one on white.
DARKEST, LIGHTEST = 0.2, 0.9
GAP = (62.0, 30.0)


def health(history: fb.History, *, ax: Axes | None = None) -> Axes:
    """Draw what `HealthLog` recorded of each layer over a fit.

    Panels of the norm of the gradient, the size of a step beside that of the weights (a dotted line
    at 1e-3, which is usual where a network learns well), the share of dead units and the share of
    saturated slopes. Lines go from dark for the first layer to light for the last.

    Parameters
    ----------
    history : History
        Of a fit with `fb.HealthLog` among its callbacks. Epochs without a look are passed over.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes
        With the panels, the first of its `child_axes`: two where no layer has units that may be
        dead or saturated, else four.

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong type; there are no epochs, or no figures of layers.
    ImportError
        matplotlib is not installed.

    References
    ----------
    A. Karpathy, notes of the course CS231n, "Neural networks, part 3", for the line at 1e-3.

    Examples
    --------
    >>> import fastbp as fb
    >>> from matplotlib.figure import Figure
    >>> x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    >>> net = fb.mlp([2, 4, 1], "tanh")
    >>> history = net.fit(x, y, epochs=5, callbacks=fb.HealthLog(x, y))
    >>> ax = fb.plot.health(history, ax=Figure().add_subplot())
    >>> [panel.get_ylabel() for panel in ax.child_axes][:2]
    ['gradient norm', 'step / weights']
    """
    found = of_layers(recorded(history))
    kinds = [kind for kind in PANELS if kind in found]
    if not kinds:
        raise ValueError(
            "history must hold figures of layers, of a fit with callbacks=fb.HealthLog(x, y), got "
            f"{', '.join(history.columns())}"
        )
    n_layers = max(max(layers) for layers in found.values())
    axes = axes_for(USER, ax, (7.2, 2.4 * ((len(kinds) + 1) // 2) + 0.8))
    lines: dict[int, Any] = {}
    for place, panel in enumerate(panels(axes, len(kinds), 2, GAP)):
        lines |= _curves(panel, found[kinds[place]], n_layers)
        panel.set_ylabel(PANELS[kinds[place]], fontsize="small")
        if place >= len(kinds) - 2:
            panel.set_xlabel("epoch")
        _scale(panel, kinds[place])
    shown = sorted(lines)
    if len(shown) > MOST_NAMES:
        shown = [shown[k] for k in np.linspace(0, len(shown) - 1, MOST_NAMES).round().astype(int)]
    good = axes.child_axes[kinds.index("update_ratio")].lines[-1]
    legend_above(axes, [*(lines[number] for number in shown), good])
    return axes


def _curves(panel: Any, layers: Mapping[int, list[float]], n_layers: int) -> dict[int, Any]:
    """Draw a line a layer; return them."""
    maps = needed(USER, "matplotlib", "plot").colormaps
    colours = np.linspace(DARKEST, LIGHTEST, n_layers)
    lines = {}
    for number, values in sorted(layers.items()):
        figures = np.array(values, np.float64)
        is_looked = np.isfinite(figures)
        (lines[number],) = panel.plot(
            np.flatnonzero(is_looked) + 1,
            figures[is_looked],
            color=maps[AMOUNTS](colours[number - 1]),
            linestyle=STROKES[(number - 1) % len(STROKES)],
            linewidth=1.5,
            marker="o" if is_looked.sum() == 1 else "",
            label=f"layer {number}",
        )
    return lines


def _scale(panel: Any, kind: str) -> None:
    """Give a panel its scale, and a step the line of a good one."""
    if kind == "update_ratio":
        panel.axhline(GOOD, color=ink(panel), linestyle=":", linewidth=1.2, label="1e-3")
    if kind in SHARES:
        panel.set_ylim(-0.03, 1.03)
    elif spans_decades(value for line in panel.lines for value in line.get_ydata()):
        panel.set_yscale("log")
    panel.grid(alpha=0.25)
    panel.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    panel.tick_params(which="both", labelsize="small")
