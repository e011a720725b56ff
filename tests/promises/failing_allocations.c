/* Preloaded into a Python of its own: the allocation that a test names fails, and those after it.

   `fail_countdown` is n: the n-th allocation from now on fails, 0: none. With `fail_forever` all
   that come after it fail too, until the countdown is set to 0. `fail_live` is how many blocks are
   held, `fail_made` how many were asked for, `fail_failed` how many of those were refused. They are
   plain variables, so that Python sets and reads them without an allocation. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stddef.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *block);

long fail_countdown, fail_forever, fail_live, fail_made, fail_failed;

/* Whether this allocation is to fail. */
static int refused(void) {
    __atomic_add_fetch(&fail_made, 1, __ATOMIC_RELAXED);
    if (__atomic_load_n(&fail_countdown, __ATOMIC_RELAXED) <= 0) return 0;
    const long left = __atomic_sub_fetch(&fail_countdown, 1, __ATOMIC_RELAXED);
    if (left > 0) return 0;
    if (fail_forever) __atomic_store_n(&fail_countdown, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&fail_failed, 1, __ATOMIC_RELAXED);
    errno = ENOMEM;
    return 1;
}

static void *counted(void *block) {
    if (block) __atomic_add_fetch(&fail_live, 1, __ATOMIC_RELAXED);
    return block;
}

void *malloc(size_t size) { return refused() ? NULL : counted(__libc_malloc(size)); }

void *calloc(size_t count, size_t size) {
    return refused() ? NULL : counted(__libc_calloc(count, size));
}

void *realloc(void *block, size_t size) {
    if (refused()) return NULL;
    void *moved = __libc_realloc(block, size);
    return block ? moved : counted(moved);
}

void *memalign(size_t alignment, size_t size) {
    return refused() ? NULL : counted(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **block, size_t alignment, size_t size) {
    void *found = memalign(alignment, size);
    if (found == NULL) return ENOMEM;
    *block = found;
    return 0;
}

void free(void *block) {
    if (block) __atomic_sub_fetch(&fail_live, 1, __ATOMIC_RELAXED);
    __libc_free(block);
}

/* A thread needs memory too. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*main)(void *),
                   void *argument) {
    static int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (refused()) return EAGAIN;
    if (next == NULL) *(void **)&next = dlsym(RTLD_NEXT, "pthread_create");
    return next(thread, attributes, main, argument);
}
