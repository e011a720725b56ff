"""The functions that have a compiled counterpart, under the same names and argument names.

Activations and their derivatives take one number; everything else takes lists.
"""

from .activations import (
    identity,
    identity_prime,
    relu,
    relu_prime,
    sigmoid,
    sigmoid_prime,
    softmax,
    softmax_vjp,
    tanh,
    tanh_prime,
)
from .layers import accumulate_gradients, dense_forward, hidden_delta
from .losses import loss_value, output_delta
from .updates import adam_update, sgd_update

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
