/*
 * A burst test from the first probe to the last: discovery, bursts with their
 * repetitions and pauses, and the closing probe. A state machine that one
 * thread drives by calling step; the simulator drives it with simulated time.
 *
 * The thread that calls step is the test handler: it owns the port and all
 * memory of the test. Others may call spd_session_grant and
 * spd_session_cancel, which post to the session's port.
 */
#ifndef SPD_ENGINE_SESSION_H
#define SPD_ENGINE_SESSION_H

#include "common/base/record.h"
#include "common/engine/plan.h"
#include "common/sys/cport.h"

struct spd_session;

/* What a session tells whoever started it, called on the stepping thread,
 * never within the hot section. */
enum spd_session_event {
    SPD_SESSION_TURN_WANTED, /* wants to dispatch a burst: answer with spd_session_grant.
                                Two bursts must not share a time slice. */
    SPD_SESSION_TURN_OVER,   /* the burst is over; another test may have its turn */
    SPD_SESSION_PROGRESS,    /* number: attempts at bursts that are over */
    SPD_SESSION_FINISHED,    /* the record is complete */
};
typedef void spd_session_notify(void *context, enum spd_session_event event, uint32_t number);

/* Takes the memory for the records and creates the port; everything else
 * happens in step. Errors: NOMEM, and as spd_cport_create. */
enum spd_err spd_session_create(const struct spd_burst_spec *spec, const struct spd_plan *plan,
                                const struct spd_cport_config *port_config,
                                spd_session_notify *notify, void *context,
                                struct spd_session **out, struct spd_diag *diag);

/* Go on for at most max_wait_ns (SPD_NS_FOREVER: until something happens).
 * Returns false once the session has finished. */
bool spd_session_step(struct spd_session *session, spd_ns max_wait_ns);

/* How long a step may wait before something is due; for the simulator. */
spd_ns spd_session_due_in_ns(const struct spd_session *session);

/* Any thread. The session ends with what it has so far after a cancel. */
void spd_session_grant(struct spd_session *session);
void spd_session_cancel(struct spd_session *session);

/* The record: complete once finished; valid until destroy. */
struct spd_test_record *spd_session_record(struct spd_session *session);

/* Only when finished, or never stepped. NULL is allowed. */
void spd_session_destroy(struct spd_session *session);

#endif
