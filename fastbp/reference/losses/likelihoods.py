"""Losses of counts, of positive numbers, and of numbers whose spread is predicted too.

Each is the negative logarithm of a distribution, less what no z can change.
"""

from ..activations import Activation
from ..scalars import Number, Row, add_up, exp


def poisson_row(z: Row, y: Row, s: Activation) -> Number:
    """L = sum_j a_j - y_j log a_j with a = exp(z): counts, whose mean is predicted.

    The negative logarithm of the Poisson distribution, less log y!, which no z can change.
    """
    return add_up(exp(z_j) - y_j * z_j for z_j, y_j in zip(z, y, strict=True))


def poisson_row_delta(z: Row, y: Row, s: Activation) -> Row:
    """delta_j = a_j - y_j with a = exp(z).

    References
    ----------
    P. McCullagh and J. A. Nelder, "Generalized Linear Models", second edition, 1989, chapter 6.
    """
    return [exp(z_j) - y_j for z_j, y_j in zip(z, y, strict=True)]


def gamma_row(z: Row, y: Row, s: Activation) -> Number:
    """L = sum_j y_j / a_j + log a_j with a = exp(z): positive y that spread in proportion to a."""
    return add_up(y_j * exp(-z_j) + z_j for z_j, y_j in zip(z, y, strict=True))


def gamma_row_delta(z: Row, y: Row, s: Activation) -> Row:
    """delta_j = 1 - y_j / a_j with a = exp(z).

    References
    ----------
    P. McCullagh and J. A. Nelder, "Generalized Linear Models", second edition, 1989, chapter 8.
    """
    return [1 - y_j * exp(-z_j) for z_j, y_j in zip(z, y, strict=True)]


def gaussian_nll_row(z: Row, y: Row, s: Activation) -> Number:
    """L = sum_j 1/2 (v_j + (y_j - m_j)^2 e^-v_j) for outputs (m, v): means, then log variances.

    The negative logarithm of the normal distribution with mean m and variance e^v, less log(2 pi)
    / 2.
    """
    means, logs = z[: len(y)], z[len(y) :]
    terms = zip(means, logs, y, strict=True)
    return add_up((v_j + (y_j - m_j) * (y_j - m_j) * exp(-v_j)) / 2 for m_j, v_j, y_j in terms)


def gaussian_nll_row_delta(z: Row, y: Row, s: Activation) -> Row:
    """dL/dm_j = (m_j - y_j) e^-v_j and dL/dv_j = 1/2 (1 - (y_j - m_j)^2 e^-v_j).

    References
    ----------
    D. A. Nix and A. S. Weigend, "Estimating the Mean and Variance of the Target Probability
    Distribution", ICNN 1994, equation 5.
    """
    means, logs = z[: len(y)], z[len(y) :]
    terms = list(zip(means, logs, y, strict=True))
    of_means = [(m_j - y_j) * exp(-v_j) for m_j, v_j, y_j in terms]
    of_logs = [(1 - (y_j - m_j) * (y_j - m_j) * exp(-v_j)) / 2 for m_j, v_j, y_j in terms]
    return of_means + of_logs
