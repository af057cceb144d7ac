/*
 * Threads over pthreads. What starts and joins them is any thread; run() runs
 * on the new one. Signals: a thread inherits the mask of the one that starts
 * it, see common/sys/console.h.
 */
#include "common/sys/thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/sys/clock.h"
#include "posix/oserr.h"

struct spd_thread {
    pthread_t id;
    void (*run)(void *argument);
    void *argument;
    char name[16]; /* the kernel keeps 15 characters and a zero */
};

static void *thread_main(void *context)
{
    struct spd_thread *thread = context;

    (void)pthread_setname_np(pthread_self(), thread->name);
    thread->run(thread->argument);
    return NULL;
}

enum spd_err spd_thread_start(struct spd_thread **out, const char *name,
                              void (*run)(void *argument), void *argument)
{
    struct spd_thread *thread = calloc(1, sizeof *thread);
    int rc;

    if (thread == NULL) {
        return SPD_ERR_NOMEM;
    }
    thread->run = run;
    thread->argument = argument;
    snprintf(thread->name, sizeof thread->name, "%s", name);
    rc = pthread_create(&thread->id, NULL, thread_main, thread);
    if (rc != 0) {
        free(thread);
        /* EAGAIN: a limit on threads (RLIMIT_NPROC, pids.max), or no room for
         * the stack; the C library does not tell them apart. */
        return spd_oserr_map(rc);
    }
    *out = thread;
    return SPD_ERR_OK;
}

void spd_thread_join(struct spd_thread *thread)
{
    if (thread == NULL) {
        return;
    }
    (void)pthread_join(thread->id, NULL);
    free(thread);
}

void spd_thread_sleep(spd_ns duration_ns)
{
    uint64_t frequency_hz = spd_clock_frequency_hz();
    spd_ticks start = spd_clock_now();
    spd_ns left_ns = duration_ns;

    /* "At least" is meant by our own counter: the clock of nanosleep is
     * disciplined by NTP and may run up to 500 ppm faster. */
    while (left_ns > 0) {
        struct timespec t = { (time_t)(left_ns / SPD_NS_PER_S), (long)(left_ns % SPD_NS_PER_S) };

        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
        left_ns = duration_ns - spd_ticks_diff_ns(spd_clock_now(), start, frequency_hz);
    }
}
