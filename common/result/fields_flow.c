/*
 * Fields of paced flows: of the whole result, and of each flow. A table; any
 * thread.
 */
#include "common/result/fields_table.h"
#include "common/result/flow_result.h"

#define ROW(home, type, path, unit, source, range, storage, rule, member, help)                    \
    {                                                                                              \
        path, unit, source, range, help, SPD_HOME_##home, SPD_STORE_##storage, SPD_SHOW_##rule,    \
            offsetof(struct type, member)                                                          \
    }
#define HEADER(...) ROW(LOG_HEADER, spd_log_header, __VA_ARGS__)
#define FACTS(...)  ROW(LOG_FACTS, spd_log_facts, __VA_ARGS__)
#define END(...)    ROW(LOG_END, spd_log_end, __VA_ARGS__)
#define JOIN(...)   ROW(JOIN, spd_log_join, __VA_ARGS__)
#define FLOW(...)   ROW(FLOW, spd_flow_view, __VA_ARGS__)
#define INFO(...)   ROW(FLOW_INFO, spd_log_flow, __VA_ARGS__)
#define LAST(...)   ROW(FLOW_END, spd_log_flow_end, __VA_ARGS__)

static const struct spd_field test_rows[] = {
    { "schema", "", "", "stampede.flow/1", "the set of keys", SPD_HOME_RESULT,
      SPD_STORE_FLOW_SCHEMA, SPD_SHOW_ALWAYS, 0 },
    { "version", "", "", "text", "version of the program that wrote this", SPD_HOME_RESULT,
      SPD_STORE_VERSION, SPD_SHOW_ALWAYS, 0 },
    END("outcome.error", "", "", "name of an error, or null", ERR, ALWAYS, outcome.err,
        "why the test ended early"),
    END("outcome.text", "", "", "text, or null", CHARS, ALWAYS, outcome.text,
        "the same for people"),
    HEADER("target.name", "", "", "text, or null", CHARS, ALWAYS, target_name,
           "target as it was given"),
    HEADER("test.kind", "", "", "two-way, one-way, one-way-sender, one-way-receiver", LOG_KIND,
           ALWAYS, kind, "whose records these are"),
    HEADER("test.started_ns", "ns", "", "since 1970 UTC", I64, NONZERO, created_ns,
           "time of day when the session was set up"),
    END("test.ended_ns", "ns", "", "since 1970 UTC", I64, NONZERO, ended_ns,
        "time of day at its end"),
    HEADER("test.seed", "", "", "0.., or null", U64, NONZERO, seed,
           "of schedules and padding: gives the same ones again"),
    HEADER("test.counter_hz", "Hz", "", "1..", U64, NONZERO, counter_hz,
           "frequency of the hardware counter"),
    HEADER("test.counter_source", "", "", "text, or null", CHARS, ALWAYS, counter_source,
           "the counter as the system names it"),
    END("test.clock_step_ns", "ns", "", "any sign", I64, ALWAYS, clock_step_ns,
        "step of the time of day against the counter during the test"),
    HEADER("test.clock_synchronised", "", "RFC 4656 section 4.1.2", "true, false or null", TRISTATE,
           ALWAYS, clock.synchronised, "the system keeps its clock synchronised to UTC"),
    HEADER("test.clock_max_error_ns", "ns", "RFC 4656 section 4.1.2", "0.., or null", I64,
           NONNEGATIVE, clock.max_error_ns, "its error as the system states it"),
    HEADER("stamps.send_source", "", "", "source of a stamp", STAMP_SOURCE, ALWAYS, send_stamp,
           "best source of send stamps; those of each packet are in its row"),
    HEADER("stamps.receive_source", "", "", "source of a stamp", STAMP_SOURCE, ALWAYS,
           receive_stamp, "best source of receive stamps"),
    { "log.name", "", "", "text, or null", "file that was analysed", SPD_HOME_LOG_NAME,
      SPD_STORE_TEXT, SPD_SHOW_ALWAYS, offsetof(struct spd_flow_input, log_name) },
    HEADER("log.program", "", "", "text, or null", CHARS, ALWAYS, program, "what wrote it"),
    FACTS("log.state", "", "", "whole, unfinished, torn or damaged", LOG_STATE, ALWAYS,
          condition.state, "condition in which the log was found"),
    FACTS("log.condition", "", "", "text, or null", CHARS, ALWAYS, condition.text,
          "what is wrong with it"),
    FACTS("log.unread_bytes", "bytes", "", "0..", U64, ALWAYS, condition.n_bytes_unread,
          "at its end that could not be read"),
    FACTS("log.n_records", "records", "", "0..", U64, ALWAYS, n_records, "packets in it"),
    END("log.n_records_lost", "records", "", "0..", U64, ALWAYS, n_records_lost,
        "packets that could not be written, disk full: they count as lost here"),
    JOIN("log.n_matched", "packets", "", "0..", U64, ALWAYS, n_matched,
         "that the sender's and the receiver's log both have"),
    JOIN("log.n_unmatched", "packets", "", "0..", U64, ALWAYS, n_unmatched,
         "that only the receiver's log has: left out"),
    JOIN("log.n_unjudged", "packets", "", "0..", U64, ALWAYS, n_unjudged,
         "sent after the receiver had stopped: left out, neither lost nor received"),
    ROW(HOST, spd_host, "host.system", "", "", "text, or null", CHARS, ALWAYS, system,
        "operating system of the host that kept the log"),
    ROW(HOST, spd_host, "host.processor", "", "", "text, or null", CHARS, ALWAYS, processor,
        "processor"),
    ROW(HOST, spd_host, "host.n_processors", "processors", "", "0..", U32, ALWAYS, n_processors,
        "logical processors"),
    ROW(HOST, spd_host, "host.virtual_machine", "", "", "true or false", BOOL, ALWAYS,
        virtual_machine, "the system runs in a virtual machine"),
    ROW(HOST, spd_host, "host.hypervisor", "", "", "text, or null", CHARS, ALWAYS, hypervisor,
        "which one"),
    ROW(HOST, spd_host, "host.clock_source", "", "", "text, or null", CHARS, ALWAYS, clock_source,
        "the system's clock source"),
    ROW(HOST, spd_host, "host.power_scheme", "", "", "text, or null", CHARS, ALWAYS, power_scheme,
        "governor or power plan"),
};

#define STATS(path, source, range, rule, member, what)                                             \
    FLOW(path ".n", "packets", source, "0..", SIZE, rule, member.n, what ": sample size"),         \
        FLOW(path ".min_ns", "ns", source, range, NS, rule, member.min_ns, what ": smallest"),     \
        FLOW(path ".mean_ns", "ns", source, range, NS, rule, member.mean_ns, what ": mean"),       \
        FLOW(path ".median_ns", "ns", source ", RFC 2330 section 11.3", range, NS, rule,           \
             member.median_ns, what ": median"),                                                   \
        FLOW(path ".p95_ns", "ns", source ", RFC 2330 section 11.3", range, NS, rule,              \
             member.p95_ns, what ": 95th percentile"),                                             \
        FLOW(path ".p99_ns", "ns", source ", RFC 2330 section 11.3", range, NS, rule,              \
             member.p99_ns, what ": 99th percentile"),                                             \
        FLOW(path ".p999_ns", "ns", source ", RFC 2330 section 11.3", range, NS, rule,             \
             member.p999_ns, what ": 99.9th percentile"),                                          \
        FLOW(path ".max_ns", "ns", source, range, NS, rule, member.max_ns, what ": largest")

#define WAY_PACKETS(path, s)                                                                       \
    FLOW(path ".n_sent", "packets", "", "0..", U32, WAY, s.n_sent, "that were sent this way"),     \
        FLOW(path ".n_received", "packets", "RFC 7680", "0..", U32, WAY, s.n_received,             \
             "that arrived"),                                                                      \
        FLOW(path ".n_lost", "packets", "RFC 7680", "0..", U32, WAY, s.n_lost,                     \
             "that did not; losses of unknown direction count both ways"),                         \
        FLOW(path ".loss_ratio", "", "RFC 7680 section 4.1", "0..1", REAL, WAY, s.loss_ratio,      \
             "n_lost / n_sent"),                                                                   \
        FLOW(path ".n_loss_periods", "periods", "RFC 3357 section 5.1.2", "0..", U32, WAY,         \
             s.n_loss_periods, "runs of consecutively lost packets"),                              \
        FLOW(path ".loss_period_max_packets", "packets", "RFC 3357 section 6.3", "0..", U32, WAY,  \
             s.loss_period_max_packets, "longest of them"),                                        \
        FLOW(path ".loss_distance_mean_packets", "packets", "RFC 3357 section 5.1.1", "0..", REAL, \
             WAY, s.loss_distance_mean_packets, "mean distance between losses; 0 below two"),      \
        FLOW(path ".n_duplicated", "packets", "RFC 5560", "0..", U32, WAY, s.n_duplicated,         \
             "further arrivals of a packet"),                                                      \
        FLOW(path ".reordering.n_reordered", "packets", "RFC 4737 section 3.3", "0..", U32, WAY,   \
             s.reorder.n_reordered, "packets that arrived after one sent later"),                  \
        FLOW(path ".reordering.extent_max_packets", "packets", "RFC 4737 section 4.2.3", "0..",    \
             U32, WAY, s.reorder.extent_max_packets, "largest reordering extent")

#define WAY_CORRECTIONS(path, s)                                                                   \
    FLOW(path ".jumps.n", "jumps", "", "0..", SIZE, WAY, s.jumps.n, "of a clock that were found"), \
        FLOW(path ".jumps.n_steps", "jumps", "", "0..", SIZE, WAY, s.jumps.n_steps,                \
             "of these, not of the one usual amount: the time of day was set"),                    \
        FLOW(path ".jumps.amount_ns", "ns", "", "0.., or null", NS, WAY_ARRIVED,                   \
             s.jumps.amount_ns, "usual amount of a jump, as given or found; 0 none"),              \
        FLOW(path ".jumps.least_ns", "ns", "", "0.., or null", NS, WAY_ARRIVED, s.jumps.least_ns,  \
             "smallest amount that can be told in this flow"),                                     \
        FLOW(path ".jumps.removed", "", "", "true or false", BOOL, WAY, s.jumps_removed,           \
             "the figures are without them"),                                                      \
        FLOW(path ".skew.method", "", "", "hull, least absolute deviation, least squares",         \
             SKEW_METHOD, WAY_SKEW, s.skew.method,                                                 \
             "how the skew between the clocks was estimated"),                                     \
        FLOW(path ".skew.skew_ppb", "ppb", "RFC 2330 section 10", "any sign", REAL, WAY_SKEW,      \
             s.skew.skew_ppb, "so much faster runs the receiving clock than the sending one"),     \
        FLOW(path ".skew.low_ppb", "ppb", "", "any sign", REAL, WAY_SKEW, s.skew.low_ppb,          \
             "lower end of its 95 % interval"),                                                    \
        FLOW(path ".skew.high_ppb", "ppb", "", "any sign", REAL, WAY_SKEW, s.skew.high_ppb,        \
             "upper end"),                                                                         \
        FLOW(path ".skew.significant", "", "", "true or false", BOOL, WAY_SKEW,                    \
             s.skew.significant, "the interval does not hold 0"),                                  \
        FLOW(path ".skew.finding", "", "",                                                         \
             "established, at-least, not-significant, disputed, implausible, or null",             \
             SKEW_FINDING, WAY, s.common.finding,                                                  \
             "what all flows and directions between the two clocks say together: at-least: they "  \
             "disagree, but all show that much; disputed: on whether there is any"),               \
        FLOW(path ".skew.removed", "", "", "true or false", BOOL, WAY, s.skew_removed,             \
             "the figures are without it"),                                                        \
        FLOW(path ".skew.removed_ppb", "ppb", "RFC 2330 section 10", "any sign", REAL, WAY,        \
             s.skew_removed_ppb,                                                                   \
             "how much was removed, as a direction that knows better may say; 0 none"),            \
        FLOW(path ".minimum_ns", "ns", "RFC 5481 section 4.2", "any sign", NS, WAY, s.minimum_ns,  \
             "raw latency, corrected, that counts as 0")

#define WAY_VOICE(path, s)                                                                         \
    FLOW(path ".voice.codec", "", "ITU-T G.113 Appendix I", "text", CODEC, WAY_ARRIVED, s.codec,   \
         "codec that is assumed"),                                                                 \
        FLOW(path ".voice.buffer_ns", "ns", "", "0..", NS, WAY_ARRIVED, s.buffer_ns,               \
             "jitter buffer that is assumed: the 99th percentile of the variation"),               \
        FLOW(path ".voice.mouth_to_ear_ns", "ns", "ITU-T G.107 section 7.4", "0..", NS,            \
             WAY_ARRIVED, s.mouth_to_ear_ns, "base delay, buffer, packet and look-ahead"),         \
        FLOW(path ".voice.loss_ratio", "", "ITU-T G.107 section 7.5", "0..1", REAL, WAY_ARRIVED,   \
             s.effective_loss_ratio, "packets lost or too late for the buffer"),                   \
        FLOW(path ".voice.r", "", "ITU-T G.107", "..93.2", REAL, WAY_ARRIVED, s.mos.r,             \
             "transmission rating factor"),                                                        \
        FLOW(path ".voice.mos", "", "ITU-T G.107 Annex B", "1..4.5", REAL, WAY_ARRIVED, s.mos.mos, \
             "mean opinion score, listening and talking")

#define WAY(path, s)                                                                               \
    WAY_PACKETS(path, s),                                                                          \
        STATS(path ".pdv", "RFC 5481 section 4.2", "0..", WAY, s.pdv,                              \
              "one-way delay above the smallest one, corrected"),                                  \
        STATS(path ".ipdv", "RFC 3393", "any sign", WAY, s.ipdv,                                   \
              "difference of the delays of two successive packets, corrected"),                    \
        FLOW(path ".jitter_ns", "ns", "RFC 3550 section 6.4.1", "0..", NS, WAY, s.jitter_ns,       \
             "smoothed jitter, its last value"),                                                   \
        STATS(path ".delay_raw", "RFC 7679", "any sign", WAY, s.delay_raw,                         \
              "one-way delay by two clocks, uncorrected"),                                         \
        WAY_CORRECTIONS(path, s), WAY_VOICE(path, s)

static const struct spd_field flow_rows[] = {
    INFO("name", "", "", "text, or null", CHARS, ALWAYS, info.name, "of the flow"),
    INFO("dscp", "", "RFC 2474", "0..63", U8, ALWAYS, info.dscp, "code point asked for"),
    INFO("dscp_name", "", "RFC 2474", "text, or null", DSCP_NAME, ALWAYS, info.dscp, "its name"),
    INFO("one_way", "", "", "true or false", BOOL, ALWAYS, info.one_way, "nothing comes back"),
    INFO("source.address", "", "", "address and port, or null", ADDR, ALWAYS, info.source,
         "where packets came from"),
    INFO("target.address", "", "", "address and port, or null", ADDR, ALWAYS, info.target,
         "where they went"),
    INFO("ssid", "", "RFC 8972 section 3", "1..65535, or null", U16, NONZERO, ssid,
         "STAMP Session Identifier"),
    INFO("sid", "", "RFC 4656 section 3.5", "32 hexadecimal digits, or null", SID, ALWAYS, sid,
         "OWAMP Session Identifier"),
    INFO("schedule.text", "", "", "text, or null", CHARS, ALWAYS, schedule, "when packets are due"),
    INFO("schedule.n_packets", "packets", "", "1.., or null", U32, NONZERO, info.n_packets,
         "asked for, or negotiated"),
    INFO("schedule.n_calibration", "packets", "", "0..", U32, ALWAYS, n_calibration,
         "of them, the first ones, sent without noise (stampede qos)"),
    INFO("schedule.rate_bps", "bit/s", "", "1.., or null", U64, NONZERO, info.rate_bps,
         "asked for: IP packets"),
    INFO("schedule.interval_ns", "ns", "", "1.., or null", NS, NONZERO, info.interval_ns,
         "asked for"),
    LAST("ended_by", "", "", "an ending, or null", ENDING, ENDED, ending, "what ended the session"),
    LAST("sending.n_sent", "packets", "", "0..", U64, ALWAYS, n_sent, "by the sender's count"),
    LAST("sending.n_not_sent", "packets", "", "0..", U64, ALWAYS, n_not_sent,
         "that this host did not send: not lost"),
    LAST("sending.n_late", "packets", "", "0..", U64, ALWAYS, n_late,
         "sent later than their place in the schedule by more than allowed"),
    LAST("sending.lateness_max_ns", "ns", "", "0..", NS, ALWAYS, lateness_max_ns,
         "behind the schedule: largest"),
    FLOW("sending.rate_bps", "bit/s", "", "0.., or null", REAL, NONZERO, rate_bps,
         "achieved; in a receiver's log the rate of arrivals"),
    FLOW("sending.size_min_bytes", "bytes", "", "1.., or null", U16, NONZERO, size_min_bytes,
         "smallest IP packet"),
    FLOW("sending.size_max_bytes", "bytes", "", "1.., or null", U16, NONZERO, size_max_bytes,
         "largest IP packet"),
    LAST("receiving.n_arrived", "packets", "", "0..", U64, ALWAYS, n_arrived,
         "by the count of the side that kept the log"),
    LAST("receiving.n_duplicates", "packets", "RFC 5560", "0..", U64, ALWAYS, n_duplicates,
         "further arrivals"),
    LAST("receiving.n_unexpected", "packets", "", "0..", U64, ALWAYS, n_unexpected,
         "that fitted no packet of the session"),
    LAST("receiving.n_malformed", "packets", "", "0..", U64, ALWAYS, n_malformed,
         "no test packets"),
    LAST("receiving.n_termination", "packets", "", "0..", U64, ALWAYS, n_termination,
         "termination packets sent or received"),
    LAST("receiving.n_dropped_local", "packets", "", "0..", U64, ALWAYS, n_dropped_local,
         "that this host's receive buffer dropped"),
    FLOW("loss.n_lost", "packets", "RFC 2681 section 2.4", "0.., or null", U64, LOSS, loss.n_lost,
         "either way"),
    FLOW("loss.n_lost_forward", "packets", "RFC 7680", "0.., or null", U64, LOSS_WAYS,
         loss.n_forward, "on the way there; null when directions cannot be told"),
    FLOW("loss.n_lost_reverse", "packets", "RFC 7680", "0.., or null", U64, LOSS_WAYS,
         loss.n_reverse, "on the way back"),
    FLOW("loss.n_lost_unknown", "packets", "", "0.., or null", U64, LOSS, loss.n_unknown,
         "direction unknown"),
    STATS("round_trip", "RFC 2681", "0..", WAY, ways[0].summary.rtt,
          "round trip, less the time in the reflector"),
    WAY("forward", ways[0].summary),
    WAY("reverse", ways[1].summary),
};

const struct spd_field_list spd_fields_flow_test = { test_rows,
                                                     sizeof test_rows / sizeof test_rows[0] };
const struct spd_field_list spd_fields_flow = { flow_rows, sizeof flow_rows / sizeof flow_rows[0] };
