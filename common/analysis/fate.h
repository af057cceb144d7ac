/*
 * The fate of packets without a reply: lost on the way to the reflector, lost
 * on the way back, or lost with the direction unknown.
 *
 * A stateful Session-Reflector numbers its replies itself (RFC 8762 section
 * 4.3.1: from 0, one up for each reply sent), so between two answered packets
 * the numbers that it used and that never arrived are replies lost on the way
 * back; the remaining packets never reached it. Pure; any thread.
 */
#ifndef SPD_ANALYSIS_FATE_H
#define SPD_ANALYSIS_FATE_H

#include "common/base/record.h"

/* A reply that has no packet record of its own: to a probe sent before, between
 * or after the bursts, or a further reply (a duplicate) to a packet whose first
 * reply is in its record. */
struct spd_loss_hint {
    uint32_t sender_seq;    /* Session-Sender Sequence Number in the reply */
    uint32_t reflector_seq; /* Sequence Number of the reply */
};

/* Judge every packet that is still PENDING (or judged before: the call may be
 * repeated with more hints); RECEIVED is set where n_replies says so. NOT_SENT
 * and UNREACHABLE stay, and a packet with the error NO_BUFFERS, which this
 * host's own queue dropped, is LOST_FORWARD in any case. Fills
 * n_lost_*_unplaced of the bursts. Packet records must stand in the order of
 * sending, with sequence numbers that rise (numbers may be left out for probes
 * without a record; wrap is allowed).
 *
 * With reflector_mode STATEFUL, for k packets missing between two answered
 * neighbours and m numbers missing between their replies:
 *   m == 0       all k were lost forward;
 *   m == k       all k were lost on the way back;
 *   0 < m < k    LOST; the counts go to the burst as n_lost_*_unplaced when
 *                the gap lies within one burst;
 *   m > k        the reflector counted something else too: LOST.
 * Neighbours that overtook each other are judged together with what lies
 * between them. Numbers used for duplicated requests are accounted for when
 * hints give them; where n_replies tells of duplicates and no hint does, or
 * where more numbers are missing than packets, only gaps with m == 0 that these
 * cannot explain are judged and the rest is LOST. A counter that starts again
 * (the reflector forgot the session) separates what lies before and after.
 * What was sent before the first answered packet is judged when the first
 * record has sequence number 0, or by a hint; what was sent after the last one
 * only by a hint.
 *
 * Otherwise (STATELESS, UNKNOWN) such packets are LOST. Packets of an
 * interrupted burst that no later reply shows to be lost stay PENDING: nobody
 * waited for them long enough to know.
 *
 * hints may be NULL when n_hints is 0, and in any order. Errors: NOMEM (then
 * nothing was changed). */
enum spd_err spd_fate_judge(struct spd_test_record *record, const struct spd_loss_hint *hints,
                            size_t n_hints);

#endif
