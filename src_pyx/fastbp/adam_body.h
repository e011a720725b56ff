/* Adam's step on runs of PART, a vector of REAL or a single one: included by adam.h with NAME,
   SPLAT, FMA and ROOT of it.

   From i on, while a whole PART is left of n; returns where it stopped.

       g <- g + decay p;  m <- b1 m + c1 g;  v <- b2 v + c2 g^2
       p <- p - rate m / (sqrt(v) shrink + tiny) */
FASTBP_INLINE ptrdiff_t NAME(REAL *restrict p, const REAL *restrict grad, REAL *restrict m,
                             REAL *restrict v, ptrdiff_t i, ptrdiff_t n, NUMBERS by) {
    const ptrdiff_t lanes = sizeof(PART) / sizeof(REAL);
    const PART decay = SPLAT(by.decay), b1 = SPLAT(by.b1), c1 = SPLAT(by.c1);
    const PART b2 = SPLAT(by.b2), c2 = SPLAT(by.c2), rate = SPLAT(by.rate);
    const PART shrink = SPLAT(by.shrink), tiny = SPLAT(by.tiny);
    for (; i + lanes <= n; i += lanes) {
        const PART now = LOAD(p + i), of_loss = LOAD(grad + i);
        const PART g = by.decay != 0 ? FMA(decay, now, of_loss) : of_loss;
        const PART mean = FMA(c1, g, b1 * LOAD(m + i));
        const PART square = FMA(c2 * g, g, b2 * LOAD(v + i));
        STORE(m + i, mean);
        STORE(v + i, square);
        STORE(p + i, now - rate * mean / FMA(ROOT(square), shrink, tiny));
    }
    return i;
}
#undef REAL
#undef PART
#undef NUMBERS
#undef NAME
#undef SPLAT
#undef FMA
#undef ROOT
