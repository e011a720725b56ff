/* A panel: all rows of c in COLUMNS vectors, by tiles of PANEL_ROWS rows and then of 4, 2 and 1.

   Included by product_body.h with COLUMNS and PANEL_ROWS set. Unless b is worked as stored, its
   panel goes to `packed` first, and with `more` the panel after it is called into the cache
   meanwhile, a share with each tile. */
#define TILE_OF(rows) FASTBP_JOIN(FASTBP_TYPED(FASTBP_JOIN(tile_##rows##x, COLUMNS)), )

#define TILE TILE_OF(full)
#define ROWS PANEL_ROWS
#include "tile.h"
#define TILE TILE_OF(4)
#define ROWS 4
#include "tile.h"
#define TILE TILE_OF(2)
#define ROWS 2
#include "tile.h"
#define TILE TILE_OF(1)
#define ROWS 1
#include "tile.h"

static void FASTBP_TYPED(FASTBP_JOIN(panel_, COLUMNS))(
    const REAL *a, ptrdiff_t a_row, ptrdiff_t a_term, const REAL *b, ptrdiff_t b_row,
    ptrdiff_t terms, REAL *c, ptrdiff_t c_row, ptrdiff_t rows, ptrdiff_t last, int add,
    const REAL *bias, int more, fastbp_packing packing, REAL *packed) {
    ptrdiff_t m = 0, ahead = 0, lines = 0, share = 0, step = b_row;
    const REAL *next = b;
    if (packing == FASTBP_TRANSPOSED) {
        FASTBP_TYPED(pack_transposed)(b, b_row, (COLUMNS - 1) * LANES + last, COLUMNS, terms,
                                      packed);
        next = b + COLUMNS * LANES * b_row;
        lines = COLUMNS * LANES;
    } else if (packing == FASTBP_COPIED) {
        for (ptrdiff_t k = 0; k < terms; k++)
#pragma GCC unroll 3
            for (int n = 0; n < COLUMNS; n++)
                STORE(packed + (k * COLUMNS + n) * LANES, LOAD(b + k * b_row + n * LANES));
        next = b + COLUMNS * LANES;
        lines = terms;
    }
    if (packing != FASTBP_AS_STORED) {
        b = packed;
        step = COLUMNS * LANES;
        if (more) share = lines * PANEL_ROWS / rows + 1;
    }
    const ptrdiff_t length = packing == FASTBP_TRANSPOSED ? terms : COLUMNS * LANES;
    for (; m + PANEL_ROWS <= rows; m += PANEL_ROWS) {
        for (ptrdiff_t i = 0; i < share && ahead < lines; i++, ahead++)
            for (ptrdiff_t n = 0; n < length; n += LANES)
                __builtin_prefetch(next + ahead * b_row + n, 0, 2);
        TILE_OF(full)(a + m * a_row, a_row, a_term, b, step, terms, c + m * c_row, c_row, last, add,
                      bias);
    }
    for (; m + 4 <= rows; m += 4)
        TILE_OF(4)(a + m * a_row, a_row, a_term, b, step, terms, c + m * c_row, c_row, last, add,
                   bias);
    if (m + 2 <= rows) {
        TILE_OF(2)(a + m * a_row, a_row, a_term, b, step, terms, c + m * c_row, c_row, last, add,
                   bias);
        m += 2;
    }
    if (m < rows)
        TILE_OF(1)(a + m * a_row, a_row, a_term, b, step, terms, c + m * c_row, c_row, last, add,
                   bias);
}
#undef TILE_OF
#undef COLUMNS
#undef PANEL_ROWS
