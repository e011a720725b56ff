"""Activations s(z), each beside its derivative s'(z).

Backpropagation needs only one thing of an activation besides its value: how to turn the gradient
with respect to its output, g = dL/da, into the gradient with respect to its input, dL/dz. Where
every output depends on its own input alone that is a product, dL/dz_j = g_j s'(z_j). In softmax
every output depends on every input, and dL/dz = J^T g with the Jacobian J_kj = da_k/dz_j.

``smooth``, ``piecewise`` and ``rows`` have the functions; this file names them.
"""

from collections.abc import Callable
from typing import NamedTuple

from .. import checks
from ..scalars import Number, Row
from .piecewise import (
    elu,
    elu_prime,
    hard_sigmoid,
    hard_sigmoid_prime,
    hard_tanh,
    hard_tanh_prime,
    identity,
    identity_prime,
    leaky_relu,
    leaky_relu_prime,
    relu,
    relu_prime,
    selu,
    selu_prime,
    softsign,
    softsign_prime,
)
from .rows import log_softmax_row, log_softmax_row_vjp, softmax_row, softmax_row_vjp
from .smooth import (
    exp,
    exp_prime,
    gelu,
    gelu_prime,
    gelu_tanh,
    gelu_tanh_prime,
    mish,
    mish_prime,
    sigmoid,
    sigmoid_prime,
    silu,
    silu_prime,
    sin,
    sin_prime,
    softplus,
    softplus_prime,
    tanh,
    tanh_prime,
)


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


def elementwise(s: Callable[[Number], Number], s_prime: Callable[[Number], Number]) -> Activation:
    """Return the activation of a function of one number and its derivative."""

    def value(z: Row) -> Row:
        return [s(z_j) for z_j in z]

    def vjp(z: Row, output_gradient: Row) -> Row:
        return [g_j * s_prime(z_j) for z_j, g_j in zip(z, output_gradient, strict=True)]

    return Activation(value, vjp)


def _with_alpha(
    s: Callable[[Number, Number], Number], s_prime: Callable[[Number, Number], Number]
) -> Callable[[Number], Activation]:
    def of(alpha: Number) -> Activation:
        return elementwise(lambda z: s(z, alpha), lambda z: s_prime(z, alpha))

    return of


# The one place that names the activations; everything else looks them up here. Those of PARAMETERS
# are functions of their parameter.
PARAMETERS = {"elu": ("alpha", 1.0), "leaky_relu": ("alpha", 0.01)}
OF_PARAMETER = {
    "elu": _with_alpha(elu, elu_prime),
    "leaky_relu": _with_alpha(leaky_relu, leaky_relu_prime),
}
ACTIVATIONS = {
    "elu": OF_PARAMETER["elu"](1.0),
    "exp": elementwise(exp, exp_prime),
    "gelu": elementwise(gelu, gelu_prime),
    "gelu_tanh": elementwise(gelu_tanh, gelu_tanh_prime),
    "hard_sigmoid": elementwise(hard_sigmoid, hard_sigmoid_prime),
    "hard_tanh": elementwise(hard_tanh, hard_tanh_prime),
    "identity": elementwise(identity, identity_prime),
    "leaky_relu": OF_PARAMETER["leaky_relu"](0.01),
    "log_softmax": Activation(log_softmax_row, log_softmax_row_vjp),
    "mish": elementwise(mish, mish_prime),
    "relu": elementwise(relu, relu_prime),
    "selu": elementwise(selu, selu_prime),
    "sigmoid": elementwise(sigmoid, sigmoid_prime),
    "silu": elementwise(silu, silu_prime),
    "sin": elementwise(sin, sin_prime),
    "softmax": Activation(softmax_row, softmax_row_vjp),
    "softplus": elementwise(softplus, softplus_prime),
    "softsign": elementwise(softsign, softsign_prime),
    "tanh": elementwise(tanh, tanh_prime),
}
# What `register_activation` has been given.
CUSTOM: dict[str, Activation] = {}


def find_activation(text: str) -> Activation:
    """Return the activation of a name such as "relu" or "leaky_relu(0.2)".

    Examples
    --------
    >>> find_activation("leaky_relu(0.5)").value([-2.0, 3.0])
    [-1.0, 3.0]
    """
    known = {**ACTIVATIONS, **CUSTOM}
    name, value = checks.named("activation", text, known, PARAMETERS)
    if value is None:
        return known[name]
    return OF_PARAMETER[name](checks.bounded("alpha", value))
