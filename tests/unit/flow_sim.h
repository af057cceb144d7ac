/*
 * A path with a bottleneck, in numbers, for the tests of the analysis of flows:
 * a first-in first-out queue that a paced flow shares with random traffic,
 * between two clocks of which the truth is known.
 */
#ifndef SPD_TESTS_UNIT_FLOW_SIM_H
#define SPD_TESTS_UNIT_FLOW_SIM_H

#include <stdbool.h>
#include <stddef.h>

#include "common/analysis/series.h"
#include "tests/support/random.h"

/* What the queue does. */
enum flow_load {
    FLOW_EMPTY,         /* nobody else */
    FLOW_HALF,          /* other traffic fills half of the link */
    FLOW_CONGESTED,     /* and 95 % of it */
    FLOW_BUSY_MIDDLE,   /* never empty for 90 % of the time: empty at both ends, */
    FLOW_BUSY_AT_START, /* empty in the last tenth only, */
    FLOW_BUSY_AT_END,   /* in the first tenth only, */
    FLOW_BUSY_AROUND,   /* and in the central tenth only */
    FLOW_N_LOADS
};
const char *flow_load_name(enum flow_load load);

struct flow_sim {
    size_t n;
    spd_ns interval_ns; /* between packets, constant */
    enum flow_load load;
    double load_part;   /* other traffic fills this part of the link throughout; 0: as load says */
    spd_ns full_ns;     /* the queue holds no more than takes so long to send; 0: any */
    double growth_ppb;  /* and delays grow by this with time, evenly: a standing queue */
    double link_bps;    /* of the bottleneck */
    spd_ns noise_ns;    /* mean of the exponential noise of the hosts */
    double skew_ppb;    /* the receiver's clock runs faster by this */
    spd_ns offset_ns;   /* and is ahead by this at the start */
    spd_ns path_ns;     /* least delay */
    int64_t started_ns; /* by the sender's clock */
};

/* 2,048 packets in 60 s over a link of 2 Mbit/s. */
struct flow_sim flow_sim_default(void);

double flow_random_unit(struct spd_random *random);        /* 0 <= x < 1 */
double flow_random_exponential(struct spd_random *random); /* mean 1 */

/* Fills n points, and the true delays (without clocks) if wanted. */
void flow_sim_run(const struct flow_sim *sim, struct spd_random *random, struct spd_point *points,
                  spd_ns *delays_ns);

#endif
