"""The health of a network over a fit, in its history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastbp import checks
from fastbp.callbacks import Callback, Training
from fastbp.health.measure import measured, slopes_that_matter
from fastbp.rows import Rows

if TYPE_CHECKING:
    import numpy.typing as npt

NAN = float("nan")


class HealthLog(Callback):
    """Record each layer's health in the history of a fit, after each epoch.

    What `Network.health` says of the rows x, y and of the next step of the fit's optimizer. The
    figures are columns of the history, and so of `CSVLog`, `JSONLog` and checkpoints. l counts
    layers from 1:

    - activation_mean_l, activation_std_l: of a^l over rows and units
    - dead_l: share of units whose slope is 0 in all rows
    - saturated_l: share of numbers whose slope is below 1 % of the largest
    - gradient_norm_l: ||dL/dW^l||
    - update_ratio_l: ||W' - W|| / ||W|| of the next step

    A layer has no dead_l and saturated_l where `LayerHealth` has None for them: softmax, and a last
    layer whose loss is computed from z. In epochs that are not looked at all of them are NaN.

    Parameters
    ----------
    x, y
        As for `Network.evaluate`; some hundred rows say enough.
    every : int
        Epochs between two looks, at least 1; the last of each so many is looked at.

    Raises
    ------
    TypeError, ValueError
        `every` is no integer or below 1; before the first step: x or y do not suit the network, or
        another figure of the history has a name of these.

    Notes
    -----
    A look costs two passes back and a few forward over its rows, and a copy of the network.

    Examples
    --------
    >>> import fastbp as fb
    >>> x, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    >>> net = fb.mlp([2, 4, 1], hidden="tanh")
    >>> history = net.fit(x, y, epochs=3, callbacks=fb.HealthLog(x, y))
    >>> [name for name in history.columns() if name[-2:] == "_2"][:3]
    ['activation_mean_2', 'activation_std_2', 'dead_2']
    >>> len(history["update_ratio_2"])
    3
    """

    changes_parameters = False

    def __init__(self, x: npt.ArrayLike, y: npt.ArrayLike, every: int = 1) -> None:
        self.x, self.y = x, y
        self.every = checks.integer("every", every, 1)
        self._rows: Rows | None = None

    def column_names(self, network: Any) -> tuple[str, ...]:
        """Return the names of the figures, layer by layer."""
        names: list[str] = []
        for number, slopes in enumerate(slopes_that_matter(network), 1):
            kinds = ["activation_mean", "activation_std"]
            kinds += [] if slopes is None else ["dead", "saturated"]
            kinds += ["gradient_norm", "update_ratio"]
            names += [f"{kind}_{number}" for kind in kinds]
        return tuple(names)

    def begin(self, training: Training) -> None:
        """Check the rows."""
        self._rows = training.network._data(self.x, self.y)

    def figures(self, training: Training) -> dict[str, float]:
        """Return the figures of the epoch that ends."""
        assert self._rows is not None, "a fit begins with begin"
        if (training.epoch + 1) % self.every:
            return dict.fromkeys(self.column_names(training.network), NAN)
        found: dict[str, float] = {}
        for layer in measured(training.network, self._rows, training.optimizer).layers:
            kinds = {
                "activation_mean": layer.a.mean,
                "activation_std": layer.a.std,
                "dead": layer.dead,
                "saturated": layer.saturated,
                "gradient_norm": layer.weight_gradient,
                "update_ratio": layer.update_ratio,
            }
            found |= {f"{kind}_{layer.number}": v for kind, v in kinds.items() if v is not None}
        return found

    def end(self, training: Training) -> None:
        """Forget the checked rows."""
        self._rows = None
