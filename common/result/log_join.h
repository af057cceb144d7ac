/*
 * The two logs of a one-way session, the sender's and the receiver's, become
 * one (spec L3): matched by sequence number. Any thread.
 */
#ifndef SPD_RESULT_LOG_JOIN_H
#define SPD_RESULT_LOG_JOIN_H

#include "common/result/log_reader.h"

struct spd_log_join {
    bool heard[SPD_FLOWS_MAX]; /* flows of the sender that this receiver listened to */
    uint64_t n_matched;        /* packets of the sender that arrived */
    uint64_t n_unmatched;      /* arrivals that a whole sender's log does not know: left out */
    uint64_t n_unjudged; /* packets of the sender after the last one that a receiver logged which
                            did not hear the session's end: lost or not, who knows; left out */
};

/* Join receiver's packets into sender, which becomes of kind ONE_WAY; one of
 * that kind takes further receivers, since each logs one session. The packets
 * come out by flow and sequence number, duplicates after the first arrival;
 * packets that were sent and did not arrive have no SPD_FLOW_ARRIVED. Of
 * receiver, the packets are gone afterwards, also on failure of memory.
 *
 * Sessions are told by their identifier, else (both logs of one session) by the
 * send times that the packets carried. Errors: INVALID with a diag (two logs of
 * the same side, of different sessions), NOMEM. */
enum spd_err spd_log_join(struct spd_log *sender, struct spd_log *receiver,
                          struct spd_log_join *out, struct spd_diag *diag);

#endif
