/* The products for one real type: included by product.h with REAL and SUFFIX set. */

#define VECTOR FASTBP_TYPED(vector)
#define SPLAT FASTBP_TYPED(splat)
#define FMA FASTBP_TYPED(fma)
#define STORE_FIRST FASTBP_TYPED(store_first)
#define LANES ((ptrdiff_t)(FASTBP_VECTOR_BYTES / sizeof(REAL)))
#define LOAD(p) (*(const VECTOR *)(p))
#define STORE(p, v) (*(VECTOR *)(p) = (v))

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

/* packed[k, n] = w[n, k] for `columns` rows of w and `terms` of their elements: a panel of w
   transposed, `vectors` wide. Rows of w are readable one vector past their end; terms is rounded up
   to LANES. */
static void FASTBP_TYPED(pack_transposed)(const REAL *w, ptrdiff_t w_row, ptrdiff_t columns,
                                          ptrdiff_t vectors, ptrdiff_t terms, REAL *packed) {
    const ptrdiff_t step = vectors * LANES;
    if (columns * terms <= FASTBP_FEW) {
        for (ptrdiff_t k = 0; k < terms; k++)
            for (ptrdiff_t n = 0; n < columns; n++) packed[k * step + n] = w[n * w_row + k];
        return;
    }
    for (ptrdiff_t n = 0; n < columns; n += LANES) {
        const ptrdiff_t count = columns - n < LANES ? columns - n : LANES;
        for (ptrdiff_t k = 0; k < terms; k += LANES)
            FASTBP_TYPED(transpose_block)(w + n * w_row + k, w_row, count, packed + k * step + n,
                                          step);
    }
}

#define COLUMNS 3
#define PANEL_ROWS FASTBP_ROWS_3
#include "panel.h"
#define COLUMNS 2
#define PANEL_ROWS FASTBP_ROWS_2
#include "panel.h"
#define COLUMNS 1
#define PANEL_ROWS FASTBP_ROWS_1
#include "panel.h"

/* c[n] = sum_k a[k a_term] b[k, n] for one row: bandwidth decides, so b is read along its rows,
   four at a time, and the sums live in c or `sum` (columns long, used with `add`). */
static void FASTBP_TYPED(one_row)(const REAL *restrict a, ptrdiff_t a_term, const REAL *restrict b,
                                  ptrdiff_t b_row, ptrdiff_t terms, REAL *restrict c,
                                  ptrdiff_t columns, int add, const REAL *restrict bias,
                                  REAL *restrict sum) {
    REAL *restrict out = add ? sum : c;
    ptrdiff_t k = 0;
    for (ptrdiff_t n = 0; n < columns; n++) out[n] = 0;
    for (; k + 4 <= terms; k += 4) {
        const REAL *restrict r0 = b + k * b_row, *restrict r1 = r0 + b_row;
        const REAL *restrict r2 = r1 + b_row, *restrict r3 = r2 + b_row;
        VECTOR a0 = SPLAT(a[k * a_term]), a1 = SPLAT(a[(k + 1) * a_term]);
        VECTOR a2 = SPLAT(a[(k + 2) * a_term]), a3 = SPLAT(a[(k + 3) * a_term]);
        ptrdiff_t n = 0;
        for (; n < columns; n += LANES) {
            VECTOR t = FMA(a0, LOAD(r0 + n), LOAD(out + n));
            t = FMA(a1, LOAD(r1 + n), t);
            t = FMA(a2, LOAD(r2 + n), t);
            t = FMA(a3, LOAD(r3 + n), t);
            if (columns - n >= LANES)
                STORE(out + n, t);
            else
                STORE_FIRST(out + n, t, columns - n);
        }
    }
    for (; k < terms; k++) {
        VECTOR a0 = SPLAT(a[k * a_term]);
        for (ptrdiff_t n = 0; n < columns; n += LANES) {
            VECTOR t = FMA(a0, LOAD(b + k * b_row + n), LOAD(out + n));
            if (columns - n >= LANES)
                STORE(out + n, t);
            else
                STORE_FIRST(out + n, t, columns - n);
        }
    }
    if (add)
        for (ptrdiff_t n = 0; n < columns; n++) c[n] += sum[n];
    if (bias)
        for (ptrdiff_t n = 0; n < columns; n++) c[n] += bias[n];
}

/* One block of terms for panels of all columns: c = or += a b with terms <= FASTBP_SUM_BLOCK. Where
   b is FASTBP_TRANSPOSED, it is b's transpose that is stored, rows b_row apart. */
static void FASTBP_TYPED(block_product)(REAL *c, ptrdiff_t c_row, const REAL *a, ptrdiff_t a_row,
                                        ptrdiff_t a_term, const REAL *b, ptrdiff_t b_row,
                                        ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t terms, int add,
                                        const REAL *bias, fastbp_packing packing, REAL *packed) {
    const ptrdiff_t vectors = (columns + LANES - 1) / LANES;
    ptrdiff_t width;
    if (rows == 0) return; /* a thread without a share */
    for (ptrdiff_t v = 0; v < vectors; v += width) {
        const ptrdiff_t rest = vectors - v;
        width = rest == 4 || rest == 2 ? 2 : rest == 1 ? 1 : 3;
        const ptrdiff_t n = v * LANES;
        const ptrdiff_t last = rest > width ? LANES : columns - n - (width - 1) * LANES;
        const REAL *right = packing == FASTBP_TRANSPOSED ? b + n * b_row : b + n;
        const REAL *more_bias = bias ? bias + n : NULL;
        if (width == 3)
            FASTBP_TYPED(panel_3)(a, a_row, a_term, right, b_row, terms, c + n, c_row, rows, last,
                                  add, more_bias, rest > 3, packing, packed);
        else if (width == 2)
            FASTBP_TYPED(panel_2)(a, a_row, a_term, right, b_row, terms, c + n, c_row, rows, last,
                                  add, more_bias, rest > 2, packing, packed);
        else
            FASTBP_TYPED(panel_1)(a, a_row, a_term, right, b_row, terms, c + n, c_row, rows, last,
                                  add, more_bias, 0, packing, packed);
    }
}

/* c[m, n] = sum_k a[m, k] b[k, n] + bias[n] for rows of a and b as stored (forward and data
   gradient; bias may be NULL).

   Rows of a, b, c are a_row, b_row, c_row apart; b and bias are readable one vector past their
   columns. `scratch`: see FASTBP_SCRATCH_BYTES, overwritten. */
static void FASTBP_TYPED(product)(REAL *c, ptrdiff_t c_row, const REAL *a, ptrdiff_t a_row,
                                  const REAL *b, ptrdiff_t b_row, ptrdiff_t rows, ptrdiff_t columns,
                                  ptrdiff_t terms, const REAL *bias, REAL *scratch) {
    const int large = terms * columns * (ptrdiff_t)sizeof(REAL) > FASTBP_PACK_BYTES;
    const int copy = rows >= FASTBP_PACK_ROWS && (large || b_row % LANES != 0);
    for (ptrdiff_t start = 0; start < terms; start += FASTBP_SUM_BLOCK) {
        const ptrdiff_t block = terms - start < FASTBP_SUM_BLOCK ? terms - start : FASTBP_SUM_BLOCK;
        if (rows == 1 && columns > 3 * LANES)
            FASTBP_TYPED(one_row)(a + start, 1, b + start * b_row, b_row, block, c, columns,
                                  start > 0, start + block == terms ? bias : NULL, scratch);
        else
            FASTBP_TYPED(block_product)(c, c_row, a + start, a_row, 1, b + start * b_row, b_row,
                                        rows, columns, block, start > 0,
                                        start + block == terms ? bias : NULL,
                                        copy ? FASTBP_COPIED : FASTBP_AS_STORED, scratch);
    }
}

/* c[m, n] = sum_k a[m, k] w[n, k] (data gradient): as product, with b = w transposed, panel by
 * panel. */
static void FASTBP_TYPED(product_by_transpose)(REAL *c, ptrdiff_t c_row, const REAL *a,
                                               ptrdiff_t a_row, const REAL *w, ptrdiff_t w_row,
                                               ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t terms,
                                               REAL *scratch) {
    for (ptrdiff_t start = 0; start < terms; start += FASTBP_SUM_BLOCK) {
        const ptrdiff_t block = terms - start < FASTBP_SUM_BLOCK ? terms - start : FASTBP_SUM_BLOCK;
        FASTBP_TYPED(block_product)(c, c_row, a + start, a_row, 1, w + start, w_row, rows, columns,
                                    block, start > 0, NULL, FASTBP_TRANSPOSED, scratch);
    }
}

/* c[m, n] = sum_k a[k, m] b[k, n], or c += with `add`: terms <= FASTBP_SUM_BLOCK (weight gradient).

   Rows of a, b, c are a_row, b_row, c_row apart; a and b are readable one vector past their
   columns; rows <= FASTBP_GRADIENT_ROWS. Columns of a far apart are copied together first. */
static void FASTBP_TYPED(product_transposed)(REAL *c, ptrdiff_t c_row, const REAL *a,
                                             ptrdiff_t a_row, const REAL *b, ptrdiff_t b_row,
                                             ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t terms,
                                             int add, REAL *scratch) {
    if (columns == 1 && c_row == 1) {
        FASTBP_TYPED(one_row)(b, b_row, a, a_row, terms, c, rows, add, NULL, scratch);
        return;
    }
    const int copy = columns > 3 * LANES && rows >= FASTBP_PACK_ROWS;
    if (copy && a_row > 2 * FASTBP_GRADIENT_ROWS) {
        REAL *near = scratch + FASTBP_SUM_BLOCK * 3 * LANES;
        for (ptrdiff_t k = 0; k < terms; k++)
            for (ptrdiff_t m = 0; m < rows; m += LANES)
                STORE(near + k * FASTBP_GRADIENT_ROWS + m, LOAD(a + k * a_row + m));
        a = near;
        a_row = FASTBP_GRADIENT_ROWS;
    }
    FASTBP_TYPED(block_product)(c, c_row, a, 1, a_row, b, b_row, rows, columns, terms, add, NULL,
                                copy ? FASTBP_COPIED : FASTBP_AS_STORED, scratch);
}

/* total[n] = sum_r delta[r, n], or total += with `add`: rows <= FASTBP_SUM_BLOCK (bias gradient).
 */
static void FASTBP_TYPED(column_sums)(REAL *restrict total, const REAL *restrict delta,
                                      ptrdiff_t delta_row, ptrdiff_t rows, ptrdiff_t columns,
                                      int add) {
    for (ptrdiff_t n = 0; n < columns; n += 4 * LANES) {
        const ptrdiff_t left = columns - n;
        const int vectors = left >= 4 * LANES ? 4 : (int)((left + LANES - 1) / LANES);
        VECTOR sum[4] = {SPLAT(0), SPLAT(0), SPLAT(0), SPLAT(0)};
        if (vectors == 4)
            for (ptrdiff_t r = 0; r < rows; r++)
#pragma GCC unroll 4
                for (int v = 0; v < 4; v++)
                    sum[v] = sum[v] + LOAD(delta + r * delta_row + n + v * LANES);
        else
            for (int v = 0; v < vectors; v++)
                for (ptrdiff_t r = 0; r < rows; r++)
                    sum[v] = sum[v] + LOAD(delta + r * delta_row + n + v * LANES);
        for (int v = 0; v < vectors; v++) {
            REAL *out = total + n + v * LANES;
            if (add) sum[v] = LOAD(out) + sum[v];
            if (left - v * LANES >= LANES)
                STORE(out, sum[v]);
            else
                STORE_FIRST(out, sum[v], left - v * LANES);
        }
    }
}

#undef VECTOR
#undef SPLAT
#undef FMA
#undef STORE_FIRST
#undef LANES
#undef LOAD
#undef STORE
