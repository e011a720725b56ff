/* Adam's step on n numbers, for float and for double.

   The formula stands once, in adam_body.h. Where roots are made of multiply-adds (root.h) it works
   on vectors first; what is left, and everything elsewhere, goes number by number, in a loop that
   the compiler turns into vectors where it is long enough. */
#ifndef FASTBP_ADAM_H
#define FASTBP_ADAM_H

#include <math.h>
#include <stddef.h>

#include "real.h"
#include "root.h"

#if defined(FASTBP_PLAIN)
#define FASTBP_INLINE static inline
#endif

/* The numbers of the formula, as adam_step in rules.pxd makes them. */
typedef struct {
    float decay, b1, c1, b2, c2, rate, shrink, tiny;
} adam_numbers_f32;
typedef struct {
    double decay, b1, c1, b2, c2, rate, shrink, tiny;
} adam_numbers_f64;

#define LOAD(p) (*(const PART *)(p))
#define STORE(p, v) (*(PART *)(p) = (v))

#define REAL float
#define PART float
#define NUMBERS adam_numbers_f32
#define NAME adam_singles_f32
#define SPLAT(x) (x)
#define FMA fastbp_fmaf
#define ROOT sqrtf
#include "adam_body.h"

#define REAL double
#define PART double
#define NUMBERS adam_numbers_f64
#define NAME adam_singles_f64
#define SPLAT(x) (x)
#define FMA fastbp_fma
#define ROOT sqrt
#include "adam_body.h"

#if defined(FASTBP_ROOTS)
#define REAL float
#define PART vector_f32
#define NUMBERS adam_numbers_f32
#define NAME adam_vectors_f32
#define SPLAT splat_f32
#define FMA fma_f32
#define ROOT root_f32
#include "adam_body.h"

#define REAL double
#define PART vector_f64
#define NUMBERS adam_numbers_f64
#define NAME adam_vectors_f64
#define SPLAT splat_f64
#define FMA fma_f64
#define ROOT root_f64
#include "adam_body.h"
#else
#define adam_vectors_f32(p, grad, m, v, i, n, by) (i)
#define adam_vectors_f64(p, grad, m, v, i, n, by) (i)
#endif

#undef LOAD
#undef STORE

/* `wide`: whether full vectors pay. Numbers that were just stored by halves of a vector are better
   read so. */
static inline void adam_f32(float *p, const float *grad, float *m, float *v, ptrdiff_t n,
                            adam_numbers_f32 by, int wide) {
    ptrdiff_t i = wide ? adam_vectors_f32(p, grad, m, v, 0, n, by) : 0;
    adam_singles_f32(p, grad, m, v, i, n, by);
}

static inline void adam_f64(double *p, const double *grad, double *m, double *v, ptrdiff_t n,
                            adam_numbers_f64 by, int wide) {
    ptrdiff_t i = wide ? adam_vectors_f64(p, grad, m, v, 0, n, by) : 0;
    adam_singles_f64(p, grad, m, v, i, n, by);
}

#endif
