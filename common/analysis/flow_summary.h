/*
 * What one flow says of one direction: corrections first (timer jumps, clock
 * skew, the minimum), then delay variation, loss, order and voice quality.
 * Computed from the packets alone, so that a log can be analysed again at any
 * time. Pure; any thread.
 *
 * Takes n log n time, and up to 40 bytes a packet besides the packets.
 */
#ifndef SPD_ANALYSIS_FLOW_SUMMARY_H
#define SPD_ANALYSIS_FLOW_SUMMARY_H

#include "common/analysis/common_skew.h"
#include "common/analysis/clock_skew.h"
#include "common/analysis/mos.h"
#include "common/analysis/quantile.h"
#include "common/analysis/reorder.h"
#include "common/analysis/series.h"
#include "common/analysis/timer_jump.h"
#include "common/base/flow.h"

enum spd_flow_direction {
    SPD_FLOW_FORWARD, /* T1 to T2 */
    SPD_FLOW_REVERSE, /* T3 to T4; of two-way flows */
};

/* What is wrong with the clocks, as one flow and direction shows it. */
struct spd_flow_corrections {
    struct spd_jumps jumps;
    struct spd_skew skew; /* without the jumps, unless they are kept */
};

struct spd_flow_options {
    enum spd_flow_direction direction;
    uint32_t n_packets;    /* that the sender took in hand; 0: as the packets show */
    bool keep_jumps;       /* report timer jumps, do not take them out */
    spd_ns jump_amount_ns; /* known; 0: find it */
    bool keep_skew;        /* likewise skew */
    enum spd_skew_method skew_method;
    spd_ns minimum_ns;             /* raw latency that counts as 0, from a calibration with the
                                      same clocks; SPD_NS_UNKNOWN: the flow's own */
    const struct spd_codec *codec; /* NULL: the default */
    spd_ns base_delay_ns;          /* one-way delay without variation, for voice quality;
                                      SPD_NS_UNKNOWN: half of the smallest round trip, or 0 */
    const struct spd_flow_corrections *found; /* by find, below; NULL: find them */
    const struct spd_common_skew *skew;       /* what all flows and directions say of it; NULL:
                                                 this one alone decides */
};

/* Everything as it should be without any wish. */
struct spd_flow_options spd_flow_options_default(enum spd_flow_direction direction);

struct spd_flow_summary {
    enum spd_flow_direction direction;
    /* Packets. n_sent = n_received + n_lost. Of a two-way flow, forward, a packet
     * without a reply counts as received when the records say that it ARRIVED;
     * its latency stays unknown. */
    uint32_t n_packets; /* taken in hand */
    uint32_t n_not_sent;
    uint32_t n_sent;
    uint32_t n_received;
    uint32_t n_lost;
    uint32_t n_duplicated; /* packets that arrived more than once, RFC 5560 */
    uint32_t n_late_sent;  /* left later than their place in the schedule by more than allowed */
    double loss_ratio;     /* n_lost / n_sent; 0 when nothing was sent */
    /* Runs of lost packets, RFC 3357. */
    uint32_t n_loss_periods;
    uint32_t loss_period_max_packets;
    double loss_distance_mean_packets; /* between successive losses; 0 below two */

    /* Corrections. */
    struct spd_jumps jumps;        /* found, and taken out unless kept */
    struct spd_skew skew;          /* as this direction shows it */
    struct spd_common_skew common; /* as all together do; taken out when established, unless kept */
    bool jumps_removed;
    bool skew_removed;
    double skew_removed_ppb; /* this much, in this direction's sign; 0 none */
    spd_ns minimum_ns;       /* raw latency that became 0; SPD_NS_UNKNOWN if nothing arrived */

    struct spd_stats pdv;       /* RFC 5481, after the corrections */
    struct spd_stats ipdv;      /* RFC 3393, signed, of packets sent one after the other */
    spd_ns jitter_ns;           /* RFC 3550, its last value; SPD_NS_UNKNOWN below two packets */
    struct spd_stats delay_raw; /* RFC 7679 by two clocks, without corrections */
    struct spd_stats rtt;       /* RFC 2681 less the time in the reflector; two-way flows */
    struct spd_reorder reorder; /* RFC 4737 by the time of arrival */

    /* Voice. The jitter buffer holds the 99th percentile of the variation;
     * what is later counts as lost. */
    const struct spd_codec *codec;
    spd_ns buffer_ns;
    spd_ns mouth_to_ear_ns;
    double effective_loss_ratio;
    struct spd_mos mos;
    double duration_s; /* first to last packet sent */
};

/* The corrections alone, for those who want to settle with others what the
 * clocks did. packets, options (found and skew aside) and errors as below. */
enum spd_err spd_flow_summary_find(const struct spd_flow_packet *packets, size_t n,
                                   const struct spd_flow_options *options,
                                   struct spd_flow_corrections *out);

/* packets of one flow, in any order; those of other flows must not be among
 * them. points (or NULL) gets a new array with the corrected and normalised
 * latency of each packet that was sent, in the order of sending, lost ones
 * unknown, index being the position in packets (UINT32_MAX when there is no
 * record); the caller frees it with free. Errors: NOMEM, INVALID (sequence
 * numbers too far apart for one flow: 2^20 and 64 times its records). */
enum spd_err spd_flow_summary_compute(const struct spd_flow_packet *packets, size_t n,
                                      const struct spd_flow_options *options,
                                      struct spd_point **points, size_t *n_points,
                                      struct spd_flow_summary *out);

#endif
