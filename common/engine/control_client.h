/*
 * One connection of an OWAMP-Control client (RFC 4656 section 3) that sends one
 * session to the server and fetches what arrived there. Unauthenticated mode.
 *
 * Pure: octets in, octets out; the phases that wait for the caller say so. One
 * thread at a time.
 */
#ifndef SPD_ENGINE_CONTROL_CLIENT_H
#define SPD_ENGINE_CONTROL_CLIENT_H

#include "common/base/flow.h"
#include "common/wire/owamp_control.h"

struct spd_control_client;

enum spd_control_step {
    SPD_CLIENT_NEGOTIATING, /* up to the server's Accept-Session */
    SPD_CLIENT_ACCEPTED,    /* the caller's turn: start */
    SPD_CLIENT_STARTING,
    SPD_CLIENT_RUNNING,  /* the caller's turn: send, then stop */
    SPD_CLIENT_STOPPING, /* until the server's Stop-Sessions */
    SPD_CLIENT_STOPPED,  /* the caller's turn: fetch, or close */
    SPD_CLIENT_FETCHING,
    SPD_CLIENT_FETCHED,
    SPD_CLIENT_FAILED, /* see the diag */
};

/* request: without SID; its receiver's port is what is asked for. slots are
 * copied. server_name is for messages. Errors: NOMEM. */
enum spd_err spd_control_client_create(const struct spd_owamp_request *request,
                                       const struct spd_owamp_slot *slots, const char *server_name,
                                       struct spd_control_client **out);
void spd_control_client_destroy(struct spd_control_client *client); /* NULL is allowed */

enum spd_control_step spd_control_client_step(const struct spd_control_client *client);
const struct spd_diag *spd_control_client_diag(const struct spd_control_client *client);

/* As in control_server.h. */
size_t spd_control_client_wanted(const struct spd_control_client *client);
void spd_control_client_take(struct spd_control_client *client, const uint8_t *bytes, size_t n);
size_t spd_control_client_pending(struct spd_control_client *client, const uint8_t **bytes);
void spd_control_client_written(struct spd_control_client *client, size_t n);
/* The connection is gone: what cannot happen any more fails. */
void spd_control_client_closed(struct spd_control_client *client);

/* From ACCEPTED on: where to send to, under which SID; whether the server
 * understands marks and termination packets. */
uint16_t spd_control_client_port(const struct spd_control_client *client);
const uint8_t *spd_control_client_sid(const struct spd_control_client *client);
bool spd_control_client_knows_marks(const struct spd_control_client *client);

void spd_control_client_start(struct spd_control_client *client);
/* While RUNNING: whether the server wants to stop. */
bool spd_control_client_is_told_to_stop(const struct spd_control_client *client);
/* next_seq packets were taken in hand, less those skipped (in order, apart). */
enum spd_err spd_control_client_stop(struct spd_control_client *client, uint8_t accept,
                                     uint32_t next_seq, const struct spd_owamp_skip *skips,
                                     uint32_t n_skips);
void spd_control_client_fetch(struct spd_control_client *client);

/* When FETCHED: the records of packets that arrived, in order of arrival, and
 * how many the server counts as lost. near resolves the era of their times. */
struct spd_control_fetched {
    struct spd_flow_packet *packets; /* the client's */
    size_t n_packets;
    uint32_t n_lost;
    uint32_t next_seq;
};
const struct spd_control_fetched *
spd_control_client_fetched(const struct spd_control_client *client);

#endif
