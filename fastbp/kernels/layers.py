"""A dense layer: forward, delta of the layer below, gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastbp import checks
from fastbp._compiled import kernels as compiled
from fastbp.checks import Array
from fastbp.kernels.activations import vjp
from fastbp.kernels.arguments import (
    check_columns,
    common_dtype,
    copied,
    in_place,
    matrix,
    scratch_space,
)
from fastbp.memory import zeros
from fastbp.spec import (
    activation_name,
)

if TYPE_CHECKING:
    import numpy.typing as npt


def dense_forward(x: npt.ArrayLike, weight: npt.ArrayLike, bias: npt.ArrayLike | None) -> Array:
    """Return z = x W^T + b: z[r, o] = sum_i W[o, i] x[r, i] + b[o].

    Parameters
    ----------
    x : array_like, (n_rows, n_in)
        Inputs of the layer.
    weight : array_like, (n_out, n_in)
        W.
    bias : array_like, (n_out,), or None
        b; None for none.

    Returns
    -------
    array, (n_rows, n_out)

    Raises
    ------
    TypeError, ValueError
        An argument is not numeric or the shapes do not fit.

    Examples
    --------
    >>> dense_forward([[2.0]], [[0.5]], [0.0])
    array([[1.]])
    """
    rows, w = matrix("x", x), matrix("weight", weight)
    check_columns("x", rows, w.shape[1], "weight")
    b = None if bias is None else checks.numeric_array("bias", bias)
    if b is not None and b.shape != w.shape[:1]:
        raise ValueError(f"bias must have shape {w.shape[:1]} to fit weight, got {b.shape}")
    dtype = common_dtype(rows, w) if b is None else common_dtype(rows, w, b)
    z = zeros(len(rows) * len(w), dtype).reshape(len(rows), len(w))
    compiled.rows_product(
        copied(rows, dtype),
        copied(w.T, dtype),
        z,
        None if b is None else copied(b, dtype),
        scratch_space(len(w), dtype),
    )
    return z


def hidden_delta(
    weight: npt.ArrayLike, delta: npt.ArrayLike, z: npt.ArrayLike, activation: str = "sigmoid"
) -> Array:
    """Return delta^l = (W^(l+1))^T delta^(l+1) * s'(z^l).

    Parameters
    ----------
    weight : array_like, (n_out, n_in)
        W^(l+1), of the layer above.
    delta : array_like, (n_rows, n_out)
        delta^(l+1) = dL/dz^(l+1).
    z : array_like, (n_rows, n_in)
        z^l, this layer's preactivation.
    activation : str
        This layer's s.

    Returns
    -------
    array, (n_rows, n_in)

    Raises
    ------
    TypeError, ValueError
        An argument is not numeric, of a shape that does not fit, or an unknown name.

    References
    ----------
    D. E. Rumelhart, G. E. Hinton, R. J. Williams, "Learning representations by back-propagating
    errors", Nature 323, 1986, eq. 5-7.

    Examples
    --------
    >>> hidden_delta([[2.0]], [[0.5]], [[3.0]], "identity")
    array([[1.]])
    """
    activation = activation_name("activation", activation)
    w, above, below = matrix("weight", weight), matrix("delta", delta), matrix("z", z)
    check_columns("delta", above, w.shape[0], "weight")
    check_columns("z", below, w.shape[1], "weight")
    checks.same_length("delta", above, len(below))
    dtype = common_dtype(w, above, below)
    gradient = zeros(below.size, dtype).reshape(below.shape)
    scratch = scratch_space(w.shape[1], dtype)
    compiled.rows_product(copied(above, dtype), copied(w, dtype), gradient, None, scratch)
    return vjp(activation, copied(below, dtype), gradient)


def accumulate_gradients(
    a: npt.ArrayLike, delta: npt.ArrayLike, weight_gradient: Array, bias_gradient: Array | None
) -> None:
    """Add a batch's gradient in place: dL/dW += delta^T a and dL/db += sum over rows of delta.

    Parameters
    ----------
    a : array_like, (n_rows, n_in)
        a^(l-1), the layer's inputs.
    delta : array_like, (n_rows, n_out)
        delta^l = dL/dz^l.
    weight_gradient : array, (n_out, n_in)
        float32 or float64, writable, changed in place.
    bias_gradient : array, (n_out,), or None
        As weight_gradient; None where the layer has no bias.

    Raises
    ------
    TypeError, ValueError
        An argument is not numeric, not writable or of a shape that does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> dw, db = np.zeros((1, 2)), np.zeros(1)
    >>> accumulate_gradients([[1.0, 2.0]], [[0.5]], dw, db)
    >>> dw, db
    (array([[0.5, 1. ]]), array([0.5]))
    """
    inputs, d = matrix("a", a), matrix("delta", delta)
    checks.same_length("delta", d, len(inputs))
    shape = (d.shape[1], inputs.shape[1])
    if not isinstance(weight_gradient, np.ndarray) or not weight_gradient.flags.writeable:
        raise TypeError(
            f"weight_gradient must be a writable array, got {checks.described(weight_gradient)}"
        )
    if weight_gradient.shape != shape:
        raise ValueError(f"weight_gradient must have shape {shape}, got {weight_gradient.shape}")
    if weight_gradient.dtype not in (np.float32, np.float64):
        raise TypeError(f"weight_gradient must be float32 or float64, got {weight_gradient.dtype}")
    dtype = weight_gradient.dtype
    bias = bias_gradient
    if bias is not None:
        bias = in_place("bias_gradient", bias, shape[:1], dtype)
    total = copied(weight_gradient.T, dtype)
    bias_total = None if bias is None else copied(bias, dtype)
    scratch = scratch_space(max(shape), dtype)
    compiled.add_gradients(copied(inputs, dtype), copied(d, dtype), total, bias_total, scratch)
    weight_gradient[...] = total.T
    if bias is not None:
        bias[...] = bias_total
