/*
 * Reordering as RFC 4737 defines it: a packet is reordered when it arrives
 * after one with a larger sequence number (section 3.3, by the next expected
 * number); its extent is the distance in arrivals to the earliest such packet
 * (section 4.2.3). Duplicates count once, by the first copy. Pure; any thread.
 */
#ifndef SPD_ANALYSIS_REORDER_H
#define SPD_ANALYSIS_REORDER_H

#include "common/base/err.h"

#include <stddef.h>
#include <stdint.h>

struct spd_reorder {
    uint32_t n_packets; /* L of RFC 4737 section 4.1: arrived */
    uint32_t n_reordered;
    uint32_t extent_max_packets;
};

/* Sequence numbers in the order of arrival (serial arithmetic, so they may
 * wrap). extents (may be NULL) gets for each arrival its extent in packets, 0
 * when it is in order. Adds to *sum, so that several bursts can be counted
 * together. Errors: NOMEM, then *sum is unchanged. */
enum spd_err spd_reorder_add(const uint32_t *seqs, size_t n, uint32_t *extents,
                             struct spd_reorder *sum);

#endif
