"""Activations of straight pieces, or of pieces with a bend at 0, each beside its derivative.

Derivatives are functions of z, not of a, so each formula can be checked by itself.
"""

from ..scalars import Number, exp, expm1, real

# The fixed point of mean 0 and variance 1: Klambauer et al., equation 14.
SELU_SCALE = 1.0507009873554804934193349852946
SELU_ALPHA = 1.6732632423543772848170429916717


def identity(z: Number) -> Number:
    """s(z) = z."""
    return z


def identity_prime(z: Number) -> Number:
    """s'(z) = 1."""
    return type(z)(1)


def relu(z: Number) -> Number:
    """s(z) = max(0, z).

    Examples
    --------
    >>> relu(-2.0), relu(3.0)
    (0.0, 3.0)
    """
    # Asked this way round, NaN is handed on; max(0, z) would hide it.
    return type(z)(0) if real(z) <= 0 else z


def relu_prime(z: Number) -> Number:
    """s'(z) = 1 for z > 0, else 0.

    There is no derivative at z = 0; the value there is chosen to be 0.

    Examples
    --------
    >>> relu_prime(-2.0), relu_prime(0.0), relu_prime(3.0)
    (0.0, 0.0, 1.0)
    """
    return type(z)(1 if real(z) > 0 else 0)


def leaky_relu(z: Number, alpha: Number = 0.01) -> Number:
    """s(z) = z for z > 0, else alpha z.

    References
    ----------
    A. L. Maas, A. Y. Hannun and A. Y. Ng, "Rectifier Nonlinearities Improve Neural Network Acoustic
    Models", ICML 2013.
    """
    return alpha * z if real(z) <= 0 else z


def leaky_relu_prime(z: Number, alpha: Number = 0.01) -> Number:
    """s'(z) = 1 for z > 0, else alpha."""
    return type(z)(1) if real(z) > 0 else type(z)(alpha)


def elu(z: Number, alpha: Number = 1.0) -> Number:
    """s(z) = z for z > 0, else alpha (e^z - 1).

    References
    ----------
    D.-A. Clevert, T. Unterthiner and S. Hochreiter, "Fast and Accurate Deep Network Learning by
    Exponential Linear Units (ELUs)", ICLR 2016, equation 15.
    """
    return alpha * expm1(z) if real(z) <= 0 else z


def elu_prime(z: Number, alpha: Number = 1.0) -> Number:
    """s'(z) = 1 for z > 0, else alpha e^z."""
    return type(z)(1) if real(z) > 0 else alpha * exp(z)


def selu(z: Number) -> Number:
    """s(z) = lambda elu(z) with the alpha and lambda that keep mean 0 and variance 1.

    References
    ----------
    G. Klambauer, T. Unterthiner, A. Mayr and S. Hochreiter, "Self-Normalizing Neural Networks",
    NeurIPS 2017, equations 2 and 14.
    """
    return SELU_SCALE * elu(z, SELU_ALPHA)


def selu_prime(z: Number) -> Number:
    """s'(z) = lambda elu'(z)."""
    return SELU_SCALE * elu_prime(z, SELU_ALPHA)


def softsign(z: Number) -> Number:
    """s(z) = z / (1 + |z|).

    References
    ----------
    J. Bergstra, G. Desjardins, P. Lamblin and Y. Bengio, "Quadratic Polynomials Learn Better Image
    Features", technical report 1337, Universite de Montreal, 2009.
    """
    return z / (1 + _size(z))


def softsign_prime(z: Number) -> Number:
    """s'(z) = 1 / (1 + |z|)^2."""
    return 1 / ((1 + _size(z)) * (1 + _size(z)))


def _size(z: Number) -> Number:
    # |z| of the real part, so that a complex step passes through.
    return -z if real(z) < 0 else z


def hard_sigmoid(z: Number) -> Number:
    """s(z) = z / 6 + 1/2, but no less than 0 and no more than 1.

    References
    ----------
    A. Howard et al., "Searching for MobileNetV3", ICCV 2019, section 5.2.
    """
    if real(z) <= -3:
        return type(z)(0)
    return type(z)(1) if real(z) >= 3 else z / 6 + type(z)(1) / 2


def hard_sigmoid_prime(z: Number) -> Number:
    """s'(z) = 1/6 for -3 < z < 3, else 0."""
    return type(z)(1) / 6 if -3 < real(z) < 3 else type(z)(0)


def hard_tanh(z: Number) -> Number:
    """s(z) = z, but no less than -1 and no more than 1.

    References
    ----------
    R. Collobert, "Large Scale Machine Learning", thesis, Universite Paris VI, 2004.
    """
    if real(z) <= -1:
        return type(z)(-1)
    return type(z)(1) if real(z) >= 1 else z


def hard_tanh_prime(z: Number) -> Number:
    """s'(z) = 1 for -1 < z < 1, else 0."""
    return type(z)(1 if -1 < real(z) < 1 else 0)
