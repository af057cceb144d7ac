/*
 * A flow as analysis works on it: one point a packet, in the order of sending.
 * normalise, timer_jump and clock_skew change it in place, in the order of
 * their names' correction: jumps, then skew, then the minimum.
 */
#ifndef SPD_ANALYSIS_SERIES_H
#define SPD_ANALYSIS_SERIES_H

#include <stdint.h>

#include "common/analysis/quantile.h"

/* One packet: 24 bytes, so that ten million of them are no burden. */
struct spd_point {
    int64_t sent_ns;   /* by the sender's clock, since any origin */
    spd_ns latency_ns; /* received - sent, by two clocks; may be negative; SPD_NS_UNKNOWN: lost */
    uint32_t seq;      /* distance from the first sequence number of the flow */
    uint32_t index;    /* of its record; nobody but the caller looks at it */
};

_Static_assert(sizeof(struct spd_point) == 24, "the memory budget of a flow counts on it");

#endif
