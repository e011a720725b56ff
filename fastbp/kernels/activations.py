"""Activations and their derivatives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastbp import checks, custom, names
from fastbp._compiled import kernels as compiled
from fastbp.checks import Array
from fastbp.kernels.arguments import (
    common_dtype,
    copied,
    matrix,
)
from fastbp.spec import (
    ACTIVATION_PARAMETERS,
    activation_name,
)

if TYPE_CHECKING:
    import numpy.typing as npt


def _elementwise(activation: str, z: npt.ArrayLike) -> Any:
    """Return s(z) for an array of any shape."""
    array = checks.numeric_array("z", z)
    out = copied(array, common_dtype(array))
    if out.size:
        compiled.activation_value(*split_activation(activation), out.reshape(1, -1))
    return out[()]


def _elementwise_prime(activation: str, z: npt.ArrayLike) -> Any:
    """Return s'(z) for an array of any shape."""
    a = np.asarray(_elementwise(activation, z))
    kept, out = copied(checks.numeric_array("z", z), a.dtype), np.ones_like(a)
    if out.size:
        rows = (array.reshape(1, -1) for array in (a, kept, out))
        compiled.activation_vjp(*split_activation(activation), *rows)
    return out[()]


def split_activation(name: str) -> tuple[str, float]:
    """Return the name and the parameter of an activation that was checked."""
    return names.split(name, ACTIVATION_PARAMETERS)


def identity(z: npt.ArrayLike) -> Any:
    """Return s(z) = z.

    Parameters
    ----------
    z : array_like
        Any shape.

    Returns
    -------
    array, of z's shape

    Examples
    --------
    >>> identity([1.5, -2.0])
    array([ 1.5, -2. ])
    """
    return _elementwise("identity", z)


def identity_prime(z: npt.ArrayLike) -> Any:
    """Return s'(z) = 1.

    Parameters
    ----------
    z : array_like
        Any shape.

    Returns
    -------
    array, of z's shape

    Examples
    --------
    >>> identity_prime([1.5, -2.0])
    array([1., 1.])
    """
    return _elementwise_prime("identity", z)


def sigmoid(z: npt.ArrayLike) -> Any:
    """Return s(z) = 1 / (1 + e^-z), without overflow for any z.

    Parameters
    ----------
    z : array_like
        Any shape.

    Returns
    -------
    array, of z's shape, in [0, 1]

    Examples
    --------
    >>> round(float(sigmoid(1.0)), 3)
    0.731
    """
    return _elementwise("sigmoid", z)


def sigmoid_prime(z: npt.ArrayLike) -> Any:
    """Return s'(z) = s(z) (1 - s(z)).

    Parameters
    ----------
    z : array_like
        Any shape.

    Returns
    -------
    array, of z's shape, in [0, 1/4]

    Examples
    --------
    >>> round(float(sigmoid_prime(1.0)), 3)
    0.197
    """
    return _elementwise_prime("sigmoid", z)


def relu(z: npt.ArrayLike) -> Any:
    """Return s(z) = max(z, 0).

    Parameters
    ----------
    z : array_like
        Any shape.

    Returns
    -------
    array, of z's shape

    References
    ----------
    V. Nair, G. E. Hinton, "Rectified linear units improve restricted Boltzmann machines", ICML
    2010.

    Examples
    --------
    >>> relu([-1.0, 2.0])
    array([0., 2.])
    """
    return _elementwise("relu", z)


def relu_prime(z: npt.ArrayLike) -> Any:
    """Return s'(z) = 1 where z > 0, else 0 (0 at z = 0).

    Parameters
    ----------
    z : array_like
        Any shape.

    Returns
    -------
    array, of z's shape, 0 or 1

    Examples
    --------
    >>> relu_prime([-1.0, 0.0, 2.0])
    array([0., 0., 1.])
    """
    return _elementwise_prime("relu", z)


def tanh(z: npt.ArrayLike) -> Any:
    """Return s(z) = tanh z.

    Parameters
    ----------
    z : array_like
        Any shape.

    Returns
    -------
    array, of z's shape, in [-1, 1]

    Examples
    --------
    >>> round(float(tanh(0.5)), 4)
    0.4621
    """
    return _elementwise("tanh", z)


def tanh_prime(z: npt.ArrayLike) -> Any:
    """Return s'(z) = 1 - tanh^2 z.

    Parameters
    ----------
    z : array_like
        Any shape.

    Returns
    -------
    array, of z's shape, in [0, 1]

    Examples
    --------
    >>> round(float(tanh_prime(0.5)), 4)
    0.7864
    """
    return _elementwise_prime("tanh", z)


def softmax(z: npt.ArrayLike) -> Array:
    """Return a_i = e^z_i / sum_j e^z_j row by row, without overflow for any z.

    Parameters
    ----------
    z : array_like, (n_rows, n_out)
        Preactivations.

    Returns
    -------
    array, (n_rows, n_out), rows of positive numbers that sum to 1

    Raises
    ------
    TypeError, ValueError
        z is not numeric or has not 2 dimensions.

    Examples
    --------
    >>> softmax([[0.0, 0.0]])
    array([[0.5, 0.5]])
    """
    array = matrix("z", z)
    out = copied(array, common_dtype(array))
    compiled.activation_value("softmax", 0.0, out)
    return out


def softmax_vjp(z: npt.ArrayLike, output_gradient: npt.ArrayLike) -> Array:
    """Return dL/dz_i = a_i (g_i - sum_j a_j g_j) with a = softmax(z) and g = dL/da.

    Parameters
    ----------
    z, output_gradient : array_like, (n_rows, n_out)
        Preactivations and dL/da.

    Returns
    -------
    array, (n_rows, n_out)

    Raises
    ------
    TypeError, ValueError
        An argument is not numeric or the shapes differ.

    Examples
    --------
    >>> softmax_vjp([[0.0, 0.0]], [[1.0, 0.0]])
    array([[ 0.25, -0.25]])
    """
    return vjp("softmax", matrix("z", z), matrix("output_gradient", output_gradient))


def activate(z: npt.ArrayLike, activation: str) -> Array:
    """Return a = s(z) of any activation, row by row.

    Parameters
    ----------
    z : array_like, (n_rows, n_out)
        Preactivations.
    activation : str
        As for `fastbp.Dense`.

    Returns
    -------
    array, (n_rows, n_out)

    Raises
    ------
    TypeError, ValueError
        z is not numeric or has not 2 dimensions, or the name is unknown.

    Examples
    --------
    >>> activate([[-2.0, 3.0]], "leaky_relu(0.5)")
    array([[-1.,  3.]])
    """
    name = activation_name("activation", activation)
    array = matrix("z", z)
    out = copied(array, common_dtype(array))
    activate_in_place(name, out)
    return out


def activation_delta(z: npt.ArrayLike, output_gradient: npt.ArrayLike, activation: str) -> Array:
    """Return delta = dL/dz from z and dL/da, through any activation.

    Parameters
    ----------
    z, output_gradient : array_like, (n_rows, n_out)
        Preactivations and dL/da.
    activation : str
        As for `fastbp.Dense`.

    Returns
    -------
    array, (n_rows, n_out)

    Raises
    ------
    TypeError, ValueError
        An argument is not numeric, the shapes differ, or the name is unknown.

    Examples
    --------
    >>> activation_delta([[-2.0, 3.0]], [[1.0, 1.0]], "leaky_relu(0.5)")
    array([[0.5, 1. ]])
    """
    name = activation_name("activation", activation)
    return vjp(name, matrix("z", z), matrix("output_gradient", output_gradient))


def vjp(activation: str, z: Array, gradient: Array) -> Array:
    """Return dL/dz from z and dL/da."""
    if z.shape != gradient.shape:
        raise ValueError(
            f"output_gradient must have the shape of z {z.shape}, got {gradient.shape}"
        )
    dtype = common_dtype(z, gradient)
    a, g, kept = copied(z, dtype), copied(gradient, dtype), copied(z, dtype)
    activate_in_place(activation, a)
    times_derivative(activation, a, kept, g)
    return g


def activate_in_place(activation: str, z: Array) -> None:
    """Z <- s(z) of a name that was checked; C-contiguous rows."""
    if activation in custom.ACTIVATIONS:
        z[...] = custom.ACTIVATIONS[activation].value(z.copy())
    else:
        compiled.activation_value(*split_activation(activation), z)


def times_derivative(activation: str, a: Array, z: Array, g: Array) -> None:
    """G <- g * s'(z), or dL/dz of g = dL/da, with a = s(z)."""
    if activation in custom.ACTIVATIONS:
        g *= custom.ACTIVATIONS[activation].slope(z.copy())
    else:
        compiled.activation_vjp(*split_activation(activation), a, z, g)
