"""A fit by scipy's L-BFGS-B on the whole set, always in float64."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import scipy.optimize
from sklearn.utils.optimize import _check_optimize_result

from fastbp.sklearn.blocks import pieces
from fastbp.sklearn.descent import Rows


class Objective:
    """The loss of a network with the penalty on its weights, and the gradient.

    Parameters
    ----------
    network : Network
    rows : Rows
    alpha : float
    """

    def __init__(self, network: Any, rows: Rows, alpha: float) -> None:
        self.network = network
        self.rows = rows
        self.alpha = alpha
        self.mass = float(rows.n_rows if rows.weight is None else rows.weight.sum())
        self.penalty = 0.0

    def __call__(self, params: Any) -> tuple[float, Any]:
        """Return (loss, gradient) at a vector of parameters."""
        self.network.params[:] = params
        loss, flat = self._data()
        self.penalty = 0.0
        for part in self._weights:
            weight = params[part]
            self.penalty += self.alpha / 2 / self.mass * float(np.square(weight).sum())
            flat[part] += self.alpha / self.mass * weight
        return loss + self.penalty, flat

    def _data(self) -> tuple[float, Any]:
        """Return the mean loss over the rows and its gradient."""
        x, target, weight = self.rows
        total, flat = 0.0, np.zeros_like(self.network.params)
        for rows, part in pieces(x):
            own = None if weight is None else weight[rows]
            share = (part.shape[0] if own is None else float(own.sum())) / self.mass
            if share > 0:
                loss, gradients = self.network.gradient(part, target[rows], own)
                total += share * loss
                flat += share * gradients.flat
        return total, flat

    @property
    def _weights(self) -> list[slice]:
        """The places of the weights in the vector of parameters."""
        found, start = [], 0
        for weight in self.network.weights:
            found.append(slice(start, start + weight.size))
            start += weight.size + weight.shape[0]
        return found


def minimize(estimator: Any, rows: Rows) -> None:
    """Train an estimator's network until the gradient is small or iterations are over."""
    network, began = estimator._network, time.perf_counter()
    objective = Objective(network, rows, float(estimator.alpha))
    ended = False

    def look(intermediate_result: Any) -> None:
        nonlocal ended
        late = estimator.max_seconds is not None
        late = late and time.perf_counter() - began >= estimator.max_seconds
        wanted = estimator.target_loss
        if late or (wanted is not None and intermediate_result.fun <= wanted):
            ended = True
            raise StopIteration

    found = scipy.optimize.minimize(
        objective,
        network.params.copy(),
        method="L-BFGS-B",
        jac=True,
        callback=look,
        options={"maxfun": estimator.max_fun, "maxiter": estimator.max_iter, "gtol": estimator.tol},
    )
    iterations = found.nit if ended else _check_optimize_result("lbfgs", found, estimator.max_iter)
    estimator.n_iter_ = iterations
    loss, _ = objective(found.x)
    estimator.loss_ = estimator._reporting(rows).loss(loss, objective.penalty)
