/*
 * The few figures of a test that are kept and watched: what history lists and
 * what metrics show.
 */
#ifndef SPD_SERVICE_JOB_FIGURES_H
#define SPD_SERVICE_JOB_FIGURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/analysis/quantile.h"

/* Upper bounds of the buckets of delay variation, in ns; beyond the last one
 * there is one bucket more. */
#define SPD_JOB_BUCKETS 18
extern const spd_ns spd_job_bucket_ns[SPD_JOB_BUCKETS];

/* One direction. */
struct spd_job_way {
    bool known;
    spd_ns pdv_p50_ns; /* RFC 5481 */
    spd_ns pdv_p95_ns;
    spd_ns pdv_p99_ns;
    uint64_t n; /* packets in the buckets */
    spd_ns sum_ns;
    uint64_t buckets[SPD_JOB_BUCKETS + 1]; /* packets in each, not cumulative */
};

struct spd_job_figures {
    bool known; /* else nothing was measured */
    uint64_t n_sent;
    uint64_t n_lost;
    double loss_ratio;
    spd_ns rtt_p50_ns; /* RFC 2681, or SPD_NS_UNKNOWN */
    spd_ns rtt_p99_ns;
    double mos;                 /* the worse direction's; 0: not known */
    uint64_t rate_bps;          /* of what was sent; 0 unknown */
    struct spd_job_way ways[2]; /* forward, reverse */
};

/* Add one packet's delay variation; SPD_NS_UNKNOWN is passed over. */
void spd_job_way_add(struct spd_job_way *way, spd_ns pdv_ns);

#endif
