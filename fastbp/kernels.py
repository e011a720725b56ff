"""The compiled kernels one by one, on arrays: forward, backward and update, each with its formula.

The same names and argument names stand in `fastbp.reference`, on numbers and lists. A call works in
float32 when its floating-point arrays are all float32, else in float64, and allocates its result;
training does not come this way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastbp import checks
from fastbp._compiled import engine
from fastbp._compiled import kernels as compiled
from fastbp.checks import Array
from fastbp.memory import empty, zeros
from fastbp.spec import ACTIVATIONS, LOSSES, check_pair

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = [
    "accumulate_gradients",
    "adam_update",
    "dense_forward",
    "hidden_delta",
    "identity",
    "identity_prime",
    "loss_value",
    "output_delta",
    "relu",
    "relu_prime",
    "sgd_update",
    "sigmoid",
    "sigmoid_prime",
    "softmax",
    "softmax_vjp",
    "tanh",
    "tanh_prime",
]


def _common_dtype(*arrays: Array) -> np.dtype[Any]:
    """Return float32 if every floating-point array has it and there is one, else float64."""
    kinds = {array.dtype for array in arrays if array.dtype.kind == "f"}
    return np.dtype(np.float32 if kinds == {np.dtype(np.float32)} else np.float64)


def _matrix(name: str, value: npt.ArrayLike) -> Array:
    """Return `value` as a numeric array of 2 dimensions, none of them 0."""
    array = checks.numeric_array(name, value)
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(
            f"{name} must have 2 dimensions (n_rows, width), none 0, got shape {array.shape}"
        )
    return array


def _columns(name: str, array: Array, width: int, other: str) -> None:
    """Refuse a matrix whose number of columns differs from that of another argument."""
    if array.shape[1] != width:
        raise ValueError(
            f"{name} must have {width} columns to fit {other}, got shape {array.shape}"
        )


def _copied(array: Array, dtype: np.dtype[Any]) -> Array:
    """Return a new C-contiguous array of the dtype that the kernels may read as vectors."""
    out = zeros(array.size, dtype).reshape(array.shape)
    out[...] = array
    return out


def _scratch(columns: int, dtype: np.dtype[Any]) -> Array:
    """Return the scratch of a product of so many columns."""
    return empty(engine.scratch_length(columns, dtype.itemsize), dtype)


def _in_place(name: str, value: object, shape: tuple[int, ...], dtype: Any = None) -> Array:
    """Return `value` if it is a writable C-contiguous float array of the shape (and dtype)."""
    if (
        not isinstance(value, np.ndarray)
        or value.dtype not in (np.float32, np.float64)
        or not (value.flags.c_contiguous and value.flags.writeable and value.flags.aligned)
    ):
        raise TypeError(
            f"{name} must be a writable C-contiguous float32 or float64 array, got "
            f"{checks.described(value)}"
        )
    if value.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {value.shape}")
    if dtype is not None and value.dtype != dtype:
        raise TypeError(f"{name} must have dtype {dtype}, got {value.dtype}")
    return value


def _elementwise(activation: str, z: npt.ArrayLike) -> Any:
    """Return s(z) for an array of any shape."""
    array = checks.numeric_array("z", z)
    out = _copied(array, _common_dtype(array))
    if out.size:
        compiled.activation_value(activation, out.reshape(1, -1))
    return out[()]


def _elementwise_prime(activation: str, z: npt.ArrayLike) -> Any:
    """Return s'(z) for an array of any shape."""
    a = np.asarray(_elementwise(activation, z))
    out = np.ones_like(a)
    if out.size:
        compiled.activation_vjp(activation, a.reshape(1, -1), out.reshape(1, -1))
    return out[()]


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
    array = _matrix("z", z)
    out = _copied(array, _common_dtype(array))
    compiled.activation_value("softmax", out)
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
    return _vjp("softmax", _matrix("z", z), _matrix("output_gradient", output_gradient))


def _vjp(activation: str, z: Array, gradient: Array) -> Array:
    """Return dL/dz from z and dL/da."""
    if z.shape != gradient.shape:
        raise ValueError(
            f"output_gradient must have the shape of z {z.shape}, got {gradient.shape}"
        )
    dtype = _common_dtype(z, gradient)
    a, g = _copied(z, dtype), _copied(gradient, dtype)
    compiled.activation_value(activation, a)
    compiled.activation_vjp(activation, a, g)
    return g


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
    rows, w = _matrix("x", x), _matrix("weight", weight)
    _columns("x", rows, w.shape[1], "weight")
    b = None if bias is None else checks.numeric_array("bias", bias)
    if b is not None and b.shape != w.shape[:1]:
        raise ValueError(f"bias must have shape {w.shape[:1]} to fit weight, got {b.shape}")
    dtype = _common_dtype(rows, w) if b is None else _common_dtype(rows, w, b)
    z = zeros(len(rows) * len(w), dtype).reshape(len(rows), len(w))
    compiled.rows_product(
        _copied(rows, dtype),
        _copied(w.T, dtype),
        z,
        None if b is None else _copied(b, dtype),
        _scratch(len(w), dtype),
    )
    return z


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
    array, a, target, label = _outputs(z, y, activation, loss)
    total: float = compiled.loss_sum(loss, array, a, target, label)
    return total / len(array)


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
    _, a, target, label = _outputs(z, y, activation, loss)
    delta = np.empty_like(a)
    compiled.loss_delta(activation, loss, a, target, label, delta)
    return delta


def _outputs(
    z: npt.ArrayLike, y: npt.ArrayLike, activation: str, loss: str
) -> tuple[Array, Array, Array | None, Array | None]:
    """Return (z, a, y, label), checked and of one dtype."""
    checks.choice("activation", activation, ACTIVATIONS)
    checks.choice("loss", loss, LOSSES)
    check_pair(activation, loss)
    array = _matrix("z", z)
    dtype = _common_dtype(array)
    target, label = checks.targets(y, loss, len(array), array.shape[1], dtype)
    array, a = _copied(array, dtype), _copied(array, dtype)
    compiled.activation_value(activation, a)
    return array, a, target, label


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
    checks.choice("activation", activation, ACTIVATIONS)
    w, above, below = _matrix("weight", weight), _matrix("delta", delta), _matrix("z", z)
    _columns("delta", above, w.shape[0], "weight")
    _columns("z", below, w.shape[1], "weight")
    checks.same_length("delta", above, len(below))
    dtype = _common_dtype(w, above, below)
    gradient = zeros(below.size, dtype).reshape(below.shape)
    scratch = _scratch(w.shape[1], dtype)
    compiled.rows_product(_copied(above, dtype), _copied(w, dtype), gradient, None, scratch)
    return _vjp(activation, _copied(below, dtype), gradient)


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
    inputs, d = _matrix("a", a), _matrix("delta", delta)
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
        bias = _in_place("bias_gradient", bias, shape[:1], dtype)
    total = _copied(weight_gradient.T, dtype)
    bias_total = None if bias is None else _copied(bias, dtype)
    scratch = _scratch(max(shape), dtype)
    compiled.add_gradients(_copied(inputs, dtype), _copied(d, dtype), total, bias_total, scratch)
    weight_gradient[...] = total.T
    if bias is not None:
        bias[...] = bias_total


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
    v = velocity if velocity is None else _in_place("velocity", velocity, p.shape, p.dtype)
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
    first = _in_place("m", m, p.shape, p.dtype)
    second = _in_place("v", v, p.shape, p.dtype)
    t = checks.integer("step", step, 1)
    if not p.size:
        return
    compiled.adam(p, g, first, second, t, learning_rate, beta1, beta2, epsilon)


def _params_and_grad(params: Array, grad: npt.ArrayLike) -> tuple[Array, Array]:
    """Return the parameters to change in place and their gradient of the same dtype."""
    p = _in_place("params", params, np.shape(params))
    if p.ndim != 1:
        raise ValueError(f"params must have 1 dimension, got shape {p.shape}")
    g = checks.numeric_array("grad", grad)
    if g.shape != p.shape:
        raise ValueError(f"grad must have the shape of params {p.shape}, got {g.shape}")
    return p, _copied(g, p.dtype)
