/*
 * Subtraction of the lowest send time and the lowest latency. Any thread;
 * allocates nothing. The stamps come from the network and may be any numbers.
 */
#include "common/analysis/normalise.h"

#include "common/analysis/variation.h"

struct spd_normal_origin spd_normalise_origin(const struct spd_point *points, size_t n)
{
    struct spd_normal_origin origin = { n > 0 ? points[0].sent_ns : 0, SPD_NS_UNKNOWN };

    for (size_t i = 0; i < n; i++) {
        spd_ns latency_ns = points[i].latency_ns;

        if (points[i].sent_ns < origin.sent_ns)
            origin.sent_ns = points[i].sent_ns;
        if (latency_ns != SPD_NS_UNKNOWN &&
            (origin.latency_ns == SPD_NS_UNKNOWN || latency_ns < origin.latency_ns))
            origin.latency_ns = latency_ns;
    }
    return origin;
}

void spd_normalise(struct spd_point *points, size_t n, const struct spd_normal_origin *origin)
{
    for (size_t i = 0; i < n; i++) {
        points[i].sent_ns = spd_variation_diff(points[i].sent_ns, origin->sent_ns);
        points[i].latency_ns = spd_variation_diff(points[i].latency_ns, origin->latency_ns);
    }
}
