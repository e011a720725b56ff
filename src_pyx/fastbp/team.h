/* A team of threads for one call: started with it, ended with it, nothing global.

   Two calls in two Python threads have two teams, and a fork between calls finds none, so neither
   can trouble the other. Members wait for each other at a barrier: they spin for a while, then
   sleep on a condition, so that more threads than cores cost sleep and not the cores' time.

   A scheduler likes to run whom it wakes on the core of the thread that woke it, and there it stays
   for milliseconds, behind a caller that is busy or spins. So members keep off the caller's core.
 */
#ifndef FASTBP_TEAM_H
#define FASTBP_TEAM_H

/* Windows has no POSIX threads, and standard C may lack atomics: then there is no team. */
#if defined(_WIN32) || defined(__STDC_NO_ATOMICS__)
#define FASTBP_NO_THREADS
#endif

typedef void (*fastbp_task)(void *job, int thread);

#if defined(FASTBP_NO_THREADS)

#include <stddef.h>

typedef struct fastbp_team {
    int threads;
} fastbp_team;

static inline void fastbp_barrier(fastbp_team *team) { (void)team; }

static inline void fastbp_team_run(fastbp_team *team, fastbp_task task, void *job) {
    (void)team;
    task(job, 0);
}

static inline void fastbp_team_end(fastbp_team *team) { (void)team; }

static inline fastbp_team *fastbp_team_here(fastbp_team *team) { return team; }

static inline fastbp_team *fastbp_team_start(int threads, int cores) {
    (void)threads, (void)cores;
    return NULL;
}

#else

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Which core a thread may run on is no part of POSIX. */
#if defined(__linux__) && defined(CPU_CLR)
#define FASTBP_AFFINITY
#endif

/* Waking a sleeper takes 20 to 80 us. To spin for less than that is a trap: each side falls asleep
   just before the other one is awake, barrier after barrier. This long a spin also bridges what
   Python does between two calls of the engine. */
#define FASTBP_SPIN_NS 200000
#define FASTBP_PAUSES 64

#if defined(__x86_64__) && !defined(FASTBP_PLAIN)
#define FASTBP_PAUSE() __builtin_ia32_pause()
#else
#define FASTBP_PAUSE() sched_yield()
#endif

typedef struct fastbp_team {
    _Alignas(64) atomic_int phase;
    _Alignas(64) atomic_int arrived;
    _Alignas(64) atomic_int threads;
    int spin;         /* whether to spin before sleeping */
    int members;      /* threads started, without the caller */
    int home;         /* the core that members keep off; -1 before the first */
    fastbp_task task; /* NULL ends the members */
    void *job;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t *handles;
    pthread_t caller; /* who started it, and is thread 0 */
    pid_t process;
#if defined(FASTBP_AFFINITY)
    cpu_set_t allowed;
#endif
} fastbp_team;

typedef struct {
    fastbp_team *team;
    int thread;
} fastbp_member;

#if defined(FASTBP_AFFINITY)
/* Move the members to the other cores that the caller may use, whenever it is on a new one. */
static inline void fastbp_keep_off(fastbp_team *team) {
    const int home = sched_getcpu();
    if (home == team->home || CPU_COUNT(&team->allowed) < team->threads) return;
    cpu_set_t others = team->allowed;
    CPU_CLR(home, &others);
    for (int i = 0; i < team->members; i++)
        pthread_setaffinity_np(team->handles[i], sizeof others, &others);
    team->home = home;
}
#else
static inline void fastbp_keep_off(fastbp_team *team) { (void)team; }
#endif

static inline long long fastbp_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* Whether the phase ends while the caller spins. */
static inline int fastbp_spin(fastbp_team *team, int phase) {
    const long long end = fastbp_now() + FASTBP_SPIN_NS;
    do {
        for (int i = 0; i < FASTBP_PAUSES; i++) {
            if (atomic_load_explicit(&team->phase, memory_order_acquire) != phase) return 1;
            FASTBP_PAUSE();
        }
    } while (fastbp_now() < end);
    return 0;
}

static inline void fastbp_barrier(fastbp_team *team) {
    const int phase = atomic_load_explicit(&team->phase, memory_order_acquire);
    const int arrived = atomic_fetch_add_explicit(&team->arrived, 1, memory_order_acq_rel) + 1;
    /* Read after the arrival: a team that could not be had whole ends with fewer. */
    if (arrived == atomic_load_explicit(&team->threads, memory_order_relaxed)) {
        atomic_store_explicit(&team->arrived, 0, memory_order_relaxed);
        pthread_mutex_lock(&team->lock);
        atomic_store_explicit(&team->phase, phase + 1, memory_order_release);
        pthread_cond_broadcast(&team->wake);
        pthread_mutex_unlock(&team->lock);
        return;
    }
    if (team->spin && fastbp_spin(team, phase)) return;
    pthread_mutex_lock(&team->lock);
    while (atomic_load_explicit(&team->phase, memory_order_acquire) == phase)
        pthread_cond_wait(&team->wake, &team->lock);
    pthread_mutex_unlock(&team->lock);
    if (pthread_equal(pthread_self(), team->caller)) fastbp_keep_off(team);
}

static inline void *fastbp_member_main(void *argument) {
    fastbp_member member = *(fastbp_member *)argument;
    free(argument);
    for (;;) {
        fastbp_barrier(member.team);
        if (member.team->task == NULL) return NULL;
        member.team->task(member.team->job, member.thread);
        fastbp_barrier(member.team);
    }
}

/* Run the task on every member and on the caller, as thread 0; return when all have ended. */
static inline void fastbp_team_run(fastbp_team *team, fastbp_task task, void *job) {
    team->task = task;
    team->job = job;
    fastbp_keep_off(team);
    fastbp_barrier(team);
    task(job, 0);
    fastbp_barrier(team);
}

/* The team, or NULL where a fork has left its members behind. */
static inline fastbp_team *fastbp_team_here(fastbp_team *team) {
    return team != NULL && team->process == getpid() ? team : NULL;
}

static inline void fastbp_team_end(fastbp_team *team) {
    if (fastbp_team_here(team) == NULL) return;
    if (team->members > 0) {
        atomic_store_explicit(&team->threads, team->members + 1, memory_order_relaxed);
        team->task = NULL;
        fastbp_barrier(team);
        for (int i = 0; i < team->members; i++) pthread_join(team->handles[i], NULL);
    }
    pthread_cond_destroy(&team->wake);
    pthread_mutex_destroy(&team->lock);
    free(team->handles);
    free(team);
}

/* A team of `threads` >= 2 with the caller as one of them, or NULL where it cannot be had. Signals
   stay with the caller's threads. `cores`: with more threads than these, waiting does not spin. */
static inline fastbp_team *fastbp_team_start(int threads, int cores) {
    fastbp_team *team = NULL;
    if (posix_memalign((void **)&team, 64, sizeof *team) != 0) return NULL;
    memset(team, 0, sizeof *team);
    team->threads = threads;
    team->spin = threads <= cores;
    team->home = -1;
    team->caller = pthread_self();
    team->process = getpid();
#if defined(FASTBP_AFFINITY)
    if (sched_getaffinity(0, sizeof team->allowed, &team->allowed) != 0) CPU_ZERO(&team->allowed);
#endif
    team->handles = malloc((size_t)threads * sizeof *team->handles);
    pthread_mutex_init(&team->lock, NULL);
    pthread_cond_init(&team->wake, NULL);
    sigset_t all, before;
    sigfillset(&all);
    sigdelset(&all, SIGSEGV); /* faults stay with the thread that makes them */
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (int thread = 1; team->handles && thread < threads; thread++) {
        fastbp_member *member = malloc(sizeof *member);
        if (member == NULL) break;
        *member = (fastbp_member){team, thread};
        if (pthread_create(&team->handles[thread - 1], NULL, fastbp_member_main, member) != 0) {
            free(member);
            break;
        }
        team->members++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (team->members < threads - 1) {
        fastbp_team_end(team);
        return NULL;
    }
    return team;
}

#endif

#endif
