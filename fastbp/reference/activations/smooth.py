"""Activations without a bend, each beside its derivative.

Derivatives are functions of z, not of a, so each formula can be checked by itself.
"""

from .. import scalars
from ..scalars import Number, cos, erfc, log1p, pi_of, real, sqrt

GELU_CUBE = 0.044715


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


def softplus(z: Number) -> Number:
    """s(z) = log(1 + e^z), for z > 0 as z + log(1 + e^-z), which cannot overflow.

    References
    ----------
    C. Dugas, Y. Bengio, F. Belisle, C. Nadeau and R. Garcia, "Incorporating Second-Order Functional
    Knowledge for Better Option Pricing", NeurIPS 2000.
    """
    return z + log1p(exp(-z)) if real(z) > 0 else log1p(exp(z))


def softplus_prime(z: Number) -> Number:
    """s'(z) = sigmoid(z)."""
    return sigmoid(z)


def silu(z: Number) -> Number:
    """s(z) = z sigmoid(z).

    References
    ----------
    D. Hendrycks and K. Gimpel, "Gaussian Error Linear Units (GELUs)", arXiv:1606.08415, 2016,
    section 4.
    """
    return z * sigmoid(z)


def silu_prime(z: Number) -> Number:
    """s'(z) = sigmoid(z) + z sigmoid'(z)."""
    return sigmoid(z) + z * sigmoid_prime(z)


def mish(z: Number) -> Number:
    """s(z) = z tanh(softplus(z)).

    References
    ----------
    D. Misra, "Mish: A Self Regularized Non-Monotonic Activation Function", BMVC 2020, equation 1.
    """
    return z * tanh(softplus(z))


def mish_prime(z: Number) -> Number:
    """s'(z) = t + z (1 - t^2) sigmoid(z) with t = tanh(softplus(z))."""
    t = tanh(softplus(z))
    return t + z * (1 - t * t) * sigmoid(z)


def normal_distribution(z: Number) -> Number:
    """Phi(z) = erfc(-z / sqrt 2) / 2, how likely a standard normal variable is below z."""
    return erfc(-z / sqrt(type(z)(2))) / 2


def gelu(z: Number) -> Number:
    """s(z) = z Phi(z), with Phi the distribution of a standard normal variable.

    References
    ----------
    D. Hendrycks and K. Gimpel, "Gaussian Error Linear Units (GELUs)", arXiv:1606.08415, 2016,
    section 2.
    """
    return z * normal_distribution(z)


def gelu_prime(z: Number) -> Number:
    """s'(z) = Phi(z) + z phi(z), with the density phi(z) = e^(-z^2 / 2) / sqrt(2 pi)."""
    density = exp(-z * z / 2) / sqrt(2 * pi_of(z))
    return normal_distribution(z) + z * density


def gelu_tanh(z: Number) -> Number:
    """s(z) = z sigmoid(2 u) with u = sqrt(2 / pi) (z + 0.044715 z^3), close to gelu.

    The paper has (1 + tanh u) / 2 as the factor, which is the same and loses digits for z < 0.
    """
    return z * sigmoid(2 * _gelu_argument(z))


def gelu_tanh_prime(z: Number) -> Number:
    """s'(z) = c + 2 z c (1 - c) u' with c = sigmoid(2 u)."""
    u = _gelu_argument(z)
    slope = sqrt(2 / pi_of(z)) * (1 + 3 * (GELU_CUBE * z * z))
    return sigmoid(2 * u) + 2 * z * sigmoid_prime(2 * u) * slope


def _gelu_argument(z: Number) -> Number:
    return sqrt(2 / pi_of(z)) * (z + GELU_CUBE * z * z * z)


def exp(z: Number) -> Number:
    """s(z) = e^z."""
    return scalars.exp(z)


def exp_prime(z: Number) -> Number:
    """s'(z) = e^z."""
    return scalars.exp(z)


def sin(z: Number) -> Number:
    """s(z) = sin z."""
    return scalars.sin(z)


def sin_prime(z: Number) -> Number:
    """s'(z) = cos z.

    References
    ----------
    V. Sitzmann, J. Martel, A. Bergman, D. Lindell and G. Wetzstein, "Implicit Neural
    Representations with Periodic Activation Functions", NeurIPS 2020, equation 4.
    """
    return cos(z)
