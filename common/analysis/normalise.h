/*
 * Normalisation: the lowest send time is subtracted from all times, then the
 * lowest latency from the latencies, so that what remains is the variable part
 * of the delay (RFC 5481 PDV). A receiver clock behind the sender's gives
 * negative raw latencies, which are as good as any. Pure; any thread.
 */
#ifndef SPD_ANALYSIS_NORMALISE_H
#define SPD_ANALYSIS_NORMALISE_H

#include <stddef.h>

#include "common/analysis/series.h"

/* What is subtracted. */
struct spd_normal_origin {
    int64_t sent_ns;   /* the lowest send time */
    spd_ns latency_ns; /* the lowest latency; SPD_NS_UNKNOWN when all were lost */
};

/* The origin of the points themselves; of none: { 0, SPD_NS_UNKNOWN }. Another
 * latency may be put in its place, e.g. the minimum of a calibration. */
struct spd_normal_origin spd_normalise_origin(const struct spd_point *points, size_t n);

/* Subtract it in place; lost packets stay unknown. The normalised time of
 * arrival is the normalised send time plus the normalised latency. Differences
 * that overflow are held at the ends of the range. */
void spd_normalise(struct spd_point *points, size_t n, const struct spd_normal_origin *origin);

#endif
