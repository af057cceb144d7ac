/*
 * Delay variation, three kinds that are never mixed:
 *   ipdv    the difference between the delays of two consecutive packets
 *           (RFC 3393; signed);
 *   pdv     the delay of a packet above the smallest one of its interval
 *           (RFC 5481 section 4.2; zero or positive);
 *   jitter  the smoothed value of RFC 3550 section 6.4.1.
 * Each takes one-way delays whose two clocks need not agree: a constant offset
 * between them cancels. Unknown delays are SPD_NS_UNKNOWN. Pure; any thread.
 */
#ifndef SPD_ANALYSIS_VARIATION_H
#define SPD_ANALYSIS_VARIATION_H

#include <stdbool.h>

#include "common/analysis/quantile.h"

/* later - earlier, held at the ends of the range where it would overflow; the
 * stamps come from the network. SPD_NS_UNKNOWN when one of them is. */
spd_ns spd_variation_diff(spd_ns later, spd_ns earlier);

/* delays in the order of sending; ipdv[i] = delays[i] - delays[i - 1], unknown
 * for the first and where a neighbour is unknown (RFC 3393 section 2.4). */
void spd_variation_ipdv(const spd_ns *delays, size_t n, spd_ns *ipdv);

/* pdv[i] = delays[i] - the smallest known one. */
void spd_variation_pdv(const spd_ns *delays, size_t n, spd_ns *pdv);

/* Smoothed jitter. Zero is a valid start. */
struct spd_jitter {
    double jitter_ns;
    spd_ns previous_ns;
    uint64_t n_pairs;
    bool has_previous;
};

/* The next packet in the order of arrival; an unknown delay is passed over. */
void spd_jitter_add(struct spd_jitter *jitter, spd_ns delay_ns);
/* The packets that follow form no pair with the last one. */
void spd_jitter_break(struct spd_jitter *jitter);

#endif
