"""Activations s(z), each beside its derivative s'(z).

Backpropagation needs only one thing of an activation besides its value: how to turn the gradient
with respect to its output, g = dL/da, into the gradient with respect to its input, dL/dz. Where
every output depends on its own input alone that is a product, dL/dz_j = g_j s'(z_j). In softmax
every output depends on every input, and dL/dz = J^T g with the Jacobian J_kj = da_k/dz_j.

Derivatives are functions of z, not of a, so each formula can be checked by itself.
"""

from collections.abc import Callable
from typing import NamedTuple

from . import scalars
from .scalars import Number, Row, Rows, add_up, exp, real


def identity(z: Number) -> Number:
    """s(z) = z."""
    return z


def identity_prime(z: Number) -> Number:
    """s'(z) = 1."""
    return type(z)(1)


def sigmoid(z: Number) -> Number:
    """s(z) = 1 / (1 + e^-z).

    Both branches are this formula; for z < 0 it is multiplied by e^z / e^z, so that e is only ever
    raised to a power <= 0 and cannot overflow.

    Examples
    --------
    >>> sigmoid(0.0), sigmoid(-1e4), sigmoid(1e4)
    (0.5, 0.0, 1.0)
    """
    if real(z) >= 0:
        return 1 / (1 + exp(-z))
    return exp(z) / (1 + exp(z))


def sigmoid_prime(z: Number) -> Number:
    """s'(z) = s(z) (1 - s(z)) = s(z) s(-z).

    The second form is the one computed: 1 - s(z) would lose all digits where s(z) is close to 1.

    References
    ----------
    D. E. Rumelhart, G. E. Hinton and R. J. Williams, "Learning representations by
    back-propagating errors", Nature 323, 1986, equations 2 and 5.

    Examples
    --------
    >>> sigmoid_prime(0.0)
    0.25
    """
    return sigmoid(z) * sigmoid(-z)


def relu(z: Number) -> Number:
    """s(z) = max(0, z).

    Examples
    --------
    >>> relu(-2.0), relu(3.0)
    (0.0, 3.0)
    """
    # Asked this way round, NaN is handed on; max(0, z) would hide it.
    return type(z)(0) if real(z) <= 0 else z


def relu_prime(z: Number) -> Number:
    """s'(z) = 1 for z > 0, else 0.

    There is no derivative at z = 0; the value there is chosen to be 0.

    Examples
    --------
    >>> relu_prime(-2.0), relu_prime(0.0), relu_prime(3.0)
    (0.0, 0.0, 1.0)
    """
    return type(z)(1 if real(z) > 0 else 0)


def tanh(z: Number) -> Number:
    """s(z) = (e^z - e^-z) / (e^z + e^-z).

    Examples
    --------
    >>> tanh(0.0), tanh(1e4)
    (0.0, 1.0)
    """
    return scalars.tanh(z)


def tanh_prime(z: Number) -> Number:
    """s'(z) = 1 - tanh(z)^2.

    Examples
    --------
    >>> tanh_prime(0.0)
    1.0
    """
    a = tanh(z)
    return 1 - a * a


def softmax_row(z: Row) -> Row:
    """a_j = e^(z_j) / sum_k e^(z_k) for one row.

    Subtracting the largest z_k from all of them divides numerator and denominator by the same
    number and leaves no power above e^0.
    """
    largest = max(z, key=real)
    powers = [exp(z_j - largest) for z_j in z]
    total = add_up(powers)
    return [power / total for power in powers]


def softmax_row_vjp(z: Row, output_gradient: Row) -> Row:
    """dL/dz_j = a_j (g_j - sum_k g_k a_k) with g = dL/da, for one row.

    This is J^T g for the Jacobian da_k/dz_j = a_k ((1 if j == k else 0) - a_j), without ever
    writing the Jacobian down.
    """
    a = softmax_row(z)
    mean = add_up(g_k * a_k for g_k, a_k in zip(output_gradient, a, strict=True))
    return [a_j * (g_j - mean) for a_j, g_j in zip(a, output_gradient, strict=True)]


def softmax(z: Rows) -> Rows:
    """Softmax of every row: a_j = e^(z_j) / sum_k e^(z_k).

    Parameters
    ----------
    z : rows (n_rows, n_out)

    Returns
    -------
    a : rows (n_rows, n_out), each positive with sum 1

    Examples
    --------
    >>> softmax([[0.0, 0.0], [1e4, -1e4]])
    [[0.5, 0.5], [1.0, 0.0]]
    """
    return [softmax_row(row) for row in z]


def softmax_vjp(z: Rows, output_gradient: Rows) -> Rows:
    """dL/dz from dL/da through softmax: dL/dz_j = a_j (g_j - sum_k g_k a_k) in every row.

    Parameters
    ----------
    z : rows (n_rows, n_out)
    output_gradient : rows (n_rows, n_out)
        g = dL/da.

    Returns
    -------
    dL/dz : rows (n_rows, n_out)

    Examples
    --------
    >>> softmax_vjp([[0.0, 0.0]], [[1.0, 0.0]])
    [[0.25, -0.25]]
    """
    return [softmax_row_vjp(row, g) for row, g in zip(z, output_gradient, strict=True)]


class Activation(NamedTuple):
    """What a layer knows of its activation.

    Attributes
    ----------
    value : row z -> row a
    vjp : row z, row dL/da -> row dL/dz
        The product of that gradient with the Jacobian da/dz.
    """

    value: Callable[[Row], Row]
    vjp: Callable[[Row, Row], Row]


def _elementwise(s: Callable[[Number], Number], s_prime: Callable[[Number], Number]) -> Activation:
    def value(z: Row) -> Row:
        return [s(z_j) for z_j in z]

    def vjp(z: Row, output_gradient: Row) -> Row:
        return [g_j * s_prime(z_j) for z_j, g_j in zip(z, output_gradient, strict=True)]

    return Activation(value, vjp)


# The one place that names the activations; everything else looks them up here.
ACTIVATIONS = {
    "identity": _elementwise(identity, identity_prime),
    "relu": _elementwise(relu, relu_prime),
    "sigmoid": _elementwise(sigmoid, sigmoid_prime),
    "softmax": Activation(softmax_row, softmax_row_vjp),
    "tanh": _elementwise(tanh, tanh_prime),
}
