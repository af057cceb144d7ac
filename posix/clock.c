/*
 * The counter and the time of day through the vDSO. Any thread, also the
 * time-critical one: nothing here blocks, locks or allocates, but for
 * spd_clock_source, which reads a file the first time.
 */
#include "common/sys/clock.h"

#include <pthread.h>
#include <stdio.h>
#include <sys/timex.h>
#include <time.h>

#include "posix/textfile.h"

enum { N_CORRELATE_ATTEMPTS = 16 };

static uint64_t read_ns(clockid_t clock)
{
    struct timespec t;

    /* Cannot fail for the clocks used here: they exist since Linux 2.6.28. */
    (void)clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

spd_ticks spd_clock_now(void)
{
    return (spd_ticks){ read_ns(CLOCK_MONOTONIC_RAW) };
}

/* The kernel scales the TSC to nanoseconds, so that is the unit of a tick. */
uint64_t spd_clock_frequency_hz(void)
{
    return UINT64_C(1000000000);
}

spd_wall spd_clock_wall(void)
{
    return (spd_wall){ (int64_t)read_ns(CLOCK_REALTIME) };
}

void spd_clock_correlate(struct spd_clock_pair *out)
{
    uint64_t narrowest = UINT64_MAX;

    /* The time of day was read somewhere between two readings of the counter.
     * An interrupt or a lost time slice between them widens the bracket, so the
     * narrowest of a few is kept, with its middle as the moment. */
    for (int i = 0; i < N_CORRELATE_ATTEMPTS; i++) {
        uint64_t before = read_ns(CLOCK_MONOTONIC_RAW);
        uint64_t wall = read_ns(CLOCK_REALTIME);
        uint64_t after = read_ns(CLOCK_MONOTONIC_RAW);
        uint64_t width = after - before;

        if (width < narrowest) {
            narrowest = width;
            out->ticks.ticks = before + width / 2;
            out->wall.ns = (int64_t)wall;
            /* Half the bracket, rounded up, and the unit of both readings. */
            out->uncertainty_ns = (spd_ns)(width / 2 + width % 2 + 1);
        }
    }
}

int spd_clock_is_synchronised(spd_ns *max_error_ns)
{
    struct timex state = { .modes = 0 }; /* read only: needs no privilege */

    *max_error_ns = -1;
    if (adjtimex(&state) < 0) {
        return -1;
    }
    /* The kernel sets STA_UNSYNC by itself when the stated maximum error has
     * grown to 16 s, so an NTP client that died does not count for ever. */
    if ((state.status & STA_UNSYNC) != 0) {
        return 0;
    }
    *max_error_ns = (spd_ns)state.maxerror * SPD_NS_PER_US;
    return 1;
}

static char source_text[96];

static void find_source(void)
{
    char name[32];
    struct timespec resolution = { 0, 1 };

    if (!spd_textfile_read_line("/sys/devices/system/clocksource/clocksource0/current_clocksource",
                                name, sizeof name)) {
        snprintf(name, sizeof name, "source unknown");
    }
    (void)clock_getres(CLOCK_MONOTONIC_RAW, &resolution);
    snprintf(source_text, sizeof source_text, "CLOCK_MONOTONIC_RAW (%s), %lld ns", name,
             (long long)resolution.tv_sec * SPD_NS_PER_S + (long long)resolution.tv_nsec);
}

const char *spd_clock_source(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, find_source);
    return source_text;
}
