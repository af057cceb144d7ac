/*
 * From the dispersion of a burst to the capacity of the bottleneck that it
 * passed: packets that left closer together than the slowest link takes them
 * leave that link at its rate. The capacity is that of RFC 5136 section 2.3.2
 * (IP-layer bits per second, for packets of this size). Pure; any thread.
 *
 * The rate is the weighted median of the rates between packets about a quarter
 * of a burst apart, so that neither the packets that a token bucket let through
 * at once nor late stamps bend it. Packets between which others are missing are
 * compared only when too few others are left: losses behind the bottleneck
 * would make the link look slower.
 */
#ifndef SPD_ANALYSIS_DISPERSION_H
#define SPD_ANALYSIS_DISPERSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/time.h"

/* What happened to one packet of a burst in one direction. */
enum spd_passage {
    SPD_PASSAGE_NONE, /* was never there: not sent, or lost on the way before */
    SPD_PASSAGE_ARRIVED,
    SPD_PASSAGE_UNSEEN,  /* arrived, but its time of arrival did not come back */
    SPD_PASSAGE_MISSING, /* lost here, or it cannot be told */
};

struct spd_dispersion_packet {
    spd_ns departed_ns; /* by one clock; used for the sender's own spacing */
    spd_ns arrived_ns;  /* by one clock, that may be another */
    uint32_t size_bytes;
    enum spd_passage passage;
};

/* Of one burst. Rates are 0 when they cannot be told (fewer than two arrivals,
 * or all at the same time). */
struct spd_dispersion {
    uint32_t n_arrived;
    spd_ns dispersion_ns;    /* from the first to the last arrival */
    spd_ns departure_ns;     /* from the first to the last departure of those that arrived */
    double capacity_ip_bps;  /* at the IP layer, bit/s */
    double departure_ip_bps; /* the rate at which they left, by the same rule; 0 if at once */
    bool lower_bound;        /* they arrived as they left (within 10 %): nothing slowed them,
                                so the bottleneck is at least that fast */
    bool across_loss;        /* packets are missing inside the runs that were compared */
};

/* Packets in the order of sending. Errors: NOMEM. */
enum spd_err spd_dispersion_measure(const struct spd_dispersion_packet *packets, size_t n,
                                    struct spd_dispersion *out);

#endif
