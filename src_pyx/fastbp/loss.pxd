"""Losses: the value of a row and its gradient side by side, each stated once.

Every loss is a mean over rows of a sum over outputs; `scale` is a row's share of that mean: 1 /
rows, or weight / (sum of weights). With a = s(z) the output of a row, d_j = a_j - y_j:

    mse                   1/2 sum_j d_j^2                      dL/da_j = d_j
    cross_entropy         log sum_j e^z_j - z_y  (softmax)     dL/dz_j = d_j
    binary_cross_entropy  sum_j log(1 + e^z_j) - y_j z_j       dL/dz_j = d_j
                          (sigmoid)
    mae                   sum_j |d_j|                          dL/da_j = sign d_j
    huber                 sum_j d_j^2 / 2 where |d_j| <=       dL/da_j = d_j within
                          delta, else delta (|d_j| - delta/2)            [-delta, delta]      [1]
    log_cosh              sum_j log cosh d_j                   dL/da_j = tanh d_j
    quantile              sum_j max(-q d_j, (1 - q) d_j)       dL/da_j = 1 - q above y, -q    [2]
                                                                         below, 0 at y
    poisson               sum_j e^z_j - y_j z_j  (exp)         dL/dz_j = d_j                  [3]
    gamma                 sum_j y_j e^-z_j + z_j  (exp)        dL/dz_j = 1 - y_j e^-z_j       [3]
    hinge                 sum_j max(0, 1 - y_j a_j), y_j = -1  dL/da_j = -y_j where y_j a_j   [4]
                          or 1                                           < 1, else 0
    gaussian_nll          sum_j (s_j + (y_j - m_j)^2 e^-s_j)   dL/dm_j = (m_j - y_j) e^-s_j   [5]
                          / 2, a = (m, s)  (identity)          dL/ds_j = (1 - (y_j - m_j)^2
                                                                          e^-s_j) / 2
    kl_divergence         sum_j y_j (log y_j - log a_j)        dL/dz_j = d_j                  [6]
                          (softmax)

The ones with an activation in brackets need that output: they are taken from z, so that they stay
finite where a rounds to 0 or 1, and their gradient is dL/dz at once (`gives_delta`). y is a row of
numbers or, for cross_entropy, one class index. label_smoothing makes cross_entropy's y_j to (1 -
label_smoothing) y_j + label_smoothing / n [7]. gaussian_nll predicts a mean and the logarithm of a
variance for each target: all means first, so that there are half as many y as outputs.

[1] Huber, "Robust estimation of a location parameter", 1964. [2] Koenker & Bassett, "Regression
quantiles", 1978. [3] McCullagh & Nelder, "Generalized linear models", 1989, chapters 6 and 8, less
what does not depend on z. [4] Cortes & Vapnik, "Support-vector networks", 1995. [5] Nix & Weigend,
"Estimating the mean and variance of the target probability distribution", 1994, eq. 5. [6] Kullback
& Leibler, "On information and sufficiency", 1951. [7] Szegedy et al., "Rethinking the Inception
architecture", CVPR 2016, section 7.

To add one: a code, a row in `loss_codes` (and in `loss_parameters`, `loss_outputs`,
`loss_targets`), a branch in `loss_apart` and one in `gradient_apart`; then its twin in
fastbp/reference/losses.py. CUSTOM stands for all that users register; its rows are
taken together (custom.pxd) and not one by one.
"""
from .elementary cimport exp, expm1, log, log1p, softplus, tanh
from .real cimport apart, magnitude, multiply_add, real
from .rules cimport sign

cdef enum:
    # The first three are in the loop of many networks; the others stand apart.
    MSE = 0
    CROSS_ENTROPY = 1
    BINARY_CROSS_ENTROPY = 2
    MAE = 3
    HUBER = 4
    LOG_COSH = 5
    QUANTILE = 6
    POISSON = 7
    GAMMA = 8
    HINGE = 9
    GAUSSIAN_NLL = 10
    KL_DIVERGENCE = 11
    # cross_entropy with label_smoothing above 0.
    SMOOTHED = 12
    CUSTOM = 13


cdef inline dict loss_codes():
    return {
        "mse": MSE, "cross_entropy": CROSS_ENTROPY, "binary_cross_entropy": BINARY_CROSS_ENTROPY,
        "mae": MAE, "huber": HUBER, "log_cosh": LOG_COSH, "quantile": QUANTILE,
        "poisson": POISSON, "gamma": GAMMA, "hinge": HINGE, "gaussian_nll": GAUSSIAN_NLL,
        "kl_divergence": KL_DIVERGENCE,
    }


cdef inline dict loss_parameters():
    """Each loss with a parameter: its name and its default."""
    return {
        "cross_entropy": ("label_smoothing", 0.0), "huber": ("delta", 1.0),
        "quantile": ("q", 0.5),
    }


cdef inline dict loss_outputs():
    """The only activation of the outputs that a loss is computed through, where there is one."""
    return {
        "cross_entropy": "softmax", "binary_cross_entropy": "sigmoid", "poisson": "exp",
        "gamma": "exp", "gaussian_nll": "identity", "kl_divergence": "softmax",
    }


cdef inline dict loss_targets():
    """What y may hold, where it is not every number."""
    return {
        "cross_entropy": "distribution", "binary_cross_entropy": "probability",
        "poisson": "count", "gamma": "positive", "hinge": "sign",
        "kl_divergence": "distribution",
    }


cdef inline int loss_code(int loss, double parameter) noexcept nogil:
    """The code of a loss with its parameter."""
    return SMOOTHED if loss == CROSS_ENTROPY and parameter > 0 else loss


cdef inline bint gives_delta(int loss) noexcept nogil:
    """Whether the gradient is already dL/dz; otherwise it is dL/da and s'(z) is still to come."""
    return loss not in (MSE, MAE, HUBER, LOG_COSH, QUANTILE, HINGE, CUSTOM)


cdef inline bint has_power(int loss) noexcept nogil:
    """Whether `loss_of_row` leaves a logarithm to the caller."""
    return loss == CROSS_ENTROPY or loss == SMOOTHED or loss == KL_DIVERGENCE


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


cdef inline real highest_and_power(
    const real* z, const real* a, Py_ssize_t n, real* power
) noexcept nogil:
    """Return the largest z and leave the largest a in `power`: their sum with the logarithm of
    1 / power is log sum_j e^z_j."""
    cdef Py_ssize_t j
    cdef real highest = z[0], largest = a[0]
    for j in range(1, n):
        highest = z[j] if z[j] > highest else highest
        largest = a[j] if a[j] > largest else largest
    power[0] = largest
    return highest


cdef inline real smoothed_of_row(
    const real* z, const real* y, long long label, Py_ssize_t n, real highest, real smoothing
) noexcept nogil:
    """sum_j y'_j (highest - z_j) with y' = (1 - smoothing) y + smoothing / n."""
    cdef Py_ssize_t j
    cdef real even = smoothing / n, share
    cdef real total = 0
    for j in range(n):
        share = (<real> 1 if j == label else <real> 0) if y == NULL else y[j]
        total = multiply_add(multiply_add(1 - smoothing, share, even), highest - z[j], total)
    return total


cdef inline real kl_divergence_of_row(
    const real* z, const real* y, Py_ssize_t n, real highest
) noexcept nogil:
    """sum_j y_j (log y_j + highest - z_j), 0 log 0 = 0."""
    cdef Py_ssize_t j
    cdef real total = 0
    for j in range(n):
        if y[j] > 0:
            total = multiply_add(y[j], log(y[j]) + (highest - z[j]), total)
    return total


cdef inline real gaussian_nll_of_row(
    const real* a, const real* y, Py_ssize_t n
) noexcept nogil:
    cdef Py_ssize_t j
    cdef real total = 0, d
    for j in range(n):
        d = y[j] - a[j]
        total += multiply_add(d * d, exp(-a[n + j]), a[n + j]) / 2
    return total


cdef inline real log_cosh(real size) noexcept nogil:
    """log cosh d of |d|: log(1 + m^2 / (2 (1 + m))) with m = e^-|d| - 1, where |d| is below 1 and
    |d| + log(1 + e^-2|d|) - log 2 would cancel."""
    cdef real m
    if size < 1:
        m = expm1(-size)
        return log1p(m * m / (2 * (1 + m)))
    return size + softplus(-2 * size) - <real> 0.69314718055994530941723212145818


cdef inline real loss_of_difference(
    int loss, real parameter, real a, real y, real z
) noexcept nogil:
    """One output's part of the losses that are a sum over outputs."""
    cdef real d = a - y, size = magnitude(a - y)
    if loss == MAE:
        return size
    if loss == HUBER:
        return d * d / 2 if size <= parameter else parameter * (size - parameter / 2)
    if loss == LOG_COSH:
        return log_cosh(size)
    if loss == QUANTILE:
        return -parameter * d if d < 0 else (1 - parameter) * d
    if loss == POISSON:
        return multiply_add(-y, z, a)
    if loss == GAMMA:
        return multiply_add(y, exp(-z), z)
    # hinge
    return <real> 0 if y * a >= 1 else 1 - y * a


cdef inline apart loss_apart(
    int loss, double parameter, const real* z, const real* a, const real* y, long long label,
    Py_ssize_t n, real* power, real* total
) noexcept nogil:
    """The row's loss less log `power`, of the losses beyond the first three, to `total`."""
    cdef Py_ssize_t j
    cdef real sum_ = 0
    if loss == SMOOTHED:
        sum_ = highest_and_power(z, a, n, power)
        sum_ = smoothed_of_row(z, y, label, n, sum_, <real> parameter)
    elif loss == KL_DIVERGENCE:
        sum_ = highest_and_power(z, a, n, power)
        sum_ = kl_divergence_of_row(z, y, n, sum_)
    elif loss == GAUSSIAN_NLL:
        sum_ = gaussian_nll_of_row(a, y, n // 2)
    else:
        for j in range(n):
            sum_ += loss_of_difference(loss, <real> parameter, a[j], y[j], z[j])
    total[0] = sum_


cdef inline real gradient_of_difference(
    int loss, real parameter, real a, real y, real z
) noexcept nogil:
    """dL/da of one output, or dL/dz where `gives_delta`."""
    cdef real d = a - y
    if loss == MAE:
        return sign(d)
    if loss == HUBER:
        return parameter if d > parameter else (-parameter if d < -parameter else d)
    if loss == LOG_COSH:
        return tanh(d)
    if loss == QUANTILE:
        return 1 - parameter if d > 0 else (-parameter if d < 0 else d)
    if loss == GAMMA:
        return multiply_add(-y, exp(-z), <real> 1)
    if loss == HINGE:
        return <real> 0 if y * a >= 1 else -y
    # poisson and kl_divergence
    return d


cdef inline apart gradient_apart(
    int loss, double parameter, const real* z, const real* a, const real* y, long long label,
    Py_ssize_t n, real scale, real* g
) noexcept nogil:
    """The row's gradient, of the losses beyond the first three; of CUSTOM, dL/da is in g."""
    cdef Py_ssize_t j, half = n // 2
    cdef real d, even = <real> parameter / n, share
    if loss == SMOOTHED:
        for j in range(n):
            share = (<real> 1 if j == label else <real> 0) if y == NULL else y[j]
            g[j] = (a[j] - multiply_add(1 - <real> parameter, share, even)) * scale
    elif loss == GAUSSIAN_NLL:
        for j in range(half):
            d = a[j] - y[j]
            share = exp(-a[half + j])
            g[j] = d * share * scale
            g[half + j] = multiply_add(-d * share, d, <real> 1) / 2 * scale
    elif loss == CUSTOM:
        for j in range(n):
            g[j] *= scale
    else:
        for j in range(n):
            g[j] = gradient_of_difference(loss, <real> parameter, a[j], y[j], z[j]) * scale


cdef inline real first_loss_of_row(
    int loss, const real* z, const real* a, const real* y, long long label, Py_ssize_t n,
    real* power
) noexcept nogil:
    """As `loss_of_row`, of one of the first three: no call that is not inlined."""
    if loss == CROSS_ENTROPY:
        return cross_entropy_of_row(z, a, y, label, n, power)
    if loss == BINARY_CROSS_ENTROPY:
        return binary_cross_entropy_of_row(z, y, n)
    return mse_of_row(a, y, n)


cdef inline void first_gradient_of_row(
    const real* a, const real* y, long long label, Py_ssize_t n, Py_ssize_t row, real scale,
    real* g
) noexcept nogil:
    """g_j <- (a_j - y_j) scale, the gradient of the first three losses; to `row` without meaning.
    """
    cdef Py_ssize_t j
    if y == NULL:
        for j in range(row):
            g[j] = a[j] * scale
        g[label] = (a[label] - 1) * scale
    else:
        for j in range(n):
            g[j] = (a[j] - y[j]) * scale


cdef inline real loss_of_row(
    int loss, double parameter, const real* z, const real* a, const real* y, long long label,
    Py_ssize_t n, real* power
) noexcept nogil:
    """A row's loss is what this returns less log `power`, where `has_power`.

    So the logarithms of many rows can be taken together, in vectors.
    """
    cdef real total
    if loss <= BINARY_CROSS_ENTROPY:
        return first_loss_of_row(loss, z, a, y, label, n, power)
    loss_apart(loss, parameter, z, a, y, label, n, power, &total)
    return total


cdef inline void loss_gradient_of_row(
    int loss, double parameter, const real* z, const real* a, const real* y, long long label,
    Py_ssize_t n, Py_ssize_t row, real scale, real* g
) noexcept nogil:
    """dL/dz where `gives_delta`, else dL/da, of the row; to `row` without meaning."""
    if loss <= BINARY_CROSS_ENTROPY:
        first_gradient_of_row(a, y, label, n, row, scale, g)
    else:
        gradient_apart(loss, parameter, z, a, y, label, n, scale, g)
