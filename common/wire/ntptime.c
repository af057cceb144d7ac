/*
 * Time stamps and Error Estimates of STAMP and TWAMP packets. Any thread, also
 * between the packets of a burst: no loops but one of 63 steps at most, no
 * floating point, nothing fetched.
 */
#include "common/wire/ntptime.h"

/* From 1900-01-01 to 1970-01-01 UTC: 70 years with 17 leap days. */
#define NTP_UNIX_OFFSET_S INT64_C(2208988800)
#define NS_PER_S          SPD_NS_PER_S

/* Both formats count seconds modulo 2^32 (about 136 years). */
#define ERA_NS (NS_PER_S << 32)

/* Whole seconds and 0..999999999 ns, also before 1970. */
static int64_t floor_seconds(int64_t ns, int64_t *rest_ns)
{
    int64_t seconds = ns / NS_PER_S;

    *rest_ns = ns % NS_PER_S;
    if (*rest_ns < 0) {
        *rest_ns += NS_PER_S;
        seconds--;
    }
    return seconds;
}

/* The time nearest to `near` that lies `era_ns` (0..ERA_NS) after the start of
 * some era, where near itself lies near_era_ns after the start of its own.
 * Half an era away on both sides counts as later. */
static spd_wall nearest(int64_t era_ns, int64_t near_era_ns, spd_wall near)
{
    int64_t ahead_ns = era_ns - near_era_ns;
    spd_wall t;

    if (ahead_ns > ERA_NS / 2)
        ahead_ns -= ERA_NS;
    else if (ahead_ns <= -ERA_NS / 2)
        ahead_ns += ERA_NS;
    /* At the ends of what 64 bits of nanoseconds hold, the other era is taken. */
    if (__builtin_add_overflow(near.ns, ahead_ns, &t.ns))
        t.ns = near.ns + (ahead_ns > 0 ? ahead_ns - ERA_NS : ahead_ns + ERA_NS);
    return t;
}

static int64_t position_in_era(spd_wall t, int64_t offset_s)
{
    int64_t rest_ns;
    int64_t seconds = floor_seconds(t.ns, &rest_ns);

    return (int64_t)(uint32_t)(seconds + offset_s) * NS_PER_S + rest_ns;
}

/*
 * NTP 64-bit format, RFC 4656 section 4.1.2 and RFC 5905 section 6:
 *
 *   off len
 *   0   4   seconds since 1900-01-01 00:00 UTC, modulo 2^32
 *   4   4   fraction of a second, in units of 2^-32 s
 */
uint64_t spd_ntptime_from_wall(spd_wall t)
{
    int64_t rest_ns;
    uint32_t seconds = (uint32_t)(floor_seconds(t.ns, &rest_ns) + NTP_UNIX_OFFSET_S);
    /* At most 2^32 - 4 after rounding, so it never carries into the seconds. */
    uint64_t fraction = (((uint64_t)rest_ns << 32) + NS_PER_S / 2) / NS_PER_S;

    return (uint64_t)seconds << 32 | fraction;
}

spd_wall spd_ntptime_to_wall(uint64_t stamp, spd_wall near)
{
    uint64_t fraction = stamp & UINT32_MAX;
    /* May round up to a whole second, which then is the next one. */
    int64_t rest_ns = (int64_t)((fraction * NS_PER_S + (UINT64_C(1) << 31)) >> 32);
    int64_t era_ns = (int64_t)(stamp >> 32) * NS_PER_S + rest_ns;

    return nearest(era_ns, position_in_era(near, NTP_UNIX_OFFSET_S), near);
}

/*
 * PTPv2 truncated format, RFC 8186 section 2.3 after IEEE 1588-2008:
 *
 *   off len
 *   0   4   seconds since 1970-01-01, modulo 2^32
 *   4   4   nanoseconds, 0..999999999
 *
 * PTP counts TAI, which is 37 s ahead of UTC now; hosts that serve this format
 * from their time of day send UTC, and so do we. The difference is a constant
 * that no delay variation and no round trip sees.
 */
uint64_t spd_ptptime_from_wall(spd_wall t)
{
    int64_t rest_ns;
    uint32_t seconds = (uint32_t)floor_seconds(t.ns, &rest_ns);

    return (uint64_t)seconds << 32 | (uint64_t)rest_ns;
}

enum spd_err spd_ptptime_to_wall(uint64_t stamp, spd_wall near, spd_wall *out)
{
    int64_t rest_ns = (int64_t)(stamp & UINT32_MAX);

    if (rest_ns >= NS_PER_S)
        return SPD_ERR_FORMAT;
    *out = nearest((int64_t)(stamp >> 32) * NS_PER_S + rest_ns, position_in_era(near, 0), near);
    return SPD_ERR_OK;
}

enum spd_err spd_stamptime_to_wall(uint64_t stamp, uint16_t error_estimate, spd_wall near,
                                   spd_wall *out)
{
    /* RFC 8762 section 4.2.1: Z tells the format. */
    if (error_estimate & SPD_ERROR_ESTIMATE_Z)
        return spd_ptptime_to_wall(stamp, near, out);
    *out = spd_ntptime_to_wall(stamp, near);
    return SPD_ERR_OK;
}

/*
 * Error Estimate, RFC 4656 section 4.1.2, Z by RFC 8186 section 2.3:
 *
 *   bit 0   S           the clock is synchronised to UTC
 *   bit 1   Z           format of the stamps it goes with
 *   2..7    Scale
 *   8..15   Multiplier  never 0;  error = Multiplier * 2^(Scale - 32) s
 */
#define SCALE_SHIFT     8
#define SCALE_MASK      0x3Fu
#define MULTIPLIER_MASK 0xFFu

uint16_t spd_error_estimate_encode(bool synchronised, bool ptp, spd_ns error_ns)
{
    unsigned estimate =
        (synchronised ? SPD_ERROR_ESTIMATE_S : 0) | (ptp ? SPD_ERROR_ESTIMATE_Z : 0);
    unsigned scale = 0;

    if (error_ns <= 0)
        return (uint16_t)(estimate | SPD_ERROR_ESTIMATE_UNKNOWN);
    /* In units of 2^-32 s, rounded up: an estimate must not promise too much.
     * 2^63 ns are 2^66 of them, and Scale 58 holds these. */
    unsigned __int128 units =
        (((unsigned __int128)error_ns << 32) + NS_PER_S - 1) / (unsigned __int128)NS_PER_S;
    while (units > MULTIPLIER_MASK) {
        units = (units + 1) / 2;
        scale++;
    }
    return (uint16_t)(estimate | scale << SCALE_SHIFT | (unsigned)units);
}

enum spd_err spd_error_estimate_decode(uint16_t estimate, bool *synchronised, bool *ptp,
                                       spd_ns *error_ns)
{
    unsigned multiplier = estimate & MULTIPLIER_MASK;
    unsigned scale = estimate >> SCALE_SHIFT & SCALE_MASK;

    /* RFC 4656 section 4.1.2: a zero Multiplier means a corrupt packet. */
    if (multiplier == 0)
        return SPD_ERR_FORMAT;
    unsigned __int128 product = ((unsigned __int128)multiplier << scale) * (uint64_t)NS_PER_S;
    unsigned __int128 ns = (product + UINT32_MAX) >> 32;

    *synchronised = (estimate & SPD_ERROR_ESTIMATE_S) != 0;
    *ptp = (estimate & SPD_ERROR_ESTIMATE_Z) != 0;
    *error_ns = ns > (unsigned __int128)SPD_NS_MAX ? SPD_NS_MAX : (spd_ns)ns;
    return SPD_ERR_OK;
}
