"""Normalisation of z: n = (z - mean) / sqrt(var + epsilon), then z <- scale n + shift.

    layer    mean and variance of a row over its units: J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer
             normalization", 2016, eq. 3 and 4
    batch    of a unit over the rows of the batch, with the rows' weights; predictions take the
             running means of both: S. Ioffe, C. Szegedy, "Batch normalization", ICML 2015,
             Algorithm 1, its derivatives in section 3, Algorithm 2

Variances are divided by the number (the weight) of what they are of, running ones too. With g =
dL/d(scale n + shift), h = scale g and means over what the statistics are of,

    dL/dz = (h - mean(h) - n mean(h n)) / sqrt(var + epsilon)
    dL/dscale = sum over rows of g n,  dL/dshift = sum over rows of g

Sums over rows run in blocks of SUM_BLOCK, as in dense.pxd. Sums over the units of a row have
CHAINS parts, of the units with the same remainder, added in order.
"""
from .dense cimport SUM_BLOCK
from .real cimport multiply_add, real, sqrt

cdef enum:
    NO_NORM = 0
    LAYER_NORM = 1
    BATCH_NORM = 2
    CHAINS = 16
    # Columns whose sums over rows run side by side.
    STRIP = 64

cdef inline double epsilon() noexcept nogil:
    """Return what is added to a variance: PyTorch's default."""
    return 1e-5


cdef inline dict norm_codes():
    return {"layer": LAYER_NORM, "batch": BATCH_NORM}


cdef inline dict norm_parameters():
    """The share of a batch in the running statistics, PyTorch's default."""
    return {"batch": ("momentum", 0.1)}


cdef inline real sum_of_chains(real* part) noexcept nogil:
    cdef Py_ssize_t j
    cdef real total = 0
    for j in range(CHAINS):
        total += part[j]
    return total


cdef inline real sum_of_row(const real* v, Py_ssize_t n) noexcept nogil:
    """sum v_i."""
    cdef Py_ssize_t i = 0, j
    cdef real[CHAINS] part
    for j in range(CHAINS):
        part[j] = 0
    while i + CHAINS <= n:
        for j in range(CHAINS):
            part[j] += v[i + j]
        i += CHAINS
    for j in range(n - i):
        part[j] += v[i + j]
    return sum_of_chains(part)


cdef inline real sum_of_products(const real* u, const real* v, Py_ssize_t n) noexcept nogil:
    """sum u_i v_i."""
    cdef Py_ssize_t i = 0, j
    cdef real[CHAINS] part
    for j in range(CHAINS):
        part[j] = 0
    while i + CHAINS <= n:
        for j in range(CHAINS):
            part[j] = multiply_add(u[i + j], v[i + j], part[j])
        i += CHAINS
    for j in range(n - i):
        part[j] = multiply_add(u[i + j], v[i + j], part[j])
    return sum_of_chains(part)


cdef inline real normalise_row(
    real* z, real* normed, const real* scale, const real* shift, Py_ssize_t n
) noexcept nogil:
    """z <- scale n + shift of one row, n to `normed` (which may be z); return 1 / deviation."""
    cdef Py_ssize_t j
    cdef real mean = sum_of_row(z, n) / n, inverse
    for j in range(n):
        normed[j] = z[j] - mean
    inverse = 1 / sqrt(sum_of_products(normed, normed, n) / n + <real> epsilon())
    for j in range(n):
        normed[j] *= inverse
        z[j] = multiply_add(scale[j], normed[j], shift[j])
    return inverse


cdef inline void layer_delta(
    real* delta, const real* g, const real* normed, const real* scale, real inverse, Py_ssize_t n
) noexcept nogil:
    """dL/dz of one row from g."""
    cdef Py_ssize_t j
    cdef real mean, slope
    for j in range(n):
        delta[j] = scale[j] * g[j]
    mean = sum_of_row(delta, n) / n
    slope = sum_of_products(delta, normed, n) / n
    for j in range(n):
        delta[j] = inverse * (delta[j] - multiply_add(slope, normed[j], mean))


cdef inline void strip_sums(
    real* total, const real* u, const real* v, const real* weight, Py_ssize_t row,
    Py_ssize_t rows, Py_ssize_t n, bint add
) noexcept nogil:
    """total[j] = sum_r w_r u[r, j] v[r, j] of n <= STRIP columns; w or v NULL: 1. += with add."""
    cdef Py_ssize_t r = 0, stop, j
    cdef real[STRIP] part
    cdef real w
    while r < rows:
        stop = min(rows, r + SUM_BLOCK)
        for j in range(n):
            part[j] = 0
        while r < stop:
            w = <real> 1 if weight == NULL else weight[r]
            if v == NULL:
                for j in range(n):
                    part[j] = multiply_add(w, u[r * row + j], part[j])
            else:
                for j in range(n):
                    part[j] = multiply_add(w * u[r * row + j], v[r * row + j], part[j])
            r += 1
        for j in range(n):
            total[j] = total[j] + part[j] if add else part[j]
        add = True


cdef inline void sums_over_rows(
    real* total, const real* u, const real* v, const real* weight, Py_ssize_t row,
    Py_ssize_t rows, Py_ssize_t n, bint add
) noexcept nogil:
    """As `strip_sums`, for any number of columns."""
    cdef Py_ssize_t j = 0
    while j < n:
        strip_sums(
            total + j, u + j, <const real*> NULL if v == NULL else v + j, weight, row, rows,
            min(<Py_ssize_t> STRIP, n - j), add)
        j += STRIP


cdef inline void inverse_deviations(
    real* inverse, const real* variance, Py_ssize_t n
) noexcept nogil:
    """1 / sqrt(var + epsilon)."""
    cdef Py_ssize_t j
    for j in range(n):
        inverse[j] = 1 / sqrt(variance[j] + <real> epsilon())


cdef inline void normalise_by(
    real* z, real* normed, const real* mean, const real* inverse, const real* scale,
    const real* shift, Py_ssize_t n
) noexcept nogil:
    """z <- scale n + shift of one row with given statistics; n to `normed`, which may be z."""
    cdef Py_ssize_t j
    for j in range(n):
        normed[j] = (z[j] - mean[j]) * inverse[j]
        z[j] = multiply_add(scale[j], normed[j], shift[j])


cdef inline void batch_statistics(
    const real* z, real* centred, const real* weight, double weight_sum, Py_ssize_t row,
    Py_ssize_t rows, Py_ssize_t n, real* mean, real* variance, real* inverse
) noexcept nogil:
    """Weighted mean and variance of n columns; `centred` gets z - mean."""
    cdef Py_ssize_t r, j
    cdef real share = <real> (1 / weight_sum)
    sums_over_rows(mean, z, <const real*> NULL, weight, row, rows, n, False)
    for j in range(n):
        mean[j] *= share
    for r in range(rows):
        for j in range(n):
            centred[r * row + j] = z[r * row + j] - mean[j]
    sums_over_rows(
        variance, <const real*> centred, <const real*> centred, weight, row, rows, n, False)
    for j in range(n):
        variance[j] *= share
    inverse_deviations(inverse, <const real*> variance, n)


cdef inline void batch_delta(
    real* delta, const real* g, const real* normed, const real* scale, const real* inverse,
    const real* sums, const real* products, double share, Py_ssize_t n
) noexcept nogil:
    """dL/dz of one row, whose share of the batch's weight is given; sums of g and of g n."""
    cdef Py_ssize_t j
    cdef real part = <real> share
    for j in range(n):
        delta[j] = scale[j] * inverse[j] * (
            g[j] - part * multiply_add(products[j], normed[j], sums[j]))


cdef inline void move_running(
    real* running, const real* batch, double momentum, Py_ssize_t n
) noexcept nogil:
    """running <- running + momentum (batch - running), for n means or variances."""
    cdef Py_ssize_t j
    for j in range(n):
        running[j] = multiply_add(<real> momentum, batch[j] - running[j], running[j])
