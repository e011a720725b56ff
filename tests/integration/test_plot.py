"""What all pictures have in common: where they are drawn, and what they leave as it was."""

import importlib
import subprocess
import sys

import numpy as np
import pytest
from drawing import NAMES, boxes_in_pixels, new_axes, panels_of, pictures
from tolerance import assert_same_bits

import fastbp as fb

pyplot = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(scope="module")
def made():
    return pictures()


def test_every_picture_is_tried_here():
    assert set(fb.plot.__all__) == set(NAMES) - {"History.plot"}


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_drawn_into_the_axes_that_is_given(made, name):
    net, draw = made
    ax, before = new_axes(), net.params.copy()
    figures = pyplot.get_fignums()
    assert draw[name](ax=ax) is ax
    assert ax.has_data() or panels_of(ax)
    assert pyplot.get_fignums() == figures
    assert_same_bits(net.params, before, "params")


@pytest.mark.parametrize("name", NAMES)
def test_without_axes_it_makes_a_figure_of_pyplot_and_does_not_show_it(made, name, monkeypatch):
    pyplot.switch_backend("agg")
    monkeypatch.setattr(pyplot, "show", lambda *given: pytest.fail("shown"))
    before = pyplot.get_fignums()
    settings = dict(pyplot.rcParams)
    ax = made[1][name]()
    try:
        assert pyplot.get_fignums() == [*before, ax.figure.number]
        assert dict(pyplot.rcParams) == settings
        # All of it is within the figure.
        ax.figure.canvas.draw()
        whole = ax.figure.get_tightbbox(ax.figure.canvas.get_renderer())
        width, height = ax.figure.get_size_inches()
        assert whole.x0 >= -0.01
        assert whole.y0 >= -0.01
        assert whole.x1 <= width + 0.01
        assert whole.y1 <= height + 0.01
    finally:
        pyplot.close(ax.figure)


@pytest.mark.parametrize("name", NAMES)
def test_a_small_picture_has_room(made, name):
    ax = new_axes((3.2, 2.4))
    made[1][name](ax=ax)
    panels = panels_of(ax) or [ax]
    for box in boxes_in_pixels(ax, panels):
        assert box.width > 20
        assert box.height > 20


@pytest.mark.parametrize("name", NAMES)
def test_a_title_that_comes_later_stands_over_all(made, name):
    ax = new_axes()
    made[1][name](ax=ax)
    ax.set_title("The title")
    parts = [panel.title for panel in panels_of(ax)] + [ax.get_legend()]
    title, *boxes = boxes_in_pixels(ax, [ax.title, *(part for part in parts if part)])
    assert not any(title.overlaps(box) for box in boxes)


@pytest.mark.parametrize("name", NAMES)
def test_axes_of_something_else_are_refused(made, name):
    with pytest.raises(TypeError, match=r"^ax must be a matplotlib Axes, got 'here'$"):
        made[1][name](ax="here")


@pytest.mark.parametrize("name", ["network", "decision", "weights", "loss_surface"])
def test_a_network_of_something_else_is_refused(name):
    rows = [[[0.0, 0.0]], [0.0]] if name in ("decision", "loss_surface") else []
    with pytest.raises(TypeError, match=r"^net must be a Network, got \[1, 2\]$"):
        getattr(fb.plot, name)([1, 2], *rows)


def test_without_matplotlib_each_says_how_to_install_it():
    code = """
import sys
import fastbp as fb
for name in ("matplotlib", "matplotlib.pyplot", "matplotlib.axes"):
    sys.modules[name] = None
net = fb.mlp([2, 2, 1])
x, y = [[0.0, 1.0], [1.0, 0.0]], [1.0, 0.0]
history = net.fit(x, y, epochs=1, callbacks=fb.HealthLog(x, y), progress=False)
for draw in (
    lambda: fb.plot.history(history),
    lambda: history.plot(ax=1),
    lambda: fb.plot.health(history),
    lambda: fb.plot.network(net),
    lambda: fb.plot.decision(net, x, y),
    lambda: fb.plot.weights(net),
    lambda: fb.plot.loss_surface(net, x, y),
):
    try:
        draw()
    except ImportError as error:
        print(error)
"""
    answer = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    users = ["history", "history", "health", "network", "decision", "weights", "loss_surface"]
    assert answer.stdout.splitlines() == [
        f'fb.plot.{user} needs matplotlib; install it with: pip install "fastbp[plot]"'
        for user in users
    ]


@pytest.mark.parametrize("name", NAMES)
def test_words_are_legible_in_a_dark_style(made, name):
    colours = importlib.import_module("matplotlib.colors")
    with pyplot.style.context("dark_background"):
        ax = new_axes()
        made[1][name](ax=ax)
    legend = ax.get_legend()
    # Words on discs and lines have a ground of their own.
    words = [text for text in ax.texts if not text.get_bbox_patch()]
    words += [*legend.get_texts()] if legend else []
    for text in words:
        assert min(colours.to_rgb(text.get_color())) > 0.8, text
    for line in legend.get_lines() if legend else []:
        assert max(colours.to_rgb(line.get_color())) > 0.4, line.get_label()


def test_classes_have_colours_and_marks_that_differ():
    from fastbp.plot import palette

    assert len(set(palette.CLASSES)) == len(palette.CLASSES)
    assert len(set(palette.MARKERS)) == len(palette.MARKERS)
    # Where both go round, a colour does not meet its mark again before all pairs have been used.
    assert np.gcd(len(palette.CLASSES), len(palette.MARKERS)) == 1
