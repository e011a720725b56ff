"""Learning curves: the figures of a fit, epoch by epoch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

import fastbp as fb
from fastbp import checks
from fastbp.plot.canvas import axes_for, ink, legend_above
from fastbp.plot.columns import OF_LAYER, recorded, spans_decades
from fastbp.plot.palette import CLASSES, GREY, STROKES, TRAINING, VALIDATION

if TYPE_CHECKING:
    from matplotlib.axes import Axes

USER = "fb.plot.history"
Columns = dict[str, list[float]]
HELD = "validation_"
RATE = "learning_rate"
# Columns that are no figures of training rows or validation rows.
OF_NO_ROWS = (RATE, "gradient_norm", "seconds", "rows_per_second")
# Epochs up to which each has a mark.
MARKED = 30
# Where a third axis stands, in points to the right of the frame.
OFFSET = 46


def history(
    history: fb.History,
    names: Iterable[str] | str | None = None,
    *,
    best: int | bool | None = None,
    log: bool | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw learning curves.

    Losses have the axis on the left, metrics one on the right, the learning rate another. Blue is
    of the rows that are trained on, vermillion of the validation rows.

    Parameters
    ----------
    history : History
        What `fit` returned, of at least one epoch.
    names : str or list of str, optional
        Columns of the history, such as ["loss", "validation_accuracy", "learning_rate"]; None: the
        losses and the metrics, but not what `HealthLog` records, which `fastbp.plot.health` draws.
    best : int or bool, optional
        The epoch to mark, from 1; None or True: that of the smallest validation loss, where there
        is one; False: none.
    log : bool, optional
        Whether the left axis has a logarithmic scale; None: where the largest loss is more than 20
        times the smallest.
    ax : matplotlib Axes, optional
        Where to draw; None: a new figure.

    Returns
    -------
    matplotlib Axes
        That of the left axis, over which the others stand.

    Raises
    ------
    TypeError, ValueError
        An argument is of the wrong type; there are no epochs, no such column or epoch; or `log` is
        True and a figure of the left axis is not above 0.
    ImportError
        matplotlib is not installed.

    Examples
    --------
    >>> import fastbp as fb
    >>> from matplotlib.figure import Figure
    >>> history = fb.mlp([1, 1]).fit([[1.0], [2.0]], [1.0, 2.0], epochs=5)
    >>> ax = fb.plot.history(history, ax=Figure().add_subplot())
    >>> ax.lines[0].get_ydata().tolist() == history.loss
    True
    """
    columns = _columns(history, names)
    marked = _marked(history, best)
    groups = _groups(columns)
    is_log = _is_log(groups[0], log)
    first = axes_for(USER, ax, (6.4, 4.0))
    handles: list[Any] = []
    for place, group in enumerate(groups):
        axes: Any = first.twinx() if place else first
        if place > 1:
            axes.spines["right"].set_position(("outward", OFFSET))
        handles += _curves(axes, group, STROKES[place])
    if is_log:
        first.set_yscale("log")
    if marked is not None:
        label = f"best epoch: {marked}"
        handles.append(
            first.axvline(marked, color=ink(first), linestyle=":", linewidth=1.2, label=label)
        )
    first.set_xlabel("epoch")
    first.grid(alpha=0.25)
    locator: Any = first.xaxis.get_major_locator()
    locator.set_params(integer=True, min_n_ticks=1)
    legend_above(first, handles)
    return first


def _columns(history: object, names: Iterable[str] | str | None) -> Columns:
    """Return the columns to draw, by their names."""
    found = recorded(history)
    columns = found.columns()
    if names is None:
        return {name: columns[name] for name in columns if _is_default(found, name)}
    if not isinstance(names, (str, Iterable)):
        raise TypeError(f"names must be a list of names, got {checks.described(names)}")
    wanted = [names] if isinstance(names, str) else list(names)
    if not wanted:
        raise ValueError(f"names must hold at least 1 of {', '.join(columns)}, got none")
    return {checks.choice("names", name, columns): columns[name] for name in wanted}


def _is_default(history: fb.History, name: str) -> bool:
    """Return whether a column is drawn where none are named."""
    if name in history.metrics:
        return not OF_LAYER.fullmatch(name)
    return _kind(name) == "loss"


def _kind(name: str) -> str:
    """Return what a column is a figure of, of whichever rows."""
    return name.removeprefix(HELD)


def _marked(history: fb.History, best: object) -> int | None:
    """Return the epoch to mark."""
    if best is None or isinstance(best, (bool, np.bool_)):
        losses = history.validation_loss
        is_wanted = best is None or bool(best)
        finite = is_wanted and bool(np.isfinite(losses).any())
        return int(np.nanargmin(losses)) + 1 if finite else None
    return checks.integer("best", best, 1, len(history.loss))


def _groups(columns: Mapping[str, list[float]]) -> list[Columns]:
    """Return the columns of each axis: losses, other figures, the learning rate."""
    groups: list[Columns] = [{}, {}, {}]
    for name, values in columns.items():
        place = 0 if _kind(name) == "loss" else 2 if name == RATE else 1
        groups[place][name] = values
    return [group for group in groups if group]


def _is_log(group: Columns, log: object) -> bool:
    """Return whether the left axis has a logarithmic scale."""
    values = np.concatenate(list(group.values()))
    if log is None:
        return any(_kind(name) == "loss" for name in group) and spans_decades(values)
    least = np.nanmin(values, initial=np.inf)
    if checks.flag("log", log) and not least > 0:
        raise ValueError(
            f"log must be False where a figure is not above 0 ({', '.join(group)}), got True and "
            f"{least}"
        )
    return bool(log)


def _curves(axes: Any, group: Columns, stroke: str) -> list[Any]:
    """Draw the columns of one axis; return their lines."""
    kinds = list(dict.fromkeys(map(_kind, group)))
    lines = []
    for name, values in group.items():
        kind = kinds.index(_kind(name))
        lines += axes.plot(
            range(1, len(values) + 1),
            values,
            label=_label(name),
            color=_colour(name, kind),
            linestyle=stroke,
            linewidth=1.6,
            marker="o" if len(values) <= MARKED else "",
            markersize=3,
        )
    axes.set_ylabel(", ".join(map(_words, kinds)))
    if kinds == ["r2"]:
        # An R2 far below 0 in the first epochs would leave no room for the others.
        least = min(min(values) for values in group.values())
        axes.set_ylim(bottom=max(least - 0.02, -0.1))
    return lines


def _label(name: str) -> str:
    """Return what the legend calls a column."""
    is_plain = name.startswith(HELD) or name in OF_NO_ROWS
    return _words(name if is_plain else f"training_{name}")


def _words(name: str) -> str:
    """Return a column's name as it is read."""
    return name.replace("_", " ").replace("r2", "R2")


def _colour(name: str, kind: int) -> str:
    """Return the colour of a column that is of the given kind on its axis."""
    if name == RATE:
        return GREY
    pair = 2 * kind + int(name.startswith(HELD))
    return (TRAINING, VALIDATION, *CLASSES[2:])[pair % len(CLASSES)]
