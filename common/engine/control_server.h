/*
 * One connection of an OWAMP-Control server (RFC 4656 section 3), the receiving
 * side of one-way sessions: octets in, octets out, and questions to the host
 * that has the receivers. Unauthenticated mode; sessions in which the server
 * would send are refused.
 *
 * Pure: no clock, no socket. The one thread that serves the connections.
 */
#ifndef SPD_ENGINE_CONTROL_SERVER_H
#define SPD_ENGINE_CONTROL_SERVER_H

#include "common/engine/control_fetch.h"

#define SPD_CONTROL_SESSIONS_MAX 8 /* of one connection */

struct spd_control_server;

struct spd_control_session {
    struct spd_owamp_request request; /* as asked; ports and SID in use once accepted */
    struct spd_owamp_slot *slots;     /* request.n_slots of them */
    struct spd_owamp_skip *skips;     /* of the client's Stop-Sessions */
    uint32_t n_skips;
    uint32_t next_seq;
    bool accepted;
    bool stopped;  /* Stop-Sessions of the client has described it */
    bool normally; /* with Accept 0 */
};

/* What the server asks of its host, during spd_control_server_take. */
struct spd_control_host {
    void *context;
    /* Receive session number i. Returns an Accept value; OK means that
     * spd_control_server_answer follows. */
    uint8_t (*request)(void *context, unsigned i, const struct spd_control_session *session);
    /* The client's part is over: end what is still received, then call
     * spd_control_server_stopped. */
    void (*stop)(void *context);
    /* What there is of a session, of this connection or another. False: no such
     * session. */
    bool (*fetch)(void *context, const uint8_t sid[16], struct spd_control_fetch_source *out);
};

struct spd_control_limits {
    uint32_t n_slots_max;
    uint32_t n_packets_max;
    uint64_t rate_bps_max; /* mean, of IP packets */
};

struct spd_control_server_config {
    struct spd_control_host host;
    struct spd_control_limits limits;
    struct spd_addr local; /* of the connection: the only receiver it may ask for */
    struct spd_addr peer;  /* the only sender */
    bool refuse;           /* greet with Modes 0: no room */
    uint8_t random[32];    /* for the greeting */
    uint64_t start_time;   /* of the server */
};

enum spd_err spd_control_server_create(const struct spd_control_server_config *config,
                                       struct spd_control_server **out);
void spd_control_server_destroy(struct spd_control_server *server); /* NULL is allowed */

/* How many octets of the client may be taken now. 0: leave them where they are. */
size_t spd_control_server_wanted(const struct spd_control_server *server);
/* That many, or fewer. False: the client broke the protocol, or is done; close
 * once everything is written. */
bool spd_control_server_take(struct spd_control_server *server, const uint8_t *bytes, size_t n);

/* Octets for the client, and how many of them were written. */
size_t spd_control_server_pending(struct spd_control_server *server, const uint8_t **bytes);
void spd_control_server_written(struct spd_control_server *server, size_t n);

/* The answer to request: accepted on that port under that SID, or refused. */
void spd_control_server_answer(struct spd_control_server *server, uint8_t accept, uint16_t port,
                               const uint8_t sid[16]);
/* The answer to stop: every receiver has ended. */
void spd_control_server_stopped(struct spd_control_server *server);
/* Tell the client to stop, while its sessions run. */
void spd_control_server_stop(struct spd_control_server *server);

/* For time-outs and limits. */
enum spd_control_phase {
    SPD_CONTROL_SETTING_UP, /* costs the client nothing: first to go */
    SPD_CONTROL_IDLE,
    SPD_CONTROL_IN_MESSAGE, /* part of one has come */
    SPD_CONTROL_WAITING,    /* for the host */
    SPD_CONTROL_RUNNING,
    SPD_CONTROL_WRITING,
    SPD_CONTROL_OVER,
};
enum spd_control_phase spd_control_server_phase(const struct spd_control_server *server);
const struct spd_control_session *
spd_control_server_session(const struct spd_control_server *server, unsigned i);
/* While a fetch is written its source must stay. Ends it, and the connection. */
const uint8_t *
spd_control_server_fetches(const struct spd_control_server *server); /* SID or NULL */
void spd_control_server_abort(struct spd_control_server *server);

#endif
