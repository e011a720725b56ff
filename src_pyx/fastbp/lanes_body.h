/* The products on rows of ROW numbers of type REAL, a row in registers of type PART: included by
   lanes.h, with SPLAT, FMA and SUFFIX of that type. */

#define LANES ((int)(sizeof(PART) / sizeof(REAL)))
#define PARTS (ROW / LANES)
#define LOAD(p) (*(const PART *)(p))
#define STORE(p, v) (*(PART *)(p) = (v))
#define EACH_PART FASTBP_UNROLL for (int i = 0; i < PARTS; i++)

/* c[r, n] = sum_k a[r, k] b[k, n] + bias[n]; also to `copy`. bias and copy may be NULL. */
FASTBP_INLINE void FASTBP_TYPED(lanes_product)(REAL *c, REAL *copy, const REAL *a, const REAL *b,
                                               const REAL *bias, ptrdiff_t rows, ptrdiff_t terms) {
    for (ptrdiff_t r = 0; r < rows; r++) {
        PART sum[PARTS];
        EACH_PART sum[i] = SPLAT((REAL)0);
        for (ptrdiff_t k = 0; k < terms; k++) {
            const PART left = SPLAT(a[r * ROW + k]);
            EACH_PART sum[i] = FMA(left, LOAD(b + k * ROW + i * LANES), sum[i]);
        }
        if (bias) EACH_PART sum[i] = sum[i] + LOAD(bias + i * LANES);
        EACH_PART STORE(c + r * ROW + i * LANES, sum[i]);
        if (copy) EACH_PART STORE(copy + r * ROW + i * LANES, sum[i]);
    }
}

/* c[k, n] = sum_r a[r, k] b[r, n] and total[n] = sum_r b[r, n]. */
FASTBP_INLINE void FASTBP_TYPED(lanes_product_transposed)(REAL *c, REAL *total, const REAL *a,
                                                          const REAL *b, ptrdiff_t rows,
                                                          ptrdiff_t columns) {
    PART sum[PARTS];
    for (ptrdiff_t k = 0; k < columns; k++) {
        EACH_PART sum[i] = SPLAT((REAL)0);
        for (ptrdiff_t r = 0; r < rows; r++) {
            const PART left = SPLAT(a[r * ROW + k]);
            EACH_PART sum[i] = FMA(left, LOAD(b + r * ROW + i * LANES), sum[i]);
        }
        EACH_PART STORE(c + k * ROW + i * LANES, sum[i]);
    }
    EACH_PART sum[i] = SPLAT((REAL)0);
    for (ptrdiff_t r = 0; r < rows; r++) EACH_PART sum[i] = sum[i] + LOAD(b + r * ROW + i * LANES);
    EACH_PART STORE(total + i * LANES, sum[i]);
}

#undef ROW
#undef REAL
#undef PART
#undef SPLAT
#undef FMA
#undef SUFFIX
#undef LANES
#undef PARTS
#undef LOAD
#undef STORE
#undef EACH_PART
