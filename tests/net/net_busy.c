/*
 * Whether the computer is ours: tests that measure microseconds say so when
 * they miss their limits because somebody else was running.
 */
#include <sched.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/net/net.h"

#define PROBE_NS INT64_C(300000000)
#define HOLE_NS  INT64_C(50000)
#define BUSY     0.02

static int64_t counter_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC_RAW, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* The share of the time for which a loop on this processor stood still. */
static double share_taken(int cpu)
{
    cpu_set_t set;
    int64_t start, last, taken = 0;

    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0)
        return 0;
    start = last = counter_ns();
    while (last - start < PROBE_NS) {
        int64_t now = counter_ns();

        if (now - last > HOLE_NS)
            taken += now - last;
        last = now;
    }
    return (double)taken / (double)PROBE_NS;
}

void net_hold_unless_busy(bool holds)
{
    cpu_set_t before;
    double most = 0;

    if (holds)
        return;
    sched_getaffinity(0, sizeof before, &before);
    for (int cpu = 0; cpu < (int)sysconf(_SC_NPROCESSORS_ONLN); cpu++) {
        double share = share_taken(cpu);

        most = share > most ? share : most;
    }
    sched_setaffinity(0, sizeof before, &before);
    if (most < BUSY)
        fail_msg("a limit was missed in every attempt, on a computer that is idle (others took "
                 "%.1f %% of a processor)",
                 100 * most);
    printf("skipped: others take %.0f %% of a processor: too much to measure microseconds\n",
           100 * most);
    skip();
}
