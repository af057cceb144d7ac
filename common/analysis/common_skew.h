/*
 * One skew for one pair of clocks, from the estimates of all flows and
 * directions between them. A single estimate cannot tell a queue that grows
 * from a clock that is fast; several can, since the skew is the same for all
 * flows and turns its sign on the way back, and a queue's growth does not.
 * Nothing is taken for skew that is not established: clock_skew.md beside this
 * file has the rules. Pure; any thread.
 */
#ifndef SPD_ANALYSIS_COMMON_SKEW_H
#define SPD_ANALYSIS_COMMON_SKEW_H

#include <stdbool.h>
#include <stddef.h>

#include "common/analysis/clock_skew.h"

enum spd_skew_finding {
    SPD_SKEW_UNKNOWN,         /* no estimate */
    SPD_SKEW_NOT_SIGNIFICANT, /* it may be zero */
    SPD_SKEW_ESTABLISHED,     /* worth removing */
    SPD_SKEW_AT_LEAST,        /* they disagree, but all show this much: worth removing */
    SPD_SKEW_DISPUTED,        /* they disagree on whether there is any: a queue grew or drained */
    SPD_SKEW_IMPLAUSIBLE,     /* more than clocks do: a queue, too */
    SPD_SKEW_FINDING_COUNT
};
const char *spd_skew_finding_text(enum spd_skew_finding finding); /* NULL: UNKNOWN */

/* Systems slew a clock by no more than 500 ppm (MAXFREQ of RFC 5905), and a
 * quartz is wrong by no more than 100. */
#define SPD_SKEW_PLAUSIBLE_PPB 600000.0

/* An estimate of a skew whose interval is so many times as wide as another's,
 * which it excludes, is that of a queue: they fill less evenly than clocks
 * drift. One that finds next to none is no such thing. */
#define SPD_SKEW_SHARPER 8.0

struct spd_common_skew {
    enum spd_skew_finding finding;
    size_t n_estimates; /* that were known */
    double skew_ppb;    /* forward: the far clock runs faster; 0 when UNKNOWN */
    double low_ppb;     /* its interval; of DISPUTED and AT_LEAST what all span */
    double high_ppb;
};

/* Estimates of flows in one direction each. */
struct spd_skew_estimate {
    const struct spd_skew *skew;
    bool reverse; /* of the way back */
};

void spd_common_skew_settle(const struct spd_skew_estimate *estimates, size_t n,
                            struct spd_common_skew *out);

/* The skew as latencies of that direction show it. */
double spd_common_skew_of(const struct spd_common_skew *common, bool reverse);

/* Whether to take it out of latencies, as things are. */
bool spd_common_skew_is_removable(const struct spd_common_skew *common);

#endif
