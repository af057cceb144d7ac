/*
 * Shared by control_client.c (set-up, start and stop) and
 * control_client_fetch.c (what comes back); nobody else includes it.
 */
#ifndef SPD_ENGINE_CONTROL_CLIENT_PRIVATE_H
#define SPD_ENGINE_CONTROL_CLIENT_PRIVATE_H

#include "common/engine/control_client.h"

#define SPD_CLIENT_SKIPS_MAX 65536u

enum spd_client_message {
    SPD_CLIENT_MESSAGE_NONE,
    SPD_CLIENT_MESSAGE_GREETING,
    SPD_CLIENT_MESSAGE_SERVER_START,
    SPD_CLIENT_MESSAGE_ACCEPT,
    SPD_CLIENT_MESSAGE_START_ACK,
    SPD_CLIENT_MESSAGE_STOP,
    SPD_CLIENT_MESSAGE_STOP_HMAC,
    SPD_CLIENT_MESSAGE_FETCH_ACK,
    SPD_CLIENT_MESSAGE_FETCHED_REQUEST,
    SPD_CLIENT_MESSAGE_FETCHED_SLOTS, /* octets that are known already, or say nothing */
    SPD_CLIENT_MESSAGE_FETCHED_SKIP,
    SPD_CLIENT_MESSAGE_FETCHED_SKIPS_END,
    SPD_CLIENT_MESSAGE_FETCHED_RECORD,
    SPD_CLIENT_MESSAGE_FETCHED_RECORDS_END,
};

struct spd_control_client {
    enum spd_control_step step;
    struct spd_diag diag;
    char server_name[256];
    struct spd_owamp_request request;
    struct spd_owamp_slot *slots;
    bool knows_marks;
    bool stop_said;  /* ours */
    bool stop_heard; /* the server's */
    bool is_valid;   /* the server's Stop-Sessions said Accept 0 */

    enum spd_client_message message; /* the one that is awaited */
    uint8_t in[SPD_OWAMP_REQUEST_BYTES];
    size_t n_in, n_wanted;
    uint64_t n_pass; /* octets of SPD_CLIENT_MESSAGE_FETCHED_SLOTS and of ends of blocks left */

    uint8_t *out;
    size_t n_out, n_written, n_room;

    struct spd_owamp_fetch_ack ack;
    uint32_t n_read; /* skips, then records */
    struct spd_owamp_skip last_skip;
    struct spd_control_fetched fetched;
    uint8_t *seen; /* a bit for each number: tells duplicates */
    spd_wall near; /* for the era of times: the start of the session */
};

void spd_client_fail(struct spd_control_client *c, enum spd_err err, const char *what);
/* The server has said no. */
void spd_client_refused(struct spd_control_client *c, const char *what, uint8_t accept);
/* The next message, of n octets. */
void spd_client_await(struct spd_control_client *c, enum spd_client_message message, size_t n);

/* control_client_fetch.c: what to do with each message of a fetch, and whether
 * octets are passed over rather than collected. */
void spd_client_on_fetch_ack(struct spd_control_client *c);
void spd_client_on_fetched_request(struct spd_control_client *c);
void spd_client_on_fetched_skip(struct spd_control_client *c);
void spd_client_on_fetched_record(struct spd_control_client *c);
bool spd_client_is_passing(const struct spd_control_client *c);
void spd_client_on_passed(struct spd_control_client *c);

#endif
