"""Where the weights begin.

Equal weights would get equal gradients and stay equal for ever, so the beginning is random. Its
size is chosen to keep the spread of z, or of delta, about the same from layer to layer: a sum of
n_in terms has a variance n_in times that of one term, hence the division by n_in below.
"""

import random
from collections.abc import Callable
from math import sqrt

from .scalars import Rows


def he_normal(rng: random.Random, n_in: int, n_out: int) -> Rows:
    """Draw from the normal distribution with standard deviation sqrt(2 / n_in).

    The 2 makes up for relu, which sets half of its inputs to 0.

    References
    ----------
    K. He, X. Zhang, S. Ren and J. Sun, "Delving Deep into Rectifiers", ICCV 2015, equation 10.
    """
    return _normal(rng, sqrt(2 / n_in), n_in, n_out)


def he_uniform(rng: random.Random, n_in: int, n_out: int) -> Rows:
    """Draw uniformly from +-limit = sqrt(6 / n_in).

    That has the variance of he_normal: limit^2 / 3 = 2 / n_in.
    """
    return _uniform(rng, sqrt(6 / n_in), n_in, n_out)


def glorot_normal(rng: random.Random, n_in: int, n_out: int) -> Rows:
    """Draw from the normal distribution with standard deviation sqrt(2 / (n_in + n_out)).

    z asks for a variance of 1 / n_in and delta for 1 / n_out; this is the compromise.

    References
    ----------
    X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010, equation 12.
    """
    return _normal(rng, sqrt(2 / (n_in + n_out)), n_in, n_out)


def glorot_uniform(rng: random.Random, n_in: int, n_out: int) -> Rows:
    """Draw uniformly from +-sqrt(6 / (n_in + n_out)), with the variance of glorot_normal.

    References
    ----------
    X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", AISTATS 2010, equation 16.
    """
    return _uniform(rng, sqrt(6 / (n_in + n_out)), n_in, n_out)


def zeros(rng: random.Random, n_in: int, n_out: int) -> Rows:
    """Fill with 0, which a last layer can learn from but a hidden one cannot."""
    return [[0.0] * n_in for _ in range(n_out)]


def _normal(rng: random.Random, deviation: float, n_in: int, n_out: int) -> Rows:
    return [[rng.gauss(0.0, deviation) for _ in range(n_in)] for _ in range(n_out)]


def _uniform(rng: random.Random, limit: float, n_in: int, n_out: int) -> Rows:
    return [[rng.uniform(-limit, limit) for _ in range(n_in)] for _ in range(n_out)]


# The one place that names the initializers.
INITIALIZERS: dict[str, Callable[[random.Random, int, int], Rows]] = {
    "glorot_normal": glorot_normal,
    "glorot_uniform": glorot_uniform,
    "he_normal": he_normal,
    "he_uniform": he_uniform,
    "zeros": zeros,
}


def initial_weight(rng: random.Random, init: str, activation: str, n_in: int, n_out: int) -> Rows:
    """Make the first weight of a layer, rows (n_out, n_in) of floats.

    Examples
    --------
    >>> initial_weight(random.Random(0), "zeros", "relu", 2, 1)
    [[0.0, 0.0]]
    """
    if init == "auto":
        init = "he_normal" if activation == "relu" else "glorot_uniform"
    return INITIALIZERS[init](rng, n_in, n_out)
