/*
 * The plan of faults, and the books; see posix_faults.h. The calls that keep
 * books are wrapped here, all others in posix_fault_calls.c.
 */
#include "tests/sys/posix_faults.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static struct {
    atomic_bool armed;
    atomic_int n_calls;
    int fail_at;
    int variant;
    bool lasting;
    _Atomic(const char *) hit;
} plan;

static atomic_long n_allocations;
static atomic_long mapped_bytes;
static atomic_int n_thread_keys;

void faults_arm(int n, int variant, bool lasting)
{
    plan.fail_at = n;
    plan.variant = variant;
    plan.lasting = lasting;
    atomic_store(&plan.n_calls, 0);
    atomic_store(&plan.hit, NULL);
    atomic_store(&plan.armed, true);
}

const char *faults_disarm(void)
{
    atomic_store(&plan.armed, false);
    return atomic_load(&plan.hit);
}

int fault_of(const char *name, const int *codes)
{
    const char *hit;
    int n = 0;
    int code;

    if (codes == NEVER || !atomic_load(&plan.armed)) {
        return 0;
    }
    while (codes[n] != 0) {
        n++;
    }
    code = codes[plan.variant % n];
    hit = atomic_load(&plan.hit);
    if (atomic_fetch_add(&plan.n_calls, 1) + 1 == plan.fail_at) {
        atomic_store(&plan.hit, name);
    } else if (!plan.lasting || code < 0 || hit == NULL || strcmp(hit, name) != 0) {
        return 0;
    }
    return abs(code);
}

/* --- memory, with its books --- */

void *__real_malloc(size_t n_bytes);
void *__wrap_malloc(size_t n_bytes);
void *__real_calloc(size_t n, size_t n_bytes);
void *__wrap_calloc(size_t n, size_t n_bytes);
int __real_posix_memalign(void **out, size_t alignment, size_t n_bytes);
int __wrap_posix_memalign(void **out, size_t alignment, size_t n_bytes);
void __real_free(void *memory);
void __wrap_free(void *memory);
void *__real_mmap(void *at, size_t n_bytes, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t n_bytes, int protection, int flags, int fd, off_t offset);
int __real_munmap(void *at, size_t n_bytes);
int __wrap_munmap(void *at, size_t n_bytes);
int __real_pthread_key_create(pthread_key_t *key, void (*destructor)(void *));
int __wrap_pthread_key_create(pthread_key_t *key, void (*destructor)(void *));
int __real_pthread_key_delete(pthread_key_t key);
int __wrap_pthread_key_delete(pthread_key_t key);

static void *booked(void *memory)
{
    if (memory != NULL) {
        atomic_fetch_add(&n_allocations, 1);
    }
    return memory;
}

void *__wrap_malloc(size_t n_bytes)
{
    if (fault_of("malloc", WAYS(ENOMEM)) != 0) {
        errno = ENOMEM;
        return NULL;
    }
    return booked(__real_malloc(n_bytes));
}

void *__wrap_calloc(size_t n, size_t n_bytes)
{
    if (fault_of("calloc", WAYS(ENOMEM)) != 0) {
        errno = ENOMEM;
        return NULL;
    }
    return booked(__real_calloc(n, n_bytes));
}

int __wrap_posix_memalign(void **out, size_t alignment, size_t n_bytes)
{
    int rc = fault_of("posix_memalign", WAYS(ENOMEM));

    if (rc == 0) {
        rc = __real_posix_memalign(out, alignment, n_bytes);
        atomic_fetch_add(&n_allocations, rc == 0);
    }
    return rc;
}

void __wrap_free(void *memory)
{
    if (memory != NULL) {
        atomic_fetch_sub(&n_allocations, 1);
    }
    __real_free(memory);
}

void *__wrap_mmap(void *at, size_t n_bytes, int protection, int flags, int fd, off_t offset)
{
    int code = fault_of("mmap", WAYS(ENOMEM, EAGAIN));
    void *memory = MAP_FAILED;

    if (code != 0) {
        errno = code;
        return MAP_FAILED;
    }
    memory = __real_mmap(at, n_bytes, protection, flags, fd, offset);
    if (memory != MAP_FAILED) {
        atomic_fetch_add(&mapped_bytes, (long)n_bytes);
    }
    return memory;
}

int __wrap_munmap(void *at, size_t n_bytes)
{
    int rc = __real_munmap(at, n_bytes);

    if (rc == 0) {
        atomic_fetch_sub(&mapped_bytes, (long)n_bytes);
    }
    return rc;
}

int __wrap_pthread_key_create(pthread_key_t *key, void (*destructor)(void *))
{
    int rc = fault_of("pthread_key_create", WAYS(EAGAIN, ENOMEM));

    if (rc == 0) {
        rc = __real_pthread_key_create(key, destructor);
        atomic_fetch_add(&n_thread_keys, rc == 0);
    }
    return rc;
}

int __wrap_pthread_key_delete(pthread_key_t key)
{
    int rc = __real_pthread_key_delete(key);

    atomic_fetch_sub(&n_thread_keys, rc == 0);
    return rc;
}

/* --- taking stock --- */

static int count_entries(const char *path)
{
    DIR *folder = opendir(path);
    int n = 0;

    if (folder == NULL) {
        return -1;
    }
    while (readdir(folder) != NULL) {
        n++;
    }
    closedir(folder);
    return n;
}

static int count_rings(void)
{
    char line[512];
    FILE *file = fopen("/proc/self/maps", "r");
    int n = 0;

    if (file == NULL) {
        return -1;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        n += strstr(line, "io_uring") != NULL;
    }
    fclose(file);
    return n;
}

static int count_blocked_signals(void)
{
    sigset_t blocked;
    int n = 0;

    sigprocmask(SIG_BLOCK, NULL, &blocked);
    for (int number = 1; number < NSIG; number++) {
        n += sigismember(&blocked, number) == 1;
    }
    return n;
}

void faults_take_stock(struct holdings *out)
{
    memset(out, 0, sizeof *out);
    out->n_allocations = atomic_load(&n_allocations);
    out->mapped_bytes = atomic_load(&mapped_bytes);
    out->n_thread_keys = atomic_load(&n_thread_keys);
    out->n_descriptors = count_entries("/proc/self/fd");
    /* A joined thread leaves the list a moment after it was joined. */
    out->n_threads = count_entries("/proc/self/task");
    out->n_rings = count_rings();
    out->n_blocked_signals = count_blocked_signals();
}

bool faults_same_stock(const struct holdings *a, const struct holdings *b)
{
    return a->n_allocations == b->n_allocations && a->mapped_bytes == b->mapped_bytes &&
           a->n_descriptors == b->n_descriptors && a->n_threads == b->n_threads &&
           a->n_rings == b->n_rings && a->n_thread_keys == b->n_thread_keys &&
           a->n_blocked_signals == b->n_blocked_signals;
}

const char *faults_describe(const struct holdings *held)
{
    static char text[2][200];
    static int turn;

    turn ^= 1;
    snprintf(text[turn], sizeof text[turn],
             "%ld allocations, %ld bytes mapped, %d descriptors, %d threads, %d rings, %d keys, "
             "%d signals blocked",
             held->n_allocations, held->mapped_bytes, held->n_descriptors, held->n_threads,
             held->n_rings, held->n_thread_keys, held->n_blocked_signals);
    return text[turn];
}
