"""A fit by steps over batches: which rows are held out, in which order they come, how it ends."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

import fastbp as fb
from fastbp.orders import Reshuffled
from fastbp.sklearn.blocks import stream
from fastbp.sklearn.epochs import Epochs, Held
from fastbp.sklearn.rules import made_optimizer

TOO_SMALL = (
    "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
)


class Rows(NamedTuple):
    """Rows to train on: x, targets as the network takes them, weights."""

    x: Any
    target: Any
    weight: Any

    @property
    def n_rows(self) -> int:
        """How many there are."""
        return int(self.x.shape[0])


def hold_out(estimator: Any, rows: Rows, y: Any) -> tuple[Rows, Held]:
    """Return the rows to train on, and the fraction of them to validate by.

    The same ones as scikit-learn holds out: stratified where there are two classes.
    """
    places = np.arange(rows.n_rows)
    trained, held = train_test_split(
        places,
        random_state=estimator._random_state,
        test_size=estimator.validation_fraction,
        stratify=rows.target if estimator._stratifies() else None,
    )
    if len(held) < 2:
        raise ValueError(TOO_SMALL)
    own, other = (
        Rows(
            rows.x[index],
            rows.target[index],
            None if rows.weight is None else rows.weight[index],
        )
        for index in (trained, held)
    )
    return own, Held(other.x, y[held], other.target, other.weight)


def batch_rows(batch_size: Any, n_rows: int) -> int:
    """Return the rows of a batch."""
    if batch_size == "auto":
        return min(200, n_rows)
    if batch_size > n_rows:
        warnings.warn(
            "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped",
            stacklevel=7,
        )
    return int(np.clip(batch_size, 1, n_rows))


def taken_optimizer(estimator: Any, incremental: bool) -> Any:
    """Return the optimizer that goes on, or a new one."""
    goes_on = incremental or estimator.warm_start == "optimizer"
    if not (goes_on and hasattr(estimator, "_optimizer")):
        estimator._optimizer = made_optimizer(estimator)
    return estimator._optimizer


def descend(estimator: Any, rows: Rows, held: Held | None, incremental: bool) -> None:
    """Train an estimator's network with its solver until a rule stops it or epochs are over."""
    network, optimizer = estimator._network, taken_optimizer(estimator, incremental)
    size = batch_rows(estimator.batch_size, rows.n_rows)
    books = Epochs(estimator, estimator._reporting(rows), rows.n_rows, size, held, incremental)
    seconds = estimator.max_seconds
    callbacks = estimator.callbacks
    plain = callable(callbacks) or isinstance(callbacks, fb.Callback)
    arguments = {
        "optimizer": optimizer,
        "epochs": 1 if incremental else estimator.max_iter,
        "batch_size": size,
        "stop": None if seconds is None else fb.Stop(seconds=seconds),
        "callbacks": [books, *([callbacks] if plain else callbacks)],
        "progress": False,
        "threads": estimator.threads,
        "l2": float(estimator.alpha),
    }
    estimator.n_iter_ = 0
    try:
        history = trained(network, rows, orders_of(estimator, rows), arguments)
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=6)
        return
    if history.stop_reason == "epochs" and not incremental:
        warnings.warn(
            f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) reached and the "
            "optimization hasn't converged yet.",
            ConvergenceWarning,
            stacklevel=6,
        )
    estimator._diverged = history.stop_reason == "diverged"


def orders_of(estimator: Any, rows: Rows) -> Reshuffled | None:
    """Return what draws the orders of epochs, as scikit-learn draws them, or None for none."""
    return Reshuffled(rows.n_rows, estimator._random_state) if estimator.shuffle else None


def trained(
    network: fb.Network, rows: Rows, orders: Reshuffled | None, arguments: dict[str, Any]
) -> fb.History:
    """Fit a network to rows of an array or of a sparse matrix; return the history."""
    with warnings.catch_warnings():
        # What has diverged is told by an error.
        warnings.filterwarnings("ignore", ".*parameters are back", RuntimeWarning)
        if issparse(rows.x):
            arrays = (rows.target, *(() if rows.weight is None else (rows.weight,)))
            blocks = stream(rows.x, arrays, arguments["batch_size"], orders)
            return network.fit_stream(blocks, **arguments)
        return network.fit(
            rows.x,
            rows.target,
            shuffle=False if orders is None else orders,
            sample_weight=rows.weight,
            **arguments,
        )
