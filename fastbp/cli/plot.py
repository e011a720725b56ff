"""The picture of a training: learning curves, and how the held-out rows were predicted."""

from __future__ import annotations

import importlib
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastbp as fb
from fastbp.cli.figures import figures
from fastbp.cli.learning import Outcome
from fastbp.cli.model import Model
from fastbp.cli.problem import Part, Problem
from fastbp.cli.report import shown
from fastbp.cli.target import ClassTarget
from fastbp.plot.palette import INK, TRAINING

# Classes whose cells have room for their counts, and for names that are not turned.
MOST_COUNTS = 30
FEW_CLASSES, MOST_LETTERS = 5, 36
MOST_FLAT_NAMES = 12
LOSSES = ("loss", "validation_loss")
METRICS = ("validation_accuracy", "validation_r2")
# Points of a picture; of more rows some are drawn.
MOST_POINTS = 5000


def draw(path: str, title: str, model: Model, problem: Problem, outcome: Outcome) -> None:
    """Draw the picture to a file.

    Parameters
    ----------
    path : str
        The file; its ending says the format.
    title : str
        What the data is called.
    model : Model
        The trained model.
    problem : Problem
        Its rows; where none were held out, those that were watched or trained on are drawn.
    outcome : Outcome
        The history of the training.
    """
    agg = importlib.import_module("matplotlib.backends.backend_agg")
    name, part = _judged_part(problem)
    outputs = model.predict(part.table)
    figure = importlib.import_module("matplotlib.figure").Figure(dpi=120)
    agg.FigureCanvasAgg(figure)
    figure.set_layout_engine("constrained")
    figure.suptitle(f"{title}: {model.target.name}", fontsize=13, fontweight="bold")
    history = outcome.history
    metric = next((name for name in METRICS if name in history.columns()), None)
    curves = ["loss"] if metric is None else ["loss", "metric"]
    if isinstance(model.target, ClassTarget):
        side = _matrix_side(model.target.n_outputs)
        figure.set_size_inches(5.5 + 1.15 * side, side)
        rows = [[curve, "matrix"] for curve in curves]
        axes = figure.subplot_mosaic(rows, width_ratios=[5.5, 1.15 * side])
        _confusion(axes["matrix"], model.target, figures(model.target, outputs, part.y), name)
    else:
        figure.set_size_inches(11, 8.5)
        axes = figure.subplot_mosaic([["loss", "predictions"], [curves[-1], "residuals"]])
        _predictions(axes["predictions"], model.target.name, outputs[:, 0], part.y, name)
        _residuals(axes["residuals"], model.target.name, outputs[:, 0] - part.y, name)
    losses = [name for name in LOSSES if name in history.columns()]
    best = outcome.best or False
    for place, names in (("loss", losses), ("metric", metric)):
        if names is not None:
            fb.plot.history(history, names, best=best, ax=axes[place])
            axes[place].set_title(f"learning curve: {axes[place].get_ylabel()}")
    figure.savefig(path)


def _judged_part(problem: Problem) -> tuple[str, Part]:
    if problem.test is not None:
        return "test", problem.test
    if problem.validation is not None:
        return "validation", problem.validation
    return "training", problem.training


def _matrix_side(n_classes: int) -> float:
    """Return the inches of a confusion matrix in which its names can be read."""
    return min(18.0, max(6.5, 0.36 * n_classes + 1.5))


def _confusion(axes: Any, target: ClassTarget, found: dict[str, Any], part: str) -> None:
    """Draw the shares of each class, by rows, with the counts where there is room."""
    matrix = np.array(found["confusion"], dtype=np.float64)
    sums = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(matrix, sums, out=np.zeros_like(matrix), where=sums > 0)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    count = len(matrix)
    names = [shown(name, 16) for name in target.classes]
    size = 12 if count <= FEW_CLASSES else 9 if count <= 20 else max(4, 9 - (count - 20) * 0.12)
    longest = max(map(len, names))
    is_flat = (
        longest <= 2
        or (count <= MOST_FLAT_NAMES and longest <= 5)
        or count * longest <= MOST_LETTERS
    )
    axes.set_xticks(range(count), names, fontsize=size, rotation=0 if is_flat else 90)
    axes.set_yticks(range(count), names, fontsize=size)
    if count <= MOST_COUNTS:
        for row, column in np.argwhere(matrix > 0).tolist():
            color = "white" if shares[row, column] > 0.55 else "#202020"
            text = f"{int(matrix[row, column])}"
            axes.text(column, row, text, ha="center", va="center", color=color, fontsize=size - 1)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("actual class")
    axes.set_title(f"{part} rows: accuracy {found['accuracy']:.4f} of {found['rows']}")
    bar = axes.figure.colorbar(image, ax=axes, fraction=0.046, pad=0.02)
    bar.set_label("share of the actual class")


def _predictions(
    axes: Any, name: str, predicted: NDArray[Any], actual: NDArray[Any], part: str
) -> None:
    """Draw predicted against actual values."""
    step = math.ceil(len(actual) / MOST_POINTS)
    axes.scatter(
        actual[::step], predicted[::step], s=12, alpha=0.5, color=TRAINING, edgecolors="none"
    )
    ends = [min(actual.min(), predicted.min()), max(actual.max(), predicted.max())]
    axes.plot(ends, ends, color=INK, linestyle=":", label="predicted = actual")
    axes.set_title(f"{part} rows: predictions")
    axes.set_xlabel(f"actual {shown(name)}")
    axes.set_ylabel(f"predicted {shown(name)}")
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)


def _residuals(axes: Any, name: str, error: NDArray[Any], part: str) -> None:
    """Draw how many rows have which error."""
    axes.set_axisbelow(True)
    axes.hist(error, bins=min(60, max(10, int(len(error) ** 0.5))), color=TRAINING)
    axes.axvline(0, color=INK, linestyle=":")
    mae = float(np.abs(error).mean())
    axes.set_title(f"{part} rows: mean absolute error {mae:.4g}")
    axes.set_xlabel(f"predicted - actual {shown(name)}")
    axes.set_ylabel("rows")
    axes.grid(alpha=0.25)
