/*
 * Sequence numbers of 32 bits that wrap: serial number arithmetic of RFC 1982
 * with SERIAL_BITS = 32. Sequence numbers are never compared otherwise. Pure;
 * any thread.
 */
#ifndef SPD_BASE_SEQNUM_H
#define SPD_BASE_SEQNUM_H

#include <stdbool.h>
#include <stdint.h>

/* How far b lies behind a, from -2^31 to 2^31 - 1: 1 for (0, 2^32 - 1). Two
 * numbers 2^31 apart have no order (RFC 1982 section 3.2); they give -2^31
 * both ways. */
static inline int32_t spd_seqnum_diff(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b);
}

/* a comes before b; false both ways for numbers 2^31 apart. */
static inline bool spd_seqnum_less(uint32_t a, uint32_t b)
{
    return b - a - 1u < 0x7FFFFFFFu;
}

/* Follows one counter through its wraps. Zero is a valid start. */
struct spd_seqnum_unwrap {
    int64_t highest;
    bool started;
};

/* The 64-bit number that seq stands for: the first one itself, each further
 * one at the distance by which it differs from the highest so far. Late ones
 * come out lower, and negative when they precede the start of the count. */
int64_t spd_seqnum_unwrap(struct spd_seqnum_unwrap *unwrap, uint32_t seq);

#endif
