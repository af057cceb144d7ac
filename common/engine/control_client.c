/*
 * Set-up, start and stop, message by message: each is collected until it is
 * whole, and then acted upon.
 */
#include "common/engine/control_client.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/assert.h"
#include "common/engine/control_client_private.h"
#include "common/wire/ntptime.h"

void spd_client_fail(struct spd_control_client *c, enum spd_err err, const char *what)
{
    if (c->step == SPD_CLIENT_FAILED)
        return;
    c->step = SPD_CLIENT_FAILED;
    c->message = SPD_CLIENT_MESSAGE_NONE;
    spd_diag_set(&c->diag, err, 0, "%.200s: OWAMP-Control: %s", c->server_name, what);
}

void spd_client_refused(struct spd_control_client *c, const char *what, uint8_t accept)
{
    char text[200];
    struct spd_diag message;

    spd_diag_set(&message, SPD_ERR_PROHIBITED, 0, "%s: %s", what, spd_owamp_accept_text(accept));
    memcpy(text, message.text, sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    spd_client_fail(c, SPD_ERR_PROHIBITED, text);
}

void spd_client_await(struct spd_control_client *c, enum spd_client_message message, size_t n)
{
    c->message = message;
    c->n_wanted = n;
    c->n_in = 0;
}

/* -------------------------------------------------------------------- life */

enum spd_err spd_control_client_create(const struct spd_owamp_request *request,
                                       const struct spd_owamp_slot *slots, const char *server_name,
                                       struct spd_control_client **out)
{
    struct spd_control_client *c = calloc(1, sizeof(*c));

    if (!c)
        return SPD_ERR_NOMEM;
    c->slots = calloc(request->n_slots ? request->n_slots : 1, sizeof(*slots));
    if (!c->slots) {
        free(c);
        return SPD_ERR_NOMEM;
    }
    memcpy(c->slots, slots, request->n_slots * sizeof(*slots));
    c->request = *request;
    c->near = spd_ntptime_to_wall(request->start_time, (spd_wall){ INT64_C(1767225600000000000) });
    strncpy(c->server_name, server_name, sizeof(c->server_name) - 1);
    spd_client_await(c, SPD_CLIENT_MESSAGE_GREETING, SPD_OWAMP_GREETING_BYTES);
    *out = c;
    return SPD_ERR_OK;
}

void spd_control_client_destroy(struct spd_control_client *c)
{
    if (!c)
        return;
    free(c->fetched.packets);
    free(c->seen);
    free(c->out);
    free(c->slots);
    free(c);
}

enum spd_control_step spd_control_client_step(const struct spd_control_client *c)
{
    return c->step;
}

const struct spd_diag *spd_control_client_diag(const struct spd_control_client *c)
{
    return &c->diag;
}

uint16_t spd_control_client_port(const struct spd_control_client *c)
{
    return c->request.receiver.port;
}

const uint8_t *spd_control_client_sid(const struct spd_control_client *c)
{
    return c->request.sid;
}

bool spd_control_client_knows_marks(const struct spd_control_client *c)
{
    return c->knows_marks;
}

bool spd_control_client_is_told_to_stop(const struct spd_control_client *c)
{
    return c->stop_heard;
}

const struct spd_control_fetched *spd_control_client_fetched(const struct spd_control_client *c)
{
    return &c->fetched;
}

/* -------------------------------------------------------------- octets out */

/* Room for n octets, or NULL after failing. */
static uint8_t *room_for(struct spd_control_client *c, size_t n)
{
    uint8_t *out = c->out;

    if (c->n_room - c->n_out < n) {
        out = realloc(c->out, c->n_out + n);
        if (!out) {
            spd_client_fail(c, SPD_ERR_NOMEM, "no memory for a message");
            return NULL;
        }
        c->out = out;
        c->n_room = c->n_out + n;
    }
    c->n_out += n;
    return out + c->n_out - n;
}

size_t spd_control_client_pending(struct spd_control_client *c, const uint8_t **bytes)
{
    if (c->n_written == c->n_out)
        c->n_written = c->n_out = 0;
    *bytes = c->out ? c->out + c->n_written : NULL;
    return c->n_out - c->n_written;
}

void spd_control_client_written(struct spd_control_client *c, size_t n)
{
    SPD_ASSERT(n <= c->n_out - c->n_written);
    c->n_written += n;
}

static void send_request(struct spd_control_client *c)
{
    size_t n = (size_t)spd_owamp_request_bytes(c->request.n_slots);
    uint8_t *out = room_for(c, n);

    if (!out)
        return;
    spd_owamp_write_request(out, &c->request);
    out += SPD_OWAMP_REQUEST_BYTES;
    for (uint32_t i = 0; i < c->request.n_slots; i++, out += SPD_OWAMP_SLOT_BYTES)
        spd_owamp_write_slot(out, &c->slots[i]);
    memset(out, 0, SPD_OWAMP_HMAC_BYTES);
}

void spd_control_client_start(struct spd_control_client *c)
{
    uint8_t *out;

    if (c->step != SPD_CLIENT_ACCEPTED)
        return;
    out = room_for(c, SPD_OWAMP_START_BYTES);
    if (!out)
        return;
    spd_owamp_write_start(out);
    c->step = SPD_CLIENT_STARTING;
    spd_client_await(c, SPD_CLIENT_MESSAGE_START_ACK, SPD_OWAMP_START_ACK_BYTES);
}

enum spd_err spd_control_client_stop(struct spd_control_client *c, uint8_t accept,
                                     uint32_t next_seq, const struct spd_owamp_skip *skips,
                                     uint32_t n_skips)
{
    size_t n_skip_bytes = (size_t)n_skips * SPD_OWAMP_SKIP_BYTES;
    size_t n_padding = spd_owamp_block_padding(SPD_OWAMP_STOP_SESSION_BYTES + n_skip_bytes);
    struct spd_owamp_stop stop = { .accept = accept, .n_sessions = 1 };
    struct spd_owamp_stop_session session = { .next_seq = next_seq, .n_skips = n_skips };
    uint8_t *out;

    if (c->step != SPD_CLIENT_RUNNING || n_skips > SPD_CLIENT_SKIPS_MAX)
        return SPD_ERR_INVALID;
    out = room_for(c, SPD_OWAMP_STOP_BYTES + SPD_OWAMP_STOP_SESSION_BYTES + n_skip_bytes +
                          n_padding + SPD_OWAMP_HMAC_BYTES);
    if (!out)
        return SPD_ERR_NOMEM;
    spd_owamp_write_stop(out, &stop);
    memcpy(session.sid, c->request.sid, sizeof(session.sid));
    spd_owamp_write_stop_session(out + SPD_OWAMP_STOP_BYTES, &session);
    out += SPD_OWAMP_STOP_BYTES + SPD_OWAMP_STOP_SESSION_BYTES;
    for (uint32_t i = 0; i < n_skips; i++, out += SPD_OWAMP_SKIP_BYTES)
        spd_owamp_write_skip(out, &skips[i]);
    memset(out, 0, n_padding + SPD_OWAMP_HMAC_BYTES);
    c->stop_said = true;
    c->step = c->stop_heard ? SPD_CLIENT_STOPPED : SPD_CLIENT_STOPPING;
    return SPD_ERR_OK;
}

void spd_control_client_fetch(struct spd_control_client *c)
{
    struct spd_owamp_fetch fetch = { .begin_seq = 0, .end_seq = UINT32_MAX };
    uint8_t *out;

    if (c->step != SPD_CLIENT_STOPPED)
        return;
    if (!c->is_valid) {
        spd_client_fail(c, SPD_ERR_PROHIBITED, "the server says that the session failed");
        return;
    }
    out = room_for(c, SPD_OWAMP_FETCH_BYTES);
    if (!out)
        return;
    memcpy(fetch.sid, c->request.sid, sizeof(fetch.sid));
    spd_owamp_write_fetch(out, &fetch);
    c->step = SPD_CLIENT_FETCHING;
    spd_client_await(c, SPD_CLIENT_MESSAGE_FETCH_ACK, SPD_OWAMP_FETCH_ACK_BYTES);
}

/* ------------------------------------------------------------- negotiation */

static void on_greeting(struct spd_control_client *c)
{
    struct spd_owamp_greeting greeting;
    uint8_t *out;

    spd_owamp_read_greeting(c->in, &greeting);
    c->knows_marks = greeting.knows_marks;
    /* Section 3.1: Modes 0 means that the server will not talk; bits beyond the
     * last three are ignored. */
    if ((greeting.modes & 7) == 0) {
        spd_client_fail(c, SPD_ERR_PROHIBITED,
                        "the server takes nobody now (Modes 0); try again later");
        return;
    }
    if (!(greeting.modes & SPD_OWAMP_MODE_OPEN)) {
        spd_client_fail(
            c, SPD_ERR_PERM,
            "the server wants a key (authenticated or encrypted mode), which this program does "
            "not do; allow unauthenticated mode there, or use --no-control");
        return;
    }
    out = room_for(c, SPD_OWAMP_SET_UP_BYTES);
    if (!out)
        return;
    spd_owamp_write_set_up(out, SPD_OWAMP_MODE_OPEN);
    spd_client_await(c, SPD_CLIENT_MESSAGE_SERVER_START, SPD_OWAMP_SERVER_START_BYTES);
}

static void on_server_start(struct spd_control_client *c)
{
    struct spd_owamp_server_start start;

    spd_owamp_read_server_start(c->in, &start);
    if (start.accept != SPD_OWAMP_OK) {
        spd_client_refused(c, "the server refuses to begin", start.accept);
        return;
    }
    send_request(c);
    spd_client_await(c, SPD_CLIENT_MESSAGE_ACCEPT, SPD_OWAMP_ACCEPT_BYTES);
}

static void on_accept(struct spd_control_client *c)
{
    struct spd_owamp_accept_session accept;

    spd_owamp_read_accept(c->in, &accept);
    if (accept.accept != SPD_OWAMP_OK) {
        spd_client_refused(c, "the server refuses the session", accept.accept);
        return;
    }
    if (accept.port == 0) {
        spd_client_fail(c, SPD_ERR_FORMAT, "the server accepts the session on port 0");
        return;
    }
    c->request.receiver.port = accept.port;
    memcpy(c->request.sid, accept.sid, sizeof(c->request.sid));
    c->step = SPD_CLIENT_ACCEPTED;
    spd_client_await(c, SPD_CLIENT_MESSAGE_NONE, 0);
}

static void on_start_ack(struct spd_control_client *c)
{
    uint8_t accept = spd_owamp_read_start_ack(c->in);

    if (accept != SPD_OWAMP_OK) {
        spd_client_refused(c, "the server refuses to start the session", accept);
        return;
    }
    c->step = SPD_CLIENT_RUNNING;
    spd_client_await(c, SPD_CLIENT_MESSAGE_STOP, SPD_OWAMP_STOP_BYTES);
}

static void on_stop(struct spd_control_client *c)
{
    struct spd_owamp_stop stop;

    /* Section 3.8: the server sends nothing, so it has no session to describe. */
    if (spd_owamp_read_stop(c->in, &stop) || stop.n_sessions != 0) {
        spd_client_fail(c, SPD_ERR_FORMAT, "the server's Stop-Sessions is not what it should be");
        return;
    }
    c->is_valid = stop.accept == SPD_OWAMP_OK;
    spd_client_await(c, SPD_CLIENT_MESSAGE_STOP_HMAC, SPD_OWAMP_HMAC_BYTES);
}

static void on_stop_whole(struct spd_control_client *c)
{
    c->stop_heard = true;
    if (c->stop_said)
        c->step = SPD_CLIENT_STOPPED;
    spd_client_await(c, SPD_CLIENT_MESSAGE_NONE, 0);
}

/* ---------------------------------------------------------------- octets in */

size_t spd_control_client_wanted(const struct spd_control_client *c)
{
    if (c->message == SPD_CLIENT_MESSAGE_NONE)
        return 0;
    if (spd_client_is_passing(c))
        return c->n_pass < sizeof(c->in) ? (size_t)c->n_pass : sizeof(c->in);
    return c->n_wanted - c->n_in;
}

static void act(struct spd_control_client *c)
{
    static void (*const actions[])(struct spd_control_client *) = {
        [SPD_CLIENT_MESSAGE_GREETING] = on_greeting,
        [SPD_CLIENT_MESSAGE_SERVER_START] = on_server_start,
        [SPD_CLIENT_MESSAGE_ACCEPT] = on_accept,
        [SPD_CLIENT_MESSAGE_START_ACK] = on_start_ack,
        [SPD_CLIENT_MESSAGE_STOP] = on_stop,
        [SPD_CLIENT_MESSAGE_STOP_HMAC] = on_stop_whole,
        [SPD_CLIENT_MESSAGE_FETCH_ACK] = spd_client_on_fetch_ack,
        [SPD_CLIENT_MESSAGE_FETCHED_REQUEST] = spd_client_on_fetched_request,
        [SPD_CLIENT_MESSAGE_FETCHED_SKIP] = spd_client_on_fetched_skip,
        [SPD_CLIENT_MESSAGE_FETCHED_RECORD] = spd_client_on_fetched_record,
    };

    actions[c->message](c);
}

void spd_control_client_take(struct spd_control_client *c, const uint8_t *bytes, size_t n)
{
    SPD_ASSERT(n <= spd_control_client_wanted(c));
    if (spd_client_is_passing(c)) {
        c->n_pass -= n;
        if (c->n_pass == 0)
            spd_client_on_passed(c);
        return;
    }
    memcpy(c->in + c->n_in, bytes, n);
    c->n_in += n;
    if (c->n_in == c->n_wanted && n > 0)
        act(c);
}

void spd_control_client_closed(struct spd_control_client *c)
{
    if (c->step != SPD_CLIENT_FETCHED)
        spd_client_fail(c, SPD_ERR_CLOSED, "the server closed the connection");
}
