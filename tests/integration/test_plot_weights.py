"""Weights as pictures: every cell, bar and pixel is of the network's own numbers."""

import numpy as np
import pytest
from drawing import boxes_in_pixels, new_axes, panels_of

import fastbp as fb


def panels(net, *place, **given):
    return panels_of(fb.plot.weights(net, *place, ax=new_axes((8, 5)), **given))


def test_heat_maps_are_the_weights():
    net = fb.mlp([4, 6, 3], seed=2)
    for panel, weight in zip(panels(net), net.weights, strict=True):
        (image,) = panel.images
        np.testing.assert_array_equal(image.get_array(), weight)
        largest = float(np.abs(weight).max())
        assert image.get_clim() == (-largest, largest)
        assert (panel.get_xlabel(), panel.get_ylabel()) == ("input", "unit")
    assert [panel.get_title() for panel in panels(net)] == [
        "weights[0]: 6 x 4",
        "weights[1]: 3 x 6",
    ]


def test_0_is_white_and_signs_have_different_colours():
    (panel,) = panels(fb.mlp([4, 6]))
    image = panel.images[0]
    low, zero, high = image.cmap(image.norm([image.norm.vmin, 0.0, image.norm.vmax]))
    np.testing.assert_allclose(zero, 1, atol=0.01)
    assert low[2] > low[0]
    assert high[0] > high[2]


def test_first_layers_of_square_inputs_are_images():
    net = fb.mlp([64, 10, 3], seed=1)
    first, second = panels(net)
    mosaic = first.images[0].get_array()
    assert mosaic.shape == (3 * 9 - 1, 4 * 9 - 1)
    for unit in range(10):
        row, column = (9 * part for part in divmod(unit, 4))
        tile = mosaic[row : row + 8, column : column + 8]
        np.testing.assert_allclose(tile.ravel(), net.weights[0][unit])
    assert np.ma.getmaskarray(mosaic).sum() == mosaic.size - 640
    assert first.get_title() == "weights[0]: 10 images of 8x8"
    np.testing.assert_array_equal(second.images[0].get_array(), net.weights[1])


def test_of_many_units_the_first_are_shown():
    (panel, _) = panels(fb.mlp([49, 70, 1]))
    assert panel.get_title() == "weights[0]: 64 of 70 images of 7x7"
    assert (~np.ma.getmaskarray(panel.images[0].get_array())).sum() == 64 * 49


def test_wide_layers_are_histograms():
    net = fb.mlp([300, 2], seed=1)
    (panel,) = panels(net)
    wanted, edges = np.histogram(net.weights[0], bins=len(panel.patches))
    assert [bar.get_height() for bar in panel.patches] == wanted.tolist()
    np.testing.assert_allclose([bar.get_x() for bar in panel.patches], edges[:-1], atol=1e-6)
    assert panel.get_ylabel() == "number of weights"


@pytest.mark.parametrize("n_in", [16, 50])
def test_few_inputs_or_no_square_are_no_image(n_in):
    assert panels(fb.mlp([n_in, 3]))[0].get_xlabel() == "input"


def test_columns_of_a_table_are_no_image():
    table = {"city": [str(number) for number in range(64)]}
    net = fb.mlp([None, 3], inputs=fb.Columns().fit(table))
    assert net.sizes[0] == 64
    assert panels(net)[0].get_xlabel() == "input"


def test_a_layer_and_a_kind_can_be_chosen():
    net = fb.mlp([4, 9, 2], seed=1)
    (panel,) = panels(net, 1, kind="images")
    np.testing.assert_allclose(panel.images[0].get_array()[:, :3].ravel(), net.weights[1][0])
    (panel,) = panels(net, 1, kind="histogram")
    assert sum(bar.get_height() for bar in panel.patches) == 18


def test_of_deep_networks_the_ends_are_drawn():
    ax = fb.plot.weights(fb.mlp([2] * 31), ax=new_axes((12, 9)))
    names = [panel.get_title().partition(":")[0] for panel in panels_of(ax)]
    assert names == [f"weights[{place}]" for place in (*range(6), *range(24, 30))]
    assert ax.get_title() == "without weights[6] to weights[23]"


@pytest.mark.parametrize("size", [(5, 3), (10, 7)])
def test_panels_and_what_stands_around_them_do_not_overlap(size):
    ax = fb.plot.weights(fb.mlp([4, 6, 5, 3]), ax=new_axes(size))
    ax.figure.canvas.draw()
    renderer = ax.figure.canvas.get_renderer()
    for panel in panels_of(ax):
        panel.set_title("")
    boxes = [panel.get_tightbbox(renderer) for panel in panels_of(ax)]
    for place, one in enumerate(boxes):
        assert not any(one.overlaps(other) for other in boxes[place + 1 :])


def test_panels_follow_their_axes():
    ax = fb.plot.weights(fb.mlp([4, 6, 3]), ax=new_axes((8, 4)))
    before = boxes_in_pixels(ax, panels_of(ax))
    ax.figure.set_size_inches(12, 4)
    after = boxes_in_pixels(ax, panels_of(ax))
    assert all(new.width > 1.3 * old.width for old, new in zip(before, after, strict=True))
    whole = boxes_in_pixels(ax, [ax])[0]
    assert after[0].x0 == pytest.approx(whole.x0, abs=1)
    assert after[-1].x1 == pytest.approx(whole.x1, abs=1)


def test_a_single_unit_has_one_tick():
    (panel,) = panels(fb.mlp([4, 1]))
    panel.figure.canvas.draw()
    assert [tick for tick in panel.get_yticks() if -0.5 <= tick <= 0.5] == [0]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"layer": 2}, ValueError, "layer must be at most 1, got 2"),
        ({"layer": "first"}, TypeError, "layer must be an integer, got 'first'"),
        (
            {"kind": "pie"},
            ValueError,
            "kind must be one of 'heat', 'histogram', 'images', got 'pie'",
        ),
        (
            {"kind": "images"},
            ValueError,
            "kind must be 'heat' or 'histogram' where the number of inputs is no square, got "
            "'images' and 5 inputs of layer 1",
        ),
    ],
)
def test_bad_arguments_are_refused(given, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        fb.plot.weights(fb.mlp([4, 5, 2]), **given)
