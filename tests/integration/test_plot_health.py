"""The health of layers: the lines are the columns that HealthLog wrote."""

import numpy as np
import pytest
from drawing import boxes_in_pixels, legend_box, new_axes, panels_of

import fastbp as fb

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
LABELS = (X[:, 0] > 0).astype(int)
PANELS = {
    "gradient norm": "gradient_norm",
    "step / weights": "update_ratio",
    "dead units": "dead",
    "saturated slopes": "saturated",
}


def fit(sizes, hidden="relu", every=1, epochs=6, optimizer="adam"):
    net = fb.mlp([3, *sizes, 2], hidden, "softmax", "cross_entropy")
    log = fb.HealthLog(X, LABELS, every=every)
    return net.fit(X, LABELS, optimizer, epochs=epochs, callbacks=log, progress=False)


def curves(panel):
    return {line.get_label(): line for line in panel.lines}


def test_every_line_is_a_column_of_the_history():
    history = fit([5, 4])
    ax = fb.plot.health(history, ax=new_axes((8, 6)))
    assert [panel.get_ylabel() for panel in panels_of(ax)] == list(PANELS)
    for panel in panels_of(ax):
        kind = PANELS[panel.get_ylabel()]
        lines = curves(panel)
        wanted = {name for name in history.columns() if name.startswith(kind + "_")}
        if kind == "gradient_norm":
            wanted.discard("gradient_norm")
        found = {f"{kind}_{label.split()[1]}" for label in lines if label.startswith("layer")}
        assert found == wanted
        for name in wanted:
            line = lines[f"layer {name.rpartition('_')[2]}"]
            assert line.get_ydata().tolist() == history[name]
            assert line.get_xdata().tolist() == [1, 2, 3, 4, 5, 6]


def test_steps_have_the_line_of_a_good_one_and_shares_go_from_0_to_1():
    ax = fb.plot.health(fit([5, 4]), ax=new_axes((8, 6)))
    _, steps, *shares = panels_of(ax)
    assert set(curves(steps)["1e-3"].get_ydata()) == {1e-3}
    for panel in shares:
        low, high = panel.get_ylim()
        assert -0.1 < low <= 0
        assert 1 <= high < 1.1


def test_what_spans_decades_has_a_logarithmic_scale():
    deep = fb.plot.health(fit([8] * 8, "sigmoid", epochs=2, optimizer="sgd"), ax=new_axes((8, 6)))
    assert [panel.get_yscale() for panel in panels_of(deep)[:2]] == ["log", "log"]
    flat = fb.plot.health(fit([4], "tanh", epochs=2), ax=new_axes((8, 6)))
    assert [panel.get_yscale() for panel in panels_of(flat)] == ["linear"] * 4
    # Steps that are all alike, and far below the line of good ones.
    small = fit([4], "tanh", epochs=2, optimizer=fb.Adam(1e-6))
    assert panels_of(fb.plot.health(small, ax=new_axes((8, 6))))[1].get_yscale() == "log"


def test_epochs_without_a_look_are_passed_over():
    history = fit([5], every=3)
    line = curves(panels_of(fb.plot.health(history, ax=new_axes((8, 6))))[0])["layer 1"]
    assert line.get_xdata().tolist() == [3, 6]
    assert line.get_ydata().tolist() == [history["gradient_norm_1"][k] for k in (2, 5)]


def test_without_hidden_layers_there_are_two_panels():
    ax = fb.plot.health(fit([]), ax=new_axes((8, 4)))
    assert [panel.get_ylabel() for panel in panels_of(ax)] == list(PANELS)[:2]


def test_the_legend_names_layers_and_covers_nothing():
    ax = fb.plot.health(fit([4] * 14, epochs=2), ax=new_axes((8, 6)))
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert len(names) == 13
    assert (names[0], *names[-2:]) == ("layer 1", "layer 15", "1e-3")
    top = max(box.y1 for box in boxes_in_pixels(ax, panels_of(ax)))
    assert legend_box(ax).y0 >= top - 1


def test_panels_and_their_labels_do_not_overlap():
    ax = fb.plot.health(fit([5, 4]), ax=new_axes((5, 3.5)))
    ax.figure.canvas.draw()
    renderer = ax.figure.canvas.get_renderer()
    boxes = [panel.get_tightbbox(renderer) for panel in panels_of(ax)]
    for place, one in enumerate(boxes):
        assert not any(one.overlaps(other) for other in boxes[place + 1 :])


def test_learning_curves_leave_the_health_of_layers_out():
    history = fit([5])
    axes = history.plot(ax=new_axes()).figure.axes
    assert [line.get_label() for one in axes for line in one.lines] == ["training loss"]
    ax = history.plot(["loss", "update_ratio_1"], ax=new_axes())
    assert ax.figure.axes[1].lines[0].get_ydata().tolist() == history["update_ratio_1"]


def test_a_history_without_the_health_of_layers_is_refused():
    plain = fb.mlp([3, 2, 1]).fit(X, LABELS, epochs=1, progress=False)
    message = (
        r"^history must hold figures of layers, of a fit with callbacks=fb.HealthLog\(x, y\), got "
        "loss, learning_rate, seconds, rows_per_second$"
    )
    with pytest.raises(ValueError, match=message):
        fb.plot.health(plain)
    with pytest.raises(ValueError, match=r"^history must hold at least 1 epoch, got 0"):
        fb.plot.health(fb.History())
