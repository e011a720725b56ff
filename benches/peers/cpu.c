/* What the machine can do: fused multiply-adds a second, and the latency of a barrier of two threads.
 *
 * The peak is that of independent chains of multiply-adds on registers, on every thread at once. */

#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#if defined(__AVX512F__)
#define WIDTH 64
#define REGISTER "+v"
#elif defined(__FMA__)
#define WIDTH 32
#define REGISTER "+x"
#else
#define WIDTH 16
#define REGISTER "+x"
#endif
#define CHAINS 12
#define REPEATS 4096
#define STARTING 1000
#define MOST_THREADS 256

typedef float floats __attribute__((vector_size(WIDTH)));
typedef double doubles __attribute__((vector_size(WIDTH)));

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

int vector_bytes(void)
{
    return WIDTH;
}

static void pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
}

/* One variable a chain: an array would not be kept in registers. The empty asm stops the compiler
 * from folding the loop. */
#define EACH_OF_12(use) \
    use(0) use(1) use(2) use(3) use(4) use(5) use(6) use(7) use(8) use(9) use(10) use(11)
#define DECLARE(c) number sum##c = term * (c + 1);
#define ADD(c)                         \
    sum##c = sum##c * factor + term;   \
    __asm__ volatile("" : REGISTER(sum##c));
#define DEFINE_CHAINS(name, vector)                                                 \
    static void name(void)                                                          \
    {                                                                               \
        typedef vector number;                                                      \
        number factor = (number){0} + 0.999f, term = (number){0} + 0.001f;          \
        EACH_OF_12(DECLARE)                                                         \
        for (int r = 0; r < REPEATS; r++) {                                         \
            EACH_OF_12(ADD)                                                         \
        }                                                                           \
    }
DEFINE_CHAINS(chains_of_floats, floats)
DEFINE_CHAINS(chains_of_doubles, doubles)

struct work {
    int cpu;
    int is_double;
    double seconds;
    double rate;
};

static void *measure(void *argument)
{
    struct work *work = argument;
    pin(work->cpu);
    int lanes = WIDTH / (work->is_double ? 8 : 4);
    double start = now(), end = start;
    long calls = 0;
    while (end < start + work->seconds) {
        for (int i = 0; i < 16; i++)
            (work->is_double ? chains_of_doubles : chains_of_floats)();
        calls += 16;
        end = now();
    }
    work->rate = 2.0 * lanes * CHAINS * REPEATS * calls / (end - start);
    return NULL;
}

/* Floating-point operations a second of all the CPUs together. */
double fma_peak(const int *cpus, int count, int is_double, double seconds)
{
    pthread_t threads[MOST_THREADS];
    struct work work[MOST_THREADS];
    double sum = 0;
    if (count > MOST_THREADS)
        count = MOST_THREADS;
    for (int i = 0; i < count; i++) {
        work[i] = (struct work){cpus[i], is_double, seconds, 0};
        pthread_create(&threads[i], NULL, measure, &work[i]);
    }
    for (int i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        sum += work[i].rate;
    }
    return sum;
}

static struct {
    _Alignas(128) atomic_long here[2][16];
    int cpus[2];
    long crossings;
    double seconds;
} barrier;

static void *cross(void *argument)
{
    int me = argument != NULL;
    pin(barrier.cpus[me]);
    double start = 0;
    for (long i = 1; i <= barrier.crossings; i++) {
        atomic_store_explicit(&barrier.here[me][0], i, memory_order_release);
        while (atomic_load_explicit(&barrier.here[!me][0], memory_order_acquire) < i)
            ;
        if (i == STARTING)
            start = now();
    }
    if (me)
        barrier.seconds = now() - start;
    return NULL;
}

/* Nanoseconds of one crossing of a spinning barrier by the threads of two CPUs. The first thousand
 * crossings, in which the threads start, are not counted. */
double barrier_latency(int first, int second, long crossings)
{
    pthread_t threads[2];
    atomic_store(&barrier.here[0][0], 0);
    atomic_store(&barrier.here[1][0], 0);
    barrier.cpus[0] = first;
    barrier.cpus[1] = second;
    barrier.crossings = crossings;
    pthread_create(&threads[0], NULL, cross, NULL);
    pthread_create(&threads[1], NULL, cross, &barrier);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    return 1e9 * barrier.seconds / (crossings - STARTING);
}
