"""Activations in which every output of a row depends on all of it.

Their derivative is a matrix, the Jacobian J_kj = da_k/dz_j; only its product with a gradient is
ever needed, dL/dz = J^T dL/da.
"""

from ..scalars import Row, Rows, add_up, exp, log, real


def softmax_row(z: Row) -> Row:
    """a_j = e^(z_j) / sum_k e^(z_k) for one row.

    Subtracting the largest z_k from all of them divides numerator and denominator by the same
    number and leaves no power above e^0.
    """
    largest = max(z, key=real)
    powers = [exp(z_j - largest) for z_j in z]
    total = add_up(powers)
    return [power / total for power in powers]


def softmax_row_vjp(z: Row, output_gradient: Row) -> Row:
    """dL/dz_j = a_j (g_j - sum_k g_k a_k) with g = dL/da, for one row.

    This is J^T g for the Jacobian da_k/dz_j = a_k ((1 if j == k else 0) - a_j), without ever
    writing the Jacobian down.
    """
    a = softmax_row(z)
    mean = add_up(g_k * a_k for g_k, a_k in zip(output_gradient, a, strict=True))
    return [a_j * (g_j - mean) for a_j, g_j in zip(a, output_gradient, strict=True)]


def softmax(z: Rows) -> Rows:
    """Softmax of every row: a_j = e^(z_j) / sum_k e^(z_k).

    Parameters
    ----------
    z : rows (n_rows, n_out)

    Returns
    -------
    a : rows (n_rows, n_out), each positive with sum 1

    Examples
    --------
    >>> softmax([[0.0, 0.0], [1e4, -1e4]])
    [[0.5, 0.5], [1.0, 0.0]]
    """
    return [softmax_row(row) for row in z]


def softmax_vjp(z: Rows, output_gradient: Rows) -> Rows:
    """dL/dz from dL/da through softmax: dL/dz_j = a_j (g_j - sum_k g_k a_k) in every row.

    Parameters
    ----------
    z : rows (n_rows, n_out)
    output_gradient : rows (n_rows, n_out)
        g = dL/da.

    Returns
    -------
    dL/dz : rows (n_rows, n_out)

    Examples
    --------
    >>> softmax_vjp([[0.0, 0.0]], [[1.0, 0.0]])
    [[0.25, -0.25]]
    """
    return [softmax_row_vjp(row, g) for row, g in zip(z, output_gradient, strict=True)]


def log_softmax_row(z: Row) -> Row:
    """a_j = z_j - log sum_k e^(z_k) for one row, the largest z_k taken out of the sum."""
    largest = max(z, key=real)
    total = log(add_up(exp(z_j - largest) for z_j in z))
    return [(z_j - largest) - total for z_j in z]


def log_softmax_row_vjp(z: Row, output_gradient: Row) -> Row:
    """dL/dz_j = g_j - e^(a_j) sum_k g_k with g = dL/da, for one row."""
    total = add_up(output_gradient)
    shares = softmax_row(z)
    return [g_j - share * total for g_j, share in zip(output_gradient, shares, strict=True)]
