/* exp, log, log1p, tanh, sigmoid and softplus, float (suffix f) and double: the project's own.

   A mathematics library answers one number at a time, differs from one system to the next, and has
   no sigmoid or softplus. These are plain scalar functions without a table, a loop or a call, in
   which every branch is a selection: a compiler turns `for (i < n) y[i] = fbp_tanhf(x[i])` into
   full vectors and leaves no branch in it. Each operation is rounded the same way in every lane
   (fastbp_fma of real.h where fusing is meant, and contraction off), so an element's bits depend on
   its value alone: not on offset, length or vector width.

   Contract: at most 2.5 units in the last place for every argument (ulp: spacing of the dtype at
   the exact result, down to the spacing of denormals), exact at +-0, +-inf and NaN. Under
   flush-to-zero, denormal arguments count as 0 and denormal results become 0. The largest error
   found, in ulp, float over all 2^32 arguments, double over some 10^7; "FMA" is x86-64-v3 and v4,
   which agree bit for bit, "plain" is v1, without fused multiply-add:

                      exp    log    log1p   tanh   sigmoid  softplus
      float   FMA     1.05   0.89   1.44    2.50   2.45     1.72
      float   plain   1.03   0.88   1.45    2.50   2.45     1.72
      double  FMA     1.06   0.82   1.31    2.46   2.48     1.66
      double  plain   1.03   0.85   1.29    2.49   2.48     1.66

   tanh and sigmoid are the least exact because they take the most care of time: tanh's numerator
   and denominator are rounded once each (up to 1 ulp of a result just below 1) and then the
   quotient (1/2 ulp); sigmoid's denominator twice, which shows where e^x is about an ulp of 1
   (elsewhere 1.5).

   Methods. Argument reduction after Cody & Waite, "Software Manual for the Elementary Functions"
   (1980), chapter 6: ln 2 is split in two so that n times the upper part is exact (float: 15 bits
   and n < 2^8; double: 32 bits and n < 2^11), which a multiply-add without fusing needs. n is
   rounded to an integer, and its bits are taken, by adding 1.5 * 2^(p-1) (p = 24 or 53), with no
   conversion, since AVX2 has none for 64-bit integers. Polynomials: minimax for the relative error,
   fitted and rounded by tests/golden/make_elementary_coefficients.py. Muller, "Elementary
   Functions" (3rd edition, 2016), treats all three: reduction, minimax fits with coefficients of
   limited precision, and evaluation in pairs (Estrin), which shortens the chain of operations.

   Selections stand at the end of a function and choose between results, never between constants
   that feed a polynomial: gcc 12 then keeps one copy of the polynomial instead of one a case. */
#ifndef FASTBP_ELEMENTARY_H
#define FASTBP_ELEMENTARY_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "real.h"

#define FBP_INFF INFINITY
#define FBP_INF ((double)INFINITY)
#define FBP_NANF NAN
#define FBP_NAN ((double)NAN)

#define FBP_LOG2EF 0x1.715476p+0f
#define FBP_LN2_UPPERF 0x1.62e4p-1f
#define FBP_LN2_LOWERF 0x1.7f7d1cp-20f
#define FBP_HALF_LN2F 0x1.62e430p-2f
#define FBP_ROUNDF 0x1.8p23f
#define FBP_ONEF 0x3f800000u
#define FBP_SQRT_HALFF 0x3f3504f3u
#define FBP_SIGNF 0x80000000u

#define FBP_LOG2E 0x1.71547652b82fep+0
#define FBP_LN2_UPPER 0x1.62e42feep-1
#define FBP_LN2_LOWER 0x1.a39ef35793c76p-33
#define FBP_HALF_LN2 0x1.62e42fefa39efp-2
#define FBP_HALF_LN2_REST 0x1.abc9e3b39803fp-57
#define FBP_ROUND 0x1.8p52
#define FBP_ONE UINT64_C(0x3ff0000000000000)
#define FBP_SQRT_HALF UINT64_C(0x3fe6a09e667f3bcd)
#define FBP_SIGN UINT64_C(0x8000000000000000)

static inline uint32_t fbp_bitsf(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}
static inline float fbp_from_bitsf(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
static inline uint64_t fbp_bits(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}
static inline double fbp_from_bits(uint64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline float fbp_absf(float x) { return fbp_from_bitsf(fbp_bitsf(x) & ~FBP_SIGNF); }
static inline double fbp_abs(double x) { return fbp_from_bits(fbp_bits(x) & ~FBP_SIGN); }

/* y, negative if x is. */
static inline float fbp_with_signf(float y, float x) {
    return fbp_from_bitsf(fbp_bitsf(y) | (fbp_bitsf(x) & FBP_SIGNF));
}
static inline double fbp_with_sign(double y, double x) {
    return fbp_from_bits(fbp_bits(y) | (fbp_bits(x) & FBP_SIGN));
}

/* e^r - 1 = r + r^2 q(r) for |r| <= ln(2)/2; relative error of the polynomial 2^-25.8, 2^-54.9. */
static inline float fbp_expm1_reducedf(float r) {
    float z = r * r;
    float q01 = fastbp_fmaf(0x1.5554b4p-3f, r, 0x1.fffffep-2f);
    float q23 = fastbp_fmaf(0x1.122536p-7f, r, 0x1.5556ecp-5f);
    float q = fastbp_fmaf(z, fastbp_fmaf(z, 0x1.6bcae2p-10f, q23), q01);
    return fastbp_fmaf(z, q, r);
}

static inline double fbp_expm1_reduced(double r) {
    double z = r * r, w = z * z;
    double q01 = fastbp_fma(0x1.555555555554ep-3, r, 0x1.0000000000005p-1);
    double q23 = fastbp_fma(0x1.1111111114d65p-7, r, 0x1.555555555223cp-5);
    double q45 = fastbp_fma(0x1.a01a01880d80fp-13, r, 0x1.6c16c17ed6eacp-10);
    double q67 = fastbp_fma(0x1.71de62ce7562ep-19, r, 0x1.a019a7a47da30p-16);
    double q89 = fastbp_fma(0x1.aea2623483564p-26, r, 0x1.28a19b08a38c8p-22);
    double q47 = fastbp_fma(z, q67, q45);
    double q = fastbp_fma(w, fastbp_fma(w, q89, q47), fastbp_fma(z, q23, q01));
    return fastbp_fma(z, q, r);
}

/* e^x = (1 + w) 2^i 2^j with |w| < 0.42, for |x| <= 104 or 746: returns w, and the exponent fields
   of the two powers. Two, because 2^(i+j) may be a denormal or too large where the result is not
   yet; |i - j| <= 1, so each is far from its limits. Beyond that range all three are meaningless,
   but w is NaN for NaN. */
static inline float fbp_split_expf(float x, uint32_t *i, uint32_t *j) {
    float t = fastbp_fmaf(x, FBP_LOG2EF, FBP_ROUNDF + 254.0f);
    float n = t - (FBP_ROUNDF + 254.0f);
    float r = fastbp_fmaf(n, -FBP_LN2_LOWERF, fastbp_fmaf(n, -FBP_LN2_UPPERF, x));
    *i = fbp_bitsf(t) >> 1;
    *j = fbp_bitsf(t) - *i;
    return fbp_expm1_reducedf(r);
}

static inline double fbp_split_exp(double x, uint64_t *i, uint64_t *j) {
    double t = fastbp_fma(x, FBP_LOG2E, FBP_ROUND + 2046.0);
    double n = t - (FBP_ROUND + 2046.0);
    double r = fastbp_fma(n, -FBP_LN2_LOWER, fastbp_fma(n, -FBP_LN2_UPPER, x));
    *i = fbp_bits(t) >> 1;
    *j = fbp_bits(t) - *i;
    return fbp_expm1_reduced(r);
}

/* e^x. Below -104 (-746) it is less than half the smallest denormal: 0. Above the constant, the
   largest argument with a finite result, it overflows; x + inf is NaN for NaN. */
static inline float fbp_expf(float x) {
    uint32_t i, j;
    float w = fbp_split_expf(x, &i, &j);
    float y = (1.0f + w) * fbp_from_bitsf(i << 23) * fbp_from_bitsf(j << 23);
    y = x < -104.0f ? 0.0f : y;
    return x <= 0x1.62e42ep+6f ? y : x + FBP_INFF;
}

static inline double fbp_exp(double x) {
    uint64_t i, j;
    double w = fbp_split_exp(x, &i, &j);
    double y = (1.0 + w) * fbp_from_bits(i << 52) * fbp_from_bits(j << 52);
    y = x < -746.0 ? 0.0 : y;
    return x <= 0x1.62e42fefa39efp+9 ? y : x + FBP_INF;
}

/* 1 / (1 + e^-x), with e^-x = (1 + w) 2^i 2^j taken as c / (c + s + w s) for c = 2^-j, s = 2^i:
   nothing overflows, c + s is exact unless one of the two is below an ulp of the other, and only
   one multiply-add waits for w. The early returns become selections in a loop; alone they are
   branches, off the way from x to y, where gcc 12 would pass a selected y through an integer
   register. */
static inline float fbp_sigmoidf(float x) {
    uint32_t i, j;
    float w = fbp_split_expf(-x, &i, &j);
    float s = fbp_from_bitsf(i << 23), c = fbp_from_bitsf((254u - j) << 23);
    float y = c / fastbp_fmaf(w, s, c + s);
    if (x > 104.0f) return 1.0f;
    if (x < -104.0f) return 0.0f;
    return y;
}

static inline double fbp_sigmoid(double x) {
    uint64_t i, j;
    double w = fbp_split_exp(-x, &i, &j);
    double s = fbp_from_bits(i << 52), c = fbp_from_bits((2046u - j) << 52);
    double y = c / fastbp_fma(w, s, c + s);
    if (x > 746.0) return 1.0;
    if (x < -746.0) return 0.0;
    return y;
}

/* tanh x. With |x| = m ln(2)/2 + r, s = 2^-m and h = tanh r,

       e^-2|x| = s (1 - h) / (1 + h),    tanh |x| = ((1 - s) + (1 + s) h) / ((1 + s) + (1 - s) h):

   one division and an odd polynomial for |r| <= ln(2)/4 (relative error 2^-23.8 and 2^-57.7),
   which for m = 0 is the result itself, so that small arguments keep their digits. Rounding cannot
   bring the numerator above the denominator: |tanh x| <= 1. ln 2 need not be split: its error
   times m is damped by 1 - tanh^2. Above 10 (20) the result rounds to 1. */
static inline float fbp_tanhf(float x) {
    float a = fbp_absf(x);
    float t = fastbp_fmaf(a, -2.0f * FBP_LOG2EF, FBP_ROUNDF + 127.0f);
    float minus_m = t - (FBP_ROUNDF + 127.0f);
    float r = fastbp_fmaf(minus_m, FBP_HALF_LN2F, a), z = r * r;
    float s = fbp_from_bitsf(fbp_bitsf(t) << 23);
    float h = fastbp_fmaf(r * z, fastbp_fmaf(z, 0x1.0c4ac0p-3f, -0x1.554f3ap-2f), r);
    float y = fastbp_fmaf(1.0f + s, h, 1.0f - s) / fastbp_fmaf(1.0f - s, h, 1.0f + s);
    y = a > 10.0f ? 1.0f : y;
    return fbp_with_signf(y, x);
}

static inline double fbp_tanh(double x) {
    double a = fbp_abs(x);
    double t = fastbp_fma(a, -2.0 * FBP_LOG2E, FBP_ROUND + 1023.0);
    double minus_m = t - (FBP_ROUND + 1023.0);
    double r = fastbp_fma(minus_m, FBP_HALF_LN2_REST, fastbp_fma(minus_m, FBP_HALF_LN2, a));
    double z = r * r, w = z * z;
    double s = fbp_from_bits(fbp_bits(t) << 52);
    double p01 = fastbp_fma(z, 0x1.11111110e09b8p-3, -0x1.55555555554bcp-2);
    double p23 = fastbp_fma(z, 0x1.664ec9db639c9p-6, -0x1.ba1ba116cbb6ap-5);
    double p45 = fastbp_fma(z, 0x1.c383e8ae92b85p-9, -0x1.223c74d124babp-7);
    double h = fastbp_fma(r * z, fastbp_fma(w, fastbp_fma(w, p45, p23), p01), r);
    double y = fastbp_fma(1.0 + s, h, 1.0 - s) / fastbp_fma(1.0 - s, h, 1.0 + s);
    y = a > 20.0 ? 1.0 : y;
    return fbp_with_sign(y, x);
}

/* k ln 2 + log(1 + f) for sqrt(1/2) <= 1 + f < sqrt(2).

   float   log(1 + f) = f - f^2/2 + f^3 q(f), relative error of the polynomial 2^-27.1
   double  log(1 + f) = f - (f^2/2 - s (f^2/2 + z q(z))), s = f / (2 + f), z = s^2: the form of
           fdlibm's e_log.c (Sun Microsystems, 1993); 2^-59.0 with one division and 7 terms, where
           a polynomial in f needs about 20 */
static inline float fbp_log_reducedf(float f, float k) {
    float z = f * f;
    float q01 = fastbp_fmaf(-0x1.000226p-2f, f, 0x1.555554p-2f);
    float q23 = fastbp_fmaf(-0x1.547292p-3f, f, 0x1.99a01cp-3f);
    float q45 = fastbp_fmaf(-0x1.0d82b4p-3f, f, 0x1.22d9a2p-3f);
    float q67 = fastbp_fmaf(-0x1.38a640p-4f, f, 0x1.055732p-3f);
    float q = fastbp_fmaf(z, fastbp_fmaf(z, fastbp_fmaf(z, q67, q45), q23), q01);
    float y = fastbp_fmaf(f * z, q, k * FBP_LN2_LOWERF);
    return fastbp_fmaf(k, FBP_LN2_UPPERF, f + fastbp_fmaf(-0.5f, z, y));
}

static inline double fbp_log_reduced(double f, double k) {
    double s = f / (2.0 + f), z = s * s, w = z * z;
    double half_square = 0.5 * f * f;
    double q01 = fastbp_fma(z, 0x1.999999997ffafp-2, 0x1.5555555555592p-1);
    double q23 = fastbp_fma(z, 0x1.c71c521ebbbb2p-3, 0x1.24924941d5e52p-2);
    double q45 = fastbp_fma(z, 0x1.39a2263f00978p-3, 0x1.74663aa73a662p-3);
    double q46 = fastbp_fma(w, 0x1.2f012dcc51af0p-3, q45);
    double q = fastbp_fma(w, fastbp_fma(w, q46, q23), q01);
    double y = fastbp_fma(s, fastbp_fma(z, q, half_square), k * FBP_LN2_LOWER);
    return fastbp_fma(k, FBP_LN2_UPPER, f - (half_square - y));
}

/* log x, x = 2^k (1 + f); a denormal is first multiplied by 2^23 (2^52). The exponent field becomes
   a float by standing in the fraction of 2^23 (2^52). */
static inline float fbp_logf(float x) {
    float normal = x < 0x1p-126f ? x * 0x1p23f : x;
    float bias = x < 0x1p-126f ? 0x1p23f + 150.0f : 0x1p23f + 127.0f;
    uint32_t bits = fbp_bitsf(normal) + (FBP_ONEF - FBP_SQRT_HALFF);
    float k = fbp_from_bitsf((bits >> 23) | 0x4b000000u) - bias;
    float f = fbp_from_bitsf((bits & 0x007fffffu) + FBP_SQRT_HALFF) - 1.0f;
    float y = fbp_log_reducedf(f, k);
    float special = x == 0.0f ? -FBP_INFF : FBP_NANF;
    y = x > 0.0f ? y : special;
    return x < FBP_INFF ? y : x;
}

static inline double fbp_log(double x) {
    double normal = x < 0x1p-1022 ? x * 0x1p52 : x;
    double bias = x < 0x1p-1022 ? 0x1p52 + 1075.0 : 0x1p52 + 1023.0;
    uint64_t bits = fbp_bits(normal) + (FBP_ONE - FBP_SQRT_HALF);
    double k = fbp_from_bits((bits >> 52) | UINT64_C(0x4330000000000000)) - bias;
    double f = fbp_from_bits((bits & UINT64_C(0x000fffffffffffff)) + FBP_SQRT_HALF) - 1.0;
    double y = fbp_log_reduced(f, k);
    double special = x == 0.0 ? -FBP_INF : FBP_NAN;
    y = x > 0.0 ? y : special;
    return x < FBP_INF ? y : x;
}

/* log(1 + x), 1 + x = 2^k (1 + f). The rounding of 1 + x is undone: f = x 2^-k + (2^-k - 1) is
   rounded once. Above 2^25 (2^54) that 1 is lost anyway and 2^-k may underflow: f from the bits. */
static inline float fbp_log1pf(float x) {
    uint32_t bits = fbp_bitsf(1.0f + x) + (FBP_ONEF - FBP_SQRT_HALFF);
    float k = fbp_from_bitsf((bits >> 23) | 0x4b000000u) - (0x1p23f + 127.0f);
    float s = fbp_from_bitsf((254u << 23) - (bits & 0xff800000u));
    float large = fbp_from_bitsf((bits & 0x007fffffu) + FBP_SQRT_HALFF) - 1.0f;
    float f = fastbp_fmaf(x, s, s - 1.0f);
    float y = fbp_log_reducedf(x > 0x1p25f ? large : f, k);
    float special = x == -1.0f ? -FBP_INFF : FBP_NANF;
    y = x > -1.0f ? y : special;
    y = x < FBP_INFF ? y : x;
    return fbp_with_signf(y, x);
}

static inline double fbp_log1p(double x) {
    uint64_t bits = fbp_bits(1.0 + x) + (FBP_ONE - FBP_SQRT_HALF);
    double k = fbp_from_bits((bits >> 52) | UINT64_C(0x4330000000000000)) - (0x1p52 + 1023.0);
    double s = fbp_from_bits((UINT64_C(2046) << 52) - (bits & UINT64_C(0xfff0000000000000)));
    double large = fbp_from_bits((bits & UINT64_C(0x000fffffffffffff)) + FBP_SQRT_HALF) - 1.0;
    double f = fastbp_fma(x, s, s - 1.0);
    double y = fbp_log_reduced(x > 0x1p54 ? large : f, k);
    double special = x == -1.0 ? -FBP_INF : FBP_NAN;
    y = x > -1.0 ? y : special;
    y = x < FBP_INF ? y : x;
    return fbp_with_sign(y, x);
}

/* log(1 + e^x) = max(x, 0) + log(1 + e), e = e^-|x| in [0, 1]. Where e > sqrt(2) - 1 (k = 1), 1 + e
   is 2 (1 + f) with f = (e - 1) / 2; k is e times 1/2 + sqrt(1/2), rounded to an integer. */
static inline float fbp_softplusf(float x) {
    uint32_t i, j;
    float a = fbp_absf(x), w = fbp_split_expf(-a, &i, &j);
    float e = (1.0f + w) * fbp_from_bitsf(i << 23) * fbp_from_bitsf(j << 23);
    float k = fastbp_fmaf(e, 0x1.3504f4p+0f, FBP_ROUNDF) - FBP_ROUNDF, half = 0.5f * k;
    float y = fbp_log_reducedf(fastbp_fmaf(-half, e, e) - half, k);
    y = a > 104.0f ? 0.0f : y;
    return (x > 0.0f ? x : 0.0f) + y;
}

static inline double fbp_softplus(double x) {
    uint64_t i, j;
    double a = fbp_abs(x), w = fbp_split_exp(-a, &i, &j);
    double e = (1.0 + w) * fbp_from_bits(i << 52) * fbp_from_bits(j << 52);
    double k = fastbp_fma(e, 0x1.3504f333f9de6p+0, FBP_ROUND) - FBP_ROUND, half = 0.5 * k;
    double y = fbp_log_reduced(fastbp_fma(-half, e, e) - half, k);
    y = a > 746.0 ? 0.0 : y;
    return (x > 0.0 ? x : 0.0) + y;
}

#endif
