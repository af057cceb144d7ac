/*
 * Gathers the estimates of one pair of clocks. Any thread; allocates nothing.
 */
#include "common/result/flow_clocks.h"

bool spd_flow_clocks_are_shared(const struct spd_log_header *header, size_t a, size_t b)
{
    return spd_addr_equal_host(&header->flows[a].info.target, &header->flows[b].info.target);
}

struct spd_common_skew spd_flow_clocks_skew(const struct spd_flow_clocks *clocks, size_t flow)
{
    const struct spd_log_header *header = clocks->input->header;
    struct spd_skew_estimate estimates[SPD_FLOWS_MAX * 2];
    struct spd_common_skew skew;
    size_t n = 0;

    for (size_t i = 0; i < header->n_flows; i++)
        for (int d = 0; d < 2 && spd_flow_clocks_are_shared(header, i, flow); d++)
            estimates[n++] =
                (struct spd_skew_estimate){ &clocks->found[i][d].skew, d == SPD_FLOW_REVERSE };
    spd_common_skew_settle(estimates, n, &skew);
    return skew;
}
