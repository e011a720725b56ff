"""Pictures of several parts: panels within one Axes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from fastbp.plot.canvas import in_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Place:
    """Where a panel is: its part of the whole, without the gaps, whatever the size is.

    Parameters
    ----------
    whole : Axes
        What is divided.
    grid : (int, int)
        Rows and columns.
    place : int
        The panel's, row by row.
    gap : (float, float)
        Between columns and between rows, in points: what labels need.
    """

    def __init__(
        self, whole: Axes, grid: tuple[int, int], place: int, gap: tuple[float, float]
    ) -> None:
        self.whole, self.grid, self.gap = whole, grid, gap
        self.row, self.column = divmod(place, grid[1])

    def __call__(self, panel: Any, renderer: Any) -> Any:
        """Return the box of the panel, as matplotlib asks for it when it draws."""
        figure: Any = self.whole.figure
        box, (rows, columns) = self.whole.get_window_extent(), self.grid
        across, down = (gap * figure.dpi / 72 for gap in self.gap)
        width = max((box.width - across * (columns - 1)) / columns, 1.0)
        height = max((box.height - down * (rows - 1)) / rows, 1.0)
        left = box.x0 + self.column * (width + across)
        top = box.y1 - self.row * (height + down)
        return in_figure(self.whole, left, top - height, width, height)


def panels(ax: Axes, count: int, columns: int, gap: tuple[float, float]) -> list[Any]:
    """Divide an Axes into panels, its first children; it has nothing of its own but a title then.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> ax = Figure().add_subplot()
    >>> panels(ax, 3, 2, (40, 30)) == ax.child_axes
    True
    """
    ax.set_axis_off()
    grid = (math.ceil(count / columns), columns)
    found = []
    for place in range(count):
        panel = ax.inset_axes((0, 0, 1, 1))
        panel.set_axes_locator(Place(ax, grid, place, gap))
        found.append(panel)
    return found
