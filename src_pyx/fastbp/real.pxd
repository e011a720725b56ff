"""The real type: one source body for float32 and float64, and its multiply-add."""
from libc.math cimport fabs, fabsf, sqrt as sqrt_double, sqrtf

ctypedef fused real:
    float
    double

cdef extern from "real.h" nogil:
    # A function that returns this one is not inlined where it is called.
    ctypedef void apart "FASTBP_APART"
    float fastbp_fmaf(float a, float b, float c)
    double fastbp_fma(double a, double b, double c)
    unsigned int flush_denormals "fastbp_flush_denormals"() noexcept
    unsigned int keep_denormals "fastbp_keep_denormals"() noexcept
    void restore_mode "fastbp_restore_mode"(unsigned int mode) noexcept


cdef inline real multiply_add(real a, real b, real c) noexcept nogil:
    """a b + c, rounded once where the instruction set can."""
    if real is float:
        return fastbp_fmaf(a, b, c)
    else:
        return fastbp_fma(a, b, c)


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
