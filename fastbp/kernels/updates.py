"""Update rules on flat arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastbp import checks
from fastbp._compiled import kernels as compiled
from fastbp.checks import Array
from fastbp.kernels.arguments import (
    copied,
    in_place,
)

if TYPE_CHECKING:
    import numpy.typing as npt


def sgd_update(
    params: Array,
    grad: npt.ArrayLike,
    velocity: Array | None,
    learning_rate: float = 1e-3,
    momentum: float = 0.0,
    nesterov: bool = False,
    weight_decay: float = 0.0,
) -> None:
    """Take one step of gradient descent in place.

    g = grad + weight_decay p;  v <- momentum v + g;  p <- p - learning_rate v, or
    p - learning_rate (g + momentum v) with `nesterov`. Without momentum, v = g.

    Parameters
    ----------
    params : array, (n,)
        float32 or float64, changed in place.
    grad : array_like, (n,)
        dL/dp.
    velocity : array, (n,), or None
        Changed in place, zeros before the first step; None without momentum.
    learning_rate, momentum, nesterov, weight_decay
        As for `fastbp.SGD`.

    Raises
    ------
    TypeError, ValueError
        An array is not writable or of another shape; momentum without velocity.

    Examples
    --------
    >>> import numpy as np
    >>> p = np.array([1.0])
    >>> sgd_update(p, [2.0], None, learning_rate=0.1)
    >>> p
    array([0.8])
    """
    p, g = _params_and_grad(params, grad)
    if momentum and velocity is None:
        raise ValueError("velocity must be an array where momentum is above 0, got None")
    v = velocity if velocity is None else in_place("velocity", velocity, p.shape, p.dtype)
    if not p.size:
        return
    compiled.sgd(p, g, v, learning_rate, momentum, nesterov, weight_decay)


def adam_update(
    params: Array,
    grad: npt.ArrayLike,
    m: Array,
    v: Array,
    step: int,
    learning_rate: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
) -> None:
    """Take one step of Adam in place.

    m <- beta1 m + (1 - beta1) g;  v <- beta2 v + (1 - beta2) g^2;
    p <- p - learning_rate / (1 - beta1^t) m / (sqrt(v / (1 - beta2^t)) + epsilon).

    Parameters
    ----------
    params : array, (n,)
        float32 or float64, changed in place.
    grad : array_like, (n,)
        dL/dp.
    m, v : array, (n,)
        Running means, changed in place, zeros before the first step.
    step : int
        t, from 1.
    learning_rate, beta1, beta2, epsilon
        As for `fastbp.Adam`.

    Raises
    ------
    TypeError, ValueError
        An array is not writable or of another shape, or step is below 1.

    References
    ----------
    D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, Algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> p, m, v = np.array([1.0]), np.zeros(1), np.zeros(1)
    >>> adam_update(p, [5.0], m, v, step=1, learning_rate=0.1)
    >>> p.round(6)
    array([0.9])
    """
    p, g = _params_and_grad(params, grad)
    first = in_place("m", m, p.shape, p.dtype)
    second = in_place("v", v, p.shape, p.dtype)
    t = checks.integer("step", step, 1)
    if not p.size:
        return
    compiled.adam(p, g, first, second, t, learning_rate, beta1, beta2, epsilon)


def _params_and_grad(params: Array, grad: npt.ArrayLike) -> tuple[Array, Array]:
    """Return the parameters to change in place and their gradient of the same dtype."""
    p = in_place("params", params, np.shape(params))
    if p.ndim != 1:
        raise ValueError(f"params must have 1 dimension, got shape {p.shape}")
    g = checks.numeric_array("grad", grad)
    if g.shape != p.shape:
        raise ValueError(f"grad must have the shape of params {p.shape}, got {g.shape}")
    return p, copied(g, p.dtype)
