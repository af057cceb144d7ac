/*
 * Runs before a burst, and for each packet of a paced flow.
 *
 *  44      45      46              48
 *  +-------+-------+-------+-------+------ - - -
 *  | Flags | Type  |    Length     | random octets
 *  | 0x80  |   1   | n - 48        |
 *  +-------+-------+-------+-------+------ - - -
 *
 * The sender sets the U flag (RFC 8972 section 4): a reflector that knows the
 * TLV clears it.
 */
#include "common/wire/padding.h"

#include <string.h>

#include "common/wire/stamp.h"

#define TLV_HEADER_BYTES 4
#define TLV_FLAG_U       0x80
#define TLV_PADDING      1

void spd_padding_fill(void *packet, size_t n_bytes, uint64_t *state)
{
    uint8_t *p = packet;
    uint64_t x = *state;

    for (size_t i = 0; i < n_bytes; i++) {
        x ^= x << 13; /* xorshift64 (Marsaglia 2003) */
        x ^= x >> 7;
        x ^= x << 17;
        p[i] = (uint8_t)(x >> 24);
    }
    *state = x;
}

void spd_padding_set_length(void *packet, size_t n_bytes)
{
    uint8_t *p = (uint8_t *)packet + SPD_STAMP_BYTES;
    size_t n_tail = n_bytes > SPD_STAMP_BYTES ? n_bytes - SPD_STAMP_BYTES : 0;

    if (n_tail < TLV_HEADER_BYTES) {
        memset(p, 0, n_tail);
        return;
    }
    n_tail -= TLV_HEADER_BYTES;
    p[0] = TLV_FLAG_U;
    p[1] = TLV_PADDING;
    p[2] = (uint8_t)(n_tail >> 8);
    p[3] = (uint8_t)n_tail;
}
