/* A panel: all rows of c in COLUMNS vectors, by tiles of PANEL_ROWS rows and then of 8, 4, 3, 2, 1.

   Included by product_body.h with COLUMNS, PANEL_ROWS and ACROSS (the layout of a) set. A share of
   the panel to come is packed with each tile. */
#define SHAPE FASTBP_JOIN(COLUMNS, FASTBP_JOIN(_, ACROSS))
#define TILE_OF(rows) FASTBP_TYPED(FASTBP_JOIN(tile_##rows##x, SHAPE))

#define TILE TILE_OF(full)
#define ROWS PANEL_ROWS
#include "tile.h"
#if PANEL_ROWS > 8
#define TILE TILE_OF(8)
#define ROWS 8
#include "tile.h"
#endif
#define TILE TILE_OF(4)
#define ROWS 4
#include "tile.h"
#define TILE TILE_OF(3)
#define ROWS 3
#include "tile.h"
#define TILE TILE_OF(2)
#define ROWS 2
#include "tile.h"
#define TILE TILE_OF(1)
#define ROWS 1
#include "tile.h"

static void FASTBP_TYPED(FASTBP_JOIN(panel_, SHAPE))(const FASTBP_TYPED(operands) * o,
                                                     const FASTBP_TYPED(panel) * p,
                                                     FASTBP_TYPED(panel) * coming) {
    const int stored = o->packing == FASTBP_AS_STORED, add = o->add || p->start > 0;
    const REAL *a = o->a + p->start * (ACROSS ? o->a_row : 1), *b = stored ? p->b : p->packed;
    const ptrdiff_t a_row = o->a_row, a_step = ACROSS ? 1 : a_row, c_row = o->c_row, rows = o->rows;
    const ptrdiff_t b_row = stored ? o->b_row : COLUMNS * LANES, terms = p->terms;
    const ptrdiff_t last = p->columns - (COLUMNS - 1) * LANES;
    const REAL *bias = o->bias && p->start + terms == o->terms ? o->bias + p->n : NULL;
    const ptrdiff_t share = coming->units == 0 ? 0 : coming->units * PANEL_ROWS / rows + 1;
    REAL *c = o->c + p->n;
    ptrdiff_t m = 0, full = rows / PANEL_ROWS * PANEL_ROWS;
#if PANEL_ROWS == 12
    if (rows - full == 4 && full > 0) full -= PANEL_ROWS;
#endif
    for (; m < full; m += PANEL_ROWS) {
        FASTBP_TYPED(pack)(o, coming, share);
        for (int i = 0; i < o->soon_count; i++)
            for (ptrdiff_t r = m; r < m + PANEL_ROWS; r++)
                for (int n = 0; n < COLUMNS; n++)
                    __builtin_prefetch(o->soon[i] + p->n + r * o->soon_row + n * LANES, 1, 2);
        TILE_OF(full)(a + m * a_step, a_row, b, b_row, terms, c + m * c_row, c_row, last, add,
                      bias);
    }
#if PANEL_ROWS > 8
    for (; m + 8 <= rows; m += 8)
        TILE_OF(8)(a + m * a_step, a_row, b, b_row, terms, c + m * c_row, c_row, last, add, bias);
#endif
    for (; m + 4 <= rows; m += 4)
        TILE_OF(4)(a + m * a_step, a_row, b, b_row, terms, c + m * c_row, c_row, last, add, bias);
    if (rows - m == 3)
        TILE_OF(3)(a + m * a_step, a_row, b, b_row, terms, c + m * c_row, c_row, last, add, bias);
    else if (rows - m == 2)
        TILE_OF(2)(a + m * a_step, a_row, b, b_row, terms, c + m * c_row, c_row, last, add, bias);
    else if (rows - m == 1)
        TILE_OF(1)(a + m * a_step, a_row, b, b_row, terms, c + m * c_row, c_row, last, add, bias);
}
#undef TILE_OF
#undef SHAPE
#undef COLUMNS
#undef PANEL_ROWS
#undef ACROSS
