"""Losses and the delta that they begin the backward pass with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastbp import checks, names
from fastbp._compiled import kernels as compiled
from fastbp.checks import Array
from fastbp.kernels.arguments import (
    common_dtype,
    copied,
    matrix,
)
from fastbp.spec import (
    ACTIVATION_PARAMETERS,
    LOSS_PARAMETERS,
    activation_name,
    check_pair,
    loss_name,
    targets_a_row,
)

if TYPE_CHECKING:
    import numpy.typing as npt


def loss_value(
    z: npt.ArrayLike, y: npt.ArrayLike, activation: str = "identity", loss: str = "mse"
) -> float:
    """Return the loss of outputs a = s(z): a mean over rows of a sum over outputs.

    mse: (1/N) sum_r 1/2 sum_o (a - y)^2. cross_entropy: (1/N) sum_r log sum_o e^z_o - sum_o y_o
    z_o. binary_cross_entropy: (1/N) sum_r sum_o log(1 + e^z) - y z.

    Parameters
    ----------
    z : array_like, (n_rows, n_out)
        Preactivations of the last layer.
    y : array_like, (n_rows, n_out)
        Targets; (n_rows,) for one output, or class indices with cross_entropy.
    activation, loss : str
        Names; cross_entropy needs softmax and binary_cross_entropy needs sigmoid.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        An argument is not numeric, of the wrong shape or an unknown name.

    Examples
    --------
    >>> loss_value([[2.0]], [[1.0]])
    0.5
    """
    _, of_loss, rows = _outputs(z, y, activation, loss)
    array, a, target, label = rows
    return compiled.loss_sum(*of_loss, array, a, target, label) / len(array)


def output_delta(
    z: npt.ArrayLike, y: npt.ArrayLike, activation: str = "identity", loss: str = "mse"
) -> Array:
    """Return delta^L = dL/dz^L of the mean loss over rows.

    mse: (a - y) s'(z) / N. cross_entropy with softmax and binary_cross_entropy with sigmoid: (a -
    y) / N.

    Parameters
    ----------
    z, y, activation, loss
        As for `loss_value`.

    Returns
    -------
    array, (n_rows, n_out)

    Raises
    ------
    TypeError, ValueError
        As for `loss_value`.

    Examples
    --------
    >>> output_delta([[2.0], [1.0]], [[1.0], [1.0]])
    array([[0.5],
           [0. ]])
    """
    of_output, of_loss, rows = _outputs(z, y, activation, loss)
    array, a, target, label = rows
    delta = np.empty_like(a)
    compiled.loss_delta(*of_output, *of_loss, array, a, target, label, delta)
    return delta


Named = tuple[str, float]


def _outputs(
    z: npt.ArrayLike, y: npt.ArrayLike, activation: str, loss: str
) -> tuple[Named, Named, tuple[Array, Array, Array | None, Array | None]]:
    """Return the activation and the loss, each with its parameter, and (z, a, y, label) checked."""
    output = names.split(activation_name("activation", activation), ACTIVATION_PARAMETERS)
    of_loss = names.split(loss_name(loss), LOSS_PARAMETERS)
    check_pair(output[0], of_loss[0])
    array = matrix("z", z)
    dtype = common_dtype(array)
    n_y = targets_a_row(of_loss[0], array.shape[1])
    target, label = checks.targets(y, of_loss[0], len(array), n_y, dtype)
    array, a = copied(array, dtype), copied(array, dtype)
    compiled.activation_value(*output, a)
    return output, of_loss, (array, a, target, label)
