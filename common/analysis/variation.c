/*
 * Delay variation in its three forms. Any thread. Floating point only in the
 * smoothed jitter, whose definition divides.
 */
#include "common/analysis/variation.h"

spd_ns spd_variation_diff(spd_ns later, spd_ns earlier)
{
    spd_ns difference;

    if (later == SPD_NS_UNKNOWN || earlier == SPD_NS_UNKNOWN)
        return SPD_NS_UNKNOWN;
    if (__builtin_sub_overflow(later, earlier, &difference))
        return later > earlier ? INT64_MAX : INT64_MIN + 1;
    /* The lowest value stands for "unknown". */
    return difference == SPD_NS_UNKNOWN ? INT64_MIN + 1 : difference;
}

void spd_variation_ipdv(const spd_ns *delays, size_t n, spd_ns *ipdv)
{
    /* RFC 3393 section 2.4: undefined when one of the two was not received. */
    for (size_t i = 0; i < n; i++)
        ipdv[i] = i == 0 ? SPD_NS_UNKNOWN : spd_variation_diff(delays[i], delays[i - 1]);
}

void spd_variation_pdv(const spd_ns *delays, size_t n, spd_ns *pdv)
{
    spd_ns minimum = SPD_NS_UNKNOWN;

    for (size_t i = 0; i < n; i++)
        if (delays[i] != SPD_NS_UNKNOWN && (minimum == SPD_NS_UNKNOWN || delays[i] < minimum))
            minimum = delays[i];
    /* RFC 5481 section 4.2: PDV(i) = D(i) - D(min). */
    for (size_t i = 0; i < n; i++)
        pdv[i] = spd_variation_diff(delays[i], minimum);
}

void spd_jitter_add(struct spd_jitter *jitter, spd_ns delay_ns)
{
    if (delay_ns == SPD_NS_UNKNOWN)
        return;
    if (jitter->has_previous) {
        spd_ns d = spd_variation_diff(delay_ns, jitter->previous_ns);
        double magnitude = d < 0 ? -(double)d : (double)d;
        /* RFC 3550 section 6.4.1: J += (|D| - J) / 16. */
        jitter->jitter_ns += (magnitude - jitter->jitter_ns) / 16.0;
        jitter->n_pairs++;
    }
    jitter->previous_ns = delay_ns;
    jitter->has_previous = true;
}

void spd_jitter_break(struct spd_jitter *jitter)
{
    jitter->has_previous = false;
}
