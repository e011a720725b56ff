/* Random words for dropout, which depend on their place alone and not on who asks for them.

   Philox4x32-10 of J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as
   easy as 1, 2, 3", SC 2011, section 3.3, for FASTBP_GROUP / 4 counters side by side, so that
   compilers make vectors of them. */
#ifndef FASTBP_DROPOUT_H
#define FASTBP_DROPOUT_H

#include <stdint.h>

#define FASTBP_GROUP 64
#define FBP_COUNTERS (FASTBP_GROUP / 4)

/* words[16 w + i]: word w of counter (16 group + i, row, step, layer), its high half the step's. */
static inline void fastbp_random_words(uint32_t *restrict words, uint64_t key, uint32_t group,
                                       uint32_t row, uint64_t step, uint32_t layer) {
    uint32_t key0 = (uint32_t)key, key1 = (uint32_t)(key >> 32);
    uint32_t *c0 = words, *c1 = words + FBP_COUNTERS;
    uint32_t *c2 = words + 2 * FBP_COUNTERS, *c3 = words + 3 * FBP_COUNTERS;
    for (uint32_t i = 0; i < FBP_COUNTERS; i++) {
        c0[i] = group * FBP_COUNTERS + i;
        c1[i] = row;
        c2[i] = (uint32_t)step;
        c3[i] = layer ^ (uint32_t)(step >> 32) << 16;
    }
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < FBP_COUNTERS; i++) {
            const uint64_t p0 = (uint64_t)0xD2511F53u * c0[i];
            const uint64_t p1 = (uint64_t)0xCD9E8D57u * c2[i];
            c0[i] = (uint32_t)(p1 >> 32) ^ c1[i] ^ key0;
            c2[i] = (uint32_t)(p0 >> 32) ^ c3[i] ^ key1;
            c1[i] = (uint32_t)p1;
            c3[i] = (uint32_t)p0;
        }
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
}

#endif
