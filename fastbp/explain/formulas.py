"""The formulas of activations and losses as texts, in the notation of `reading`.

This is all that a trace knows of them: their figures are the twin's. A name that is missing here,
such as one of the user's own, is explained by its name alone: a = name(z).
"""

from __future__ import annotations

from typing import NamedTuple

# Klambauer et al. (2017), equation 14, as the twin has them.
from fastbp.reference.activations.piecewise import SELU_ALPHA, SELU_SCALE


class Activation(NamedTuple):
    """A value, and a slope for one number or a delta for a whole row.

    Attributes
    ----------
    value : str
        Of z, the parameter, and `total` over the units.
    slope : str
        s'(z), of z, a and the parameter; empty where every output depends on all of a row.
    delta : str
        dL/dz there, of g = dL/da too.
    """

    value: str
    slope: str = ""
    delta: str = ""


class Loss(NamedTuple):
    """The loss of one output, and dL/da, or dL/dz where that is simpler.

    Attributes
    ----------
    value : str
        Of a, y, the parameter.
    gradient : str
        dL/da.
    delta : str
        dL/dz for the one output activation that the loss goes with.
    """

    value: str
    gradient: str = ""
    delta: str = ""


ACTIVATIONS = {
    "identity": Activation("z", "1"),
    "sigmoid": Activation("1 / (1 + exp(-z))", "a * (1 - a)"),
    "relu": Activation("max(0, z)", "1 if z > 0 else 0"),
    "tanh": Activation("tanh(z)", "1 - a**2"),
    "softmax": Activation("exp(z) / total(exp(z))", delta="a * (g - total(g * a))"),
    "leaky_relu": Activation("z if z > 0 else alpha * z", "1 if z > 0 else alpha"),
    "elu": Activation("z if z > 0 else alpha * (exp(z) - 1)", "1 if z > 0 else alpha * exp(z)"),
    "selu": Activation(
        "scale * z if z > 0 else scale * alpha * (exp(z) - 1)",
        "scale if z > 0 else scale * alpha * exp(z)",
    ),
    "gelu": Activation("z * Phi(z)", "Phi(z) + z * phi(z)"),
    "gelu_tanh": Activation(
        "z * sigmoid(2 * c * (z + 0.044715 * z**3))",
        "sigmoid(2 * c * (z + 0.044715 * z**3)) + 2 * z * sigmoid(2 * c * (z + 0.044715 * z**3)) "
        "* (1 - sigmoid(2 * c * (z + 0.044715 * z**3))) * c * (1 + 3 * 0.044715 * z**2)",
    ),
    "silu": Activation("z * sigmoid(z)", "sigmoid(z) + z * sigmoid(z) * (1 - sigmoid(z))"),
    "softplus": Activation("log(1 + exp(z))", "sigmoid(z)"),
    "softsign": Activation("z / (1 + abs(z))", "1 / (1 + abs(z))**2"),
    "hard_sigmoid": Activation("min(1, max(0, z / 6 + 1/2))", "1/6 if abs(z) < 3 else 0"),
    "hard_tanh": Activation("min(1, max(-1, z))", "1 if abs(z) < 1 else 0"),
    "mish": Activation(
        "z * tanh(log(1 + exp(z)))",
        "tanh(log(1 + exp(z))) + z * (1 - tanh(log(1 + exp(z)))**2) * sigmoid(z)",
    ),
    "exp": Activation("exp(z)", "exp(z)"),
    "sin": Activation("sin(z)", "cos(z)"),
    "log_softmax": Activation("z - log(total(exp(z)))", delta="g - exp(a) * total(g)"),
}
# Numbers of an activation beside its parameter.
CONSTANTS = {
    "selu": {"scale": SELU_SCALE, "alpha": SELU_ALPHA},
    "gelu_tanh": {"c": (2 / 3.141592653589793) ** 0.5},
}

LOSSES = {
    "mse": Loss("1/2 * (a - y)**2", gradient="a - y"),
    "mae": Loss("abs(a - y)", gradient="sign(a - y)"),
    "huber": Loss(
        "1/2 * (a - y)**2 if abs(a - y) <= d else d * (abs(a - y) - d / 2)",
        gradient="a - y if abs(a - y) <= d else d * sign(a - y)",
    ),
    "log_cosh": Loss("log(1/2 * (exp(a - y) + exp(y - a)))", gradient="tanh(a - y)"),
    "quantile": Loss(
        "q * (y - a) if a < y else (1 - q) * (a - y)",
        gradient="0 if a == y else (-q if a < y else 1 - q)",
    ),
    "hinge": Loss("max(0, 1 - y * a)", gradient="-y if y * a < 1 else 0"),
    "cross_entropy": Loss("-y * log(a)", delta="a - y"),
    "kl_divergence": Loss("y * (log(y) - log(a))", delta="a - y"),
    "binary_cross_entropy": Loss("-y * log(a) - (1 - y) * log(1 - a)", delta="a - y"),
    "poisson": Loss("a - y * log(a)", delta="a - y"),
    "gamma": Loss("y / a + log(a)", delta="1 - y / a"),
    # Outputs are means m, then logarithms v of variances.
    "gaussian_nll": Loss("1/2 * (v + (y - m)**2 * exp(-v))"),
}
GAUSSIAN_DELTAS = ("(m - y) * exp(-v)", "1/2 * (1 - (y - m)**2 * exp(-v))")
# What the parameters in brackets are called in the formulas.
PARAMETERS = {"leaky_relu": "alpha", "elu": "alpha", "huber": "d", "quantile": "q"}
