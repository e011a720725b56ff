"""Where tests draw: Axes of figures that pyplot does not know of, and what is measured on them."""

from functools import partial

import numpy as np
import pytest

import fastbp as fb

figure = pytest.importorskip("matplotlib.figure")
agg = pytest.importorskip("matplotlib.backends.backend_agg")


def new_axes(size=(6, 4)):
    """Return an Axes alone in its figure, which is laid out as those of the package are."""
    made = figure.Figure(figsize=size, layout="constrained")
    agg.FigureCanvasAgg(made)
    return made.add_subplot()


def fitted(**settings):
    """Return a small network, its rows and the history of its fit."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2))
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    net = fb.mlp([2, 6, 1], "tanh", "sigmoid", "binary_cross_entropy")
    given = {"epochs": 8, "validation": 0.25, "metrics": ["accuracy"], "progress": False}
    given["callbacks"] = fb.HealthLog(x, y)
    return net, x, y, net.fit(x, y, fb.Adam(0.02), **(given | settings))


def pictures():
    """Return what draws each picture with everything but `ax`, by its name, and the network."""
    net, x, y, history = fitted()
    return net, {
        "history": partial(fb.plot.history, history),
        "History.plot": history.plot,
        "health": partial(fb.plot.health, history),
        "network": partial(fb.plot.network, net),
        "decision": partial(fb.plot.decision, net, x, y, resolution=20),
        "weights": partial(fb.plot.weights, net),
        "loss_surface": partial(fb.plot.loss_surface, net, x, y, resolution=5),
    }


NAMES = (
    *("history", "History.plot", "health", "network", "decision", "weights"),
    "loss_surface",
)


def panels_of(ax):
    """Return the panels of a picture that has some."""
    return [child for child in ax.child_axes if child.get_label() != "room"]


def boxes_in_pixels(ax, artists):
    """Return where artists are once the figure is drawn."""
    ax.figure.canvas.draw()
    renderer = ax.figure.canvas.get_renderer()
    return [artist.get_window_extent(renderer).frozen() for artist in artists]


def legend_box(ax):
    """Return where the legend of an Axes is once the figure is drawn."""
    return boxes_in_pixels(ax, [ax.get_legend()])[0]
