"""Activations: value and derivative side by side, each stated once.

A derivative is taken from the value a = s(z), which the backward pass still has, so that z need
not be kept:

    sigmoid   a = 1 / (1 + e^-z)            s' = a (1 - a)
    relu      a = max(z, 0)                 s' = 1 where a > 0, else 0 (0 at z = 0)
    tanh      a = tanh z                    s' = 1 - a^2
    identity  a = z                         s' = 1
    softmax   a_i = e^z_i / sum_j e^z_j     delta_i = a_i (g_i - sum_j a_j g_j), rows coupled

To add one: a code, a row in `activation_codes`, a value and a derivative, a branch in `activate`
and in `times_derivative`; then its twin in fastbp/reference/activations.py.
"""
from .elementary cimport exp, sigmoid, tanh
from .real cimport multiply_add, real

cdef enum:
    IDENTITY = 0
    SIGMOID = 1
    RELU = 2
    TANH = 3
    SOFTMAX = 4


cdef inline dict activation_codes():
    return {
        "identity": IDENTITY, "sigmoid": SIGMOID, "relu": RELU, "tanh": TANH, "softmax": SOFTMAX,
    }


cdef inline real sigmoid_value(real z) noexcept nogil:
    return sigmoid(z)


cdef inline real sigmoid_derivative(real a) noexcept nogil:
    return a * (1 - a)


cdef inline real relu_value(real z) noexcept nogil:
    """max(z, 0), asked this way round so that NaN is handed on and a divergence seen."""
    return <real> 0 if z <= 0 else z


cdef inline real relu_derivative(real a) noexcept nogil:
    return <real> 1 if a > 0 else <real> 0


cdef inline real tanh_value(real z) noexcept nogil:
    return tanh(z)


cdef inline real tanh_derivative(real a) noexcept nogil:
    return multiply_add(-a, a, <real> 1)


cdef inline void softmax_row(real* z, Py_ssize_t n, Py_ssize_t row) noexcept nogil:
    """z_i <- e^(z_i - max z) / sum_j e^(z_j - max z), in place; up to `row` without meaning.

    (The padding of a row costs nothing in a vector; a tail of single elements would.)
    """
    cdef Py_ssize_t i
    cdef real largest = z[0], total = 0
    for i in range(1, n):
        largest = z[i] if z[i] > largest else largest
    for i in range(row):
        z[i] = exp(z[i] - largest)
    for i in range(n):
        total += z[i]
    for i in range(row):
        z[i] = z[i] / total


cdef inline void softmax_vjp_row(const real* a, real* g, Py_ssize_t n) noexcept nogil:
    """g_i <- a_i (g_i - sum_j a_j g_j): dL/dz from g = dL/da, in place."""
    cdef Py_ssize_t i
    cdef real mean = 0
    for i in range(n):
        mean = multiply_add(a[i], g[i], mean)
    for i in range(n):
        g[i] = a[i] * (g[i] - mean)


cdef inline void activate(
    int activation, real* z, Py_ssize_t rows, Py_ssize_t width, Py_ssize_t row
) noexcept nogil:
    """z <- s(z) in place: (rows, width), rows `row` apart, what lies between them overwritten."""
    cdef Py_ssize_t i, n = rows * row
    if activation == SIGMOID:
        for i in range(n):
            z[i] = sigmoid_value(z[i])
    elif activation == RELU:
        for i in range(n):
            z[i] = relu_value(z[i])
    elif activation == TANH:
        for i in range(n):
            z[i] = tanh_value(z[i])
    elif activation == SOFTMAX:
        for i in range(rows):
            softmax_row(z + i * row, width, row)


cdef inline void times_derivative(
    int activation, const real* a, real* g, Py_ssize_t rows, Py_ssize_t width, Py_ssize_t row
) noexcept nogil:
    """g <- g * s'(z) with z known by a = s(z), in place, laid out as in `activate`."""
    cdef Py_ssize_t i, n = rows * row
    if activation == SIGMOID:
        for i in range(n):
            g[i] = g[i] * sigmoid_derivative(a[i])
    elif activation == RELU:
        for i in range(n):
            g[i] = g[i] * relu_derivative(a[i])
    elif activation == TANH:
        for i in range(n):
            g[i] = g[i] * tanh_derivative(a[i])
    elif activation == SOFTMAX:
        for i in range(rows):
            softmax_vjp_row(a + i * row, g + i * row, width)
