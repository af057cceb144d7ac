/*
 * Reordering by the next expected number. Any thread but a measuring one: it
 * allocates.
 */
#include "common/analysis/reorder.h"

#include <stdlib.h>

#include "common/base/seqnum.h"

/* The earliest arrival with a larger number: highest[] rises, so it is found
 * by halving. There is one, since the packet is reordered. */
static size_t first_above(const int32_t *highest, size_t n, int32_t value)
{
    size_t low = 0;
    size_t high = n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (highest[middle] > value)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

enum spd_err spd_reorder_add(const uint32_t *seqs, size_t n, uint32_t *extents,
                             struct spd_reorder *sum)
{
    if (n == 0)
        return SPD_ERR_OK;
    /* Numbers as distances from the first arrival, and their running maximum:
     * NextExp of RFC 4737 section 3.3 less one. */
    int32_t *highest = malloc(n * sizeof *highest);
    if (highest == NULL)
        return SPD_ERR_NOMEM;

    for (size_t i = 0; i < n; i++) {
        int32_t value = spd_seqnum_diff(seqs[i], seqs[0]);
        uint32_t extent = 0;

        highest[i] = value;
        if (i > 0 && value < highest[i - 1]) {
            highest[i] = highest[i - 1];
            /* RFC 4737 section 4.2.3: i - j for the smallest j with s[j] > s[i]. */
            extent = (uint32_t)(i - first_above(highest, i, value));
            sum->n_reordered++;
            if (extent > sum->extent_max_packets)
                sum->extent_max_packets = extent;
        }
        if (extents != NULL)
            extents[i] = extent;
    }
    sum->n_packets += (uint32_t)n;
    free(highest);
    return SPD_ERR_OK;
}
