/* One register tile: ROWS rows by COLUMNS vectors of c[m, n] = sum_k a[m, k] b[k, n].

   Included by panel.h with ROWS, COLUMNS and TILE (its name) set; ACROSS says where a[m, k] lies:
   at m + k a_row if set, else at m a_row + k. Rows of b are b_row apart, rows of c c_row apart. k
   runs from 0 to terms - 1 in one chain of multiply-adds from 0; with `add`, c += the chain; then c
   += bias unless NULL. The last vector has `last` columns, 1 to LANES: b, bias and (with `add`) c
   are read to the end of that vector, c is written in those columns only.

   The layout of a is fixed at compile time and the compiler may not make copies for other constant
   arguments: with one distance more, or with such a copy, gcc runs out of registers. */
static __attribute__((noinline, noclone)) void TILE(const REAL *restrict a, ptrdiff_t a_row,
                                                    const REAL *restrict b, ptrdiff_t b_row,
                                                    ptrdiff_t terms, REAL *restrict c,
                                                    ptrdiff_t c_row, ptrdiff_t last, int add,
                                                    const REAL *restrict bias) {
    VECTOR sum[ROWS][COLUMNS];
    if (add)
        for (int m = 0; m < ROWS; m++)
            for (int n = 0; n < COLUMNS; n++) __builtin_prefetch(c + m * c_row + n * LANES, 1);
#pragma GCC unroll 16
    for (int m = 0; m < ROWS; m++)
#pragma GCC unroll 3
        for (int n = 0; n < COLUMNS; n++) sum[m][n] = SPLAT(0);
    for (ptrdiff_t k = 0; k < terms; k++) {
        VECTOR right[COLUMNS];
#pragma GCC unroll 3
        for (int n = 0; n < COLUMNS; n++) right[n] = LOAD(b + n * LANES);
#pragma GCC unroll 16
        for (int m = 0; m < ROWS; m++) {
            VECTOR left = SPLAT(ACROSS ? a[m] : a[m * a_row]);
#pragma GCC unroll 3
            for (int n = 0; n < COLUMNS; n++) sum[m][n] = FMA(left, right[n], sum[m][n]);
        }
        a += ACROSS ? a_row : 1;
        b += b_row;
    }
#pragma GCC unroll 16
    for (int m = 0; m < ROWS; m++) {
#pragma GCC unroll 3
        for (int n = 0; n < COLUMNS; n++) {
            REAL *out = c + m * c_row + n * LANES;
            if (add) sum[m][n] = LOAD(out) + sum[m][n];
            if (bias) sum[m][n] = sum[m][n] + LOAD(bias + n * LANES);
            if (n < COLUMNS - 1 || last == LANES)
                STORE(out, sum[m][n]);
            else
                STORE_FIRST(out, sum[m][n], last);
        }
    }
}
#undef ROWS
#undef TILE
