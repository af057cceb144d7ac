/*
 * Percentiles and median as RFC 2330 section 11.3 defines them: the percentile
 * is the smallest value x of the sample for which at least that part of the
 * sample is <= x (nearest rank, no interpolation); the median of an even
 * number of values is the mean of the central two. Pure; any thread.
 */
#ifndef SPD_ANALYSIS_QUANTILE_H
#define SPD_ANALYSIS_QUANTILE_H

#include <stddef.h>

#include "common/base/time.h"

/* Stands for "no such value" wherever analysis gives nanoseconds. */
#define SPD_NS_UNKNOWN INT64_MIN

/* A sample in figures; RFC 2330 asks to give n with them. All are
 * SPD_NS_UNKNOWN when n is 0. */
struct spd_stats {
    size_t n;
    spd_ns min_ns;
    spd_ns mean_ns; /* rounded to the nearest */
    spd_ns median_ns;
    spd_ns p95_ns;
    spd_ns p99_ns;
    spd_ns p999_ns;
    spd_ns max_ns;
};

/* Sort ascending, in place. n may be 0. */
void spd_quantile_sort(spd_ns *values, size_t n);

/* Of a sorted sample of at least one value; permille 1..1000 (950 is the 95th
 * percentile). */
spd_ns spd_quantile_percentile(const spd_ns *sorted, size_t n, unsigned permille);
spd_ns spd_quantile_median(const spd_ns *sorted, size_t n);

/* Sorts values in place and fills out. */
void spd_quantile_stats(spd_ns *values, size_t n, struct spd_stats *out);

#endif
