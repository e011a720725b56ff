"""Losses L, each beside delta^L = dL/dz^L, the place where the backward walk begins.

A loss is the mean over rows of a sum over outputs. A row may count more than another: with weights
w_r the mean is sum_r w_r L_r / sum_r w_r, and without them every w_r is 1. The division belongs to
the loss, so delta carries it from the start and no later formula has to think of it.

All three are functions of z, the value before the output activation. Two of them would otherwise
take the logarithm of an activation that has already been rounded to 0.
"""

from collections.abc import Callable
from typing import NamedTuple

from . import checks
from .activations import ACTIVATIONS, Activation, sigmoid, softmax_row
from .scalars import Number, Row, Rows, add_up, exp, log, log1p, real


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


def cross_entropy_row(z: Row, y: Row, s: Activation) -> Number:
    """L = -sum_j y_j log a_j with a = softmax(z).

    log a_j = z_j - log sum_k e^(z_k), and taking the largest z_k out of that sum keeps every power
    <= e^0: log sum_k e^(z_k) = m + log sum_k e^(z_k - m).
    """
    m = max(z, key=real)
    log_sum = log(add_up(exp(z_k - m) for z_k in z))
    return add_up(y_j * (log_sum - (z_j - m)) for z_j, y_j in zip(z, y, strict=True))


def cross_entropy_row_delta(z: Row, y: Row, s: Activation) -> Row:
    """delta_j = a_j - y_j with a = softmax(z).

    dL/dz_j = sum_k y_k (a_j - (1 if j == k else 0)), and the y_k of a row add up to 1. The
    Jacobian of softmax has cancelled against the derivative of the logarithm.
    """
    return [a_j - y_j for a_j, y_j in zip(softmax_row(z), y, strict=True)]


def binary_cross_entropy_row(z: Row, y: Row, s: Activation) -> Number:
    """L = -sum_j (y_j log a_j + (1 - y_j) log(1 - a_j)) with a = sigmoid(z).

    In terms of z a summand is log(1 + e^z) - y z. For z > 0 the first part is written as
    z + log(1 + e^-z), which cannot overflow.
    """
    return add_up(
        (z_j - y_j * z_j) + log1p(exp(-z_j)) if real(z_j) > 0 else log1p(exp(z_j)) - y_j * z_j
        for z_j, y_j in zip(z, y, strict=True)
    )


def binary_cross_entropy_row_delta(z: Row, y: Row, s: Activation) -> Row:
    """delta_j = a_j - y_j with a = sigmoid(z).

    dL/da_j = (a_j - y_j) / (a_j (1 - a_j)), and that denominator is sigmoid'(z_j).
    """
    return [sigmoid(z_j) - y_j for z_j, y_j in zip(z, y, strict=True)]


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


# The one place that names the losses; everything else looks them up here.
LOSSES = {
    "binary_cross_entropy": Loss(
        binary_cross_entropy_row, binary_cross_entropy_row_delta, "sigmoid"
    ),
    "cross_entropy": Loss(cross_entropy_row, cross_entropy_row_delta, "softmax"),
    "mse": Loss(mse_row, mse_row_delta, None),
}


def check_pair(activation: str, loss: str) -> None:
    """Refuse an unknown name, or a loss whose formulas do not hold for the output activation."""
    checks.one_of("activation", activation, ACTIVATIONS)
    checks.one_of("loss", loss, LOSSES)
    needed = LOSSES[loss].output
    if needed not in (None, activation):
        fitting = [name for name, rule in LOSSES.items() if rule.output in (None, activation)]
        raise ValueError(
            f"loss must be one of {checks.quoted(fitting)} for output {activation!r}, "
            f"got {loss!r} (it needs output {needed!r})"
        )


def weighted_loss(z: Rows, y: Rows, sample_weight: Row, activation: str, loss: str) -> Number:
    """L = sum_r w_r L_r / sum_r w_r."""
    rule, s = LOSSES[loss], ACTIVATIONS[activation]
    rows = zip(z, y, sample_weight, strict=True)
    return add_up(w_r * rule.value(z_r, y_r, s) for z_r, y_r, w_r in rows) / add_up(sample_weight)


def weighted_delta(z: Rows, y: Rows, sample_weight: Row, activation: str, loss: str) -> Rows:
    """delta_r = w_r dL_r/dz_r / sum_r w_r for every row r."""
    rule, s = LOSSES[loss], ACTIVATIONS[activation]
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
    targets = checks.target_rows(y, len(z), len(z[0]), loss)
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
    targets = checks.target_rows(y, len(z), len(z[0]), loss)
    return weighted_delta(z, targets, [1] * len(z), activation, loss)
