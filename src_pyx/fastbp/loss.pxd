"""Losses: the value of a row and its gradient side by side, each stated once.

Every loss is a mean over rows of a sum over outputs; `scale` is a row's share of that mean: 1 /
rows, or weight / (sum of weights). With a = s(z) the output of a row:

    mse                   1/2 sum_j (a_j - y_j)^2              dL/da_j = (a_j - y_j) scale
    cross_entropy         log sum_j e^z_j - z_y  (softmax)     dL/dz_j = (a_j - y_j) scale
    binary_cross_entropy  sum_j log(1 + e^z_j) - y_j z_j       dL/dz_j = (a_j - y_j) scale
                          (sigmoid)

The last two are taken from z, so that they stay finite where a rounds to 0 or 1, and their
gradient is dL/dz at once (`gives_delta`). y is a row of numbers or, for cross_entropy, one class
index.

To add one: a code, a row in `loss_codes`, a branch in `loss_of_row` and, where its gradient is not
a - y, in `loss_gradient_of_row`; then its twin in fastbp/reference/losses.py.
"""
from .elementary cimport log, softplus
from .real cimport magnitude, multiply_add, real

cdef enum:
    MSE = 0
    CROSS_ENTROPY = 1
    BINARY_CROSS_ENTROPY = 2


cdef inline dict loss_codes():
    return {
        "mse": MSE, "cross_entropy": CROSS_ENTROPY, "binary_cross_entropy": BINARY_CROSS_ENTROPY,
    }


cdef inline bint gives_delta(int loss) noexcept nogil:
    """Whether the gradient is already dL/dz; otherwise it is dL/da and s'(z) is still to come."""
    return loss != MSE


cdef inline bint has_power(int loss) noexcept nogil:
    """Whether `loss_of_row` leaves a logarithm to the caller."""
    return loss == CROSS_ENTROPY


cdef inline void take_logarithms(real* power, Py_ssize_t rows) noexcept nogil:
    """power[r] <- log power[r]."""
    cdef Py_ssize_t r
    for r in range(rows):
        power[r] = log(power[r])


cdef inline real mse_of_row(const real* a, const real* y, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t j
    cdef real total = 0
    for j in range(n):
        total = multiply_add(a[j] - y[j], a[j] - y[j], total)
    return total / 2


cdef inline real cross_entropy_of_row(
    const real* z, const real* a, const real* y, long long label, Py_ssize_t n, real* power
) noexcept nogil:
    """log sum_j e^z_j - sum_j y_j z_j, less log power: log sum e^z = max z - log max a.

    (The largest a belongs to the largest z; which one it is nobody needs to know, and to find out
    would cost a mispredicted branch or two a row.)
    """
    cdef Py_ssize_t j
    cdef real highest = z[0], largest = a[0], total = 0
    for j in range(1, n):
        highest = z[j] if z[j] > highest else highest
        largest = a[j] if a[j] > largest else largest
    power[0] = largest
    if y == NULL:
        return highest - z[label]
    for j in range(n):
        total = multiply_add(y[j], highest - z[j], total)
    return total


cdef inline real binary_cross_entropy_of_row(
    const real* z, const real* y, Py_ssize_t n
) noexcept nogil:
    """sum_j max(z, 0) - y z + log(1 + e^-|z|)."""
    cdef Py_ssize_t j
    cdef real total = 0
    for j in range(n):
        total += multiply_add(-y[j], z[j], z[j] if z[j] > 0 else <real> 0)
        total += softplus(-magnitude(z[j]))
    return total


cdef inline real loss_of_row(
    int loss, const real* z, const real* a, const real* y, long long label, Py_ssize_t n,
    real* power
) noexcept nogil:
    """A row's loss is what this returns less log `power`, where `has_power`.

    So the logarithms of many rows can be taken together, in vectors.
    """
    if loss == CROSS_ENTROPY:
        return cross_entropy_of_row(z, a, y, label, n, power)
    if loss == BINARY_CROSS_ENTROPY:
        return binary_cross_entropy_of_row(z, y, n)
    return mse_of_row(a, y, n)


cdef inline void loss_gradient_of_row(
    const real* a, const real* y, long long label, Py_ssize_t n, Py_ssize_t row, real scale,
    real* g
) noexcept nogil:
    """g_j <- (a_j - y_j) scale: dL/dz where `gives_delta`, else dL/da; to `row` without meaning."""
    cdef Py_ssize_t j
    if y == NULL:
        for j in range(row):
            g[j] = a[j] * scale
        g[label] = (a[label] - 1) * scale
    else:
        for j in range(n):
            g[j] = (a[j] - y[j]) * scale
