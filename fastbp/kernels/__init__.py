"""The compiled kernels one by one, on arrays: forward, backward and update, each with its formula.

The same names and argument names stand in `fastbp.reference`, on numbers and lists. A call works in
float32 when its floating-point arrays are all float32, else in float64, and allocates its result;
training does not come this way.
"""

from fastbp.kernels.activations import (
    activate,
    activation_delta,
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
from fastbp.kernels.layers import accumulate_gradients, dense_forward, hidden_delta
from fastbp.kernels.losses import loss_value, output_delta
from fastbp.kernels.updates import adam_update, sgd_update

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
