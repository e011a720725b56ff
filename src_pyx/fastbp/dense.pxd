"""The three products of a dense layer and what goes with them, for both real types.

    forward          z = a W^T + b               sum over inputs
    data gradient    g = delta W                 sum over outputs
    weight gradient  dW^T = a^T delta            sum over rows
    bias gradient    db = sum of delta           sum over rows

Every sum runs in ascending index, in blocks of SUM_BLOCK terms; a block is one chain of
multiply-adds that starts from 0, and the block sums are added in order. The vectors run over the
outputs of the sum, never inside it, so that no vector width, tile or thread can change a bit.

Weights are stored [in][out], the transpose of the public (n_out, n_in) view. Matrices of the
workspace have rows padded to a cache line (fastbp/plan.py); what is read as a vector past a row's
end is thrown away.
"""
from .real cimport apart, real
from .watch cimport Watch, look

cdef extern from "product.h" nogil:
    enum:
        SUM_BLOCK "FASTBP_SUM_BLOCK"
        GRADIENT_ROWS "FASTBP_GRADIENT_ROWS"
        GRADIENT_BYTES "FASTBP_GRADIENT_BYTES"
        WHOLE_BYTES "FASTBP_WHOLE_BYTES"
        NEAR "FASTBP_NEAR"
        NEAR_ROWS "FASTBP_NEAR_ROWS"
        NEAR_BYTES "FASTBP_NEAR_BYTES"
        LINE_BYTES "FASTBP_LINE_BYTES"
        FAR_BYTES "FASTBP_FAR_BYTES"
    Py_ssize_t scratch_bytes "FASTBP_SCRATCH_BYTES"(Py_ssize_t columns, Py_ssize_t item) noexcept
    Py_ssize_t packed_bytes "FASTBP_PACKED_BYTES"(Py_ssize_t columns, Py_ssize_t item) noexcept
    Py_ssize_t piece_bytes "FASTBP_PIECE_BYTES"(Py_ssize_t columns, Py_ssize_t item) noexcept
    void product_f32(
        float* c, Py_ssize_t c_row, const float* a, Py_ssize_t a_row, const float* b,
        Py_ssize_t b_row, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t terms,
        const float* bias, float* scratch) noexcept
    void product_f64(
        double* c, Py_ssize_t c_row, const double* a, Py_ssize_t a_row, const double* b,
        Py_ssize_t b_row, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t terms,
        const double* bias, double* scratch) noexcept
    void product_transposed_f32(
        float* c, Py_ssize_t c_row, const float* a, Py_ssize_t a_row, const float* b,
        Py_ssize_t b_row, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t terms, bint add,
        float* scratch, const float** soon, int soon_count, Py_ssize_t soon_row) noexcept
    void bring_near_f32(
        float* near, const float* a, Py_ssize_t a_row, Py_ssize_t rows, Py_ssize_t terms) noexcept
    void product_transposed_f64(
        double* c, Py_ssize_t c_row, const double* a, Py_ssize_t a_row, const double* b,
        Py_ssize_t b_row, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t terms, bint add,
        double* scratch, const double** soon, int soon_count, Py_ssize_t soon_row) noexcept
    void bring_near_f64(
        double* near, const double* a, Py_ssize_t a_row, Py_ssize_t rows, Py_ssize_t terms) noexcept
    void column_sums_f32(
        float* total, const float* delta, Py_ssize_t delta_row, Py_ssize_t rows,
        Py_ssize_t columns, bint add) noexcept
    void column_sums_f64(
        double* total, const double* delta, Py_ssize_t delta_row, Py_ssize_t rows,
        Py_ssize_t columns, bint add) noexcept
    void product_by_transpose_f32(
        float* c, Py_ssize_t c_row, const float* a, Py_ssize_t a_row, const float* w,
        Py_ssize_t w_row, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t terms,
        float* scratch) noexcept
    void product_by_transpose_f64(
        double* c, Py_ssize_t c_row, const double* a, Py_ssize_t a_row, const double* w,
        Py_ssize_t w_row, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t terms,
        double* scratch) noexcept


cdef inline void product(
    real* c, Py_ssize_t c_row, const real* a, Py_ssize_t a_row, const real* b, Py_ssize_t b_row,
    Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t terms, const real* bias, real* scratch
) noexcept nogil:
    """c[m, n] = sum_k a[m, k] b[k, n] + bias[n]; rows lie a_row, b_row, c_row apart."""
    if real is float:
        product_f32(c, c_row, a, a_row, b, b_row, rows, columns, terms, bias, scratch)
    else:
        product_f64(c, c_row, a, a_row, b, b_row, rows, columns, terms, bias, scratch)


cdef inline void product_transposed(
    real* c, Py_ssize_t c_row, const real* a, Py_ssize_t a_row, const real* b, Py_ssize_t b_row,
    Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t terms, bint add, real* scratch,
    const real** soon, int soon_count, Py_ssize_t soon_row
) noexcept nogil:
    """c[m, n] = sum_k a[k, m] b[k, n], or c += with `add`; terms <= SUM_BLOCK.

    `soon`: matrices of c's shape that are wanted next, called into the cache meanwhile.
    """
    if real is float:
        product_transposed_f32(
            c, c_row, a, a_row, b, b_row, rows, columns, terms, add, scratch, soon, soon_count,
            soon_row)
    else:
        product_transposed_f64(
            c, c_row, a, a_row, b, b_row, rows, columns, terms, add, scratch, soon, soon_count,
            soon_row)


cdef inline void bring_near(
    real* near, const real* a, Py_ssize_t a_row, Py_ssize_t rows, Py_ssize_t terms
) noexcept nogil:
    """near[k, m] = a[k, m], rows of `near` GRADIENT_ROWS apart."""
    if real is float:
        bring_near_f32(near, a, a_row, rows, terms)
    else:
        bring_near_f64(near, a, a_row, rows, terms)


cdef inline void column_sums(
    real* total, const real* delta, Py_ssize_t delta_row, Py_ssize_t rows, Py_ssize_t columns,
    bint add
) noexcept nogil:
    """total[n] = sum_r delta[r, n], or total += with `add`; rows <= SUM_BLOCK."""
    if real is float:
        column_sums_f32(total, delta, delta_row, rows, columns, add)
    else:
        column_sums_f64(total, delta, delta_row, rows, columns, add)


cdef inline void product_by_transpose(
    real* c, Py_ssize_t c_row, const real* a, Py_ssize_t a_row, const real* w, Py_ssize_t w_row,
    Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t terms, real* scratch
) noexcept nogil:
    """c[m, n] = sum_k a[m, k] w[n, k]."""
    if real is float:
        product_by_transpose_f32(c, c_row, a, a_row, w, w_row, rows, columns, terms, scratch)
    else:
        product_by_transpose_f64(c, c_row, a, a_row, w, w_row, rows, columns, terms, scratch)


cdef enum:
    # Multiply-adds that are done without a look at the watch, of 4 bytes each: some 20 ms.
    SLICE_WORK = 1200000000
    # Slices are of so many rows, and of columns that fill the panels of every width of a vector.
    SLICE_ROWS = 4096
    SLICE_COLUMNS = 192


cdef inline apart product_in_slices(
    bint transposed, real* c, Py_ssize_t c_row, const real* a, Py_ssize_t a_row, const real* b,
    Py_ssize_t b_row, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t terms, const real* bias,
    real* scratch, Watch* watch, int thread
) noexcept nogil:
    """As `product`, or `product_by_transpose`, with a look at the watch after each slice of c."""
    cdef Py_ssize_t r = 0, n, count, width, most
    while r < rows:
        count = min(<Py_ssize_t> SLICE_ROWS, rows - r)
        most = SLICE_WORK // <Py_ssize_t> (sizeof(real) // 4 * count * terms)
        most = max(<Py_ssize_t> 1, most // SLICE_COLUMNS) * SLICE_COLUMNS
        n = 0
        while n < columns:
            width = min(most, columns - n)
            if transposed:
                product_by_transpose(
                    c + r * c_row + n, c_row, a + r * a_row, a_row, b + n * b_row, b_row, count,
                    width, terms, scratch)
            else:
                product(
                    c + r * c_row + n, c_row, a + r * a_row, a_row, b + n, b_row, count, width,
                    terms, NULL if bias == NULL else bias + n, scratch)
            if look(watch, thread, <double> count * width * terms):
                return
            n += width
        r += count


cdef inline void watched_product(
    bint transposed, real* c, Py_ssize_t c_row, const real* a, Py_ssize_t a_row, const real* b,
    Py_ssize_t b_row, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t terms, const real* bias,
    real* scratch, Watch* watch, int thread
) noexcept nogil:
    """As `product`, or `product_by_transpose`; leaves early where the call is to end."""
    cdef double work = <double> rows * columns * terms
    if work * (sizeof(real) // 4) > SLICE_WORK:
        product_in_slices(
            transposed, c, c_row, a, a_row, b, b_row, rows, columns, terms, bias, scratch, watch,
            thread)
        return
    if look(watch, thread, work):
        return
    if transposed:
        product_by_transpose(c, c_row, a, a_row, b, b_row, rows, columns, terms, scratch)
    else:
        product(c, c_row, a, a_row, b, b_row, rows, columns, terms, bias, scratch)
