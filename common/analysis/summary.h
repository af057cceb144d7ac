/*
 * All that a test says, in figures: for the whole test, for each burst and for
 * each packet. Computed from the records alone. Pure; any thread.
 *
 * Clocks: only differences within one clock, or differences of such, enter a
 * figure, so that the clocks of sender and reflector need not agree; the
 * one-way delays are raw and mean what they say only if clocks_synchronised.
 *
 * Left out of every figure that needs time stamps of day, and counted: bursts
 * during which the clock of this host stepped by more than 1 ms; packets whose
 * stamps come from other sources than those of most packets of their burst
 * (a mixture would measure the distance between the sources); packets that the
 * reflector claims to have sent before it received them. Their round trip
 * falls back on the hardware counter. One-way figures also leave out, and count,
 * bursts whose stamps contradict any constant offset between the two clocks by
 * more than 1 ms: the reflector's clock stepped.
 */
#ifndef SPD_ANALYSIS_SUMMARY_H
#define SPD_ANALYSIS_SUMMARY_H

#include "common/analysis/dispersion.h"
#include "common/analysis/loss.h"
#include "common/analysis/quantile.h"
#include "common/analysis/reorder.h"
#include "common/base/record.h"

/* Of one packet. SPD_NS_UNKNOWN where a figure is not known. */
struct spd_packet_figures {
    spd_ns rtt_ns;           /* (T4 - T1) - (T3 - T2), RFC 2681 without the reflector's part */
    spd_ns rtt_counter_ns;   /* the same by the hardware counter of this host */
    spd_ns in_reflector_ns;  /* T3 - T2 */
    spd_ns delay_fwd_raw_ns; /* T2 - T1, RFC 7679, by two clocks; may be negative */
    spd_ns delay_rev_raw_ns; /* T4 - T3 */
    spd_ns pdv_fwd_ns;       /* RFC 5481 */
    spd_ns pdv_rev_ns;
    spd_ns ipdv_fwd_ns; /* RFC 3393, against the packet sent before it */
    spd_ns ipdv_rev_ns;
    uint32_t extent_fwd_packets; /* RFC 4737 reordering extent; 0 in order or unknown */
    uint32_t extent_rev_packets;
    uint32_t extent_rtt_packets; /* there and back */
    bool superseded;             /* its burst was repeated: not in the summary */
    bool stamps_left_out;        /* see above */
};

/* Of one burst, also when superseded. */
struct spd_burst_figures {
    uint32_t n_received;
    uint32_t n_lost;
    bool stamps_left_out; /* the whole burst */
    struct spd_dispersion fwd;
    struct spd_dispersion rev;
};

/* Capacity of the bottleneck: medians over the whole bursts. */
struct spd_capacity {
    uint32_t n_bursts;    /* that gave one; 0: the figures below are 0 */
    spd_ns dispersion_ns; /* SPD_NS_UNKNOWN if none */
    spd_ns departure_ns;
    double ip_bps;           /* bit/s at the IP layer */
    double link_bps;         /* with link_header_bytes in front of each packet */
    bool lower_bound;        /* most of these bursts arrived as they left */
    bool from_broken_bursts; /* no burst was whole, so all were taken */
};

/* One direction: forward to the reflector, reverse from it. */
struct spd_direction {
    struct spd_stats delay_raw; /* RFC 7679; see clocks_synchronised */
    struct spd_stats pdv;       /* RFC 5481 */
    struct spd_stats ipdv;      /* RFC 3393, signed */
    spd_ns jitter_ns;           /* RFC 3550, its last value; SPD_NS_UNKNOWN below two packets */
    struct spd_reorder reorder;
    bool reorder_known; /* the reflector numbers its replies itself */
    struct spd_capacity capacity;
};

struct spd_summary {
    struct spd_loss loss;
    struct spd_stats rtt;         /* RFC 2681, from stamps */
    struct spd_stats rtt_counter; /* of packets without usable stamps, by the counter */
    struct spd_stats in_reflector;
    struct spd_direction fwd;
    struct spd_direction rev;
    struct spd_reorder reorder_rtt; /* there and back, any reflector */
    bool clocks_synchronised;       /* both ends claim it (S bit) on every packet, in NTP format */
    bool pdv_over_test;             /* the minimum is that of the whole test, because each burst
                                       has one packet; else that of each burst */
    /* Bursts. */
    uint32_t n_bursts;                               /* asked for */
    uint32_t n_attempts;                             /* with repetitions */
    uint32_t n_whole;                                /* of n_bursts, in their last attempt */
    uint32_t n_broken;                               /* of n_bursts, in their last attempt */
    uint32_t n_broken_unknown;                       /* of n_bursts: the system does not tell */
    uint32_t n_interrupted;                          /* of n_bursts */
    uint32_t n_attempts_by_reason[SPD_BROKEN_COUNT]; /* of n_attempts */
    struct spd_stats submit;            /* hand-over of a burst, first to last, of n_bursts */
    spd_ns gap_max_ns;                  /* largest between two submissions; SPD_NS_UNKNOWN */
    uint64_t n_dropped_local;           /* replies dropped by this host's receive buffer */
    uint32_t n_stamps_missing;          /* send stamps asked of the kernel and not delivered */
    uint32_t n_bursts_clock_step;       /* left out: the clock stepped */
    uint32_t n_bursts_reflector_step;   /* one-way figures left out: the reflector's did */
    uint32_t n_packets_stamps_left_out; /* answered, but without usable stamps */
    uint32_t n_stamps_implausible;      /* of these: T3 before T2 */
    /* Prevailing over the test; SPD_STAMP_NONE when no packet came back. */
    uint8_t t1_source; /* enum spd_stamp_source */
    uint8_t t4_source;
    /* One for each record of the test, owned by the summary. */
    struct spd_packet_figures *packets;
    size_t n_packets;
    struct spd_burst_figures *bursts;
    size_t n_burst_records;
};

/* Compute over the bursts that are not superseded. record must have been judged
 * by spd_fate_judge. Free with spd_summary_fini. Errors: NOMEM. */
enum spd_err spd_summary_compute(const struct spd_test_record *record, struct spd_summary *out);

/* Free what compute took. A zeroed summary is allowed. */
void spd_summary_fini(struct spd_summary *summary);

#endif
