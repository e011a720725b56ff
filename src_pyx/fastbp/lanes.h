/* The products of tiny networks, on rows of FASTBP_LANES numbers or of one.

   Sums as in product.h: one chain of multiply-adds from 0 in ascending index. But a row is a
   constant number of registers, so that no tile, tail or call is needed. */
#ifndef FASTBP_LANES_H
#define FASTBP_LANES_H

#include "product.h"
#include "real.h"

#define FASTBP_LANES 8

/* What a function returns that has every call in its body inlined, so that constants reach the
   loops. Eight floats fill half of the widest vector, and a load of two rows waits until both
   stores have reached the cache: the loops over floats shall take half vectors too. */
#if !defined(FASTBP_PLAIN) && !defined(__clang__) && FASTBP_VECTOR_BYTES == 64
#define FASTBP_FLAT_F32 __attribute__((flatten, target("prefer-vector-width=256"))) void
#else
#define FASTBP_FLAT_F32 FASTBP_FLAT_F64
#endif
#if !defined(FASTBP_PLAIN)
#define FASTBP_FLAT_F64 __attribute__((flatten)) void
#else
#define FASTBP_FLAT_F64 void
#endif

#if defined(FASTBP_PLAIN)
#define FASTBP_INLINE static inline
#define FASTBP_UNROLL
typedef float part_f32;
typedef double part_f64;
#define part_splat_f32(x) (x)
#define part_splat_f64(x) (x)
#define part_fma_f32 fastbp_fmaf
#define part_fma_f64 fastbp_fma
#else
#define FASTBP_UNROLL _Pragma("GCC unroll 4")
typedef vector_f64 part_f64;
#define part_splat_f64 splat_f64
#define part_fma_f64 fma_f64
#if FASTBP_VECTOR_BYTES == 64
typedef float part_f32 __attribute__((vector_size(32), aligned(4), may_alias));
FASTBP_INLINE part_f32 part_splat_f32(float x) { return (part_f32)_mm256_set1_ps(x); }
FASTBP_INLINE part_f32 part_fma_f32(part_f32 a, part_f32 b, part_f32 c) {
    return (part_f32)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
#else
typedef vector_f32 part_f32;
#define part_splat_f32 splat_f32
#define part_fma_f32 fma_f32
#endif
#endif

#define ROW FASTBP_LANES
#define REAL float
#define PART part_f32
#define SPLAT part_splat_f32
#define FMA part_fma_f32
#define SUFFIX _f32x8
#include "lanes_body.h"

#define ROW FASTBP_LANES
#define REAL double
#define PART part_f64
#define SPLAT part_splat_f64
#define FMA part_fma_f64
#define SUFFIX _f64x8
#include "lanes_body.h"

#define ROW 1
#define REAL float
#define PART float
#define SPLAT(x) (x)
#define FMA fastbp_fmaf
#define SUFFIX _f32x1
#include "lanes_body.h"

#define ROW 1
#define REAL double
#define PART double
#define SPLAT(x) (x)
#define FMA fastbp_fma
#define SUFFIX _f64x1
#include "lanes_body.h"

#endif
