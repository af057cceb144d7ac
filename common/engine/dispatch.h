/*
 * The dispatch of one burst after the other: packets written beforehand, handed
 * over whole in one time slice, stamps and replies gathered into the records.
 *
 * One thread, the owner of the port, uses it: the test handler's. It is
 * time-critical only within submit.
 */
#ifndef SPD_ENGINE_DISPATCH_H
#define SPD_ENGINE_DISPATCH_H

#include "common/base/record.h"
#include "common/engine/plan.h"
#include "common/sys/cport.h"

struct spd_dispatch;

/* Room that record->extra_replies must have. */
#define SPD_DISPATCH_EXTRA_REPLIES 4096

/* Opens the socket, takes all memory, queues the receives, and notes in
 * record->environment what was asked and obtained. record stays valid as long
 * as the dispatch; its packets and bursts arrays must hold plan->n_records and
 * plan->n_burst_records. Errors as spd_udp_open, NOMEM. */
enum spd_err spd_dispatch_create(struct spd_cport *port, uintptr_t key,
                                 const struct spd_burst_spec *spec, const struct spd_plan *plan,
                                 struct spd_test_record *record, struct spd_dispatch **out,
                                 struct spd_diag *diag);

/* Write the packets of a burst and queue them; nothing leaves yet. Adds a
 * burst record and the packet records. Errors: FULL and the like, then the
 * burst must be given up. */
enum spd_err spd_dispatch_prepare(struct spd_dispatch *dispatch, uint32_t burst_index,
                                  uint32_t attempt);

/* Raise, end the slice, hand over, lower. Opens the hot section. */
void spd_dispatch_submit(struct spd_dispatch *dispatch);

/* A completion with the dispatch's key; dequeued is the counter right after it
 * came out of the port. Within the hot section: no lock, no allocation. */
void spd_dispatch_on_completion(struct spd_dispatch *dispatch,
                                const struct spd_completion *completion, spd_ticks dequeued);

/* Fetch kernel stamps that have arrived; returns whether some are missing. */
bool spd_dispatch_collect_stamps(struct spd_dispatch *dispatch);

/* Every send completed, every stamp and every reply there. */
bool spd_dispatch_is_complete(const struct spd_dispatch *dispatch);

/* Every packet sent of this burst is answered; only stamps may be missing. */
bool spd_dispatch_all_answered(const struct spd_dispatch *dispatch);

/* Counts everything that came in; a change means that the network is alive. */
uint64_t spd_dispatch_activity(const struct spd_dispatch *dispatch);

/* Take back what still waits in this host to be sent; its completions follow.
 * Returns whether there was anything. */
bool spd_dispatch_cancel_sends(struct spd_dispatch *dispatch);

/* Close the hot section and complete the records of the burst, whose sends have
 * all completed. Returns its record. */
struct spd_burst_record *spd_dispatch_finish(struct spd_dispatch *dispatch);

/* After the last burst: send one more packet of the session, whose reply shows
 * up to where the reflector counted: it goes to record->extra_replies. Returns
 * false when all such probes have been used up. */
bool spd_dispatch_tail_probe(struct spd_dispatch *dispatch);
bool spd_dispatch_tail_answered(const struct spd_dispatch *dispatch);

/* As in discovery.h: stop, give it completions until idle, free. */
void spd_dispatch_stop(struct spd_dispatch *dispatch);
bool spd_dispatch_is_idle(const struct spd_dispatch *dispatch);
void spd_dispatch_free(struct spd_dispatch *dispatch);

#endif
