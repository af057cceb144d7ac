/*
 * On which way packets of a two-way flow were lost, as far as the numbers of a
 * reflector that counts its replies tell. Pure; any thread.
 */
#ifndef SPD_RESULT_FLOW_PLACE_H
#define SPD_RESULT_FLOW_PLACE_H

#include "common/result/flow_result.h"

/* packets of one two-way flow by sequence number (spd_log_order). A stateful
 * reflector (RFC 8762 section 4.3.1) numbers what arrives: between two packets
 * whose replies came back, as many numbers are missing as replies were lost on
 * the way back, and the rest of the packets between never arrived. So many of
 * them, the first ones, are marked ARRIVED; which ones they really were is
 * known only where all or none arrived. What was lost behind the last reply
 * has no direction, and neither has any loss with a stateless reflector. */
void spd_flow_place_losses(struct spd_flow_packet *packets, size_t n, struct spd_flow_loss *out);

/* For the analysis of the way back: packets that are known not to have arrived
 * were not sent there. Sets SPD_FLOW_NOT_SENT on them, or takes it off again. */
void spd_flow_hide_unarrived(struct spd_flow_packet *packets, size_t n,
                             const struct spd_flow_loss *loss, bool hide);

#endif
