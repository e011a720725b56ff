/* expm1, sin, cos and the distribution of the normal distribution, for activations and losses;
   after elementary.h, whose method and style they share.

   Largest error found on some 10^6 points, in ulp of the result, of sin and cos in ulp of 1 (all
   levels; tests/oracle/test_special.py holds 2.5, 1 and 8):

                expm1   sin    cos    normal_cdf
      float     1.61    0.77   0.77   6.9
      double    2.06    0.90   0.93   5.8

   sin and cos are reduced with pi/2 in three parts, of which n times the first two is exact for
   |x| <= 8192 (float) and 2^20 (double): so far reaches the error above, in ulp of 1. Arguments
   beyond 10^6 (10^15) count as 0. */
#ifndef FASTBP_SPECIAL_H
#define FASTBP_SPECIAL_H

#include "elementary.h"

#define FBP_2_BY_PIF 0x1.45f306p-1f
#define FBP_HALF_PI_1F 0x1.920000p+0f
#define FBP_HALF_PI_2F 0x1.fb4000p-12f
#define FBP_HALF_PI_3F 0x1.4442d2p-24f
#define FBP_2_BY_PI 0x1.45f306dc9c883p-1
#define FBP_HALF_PI_1 0x1.921fb54400000p+0
#define FBP_HALF_PI_2 0x1.0b4611a600000p-34
#define FBP_HALF_PI_3 0x1.3198a2e037073p-69

/* e^x - 1 = s w + (s - 1) with e^x = (1 + w) s, s a power of two; the 1 is lost anyway from 20 (40)
   on. Below -104 (-746) s is 0. */
static inline float fbp_expm1f(float x) {
    uint32_t i, j;
    float w = fbp_split_expf(x, &i, &j);
    float s = fbp_from_bitsf(i << 23) * fbp_from_bitsf(j << 23);
    float y = fastbp_fmaf(w, s, s - 1.0f);
    y = x < -104.0f ? -1.0f : y;
    y = x > 20.0f ? fbp_expf(x) : y;
    return x == 0.0f ? x : y;
}

static inline double fbp_expm1(double x) {
    uint64_t i, j;
    double w = fbp_split_exp(x, &i, &j);
    double s = fbp_from_bits(i << 52) * fbp_from_bits(j << 52);
    double y = fastbp_fma(w, s, s - 1.0);
    y = x < -746.0 ? -1.0 : y;
    y = x > 40.0 ? fbp_exp(x) : y;
    return x == 0.0 ? x : y;
}

/* sin x for shift 0, cos x for shift 1: x = n pi/2 + r, and n + shift modulo 4 says which of sin r,
   cos r, -sin r, -cos r it is. Relative error of the polynomials 2^-27.9, 2^-32.9 (float), 2^-57.9,
   2^-63.4 (double). */
static inline float fbp_sine_shiftedf(float x, uint32_t shift) {
    float inside = fbp_absf(x) <= 1e6f ? x : x - x;
    float t = fastbp_fmaf(inside, FBP_2_BY_PIF, FBP_ROUNDF), n = t - FBP_ROUNDF;
    uint32_t quadrant = fbp_bitsf(t) + shift;
    float r = fastbp_fmaf(n, -FBP_HALF_PI_1F, inside);
    r = fastbp_fmaf(n, -FBP_HALF_PI_3F, fastbp_fmaf(n, -FBP_HALF_PI_2F, r));
    float z = r * r;
    float s = fastbp_fmaf(z, fastbp_fmaf(z, -0x1.9954d8p-13f, 0x1.11077ap-7f), -0x1.555546p-3f);
    float c = fastbp_fmaf(z, fastbp_fmaf(z, 0x1.99e960p-16f, -0x1.6c0c2ap-10f), 0x1.55554ap-5f);
    float sine = fastbp_fmaf(r * z, s, r);
    float cosine = fastbp_fmaf(z * z, c, fastbp_fmaf(z, -0.5f, 1.0f));
    float y = (quadrant & 1u) ? cosine : sine;
    return fbp_from_bitsf(fbp_bitsf(y) ^ ((quadrant & 2u) << 30));
}

static inline double fbp_sine_shifted(double x, uint64_t shift) {
    double inside = fbp_abs(x) <= 1e15 ? x : x - x;
    double t = fastbp_fma(inside, FBP_2_BY_PI, FBP_ROUND), n = t - FBP_ROUND;
    uint64_t quadrant = fbp_bits(t) + shift;
    double r = fastbp_fma(n, -FBP_HALF_PI_1, inside);
    r = fastbp_fma(n, -FBP_HALF_PI_3, fastbp_fma(n, -FBP_HALF_PI_2, r));
    double z = r * r, w = z * z;
    double s01 = fastbp_fma(z, 0x1.111111110f74dp-7, -0x1.5555555555548p-3);
    double s23 = fastbp_fma(z, 0x1.71de355c9f190p-19, -0x1.a01a019bef891p-13);
    double s45 = fastbp_fma(z, 0x1.5d8daa92502a3p-33, -0x1.ae5e528ead3fdp-26);
    double c01 = fastbp_fma(z, -0x1.6c16c16c15014p-10, 0x1.555555555554bp-5);
    double c23 = fastbp_fma(z, -0x1.27e4f7f1825a7p-22, 0x1.a01a019c8f0c1p-16);
    double c45 = fastbp_fma(z, -0x1.8fa681dc17aefp-37, 0x1.1ee9dbc6a3198p-29);
    double s = fastbp_fma(w, fastbp_fma(w, s45, s23), s01);
    double c = fastbp_fma(w, fastbp_fma(w, c45, c23), c01);
    double sine = fastbp_fma(r * z, s, r);
    double cosine = fastbp_fma(w, c, fastbp_fma(z, -0.5, 1.0));
    double y = (quadrant & 1u) ? cosine : sine;
    return fbp_from_bits(fbp_bits(y) ^ ((quadrant & 2u) << 62));
}

/* Phi(x): the tail 1 - Phi(a) = e^(-a^2/2) t R(t - 5/8) with t = 1 / (1 + a/4), for a = |x|; from
   39 on it is 0. The rounding error of a^2, which the exponential would multiply by a^2/2, is
   computed with a in two halves (T. J. Dekker, "A floating-point technique for extending the
   available precision", Numerische Mathematik 18, 1971) and put back to first order. Relative error
   of R 2^-24.6 and 2^-54.1. */
static inline float fbp_normal_cdff(float x) {
    float a = fbp_absf(x) > 39.0f ? 39.0f : fbp_absf(x);
    float upper = fbp_from_bitsf(fbp_bitsf(a) & 0xfffff000u), lower = a - upper;
    float square = a * a;
    float rest =
        fastbp_fmaf(lower, lower, fastbp_fmaf(2.0f * upper, lower, upper * upper - square));
    float t = 1.0f / fastbp_fmaf(a, 0.25f, 1.0f), u = t - 0.625f;
    float p = 0x1.583d3ep-13f;
    p = fastbp_fmaf(p, u, 0x1.38f9f8p-7f);
    p = fastbp_fmaf(p, u, 0x1.c95346p-6f);
    p = fastbp_fmaf(p, u, -0x1.bca8bep-6f);
    p = fastbp_fmaf(p, u, -0x1.778060p-4f);
    p = fastbp_fmaf(p, u, 0x1.9c98bap-9f);
    p = fastbp_fmaf(p, u, 0x1.0d25aap-2f);
    p = fastbp_fmaf(p, u, 0x1.005782p-1f);
    p = fastbp_fmaf(p, u, 0x1.19eb18p-1f);
    p = fastbp_fmaf(p, u, 0x1.ae40acp-2f);
    p = fastbp_fmaf(p, u, 0x1.de857ap-3f);
    float power = fbp_expf(-0.5f * square);
    float tail = fastbp_fmaf(power, -0.5f * rest, power) * (t * p);
    return x < 0.0f ? tail : 1.0f - tail;
}

static inline double fbp_normal_cdf(double x) {
    double a = fbp_abs(x) > 39.0 ? 39.0 : fbp_abs(x);
    double upper = fbp_from_bits(fbp_bits(a) & UINT64_C(0xfffffffff8000000)), lower = a - upper;
    double square = a * a;
    double rest = fastbp_fma(lower, lower, fastbp_fma(2.0 * upper, lower, upper * upper - square));
    double t = 1.0 / fastbp_fma(a, 0.25, 1.0), u = t - 0.625;
    double p = -0x1.46a4ea9ed84d5p-10;
    p = fastbp_fma(p, u, -0x1.acfbef4d8fe84p-9);
    p = fastbp_fma(p, u, -0x1.0cfc053d7e953p-12);
    p = fastbp_fma(p, u, 0x1.17841cc0a9c91p-8);
    p = fastbp_fma(p, u, -0x1.dc292a9917f7bp-12);
    p = fastbp_fma(p, u, -0x1.0bb3ca26e9d8cp-8);
    p = fastbp_fma(p, u, 0x1.c232ea4ce501cp-9);
    p = fastbp_fma(p, u, 0x1.78e884e11ef0fp-9);
    p = fastbp_fma(p, u, -0x1.de92d174c5d9cp-8);
    p = fastbp_fma(p, u, 0x1.d2b7e780703d6p-13);
    p = fastbp_fma(p, u, 0x1.84cba7ba36547p-7);
    p = fastbp_fma(p, u, -0x1.88b49e4e1911ep-8);
    p = fastbp_fma(p, u, -0x1.3625c373f0b55p-6);
    p = fastbp_fma(p, u, 0x1.00682e27373c0p-6);
    p = fastbp_fma(p, u, 0x1.28697b9989c45p-5);
    p = fastbp_fma(p, u, -0x1.d2bcda1855f79p-6);
    p = fastbp_fma(p, u, -0x1.7d00cae2fd86cp-4);
    p = fastbp_fma(p, u, 0x1.aa1131ff60f7cp-9);
    p = fastbp_fma(p, u, 0x1.0d3cd92196169p-2);
    p = fastbp_fma(p, u, 0x1.00573167296abp-1);
    p = fastbp_fma(p, u, 0x1.19ead4b3e4c63p-1);
    p = fastbp_fma(p, u, 0x1.ae40ac4f79f00p-2);
    p = fastbp_fma(p, u, 0x1.de857af53ff0bp-3);
    double power = fbp_exp(-0.5 * square);
    double tail = fastbp_fma(power, -0.5 * rest, power) * (t * p);
    return x < 0.0 ? tail : 1.0 - tail;
}

#endif
