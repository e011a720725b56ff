"""Where the weights begin.

Equal weights would get equal gradients and stay equal for ever, so the beginning is random. Its
size is chosen to keep the spread of z, or of delta, about the same from layer to layer: a sum of
n_in terms has a variance n_in times that of one term, hence the division by n_in below.
"""

import random
from collections.abc import Callable
from math import sqrt
from typing import Any

from . import checks
from .scalars import Rows, add_up

Init = str | Rows | Callable[[int, int, random.Random], Any]


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


def lecun_normal(rng: random.Random, n_in: int, n_out: int) -> Rows:
    """Draw from the normal distribution with standard deviation sqrt(1 / n_in).

    References
    ----------
    Y. LeCun, L. Bottou, G. Orr and K.-R. Mueller, "Efficient BackProp", 1998, equation 16.
    """
    return _normal(rng, sqrt(1 / n_in), n_in, n_out)


def lecun_uniform(rng: random.Random, n_in: int, n_out: int) -> Rows:
    """Draw uniformly from +-sqrt(3 / n_in), with the variance of lecun_normal."""
    return _uniform(rng, sqrt(3 / n_in), n_in, n_out)


def orthogonal(rng: random.Random, n_in: int, n_out: int) -> Rows:
    """Draw rows, or columns where there are fewer, of length 1 at right angles to each other.

    Each is a normal vector less its parts along those before it (Gram and Schmidt).

    References
    ----------
    A. Saxe, J. McClelland and S. Ganguli, "Exact solutions to the nonlinear dynamics of learning
    in deep linear neural networks", ICLR 2014, section 3.
    """
    large, small = max(n_in, n_out), min(n_in, n_out)
    found: Rows = []
    for _ in range(small):
        vector = [rng.gauss(0.0, 1.0) for _ in range(large)]
        for other in found:
            along = add_up(v * o for v, o in zip(vector, other, strict=True))
            vector = [v - along * o for v, o in zip(vector, other, strict=True)]
        length = sqrt(add_up(v * v for v in vector))
        found.append([v / length for v in vector])
    return found if n_out <= n_in else [list(column) for column in zip(*found, strict=True)]


def constant(value: float, n_in: int, n_out: int) -> Rows:
    """Fill with one number: units that begin alike stay alike."""
    return [[value] * n_in for _ in range(n_out)]


def uniform(rng: random.Random, low: float, high: float, n_in: int, n_out: int) -> Rows:
    """Draw uniformly from low to high."""
    return [[rng.uniform(low, high) for _ in range(n_in)] for _ in range(n_out)]


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
    "lecun_normal": lecun_normal,
    "lecun_uniform": lecun_uniform,
    "orthogonal": orthogonal,
    "zeros": zeros,
}


# Rules that take so many numbers in brackets.
WITH_NUMBERS = {"constant": 1, "uniform": 2}
HE = ("relu", "leaky_relu", "elu", "gelu", "gelu_tanh", "silu", "mish")


def split_init(init: str) -> tuple[str, list[float]]:
    """Return (name, numbers) of a name such as "he_normal" or "uniform(-0.1, 0.1)"."""
    name, bracket, rest = init.partition("(")
    checks.one_of("init", name, ["auto", *INITIALIZERS, *WITH_NUMBERS])
    parts = rest.removesuffix(")").split(",") if bracket else []
    if len(parts) != WITH_NUMBERS.get(name, 0):
        raise ValueError(
            f"init {name!r} must have {WITH_NUMBERS.get(name, 0)} numbers, got {init!r}"
        )
    return name, [float(part) for part in parts]


def initial_weight(rng: random.Random, init: Init, activation: str, n_in: int, n_out: int) -> Rows:
    """Make the first weight of a layer, rows (n_out, n_in) of floats.

    Examples
    --------
    >>> initial_weight(random.Random(0), "zeros", "relu", 2, 1)
    [[0.0, 0.0]]
    >>> initial_weight(random.Random(0), "constant(0.5)", "relu", 2, 1)
    [[0.5, 0.5]]
    """
    if callable(init):
        return [list(row) for row in init(n_in, n_out, rng)]
    if not isinstance(init, str):
        return [list(row) for row in init]
    if init == "auto":
        name = activation.partition("(")[0]
        init = "he_normal" if name in HE else "glorot_uniform"
        init = "lecun_normal" if name == "selu" else init
    name, numbers = split_init(init)
    if name == "constant":
        return constant(numbers[0], n_in, n_out)
    if name == "uniform":
        low, high = numbers
        return uniform(rng, low, high, n_in, n_out)
    return INITIALIZERS[name](rng, n_in, n_out)
