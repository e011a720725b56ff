/* The two operations whose rounding the numerics contract fixes, and the state they run in. */
#ifndef FASTBP_REAL_H
#define FASTBP_REAL_H

/* FASTBP_PLAIN: standard C alone. A compiler without GNU extensions has no other way. */
#if !defined(__GNUC__) && !defined(FASTBP_PLAIN)
#define FASTBP_PLAIN
#endif

#if defined(FASTBP_PLAIN)
/* Two roundings everywhere, the bits of level v1 on x86-64: a compiler that fuses them by itself or
   keeps more digits than the type has would give other bits on every machine. */
#include <float.h>
#if FLT_EVAL_METHOD != 0
#error "fastbp needs float and double arithmetic in float and double"
#endif
#if defined(_MSC_VER)
#pragma fp_contract(off)
#elif !defined(__GNUC__)
#pragma STDC FP_CONTRACT OFF
#endif
#define fastbp_fmaf(a, b, c) ((a) * (b) + (c))
#define fastbp_fma(a, b, c) ((a) * (b) + (c))
#elif defined(__FMA__) || defined(__aarch64__)
#define fastbp_fmaf(a, b, c) __builtin_fmaf((a), (b), (c))
#define fastbp_fma(a, b, c) __builtin_fma((a), (b), (c))
#else
/* No fused multiply-add in the instruction set: two roundings, as the contract allows for v1. */
#define fastbp_fmaf(a, b, c) ((a) * (b) + (c))
#define fastbp_fma(a, b, c) ((a) * (b) + (c))
#endif

/* What a function returns that is not to be inlined where it is called: a rare way beside a short
   one. */
#if defined(__GNUC__)
#define FASTBP_APART __attribute__((noinline)) void
#else
#define FASTBP_APART void
#endif

/* Denormals cost over 100 cycles each on most CPUs; a training call flushes them to zero and gives
   the caller's mode back at its end. Python functions that it calls see them. */
#if defined(__SSE2__) || defined(_M_X64)
#include <xmmintrin.h>
static inline unsigned int fastbp_flush_denormals(void) {
    unsigned int mode = _mm_getcsr();
    _mm_setcsr(mode | 0x8040u); /* flush results (bit 15) and operands (bit 6) */
    return mode;
}
static inline unsigned int fastbp_keep_denormals(void) {
    unsigned int mode = _mm_getcsr();
    _mm_setcsr(mode & ~0x8040u);
    return mode;
}
static inline void fastbp_restore_mode(unsigned int mode) { _mm_setcsr(mode); }
#else
static inline unsigned int fastbp_flush_denormals(void) { return 0; }
static inline unsigned int fastbp_keep_denormals(void) { return 0; }
static inline void fastbp_restore_mode(unsigned int mode) { (void)mode; }
#endif

#endif
