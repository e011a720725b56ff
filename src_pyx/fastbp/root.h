/* Square roots of a vector, correctly rounded: the bits of the instruction that takes them.

   That instruction and division share one unit and take turns there. Here the root is made of
   multiply-adds, which run beside a division: Adam's step takes less than half the time in double
   (docs/decisions/0012-the-root-in-adam.md). Level v4 alone has an estimate of 1 / sqrt(x) for
   double to begin with, good to 2^-14.

   Method. g = sqrt(x) and h = 1 / (2 sqrt(x)) get better together: r = 1/2 - g h, g <- g + g r,
   h <- h + h r doubles the digits of both (Goldschmidt, "Applications of division by convergence",
   1964). The last step takes the remainder d = x - g^2 in one multiply-add and rounds g + d h
   (Markstein, "Computation of elementary functions on the IBM RISC System/6000 processor", 1990).

   Why the result is rounded correctly. With p = 53 digits and u = 2^-p, the roundings of the steps
   before leave relative errors of at most 2.5 u in g and in h, and 4 u in d where g is off by more
   than an ulp. So g + d h is sqrt(x) but for 12 u ulp before it is rounded, and is rounded as
   sqrt(x) is unless the midpoint of two doubles lies between. For x = X 2^2e with X a whole number
   and a root in [2^(p-1), 2^p), a midpoint is (2k + 1) / 2; it is at least |c| u / 8 ulp away for
   c = 4 X - (2k + 1)^2. Only |c| <= 96 is left, some dozen X, which tests/oracle/test_root.py finds
   and tries, with other estimates too. Of float all arguments are tried (pytest -m slow). The
   estimate leaves no trace in the result.

   Below the limits d would lose digits that count; there, and for infinite, negative and NaN x, the
   instruction is taken. Zeros are not below: their g and h are 0. */
#ifndef FASTBP_ROOT_H
#define FASTBP_ROOT_H

#include <math.h>
#include <stddef.h>

#include "product.h"

#if !defined(FASTBP_PLAIN) && FASTBP_VECTOR_BYTES == 64
#define FASTBP_ROOTS

/* Whether a number other than 0 is below the least that the steps are right for, infinite, negative
   or NaN; an estimate of 1 / sqrt(x), 0 for 0; the instruction. As unsigned numbers, bits from the
   least on are in the order of what they mean, and what is no number that will do comes after. */
FASTBP_INLINE int is_beyond_f32(vector_f32 x) {
    const __m512i least = (__m512i)_mm512_set1_ps(0x1p-96f), most = _mm512_set1_epi32(0x7f7fffff);
    return _mm512_mask_cmpgt_epu32_mask(
        _mm512_cmp_ps_mask((__m512)x, _mm512_setzero_ps(), _CMP_NEQ_UQ),
        _mm512_sub_epi32((__m512i)x, least), _mm512_sub_epi32(most, least));
}
FASTBP_INLINE int is_beyond_f64(vector_f64 x) {
    const __m512i least = (__m512i)_mm512_set1_pd(0x1p-960);
    const __m512i most = _mm512_set1_epi64(0x7fefffffffffffff);
    return _mm512_mask_cmpgt_epu64_mask(
        _mm512_cmp_pd_mask((__m512d)x, _mm512_setzero_pd(), _CMP_NEQ_UQ),
        _mm512_sub_epi64((__m512i)x, least), _mm512_sub_epi64(most, least));
}
FASTBP_INLINE vector_f32 estimate_f32(vector_f32 x) {
    const __mmask16 some = _mm512_cmp_ps_mask((__m512)x, _mm512_setzero_ps(), _CMP_NEQ_UQ);
    return (vector_f32)_mm512_maskz_rsqrt14_ps(some, (__m512)x);
}
FASTBP_INLINE vector_f64 estimate_f64(vector_f64 x) {
    const __mmask8 some = _mm512_cmp_pd_mask((__m512d)x, _mm512_setzero_pd(), _CMP_NEQ_UQ);
    return (vector_f64)_mm512_maskz_rsqrt14_pd(some, (__m512d)x);
}
FASTBP_INLINE vector_f32 instruction_f32(vector_f32 x) {
    return (vector_f32)_mm512_sqrt_ps((__m512)x);
}
FASTBP_INLINE vector_f64 instruction_f64(vector_f64 x) {
    return (vector_f64)_mm512_sqrt_pd((__m512d)x);
}

#define REAL float
#define SUFFIX _f32
#define DOUBLINGS 1
#include "root_body.h"

#define REAL double
#define SUFFIX _f64
#define DOUBLINGS 2
#include "root_body.h"

#else

/* out[i] <- sqrt(x[i]) */
static inline void roots_f32(float *out, const float *x, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i++) out[i] = sqrtf(x[i]);
}
static inline void roots_f64(double *out, const double *x, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i++) out[i] = sqrt(x[i]);
}

#endif

#endif
