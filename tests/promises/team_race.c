/* Teams of threads as the engine drives them, for a sanitizer that sees races: what one member
   writes before a barrier, all read after it, without any other order between them. Prints how many
   barriers there were; ends with 1 where a number is not the one that was written. */
#include <stdio.h>

#include "team.h"

enum { MOST = 4, CELL = 16 };

typedef struct {
    fastbp_team *team;
    int threads, rounds, slow;
    long written[MOST][CELL], seen[MOST][CELL];
    int failed[MOST][CELL];
} job_t;

static void doze(long spins) {
    const struct timespec asleep = {0, spins * FASTBP_SPIN_NS};
    nanosleep(&asleep, NULL);
}

/* Phases of a step: each writes its own, all read all. `slow` lets that member come late, also to
   the end, where the others fall asleep and the caller goes on at once. */
static void phases(void *argument, int thread) {
    job_t *job = argument;
    for (int round = 0; round < job->rounds; round++) {
        if (thread == job->slow && round == job->rounds / 2) doze(3);
        job->written[thread][0] += thread + 1;
        fastbp_barrier(job->team);
        long sum = 0, wanted = 0;
        for (int other = 0; other < job->threads; other++) {
            sum += job->written[other][0];
            wanted += (long)(round + 1) * (other + 1);
        }
        job->seen[thread][0] += sum;
        if (sum != wanted) job->failed[thread][0] = 1;
        fastbp_barrier(job->team);
    }
    if (thread == job->slow) doze(10);
}

/* Calls of one team, whose caller reads and clears after each what members wrote. */
static long calls(int threads, int cores, int n_calls, int rounds) {
    fastbp_team *team = fastbp_team_start(threads, cores);
    long barriers = 0;
    if (team == NULL) return -1;
    for (int call = 0; call < n_calls; call++) {
        job_t job = {.team = team, .threads = threads, .rounds = rounds};
        job.slow = (call + 1) % (threads + 1);
        fastbp_team_run(team, phases, &job);
        for (int thread = 0; thread < threads; thread++)
            if (job.failed[thread][0] || job.seen[thread][0] != job.seen[0][0]) return -1;
        barriers += 2 * rounds + 2;
        /* Members wake up, and fall asleep again, between two calls. */
        if (job.slow == 0) doze(10);
    }
    fastbp_team_end(team);
    return barriers;
}

/* Teams of callers that are threads themselves. */
static void *caller(void *argument) {
    long *barriers = argument;
    *barriers = 0;
    for (int team = 0; team < 4; team++) {
        const long found = calls(2, 2, 4, 8);
        if (found < 0) *barriers = -1;
        if (*barriers >= 0) *barriers += found;
    }
    return NULL;
}

int main(void) {
    long total = 0;
    for (int threads = 2; threads <= MOST; threads++)
        for (int spins = 0; spins < 2; spins++) {
            const long found = calls(threads, spins ? threads : 1, 24, 24);
            if (found < 0) return 1;
            total += found;
        }
    /* Teams that begin and end with a call, and some that never work. */
    for (int team = 0; team < 40; team++) {
        const long found = calls(2 + team % 3, team % 5, team % 4, 2);
        if (found < 0) return 1;
        total += found;
    }
    pthread_t callers[MOST];
    long barriers[MOST];
    for (int i = 0; i < MOST; i++)
        if (pthread_create(&callers[i], NULL, caller, &barriers[i]) != 0) return 1;
    for (int i = 0; i < MOST; i++) {
        pthread_join(callers[i], NULL);
        if (barriers[i] < 0) return 1;
        total += barriers[i];
    }
    printf("%ld\n", total);
    return 0;
}
