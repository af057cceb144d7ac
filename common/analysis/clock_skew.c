/*
 * Choice of the method, least squares, and removal of the slope. Any thread but
 * a measuring one: it allocates. The stamps come from the network and may be
 * any numbers.
 */
#include "common/analysis/clock_skew.h"

#include <math.h>

#include "common/analysis/clock_skew_private.h"
#include "common/analysis/variation.h"
#include "common/base/assert.h"

const char *spd_skew_method_text(enum spd_skew_method method)
{
    static const char *const texts[SPD_SKEW_METHOD_COUNT] = {
        [SPD_SKEW_HULL] = "hull",
        [SPD_SKEW_LEAST_ABSOLUTE] = "least absolute deviation",
        [SPD_SKEW_LEAST_SQUARES] = "least squares",
    };

    return (unsigned)method < SPD_SKEW_METHOD_COUNT ? texts[method] : "unknown";
}

double spd_skew_time(const struct spd_skew_frame *frame, const struct spd_point *point)
{
    return (double)spd_variation_diff(point->sent_ns, frame->sent_ns);
}

double spd_skew_latency(const struct spd_skew_frame *frame, const struct spd_point *point)
{
    return (double)spd_variation_diff(point->latency_ns, frame->latency_ns);
}

/* Beyond this there is no integer to round to, and no clock. */
static double held(double ns)
{
    return fmax(fmin(ns, 4e18), -4e18);
}

spd_ns spd_skew_raw_latency(const struct spd_skew_frame *frame, double latency)
{
    return spd_variation_diff(frame->latency_ns, (spd_ns)llrint(held(-latency)));
}

static struct spd_skew_frame frame_of(const struct spd_point *points, size_t n)
{
    struct spd_skew_frame frame = { 0, 0, 0 };

    for (size_t i = 0; i < n; i++) {
        if (points[i].latency_ns == SPD_NS_UNKNOWN)
            continue;
        if (frame.n++ == 0) {
            frame.sent_ns = points[i].sent_ns;
            frame.latency_ns = points[i].latency_ns;
        }
    }
    return frame;
}

struct moments {
    double mean_time, mean_latency, times, products;
};

static struct moments moments_of(const struct spd_point *points, size_t n,
                                 const struct spd_skew_frame *frame)
{
    struct moments m = { 0 };

    /* Two passes: the sums of squares around the means lose no digits. */
    for (size_t i = 0; i < n; i++) {
        if (points[i].latency_ns == SPD_NS_UNKNOWN)
            continue;
        m.mean_time += spd_skew_time(frame, &points[i]);
        m.mean_latency += spd_skew_latency(frame, &points[i]);
    }
    m.mean_time /= (double)frame->n;
    m.mean_latency /= (double)frame->n;
    for (size_t i = 0; i < n; i++) {
        if (points[i].latency_ns == SPD_NS_UNKNOWN)
            continue;
        double time = spd_skew_time(frame, &points[i]) - m.mean_time;
        m.times += time * time;
        m.products += time * (spd_skew_latency(frame, &points[i]) - m.mean_latency);
    }
    return m;
}

void spd_skew_least_squares(const struct spd_point *points, size_t n,
                            const struct spd_skew_frame *frame, struct spd_skew *out)
{
    struct moments m = moments_of(points, n, frame);
    double sums[SPD_SKEW_N_CLUSTERS] = { 0 };
    double variance = 0.0;
    size_t seen = 0;

    if (!(m.times > 0.0))
        return;
    double slope = m.products / m.times;
    /* Cluster-robust (Liang and Zeger 1986): scores are summed within stretches
     * of time before they are squared, since neighbours share a queue. */
    for (size_t i = 0; i < n; i++) {
        if (points[i].latency_ns == SPD_NS_UNKNOWN)
            continue;
        double time = spd_skew_time(frame, &points[i]) - m.mean_time;
        double residual = spd_skew_latency(frame, &points[i]) - m.mean_latency - slope * time;
        sums[seen++ * SPD_SKEW_N_CLUSTERS / frame->n] += time * residual;
    }
    for (size_t c = 0; c < SPD_SKEW_N_CLUSTERS; c++)
        variance += sums[c] * sums[c];
    double margin = SPD_SKEW_T_CLUSTERS * sqrt(variance) / m.times;

    out->known = true;
    out->skew_ppb = slope * 1e9;
    out->low_ppb = (slope - margin) * 1e9;
    out->high_ppb = (slope + margin) * 1e9;
    out->latency_ns = spd_skew_raw_latency(frame, m.mean_latency - slope * m.mean_time);
}

enum spd_err spd_clock_skew_estimate(const struct spd_point *points, size_t n,
                                     enum spd_skew_method method, struct spd_skew *out)
{
    struct spd_skew_frame frame = frame_of(points, n);
    struct spd_skew skew = { .method = method, .n = frame.n, .at_sent_ns = frame.sent_ns };
    enum spd_err err = SPD_ERR_OK;

    SPD_ASSERT((unsigned)method < SPD_SKEW_METHOD_COUNT);
    if (frame.n >= SPD_SKEW_POINTS_MIN) {
        if (method == SPD_SKEW_HULL)
            err = spd_skew_hull(points, n, &frame, &skew);
        else if (method == SPD_SKEW_LEAST_ABSOLUTE)
            err = spd_skew_least_absolute(points, n, &frame, &skew);
        else
            spd_skew_least_squares(points, n, &frame, &skew);
    }
    if (err != SPD_ERR_OK)
        return err;
    skew.significant = skew.known && (skew.low_ppb > 0.0 || skew.high_ppb < 0.0);
    *out = skew;
    return SPD_ERR_OK;
}

void spd_clock_skew_remove(struct spd_point *points, size_t n, double skew_ppb, int64_t at_sent_ns)
{
    SPD_ASSERT(fabs(skew_ppb) <= 1e9);
    for (size_t i = 0; i < n; i++) {
        double time = (double)spd_variation_diff(points[i].sent_ns, at_sent_ns);
        spd_ns drift_ns = (spd_ns)llrint(held(skew_ppb * 1e-9 * time));

        points[i].latency_ns = spd_variation_diff(points[i].latency_ns, drift_ns);
    }
}
