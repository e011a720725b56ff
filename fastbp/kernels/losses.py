"""Losses and the delta that they begin the backward pass with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastbp import checks, custom, names
from fastbp._compiled import kernels as compiled
from fastbp.checks import Array
from fastbp.kernels.activations import activate_in_place, split_activation, times_derivative
from fastbp.kernels.arguments import (
    common_dtype,
    copied,
    matrix,
)
from fastbp.spec import (
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
    found = custom.LOSSES.get(of_loss[0])
    if found is not None and target is not None:
        return float(found.value(a, target.copy()).sum(dtype=np.float64)) / len(array)
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
    output, of_loss, rows = _outputs(z, y, activation, loss)
    array, a, target, label = rows
    found = custom.LOSSES.get(of_loss[0])
    delta = np.empty_like(a)
    if found is None and output not in custom.ACTIVATIONS:
        of_output = split_activation(output)
        compiled.loss_delta(*of_output, *of_loss, array, a, target, label, delta)
        return delta
    if found is not None and target is not None:
        delta[...] = found.slope(a.copy(), target.copy())
        delta /= len(a)
    else:
        # dL/da: that of a linear output.
        compiled.loss_delta("identity", 0.0, *of_loss, array, a, target, label, delta)
    times_derivative(output, a, array, delta)
    return delta


Named = tuple[str, float]


def _outputs(
    z: npt.ArrayLike, y: npt.ArrayLike, activation: str, loss: str
) -> tuple[str, Named, tuple[Array, Array, Array | None, Array | None]]:
    """Return activation, loss with its parameter, and (z, a, y, label), all of them checked."""
    output = activation_name("activation", activation)
    of_loss = names.split(loss_name(loss), LOSS_PARAMETERS)
    check_pair(names.plain(output), of_loss[0])
    array = matrix("z", z)
    dtype = common_dtype(array)
    n_y = targets_a_row(of_loss[0], array.shape[1])
    target, label = checks.targets(y, of_loss[0], len(array), n_y, dtype)
    array, a = copied(array, dtype), copied(array, dtype)
    activate_in_place(output, a)
    return output, of_loss, (array, a, target, label)
