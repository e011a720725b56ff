/* How a long call learns that its caller wants it to end.

   Python notes a signal and tells nobody who does not hold its lock. So the call's own thread asks
   now and then; the other members of a team see the answer. What is done between two askings is
   counted, as multiply-adds, because reading the clock takes as long as a step of a small network.
 */
#ifndef FASTBP_WATCH_H
#define FASTBP_WATCH_H

#include <time.h>

#if defined(__STDC_NO_ATOMICS__) || defined(FASTBP_NO_THREADS) || defined(_WIN32)
typedef int fastbp_answer;
#define FASTBP_ANSWER(watch) ((watch)->wanted)
#define FASTBP_SET_ANSWER(watch, value) ((watch)->wanted = (value))
#define FASTBP_TAKE(next) ((*(next))++)
#else
#include <stdatomic.h>
typedef atomic_int fastbp_answer;
#define FASTBP_ANSWER(watch) atomic_load_explicit(&(watch)->wanted, memory_order_relaxed)
#define FASTBP_SET_ANSWER(watch, value)                                                            \
    atomic_store_explicit(&(watch)->wanted, (value), memory_order_relaxed)
#define FASTBP_TAKE(next) atomic_fetch_add_explicit((next), 1, memory_order_relaxed)
#endif

/* Multiply-adds between two looks at the clock, some 0.3 ms of one core. */
#define FASTBP_WATCH_WORK 2e7
/* Nanoseconds between two askings: Python's lock may take 5 ms to be had. */
#define FASTBP_WATCH_NS 15000000LL

typedef struct fastbp_watch {
    /* Returns whether the call is to end; runs what Python has to do for a signal. */
    int (*ask)(void *owner);
    void *owner;
    double left;   /* work until the next look at the clock */
    long long due; /* when to ask next; 0 where the clock was not read yet */
    int closed;    /* whether nothing may come in between: parameters are half updated */
    char apart[64];
    fastbp_answer wanted;
} fastbp_watch;

static inline long long fastbp_watch_now(void) {
    struct timespec now;
#if defined(CLOCK_MONOTONIC_COARSE)
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
#else
    timespec_get(&now, TIME_UTC);
#endif
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* Begin a call. */
static inline void fastbp_watch_begin(fastbp_watch *watch) {
    watch->left = FASTBP_WATCH_WORK;
    watch->due = 0;
    watch->closed = 0;
    FASTBP_SET_ANSWER(watch, 0);
}

/* Ask, if it is time to. */
static inline void fastbp_watch_ask(fastbp_watch *watch) {
    const long long now = fastbp_watch_now();
    watch->left = FASTBP_WATCH_WORK;
    if (watch->due == 0) watch->due = now + FASTBP_WATCH_NS;
    if (now < watch->due || FASTBP_ANSWER(watch)) return;
    if (watch->ask(watch->owner)) FASTBP_SET_ANSWER(watch, 1);
    watch->due = fastbp_watch_now() + FASTBP_WATCH_NS;
}

/* Count work that was done by a thread, and return whether the call is to end. */
static inline int fastbp_watch_look(fastbp_watch *watch, int thread, double work) {
    if (thread == 0 && !watch->closed) {
        watch->left -= work;
        if (watch->left < 0) fastbp_watch_ask(watch);
    }
    return FASTBP_ANSWER(watch);
}

/* The number of the next piece of work that nobody has taken, from 0. */
static inline int fastbp_take_next(fastbp_answer *next) { return FASTBP_TAKE(next); }

static inline int fastbp_watch_wanted(fastbp_watch *watch) { return FASTBP_ANSWER(watch); }

#endif
