"""The optimizer of a solver, and scikit-learn's ways to change its learning rate."""

from __future__ import annotations

import copy
import functools
import inspect
import math
from typing import Any

import fastbp as fb
from fastbp.sklearn.constraints import OPTIMIZER

STOCHASTIC: dict[str, Any] = {
    kind.__name__.lower(): kind
    for kind in (getattr(fb, name) for name in fb.__all__)
    if inspect.isclass(kind) and issubclass(kind, OPTIMIZER)
}
LBFGS = "lbfgs"
# Learning rates at which "adaptive" gives up, and what it divides by.
LEAST_RATE, DIVISOR = 1e-6, 5.0


def is_stochastic(solver: object) -> bool:
    """Return whether a solver takes steps over batches."""
    return not isinstance(solver, str) or solver in STOCHASTIC


def check_solver(estimator: Any) -> None:
    """Refuse a name that is no solver's."""
    if isinstance(estimator.solver, str) and estimator.solver not in (LBFGS, *STOCHASTIC):
        known = ", ".join(sorted((LBFGS, *STOCHASTIC)))
        raise ValueError(
            f"The 'solver' parameter of {type(estimator).__name__} must be a str among {{{known}}} "
            f"or an optimizer of fastbp. Got {estimator.solver!r} instead."
        )


@functools.cache
def arguments_of(kind: Any) -> frozenset[str]:
    """Return the names of the arguments that an optimizer is made with."""
    return frozenset(inspect.signature(kind).parameters)


def made_optimizer(estimator: Any) -> Any:
    """Return a new optimizer by the estimator's arguments."""
    solver = estimator.solver
    if not isinstance(solver, str):
        return copy.deepcopy(solver)
    kind = STOCHASTIC[solver]
    wanted = {
        "learning_rate": estimator.learning_rate_init,
        "momentum": estimator.momentum,
        # Without momentum there is nothing to look ahead along.
        "nesterov": bool(estimator.nesterovs_momentum and estimator.momentum > 0),
        "beta1": estimator.beta_1,
        "beta2": estimator.beta_2,
        "epsilon": estimator.epsilon,
    }
    known = arguments_of(kind)
    names = wanted if solver in ("sgd", "adam") else ("learning_rate", "beta1", "beta2")
    settings = {name: wanted[name] for name in names if name in known}
    return kind(**settings, clip_norm=estimator.clip_norm or 0.0)


def set_epsilon(optimizer: Any, epsilon: float, steps: int) -> None:
    """Make Adam's epsilon that of scikit-learn for the next `steps`.

    scikit-learn adds it to the root of v, ours is added to the root of v / (1 - beta2^t) (Kingma
    and Ba, "Adam: a method for stochastic optimization", ICLR 2015, the last lines of section 2
    and Algorithm 1). It is exact for the step in the middle, and counts where gradients are tiny.
    """
    middle = optimizer.steps + (steps + 1) / 2
    optimizer.epsilon = epsilon / math.sqrt(1 - optimizer.beta2**middle)


def set_rate(optimizer: Any, rate: float) -> None:
    """Change the learning rate of plain descent as scikit-learn does.

    Its velocities are those of the parameters, ours are sums of gradients that the learning rate
    multiplies: what moves on must be the same.
    """
    if rate != optimizer.learning_rate:
        if optimizer.momentum > 0:
            optimizer.slots[0] *= optimizer.learning_rate / rate
        optimizer.learning_rate = rate
