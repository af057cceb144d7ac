/*
 * Exact conversions between counter readings, durations and times of day. Any
 * thread, also the time-critical one: no division by a variable but the two in
 * spd_ticks_to_ns, no floating point.
 */
#include "common/base/time.h"

#include <stdbool.h>

#include "common/base/assert.h"

#define FREQUENCY_MAX_HZ (UINT64_C(1) << 32)

/* Quotient and remainder apart: whole seconds are exact, and the remainder is
 * below the frequency, so that its product with 10^9 stays below 2^62. A
 * truncated period instead would be 1.6 % wrong at 24 MHz. */
uint64_t spd_ticks_to_ns(uint64_t n_ticks, uint64_t frequency_hz)
{
    SPD_ASSERT(frequency_hz > 0 && frequency_hz <= FREQUENCY_MAX_HZ);
    const uint64_t ns_per_s = (uint64_t)SPD_NS_PER_S;
    uint64_t seconds = n_ticks / frequency_hz;
    uint64_t rest_ns = n_ticks % frequency_hz * ns_per_s / frequency_hz;
    uint64_t ns;

    if (__builtin_mul_overflow(seconds, ns_per_s, &ns) || __builtin_add_overflow(ns, rest_ns, &ns))
        return UINT64_MAX;
    return ns;
}

spd_ns spd_ticks_diff_ns(spd_ticks later, spd_ticks earlier, uint64_t frequency_hz)
{
    bool negative = later.ticks < earlier.ticks;
    uint64_t n_ticks = negative ? earlier.ticks - later.ticks : later.ticks - earlier.ticks;
    uint64_t ns = spd_ticks_to_ns(n_ticks, frequency_hz);

    if (ns > (uint64_t)SPD_NS_MAX)
        ns = (uint64_t)SPD_NS_MAX;
    return negative ? -(spd_ns)ns : (spd_ns)ns;
}

spd_wall spd_clock_pair_wall(const struct spd_clock_pair *pair, spd_ticks at, uint64_t frequency_hz)
{
    spd_ns since_ns = spd_ticks_diff_ns(at, pair->ticks, frequency_hz);
    spd_wall wall;

    if (__builtin_add_overflow(pair->wall.ns, since_ns, &wall.ns))
        wall.ns = since_ns < 0 ? INT64_MIN : INT64_MAX;
    return wall;
}
