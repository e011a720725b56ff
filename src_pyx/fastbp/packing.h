/* Panels of b on their way to where the tiles read them, for one real type: included by
   product_body.h.

   A panel is packed by units, a few with each tile of the panel before it, so that its loads come
   from afar while the multiply-adds go on. A unit is a row of the panel where b is copied, a block
   of LANES x LANES where it is transposed. */

/* Transpose a block of LANES x LANES in registers, from rows in_row apart of which `count` exist:
   log2(LANES) rounds that swap ever larger halves between pairs of rows. */
FASTBP_INLINE void FASTBP_TYPED(transpose_block)(const REAL *restrict in, ptrdiff_t in_row,
                                                 ptrdiff_t count, REAL *restrict out,
                                                 ptrdiff_t out_row) {
    VECTOR v[LANES], w[LANES];
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++) v[i] = i < count ? LOAD(in + i * in_row) : SPLAT(0);
#pragma GCC unroll 4
    for (int half = 1; half < LANES; half *= 2) {
        INDEX low, high;
#pragma GCC unroll 16
        for (int j = 0; j < LANES; j++) {
            low[j] = (j & half) ? (j - half) + LANES : j;
            high[j] = (j & half) ? j + LANES : j + half;
        }
#pragma GCC unroll 16
        for (int i = 0; i < LANES; i++)
            w[i] = (i & half) ? __builtin_shuffle(v[i - half], v[i], high)
                              : __builtin_shuffle(v[i], v[i + half], low);
#pragma GCC unroll 16
        for (int i = 0; i < LANES; i++) v[i] = w[i];
    }
#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++) STORE(out + i * out_row, v[i]);
}

typedef struct {
    ptrdiff_t n, start; /* its first column and first term */
    const REAL *b;      /* its first element, or its first in b's transpose */
    ptrdiff_t columns, vectors, terms;
    ptrdiff_t done, units;
    ptrdiff_t strips; /* blocks along a stored row, where b is transposed */
    REAL *packed;     /* terms rows of `vectors` vectors */
} FASTBP_TYPED(panel);

/* Rows done .. stop - 1 of a panel as they lie; from afar, what comes after them is called. */
FASTBP_INLINE void FASTBP_TYPED(copy_units)(const FASTBP_TYPED(operands) * o,
                                            FASTBP_TYPED(panel) * p, ptrdiff_t stop, int vectors) {
    const ptrdiff_t b_row = o->b_row, ahead = (stop - p->done) * b_row;
    const REAL *from = p->b + p->done * b_row;
    REAL *to = p->packed + p->done * vectors * LANES;
    const int far = o->far;
    for (ptrdiff_t k = p->done; k < stop; k++) {
#pragma GCC unroll 3
        for (int n = 0; n < vectors; n++) {
            if (far) __builtin_prefetch(from + ahead + n * LANES);
            STORE(to + n * LANES, LOAD(from + n * LANES));
        }
        from += b_row;
        to += vectors * LANES;
    }
    p->done = stop;
}

/* Blocks done .. stop - 1 of a panel whose transpose is stored, along the stored rows. */
static void FASTBP_TYPED(transpose_units)(const FASTBP_TYPED(operands) * o, FASTBP_TYPED(panel) * p,
                                          ptrdiff_t stop) {
    const ptrdiff_t step = p->vectors * LANES;
    ptrdiff_t n = p->done / p->strips, k = p->done % p->strips;
    for (; p->done < stop; p->done++) {
        const ptrdiff_t left = p->columns - n * LANES, count = left < LANES ? left : LANES;
        const REAL *from = p->b + n * LANES * o->b_row + k * LANES;
        if (o->far)
            for (ptrdiff_t i = 0; i < count; i++)
                __builtin_prefetch(from + i * o->b_row + 2 * LANES);
        FASTBP_TYPED(transpose_block)(from, o->b_row, count,
                                      p->packed + k * LANES * step + n * LANES, step);
        if (++k == p->strips) {
            k = 0;
            n++;
        }
    }
}

/* A panel of few elements, one by one: blocks of vectors would cost more. */
static void FASTBP_TYPED(transpose_few)(const FASTBP_TYPED(operands) * o,
                                        const FASTBP_TYPED(panel) * p) {
    for (ptrdiff_t k = 0; k < p->terms; k++)
        for (ptrdiff_t n = 0; n < p->columns; n++)
            p->packed[k * p->vectors * LANES + n] = p->b[n * o->b_row + k];
}

/* Pack up to `count` more units of the panel. */
static inline void FASTBP_TYPED(pack)(const FASTBP_TYPED(operands) * o, FASTBP_TYPED(panel) * p,
                                      ptrdiff_t count) {
    const ptrdiff_t left = p->units - p->done, stop = p->done + (count < left ? count : left);
    if (left == 0) return;
    if (o->packing == FASTBP_TRANSPOSED) {
        if (p->columns * p->terms <= FASTBP_FEW) {
            FASTBP_TYPED(transpose_few)(o, p);
            p->done = p->units;
        } else
            FASTBP_TYPED(transpose_units)(o, p, stop);
    } else if (p->vectors == 3)
        FASTBP_TYPED(copy_units)(o, p, stop, 3);
    else if (p->vectors == 2)
        FASTBP_TYPED(copy_units)(o, p, stop, 2);
    else
        FASTBP_TYPED(copy_units)(o, p, stop, 1);
}
