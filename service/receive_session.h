/*
 * One one-way session at its receiver: the thread that receives and the log
 * that keeps. Its owner, one thread, tends it when it is woken.
 */
#ifndef SPD_SERVICE_RECEIVE_SESSION_H
#define SPD_SERVICE_RECEIVE_SESSION_H

#include "common/engine/receiver.h"

struct spd_receive_session;

struct spd_receive_session_spec {
    struct spd_receiver_spec receiver;
    const char *log;         /* a file, or a folder when it ends with a slash; NULL: no log */
    uint8_t sid[16];         /* with a control channel; else it follows from the marks */
    const char *sender_name; /* for the log; NULL: unknown */
    /* On the session's thread, each time that something is to be tended. */
    void (*wake)(void *context);
    void *context;
};

enum spd_receive_state {
    SPD_RECEIVE_OPENING,
    SPD_RECEIVE_OPEN, /* listens; no packet of a session yet */
    SPD_RECEIVE_BEGUN,
    SPD_RECEIVE_OVER, /* the record is complete, the log is closed */
};

/* Errors: as spd_receiver_create, LIMIT. */
enum spd_err spd_receive_session_start(const struct spd_receive_session_spec *spec,
                                       struct spd_receive_session **out, struct spd_diag *diag);

/* Any thread: whether its socket is closed; the log may still have to be. */
bool spd_receive_session_is_closed(struct spd_receive_session *session);

/* Do what is to be done (open the log, close it) and say where it stands. */
enum spd_receive_state spd_receive_session_tend(struct spd_receive_session *session);

/* From OPEN on: where it listens. */
struct spd_addr spd_receive_session_address(const struct spd_receive_session *session);

void spd_receive_session_stop(struct spd_receive_session *session, enum spd_receiver_ending ending,
                              uint32_t n_taken);

/* Any thread: see spd_receiver_kept. */
size_t spd_receive_session_kept(struct spd_receive_session *session,
                                const struct spd_flow_packet **packets);

/* When OVER. The diag of the log is not OK when records could not be written. */
const struct spd_receiver_record *
spd_receive_session_record(const struct spd_receive_session *session);
const struct spd_diag *spd_receive_session_log_diag(const struct spd_receive_session *session);
const char *spd_receive_session_log_path(const struct spd_receive_session *session); /* or "" */

/* Stops it by hand if it is not over, and waits. NULL is allowed. */
void spd_receive_session_destroy(struct spd_receive_session *session);

#endif
