"""The real type: one source body for float32 and float64, and its multiply-add."""
from libc.math cimport (
    exp as exp_double, expf, fabs, fabsf, log as log_double, log1p as log1p_double, log1pf, logf,
    sqrt as sqrt_double, sqrtf, tanh as tanh_double, tanhf,
)

ctypedef fused real:
    float
    double

cdef extern from "real.h" nogil:
    float fastbp_fmaf(float a, float b, float c)
    double fastbp_fma(double a, double b, double c)
    unsigned int flush_denormals "fastbp_flush_denormals"() noexcept
    void restore_mode "fastbp_restore_mode"(unsigned int mode) noexcept


cdef inline real multiply_add(real a, real b, real c) noexcept nogil:
    """a b + c, rounded once where the instruction set can."""
    if real is float:
        return fastbp_fmaf(a, b, c)
    else:
        return fastbp_fma(a, b, c)


cdef inline real exp(real x) noexcept nogil:
    if real is float:
        return expf(x)
    else:
        return exp_double(x)


cdef inline real log(real x) noexcept nogil:
    if real is float:
        return logf(x)
    else:
        return log_double(x)


cdef inline real log1p(real x) noexcept nogil:
    if real is float:
        return log1pf(x)
    else:
        return log1p_double(x)


cdef inline real tanh(real x) noexcept nogil:
    if real is float:
        return tanhf(x)
    else:
        return tanh_double(x)


cdef inline real sqrt(real x) noexcept nogil:
    if real is float:
        return sqrtf(x)
    else:
        return sqrt_double(x)


cdef inline real magnitude(real x) noexcept nogil:
    if real is float:
        return fabsf(x)
    else:
        return fabs(x)
