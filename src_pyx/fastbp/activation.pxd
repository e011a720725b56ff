"""Activations: value and derivative side by side, each stated once.

A derivative is taken from the value a = s(z), which the backward pass still has, wherever that
loses nothing; z has to be kept for the others only (`needs_z`):

    identity      a = z                         s' = 1
    sigmoid       a = 1 / (1 + e^-z)            s' = a (1 - a)
    relu          a = max(z, 0)                 s' = 1 where a > 0, else 0 (0 at z = 0)
    tanh          a = tanh z                    s' = 1 - a^2
    softmax       a_i = e^z_i / sum_j e^z_j     delta_i = a_i (g_i - sum_j a_j g_j), rows coupled
    leaky_relu    z, or alpha z below 0         1, or alpha where a <= 0                      [1]
    elu           z, or alpha (e^z - 1) below   1, or a + alpha where a <= 0                  [2]
    selu          lambda elu, alpha given       lambda, or a + lambda alpha where a <= 0      [3]
    gelu          z Phi(z)                      Phi(z) + z phi(z)                             [4]
    gelu_tanh     z / (1 + e^-2u)               c + 2 z c (1 - c) u', c = 1 / (1 + e^-2u)     [4]
                  u = sqrt(2 / pi) (z + 0.044715 z^3)
    silu          z / (1 + e^-z)                c + z c (1 - c), c = 1 / (1 + e^-z)           [4]
    softplus      log(1 + e^z)                  1 - e^-a                                      [5]
    softsign      z / (1 + |z|)                 (1 - |a|)^2                                   [6]
    hard_sigmoid  z / 6 + 1/2 within [0, 1]     1/6 where 0 < a < 1                           [7]
    hard_tanh     z within [-1, 1]              1 where |a| < 1                               [8]
    mish          z tanh(log(1 + e^z))          t + z (1 - t^2) / (1 + e^-z), a = z t         [9]
    exp           e^z                           a
    sin           sin z                         cos z                                         [10]
    log_softmax   z_i - log sum_j e^z_j         delta_i = g_i - e^a_i sum_j g_j, rows coupled

Phi and phi are the distribution and the density of the normal distribution. alpha is a parameter of
the layer; at a kink the derivative is the one from below.

[1] Maas et al., "Rectifier nonlinearities improve neural network acoustic models", 2013. [2]
Clevert et al., "Fast and accurate deep network learning by exponential linear units", ICLR 2016,
eq. 15. [3] Klambauer et al., "Self-normalizing neural networks", NeurIPS 2017, eq. 2. [4] Hendrycks
& Gimpel, "Gaussian error linear units", arXiv:1606.08415, sections 2 and 3 (silu as x sigma(x)).
[5] Dugas et al., "Incorporating second-order functional knowledge", NeurIPS 2000. [6] Bergstra et
al., "Quadratic polynomials learn better image features", 2009. [7] Howard et al., "Searching for
MobileNetV3", ICCV 2019, section 5.2. [8] Collobert, "Large scale machine learning", thesis, 2004.
[9] Misra, "Mish", BMVC 2020, eq. 1. [10] Sitzmann et al., "Implicit neural representations with
periodic activation functions", NeurIPS 2020, eq. 4.

To add one: a code, a row in `activation_codes` (and in `activation_parameters`, `needs_z`), a value
and a derivative, a branch in `activate_apart` and in `derivative_apart`; then its twin in
fastbp/reference/activations.py. CUSTOM stands for all that users register.
"""
from .custom cimport Custom, custom_times_derivative, custom_value
from .elementary cimport cosine, exp, expm1, log, normal_cdf, sigmoid, sine, softplus, tanh
from .real cimport apart, magnitude, multiply_add, real
from .softmax cimport log_softmax_row, log_softmax_vjp_row, softmax_rows, softmax_vjp_row

cdef enum:
    # The first five are in the loop of every network; the others stand apart.
    IDENTITY = 0
    SIGMOID = 1
    RELU = 2
    TANH = 3
    SOFTMAX = 4
    LEAKY_RELU = 5
    ELU = 6
    SELU = 7
    GELU = 8
    GELU_TANH = 9
    SILU = 10
    SOFTPLUS = 11
    SOFTSIGN = 12
    HARD_SIGMOID = 13
    HARD_TANH = 14
    MISH = 15
    EXP = 16
    SIN = 17
    LOG_SOFTMAX = 18
    CUSTOM = 19


cdef inline dict activation_codes():
    return {
        "identity": IDENTITY, "sigmoid": SIGMOID, "relu": RELU, "tanh": TANH, "softmax": SOFTMAX,
        "leaky_relu": LEAKY_RELU, "elu": ELU, "selu": SELU, "gelu": GELU, "gelu_tanh": GELU_TANH,
        "silu": SILU, "softplus": SOFTPLUS, "softsign": SOFTSIGN, "hard_sigmoid": HARD_SIGMOID,
        "hard_tanh": HARD_TANH, "mish": MISH, "exp": EXP, "sin": SIN, "log_softmax": LOG_SOFTMAX,
    }


cdef inline dict activation_parameters():
    """Each activation with a parameter: its name and its default; it is at least 0."""
    return {"leaky_relu": ("alpha", 0.01), "elu": ("alpha", 1.0)}


cdef inline bint needs_z(int activation) noexcept nogil:
    """Whether the derivative is not to be had from a."""
    return activation in (GELU, GELU_TANH, SILU, MISH, SIN)


cdef inline bint couples_row(int activation) noexcept nogil:
    """Whether every output of a row depends on all of it."""
    return activation in (SOFTMAX, LOG_SOFTMAX)


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


cdef inline real leaky_relu_value(real z, real alpha) noexcept nogil:
    return alpha * z if z <= 0 else z


cdef inline real leaky_relu_derivative(real a, real alpha) noexcept nogil:
    return <real> 1 if a > 0 else alpha


cdef inline real elu_value(real z, real scale, real alpha) noexcept nogil:
    """scale z, or scale alpha (e^z - 1) for z <= 0."""
    return scale * alpha * expm1(z) if z <= 0 else scale * z


cdef inline real elu_derivative(real a, real scale, real alpha) noexcept nogil:
    return scale if a > 0 else multiply_add(scale, alpha, a)


cdef inline real selu_scale(real marker) noexcept nogil:
    """The lambda of selu that keeps mean 0 and variance 1."""
    return <real> 1.0507009873554804934193349852946


cdef inline real selu_alpha(real marker) noexcept nogil:
    return <real> 1.6732632423543772848170429916717


cdef inline real gelu_value(real z) noexcept nogil:
    return z * normal_cdf(z)


cdef inline real gelu_derivative(real z) noexcept nogil:
    """phi(z) = e^(-z^2 / 2) / sqrt(2 pi)."""
    cdef real density = <real> 0.39894228040143267793994605993438 * exp(<real> -0.5 * z * z)
    return multiply_add(z, density, normal_cdf(z))


cdef inline real sigmoid_and_slope(real z, real factor) noexcept nogil:
    """c + factor c (1 - c) with c = 1 / (1 + e^-z).

    (Where c is close to 1 the factor is large, and 1 - c has lost its digits: so the lower of c and
    1 - c is computed and the other one taken from it.)
    """
    cdef real low = sigmoid(-magnitude(z))
    cdef real high = <real> 1 - low
    return multiply_add(factor, low * high, low if z < 0 else high)


cdef inline real gelu_tanh_value(real z) noexcept nogil:
    """2 u = 2 sqrt(2 / pi) (z + 0.044715 z^3)."""
    cdef real cube = multiply_add(<real> 0.044715 * z * z, z, z)
    return z * sigmoid(<real> 1.5957691216057307117597842397375 * cube)


cdef inline real gelu_tanh_derivative(real z) noexcept nogil:
    cdef real cube = multiply_add(<real> 0.044715 * z * z, z, z)
    cdef real v = <real> 1.5957691216057307117597842397375 * cube
    cdef real slope = multiply_add(<real> 0.134145 * z, z, <real> 1)
    return sigmoid_and_slope(v, <real> 1.5957691216057307117597842397375 * z * slope)


cdef inline real silu_value(real z) noexcept nogil:
    return z * sigmoid(z)


cdef inline real silu_derivative(real z) noexcept nogil:
    return sigmoid_and_slope(z, z)


cdef inline real softplus_derivative(real a) noexcept nogil:
    return -expm1(-a)


cdef inline real softsign_value(real z) noexcept nogil:
    return z / (1 + magnitude(z))


cdef inline real softsign_derivative(real a) noexcept nogil:
    return (1 - magnitude(a)) * (1 - magnitude(a))


cdef inline real within(real x, real low, real high) noexcept nogil:
    """x, but no less than low and no more than high; NaN for NaN."""
    return low if x < low else (high if x > high else x)


cdef inline real hard_sigmoid_value(real z) noexcept nogil:
    return within(z / 6 + <real> 0.5, <real> 0, <real> 1)


cdef inline real hard_sigmoid_derivative(real a) noexcept nogil:
    return <real> (1.0 / 6) if a > 0 and a < 1 else <real> 0


cdef inline real hard_tanh_value(real z) noexcept nogil:
    return within(z, <real> -1, <real> 1)


cdef inline real hard_tanh_derivative(real a) noexcept nogil:
    return <real> 1 if magnitude(a) < 1 else <real> 0


cdef inline real mish_value(real z) noexcept nogil:
    """t = tanh(log(1 + w)) = n / (n + 2) with w = e^z and n = w (w + 2); 1 from z = 20 on."""
    cdef real w = exp(<real> 20 if z > 20 else z)
    cdef real n = w * (w + 2)
    return z * (n / (n + 2))


cdef inline real mish_derivative(real z) noexcept nogil:
    """1 - t^2 = 4 (1 + w)^2 / (n + 2)^2 and 1 / (1 + e^-z) = w / (1 + w)."""
    cdef real w = exp(<real> 20 if z > 20 else z)
    cdef real n = w * (w + 2)
    return multiply_add(z, 4 * w / (n + 2) * ((1 + w) / (n + 2)), n / (n + 2))


cdef inline apart activate_apart(
    int activation, double alpha, const Custom* custom, real* z, Py_ssize_t rows,
    Py_ssize_t width, Py_ssize_t row
) noexcept nogil:
    """z <- s(z) in place, of the activations beyond the first five."""
    cdef Py_ssize_t i, n = rows * row
    cdef real slope = <real> alpha
    if activation == LEAKY_RELU:
        for i in range(n):
            z[i] = leaky_relu_value(z[i], slope)
    elif activation == ELU:
        for i in range(n):
            z[i] = elu_value(z[i], <real> 1, slope)
    elif activation == SELU:
        for i in range(n):
            z[i] = elu_value(z[i], selu_scale(slope), selu_alpha(slope))
    elif activation == GELU:
        for i in range(n):
            z[i] = gelu_value(z[i])
    elif activation == GELU_TANH:
        for i in range(n):
            z[i] = gelu_tanh_value(z[i])
    elif activation == SILU:
        for i in range(n):
            z[i] = silu_value(z[i])
    elif activation == SOFTPLUS:
        for i in range(n):
            z[i] = softplus(z[i])
    elif activation == SOFTSIGN:
        for i in range(n):
            z[i] = softsign_value(z[i])
    elif activation == HARD_SIGMOID:
        for i in range(n):
            z[i] = hard_sigmoid_value(z[i])
    elif activation == HARD_TANH:
        for i in range(n):
            z[i] = hard_tanh_value(z[i])
    elif activation == MISH:
        for i in range(n):
            z[i] = mish_value(z[i])
    elif activation == EXP:
        for i in range(n):
            z[i] = exp(z[i])
    elif activation == SIN:
        for i in range(n):
            z[i] = sine(z[i])
    elif activation == LOG_SOFTMAX:
        for i in range(rows):
            log_softmax_row(z + i * row, width)
    elif activation == CUSTOM:
        custom_value(custom, z, rows, width, row)


cdef inline apart derivative_apart(
    int activation, double alpha, const Custom* custom, const real* a, const real* z, real* g,
    Py_ssize_t rows, Py_ssize_t width, Py_ssize_t row
) noexcept nogil:
    """g <- g * s'(z) in place, of the activations beyond the first five."""
    cdef Py_ssize_t i, n = rows * row
    cdef real slope = <real> alpha
    if activation == LEAKY_RELU:
        for i in range(n):
            g[i] = g[i] * leaky_relu_derivative(a[i], slope)
    elif activation == ELU:
        for i in range(n):
            g[i] = g[i] * elu_derivative(a[i], <real> 1, slope)
    elif activation == SELU:
        for i in range(n):
            g[i] = g[i] * elu_derivative(a[i], selu_scale(slope), selu_alpha(slope))
    elif activation == GELU:
        for i in range(n):
            g[i] = g[i] * gelu_derivative(z[i])
    elif activation == GELU_TANH:
        for i in range(n):
            g[i] = g[i] * gelu_tanh_derivative(z[i])
    elif activation == SILU:
        for i in range(n):
            g[i] = g[i] * silu_derivative(z[i])
    elif activation == SOFTPLUS:
        for i in range(n):
            g[i] = g[i] * softplus_derivative(a[i])
    elif activation == SOFTSIGN:
        for i in range(n):
            g[i] = g[i] * softsign_derivative(a[i])
    elif activation == HARD_SIGMOID:
        for i in range(n):
            g[i] = g[i] * hard_sigmoid_derivative(a[i])
    elif activation == HARD_TANH:
        for i in range(n):
            g[i] = g[i] * hard_tanh_derivative(a[i])
    elif activation == MISH:
        for i in range(n):
            g[i] = g[i] * mish_derivative(z[i])
    elif activation == EXP:
        for i in range(n):
            g[i] = g[i] * a[i]
    elif activation == SIN:
        for i in range(n):
            g[i] = g[i] * cosine(z[i])
    elif activation == LOG_SOFTMAX:
        for i in range(rows):
            log_softmax_vjp_row(a + i * row, g + i * row, width)
    elif activation == CUSTOM:
        custom_times_derivative(custom, z, g, rows, width, row)


cdef inline void activate_first(
    int activation, real* z, Py_ssize_t rows, Py_ssize_t width, Py_ssize_t row
) noexcept nogil:
    """z <- s(z) in place of one of the first five: no call that is not inlined."""
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
        softmax_rows(z, rows, width, row)


cdef inline void derivative_first(
    int activation, const real* a, real* g, Py_ssize_t rows, Py_ssize_t width, Py_ssize_t row
) noexcept nogil:
    """g <- g * s'(z) in place, of one of the first five: no call that is not inlined."""
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


cdef inline void activate(
    int activation, double alpha, const Custom* custom, real* z, Py_ssize_t rows,
    Py_ssize_t width, Py_ssize_t row
) noexcept nogil:
    """z <- s(z) in place: (rows, width), rows `row` apart, what lies between them overwritten.

    `custom` is read for CUSTOM alone.
    """
    if activation > SOFTMAX:
        activate_apart(activation, alpha, custom, z, rows, width, row)
    else:
        activate_first(activation, z, rows, width, row)


cdef inline void times_derivative(
    int activation, double alpha, const Custom* custom, const real* a, const real* z, real* g,
    Py_ssize_t rows, Py_ssize_t width, Py_ssize_t row
) noexcept nogil:
    """g <- g * s'(z) in place, laid out as in `activate`; z is read where `needs_z` alone."""
    if activation > SOFTMAX:
        derivative_apart(activation, alpha, custom, a, z, g, rows, width, row)
    else:
        derivative_first(activation, a, g, rows, width, row)
