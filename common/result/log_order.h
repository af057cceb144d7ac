/*
 * Packets in the order of their sequence numbers. Pure; any thread.
 */
#ifndef SPD_RESULT_LOG_ORDER_H
#define SPD_RESULT_LOG_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/flow.h"

/* From where each flow's sequence numbers are counted: half the numbers come
 * after it and half before (RFC 1982). */
struct spd_log_bases {
    uint32_t seq[SPD_FLOWS_MAX];
    bool known[SPD_FLOWS_MAX];
};

/* Take the base of each flow that has none from its first packet. */
void spd_log_bases_take(struct spd_log_bases *bases, const struct spd_flow_packet *packets,
                        size_t n);

/* A number that orders packets by flow and then by sequence number. */
uint64_t spd_log_order_key(const struct spd_log_bases *bases, const struct spd_flow_packet *packet);

/* Sort, in place and with no memory besides: by flow, sequence number, and then
 * the order of arrival (T2, T4; unknown ones first). Linear when little is out
 * of order, as in any log; O(n log n) at worst. */
void spd_log_order(struct spd_flow_packet *packets, size_t n, const struct spd_log_bases *bases);

#endif
