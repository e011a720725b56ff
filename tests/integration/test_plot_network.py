"""The drawn graph: a line a weight, a disc a unit, and what is left out of large networks."""

from itertools import pairwise

import numpy as np
import pytest
from drawing import boxes_in_pixels, new_axes

import fastbp as fb


def drawn(net, **given):
    """Return the edges and the groups of discs of a drawing, by their names."""
    ax = fb.plot.network(net, ax=new_axes(), **given)
    edges, *discs = ax.collections
    return ax, edges, {group.get_label(): group for group in discs}


def texts(ax):
    return [text.get_text() for text in ax.texts]


def random(sizes, **given):
    net = fb.mlp(sizes, "tanh", **given)
    net.params = np.random.default_rng(1).normal(size=net.params.size)
    return net


def test_every_weight_is_a_line_of_its_size_and_sign():
    net = random([3, 4, 2])
    _, edges, _ = drawn(net)
    weights = np.concatenate([weight.ravel() for weight in net.weights])
    assert sorted(edges.get_array().tolist()) == sorted(map(float, weights))
    assert len(edges.get_segments()) == 3 * 4 + 4 * 2
    sizes = np.abs(edges.get_array())
    assert (np.diff(sizes) >= 0).all(), "the largest are drawn last"
    assert (np.diff(edges.get_linewidths()) >= 0).all()
    colours = edges.to_rgba(edges.get_array())
    is_warm = colours[:, 0] > colours[:, 2]
    assert (is_warm == (edges.get_array() > 0)).all()


def test_a_line_joins_the_units_of_its_weight():
    net = fb.mlp([2, 3, 1])
    net.params[...] = 0
    net.weights[0][2, 1] = 5
    _, edges, discs = drawn(net)
    (left, right) = edges.get_segments()[-1]
    centres = [path.get_extents().get_points().mean(axis=0) for path in discs["inputs"].get_paths()]
    hidden = [path.get_extents().get_points().mean(axis=0) for path in discs["biased"].get_paths()]
    np.testing.assert_allclose(left, centres[1])
    np.testing.assert_allclose(right, hidden[2])


def test_discs_are_coloured_by_the_bias_on_the_scale_of_the_weights():
    net = random([3, 4, 2])
    _, edges, discs = drawn(net)
    biases = np.concatenate(net.biases)
    np.testing.assert_array_equal(discs["biased"].get_array(), biases.astype(float))
    largest = float(np.abs(net.params).max())
    assert edges.get_clim() == discs["biased"].get_clim() == (-largest, largest)
    assert len(discs["inputs"].get_paths()) == 3


def test_a_layer_without_bias_has_dashed_discs():
    net = fb.Network(2, [fb.Dense(3, "tanh", bias=False), fb.Dense(1)])
    ax, _, discs = drawn(net)
    assert len(discs["plain"].get_paths()) == 3
    assert discs["plain"].get_linestyle()[0][1] is not None
    assert "3 tanh\nno bias" in texts(ax)


def test_discs_are_round_and_do_not_touch():
    ax, _, discs = drawn(random([3, 9, 2]))
    ax.figure.set_size_inches(4, 5)
    ax.figure.canvas.draw()
    circles = [path.get_extents(ax.transData) for path in discs["biased"].get_paths()]
    for one, next_one in pairwise(circles[:9]):
        assert one.width == pytest.approx(one.height, rel=0.02)
        assert next_one.y1 < one.y0


def test_large_layers_are_shortened_by_dots():
    net = fb.mlp([64, 32, 10], output="softmax", loss="cross_entropy")
    ax, edges, discs = drawn(net, most_units=8)
    assert len(edges.get_segments()) == 7 * 7 + 7 * 7
    assert len(discs["inputs"].get_paths()) == 7
    assert len(ax.lines[0].get_xdata()) == 3 * 3
    assert [name for name in texts(ax) if name.startswith("x")] == [
        *("x1", "x2", "x3", "x4", "x62", "x63", "x64"),
    ]
    assert {"64 inputs", "32 relu", "10 softmax"} <= set(texts(ax))
    shown = [0, 1, 2, 3, 29, 30, 31]
    wanted = net.weights[0][np.ix_(shown, [0, 1, 2, 3, 61, 62, 63])]
    assert set(wanted.ravel().tolist()) <= set(edges.get_array().tolist())


def test_a_layer_at_the_limit_is_whole():
    ax, edges, _ = drawn(fb.mlp([8, 8, 8]), most_units=8)
    assert len(edges.get_segments()) == 2 * 64
    assert not ax.lines


def test_deep_networks_are_shortened_too():
    ax, edges, _ = drawn(fb.mlp([2] * 31))
    # Eight of 31 columns are left, in two groups: three pairs of neighbours in each.
    assert len(edges.get_segments()) == (4 - 1) * 4 + (4 - 1) * 4
    assert len([text for text in texts(ax) if text.split()[0] == "2"]) == 8


def test_captions_tell_all_that_a_layer_has():
    layers = [fb.Dense(4, "leaky_relu(0.2)", norm="layer", dropout=0.5), fb.Dense(4, residual=True)]
    ax, _, _ = drawn(fb.Network(4, layers))
    assert "4 leaky_relu(0.2)\nlayer norm\ndropout 0.5" in texts(ax)
    assert "4 identity\nresidual" in texts(ax)


@pytest.mark.parametrize("size", [(4, 3), (7, 3)])
def test_captions_do_not_overlap(size):
    net = fb.mlp([5, 40, 40, 40, 40, 3], "leaky_relu(0.2)")
    ax = fb.plot.network(net, ax=new_axes(size))
    captions = [text for text in ax.texts if not text.get_text().startswith("x")]
    boxes = boxes_in_pixels(ax, captions)
    assert len(boxes) == 6
    for left, right in pairwise(boxes):
        assert left.x1 <= right.x0 + 1


def test_numbers_stand_on_the_lines_of_small_networks():
    net = random([2, 2, 1])
    ax, _, _ = drawn(net)
    wanted = [f"{value:.3g}" for value in net.params]
    assert sorted(set(wanted) & set(texts(ax))) == sorted(wanted)
    assert not set(wanted) & set(texts(drawn(net, numbers=False)[0]))
    larger = random([3, 3])
    assert f"{larger.weights[0][0, 0]:.3g}" not in texts(drawn(larger)[0])
    assert f"{larger.weights[0][0, 0]:.3g}" in texts(drawn(larger, numbers=True)[0])


def test_numbers_do_not_overlap():
    net = random([2, 2, 1])
    ax, _, _ = drawn(net)
    values = {f"{value:.3g}" for value in net.params}
    boxes = boxes_in_pixels(ax, [text for text in ax.texts if text.get_text() in values])
    for place, one in enumerate(boxes):
        assert not any(one.overlaps(other) for other in boxes[place + 1 :])


def test_inputs_have_the_names_that_are_given_or_known():
    net = fb.mlp([2, 2])
    assert {"age", "size"} <= set(texts(drawn(net, names=["age", "size"])[0]))
    columns = fb.Columns().fit({"age": [1, 2, 3], "city": ["a", "b", "a"]})
    named = fb.mlp([None, 2], inputs=columns)
    assert set(columns.output_names) <= set(texts(drawn(named)[0]))


def test_a_network_of_zeros_is_drawn():
    net = fb.mlp([2, 1])
    net.params[...] = 0
    assert drawn(net)[1].get_clim() == (-1, 1)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"most_units": 2}, ValueError, "most_units must be at least 3, got 2"),
        ({"numbers": "yes"}, TypeError, "numbers must be True or False, got 'yes'"),
        ({"names": "ab"}, TypeError, "names must be a list of names, got 'ab'"),
        ({"names": ["a"]}, ValueError, "names must hold a name for each of 2 inputs, got 1"),
    ],
)
def test_bad_arguments_are_refused(given, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        fb.plot.network(fb.mlp([2, 1]), **given)
