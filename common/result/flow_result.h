/*
 * What is made of paced flows, measured now or read from a log: the packets by
 * flow, and what analysis says of each direction. Every output of flows is made
 * from it. Any thread.
 */
#ifndef SPD_RESULT_FLOW_RESULT_H
#define SPD_RESULT_FLOW_RESULT_H

#include "common/analysis/flow_summary.h"
#include "common/result/log_join.h"
#include "common/result/log_reader.h"

/* What there is to be analysed: a log, or the records of a test that has just
 * ended. All borrowed, and to stay until the result is gone. */
struct spd_flow_input {
    const struct spd_log_header *header;
    const struct spd_log_facts *facts;
    const char *log_name;                           /* or "" */
    struct spd_flow_packet *packets[SPD_FLOWS_MAX]; /* by the header's flows; put in order, and
                                                       marked ARRIVED where that can be told */
    size_t n_packets[SPD_FLOWS_MAX];
    const struct spd_log_join *join; /* what joining found, or NULL */
    bool deaf[SPD_FLOWS_MAX]; /* one-way: there is no receiver's log of it, so nothing is known
                                 of its arrivals */
};

/* Split a log by flow: orders its packets. join as in the struct. */
void spd_flow_input_of_log(struct spd_log *log, const struct spd_log_join *join,
                           struct spd_flow_input *out);

struct spd_flow_wishes {
    bool keep_jumps;
    spd_ns jump_amount_ns; /* 0: find it */
    bool keep_skew;
    enum spd_skew_method skew_method;
    const struct spd_codec *codec; /* NULL: the default */
    spd_ns minimum_ns;             /* forward, from a calibration; SPD_NS_UNKNOWN: the flow's own */
    const char *flow;              /* only the flow of this name; NULL: all */
    bool keep_points;              /* for rows and pictures: 24 bytes a packet and direction */
    size_t memory_bytes;           /* that analysis may take; 0: do not ask */
};

/* One direction of one flow. */
struct spd_flow_way {
    bool known; /* else there is no such direction, or nothing is known of it */
    struct spd_flow_summary summary;
    struct spd_point *points; /* if kept; by sequence number */
    size_t n_points;
};

/* Where packets were lost. All 0 where nothing is known of arrivals. */
struct spd_flow_loss {
    bool known;
    bool directions_known; /* the reflector numbers its replies itself */
    uint64_t n_lost;       /* either way */
    uint64_t n_forward;
    uint64_t n_reverse;
    uint64_t n_unknown; /* direction unknown: counted in both directions' summaries */
};

struct spd_flow_view {
    size_t index; /* of its flow in the header */
    const struct spd_flow_packet *packets;
    size_t n_packets;
    uint32_t first_seq; /* from which the sequence numbers of points count */
    struct spd_flow_loss loss;
    struct spd_flow_way ways[2]; /* enum spd_flow_direction */
    double rate_bps;             /* at which packets were sent (receiver's log: arrived): IP
                                    packets, from the first one to the last; 0 unknown */
    uint16_t size_min_bytes;     /* of packets with a record; 0 none */
    uint16_t size_max_bytes;
};

/* One jump of a clock, of any flow and direction. */
struct spd_flow_jump {
    const char *flow;
    const char *direction; /* "forward", "reverse" */
    struct spd_jump jump;
    uint32_t seq;    /* of the first packet after it */
    int64_t sent_ns; /* when that was sent: time of day; 0 unknown */
};

#define SPD_FLOW_JUMPS_MAX (SPD_FLOWS_MAX * 2 * SPD_JUMPS_MAX)

struct spd_flow_result {
    struct spd_flow_input input;
    size_t n_flows;
    struct spd_flow_view flows[SPD_FLOWS_MAX];
    size_t n_jumps;
    struct spd_flow_jump jumps[SPD_FLOW_JUMPS_MAX];
};

/* Errors, with a diag: NOT_FOUND (no flow of that name: it lists them), NOMEM,
 * RANGE (sequence numbers leap so far that the memory would not do). Large:
 * keep it on the heap. Free with fini, also after an error. */
enum spd_err spd_flow_result_make(const struct spd_flow_input *input,
                                  const struct spd_flow_wishes *wishes, struct spd_flow_result *out,
                                  struct spd_diag *diag);
void spd_flow_result_fini(struct spd_flow_result *result);

#endif
