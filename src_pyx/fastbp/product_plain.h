/* The products in standard C for one real type: included by product.h with REAL and SUFFIX set.

   The same functions as in product_body.h, with the same arguments and the same order of every sum,
   hence the bits of level v1. They need no scratch, and pad nothing. */

/* Columns worked together: their sums stay in registers or in the nearest cache. */
#define STRIP 16

/* c[m, n] = sum_k a[m, k] b[k, n] for one block of terms, or c += with `add`, then c += bias unless
   NULL. a[m, k] lies at a[m a_row + k a_term], b[k, n] at b[k b_term + n b_column]. */
static inline void FASTBP_TYPED(block_product)(REAL *c, ptrdiff_t c_row, const REAL *a,
                                               ptrdiff_t a_row, ptrdiff_t a_term, const REAL *b,
                                               ptrdiff_t b_term, ptrdiff_t b_column, ptrdiff_t rows,
                                               ptrdiff_t columns, ptrdiff_t terms, int add,
                                               const REAL *bias) {
    for (ptrdiff_t first = 0; first < columns; first += STRIP) {
        const ptrdiff_t count = columns - first < STRIP ? columns - first : STRIP;
        for (ptrdiff_t m = 0; m < rows; m++) {
            REAL sum[STRIP] = {0};
            for (ptrdiff_t k = 0; k < terms; k++) {
                const REAL left = a[m * a_row + k * a_term];
                const REAL *right = b + k * b_term + first * b_column;
                for (ptrdiff_t n = 0; n < count; n++) sum[n] = left * right[n * b_column] + sum[n];
            }
            for (ptrdiff_t n = 0; n < count; n++) {
                REAL *out = c + m * c_row + first + n;
                if (add) sum[n] = *out + sum[n];
                *out = bias ? sum[n] + bias[first + n] : sum[n];
            }
        }
    }
}

/* c[m, n] = sum_k a[m, k] b[k, n] + bias[n] (forward; bias may be NULL). */
static inline void FASTBP_TYPED(product)(REAL *c, ptrdiff_t c_row, const REAL *a, ptrdiff_t a_row,
                                         const REAL *b, ptrdiff_t b_row, ptrdiff_t rows,
                                         ptrdiff_t columns, ptrdiff_t terms, const REAL *bias,
                                         REAL *scratch) {
    (void)scratch;
    for (ptrdiff_t start = 0; start < terms; start += FASTBP_SUM_BLOCK) {
        const ptrdiff_t block = terms - start < FASTBP_SUM_BLOCK ? terms - start : FASTBP_SUM_BLOCK;
        FASTBP_TYPED(block_product)(c, c_row, a + start, a_row, 1, b + start * b_row, b_row, 1,
                                    rows, columns, block, start > 0,
                                    start + block == terms ? bias : NULL);
    }
}

/* c[m, n] = sum_k a[m, k] w[n, k] (data gradient). */
static inline void FASTBP_TYPED(product_by_transpose)(REAL *c, ptrdiff_t c_row, const REAL *a,
                                                      ptrdiff_t a_row, const REAL *w,
                                                      ptrdiff_t w_row, ptrdiff_t rows,
                                                      ptrdiff_t columns, ptrdiff_t terms,
                                                      REAL *scratch) {
    (void)scratch;
    for (ptrdiff_t start = 0; start < terms; start += FASTBP_SUM_BLOCK) {
        const ptrdiff_t block = terms - start < FASTBP_SUM_BLOCK ? terms - start : FASTBP_SUM_BLOCK;
        FASTBP_TYPED(block_product)(c, c_row, a + start, a_row, 1, w + start, 1, w_row, rows,
                                    columns, block, start > 0, NULL);
    }
}

/* near[k, m] = a[k, m]: FASTBP_GRADIENT_ROWS columns of a or fewer, copied together. */
static inline void FASTBP_TYPED(bring_near)(REAL *near_a, const REAL *a, ptrdiff_t a_row,
                                            ptrdiff_t rows, ptrdiff_t terms) {
    for (ptrdiff_t k = 0; k < terms; k++)
        for (ptrdiff_t m = 0; m < rows; m++)
            near_a[k * FASTBP_GRADIENT_ROWS + m] = a[k * a_row + m];
}

/* c[m, n] = sum_k a[k, m] b[k, n], or c += with `add`: terms <= FASTBP_SUM_BLOCK (weight gradient).
 */
static inline void FASTBP_TYPED(product_transposed)(REAL *c, ptrdiff_t c_row, const REAL *a,
                                                    ptrdiff_t a_row, const REAL *b, ptrdiff_t b_row,
                                                    ptrdiff_t rows, ptrdiff_t columns,
                                                    ptrdiff_t terms, int add, REAL *scratch,
                                                    const REAL *const *soon, int soon_count,
                                                    ptrdiff_t soon_row) {
    (void)scratch;
    (void)soon;
    (void)soon_count;
    (void)soon_row;
    FASTBP_TYPED(block_product)(c, c_row, a, 1, a_row, b, b_row, 1, rows, columns, terms, add,
                                NULL);
}

/* total[n] = sum_r delta[r, n], or total += with `add`: rows <= FASTBP_SUM_BLOCK (bias gradient).
 */
static inline void FASTBP_TYPED(column_sums)(REAL *total, const REAL *delta, ptrdiff_t delta_row,
                                             ptrdiff_t rows, ptrdiff_t columns, int add) {
    for (ptrdiff_t n = 0; n < columns; n++) {
        REAL sum = 0;
        for (ptrdiff_t r = 0; r < rows; r++) sum = sum + delta[r * delta_row + n];
        total[n] = add ? total[n] + sum : sum;
    }
}

#undef STRIP
