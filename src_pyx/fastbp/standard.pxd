"""Rows brought to mean 0 and standard deviation 1: z = (x - mean) / scale, all of it in float64."""
from .real cimport real

cdef extern from "float.h":
    float FLT_MAX
    double DBL_MAX

ctypedef fused given:
    float
    double


cdef inline bint is_beyond(real z) noexcept nogil:
    """Whether a number is NaN or infinite."""
    if real is float:
        return not (-FLT_MAX <= z <= FLT_MAX)
    else:
        return not (-DBL_MAX <= z <= DBL_MAX)


cdef inline Py_ssize_t standardize_rows(
    const given* x, const double* mean, const double* scale, real* z, Py_ssize_t n_rows,
    Py_ssize_t n_columns,
) noexcept nogil:
    """z (n_rows, n_columns) of x, mean and scale (n_columns,); the first row not finite, or -1."""
    cdef Py_ssize_t row, j, first = -1
    cdef int beyond
    for row in range(n_rows):
        beyond = 0
        for j in range(n_columns):
            z[j] = <real> ((<double> x[j] - mean[j]) / scale[j])
            beyond |= is_beyond(z[j])
        if beyond and first < 0:
            first = row
        x += n_columns
        z += n_columns
    return first
