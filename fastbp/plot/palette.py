"""The colours of all pictures, which people who see few colours tell apart.

Classes differ by their markers too, curves by their strokes.

References
----------
M. Okabe, K. Ito, "Color universal design (CUD): how to make figures and presentations that are
friendly to colorblind people", 2008.
"""

from __future__ import annotations

from typing import Any

from fastbp.integrations.packages import needed

BLUE, VERMILLION, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
ORANGE, SKY, INK, GREY = "#e69f00", "#56b4e9", "#333333", "#777777"

TRAINING, VALIDATION = BLUE, VERMILLION
CLASSES = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, GREY)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p")
STROKES = ("-", "--", "-.", ":")
AMOUNTS = "cividis"


def shades(*colours: str) -> Any:
    """Return the colour map that goes from colour to colour.

    Examples
    --------
    >>> shades("white", "black")(1.0) == (0, 0, 0, 1)
    True
    """
    kind = needed("fb.plot", "matplotlib.colors", "plot", "matplotlib").LinearSegmentedColormap
    return kind.from_list("-".join(colours), colours)


def signs(middle: str) -> Any:
    """Return the colour map from negative numbers by 0, which has the given colour, to positive."""
    return shades("#00507d", BLUE, "#7fb8d8", middle, "#f0a877", VERMILLION, "#8f3f00")
