"""The functions that have a compiled counterpart, under the same names and argument names.

Activations and their derivatives take one number; everything else takes lists.
"""

from .activations.piecewise import identity, identity_prime, relu, relu_prime
from .activations.rows import softmax, softmax_vjp
from .activations.smooth import sigmoid, sigmoid_prime, tanh, tanh_prime
from .layers import (
    accumulate_gradients,
    activate,
    activation_delta,
    dense_forward,
    hidden_delta,
)
from .losses import loss_value, output_delta
from .optimizers.adam import adam_update
from .optimizers.sgd import sgd_update

__all__ = [
    "accumulate_gradients",
    "activate",
    "activation_delta",
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
