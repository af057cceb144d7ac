/*
 * Time stamps and the Error Estimate as they stand in STAMP and TWAMP packets.
 *
 * A stamp is kept as the 64-bit number that its 8 octets are (big-endian). Two
 * formats (RFC 8762 section 4.2.1, RFC 8186), told apart by the Z bit of the
 * Error Estimate that goes with the stamp:
 *   NTP   seconds since 1900 mod 2^32, fraction in units of 2^-32 s (RFC 5905)
 *   PTPv2 seconds mod 2^32, nanoseconds 0..999999999 (IEEE 1588 truncated)
 * Pure functions; any thread.
 */
#ifndef SPD_WIRE_NTPTIME_H
#define SPD_WIRE_NTPTIME_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/time.h"

/* To the NTP format, rounded to nearest; to_wall is its inverse to the ns.
 * Times outside of era 0 wrap. */
uint64_t spd_ntptime_from_wall(spd_wall t);

/* The time of day nearest to `near` that has this stamp: resolves the era
 * (2036 and on). */
spd_wall spd_ntptime_to_wall(uint64_t stamp, spd_wall near);

uint64_t spd_ptptime_from_wall(spd_wall t);
/* Errors: FORMAT when the nanoseconds are 10^9 or more. */
enum spd_err spd_ptptime_to_wall(uint64_t stamp, spd_wall near, spd_wall *out);

/* Either format by the Z bit of the error estimate. Errors: FORMAT. */
enum spd_err spd_stamptime_to_wall(uint64_t stamp, uint16_t error_estimate, spd_wall near,
                                   spd_wall *out);

#define SPD_ERROR_ESTIMATE_S 0x8000u /* synchronised to UTC */
#define SPD_ERROR_ESTIMATE_Z 0x4000u /* PTPv2 format */
#define SPD_ERROR_ESTIMATE_UNKNOWN 0x0001u

/* RFC 4656 section 4.1.2: error = Multiplier * 2^(Scale - 32) seconds; the
 * smallest representable estimate that is not below error_ns. A negative
 * error_ns means unknown. */
uint16_t spd_error_estimate_encode(bool synchronised, bool ptp, spd_ns error_ns);

/* Errors: FORMAT when the Multiplier is 0. *error_ns is rounded up, and
 * saturates at SPD_NS_MAX. */
enum spd_err spd_error_estimate_decode(uint16_t estimate, bool *synchronised, bool *ptp,
                                       spd_ns *error_ns);

#endif
