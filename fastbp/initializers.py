"""How weights start: with the variance that keeps activations and gradients of one size.

    he_*       Var W = 2 / n_in             for relu, which passes half of its inputs
    glorot_*   Var W = 2 / (n_in + n_out)   for activations of slope 1 at 0
    *_uniform  U(-a, a) with a^2 / 3 = Var W

References
----------
K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers", ICCV 2015, eq. 10.
X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks",
AISTATS 2010, eq. 12 and 16.
"""

from __future__ import annotations

import numpy as np

from fastbp.checks import Array
from fastbp.spec import Dense


def initial_weight(layer: Dense, n_in: int, rng: np.random.Generator) -> Array:
    """Return a weight (n_in, units) in float64, drawn so that both dtypes start alike."""
    init = layer.init
    if init == "auto":
        init = "he_normal" if layer.activation == "relu" else "glorot_uniform"
    shape = (n_in, layer.units)
    if init == "zeros":
        return np.zeros(shape)
    family, distribution = init.split("_")
    variance = 2 / n_in if family == "he" else 2 / (n_in + layer.units)
    if distribution == "normal":
        return rng.normal(0.0, np.sqrt(variance), shape)
    limit = np.sqrt(3 * variance)
    return rng.uniform(-limit, limit, shape)
