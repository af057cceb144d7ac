/*
 * Request-Session and Accept-Session (RFC 4656 section 3.5): how long a request
 * is follows from its fixed part, which is judged before room is made for the
 * rest.
 */
#include <stdlib.h>
#include <string.h>

#include "common/engine/control_server_private.h"

void spd_server_accept_session(struct spd_control_server *s, uint8_t accept, uint16_t port,
                               const uint8_t *sid)
{
    struct spd_owamp_accept_session answer = { .accept = accept, .port = port };

    if (sid)
        memcpy(answer.sid, sid, sizeof(answer.sid));
    spd_owamp_write_accept(spd_server_room_for(s, SPD_OWAMP_ACCEPT_BYTES), &answer);
    spd_server_await_command(s);
}

/* Section 3.5; *accept says why not. */
static bool is_wanted_address(const struct spd_addr *asked, const struct spd_addr *ours)
{
    struct spd_addr any = { .family = asked->family };

    return asked->family == ours->family &&
           (spd_addr_equal_host(asked, ours) || spd_addr_equal_host(asked, &any));
}

static uint8_t judge_request(const struct spd_control_server *s, const struct spd_owamp_request *r)
{
    const struct spd_control_limits *limits = &s->config.limits;

    if (!r->conf_sender && !r->conf_receiver)
        return SPD_OWAMP_FAILURE; /* at least one must be 1 */
    if (r->conf_sender || r->sender.family == SPD_FAMILY_NONE)
        return SPD_OWAMP_NOT_SUPPORTED;
    /* Section 6.2: nobody may direct test packets at a third party, here not even
     * from one. */
    if (!is_wanted_address(&r->receiver, &s->config.local) ||
        !is_wanted_address(&r->sender, &s->config.peer) || r->sender.port == 0)
        return SPD_OWAMP_NOT_SUPPORTED;
    if (r->n_packets == 0 || r->n_slots == 0)
        return SPD_OWAMP_FAILURE;
    if (r->padding_bytes > SPD_CONTROL_PADDING_MAX)
        return SPD_OWAMP_NOT_SUPPORTED;
    if (r->n_packets > limits->n_packets_max || r->n_slots > limits->n_slots_max)
        return SPD_OWAMP_PERMANENT_LIMIT;
    if (s->n_sessions == SPD_CONTROL_SESSIONS_MAX)
        return SPD_OWAMP_TEMPORARY_LIMIT;
    return SPD_OWAMP_OK;
}

/* Section 6.5: a session may not take more of the network than it should. */
static bool is_too_fast(const struct spd_control_server *s,
                        const struct spd_control_session *session)
{
    const struct spd_owamp_request *r = &session->request;
    double bits = 8.0 * (double)(r->padding_bytes + SPD_OWAMP_TEST_BYTES +
                                 spd_addr_header_bytes(&r->receiver));
    double seconds = 0;

    for (uint32_t i = 0; i < r->n_slots; i++)
        seconds += (double)session->slots[i].interval / 4294967296.0;
    return bits * r->n_slots > (double)s->config.limits.rate_bps_max * seconds;
}

bool spd_server_on_request_head(struct spd_control_server *s)
{
    struct spd_owamp_request request;
    uint64_t n_rest;

    (void)spd_owamp_read_request(s->in, &request); /* the command was looked at */
    s->refused_with = judge_request(s, &request);
    n_rest = spd_owamp_request_bytes(request.n_slots) - SPD_OWAMP_REQUEST_BYTES;
    if (s->refused_with == SPD_OWAMP_OK) {
        struct spd_control_session *session = &s->sessions[s->n_sessions];

        *session = (struct spd_control_session){ .request = request };
        session->slots = calloc(request.n_slots, sizeof(*session->slots));
        if (session->slots) {
            s->n_slots_read = 0;
            s->state = STATE_SLOTS;
            s->n_wanted = SPD_OWAMP_SLOT_BYTES;
            return true;
        }
        s->refused_with = SPD_OWAMP_TEMPORARY_LIMIT;
    }
    /* The slots of a refused request still come. Rather than for hours of them we
     * wait for none. */
    s->n_skip = n_rest;
    s->state = STATE_SKIP;
    s->n_wanted = 0;
    if (n_rest <= SPD_CONTROL_SKIP_MAX)
        return true;
    spd_server_accept_session(s, s->refused_with, 0, NULL);
    return spd_server_over(s);
}

static void on_slots_whole(struct spd_control_server *s)
{
    struct spd_control_session *session = &s->sessions[s->n_sessions];
    uint8_t accept = s->refused_with;

    if (accept == SPD_OWAMP_OK && is_too_fast(s, session))
        accept = SPD_OWAMP_PERMANENT_LIMIT;
    if (accept == SPD_OWAMP_OK) {
        s->state = STATE_ASKED;
        s->n_wanted = 0;
        s->asked = s->n_sessions++;
        accept = s->config.host.request(s->config.host.context, s->asked, session);
        if (accept == SPD_OWAMP_OK)
            return;
        s->n_sessions--;
    }
    free(session->slots);
    session->slots = NULL;
    spd_server_accept_session(s, accept, 0, NULL);
}

bool spd_server_on_slot(struct spd_control_server *s)
{
    struct spd_control_session *session = &s->sessions[s->n_sessions];

    if (s->n_slots_read == session->request.n_slots) { /* that was the HMAC */
        on_slots_whole(s);
        return true;
    }
    if (spd_owamp_read_slot(s->in, &session->slots[s->n_slots_read]))
        s->refused_with = SPD_OWAMP_NOT_SUPPORTED;
    s->n_slots_read++;
    return true;
}

void spd_control_server_answer(struct spd_control_server *s, uint8_t accept, uint16_t port,
                               const uint8_t sid[16])
{
    struct spd_control_session *session = &s->sessions[s->asked];

    if (s->state != STATE_ASKED)
        return;
    if (accept == SPD_OWAMP_OK) {
        session->accepted = true;
        session->request.receiver.port = port;
        memcpy(session->request.sid, sid, sizeof(session->request.sid));
        spd_server_accept_session(s, accept, port, sid);
    } else {
        free(session->slots);
        *session = (struct spd_control_session){ 0 };
        s->n_sessions--;
        spd_server_accept_session(s, accept, 0, NULL);
    }
}
