/* Vectors of the instruction set this file is compiled for: width, load, store, multiply-add.

   GCC/clang vector types do everything but the fused multiply-add, the broadcast and the store of a
   part, which have no spelling of their own there. Without x86 vectors the same source runs on
   16-byte vectors; where the compiler knows no vector types, product_plain.h stands instead. */
#ifndef FASTBP_VECTOR_H
#define FASTBP_VECTOR_H

#include <stddef.h>
#include <string.h>

#define FASTBP_INLINE static inline __attribute__((always_inline))

#if defined(__AVX512F__)
#include <immintrin.h>
#define FASTBP_VECTOR_BYTES 64
#elif defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>
#define FASTBP_VECTOR_BYTES 32
#else
#define FASTBP_VECTOR_BYTES 16
#endif

/* Loads and stores are unaligned: rows of the parameter vector start anywhere. */
typedef float vector_f32 __attribute__((vector_size(FASTBP_VECTOR_BYTES), aligned(4), may_alias));
typedef double vector_f64 __attribute__((vector_size(FASTBP_VECTOR_BYTES), aligned(8), may_alias));
typedef int index_f32 __attribute__((vector_size(FASTBP_VECTOR_BYTES)));
typedef long long index_f64 __attribute__((vector_size(FASTBP_VECTOR_BYTES)));

#if FASTBP_VECTOR_BYTES == 64

FASTBP_INLINE vector_f32 splat_f32(float x) { return (vector_f32)_mm512_set1_ps(x); }
FASTBP_INLINE vector_f64 splat_f64(double x) { return (vector_f64)_mm512_set1_pd(x); }
FASTBP_INLINE vector_f32 fma_f32(vector_f32 a, vector_f32 b, vector_f32 c) {
    return (vector_f32)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
FASTBP_INLINE vector_f64 fma_f64(vector_f64 a, vector_f64 b, vector_f64 c) {
    return (vector_f64)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
}
FASTBP_INLINE void store_first_f32(float *p, vector_f32 v, ptrdiff_t count) {
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << count) - 1), (__m512)v);
}
FASTBP_INLINE void store_first_f64(double *p, vector_f64 v, ptrdiff_t count) {
    _mm512_mask_storeu_pd(p, (__mmask8)((1u << count) - 1), (__m512d)v);
}

#else

#if FASTBP_VECTOR_BYTES == 32
FASTBP_INLINE vector_f32 splat_f32(float x) { return (vector_f32)_mm256_set1_ps(x); }
FASTBP_INLINE vector_f64 splat_f64(double x) { return (vector_f64)_mm256_set1_pd(x); }
FASTBP_INLINE vector_f32 fma_f32(vector_f32 a, vector_f32 b, vector_f32 c) {
    return (vector_f32)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
FASTBP_INLINE vector_f64 fma_f64(vector_f64 a, vector_f64 b, vector_f64 c) {
    return (vector_f64)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
}
#else
FASTBP_INLINE vector_f32 splat_f32(float x) { return (vector_f32){x, x, x, x}; }
FASTBP_INLINE vector_f64 splat_f64(double x) { return (vector_f64){x, x}; }
#if defined(__aarch64__)
#include <arm_neon.h>
FASTBP_INLINE vector_f32 fma_f32(vector_f32 a, vector_f32 b, vector_f32 c) {
    return (vector_f32)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
FASTBP_INLINE vector_f64 fma_f64(vector_f64 a, vector_f64 b, vector_f64 c) {
    return (vector_f64)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}
#else
FASTBP_INLINE vector_f32 fma_f32(vector_f32 a, vector_f32 b, vector_f32 c) { return a * b + c; }
FASTBP_INLINE vector_f64 fma_f64(vector_f64 a, vector_f64 b, vector_f64 c) { return a * b + c; }
#endif
#endif

FASTBP_INLINE void store_first_f32(float *p, vector_f32 v, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i++) p[i] = v[i];
}
FASTBP_INLINE void store_first_f64(double *p, vector_f64 v, ptrdiff_t count) {
    for (ptrdiff_t i = 0; i < count; i++) p[i] = v[i];
}

#endif

#endif
