/*
 * What the parts of flow_summary share; nobody else includes it.
 */
#ifndef SPD_ANALYSIS_FLOW_SUMMARY_PRIVATE_H
#define SPD_ANALYSIS_FLOW_SUMMARY_PRIVATE_H

#include "common/analysis/flow_summary.h"

#define SPD_FLOW_NO_RECORD UINT32_MAX

struct spd_flow_work {
    const struct spd_flow_packet *packets;
    size_t n_records;
    const struct spd_flow_options *options;
    struct spd_point *points; /* one a sequence number, then only those sent */
    size_t n_points;
    spd_ns *values; /* n_points of room, for the figures */
    struct spd_flow_summary *out;
};

/* Of the direction that is analysed; 0 unknown. */
int64_t spd_flow_sent_at(const struct spd_flow_work *w, const struct spd_flow_packet *p);
int64_t spd_flow_received_at(const struct spd_flow_work *w, const struct spd_flow_packet *p);
bool spd_flow_arrived(const struct spd_flow_work *w, const struct spd_flow_packet *p);

/* Allocate and fill points, and count packets in out. No points when nothing
 * was sent. Errors: NOMEM, INVALID as spd_flow_summary_compute. */
enum spd_err spd_flow_points_make(struct spd_flow_work *w);

#endif
