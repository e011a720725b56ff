"""The Axes that a picture is drawn into: the one that was given, or that of a new figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fastbp import checks
from fastbp.integrations.packages import needed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# What the sample of a legend's entry takes with the space around it, in font sizes.
SAMPLE = 4.4


def axes_for(user: str, ax: object, size: tuple[float, float]) -> Axes:
    """Return the Axes to draw into.

    Parameters
    ----------
    user : str
        Who asks, as messages call it.
    ax : Axes or None
        The one that was given; None: that of a new figure.
    size : (float, float)
        Width and height of a new figure in inches.

    Raises
    ------
    ImportError
        matplotlib is not installed.
    TypeError
        `ax` is something else.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> axes_for("this example", ax, (4, 3)) is ax
    True
    """
    if ax is None:
        pyplot = needed(user, "matplotlib.pyplot", "plot", "matplotlib")
        made: Axes = pyplot.figure(figsize=size, layout="constrained").add_subplot()
        return made
    kind = needed(user, "matplotlib.axes", "plot", "matplotlib").Axes
    if not isinstance(ax, kind):
        raise TypeError(f"ax must be a matplotlib Axes, got {checks.described(ax)}")
    given: Axes = ax
    return given


def size_in_points(ax: Axes) -> tuple[float, float]:
    """Return width and height of an Axes in points, as they are before its figure is laid out."""
    figure: Any = ax.figure
    box = ax.get_window_extent()
    return box.width * 72 / figure.dpi, box.height * 72 / figure.dpi


def lay_out(ax: Axes) -> None:
    """Let the figure give its Axes their sizes, where what is drawn next depends on them."""
    figure: Any = ax.figure
    figure.canvas.figure.draw_without_rendering()


def text_width(text: str, size: float) -> float:
    """Return the width of a text in points.

    Examples
    --------
    >>> 30 < text_width("epoch", 12) < 45
    True
    """
    path = needed("fb.plot", "matplotlib.textpath", "plot", "matplotlib").TextPath
    return float(path((0, 0), text, size=size).get_extents().width) if text.strip() else 0.0


def legend_above(ax: Axes, handles: Sequence[Any]) -> None:
    """Put a legend over the frame, where it covers nothing, in as many columns as there is room."""
    place: dict[str, Any] = {
        "handles": list(handles),
        "loc": "lower left",
        "bbox_to_anchor": (0, 1),
        "borderaxespad": 0.2,
        "columnspacing": 1.2,
        "fontsize": "small",
        "frameon": False,
    }
    lay_out(ax)
    font = float(ax.legend(**place).get_texts()[0].get_fontsize())
    widest = max(text_width(str(handle.get_label()), font) for handle in handles)
    columns = int(size_in_points(ax)[0] / (widest + SAMPLE * font))
    ax.legend(**place, ncols=min(max(columns, 1), len(handles)))
