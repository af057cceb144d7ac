/*
 * The hardware counter and the time of day. Any thread; never blocks.
 *
 * Windows: QueryPerformanceCounter and GetSystemTimePreciseAsFileTime.
 * Linux: CLOCK_MONOTONIC_RAW (the counter, TSC backed) and CLOCK_REALTIME.
 * The time of day is never a fall-back for the counter.
 */
#ifndef SPD_SYS_CLOCK_H
#define SPD_SYS_CLOCK_H

#include "common/base/time.h"

spd_ticks spd_clock_now(void);
uint64_t spd_clock_frequency_hz(void); /* constant while the system runs */
spd_wall spd_clock_wall(void);

/* A counter reading and the time of day at the same moment, the best of a few
 * attempts. */
void spd_clock_correlate(struct spd_clock_pair *out);

/* Whether a service keeps the time of day synchronised to UTC: 1 yes, 0 no,
 * -1 the system does not tell; and its stated maximum error (-1 unknown). For
 * the Error Estimate of RFC 4656 section 4.1.2. */
int spd_clock_is_synchronised(spd_ns *max_error_ns);

/* "CLOCK_MONOTONIC_RAW (tsc), 1 ns", "QueryPerformanceCounter, 100 ns". Static. */
const char *spd_clock_source(void);

#endif
