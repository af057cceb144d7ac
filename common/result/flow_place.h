/*
 * On which way packets of a two-way flow were lost, as far as the numbers of a
 * reflector that counts its replies tell. Pure; any thread.
 */
#ifndef SPD_RESULT_FLOW_PLACE_H
#define SPD_RESULT_FLOW_PLACE_H

#include "common/result/flow_result.h"

/* packets of one two-way flow by sequence number (spd_log_order). A stateful
 * reflector (RFC 8762 section 4.3.1) numbers what arrives: of the numbers
 * between those of two packets that came back, each that no reply bears is of a
 * packet that arrived and whose reply was lost; the rest of the packets between
 * never arrived. So many of them, the first ones, are marked ARRIVED; which ones
 * they really were is known only where all or none arrived. What was lost behind
 * the last reply has no direction, and neither has any loss with a stateless
 * reflector, or one whose numbers make no sense. Duplicates on the way there
 * whose replies were lost are taken for packets. Errors: NOMEM (a bit a packet). */
enum spd_err spd_flow_place_losses(struct spd_flow_packet *packets, size_t n,
                                   struct spd_flow_loss *out);

/* For the analysis of the way back: packets that are known not to have arrived
 * were not sent there. Sets SPD_FLOW_NOT_SENT on them, or takes it off again. */
void spd_flow_hide_unarrived(struct spd_flow_packet *packets, size_t n,
                             const struct spd_flow_loss *loss, bool hide);

#endif
