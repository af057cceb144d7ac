/*
 * What the three methods share. Part of clock_skew; nobody else includes it.
 */
#ifndef SPD_ANALYSIS_CLOCK_SKEW_PRIVATE_H
#define SPD_ANALYSIS_CLOCK_SKEW_PRIVATE_H

#include "common/analysis/clock_skew.h"

/* Latencies and times as small numbers around zero, for floating point: raw
 * ones may be those of clocks decades apart. */
struct spd_skew_frame {
    int64_t sent_ns; /* of the first known point */
    spd_ns latency_ns;
    size_t n; /* known points */
};

/* Exact differences first: a double holds no time of day to the nanosecond. */
double spd_skew_time(const struct spd_skew_frame *frame, const struct spd_point *point);
double spd_skew_latency(const struct spd_skew_frame *frame, const struct spd_point *point);
/* And back: a latency of the frame as a raw one, held at the ends of the range. */
spd_ns spd_skew_raw_latency(const struct spd_skew_frame *frame, double latency);

/* The error of a regression slope is judged from how much it owes to each of
 * this many stretches of time, within which delays may depend on one another. */
enum { SPD_SKEW_N_CLUSTERS = 32 };
#define SPD_SKEW_T_CLUSTERS 2.04 /* Student's t, 97.5 %, 31 degrees of freedom */

enum spd_err spd_skew_hull(const struct spd_point *points, size_t n,
                           const struct spd_skew_frame *frame, struct spd_skew *out);
enum spd_err spd_skew_least_absolute(const struct spd_point *points, size_t n,
                                     const struct spd_skew_frame *frame, struct spd_skew *out);
void spd_skew_least_squares(const struct spd_point *points, size_t n,
                            const struct spd_skew_frame *frame, struct spd_skew *out);

#endif
