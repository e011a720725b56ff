"""Losses L, each beside delta^L = dL/dz^L, the place where the backward walk begins.

A loss is the mean over rows of a sum over outputs. A row may count more than another: with weights
w_r the mean is sum_r w_r L_r / sum_r w_r, and without them every w_r is 1. The division belongs to
the loss, so delta carries it from the start and no later formula has to think of it.

All are functions of z, the value before the output activation. Some of them would otherwise take
the logarithm of an activation that has already been rounded to 0. The others are sums over the
outputs of a function of a_j and y_j, and for them dL/da is carried through the activation.

``differences``, ``classes`` and ``likelihoods`` have the functions; this file names them.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from .. import checks
from ..activations import Activation, find_activation
from ..scalars import Number, Row, Rows, add_up
from .classes import (
    binary_cross_entropy_row,
    binary_cross_entropy_row_delta,
    cross_entropy_row,
    cross_entropy_row_delta,
    kl_divergence_row,
    smoothed,
)
from .differences import (
    Elementwise,
    hinge,
    hinge_prime,
    huber,
    huber_prime,
    log_cosh,
    log_cosh_prime,
    mae,
    mae_prime,
    quantile,
    quantile_prime,
)
from .likelihoods import (
    gamma_row,
    gamma_row_delta,
    gaussian_nll_row,
    gaussian_nll_row_delta,
    poisson_row,
    poisson_row_delta,
)


def mse_row(z: Row, y: Row, s: Activation) -> Number:
    """L = sum_j 1/2 (a_j - y_j)^2 with a = s(z)."""
    errors = [a_j - y_j for a_j, y_j in zip(s.value(z), y, strict=True)]
    return add_up(error * error / 2 for error in errors)


def mse_row_delta(z: Row, y: Row, s: Activation) -> Row:
    """delta_j = (a_j - y_j) s'(z_j): dL/da = a - y, carried through the activation.

    References
    ----------
    D. E. Rumelhart, G. E. Hinton and R. J. Williams, "Learning representations by
    back-propagating errors", Nature 323, 1986, equations 3 to 5.
    """
    errors = [a_j - y_j for a_j, y_j in zip(s.value(z), y, strict=True)]
    return s.vjp(z, errors)


class Loss(NamedTuple):
    """What the package knows of a loss, for one row.

    Attributes
    ----------
    value : row z, row y, activation -> L
    delta : row z, row y, activation -> row dL/dz
    output : str or None
        The only output activation the formulas hold for; None when any will do.
    """

    value: Callable[[Row, Row, Activation], Number]
    delta: Callable[[Row, Row, Activation], Row]
    output: str | None


def of_outputs(value: Elementwise, prime: Elementwise) -> Loss:
    """Return the loss that is the sum over outputs of a function of a and y."""

    def of_row(z: Row, y: Row, s: Activation) -> Number:
        return add_up(value(a_j, y_j) for a_j, y_j in zip(s.value(z), y, strict=True))

    def delta_of_row(z: Row, y: Row, s: Activation) -> Row:
        return s.vjp(z, [prime(a_j, y_j) for a_j, y_j in zip(s.value(z), y, strict=True)])

    return Loss(of_row, delta_of_row, None)


def _huber(delta: Number) -> Loss:
    return of_outputs(partial(huber, delta=delta), partial(huber_prime, delta=delta))


def _quantile(q: Number) -> Loss:
    return of_outputs(partial(quantile, q=q), partial(quantile_prime, q=q))


def _cross_entropy(label_smoothing: Number) -> Loss:
    return Loss(
        lambda z, y, s: cross_entropy_row(z, smoothed(y, label_smoothing), s),
        lambda z, y, s: cross_entropy_row_delta(z, smoothed(y, label_smoothing), s),
        "softmax",
    )


# The one place that names the losses; everything else looks them up here. Those of PARAMETERS are
# functions of their parameter.
PARAMETERS = {
    "cross_entropy": ("label_smoothing", 0.0),
    "huber": ("delta", 1.0),
    "quantile": ("q", 0.5),
}
OF_PARAMETER = {"cross_entropy": _cross_entropy, "huber": _huber, "quantile": _quantile}
LOSSES = {
    "binary_cross_entropy": Loss(
        binary_cross_entropy_row, binary_cross_entropy_row_delta, "sigmoid"
    ),
    "cross_entropy": Loss(cross_entropy_row, cross_entropy_row_delta, "softmax"),
    "gamma": Loss(gamma_row, gamma_row_delta, "exp"),
    "gaussian_nll": Loss(gaussian_nll_row, gaussian_nll_row_delta, "identity"),
    "hinge": of_outputs(hinge, hinge_prime),
    "huber": _huber(1.0),
    "kl_divergence": Loss(kl_divergence_row, cross_entropy_row_delta, "softmax"),
    "log_cosh": of_outputs(log_cosh, log_cosh_prime),
    "mae": of_outputs(mae, mae_prime),
    "mse": Loss(mse_row, mse_row_delta, None),
    "poisson": Loss(poisson_row, poisson_row_delta, "exp"),
    "quantile": _quantile(0.5),
}
# What `register_loss` has been given.
CUSTOM: dict[str, Loss] = {}


def find_loss(text: str) -> Loss:
    """Return the loss of a name such as "mse" or "huber(delta=2)".

    Examples
    --------
    >>> find_loss("cross_entropy(0.1)").output
    'softmax'
    """
    known = {**LOSSES, **CUSTOM}
    name, value = checks.named("loss", text, known, PARAMETERS)
    if value is None:
        return known[name]
    if name == "huber":
        return _huber(checks.positive("delta", value))
    parameter = PARAMETERS[name][0]
    return OF_PARAMETER[name](checks.bounded(parameter, value, below=1))


def check_pair(activation: str, loss: str) -> None:
    """Refuse an unknown name, or a loss whose formulas do not hold for the output activation."""
    find_activation(activation)
    needed = find_loss(loss).output
    if needed not in (None, activation):
        fitting = [name for name, rule in LOSSES.items() if rule.output in (None, activation)]
        raise ValueError(
            f"loss must be one of {checks.quoted(fitting)} for output {activation!r}, "
            f"got {loss!r} (it needs output {needed!r})"
        )


def targets_a_row(loss: str, n_out: int) -> int:
    """Return how many targets belong to a row of n_out outputs."""
    if loss != "gaussian_nll":
        return n_out
    if n_out % 2:
        raise ValueError(f"gaussian_nll must have an even number of outputs, got {n_out}")
    return n_out // 2


def weighted_loss(z: Rows, y: Rows, sample_weight: Row, activation: str, loss: str) -> Number:
    """L = sum_r w_r L_r / sum_r w_r."""
    rule, s = find_loss(loss), find_activation(activation)
    rows = zip(z, y, sample_weight, strict=True)
    return add_up(w_r * rule.value(z_r, y_r, s) for z_r, y_r, w_r in rows) / add_up(sample_weight)


def weighted_delta(z: Rows, y: Rows, sample_weight: Row, activation: str, loss: str) -> Rows:
    """delta_r = w_r dL_r/dz_r / sum_r w_r for every row r."""
    rule, s = find_loss(loss), find_activation(activation)
    total = add_up(sample_weight)
    rows = zip(z, y, sample_weight, strict=True)
    return [[w_r * d_j / total for d_j in rule.delta(z_r, y_r, s)] for z_r, y_r, w_r in rows]


def loss_value(z: Rows, y: Rows | Row, activation: str = "identity", loss: str = "mse") -> Number:
    """L = (1/N) sum_r L(s(z_r), y_r), the mean over the N rows.

    Parameters
    ----------
    z : rows (n_rows, n_out)
        Values of the output layer before its activation.
    y : rows (n_rows, n_out), or a list (n_rows,) for one output or of class indices
    activation, loss : str

    Returns
    -------
    L : number

    Examples
    --------
    >>> loss_value([[3.0], [1.0]], [1.0, 1.0])
    1.0
    >>> round(loss_value([[1e4, 0.0]], [1], "softmax", "cross_entropy"))
    10000
    """
    check_pair(activation, loss)
    targets = checks.target_rows(y, len(z), targets_a_row(loss, len(z[0])), loss)
    return weighted_loss(z, targets, [1] * len(z), activation, loss)


def output_delta(z: Rows, y: Rows | Row, activation: str = "identity", loss: str = "mse") -> Rows:
    """delta^L = dL/dz^L, with the division by the number of rows.

    Parameters
    ----------
    z : rows (n_rows, n_out)
    y : rows (n_rows, n_out), or a list (n_rows,) for one output or of class indices
    activation, loss : str

    Returns
    -------
    delta : rows (n_rows, n_out)

    Examples
    --------
    >>> output_delta([[3.0], [1.0]], [1.0, 1.0])
    [[1.0], [0.0]]
    >>> output_delta([[0.0, 0.0]], [1], "softmax", "cross_entropy")
    [[0.5, -0.5]]
    """
    check_pair(activation, loss)
    targets = checks.target_rows(y, len(z), targets_a_row(loss, len(z[0])), loss)
    return weighted_delta(z, targets, [1] * len(z), activation, loss)
