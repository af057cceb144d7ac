/*
 * RFC 4656 section 4.1.2, unauthenticated mode:
 *
 *   off len
 *   0   4   Sequence Number, from 0
 *   4   8   Timestamp
 *   12  2   Error Estimate
 *   14  ..  Packet Padding
 *
 * Runs on the receiver's thread, on whatever arrives.
 */
#include "common/wire/owamp_test.h"

#include "common/base/assert.h"
#include "common/base/cursor.h"

#define MULTIPLIER_MASK 0x00FFu

void spd_owamp_test_write(uint8_t packet[SPD_OWAMP_TEST_BYTES], const struct spd_owamp_test *test)
{
    struct spd_writer w = spd_writer_over(packet, SPD_OWAMP_TEST_BYTES);

    spd_write_u32(&w, test->seq);
    spd_write_u64(&w, test->timestamp);
    spd_write_u16(&w, test->error_estimate);
    SPD_ASSERT(!w.failed && w.n_left == 0);
}

enum spd_err spd_owamp_test_read(const void *packet, size_t n_bytes, struct spd_owamp_test *out)
{
    struct spd_reader r = spd_reader_over(packet, n_bytes);
    struct spd_owamp_test got;

    got.seq = spd_read_u32(&r);
    got.timestamp = spd_read_u64(&r);
    got.error_estimate = spd_read_u16(&r);
    /* Section 4.1.2: 14 octets at least; a zero Multiplier means a corrupt packet. */
    if (r.failed || (got.error_estimate & MULTIPLIER_MASK) == 0)
        return SPD_ERR_FORMAT;
    *out = got;
    return SPD_ERR_OK;
}
