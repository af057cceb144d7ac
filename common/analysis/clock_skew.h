/*
 * The skew between two clocks, from the one-way latencies of a flow, and its
 * removal. The receiver's clock is said to have a positive skew when it runs
 * faster than the sender's: latencies then grow with time.
 *
 * Three methods; clock_skew.md beside this file explains them and has the
 * measured errors of each under each load:
 *   hull             a line under the lower convex hull of the latencies over
 *                    time, chosen by how many packets lie close above it. The
 *                    default: congestion only lifts packets away from the line
 *                    and cannot bend it, as long as the queue is empty now and
 *                    then (5 % of the packets are enough).
 *   least absolute   least absolute deviation: bears up to half of the
 *                    packets delayed, if they are spread over time.
 *   least squares    bent by any congestion that is not the same throughout.
 * Pure; any thread.
 */
#ifndef SPD_ANALYSIS_CLOCK_SKEW_H
#define SPD_ANALYSIS_CLOCK_SKEW_H

#include <stdbool.h>
#include <stddef.h>

#include "common/analysis/series.h"
#include "common/base/err.h"

enum spd_skew_method {
    SPD_SKEW_HULL, /* the default: zero */
    SPD_SKEW_LEAST_ABSOLUTE,
    SPD_SKEW_LEAST_SQUARES,
    SPD_SKEW_METHOD_COUNT
};
const char *spd_skew_method_text(enum spd_skew_method method); /* "hull", ... */

/* No pair of quartz clocks drifts apart faster: 1000 ppm. What does is a queue
 * that grows or drains; it is never taken for skew. */
#define SPD_SKEW_MAX_PPB 1000000.0

/* Fewer points than this tell nothing. */
#define SPD_SKEW_POINTS_MIN 8

struct spd_skew {
    enum spd_skew_method method;
    bool known;       /* false: too few packets, no time passed, or no plausible slope;
                         the figures are then 0 */
    bool significant; /* the interval excludes zero: worth removing */
    size_t n;         /* latencies that it rests on */
    double skew_ppb;
    /* Where the skew lies with a confidence of 95 %, given that
     *   hull             in the first and in the last third of the time that
     *                    its packets span, some packets met an empty queue
     *                    (the data cannot prove that);
     *   the others       delays further apart than 1/32 of the time are
     *                    independent, and congestion is the same throughout. */
    double low_ppb;
    double high_ppb;
    /* The line: the latency at the time of sending at_sent_ns. */
    int64_t at_sent_ns;
    spd_ns latency_ns;
    size_t n_support; /* hull: packets close to the line */
};

/* Errors: NOMEM. Needs up to 12 bytes a point meanwhile (least squares none).
 * O(n) when the send times rise, else with the time to sort them; least
 * absolute O(n) for each of at most 40 halvings. */
enum spd_err spd_clock_skew_estimate(const struct spd_point *points, size_t n,
                                     enum spd_skew_method method, struct spd_skew *out);

/* Take a slope out of the latencies, in place; the latency at at_sent_ns stays. */
void spd_clock_skew_remove(struct spd_point *points, size_t n, double skew_ppb, int64_t at_sent_ns);

#endif
