/* The three matrix products of a dense layer: c[m, n] = sum_k a[m, k] b[k, n].

       forward          z = a W^T         sum over inputs     a by rows, b = W as stored, [in][out]
       data gradient    g = delta W       sum over outputs    a by rows, b = W transposed
       weight gradient  dW^T = a^T delta  sum over rows       a by columns, b = delta

   The body stands once, in product_body.h, and is included for float and for double; in standard C,
   where FASTBP_PLAIN asks for that or the compiler knows nothing else, in product_plain.h. */
#ifndef FASTBP_PRODUCT_H
#define FASTBP_PRODUCT_H

#include <stddef.h>

#include "real.h"

#if defined(FASTBP_PLAIN)
#define FASTBP_BODY "product_plain.h"
#else
#define FASTBP_BODY "product_body.h"
#include "vector.h"
#endif

/* Length of a block of a sum: one chain of multiply-adds from 0; block sums are added in order. */
#define FASTBP_SUM_BLOCK 256

/* A matrix b above this size is packed by panels, when enough rows share the copy. */
#define FASTBP_PACK_BYTES (256 * 1024)
#define FASTBP_PACK_ROWS 48

/* A matrix b above this size comes from beyond the second-level cache. */
#define FASTBP_FAR_BYTES (1024 * 1024)

/* How a panel of b reaches the tiles: where it lies, copied together, or from its transpose. */
typedef enum { FASTBP_AS_STORED, FASTBP_COPIED, FASTBP_TRANSPOSED } fastbp_packing;

/* Panels of at most so many elements are transposed one by one: a block of vectors would cost more.
 */
#define FASTBP_FEW 64

/* A weight gradient is worked by pieces of so many rows and bytes of a row, so that the optimizer
   finds them in the cache; a row up to FASTBP_WHOLE_BYTES long is not divided. Columns of a that
   are further apart than FASTBP_NEAR are copied together, where there are as many as
   FASTBP_NEAR_ROWS and rows of the gradient longer than FASTBP_NEAR_BYTES: then several panels read
   the copy. */
#define FASTBP_GRADIENT_ROWS 192
#define FASTBP_GRADIENT_BYTES 576
#define FASTBP_WHOLE_BYTES 768
#define FASTBP_NEAR (2 * FASTBP_GRADIENT_ROWS)
#define FASTBP_NEAR_ROWS 48
#define FASTBP_NEAR_BYTES 192

/* A cache line, and the widest vector of any level: rows and shares of columns are whole lines. */
#define FASTBP_LINE_BYTES 64

/* A gradient of few columns is worked by its transpose where that spares more than so many
   multiply-adds of vectors an element, and where it has room in place of the packed panels. */
#define FASTBP_TURN_COST 5
#define FASTBP_TURNED_BYTES (FASTBP_SUM_BLOCK * 6 * 64)

/* Scratch of the products for rows of up to `columns` numbers, from its start:
   two packed panels of b, 3 vectors wide; or, where a single row is worked, that row of sums; or a
   gradient's transpose; a piece of a gradient; a block of columns of a copied together. */
#define FASTBP_PACKED_BYTES(columns, item) (FASTBP_SUM_BLOCK * 6 * 64 + ((columns) + 16) * (item))
#define FASTBP_PIECE_BYTES(columns, item)                                                          \
    (((columns) < FASTBP_GRADIENT_ROWS ? (columns) : FASTBP_GRADIENT_ROWS) * FASTBP_WHOLE_BYTES)
#define FASTBP_COLUMNS_BYTES(columns, item)                                                        \
    ((columns) > FASTBP_NEAR ? (FASTBP_SUM_BLOCK * FASTBP_GRADIENT_ROWS + 16) * (item) : 0)
#define FASTBP_SCRATCH_BYTES(columns, item)                                                        \
    (FASTBP_PACKED_BYTES(columns, item) + FASTBP_PIECE_BYTES(columns, item) +                      \
     FASTBP_COLUMNS_BYTES(columns, item))

#if !defined(FASTBP_PLAIN)
/* Rows of a register tile that is 3, 2 or 1 vectors wide: as many sums as the registers hold beside
   the operands, and at least 8 of them to hide the latency of a multiply-add. */
#if FASTBP_VECTOR_BYTES == 64
#define FASTBP_ROWS_3 8
#define FASTBP_ROWS_2 12
#define FASTBP_ROWS_1 16
#elif FASTBP_VECTOR_BYTES == 32
#define FASTBP_ROWS_3 4
#define FASTBP_ROWS_2 6
#define FASTBP_ROWS_1 12
#else
#define FASTBP_ROWS_3 3
#define FASTBP_ROWS_2 4
#define FASTBP_ROWS_1 8
#endif
#endif

#define FASTBP_JOIN_(a, b) a##b
#define FASTBP_JOIN(a, b) FASTBP_JOIN_(a, b)
#define FASTBP_TYPED(name) FASTBP_JOIN(name, SUFFIX)

#define REAL float
#define SUFFIX _f32
#define INDEX index_f32
#include FASTBP_BODY
#undef REAL
#undef SUFFIX
#undef INDEX

#define REAL double
#define SUFFIX _f64
#define INDEX index_f64
#include FASTBP_BODY
#undef REAL
#undef SUFFIX
#undef INDEX

#endif
