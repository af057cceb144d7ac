/*
 * Sorting and selection in linear time, for samples of any size and any
 * content: what comes from the network cannot make them slow. They allocate
 * nothing; the caller gives the scratch. Pure; any thread.
 */
#ifndef SPD_ANALYSIS_SORT_H
#define SPD_ANALYSIS_SORT_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/time.h"

/* Ascending, in place; scratch holds n values. */
void spd_sort_ns(spd_ns *values, spd_ns *scratch, size_t n);

/* Put items, n places among keys, in the order of their keys: stable, in place.
 * The key of place i is keys[i * stride], so that keys may lie in structs.
 * scratch holds n. Nothing is moved when they are in order already. */
void spd_sort_items(const spd_ns *keys, size_t stride, uint32_t *items, uint32_t *scratch,
                    size_t n);

/* The value that would stand at this rank (0..n - 1) if values were sorted;
 * reorders them. Expected linear time. */
spd_ns spd_select_ns(spd_ns *values, size_t n, size_t rank);
double spd_select_double(double *values, size_t n, size_t rank);

/* The lower median, by selection. n > 0. */
spd_ns spd_select_median_ns(spd_ns *values, size_t n);

#endif
