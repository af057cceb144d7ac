/*
 * The evidence behind the fate of packets: answered packets in the order of
 * sending, the reflector's numbers of their replies, and the cells into which
 * they divide the sequence. Part of fate; nobody else includes it.
 */
#ifndef SPD_ANALYSIS_FATE_CELLS_H
#define SPD_ANALYSIS_FATE_CELLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

/* An answered packet. Positions and numbers are unwrapped: distances from the
 * first record's sequence number and from the first reply's number. */
struct spd_fate_anchor {
    int64_t position;
    int64_t number;
    int64_t highest; /* number so far, this one included */
    int64_t lowest;  /* number from here on, this one included */
    uint32_t burst;  /* index of the burst record it belongs to or follows */
};

/* A stretch of the sequence that is judged as one: between two neighbours
 * whose replies are in order, or a group that overtook each other. */
struct spd_fate_cell {
    int64_t after; /* positions strictly between these two */
    int64_t before;
    uint32_t burst_from; /* burst records that it touches */
    uint32_t burst_to;
    uint64_t n_packets; /* k: numbers of the sender without an answer */
    uint64_t n_numbers; /* m: numbers of the reflector that never arrived */
};

/* The number of a further reply (a duplicate) to an answered packet. */
struct spd_fate_extra {
    int64_t position;
    int64_t number;
};

/* Divide anchors (n > 0, in the order of their positions) into cells, which
 * needs room for n - 1; fills highest and lowest. scratch needs room for
 * n + n_extras. Stretches over which the reflector's counter started again, or
 * contradicts itself, give no cell. Returns the number of cells. */
size_t spd_fate_cells_find(struct spd_fate_anchor *anchors, size_t n,
                           const struct spd_fate_extra *extras, size_t n_extras, int64_t *scratch,
                           struct spd_fate_cell *cells);

#endif
