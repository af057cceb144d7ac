/*
 * OWAMP-Test packets, unauthenticated mode (RFC 4656 section 4.1.2): 14 octets
 * and any amount of padding. A STAMP test packet begins in the same way, so a
 * sender may go on with one. Pure; any thread.
 */
#ifndef SPD_WIRE_OWAMP_TEST_H
#define SPD_WIRE_OWAMP_TEST_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

#define SPD_OWAMP_TEST_BYTES 14

struct spd_owamp_test {
    uint32_t seq;
    uint64_t timestamp; /* see ntptime.h */
    uint16_t error_estimate;
};

/* Write the 14 octets; what lies behind them stays. */
void spd_owamp_test_write(uint8_t packet[SPD_OWAMP_TEST_BYTES], const struct spd_owamp_test *test);

/* Errors: FORMAT when shorter than 14 octets, or the Multiplier of the Error
 * Estimate is 0. */
enum spd_err spd_owamp_test_read(const void *packet, size_t n_bytes, struct spd_owamp_test *out);

#endif
