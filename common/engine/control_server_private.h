/*
 * Shared by control_server.c (octets, set-up, start, fetch), its parts for
 * requests and stops, and control_server_state.c; nobody else includes it.
 */
#ifndef SPD_ENGINE_CONTROL_SERVER_PRIVATE_H
#define SPD_ENGINE_CONTROL_SERVER_PRIVATE_H

#include "common/engine/control_server.h"
#include "common/wire/owamp_test.h"

#define SPD_CONTROL_SKIPS_MAX   65536u
#define SPD_CONTROL_SKIP_MAX    (16u << 20)                    /* octets of refused slots */
#define SPD_CONTROL_PADDING_MAX (9216u - SPD_OWAMP_TEST_BYTES) /* what a receiver takes whole */

enum control_state {
    STATE_SET_UP,
    STATE_COMMAND,
    STATE_RUNNING, /* likewise, but Stop-Sessions alone */
    STATE_REQUEST,
    STATE_SLOTS,
    STATE_SKIP,  /* the rest of a refused request */
    STATE_ASKED, /* the host */
    STATE_START,
    STATE_FETCH,
    STATE_FETCH_WRITTEN,
    STATE_STOP_SESSION,
    STATE_STOP_SKIPS,
    STATE_STOP_HMAC,
    STATE_STOPPING, /* the host's receivers end */
    STATE_OVER,
};

struct spd_control_server {
    struct spd_control_server_config config;
    enum control_state state;
    bool running;      /* between Start-Sessions and both Stop-Sessions */
    bool told_to_stop; /* our Stop-Sessions is written */

    uint8_t in[SPD_OWAMP_SET_UP_BYTES]; /* the longest message of fixed size */
    uint8_t *large;                     /* skip ranges, when they do not fit there */
    size_t n_in, n_wanted;
    uint64_t n_skip;

    uint8_t out[4096];
    size_t n_out, n_written;

    struct spd_control_session sessions[SPD_CONTROL_SESSIONS_MAX];
    unsigned n_sessions;
    unsigned asked;       /* number of the one that the host is asked for */
    uint8_t refused_with; /* Accept value of the request being read */
    uint32_t n_slots_read;

    uint8_t stop_accept;
    uint32_t n_stop_sessions, n_described;
    struct spd_control_session *described;

    bool fetching;
    uint8_t fetched_sid[16];
    struct spd_control_fetch fetch;
};

/* control_server.c */
uint8_t *spd_server_room_for(struct spd_control_server *s, size_t n); /* for an answer */
bool spd_server_over(struct spd_control_server *s);                   /* false: close */
void spd_server_await_command(struct spd_control_server *s);

/* control_server_request.c */
void spd_server_accept_session(struct spd_control_server *s, uint8_t accept, uint16_t port,
                               const uint8_t *sid);
bool spd_server_on_request_head(struct spd_control_server *s);
bool spd_server_on_slot(struct spd_control_server *s);

/* control_server_stop.c */
uint32_t spd_server_n_active(const struct spd_control_server *s);
bool spd_server_on_stop_head(struct spd_control_server *s);
bool spd_server_on_stop_session(struct spd_control_server *s);
bool spd_server_on_stop_skips(struct spd_control_server *s);
bool spd_server_on_stop_whole(struct spd_control_server *s);

/* Room for n_wanted octets of a message. False: no memory. */
bool spd_control_server_make_room(struct spd_control_server *s);
void spd_control_server_end_fetch(struct spd_control_server *s);

#endif
