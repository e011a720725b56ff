/* The products for one real type: included by product.h with REAL and SUFFIX set. */

#define VECTOR FASTBP_TYPED(vector)
#define SPLAT FASTBP_TYPED(splat)
#define FMA FASTBP_TYPED(fma)
#define STORE_FIRST FASTBP_TYPED(store_first)
#define LANES ((ptrdiff_t)(FASTBP_VECTOR_BYTES / sizeof(REAL)))
#define LOAD(p) (*(const VECTOR *)(p))
#define STORE(p, v) (*(VECTOR *)(p) = (v))

/* What a product reads and writes: c[m, n] = or, with `add`, += sum_k a[m, k] b[k, n] + bias[n]. */
typedef struct {
    REAL *c;
    ptrdiff_t c_row;
    const REAL *a; /* a[m, k] lies at m a_row + k, or at m + k a_row if `across` */
    ptrdiff_t a_row;
    int across;
    const REAL *b; /* or its transpose, see `packing` */
    ptrdiff_t b_row;
    ptrdiff_t rows, columns, terms;
    int add;
    const REAL *bias; /* or NULL */
    fastbp_packing packing;
    int far;      /* whether b comes from beyond the second-level cache */
    REAL *packed; /* room for two panels */
    /* Matrices of c's shape that are wanted after it, rows soon_row apart: called into the cache.
     */
    const REAL *soon[3];
    int soon_count;
    ptrdiff_t soon_row;
} FASTBP_TYPED(operands);

#include "packing.h"

#define COLUMNS 3
#define PANEL_ROWS FASTBP_ROWS_3
#define ACROSS 0
#include "panel.h"
#define COLUMNS 2
#define PANEL_ROWS FASTBP_ROWS_2
#define ACROSS 0
#include "panel.h"
#define COLUMNS 1
#define PANEL_ROWS FASTBP_ROWS_1
#define ACROSS 0
#include "panel.h"
#define COLUMNS 3
#define PANEL_ROWS FASTBP_ROWS_3
#define ACROSS 1
#include "panel.h"
#define COLUMNS 2
#define PANEL_ROWS FASTBP_ROWS_2
#define ACROSS 1
#include "panel.h"
#define COLUMNS 1
#define PANEL_ROWS FASTBP_ROWS_1
#define ACROSS 1
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

/* The panel at column n for the block of terms from `start`, nothing of it packed yet: 3 vectors
   wide, or 2 where 2 or 4 are left. */
static inline void FASTBP_TYPED(set_panel)(FASTBP_TYPED(panel) * p,
                                           const FASTBP_TYPED(operands) * o, ptrdiff_t start,
                                           ptrdiff_t n) {
    const ptrdiff_t left = o->columns - n, vectors = (left + LANES - 1) / LANES;
    const ptrdiff_t terms = o->terms - start;
    p->n = n;
    p->start = start;
    p->vectors = vectors >= 3 && vectors != 4 ? 3 : vectors == 1 ? 1 : 2;
    p->columns = left < p->vectors * LANES ? left : p->vectors * LANES;
    p->terms = terms < FASTBP_SUM_BLOCK ? terms : FASTBP_SUM_BLOCK;
    p->done = p->units = 0;
    if (o->packing == FASTBP_TRANSPOSED) {
        p->b = o->b + n * o->b_row + start;
        p->strips = (p->terms + LANES - 1) / LANES;
        p->units = p->strips * p->vectors;
    } else {
        p->b = o->b + start * o->b_row + n;
        if (o->packing == FASTBP_COPIED) p->units = p->terms;
    }
}

/* The tiles of one panel, packed or as stored, with a share of the next one's packing. */
static inline void FASTBP_TYPED(work)(const FASTBP_TYPED(operands) * o,
                                      const FASTBP_TYPED(panel) * p, FASTBP_TYPED(panel) * coming) {
    if (p->vectors == 3)
        (o->across ? FASTBP_TYPED(panel_3_1) : FASTBP_TYPED(panel_3_0))(o, p, coming);
    else if (p->vectors == 2)
        (o->across ? FASTBP_TYPED(panel_2_1) : FASTBP_TYPED(panel_2_0))(o, p, coming);
    else
        (o->across ? FASTBP_TYPED(panel_1_1) : FASTBP_TYPED(panel_1_0))(o, p, coming);
    FASTBP_TYPED(pack)(o, coming, coming->units);
}

/* The whole product, panel by panel, for one block of terms after the other. */
static void FASTBP_TYPED(multiply)(const FASTBP_TYPED(operands) * o) {
    FASTBP_TYPED(panel) panels[2], *now = &panels[0], *coming = &panels[1], *other;
    if (o->rows == 0 || o->columns == 0) return; /* a thread without a share */
    now->packed = o->packed;
    coming->packed = o->packed + FASTBP_SUM_BLOCK * 3 * LANES;
    FASTBP_TYPED(set_panel)(now, o, 0, 0);
    FASTBP_TYPED(pack)(o, now, now->units);
    for (;;) {
        const ptrdiff_t n = now->n + now->columns;
        if (n < o->columns)
            FASTBP_TYPED(set_panel)(coming, o, now->start, n);
        else if (now->start + now->terms < o->terms)
            FASTBP_TYPED(set_panel)(coming, o, now->start + now->terms, 0);
        else
            break;
        FASTBP_TYPED(work)(o, now, coming);
        other = now;
        now = coming;
        coming = other;
    }
    coming->done = coming->units = 0;
    FASTBP_TYPED(work)(o, now, coming);
}

/* What every product sets of its operands, from arguments of the same names. */
#define PLACES(room)                                                                               \
    .c = c, .c_row = c_row, .a = a, .a_row = a_row, .b = b, .b_row = b_row, .rows = rows,          \
    .columns = columns, .terms = terms, .packed = room
#define PACKING(copy) ((copy) ? FASTBP_COPIED : FASTBP_AS_STORED)

/* c[m, n] = sum_k a[m, k] b[k, n] + bias[n] for rows of a and b as stored (forward; bias may be
   NULL).

   Rows of a, b, c are a_row, b_row, c_row apart; b and bias are readable one vector past their
   columns. `scratch`: see FASTBP_SCRATCH_BYTES, overwritten. */
static void FASTBP_TYPED(product)(REAL *c, ptrdiff_t c_row, const REAL *a, ptrdiff_t a_row,
                                  const REAL *b, ptrdiff_t b_row, ptrdiff_t rows, ptrdiff_t columns,
                                  ptrdiff_t terms, const REAL *bias, REAL *scratch) {
    if (rows == 1 && columns > 3 * LANES) {
        for (ptrdiff_t start = 0; start < terms; start += FASTBP_SUM_BLOCK) {
            const ptrdiff_t block =
                terms - start < FASTBP_SUM_BLOCK ? terms - start : FASTBP_SUM_BLOCK;
            FASTBP_TYPED(one_row)(a + start, 1, b + start * b_row, b_row, block, c, columns,
                                  start > 0, start + block == terms ? bias : NULL, scratch);
        }
        return;
    }
    const int far = terms * columns * (ptrdiff_t)sizeof(REAL) > FASTBP_FAR_BYTES;
    const int large = terms * columns * (ptrdiff_t)sizeof(REAL) > FASTBP_PACK_BYTES;
    const int copy = rows >= FASTBP_PACK_ROWS && (large || b_row % LANES != 0);
    FASTBP_TYPED(operands)
    o = {PLACES(scratch), .bias = bias, .packing = PACKING(copy), .far = far};
    FASTBP_TYPED(multiply)(&o);
}

/* c[m, n] = sum_k a[m, k] b[n, k] (data gradient): as product, with the transpose of b. */
static void FASTBP_TYPED(product_by_transpose)(REAL *c, ptrdiff_t c_row, const REAL *a,
                                               ptrdiff_t a_row, const REAL *b, ptrdiff_t b_row,
                                               ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t terms,
                                               REAL *scratch) {
    const int far = terms * columns * (ptrdiff_t)sizeof(REAL) > FASTBP_FAR_BYTES;
    FASTBP_TYPED(operands) o = {PLACES(scratch), .packing = FASTBP_TRANSPOSED, .far = far};
    FASTBP_TYPED(multiply)(&o);
}

/* near[k, m] = a[k, m]: FASTBP_GRADIENT_ROWS columns of a or fewer, copied together. */
static void FASTBP_TYPED(bring_near)(REAL *near, const REAL *a, ptrdiff_t a_row, ptrdiff_t rows,
                                     ptrdiff_t terms) {
    for (ptrdiff_t k = 0; k < terms; k++)
        for (ptrdiff_t m = 0; m < rows; m += LANES)
            STORE(near + k * FASTBP_GRADIENT_ROWS + m, LOAD(a + k * a_row + m));
}

/* Whether product_turned spares enough multiply-adds of vectors for each element that it puts back.

   Its tiles have a row for each column of c; one of fewer than 8 sums takes the time of 8. */
static inline int FASTBP_TYPED(pays_to_turn)(ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t terms) {
    const ptrdiff_t along = (columns + LANES - 1) / LANES, down = (rows + LANES - 1) / LANES;
    const ptrdiff_t least = down == 1 ? 8 : down == 2 ? 4 : 3;
    const ptrdiff_t spared = rows * along - (columns < least ? least : columns) * down;
    return spared * terms > FASTBP_TURN_COST * rows * columns &&
           columns * down * LANES * (ptrdiff_t)sizeof(REAL) <= FASTBP_TURNED_BYTES;
}

/* c[m, n] = sum_k a[k, m] b[k, n], or c += with `add`, by its transpose: vectors run over m, so
   that they are full where c has few columns. The order of a sum is the same. */
static void FASTBP_TYPED(product_turned)(REAL *restrict c, ptrdiff_t c_row, const REAL *a,
                                         ptrdiff_t a_row, const REAL *b, ptrdiff_t b_row,
                                         ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t terms,
                                         int add, REAL *restrict turned) {
    const ptrdiff_t row = (rows + LANES - 1) / LANES * LANES;
    FASTBP_TYPED(operands)
    o = {.c = turned,
         .c_row = row,
         .a = b,
         .a_row = b_row,
         .across = 1,
         .b = a,
         .b_row = a_row,
         .rows = columns,
         .columns = rows,
         .terms = terms,
         .packing = FASTBP_AS_STORED};
    FASTBP_TYPED(multiply)(&o);
    for (ptrdiff_t m = 0; m < rows; m++)
        for (ptrdiff_t n = 0; n < columns; n++) {
            REAL *const out = c + m * c_row + n;
            *out = add ? *out + turned[n * row + m] : turned[n * row + m];
        }
}

/* c[m, n] = sum_k a[k, m] b[k, n], or c += with `add`: terms <= FASTBP_SUM_BLOCK (weight gradient).

   Rows of a, b, c are a_row, b_row, c_row apart; a and b are readable one vector past their
   columns. `soon`: up to 3 matrices of c's shape, rows soon_row apart, that are wanted next. */
static void FASTBP_TYPED(product_transposed)(REAL *c, ptrdiff_t c_row, const REAL *a,
                                             ptrdiff_t a_row, const REAL *b, ptrdiff_t b_row,
                                             ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t terms,
                                             int add, REAL *scratch, const REAL *const *soon,
                                             int soon_count, ptrdiff_t soon_row) {
    const int copy = columns > 3 * LANES && rows >= FASTBP_PACK_ROWS;
    FASTBP_TYPED(operands)
    o = {PLACES(scratch),          .across = 1,         .add = add, .packing = PACKING(copy),
         .soon_count = soon_count, .soon_row = soon_row};
    if (columns == 1 && c_row == 1) {
        FASTBP_TYPED(one_row)(b, b_row, a, a_row, terms, c, rows, add, NULL, scratch);
        return;
    }
    if (FASTBP_TYPED(pays_to_turn)(rows, columns, terms)) {
        FASTBP_TYPED(product_turned)(c, c_row, a, a_row, b, b_row, rows, columns, terms, add,
                                     scratch);
        return;
    }
    for (int i = 0; i < soon_count; i++) o.soon[i] = soon[i];
    FASTBP_TYPED(multiply)(&o);
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
#undef PLACES
#undef PACKING
#undef LANES
#undef LOAD
#undef STORE
