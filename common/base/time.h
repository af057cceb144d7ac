/*
 * Time values and exact conversions.
 *
 * Three kinds that must never be mixed: a duration (spd_ns), a reading of the
 * hardware counter (spd_ticks) and a time of day (spd_wall). The last two are
 * structs so that the compiler tells them apart; durations are plain integers,
 * since arithmetic on them is what most of the program does.
 */
#ifndef SPD_BASE_TIME_H
#define SPD_BASE_TIME_H

#include <stdint.h>

/* A signed duration in nanoseconds. */
typedef int64_t spd_ns;

#define SPD_NS_PER_S  INT64_C(1000000000)
#define SPD_NS_PER_MS INT64_C(1000000)
#define SPD_NS_PER_US INT64_C(1000)
#define SPD_NS_MAX    INT64_MAX
/* As a timeout: wait for ever. */
#define SPD_NS_FOREVER INT64_MAX

/* A raw reading of the hardware counter; its frequency is in sys/clock.h. */
typedef struct { uint64_t ticks; } spd_ticks;

/* A time of day: nanoseconds since 1970-01-01 00:00 UTC. */
typedef struct { int64_t ns; } spd_wall;

/* Ticks to nanoseconds, rounded down, exact at any frequency up to 2^32 Hz
 * for readings of up to 2^63 ns. frequency_hz must not be 0. */
uint64_t spd_ticks_to_ns(uint64_t n_ticks, uint64_t frequency_hz);

/* later - earlier in nanoseconds; negative if the order is the other way. */
spd_ns spd_ticks_diff_ns(spd_ticks later, spd_ticks earlier, uint64_t frequency_hz);

static inline spd_ns spd_wall_diff_ns(spd_wall later, spd_wall earlier)
{
    return later.ns - earlier.ns;
}

static inline spd_wall spd_wall_add(spd_wall t, spd_ns d)
{
    return (spd_wall){ t.ns + d };
}

/* A counter reading and the time of day at the same moment. */
struct spd_clock_pair {
    spd_ticks ticks;
    spd_wall wall;
    spd_ns uncertainty_ns; /* at most this far apart */
};

/* The time of day at a counter reading, by the pair; good for readings near
 * it (the two clocks may drift by up to 500 ppm against each other). */
spd_wall spd_clock_pair_wall(const struct spd_clock_pair *pair, spd_ticks at,
                             uint64_t frequency_hz);

#endif
