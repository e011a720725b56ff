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


def ink(ax: Axes) -> Any:
    """Return the colour that words have on an Axes, in whichever style it was made."""
    return ax.xaxis.label.get_color()


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
    legend = ax.legend(**place, ncols=min(max(columns, 1), len(handles)))
    figure: Any = ax.figure
    keep_title_above(ax, legend.get_window_extent().height * 72 / figure.dpi)


class Strip:
    """Where a strip over an Axes is, as matplotlib asks for it when it draws.

    Parameters
    ----------
    ax : Axes
        What it is over.
    height : float
        In points.
    """

    def __init__(self, ax: Axes, height: float) -> None:
        self.ax, self.height = ax, height

    def __call__(self, strip: Any, renderer: Any) -> Any:
        """Return its box."""
        figure: Any = self.ax.figure
        box = self.ax.get_window_extent()
        return in_figure(self.ax, box.x0, box.y1, box.width, self.height * figure.dpi / 72)


def in_figure(ax: Axes, left: float, bottom: float, width: float, height: float) -> Any:
    """Return a box of pixels as the part of an Axes' figure that it is."""
    boxes = needed("fb.plot", "matplotlib.transforms", "plot", "matplotlib")
    figure: Any = ax.figure
    pixels = boxes.Bbox.from_bounds(left, bottom, width, height)
    return boxes.TransformedBbox(pixels, figure.transSubfigure.inverted())


def keep_title_above(ax: Axes, height: float) -> None:
    """Keep so many points over an Axes free of a title that may come later.

    A title goes over the children of its Axes: this adds an empty one.
    """
    strip = ax.inset_axes((0, 1, 1, 0))
    strip.set_axis_off()
    strip.set_navigate(False)
    strip.set_label("room")
    strip.set_axes_locator(Strip(ax, height))
