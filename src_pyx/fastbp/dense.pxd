"""The three products of a dense layer, as one product with strides, and its bias.

    forward          z = a W^T + b               sum over inputs
    data gradient    g = delta W                 sum over outputs
    weight gradient  dW^T = a^T delta            sum over rows

Every sum runs in ascending index, in blocks of SUM_BLOCK terms; a block is one chain of
multiply-adds that starts from 0, and the block sums are added in order. The loops run over the
outputs of the sum, never inside it, so that no vector width can change a bit.

Weights are stored [in][out], the transpose of the public (n_out, n_in) view.
"""
from .real cimport multiply_add, real

cdef enum:
    SUM_BLOCK = 256


cdef inline void product(
    real* c, const real* a, Py_ssize_t a_row, Py_ssize_t a_term, const real* b,
    Py_ssize_t rows, Py_ssize_t width, Py_ssize_t terms, bint add, real* block_sum,
) noexcept nogil:
    """c[m, n] = sum_k a[m, k] b[k, n], or c += with `add`; a[m, k] lies at a[m a_row + k a_term].

    c is (rows, width) and b (terms, width), both contiguous. `block_sum` is overwritten (width).
    With `add`, `terms` must not pass SUM_BLOCK.
    """
    cdef Py_ssize_t m, k, n, start, stop
    cdef real factor
    cdef real* target
    for m in range(rows):
        start = 0
        while start < terms:
            stop = min(start + SUM_BLOCK, terms)
            target = block_sum if add or start > 0 else c + m * width
            for n in range(width):
                target[n] = 0
            for k in range(start, stop):
                factor = a[m * a_row + k * a_term]
                for n in range(width):
                    target[n] = multiply_add(factor, b[k * width + n], target[n])
            if target == block_sum:
                for n in range(width):
                    c[m * width + n] += block_sum[n]
            start = stop


cdef inline void add_bias(
    real* z, const real* bias, Py_ssize_t rows, Py_ssize_t width
) noexcept nogil:
    """z[r, j] <- z[r, j] + b[j]."""
    cdef Py_ssize_t r, j
    for r in range(rows):
        for j in range(width):
            z[r * width + j] += bias[j]


cdef inline void sum_rows(
    real* total, const real* delta, Py_ssize_t rows, Py_ssize_t width, bint add, real* block_sum
) noexcept nogil:
    """total[j] = sum_r delta[r, j], or total += with `add`; rows <= SUM_BLOCK."""
    cdef Py_ssize_t r, j
    cdef real* target = block_sum if add else total
    for j in range(width):
        target[j] = 0
    for r in range(rows):
        for j in range(width):
            target[j] += delta[r * width + j]
    if add:
        for j in range(width):
            total[j] += block_sum[j]


cdef inline void transpose(
    real* out, const real* weight, Py_ssize_t n_in, Py_ssize_t n_out
) noexcept nogil:
    """out[o, i] = weight[i, o]."""
    cdef Py_ssize_t i, o
    for o in range(n_out):
        for i in range(n_in):
            out[o * n_in + i] = weight[i * n_out + o]
