"""What a network decides over a plane: the picture says what `predict` says at every point."""

import re

import numpy as np
import pytest
from drawing import boxes_in_pixels, legend_box, new_axes

import fastbp as fb

RNG = np.random.default_rng(3)
X = RNG.normal(size=(90, 2)) * [1.0, 3.0] + [5.0, 0.0]
POINTS = 30


def randomised(net):
    """Give a network parameters that make something of every place."""
    net.params = np.random.default_rng(5).normal(size=net.params.size) / 2
    return net


def centred():
    return fb.Standardize().fit(X)


def points_of(image, ax):
    """Return the places of an image's pixels, (n, 2), as the network takes them."""
    rows, columns = image.get_array().shape
    left, right, low, high = image.get_extent()
    dx, dy = (right - left) / columns, (high - low) / rows
    xs = left + dx * (np.arange(columns) + 0.5)
    ys = low + dy * (np.arange(rows) + 0.5)
    assert image.origin == "lower"
    return np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)


def test_two_classes_are_shaded_by_the_probability():
    net = randomised(fb.mlp([2, 8, 1], "tanh", "sigmoid", "binary_cross_entropy", inputs=centred()))
    y = (X[:, 1] > 0).astype(int)
    ax = fb.plot.decision(net, X, y, resolution=POINTS, ax=new_axes())
    (image,) = ax.images
    wanted = net.predict(points_of(image, ax))
    np.testing.assert_allclose(image.get_array().ravel(), wanted[:, 0], atol=1e-5)
    assert image.get_clim() == (0, 1)
    assert ax.figure.axes[1].get_ylabel() == "probability of class 1"


def test_the_line_between_two_classes_is_where_both_are_as_probable():
    net = randomised(fb.mlp([2, 8, 1], "tanh", "sigmoid", "binary_cross_entropy", inputs=centred()))
    ax = fb.plot.decision(net, X, X[:, 1] > 0, resolution=100, ax=new_axes())
    lines = [path for group in ax.collections for path in group.get_paths() if len(path) > 9]
    found = net.predict(np.concatenate([path.vertices for path in lines[:1]]))
    np.testing.assert_allclose(found, 0.5, atol=0.02)


def test_rows_are_marked_by_their_class():
    net = randomised(fb.mlp([2, 8, 3], "tanh", "softmax", "cross_entropy", inputs=centred()))
    y = RNG.integers(0, 3, len(X))
    names = ["ash", "birch", "oak"]
    ax = fb.plot.decision(net, X, y, classes=names, resolution=POINTS, ax=new_axes())
    marks = {group.get_label(): group for group in ax.collections if group.get_label() in names}
    for place, name in enumerate(names):
        np.testing.assert_array_equal(marks[name].get_offsets(), X[y == place])
    assert len({group.get_facecolor().tobytes() for group in marks.values()}) == 3
    assert len({group.get_paths()[0].vertices.tobytes() for group in marks.values()}) == 3
    assert [text.get_text() for text in ax.get_legend().get_texts()] == names
    assert legend_box(ax).y0 >= boxes_in_pixels(ax, [ax])[0].y1 - 1


@pytest.mark.parametrize(
    ("output", "loss", "one_hot"),
    [
        ("softmax", "cross_entropy", False),
        ("softmax", "cross_entropy", True),
        ("log_softmax", "mse", True),
    ],
)
def test_regions_of_many_classes_are_those_of_predict(output, loss, one_hot):
    net = randomised(fb.mlp([2, 8, 4], "tanh", output, loss, inputs=centred()))
    label = RNG.integers(0, 4, len(X))
    y = np.eye(4)[label] if one_hot else label
    ax = fb.plot.decision(net, X, y, resolution=POINTS, ax=new_axes())
    probabilities = net.predict(points_of(ax.images[0], ax))
    if output == "log_softmax":
        probabilities = np.exp(probabilities)
    chosen = probabilities.argmax(axis=1)
    assert len(set(chosen.tolist())) > 1
    assert len(ax.images) == 4
    for place, image in enumerate(ax.images):
        shown = image.get_array()
        np.testing.assert_array_equal(np.ma.getmaskarray(shown).ravel(), chosen != place)
        wanted = probabilities[chosen == place, place]
        np.testing.assert_allclose(shown.compressed(), wanted, atol=1e-5)
        assert image.get_clim() == (0.25, 1)


def test_hinge_has_its_line_at_0():
    net = randomised(fb.mlp([2, 8, 1], "tanh", loss="hinge", inputs=centred()))
    y = np.where(X[:, 1] > 0, 1, -1)
    ax = fb.plot.decision(net, X, y, resolution=POINTS, ax=new_axes())
    assert ax.images[0].get_clim() == (-1, 1)
    marks = {group.get_label(): group for group in ax.collections}
    np.testing.assert_array_equal(marks["class 1"].get_offsets(), X[y > 0])


def test_a_sigmoid_with_mse_is_of_two_classes_too():
    net = randomised(fb.mlp([2, 8, 1], "tanh", "sigmoid", "mse"))
    ax = fb.plot.decision(net, X, X[:, 1] > 0, resolution=POINTS, ax=new_axes())
    assert ax.images[0].get_clim() == (0, 1)


def test_a_regression_is_a_surface_with_rows_in_its_colours():
    net = randomised(
        fb.mlp([2, 8, 1], "tanh", inputs=centred(), targets=fb.Standardize().fit([[0.0], [90.0]]))
    )
    y = RNG.normal(size=len(X)) * 40 + 45
    ax = fb.plot.decision(net, X, y, resolution=POINTS, ax=new_axes())
    filled, marks = ax.collections
    np.testing.assert_array_equal(marks.get_offsets(), X)
    np.testing.assert_allclose(marks.get_array(), y)
    assert marks.norm is filled.norm
    low, high = filled.get_clim()
    assert low <= min(y) <= max(y) <= high
    # Each contour stands where predict has its level.
    found = 0
    for level, path in zip(filled.levels[:-1], filled.get_paths(), strict=True):
        inside = path.vertices
        if len(inside):
            values = net.predict(inside)
            assert values.min() >= level - 2
            assert values.max() <= level + (filled.levels[1] - filled.levels[0]) + 2
            found += len(inside)
    assert found > 100


def test_one_of_several_outputs_is_named():
    net = randomised(fb.mlp([2, 8, 2], "tanh", inputs=centred()))
    y = RNG.normal(size=(len(X), 2))
    ax = fb.plot.decision(net, X, y, output=1, resolution=POINTS, ax=new_axes())
    np.testing.assert_allclose(ax.collections[1].get_array(), y[:, 1])


def test_of_means_and_variances_the_mean_is_drawn():
    net = randomised(fb.mlp([2, 8, 2], "tanh", loss="gaussian_nll"))
    ax = fb.plot.decision(net, X, X[:, 0], resolution=POINTS, ax=new_axes())
    np.testing.assert_allclose(ax.collections[1].get_array(), X[:, 0])


@pytest.mark.parametrize("inputs", [fb.Columns, fb.Standardize])
def test_axes_have_the_names_of_a_tables_columns(inputs):
    table = {"width": X[:, 0], "length": X[:, 1]}
    made = inputs().fit(table)
    net = randomised(fb.mlp([None, 8, 1], "tanh", "sigmoid", "binary_cross_entropy", inputs=made))
    turned = {"length": X[:, 1], "width": X[:, 0]}
    ax = fb.plot.decision(net, turned, X[:, 0] > 5, resolution=POINTS, ax=new_axes())
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("width", "length")
    grid = points_of(ax.images[0], ax)
    wanted = net.predict({"width": grid[:, 0], "length": grid[:, 1]})
    np.testing.assert_allclose(ax.images[0].get_array().ravel(), wanted[:, 0], atol=1e-5)
    marked = [group.get_offsets() for group in ax.collections if len(group.get_offsets()) > 1]
    assert sum(map(len, marked)) == len(X)
    assert set(map(tuple, np.concatenate(marked).tolist())) == set(map(tuple, X.tolist()))


def test_the_plane_has_all_rows_in_it():
    net = fb.mlp([2, 1])
    ax = fb.plot.decision(net, X, X[:, 0], resolution=POINTS, ax=new_axes())
    for (low, high), column in zip((ax.get_xlim(), ax.get_ylim()), X.T, strict=True):
        assert low < column.min() < column.max() < high


def test_one_row_has_a_plane_around_it():
    ax = fb.plot.decision(fb.mlp([2, 1]), [[1.0, 2.0]], [0.0], resolution=5, ax=new_axes())
    assert ax.get_xlim() == (0.0, 2.0)


BINARY = fb.mlp([2, 4, 1], "tanh", "sigmoid", "binary_cross_entropy")
CITIES = fb.Columns().fit({"city": ["a", "b", "a"]})


@pytest.mark.parametrize(
    ("net", "given", "message"),
    [
        (
            fb.mlp([3, 5, 1]),
            {},
            "net must have 2 inputs that are numbers (network sizes 3-5-1), got 3",
        ),
        (
            fb.mlp([None, 5, 1], inputs=CITIES),
            {},
            "net must have 2 inputs that are numbers (network sizes 2-5-1), got 2 from <Columns:",
        ),
        (
            fb.mlp([2, 5, 2]),
            {"y": np.zeros((90, 2))},
            "output must be a place from 0 to 1 where several outputs are no classes (network "
            "sizes 2-5-2, output 'identity'), got None",
        ),
        (fb.mlp([2, 1]), {"output": 1}, "output must be at most 0, got 1"),
        (BINARY, {"output": 0}, "output must be None where outputs are classes, got 0"),
        (BINARY, {"classes": ["a"]}, "classes must hold 2 names, one a class, got ['a']"),
        (
            fb.mlp([2, 1]),
            {"classes": ["a", "b"]},
            "classes must be None where outputs are no classes (output 'identity'), got ['a', 'b']",
        ),
        (BINARY, {"resolution": 1}, "resolution must be at least 2, got 1"),
        (BINARY, {"y": np.zeros(3)}, "y must have one entry a row of x (90), got shape (3,)"),
        (BINARY, {"x": np.zeros((3, 4))}, "x must have 2 columns (network sizes 2-4-1), got shape"),
    ],
)
def test_what_cannot_be_drawn_is_refused(net, given, message):
    wanted = {"x": X, "y": (X[:, 0] > 5).astype(float)} | given
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        fb.plot.decision(net, **wanted)
