"""Draw the picture that stands in the gallery for programs that draw none."""

from pathlib import Path

from matplotlib.figure import Figure

import fastbp as fb


def draw_thumbnail(target: Path) -> None:
    """Write the graph of a small network to a PNG file."""
    figure = Figure(figsize=(4, 2.8), layout="constrained")
    axes = figure.add_subplot()
    axes.set_axis_off()
    network = fb.mlp([3, 4, 4, 2], hidden="tanh", seed=1)
    fb.plot.network(network, numbers=False, ax=axes)
    # Units and weights alone: no scale beside them, no words.
    for other in figure.axes[1:]:
        other.remove()
    for words in [*axes.texts]:
        words.remove()
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=100)
