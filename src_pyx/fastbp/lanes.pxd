"""The three products on rows of LANES numbers, or of one: short enough to stay in registers.

The sums are those of dense.pxd, in the same order: the same bits.
"""
from .real cimport real

cdef extern from "lanes.h" nogil:
    # A function that returns one of these has every call in its body inlined.
    ctypedef void flat_f32 "FASTBP_FLAT_F32"
    ctypedef void flat_f64 "FASTBP_FLAT_F64"
    enum:
        LANES "FASTBP_LANES"
    void lanes_product_f32x1(
        float* c, float* copy, const float* a, const float* b, const float* bias, Py_ssize_t rows,
        Py_ssize_t terms) noexcept
    void lanes_product_f32x8(
        float* c, float* copy, const float* a, const float* b, const float* bias, Py_ssize_t rows,
        Py_ssize_t terms) noexcept
    void lanes_product_f64x1(
        double* c, double* copy, const double* a, const double* b, const double* bias,
        Py_ssize_t rows, Py_ssize_t terms) noexcept
    void lanes_product_f64x8(
        double* c, double* copy, const double* a, const double* b, const double* bias,
        Py_ssize_t rows, Py_ssize_t terms) noexcept
    void lanes_product_transposed_f32x1(
        float* c, float* total, const float* a, const float* b, Py_ssize_t rows,
        Py_ssize_t columns) noexcept
    void lanes_product_transposed_f32x8(
        float* c, float* total, const float* a, const float* b, Py_ssize_t rows,
        Py_ssize_t columns) noexcept
    void lanes_product_transposed_f64x1(
        double* c, double* total, const double* a, const double* b, Py_ssize_t rows,
        Py_ssize_t columns) noexcept
    void lanes_product_transposed_f64x8(
        double* c, double* total, const double* a, const double* b, Py_ssize_t rows,
        Py_ssize_t columns) noexcept


cdef inline void product(
    real* c, real* copy, const real* a, const real* b, const real* bias, Py_ssize_t rows,
    Py_ssize_t terms, Py_ssize_t lanes
) noexcept nogil:
    """c[r, n] = sum_k a[r, k] b[k, n] + bias[n]; also to `copy` unless it is NULL."""
    if real is float:
        if lanes == 1:
            lanes_product_f32x1(c, copy, a, b, bias, rows, terms)
        else:
            lanes_product_f32x8(c, copy, a, b, bias, rows, terms)
    else:
        if lanes == 1:
            lanes_product_f64x1(c, copy, a, b, bias, rows, terms)
        else:
            lanes_product_f64x8(c, copy, a, b, bias, rows, terms)


cdef inline void product_transposed(
    real* c, real* total, const real* a, const real* b, Py_ssize_t rows, Py_ssize_t columns,
    Py_ssize_t lanes
) noexcept nogil:
    """c[k, n] = sum_r a[r, k] b[r, n] and total[n] = sum_r b[r, n]."""
    if real is float:
        if lanes == 1:
            lanes_product_transposed_f32x1(c, total, a, b, rows, columns)
        else:
            lanes_product_transposed_f32x8(c, total, a, b, rows, columns)
    else:
        if lanes == 1:
            lanes_product_transposed_f64x1(c, total, a, b, rows, columns)
        else:
            lanes_product_transposed_f64x8(c, total, a, b, rows, columns)
