/*
 * The counter and the time of day. Any thread, also the time-critical one:
 * nothing here blocks, locks or allocates.
 */
#include "common/sys/clock.h"

#include <winsock2.h>
#include <windows.h>

#include <stdio.h>

enum { N_CORRELATE_ATTEMPTS = 16 };

/* From 1601-01-01, the epoch of Windows, to 1970-01-01, in its 100 ns. */
#define EPOCH_DIFFERENCE_100NS INT64_C(116444736000000000)
#define NS_PER_100NS           100

spd_ticks spd_clock_now(void)
{
    LARGE_INTEGER now;

    QueryPerformanceCounter(&now); /* cannot fail since Windows XP */
    return (spd_ticks){ (uint64_t)now.QuadPart };
}

uint64_t spd_clock_frequency_hz(void)
{
    static uint64_t frequency_hz;
    uint64_t known = __atomic_load_n(&frequency_hz, __ATOMIC_RELAXED);

    if (known == 0) {
        LARGE_INTEGER read;

        QueryPerformanceFrequency(&read);
        known = (uint64_t)read.QuadPart;
        __atomic_store_n(&frequency_hz, known, __ATOMIC_RELAXED);
    }
    return known;
}

spd_wall spd_clock_wall(void)
{
    FILETIME time;

    GetSystemTimePreciseAsFileTime(&time);
    int64_t since_1601 = (int64_t)((uint64_t)time.dwHighDateTime << 32 | time.dwLowDateTime);
    return (spd_wall){ (since_1601 - EPOCH_DIFFERENCE_100NS) * NS_PER_100NS };
}

void spd_clock_correlate(struct spd_clock_pair *out)
{
    uint64_t frequency_hz = spd_clock_frequency_hz();
    uint64_t narrowest = UINT64_MAX;

    /* The time of day was read somewhere between two readings of the counter.
     * An interrupt or a lost time slice between them widens the bracket, so the
     * narrowest of a few is kept, with its middle as the moment. */
    for (int i = 0; i < N_CORRELATE_ATTEMPTS; i++) {
        uint64_t before = spd_clock_now().ticks;
        spd_wall wall = spd_clock_wall();
        uint64_t width = spd_clock_now().ticks - before;

        if (width < narrowest) {
            narrowest = width;
            out->ticks.ticks = before + width / 2;
            out->wall = wall;
            /* Half the bracket, rounded up, and the unit of both readings. */
            out->uncertainty_ns =
                (spd_ns)spd_ticks_to_ns(width / 2 + width % 2 + 1, frequency_hz) + NS_PER_100NS;
        }
    }
}

int spd_clock_is_synchronised(spd_ns *max_error_ns)
{
    /* Only the time service itself knows, and has no interface that tells. */
    *max_error_ns = -1;
    return -1;
}

static char source_text[64];

static BOOL CALLBACK find_source(INIT_ONCE *once, void *parameter, void **context)
{
    uint64_t frequency_hz = spd_clock_frequency_hz();

    (void)once;
    (void)parameter;
    (void)context;
    snprintf(
        source_text, sizeof source_text, "QueryPerformanceCounter, %llu ns",
        (unsigned long long)((SPD_NS_PER_S + (spd_ns)frequency_hz - 1) / (spd_ns)frequency_hz));
    return TRUE;
}

const char *spd_clock_source(void)
{
    static INIT_ONCE once = INIT_ONCE_STATIC_INIT;

    InitOnceExecuteOnce(&once, find_source, NULL, NULL);
    return source_text;
}
