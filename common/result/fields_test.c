/*
 * Fields of a whole test. A table; any thread.
 */
#include "common/result/fields_table.h"

#define RECORD(path, unit, source, range, storage, rule, member, help)                             \
    {                                                                                              \
        path, unit, source, range, help, SPD_HOME_RECORD, SPD_STORE_##storage, SPD_SHOW_##rule,    \
            offsetof(struct spd_test_record, member)                                               \
    }
#define SUMMARY(path, unit, source, range, storage, rule, member, help)                            \
    {                                                                                              \
        path, unit, source, range, help, SPD_HOME_SUMMARY, SPD_STORE_##storage, SPD_SHOW_##rule,   \
            offsetof(struct spd_summary, member)                                                   \
    }
#define HOST(path, unit, range, storage, rule, member, help)                                       \
    {                                                                                              \
        path, unit, "", range, help, SPD_HOME_HOST, SPD_STORE_##storage, SPD_SHOW_##rule,          \
            offsetof(struct spd_host, member)                                                      \
    }
#define COUNT(path, unit, source, member, help)                                                    \
    SUMMARY(path, unit, source, "0..", U32, ALWAYS, member, help)

/* A distribution: the same eight figures everywhere. what is its help. */
#define STATS_SHOWN(path, source, range, rule, member, what)                                       \
    SUMMARY(path ".n", "packets", source, "0..", SIZE, ALWAYS, member.n, what ": sample size"),    \
        SUMMARY(path ".min_ns", "ns", source, range, NS, rule, member.min_ns, what ": smallest"),  \
        SUMMARY(path ".mean_ns", "ns", source, range, NS, rule, member.mean_ns, what ": mean"),    \
        SUMMARY(path ".median_ns", "ns", source ", RFC 2330 section 11.3", range, NS, rule,        \
                member.median_ns, what ": median"),                                                \
        SUMMARY(path ".p95_ns", "ns", source ", RFC 2330 section 11.3", range, NS, rule,           \
                member.p95_ns, what ": 95th percentile"),                                          \
        SUMMARY(path ".p99_ns", "ns", source ", RFC 2330 section 11.3", range, NS, rule,           \
                member.p99_ns, what ": 99th percentile"),                                          \
        SUMMARY(path ".p999_ns", "ns", source ", RFC 2330 section 11.3", range, NS, rule,          \
                member.p999_ns, what ": 99.9th percentile"),                                       \
        SUMMARY(path ".max_ns", "ns", source, range, NS, rule, member.max_ns, what ": largest")
#define STATS(path, source, range, member, what)                                                   \
    STATS_SHOWN(path, source, range, ALWAYS, member, what)

#define PERIODS(path, member, what)                                                                \
    COUNT(path ".n_periods", "periods", "RFC 3357 section 5.1.2", member.n_periods,                \
          "runs of consecutively " what),                                                          \
        COUNT(path ".longest_packets", "packets", "RFC 3357 section 6.3", member.longest_packets,  \
              "longest run of consecutively " what)

#define REORDER(path, rule, member, what)                                                          \
    SUMMARY(path ".n_packets", "packets", "RFC 4737 section 4.1", "0..", U32, rule,                \
            member.n_packets, "packets looked at " what),                                          \
        SUMMARY(path ".n_reordered", "packets", "RFC 4737 section 3.3", "0..", U32, rule,          \
                member.n_reordered, "packets that arrived after one sent later, " what),           \
        SUMMARY(path ".extent_max_packets", "packets", "RFC 4737 section 4.2.3", "0..", U32, rule, \
                member.extent_max_packets, "largest reordering extent " what)

#define CAPACITY(path, member, way)                                                                \
    SUMMARY(path ".n_bursts", "bursts", "", "0..", U32, ALWAYS, member.n_bursts,                   \
            "bursts from which the " way " capacity was found"),                                   \
        SUMMARY(path ".dispersion_ns", "ns", "", "0..", NS, ALWAYS, member.dispersion_ns,          \
                "time from the first to the last arrival of a burst, " way ": median"),            \
        SUMMARY(path ".departure_ns", "ns", "", "0..", NS, ALWAYS, member.departure_ns,            \
                "time from the first to the last departure of the same packets: median"),          \
        SUMMARY(path ".ip_bps", "bit/s", "RFC 5136 section 2.3.2", "0..", REAL, NONZERO,           \
                member.ip_bps, way " capacity of the bottleneck in IP-layer bits: median"),        \
        SUMMARY(path ".link_bps", "bit/s", "", "0..", REAL, NONZERO, member.link_bps,              \
                "the same with test.link_header_bytes added to each packet; frame check "          \
                "sequence, preamble and gap are not counted"),                                     \
        SUMMARY(path ".lower_bound", "", "", "true or false", BOOL, ALWAYS, member.lower_bound,    \
                "most bursts arrived as spread as they left: no bottleneck was seen, and the "     \
                "capacity is at least this"),                                                      \
        SUMMARY(path ".from_broken_bursts", "", "", "true or false", BOOL, ALWAYS,                 \
                member.from_broken_bursts, "no burst was whole, so broken ones were taken")

#define REASON(name, member, what)                                                                 \
    COUNT("burst_counts.n_attempts_" name, "bursts", "",                                           \
          n_attempts_by_reason[SPD_BROKEN_##member], "attempts at a burst that " what)

static const struct spd_field rows[] = {
    { "schema", "", "", "stampede.burst/1", "the set of keys", SPD_HOME_RESULT, SPD_STORE_SCHEMA,
      SPD_SHOW_ALWAYS, 0 },
    { "version", "", "", "text", "version of the program that wrote this", SPD_HOME_RESULT,
      SPD_STORE_VERSION, SPD_SHOW_ALWAYS, 0 },
    RECORD("outcome.error", "", "", "name of an error, or null", ERR, ALWAYS, outcome.err,
           "why the test ended early"),
    RECORD("outcome.text", "", "", "text, or null", CHARS, ALWAYS, outcome.text,
           "the same for people"),

    RECORD("target.name", "", "", "text", CHARS, ALWAYS, target_name, "target as it was given"),
    RECORD("target.address", "", "", "address and port", ADDR, ALWAYS, target,
           "where the packets went"),
    RECORD("source.address", "", "", "address and port", ADDR, ALWAYS, source,
           "where they came from"),
    { "test.started_ns", "ns", "", "since 1970 UTC", "time of day before the first burst",
      SPD_HOME_RESULT, SPD_STORE_STARTED, SPD_SHOW_ALWAYS, 0 },
    RECORD("test.interrupted", "", "", "true or false", BOOL, ALWAYS, interrupted,
           "ended by the user: the figures are of what there was"),
    RECORD("test.size_bytes", "bytes", "", "1..65535", U16, ALWAYS, size_bytes,
           "size of each IP packet"),
    RECORD("test.link_header_bytes", "bytes", "", "0..", SIZE, ALWAYS, link_header_bytes,
           "in front of each IP packet on the outgoing link: 14 on Ethernet"),
    RECORD("test.dscp", "", "RFC 2474", "0..63", U8, ALWAYS, dscp, "code point asked for"),
    RECORD("test.dscp_name", "", "RFC 2474", "text, or null", DSCP_NAME, ALWAYS, dscp, "its name"),
    RECORD("test.ssid", "", "RFC 8972 section 3", "0..65535", U16, ALWAYS, ssid,
           "STAMP Session Identifier"),
    RECORD("test.ssid_returned", "", "RFC 8972 section 3", "true or false", BOOL, ALWAYS,
           ssid_returned, "the reflector copies it"),
    RECORD("test.reflector_mode", "", "RFC 8762 section 4.3.1", "stateless, stateful or null",
           REFLECTOR_MODE, ALWAYS, reflector_mode,
           "stateful: it numbers its replies itself, which tells the directions of loss apart"),
    RECORD("test.counter_hz", "Hz", "", "1..", U64, NONZERO, counter_hz,
           "frequency of the hardware counter behind every _ticks"),

    HOST("host.system", "", "text, or null", CHARS, ALWAYS, system, "operating system"),
    HOST("host.processor", "", "text, or null", CHARS, ALWAYS, processor, "processor"),
    HOST("host.n_processors", "processors", "0..", U32, ALWAYS, n_processors, "logical processors"),
    HOST("host.virtual_machine", "", "true or false", BOOL, ALWAYS, virtual_machine,
         "the system runs in a virtual machine"),
    HOST("host.hypervisor", "", "text, or null", CHARS, ALWAYS, hypervisor, "which one"),
    HOST("host.clock_source", "", "text, or null", CHARS, ALWAYS, clock_source,
         "the system's clock source"),
    HOST("host.power_scheme", "", "text, or null", CHARS, ALWAYS, power_scheme,
         "frequency governor or power plan"),

    COUNT("packet_counts.n_asked", "packets", "", loss.n_packets, "packets asked for"),
    COUNT("packet_counts.n_not_sent", "packets", "", loss.n_not_sent,
          "packets that this host did not send; not counted as lost"),
    COUNT("packet_counts.n_sent", "packets", "", loss.n_sent, "packets sent"),
    COUNT("packet_counts.n_received", "packets", "", loss.n_received, "packets with a reply"),
    COUNT("packet_counts.n_unreachable", "packets", "", loss.n_unreachable,
          "packets answered by an ICMP error; not counted as lost"),
    COUNT("packet_counts.n_unresolved", "packets", "", loss.n_unresolved,
          "packets whose replies were still awaited when the test was interrupted; not counted "
          "as lost"),

    COUNT("loss.n_lost", "packets", "RFC 2681 section 2.4", loss.n_lost,
          "packets without a reply, whichever way it was lost"),
    COUNT("loss.n_lost_forward", "packets", "RFC 7680 section 2.4", loss.n_lost_forward,
          "lost on the way to the reflector"),
    COUNT("loss.n_lost_reverse", "packets", "RFC 7680 section 2.4", loss.n_lost_reverse,
          "replies lost on the way back"),
    COUNT("loss.n_lost_unknown", "packets", "", loss.n_lost_unknown,
          "lost in a direction that cannot be told"),
    SUMMARY("loss.ratio", "", "RFC 7680 section 4.1", "0..1, or null", REAL, NONNEGATIVE,
            loss.ratio, "lost packets to packets sent"),
    SUMMARY("loss.ratio_forward", "", "RFC 7680 section 4.1", "0..1, or null", REAL, NONNEGATIVE,
            loss.ratio_forward,
            "lost forward to packets sent; at least this where n_lost_unknown is above 0"),
    SUMMARY("loss.ratio_reverse", "", "RFC 7680 section 4.1", "0..1, or null", REAL, NONNEGATIVE,
            loss.ratio_reverse, "lost on the way back to what reached the reflector; likewise"),
    PERIODS("loss.runs", loss.periods, "lost packets"),
    PERIODS("loss.runs_forward", loss.periods_forward, "packets known to be lost forward"),
    PERIODS("loss.runs_reverse", loss.periods_reverse, "packets whose replies were lost"),

    COUNT("duplicates.n_duplicated", "packets", "RFC 5560 section 5.1", loss.n_duplicated,
          "packets with more than one reply"),
    COUNT("duplicates.n_replies", "replies", "RFC 5560 section 5.2", loss.n_duplicate_replies,
          "replies beyond the first ones"),
    RECORD("replies.n_unexpected", "replies", "", "0..", U64, ALWAYS, n_replies_unexpected,
           "replies that match no packet sent"),
    RECORD("replies.n_malformed", "replies", "", "0..", U64, ALWAYS, n_replies_malformed,
           "datagrams from the target that are no replies"),
    RECORD("replies.n_late", "replies", "", "0..", U64, ALWAYS, n_replies_late,
           "replies that came after their burst was over"),
    SUMMARY("replies.n_dropped_local", "replies", "", "0..", U64, ALWAYS, n_dropped_local,
            "datagrams that this host's receive buffer dropped: loss that is not the network's"),

    REORDER("reordering.round_trip", ALWAYS, reorder_rtt, "there and back"),
    REORDER("reordering.forward", STATEFUL, fwd.reorder, "on the way to the reflector"),
    REORDER("reordering.reverse", STATEFUL, rev.reorder, "on the way back"),

    STATS("round_trip", "RFC 2681", "any", rtt,
          "round trip (T4-T1)-(T3-T2), the time in the reflector subtracted"),
    STATS("round_trip_by_counter", "RFC 2681", "any", rtt_counter,
          "round trip of packets without usable time stamps, by the hardware counter"),
    STATS("in_reflector", "RFC 8762", "0..", in_reflector, "time in the reflector, T3-T2"),
    SUMMARY("clocks_synchronised", "", "RFC 4656 section 4.1.2", "true or false", BOOL, ALWAYS,
            clocks_synchronised, "both ends claim synchronised clocks in NTP format"),
    STATS_SHOWN("delay_forward", "RFC 7679", "any", SYNCHRONISED, fwd.delay_raw,
                "one-way delay to the reflector; only with clocks_synchronised"),
    STATS_SHOWN("delay_reverse", "RFC 7679", "any", SYNCHRONISED, rev.delay_raw,
                "one-way delay back; only with clocks_synchronised"),
    { "pdv_interval", "", "RFC 5481 section 4.2", "burst or test",
      "the interval whose smallest delay counts as zero variation", SPD_HOME_SUMMARY,
      SPD_STORE_PDV_INTERVAL, SPD_SHOW_ALWAYS, offsetof(struct spd_summary, pdv_over_test) },
    STATS("pdv_forward", "RFC 5481 section 4.2", "0..", fwd.pdv,
          "forward delay above the smallest of its interval"),
    STATS("pdv_reverse", "RFC 5481 section 4.2", "0..", rev.pdv,
          "reverse delay above the smallest of its interval"),
    STATS("ipdv_forward", "RFC 3393 section 2.4", "any", fwd.ipdv,
          "difference between the forward delays of consecutive packets"),
    STATS("ipdv_reverse", "RFC 3393 section 2.4", "any", rev.ipdv,
          "difference between the reverse delays of consecutive packets"),
    SUMMARY("jitter.forward_ns", "ns", "RFC 3550 section 6.4.1", "0..", NS, ALWAYS, fwd.jitter_ns,
            "smoothed forward jitter, its last value"),
    SUMMARY("jitter.reverse_ns", "ns", "RFC 3550 section 6.4.1", "0..", NS, ALWAYS, rev.jitter_ns,
            "smoothed reverse jitter, its last value"),

    CAPACITY("capacity_forward", fwd.capacity, "forward"),
    CAPACITY("capacity_reverse", rev.capacity, "reverse"),

    COUNT("burst_counts.n_asked", "bursts", "", n_bursts, "bursts run, each counted once"),
    COUNT("burst_counts.n_attempts", "bursts", "", n_attempts, "with repetitions of broken ones"),
    COUNT("burst_counts.n_whole", "bursts", "", n_whole,
          "bursts handed over in one time slice, in their last attempt"),
    COUNT("burst_counts.n_broken", "bursts", "", n_broken, "bursts that were not"),
    COUNT("burst_counts.n_unknown", "bursts", "", n_broken_unknown,
          "bursts of which this system cannot tell"),
    COUNT("burst_counts.n_interrupted", "bursts", "", n_interrupted, "bursts cut by the user"),
    REASON("whole", WHOLE, "stayed whole"),
    REASON("switched", SWITCHED, "an involuntary context switch broke"),
    REASON("gap", GAP, "an oversized gap between two submissions broke"),
    REASON("send_failed", SEND_FAILED, "broke because a packet could not be sent"),
    REASON("buffer_overflow", BUFFER_OVERFLOW, "broke because the send buffer filled"),
    REASON("unknown", UNKNOWN, "this system cannot judge"),
    STATS("submission", "", "0..", submit, "hand-over of a burst, first to last packet"),
    SUMMARY("submission.gap_max_ns", "ns", "", "0.., or null", NS, ALWAYS, gap_max_ns,
            "largest gap between two submissions of a burst"),

    SUMMARY("stamps.t1_source", "", "", "source of a stamp", STAMP_SOURCE, ALWAYS, t1_source,
            "where most send stamps were taken"),
    SUMMARY("stamps.t4_source", "", "", "source of a stamp", STAMP_SOURCE, ALWAYS, t4_source,
            "where most receive stamps were taken"),
    COUNT("stamps.n_missing", "packets", "", n_stamps_missing,
          "send stamps asked of the kernel and not delivered"),
    COUNT("stamps.n_packets_left_out", "packets", "", n_packets_stamps_left_out,
          "answered packets without usable stamps: not in the figures that need them"),
    COUNT("stamps.n_implausible", "packets", "", n_stamps_implausible,
          "of these: sent by the reflector before it received them, by its own word"),
    COUNT("stamps.n_bursts_clock_step", "bursts", "", n_bursts_clock_step,
          "bursts left out because this host's clock stepped by more than 1 ms"),
    COUNT("stamps.n_bursts_reflector_step", "bursts", "", n_bursts_reflector_step,
          "bursts without one-way figures because the reflector's clock stepped"),
};

const struct spd_field_list spd_fields_test = { rows, sizeof rows / sizeof rows[0] };
