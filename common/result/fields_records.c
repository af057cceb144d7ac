/*
 * Fields of each burst, packet and environment item. A table; any thread.
 */
#include "common/result/fields_table.h"

#define ROW(home, type, path, unit, source, range, storage, rule, member, help)                    \
    {                                                                                              \
        path, unit, source, range, help, SPD_HOME_##home, SPD_STORE_##storage, SPD_SHOW_##rule,    \
            offsetof(struct type, member)                                                          \
    }
#define BURST(...)    ROW(BURST, spd_burst_record, __VA_ARGS__)
#define FIGURES(...)  ROW(BURST_FIGURES, spd_burst_figures, __VA_ARGS__)
#define PACKET(...)   ROW(PACKET, spd_packet_record, __VA_ARGS__)
#define FIGURE(...)   ROW(PACKET_FIGURES, spd_packet_figures, __VA_ARGS__)
#define ENV_ITEM(...) ROW(ENVIRONMENT, spd_env_item, __VA_ARGS__)

#define DISPERSION(path, member, way)                                                              \
    FIGURES(path ".n_arrived", "packets", "", "0..", U32, ALWAYS, member.n_arrived,                \
            "arrivals with usable stamps, " way),                                                  \
        FIGURES(path ".dispersion_ns", "ns", "", "0..", NS, ALWAYS, member.dispersion_ns,          \
                "from the first to the last arrival, " way),                                       \
        FIGURES(path ".departure_ns", "ns", "", "0..", NS, ALWAYS, member.departure_ns,            \
                "from the first to the last departure of these packets"),                          \
        FIGURES(path ".capacity_ip_bps", "bit/s", "RFC 5136 section 2.3.2", "0.., or null", REAL,  \
                NONZERO, member.capacity_ip_bps,                                                   \
                way " capacity of the bottleneck in IP-layer bits"),                               \
        FIGURES(path ".departure_ip_bps", "bit/s", "", "0.., or null", REAL, NONZERO,              \
                member.departure_ip_bps, "rate at which they left; null when all at once"),        \
        FIGURES(path ".lower_bound", "", "", "true or false", BOOL, ALWAYS, member.lower_bound,    \
                "they arrived as they left, within 10 %: the capacity is at least this"),          \
        FIGURES(path ".across_loss", "", "", "true or false", BOOL, ALWAYS, member.across_loss,    \
                "so many are missing that the rate was taken across the holes: if they were lost " \
                "behind the bottleneck, it is faster")

static const struct spd_field burst_rows[] = {
    BURST("index", "", "", "0..", U32, ALWAYS, index, "number of the burst"),
    BURST("attempt", "", "", "0..", U32, ALWAYS, attempt, "0 the first, 1 the first repetition"),
    BURST("superseded", "", "", "true or false", BOOL, ALWAYS, superseded,
          "a later attempt stands for it; not in the figures of the test"),
    BURST("interrupted", "", "", "true or false", BOOL, ALWAYS, interrupted, "cut by the user"),
    BURST("broken", "", "", "why it did not stay in one time slice, or whole", BROKEN, ALWAYS,
          broken, "whether it stayed whole"),
    BURST("n_packets", "packets", "", "1..", U32, ALWAYS, n_packets, "packets"),
    BURST("n_not_sent", "packets", "", "0..", U32, ALWAYS, n_not_sent,
          "packets that this host did not send"),
    FIGURES("n_received", "packets", "", "0..", U32, ALWAYS, n_received, "packets with a reply"),
    FIGURES("n_lost", "packets", "RFC 2681 section 2.4", "0..", U32, ALWAYS, n_lost,
            "packets lost either way"),
    BURST("n_lost_forward_unplaced", "packets", "", "0..", U32, ALWAYS, n_lost_forward_unplaced,
          "of the packets with fate lost: how many were lost forward, which ones is not known"),
    BURST("n_lost_reverse_unplaced", "packets", "", "0..", U32, ALWAYS, n_lost_reverse_unplaced,
          "likewise on the way back"),
    BURST("n_stamps_missing", "packets", "", "0..", U32, ALWAYS, n_stamps_missing,
          "send stamps asked of the kernel and not delivered"),
    BURST("n_dropped_local", "replies", "", "0..", U64, ALWAYS, n_dropped_local,
          "datagrams that this host's receive buffer dropped"),
    BURST("n_involuntary_switches", "switches", "", "0.., or null", I64, NONNEGATIVE,
          n_involuntary_switches, "involuntary context switches during the hand-over"),
    BURST("started_ns", "ns", "", "since 1970 UTC", I64, ALWAYS, started_ns,
          "time of day before the first hand-over"),
    BURST("started_ticks", "ticks", "", "0..", U64, ALWAYS, started_ticks,
          "hardware counter before the first hand-over"),
    BURST("submit_ns", "ns", "", "0..", I64, ALWAYS, submit_ns,
          "from before the first hand-over to after the last"),
    BURST("gap_max_ns", "ns", "", "0.., or null", I64, NONNEGATIVE, gap_max_ns,
          "largest gap between two submissions"),
    BURST("clock_step_ns", "ns", "", "any", I64, ALWAYS, clock_step_ns,
          "time of day against the hardware counter during the burst"),
    FIGURES("stamps_left_out", "", "", "true or false", BOOL, ALWAYS, stamps_left_out,
            "the clock stepped: its stamps are not in the figures"),
    DISPERSION("forward", fwd, "forward"),
    DISPERSION("reverse", rev, "reverse"),
};

static const struct spd_field packet_rows[] = {
    BURST("burst", "", "", "0..", U32, ALWAYS, index, "number of the burst"),
    BURST("attempt", "", "", "0..", U32, ALWAYS, attempt, "0 the first, 1 the first repetition"),
    BURST("superseded", "", "", "true or false", BOOL, ALWAYS, superseded,
          "a later attempt stands for this burst; not in the figures of the test"),
    PACKET("seq", "", "RFC 8762 section 4.2.1", "0..4294967295", U32, ALWAYS, seq,
           "Session-Sender Sequence Number"),
    PACKET("size_bytes", "bytes", "", "1..65535", U16, ALWAYS, size_bytes, "IP packet"),
    PACKET("fate", "", "",
           "received, lost-forward, lost-reverse, lost, not-sent, unreachable, "
           "pending",
           FATE, ALWAYS, fate, "what became of it"),
    PACKET("error", "", "", "name of an error, or null", ERR8, ALWAYS, err,
           "why it was not sent or is unreachable"),
    PACKET("n_replies", "replies", "RFC 5560 section 2.4", "0..", U32, ALWAYS, n_replies,
           "replies, 2 or more when duplicated"),
    PACKET("arrival", "", "RFC 4737 section 4.2.2", "0..", U32, ANSWERED, arrival,
           "position of the first reply among all first replies"),
    PACKET("reflector_seq", "", "RFC 8762 section 4.3.1", "0..4294967295", U32, ANSWERED,
           reflector_seq, "Sequence Number of the first reply"),
    PACKET("t1_ns", "ns", "RFC 8762 section 4.2", "since 1970 UTC", I64, NONZERO, t1_ns,
           "sent, by this host's clock"),
    PACKET("t1_source", "", "", "source of a stamp", STAMP_SOURCE, ALWAYS, t1_source,
           "where t1 was taken"),
    PACKET("t1_wire_ns", "ns", "RFC 8762 section 4.2.1", "since 1970 UTC", I64, NONZERO, t1_wire_ns,
           "send time carried in the packet itself"),
    PACKET("left_host_ns", "ns", "", "since 1970 UTC", I64, NONZERO, left_host_ns,
           "taken by the driver, behind any local queue"),
    PACKET("t2_ns", "ns", "RFC 8762 section 4.3.1", "since 1970 by the reflector's clock", I64,
           NONZERO, t2_ns, "received by the reflector"),
    PACKET("t3_ns", "ns", "RFC 8762 section 4.3.1", "since 1970 by the reflector's clock", I64,
           NONZERO, t3_ns, "sent back"),
    PACKET("reflector_ptp", "", "RFC 8186", "true or false", BOOL, ANSWERED, reflector_ptp,
           "t2 and t3 came in PTPv2 format"),
    PACKET("t4_ns", "ns", "RFC 8762 section 4.2", "since 1970 UTC", I64, NONZERO, t4_ns,
           "reply received, by this host's clock"),
    PACKET("t4_source", "", "", "source of a stamp", STAMP_SOURCE, ALWAYS, t4_source,
           "where t4 was taken"),
    PACKET("dispatched_ticks", "ticks", "", "1..", U64, NONZERO, dispatched_ticks,
           "hardware counter when the packet was handed over"),
    PACKET("returned_ticks", "ticks", "", "1..", U64, NONZERO, returned_ticks,
           "hardware counter when its reply was dequeued"),
    PACKET("t1_error_estimate", "", "RFC 4656 section 4.1.2", "0..65535", U16, ALWAYS,
           t1_error_estimate, "Error Estimate as sent"),
    PACKET("t3_error_estimate", "", "RFC 4656 section 4.1.2", "0..65535", U16, ANSWERED,
           t3_error_estimate, "Error Estimate of the reflector"),
    FIGURE("round_trip_ns", "ns", "RFC 2681", "any", NS, ALWAYS, rtt_ns,
           "(T4-T1)-(T3-T2), by time stamps"),
    FIGURE("round_trip_by_counter_ns", "ns", "RFC 2681", "any", NS, ALWAYS, rtt_counter_ns,
           "the same by the hardware counter of this host"),
    FIGURE("in_reflector_ns", "ns", "RFC 8762", "0..", NS, ALWAYS, in_reflector_ns, "T3-T2"),
    FIGURE("delay_forward_raw_ns", "ns", "RFC 7679", "any", NS, ALWAYS, delay_fwd_raw_ns,
           "T2-T1 by two clocks; a delay only where both are synchronised"),
    FIGURE("delay_reverse_raw_ns", "ns", "RFC 7679", "any", NS, ALWAYS, delay_rev_raw_ns,
           "T4-T3 likewise"),
    FIGURE("pdv_forward_ns", "ns", "RFC 5481 section 4.2", "0..", NS, ALWAYS, pdv_fwd_ns,
           "forward delay above the smallest of its interval"),
    FIGURE("pdv_reverse_ns", "ns", "RFC 5481 section 4.2", "0..", NS, ALWAYS, pdv_rev_ns,
           "reverse delay above the smallest of its interval"),
    FIGURE("ipdv_forward_ns", "ns", "RFC 3393 section 2.4", "any", NS, ALWAYS, ipdv_fwd_ns,
           "forward delay less that of the packet sent before"),
    FIGURE("ipdv_reverse_ns", "ns", "RFC 3393 section 2.4", "any", NS, ALWAYS, ipdv_rev_ns,
           "reverse delay less that of the packet sent before"),
    FIGURE("extent_round_trip_packets", "packets", "RFC 4737 section 4.2.3", "0..", U32, ANSWERED,
           extent_rtt_packets, "reordering extent there and back; 0 in order"),
    FIGURE("extent_forward_packets", "packets", "RFC 4737 section 4.2.3", "0..", U32, STATEFUL,
           extent_fwd_packets, "reordering extent on the way to the reflector"),
    FIGURE("extent_reverse_packets", "packets", "RFC 4737 section 4.2.3", "0..", U32, STATEFUL,
           extent_rev_packets, "reordering extent on the way back"),
    FIGURE("stamps_left_out", "", "", "true or false", BOOL, ANSWERED, stamps_left_out,
           "its stamps are not in the figures"),
    PACKET("ttl_forward", "", "RFC 8762 section 4.3.1", "1..255, or null", U8, NONZERO, ttl_forward,
           "TTL or hop limit with which the request arrived"),
    PACKET("ttl_reverse", "", "", "1..255, or null", U8, NONZERO, ttl_reverse,
           "TTL or hop limit with which the reply arrived"),
    PACKET("dscp_reverse", "", "RFC 2474", "0..63, or null", TCLASS_DSCP, TCLASS, tclass_reverse,
           "code point of the reply as it arrived"),
    PACKET("ecn_reverse", "", "RFC 3168", "0..3, or null", TCLASS_ECN, TCLASS, tclass_reverse,
           "ECN field of the reply as it arrived"),
};

static const struct spd_field environment_rows[] = {
    ENV_ITEM("requested", "", "", "number or text", ENV_REQUESTED, ALWAYS, requested,
             "what was asked of the system, in the unit that the name of the item ends with"),
    ENV_ITEM("obtained", "", "", "number or text, or null", ENV_OBTAINED, ALWAYS, obtained,
             "what it gave; null where it does not tell"),
    ENV_ITEM("fulfilled", "", "", "true or false", BOOL, ALWAYS, fulfilled,
             "at least what was asked"),
    ENV_ITEM("note", "", "", "text, or null", CHARS, ALWAYS, note,
             "why it was not, and what to do"),
};

#define LIST(rows)                                                                                 \
    {                                                                                              \
        rows, sizeof rows / sizeof rows[0]                                                         \
    }

const struct spd_field_list spd_fields_burst = LIST(burst_rows);
const struct spd_field_list spd_fields_packet = LIST(packet_rows);
const struct spd_field_list spd_fields_environment = LIST(environment_rows);
