/*
 * A flow packet by packet, as files have it (spec L10): in the order of their
 * sequence numbers, the lost ones included, duplicates behind the first
 * arrival. Any thread; allocates nothing.
 */
#ifndef SPD_RESULT_FLOW_ROWS_H
#define SPD_RESULT_FLOW_ROWS_H

#include "common/result/flow_result.h"

/* Times are SPD_NS_UNKNOWN where they are not known. */
struct spd_flow_row {
    const struct spd_flow_packet *packet; /* NULL: no record of it; it never arrived */
    const struct spd_log_flow *flow;
    uint32_t seq;
    uint8_t fate;   /* enum spd_fate; PENDING: not judged */
    bool duplicate; /* one more arrival */
    bool t1_kernel;
    bool rx_kernel;
    spd_ns sent_ns;    /* after the first packet sent, jumps of the sender's clock taken out */
    spd_ns arrived_ns; /* the same at the far end: sent_ns + latency_forward_ns */
    spd_ns latency_forward_raw_ns; /* T2 - T1 */
    spd_ns latency_forward_ns;     /* corrected and normalised */
    spd_ns latency_reverse_raw_ns; /* T4 - T3 */
    spd_ns latency_reverse_ns;
    spd_ns round_trip_ns; /* less the time in the reflector */
};

/* Walks the rows of one flow of a result whose points were kept. */
struct spd_flow_rows {
    const struct spd_flow_result *result;
    const struct spd_flow_view *view;
    size_t record;        /* the next one */
    size_t point[2];      /* likewise, of each direction */
    size_t last_returned; /* two-way: record behind which losses have no direction */
    size_t gap_end;       /* of the run of lost packets whose way was looked up */
    uint8_t gap_fate;
};

void spd_flow_rows_begin(struct spd_flow_rows *rows, const struct spd_flow_result *result,
                         size_t flow);
/* False when there are no more. */
bool spd_flow_rows_next(struct spd_flow_rows *rows, struct spd_flow_row *row);

#endif
