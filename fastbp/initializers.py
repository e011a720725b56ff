"""How weights start: with the variance that keeps activations and gradients of one size.

    he_*         Var W = 2 / n_in             for relu and its like, which pass half of their inputs
    glorot_*     Var W = 2 / (n_in + n_out)   for activations of slope 1 at 0
    lecun_*      Var W = 1 / n_in             for selu, which keeps a variance of 1 by itself
    *_uniform    U(-a, a) with a^2 / 3 = Var W
    orthogonal   W W^T = 1 or W^T W = 1, whichever is smaller
    constant(c), uniform(low, high), zeros

References
----------
K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers", ICCV 2015, eq. 10.
X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks",
AISTATS 2010, eq. 12 and 16.
Y. LeCun, L. Bottou, G. Orr, K.-R. Mueller, "Efficient backprop", 1998, eq. 16.
A. Saxe, J. McClelland, S. Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep
linear neural networks", ICLR 2014, section 3.
"""

from __future__ import annotations

import math

import numpy as np

from fastbp import checks, names
from fastbp.checks import Array
from fastbp.spec import Dense

HE = ("relu", "leaky_relu", "elu", "gelu", "gelu_tanh", "silu", "mish")
FAMILIES = {
    "he": lambda n_in, n_out: 2 / n_in,
    "glorot": lambda n_in, n_out: 2 / (n_in + n_out),
    "lecun": lambda n_in, n_out: 1 / n_in,
}


def chosen_rule(layer: Dense) -> str:
    """Return the rule of a layer whose init is a name, "auto" resolved."""
    activation = names.plain(layer.activation)
    if layer.init != "auto":
        return str(layer.init)
    if activation in HE:
        return "he_normal"
    return "lecun_normal" if activation == "selu" else "glorot_uniform"


def initial_weight(layer: Dense, n_in: int, rng: np.random.Generator) -> Array:
    """Return a weight (n_in, units) in float64, drawn so that both dtypes start alike."""
    shape = (n_in, layer.units)
    if not isinstance(layer.init, str):
        return given_weight(layer, n_in, rng)
    rule, numbers = names.with_numbers(chosen_rule(layer))
    if rule in ("zeros", "given"):
        return np.zeros(shape)
    if rule == "constant":
        return np.full(shape, numbers[0])
    if rule == "uniform":
        return rng.uniform(numbers[0], numbers[1], shape)
    if rule == "orthogonal":
        return orthogonal(rng, n_in, layer.units)
    family, distribution = rule.split("_")
    variance = FAMILIES[family](*shape)
    if distribution == "normal":
        return rng.normal(0.0, math.sqrt(variance), shape)
    # A float of Python's: numpy's scalars end the process where there is no memory for a result.
    limit = math.sqrt(3 * variance)
    return rng.uniform(-limit, limit, shape)


def given_weight(layer: Dense, n_in: int, rng: np.random.Generator) -> Array:
    """Return the transpose of the weight that the user gave, or whose function did."""
    value = layer.init(n_in, layer.units, rng) if callable(layer.init) else layer.init
    weight = checks.numeric_array("init", value)
    if weight.shape != (layer.units, n_in):
        raise ValueError(
            f"init must have shape (n_out, n_in) = {(layer.units, n_in)}, got {weight.shape}"
        )
    checks.finite("init", checks.converted(weight, np.float64), weight)
    return weight.T.astype(np.float64)


def orthogonal(rng: np.random.Generator, n_in: int, n_out: int) -> Array:
    """Return (n_in, n_out) with orthonormal rows or columns, evenly among all such matrices.

    A normal matrix A = Q R gives Q, with the signs of R's diagonal (F. Mezzadri, "How to generate
    random matrices from the classical compact groups", Notices of the AMS 54, 2007, section 4).
    """
    large, small = max(n_in, n_out), min(n_in, n_out)
    q, r = np.linalg.qr(rng.normal(size=(large, small)))
    q *= np.where(np.diag(r) < 0, -1.0, 1.0)
    return q if n_in >= n_out else q.T
