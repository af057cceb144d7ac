/*
 * What the flows of one input say of their clocks, all together: each says it
 * for itself first, then the skew is settled. Part of flow_result; any thread.
 */
#ifndef SPD_RESULT_FLOW_CLOCKS_H
#define SPD_RESULT_FLOW_CLOCKS_H

#include "common/result/flow_result.h"

struct spd_flow_clocks {
    const struct spd_flow_input *input;
    struct spd_flow_corrections found[SPD_FLOWS_MAX][2]; /* by the header's flows, and
                                                            enum spd_flow_direction; zeroed where
                                                            nobody looked */
};

/* Flows to one address end at one clock, whatever their ports. */
bool spd_flow_clocks_are_shared(const struct spd_log_header *header, size_t a, size_t b);

/* The skew between this host's clock and that of the flow's target, by all flows
 * that were looked at and have the same target. */
struct spd_common_skew spd_flow_clocks_skew(const struct spd_flow_clocks *clocks, size_t flow);

#endif
