"""The sum of squares of a vector, and its 2-norm."""
from libc.math cimport sqrt

from .real cimport real

cdef enum:
    CHAINS = 8


cdef inline double sum_of_squares(const real* v, Py_ssize_t n) noexcept nogil:
    """sum v_i^2 in double.

    The sum has CHAINS parts, of the i with the same remainder, so that it is no single chain of
    additions; what belongs to which part is fixed, as the numerics contract asks of every sum.
    """
    cdef Py_ssize_t i = 0, j
    cdef double[CHAINS] part
    cdef double total = 0
    for j in range(CHAINS):
        part[j] = 0
    while i + CHAINS <= n:
        for j in range(CHAINS):
            part[j] += <double> v[i + j] * v[i + j]
        i += CHAINS
    for j in range(n - i):
        part[j] += <double> v[i + j] * v[i + j]
    for j in range(CHAINS):
        total += part[j]
    return total


cdef inline double norm(const real* v, Py_ssize_t n) noexcept nogil:
    """sqrt(sum v_i^2) in double."""
    return sqrt(sum_of_squares(v, n))
