/* The root of a vector, for one real type: included by root.h with REAL, SUFFIX and DOUBLINGS, how
   often the digits of an estimate are doubled. */

#define VECTOR FASTBP_TYPED(vector)
#define FMA FASTBP_TYPED(fma)
#define LANES ((ptrdiff_t)(FASTBP_VECTOR_BYTES / sizeof(REAL)))

FASTBP_INLINE VECTOR FASTBP_TYPED(root)(VECTOR x) {
    if (__builtin_expect(FASTBP_TYPED(is_beyond)(x), 0)) return FASTBP_TYPED(instruction)(x);
    const VECTOR half = FASTBP_TYPED(splat)((REAL)0.5), estimate = FASTBP_TYPED(estimate)(x);
    VECTOR g = x * estimate, h = half * estimate;
#pragma GCC unroll 2
    for (int i = 0; i < DOUBLINGS; i++) {
        const VECTOR r = FMA(-g, h, half);
        g = FMA(g, r, g);
        h = FMA(h, r, h);
    }
    return FMA(FMA(-g, g, x), h, g);
}

/* out[i] <- sqrt(x[i]) */
static inline void FASTBP_TYPED(roots)(REAL *out, const REAL *x, ptrdiff_t n) {
    ptrdiff_t i = 0;
    for (; i + LANES <= n; i += LANES)
        *(VECTOR *)(out + i) = FASTBP_TYPED(root)(*(const VECTOR *)(x + i));
    for (; i < n; i++) out[i] = sizeof(REAL) == 4 ? sqrtf((float)x[i]) : (REAL)sqrt(x[i]);
}

#undef VECTOR
#undef FMA
#undef LANES
#undef REAL
#undef SUFFIX
#undef DOUBLINGS
