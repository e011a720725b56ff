"""softmax and its logarithm, whose outputs depend on all of a row: value and derivative."""
from .elementary cimport exp, log
from .real cimport multiply_add, real

cdef enum:
    # Bytes of rows that softmax works at a time.
    SOFTMAX_BYTES = 16384


cdef inline void softmax_block(
    real* z, Py_ssize_t rows, Py_ssize_t n, Py_ssize_t row
) noexcept nogil:
    """z_i <- e^(z_i - max z) / sum_j e^(z_j - max z) of each row, in place; up to `row` without
    meaning.

    (The padding of a row costs nothing in a vector; a tail of single elements would. The powers of
    all rows are one loop.) The quotient q = z / total is made of 1 / total and corrected by the
    remainder z - q total: with a fused multiply-add that rounds it correctly, unless total is one
    ulp below a power of 2 or a number on the way is below the smallest normal one (Markstein,
    "Computation of elementary functions on the IBM RISC System/6000 processor", 1990).
    """
    cdef Py_ssize_t i, _row
    cdef real largest, total, share, q
    for _row in range(rows):
        largest = z[0]
        for i in range(1, n):
            largest = z[i] if z[i] > largest else largest
        for i in range(row):
            z[i] -= largest
        z += row
    z -= rows * row
    for i in range(rows * row):
        z[i] = exp(z[i])
    for _row in range(rows):
        total = 0
        for i in range(n):
            total += z[i]
        share = 1 / total
        for i in range(row):
            q = z[i] * share
            z[i] = multiply_add(multiply_add(-q, total, z[i]), share, q)
        z += row


cdef inline void softmax_rows(
    real* z, Py_ssize_t rows, Py_ssize_t n, Py_ssize_t row
) noexcept nogil:
    """The softmax of each row, as many at a time as stay in the nearest cache."""
    cdef Py_ssize_t done = 0, bytes_a_row = row * <Py_ssize_t> sizeof(real)
    cdef Py_ssize_t some = max(<Py_ssize_t> 1, SOFTMAX_BYTES // bytes_a_row)
    while done < rows:
        some = min(some, rows - done)
        softmax_block(z + done * row, some, n, row)
        done += some


cdef inline void softmax_vjp_row(const real* a, real* g, Py_ssize_t n) noexcept nogil:
    """g_i <- a_i (g_i - sum_j a_j g_j): dL/dz from g = dL/da, in place."""
    cdef Py_ssize_t i
    cdef real mean = 0
    for i in range(n):
        mean = multiply_add(a[i], g[i], mean)
    for i in range(n):
        g[i] = a[i] * (g[i] - mean)


cdef inline void log_softmax_row(real* z, Py_ssize_t n) noexcept nogil:
    """z_i <- z_i - max z - log sum_j e^(z_j - max z), in place."""
    cdef Py_ssize_t i
    cdef real largest = z[0], total = 0
    for i in range(1, n):
        largest = z[i] if z[i] > largest else largest
    for i in range(n):
        total += exp(z[i] - largest)
    total = log(total)
    for i in range(n):
        z[i] = (z[i] - largest) - total


cdef inline void log_softmax_vjp_row(const real* a, real* g, Py_ssize_t n) noexcept nogil:
    """g_i <- g_i - e^a_i sum_j g_j: dL/dz from g = dL/da, in place."""
    cdef Py_ssize_t i
    cdef real total = 0
    for i in range(n):
        total += g[i]
    for i in range(n):
        g[i] = multiply_add(-exp(a[i]), total, g[i])
