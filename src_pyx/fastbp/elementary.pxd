"""Functions of the real type; method and error in elementary.h, special.h and root.h.

A loop over one of them, `for i in range(n): y[i] = tanh(x[i])`, compiles to full vectors.
"""
from .real cimport real

cdef extern from "elementary.h" nogil:
    float fbp_expf(float x) noexcept
    double fbp_exp(double x) noexcept
    float fbp_logf(float x) noexcept
    double fbp_log(double x) noexcept
    float fbp_log1pf(float x) noexcept
    double fbp_log1p(double x) noexcept
    float fbp_tanhf(float x) noexcept
    double fbp_tanh(double x) noexcept
    float fbp_sigmoidf(float x) noexcept
    double fbp_sigmoid(double x) noexcept
    float fbp_softplusf(float x) noexcept
    double fbp_softplus(double x) noexcept

cdef extern from "special.h" nogil:
    float fbp_expm1f(float x) noexcept
    double fbp_expm1(double x) noexcept
    float fbp_sine_shiftedf(float x, unsigned int shift) noexcept
    double fbp_sine_shifted(double x, unsigned int shift) noexcept
    float fbp_normal_cdff(float x) noexcept
    double fbp_normal_cdf(double x) noexcept


cdef extern from "root.h" nogil:
    void roots_f32(float* out, const float* x, Py_ssize_t n) noexcept
    void roots_f64(double* out, const double* x, Py_ssize_t n) noexcept


cdef inline real exp(real x) noexcept nogil:
    """e^x."""
    if real is float:
        return fbp_expf(x)
    else:
        return fbp_exp(x)


cdef inline real log(real x) noexcept nogil:
    """The natural logarithm."""
    if real is float:
        return fbp_logf(x)
    else:
        return fbp_log(x)


cdef inline real log1p(real x) noexcept nogil:
    """log(1 + x)."""
    if real is float:
        return fbp_log1pf(x)
    else:
        return fbp_log1p(x)


cdef inline real tanh(real x) noexcept nogil:
    if real is float:
        return fbp_tanhf(x)
    else:
        return fbp_tanh(x)


cdef inline real sigmoid(real x) noexcept nogil:
    """1 / (1 + e^-x)."""
    if real is float:
        return fbp_sigmoidf(x)
    else:
        return fbp_sigmoid(x)


cdef inline real softplus(real x) noexcept nogil:
    """log(1 + e^x)."""
    if real is float:
        return fbp_softplusf(x)
    else:
        return fbp_softplus(x)


cdef inline real expm1(real x) noexcept nogil:
    """e^x - 1."""
    if real is float:
        return fbp_expm1f(x)
    else:
        return fbp_expm1(x)


cdef inline real sine(real x) noexcept nogil:
    if real is float:
        return fbp_sine_shiftedf(x, 0)
    else:
        return fbp_sine_shifted(x, 0)


cdef inline real cosine(real x) noexcept nogil:
    if real is float:
        return fbp_sine_shiftedf(x, 1)
    else:
        return fbp_sine_shifted(x, 1)


cdef inline real normal_cdf(real x) noexcept nogil:
    """How likely a standard normal variable is below x."""
    if real is float:
        return fbp_normal_cdff(x)
    else:
        return fbp_normal_cdf(x)


cdef inline void square_roots(real* out, const real* x, Py_ssize_t n) noexcept nogil:
    """out_i <- sqrt(x_i), correctly rounded."""
    if real is float:
        roots_f32(out, x, n)
    else:
        roots_f64(out, x, n)
