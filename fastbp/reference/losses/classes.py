"""Losses of probabilities: how surprised the predicted ones are by the right ones.

The logarithms are taken from z: an activation may have been rounded to 0.
"""

from ..activations import Activation
from ..activations.rows import softmax_row
from ..activations.smooth import sigmoid
from ..scalars import Number, Row, add_up, exp, log, log1p, real


def cross_entropy_row(z: Row, y: Row, s: Activation) -> Number:
    """L = -sum_j y_j log a_j with a = softmax(z).

    log a_j = z_j - log sum_k e^(z_k), and taking the largest z_k out of that sum keeps every power
    <= e^0: log sum_k e^(z_k) = m + log sum_k e^(z_k - m).
    """
    m = max(z, key=real)
    log_sum = log(add_up(exp(z_k - m) for z_k in z))
    return add_up(y_j * (log_sum - (z_j - m)) for z_j, y_j in zip(z, y, strict=True))


def cross_entropy_row_delta(z: Row, y: Row, s: Activation) -> Row:
    """delta_j = a_j - y_j with a = softmax(z).

    dL/dz_j = sum_k y_k (a_j - (1 if j == k else 0)), and the y_k of a row add up to 1. The
    Jacobian of softmax has cancelled against the derivative of the logarithm.
    """
    return [a_j - y_j for a_j, y_j in zip(softmax_row(z), y, strict=True)]


def smoothed(y: Row, label_smoothing: Number) -> Row:
    """Give a part e of every target to all n classes evenly: (1 - e) y + e / n.

    References
    ----------
    C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens and Z. Wojna, "Rethinking the Inception
    Architecture for Computer Vision", CVPR 2016, section 7.
    """
    even = add_up(y) / len(y)
    return [y_j + label_smoothing * (even - y_j) for y_j in y]


def kl_divergence_row(z: Row, y: Row, s: Activation) -> Number:
    """L = sum_j y_j (log y_j - log a_j) with a = softmax(z); 0 log 0 is 0.

    Cross entropy less the entropy of y, which no z can change: the gradient is the same.

    References
    ----------
    S. Kullback and R. A. Leibler, "On Information and Sufficiency", Annals of Mathematical
    Statistics 22(1), 1951, equation 2.4.
    """
    entropy = add_up(-y_j * log(y_j) for y_j in y if real(y_j) > 0)
    return cross_entropy_row(z, y, s) - entropy


def binary_cross_entropy_row(z: Row, y: Row, s: Activation) -> Number:
    """L = -sum_j (y_j log a_j + (1 - y_j) log(1 - a_j)) with a = sigmoid(z).

    In terms of z a summand is log(1 + e^z) - y z. For z > 0 the first part is written as
    z + log(1 + e^-z), which cannot overflow.
    """
    return add_up(
        (z_j - y_j * z_j) + log1p(exp(-z_j)) if real(z_j) > 0 else log1p(exp(z_j)) - y_j * z_j
        for z_j, y_j in zip(z, y, strict=True)
    )


def binary_cross_entropy_row_delta(z: Row, y: Row, s: Activation) -> Row:
    """delta_j = a_j - y_j with a = sigmoid(z).

    dL/da_j = (a_j - y_j) / (a_j (1 - a_j)), and that denominator is sigmoid'(z_j).
    """
    return [sigmoid(z_j) - y_j for z_j, y_j in zip(z, y, strict=True)]
