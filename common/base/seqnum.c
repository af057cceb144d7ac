/*
 * Unwrapping of 32-bit sequence numbers. Any thread, one per counter. Never
 * trusts the numbers: they come from the network.
 */
#include "common/base/seqnum.h"

int64_t spd_seqnum_unwrap(struct spd_seqnum_unwrap *unwrap, uint32_t seq)
{
    if (!unwrap->started) {
        unwrap->started = true;
        unwrap->highest = seq;
        return seq;
    }
    int32_t step = spd_seqnum_diff(seq, (uint32_t)unwrap->highest);
    /* Unsigned: a peer that steps by 2^31 for years must not overflow. */
    int64_t number = (int64_t)((uint64_t)unwrap->highest + (uint64_t)(int64_t)step);

    if (step > 0)
        unwrap->highest = number;
    return number;
}
