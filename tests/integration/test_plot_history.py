"""Learning curves: the lines are the history's lists, each on its axis."""

import numpy as np
import pytest
from drawing import boxes_in_pixels, fitted, legend_box, new_axes

import fastbp as fb
from fastbp.plot import palette


@pytest.fixture(scope="module")
def history():
    return fitted()[3]


def made_of(**lists):
    """Return a history that holds these lists."""
    history = fb.History()
    for name, values in lists.items():
        if hasattr(history, name):
            setattr(history, name, values)
        else:
            history.metrics[name] = values
    return history


def curves(ax):
    """Return what is drawn, {label: values}, and which axis it is on, {label: its label}."""
    values, axes = {}, {}
    for one in ax.figure.axes:
        for line in one.lines:
            values[line.get_label()] = line
            axes[line.get_label()] = one.get_ylabel()
    return values, axes


def legend_names(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_every_curve_is_a_list_of_the_history(history):
    ax = fb.plot.history(history, ax=new_axes())
    lines, axes = curves(ax)
    best = int(np.argmin(history.validation_loss)) + 1
    wanted = {
        "training loss": history.loss,
        "validation loss": history.validation_loss,
        "training accuracy": history["accuracy"],
        "validation accuracy": history["validation_accuracy"],
    }
    for name, values in wanted.items():
        assert lines[name].get_xdata().tolist() == list(range(1, len(values) + 1))
        assert lines[name].get_ydata().tolist() == values
    assert axes["training loss"] == axes["validation loss"] == "loss"
    assert axes["training accuracy"] == axes["validation accuracy"] == "accuracy"
    assert lines[f"best epoch: {best}"].get_xdata()[0] == best
    assert set(lines) == {*wanted, f"best epoch: {best}"}
    assert legend_names(ax) == [*wanted, f"best epoch: {best}"]
    assert ax.get_xlabel() == "epoch"


def test_colours_tell_whose_rows_and_strokes_tell_which_figure(history):
    lines, _ = curves(history.plot(ax=new_axes()))
    colour = {name: line.get_color() for name, line in lines.items()}
    stroke = {name: line.get_linestyle() for name, line in lines.items()}
    for kind in ("loss", "accuracy"):
        assert colour[f"training {kind}"] == colour["training loss"]
        assert colour[f"validation {kind}"] == colour["validation loss"]
        assert stroke[f"training {kind}"] == stroke[f"validation {kind}"]
    assert colour["training loss"] == palette.BLUE
    assert colour["validation loss"] == palette.VERMILLION
    assert stroke["training loss"] != stroke["training accuracy"]


def test_names_choose_the_curves_and_the_learning_rate_has_an_axis_of_its_own(history):
    names = ["learning_rate", "validation_accuracy", "loss"]
    lines, axes = curves(history.plot(names, best=False, ax=new_axes()))
    assert set(lines) == {"learning rate", "validation accuracy", "training loss"}
    assert axes == {
        "training loss": "loss",
        "validation accuracy": "accuracy",
        "learning rate": "learning rate",
    }
    assert lines["learning rate"].get_ydata().tolist() == history.learning_rate


def test_three_axes_stand_apart(history):
    ax = history.plot(["loss", "accuracy", "learning_rate"], ax=new_axes((8, 4)))
    _, accuracy, rate = ax.figure.axes
    inner, outer = boxes_in_pixels(ax, [accuracy.yaxis.label, rate.yaxis.label])
    assert inner.x1 < outer.x0


def test_one_name_alone_has_the_left_axis(history):
    ax = history.plot("learning_rate", best=False, ax=new_axes())
    assert len(ax.figure.axes) == 1
    assert ax.get_ylabel() == "learning rate"
    assert ax.lines[0].get_ydata().tolist() == history.learning_rate


@pytest.mark.parametrize("size", [(2.5, 2), (6, 4)], ids=["small", "large"])
def test_the_legend_covers_no_part_of_the_frame(history, size):
    ax = history.plot(ax=new_axes(size))
    legend = legend_box(ax)
    assert legend.y0 >= boxes_in_pixels(ax, [ax])[0].y1 - 1


@pytest.mark.parametrize(
    ("losses", "scale"),
    [([1.0, 0.06], "linear"), ([1.0, 0.04], "log"), ([1.0, 0.0], "linear")],
    ids=["near", "decades", "zero"],
)
def test_losses_that_span_decades_have_a_logarithmic_scale(losses, scale):
    assert made_of(loss=losses).plot(ax=new_axes()).get_yscale() == scale


def test_the_scale_can_be_chosen():
    assert made_of(loss=[1.0, 0.04]).plot(log=False, ax=new_axes()).get_yscale() == "linear"
    assert made_of(loss=[1.0, 0.5]).plot(log=True, ax=new_axes()).get_yscale() == "log"


def test_the_best_epoch_passes_over_what_is_not_finite():
    history = made_of(loss=[3.0, 2.0, 1.0], validation_loss=[np.nan, 2.0, 1.5])
    assert "best epoch: 3" in legend_names(history.plot(ax=new_axes()))
    history = made_of(loss=[1.0], validation_loss=[np.nan])
    assert legend_names(history.plot(ax=new_axes())) == ["training loss", "validation loss"]


def test_an_epoch_to_mark_can_be_given(history):
    assert "best epoch: 2" in legend_names(history.plot(best=2, ax=new_axes()))
    assert not [
        name for name in legend_names(history.plot(best=False, ax=new_axes())) if "best" in name
    ]


def test_without_validation_no_epoch_is_marked():
    assert legend_names(made_of(loss=[2.0, 1.0]).plot(ax=new_axes())) == ["training loss"]


def test_epochs_have_whole_numbers_and_few_of_them_marks():
    ax = made_of(loss=[2.0]).plot(ax=new_axes())
    ax.figure.canvas.draw()
    low, high = ax.get_xlim()
    assert [tick for tick in ax.get_xticks() if low <= tick <= high] == [1]
    assert ax.lines[0].get_marker() == "o"
    assert made_of(loss=[2.0] * 31).plot(ax=new_axes()).lines[0].get_marker() == ""


def test_an_r2_far_below_0_leaves_room_for_the_others():
    history = made_of(loss=[2.0, 1.0], r2=[-40.0, 0.7])
    axes = history.plot("r2", ax=new_axes())
    assert axes.get_ylim()[0] == -0.1
    assert axes.get_ylabel() == "R2"


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (
            {"names": "acc"},
            ValueError,
            "names must be one of 'loss', 'validation_loss', .* got 'acc'",
        ),
        ({"names": []}, ValueError, "names must hold at least 1 of loss, .* got none"),
        ({"names": 3}, TypeError, "names must be a list of names, got 3"),
        ({"best": 9}, ValueError, "best must be at most 8, got 9"),
        ({"best": 0}, ValueError, "best must be at least 1, got 0"),
        ({"log": 1}, TypeError, "log must be True or False, got 1"),
    ],
)
def test_bad_arguments_are_refused(history, given, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        history.plot(**given)


def test_a_history_without_epochs_or_positive_losses_is_refused():
    with pytest.raises(ValueError, match=r"history must hold at least 1 epoch, got 0 \(stop_reas"):
        fb.History().plot()
    with pytest.raises(TypeError, match=r"history must be a History, which fit returns, got \[1\]"):
        fb.plot.history([1])
    with pytest.raises(ValueError, match=r"log must be False where .* \(loss\), got True and 0.0$"):
        made_of(loss=[1.0, 0.0]).plot(log=True)
