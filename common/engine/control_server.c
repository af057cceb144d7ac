/*
 * A message is collected until it is whole, then acted upon. How long it is
 * follows from its fixed part, which is judged before room is made for the rest.
 */
#include "common/engine/control_server.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/assert.h"
#include "common/engine/control_server_private.h"

#define SKIP_PIECE 4096
#define COUNT      2048 /* section 3.1: a power of 2, at least 1024; unused in this mode */

/* ----------------------------------------------------------------- octets out */

uint8_t *spd_server_room_for(struct spd_control_server *s, size_t n)
{
    uint8_t *at;

    if (s->n_written > 0) {
        memmove(s->out, s->out + s->n_written, s->n_out - s->n_written);
        s->n_out -= s->n_written;
        s->n_written = 0;
    }
    /* Messages are taken one by one, and none while much is waiting. */
    SPD_ASSERT(s->n_out + n <= sizeof(s->out));
    at = s->out + s->n_out;
    s->n_out += n;
    return at;
}

size_t spd_control_server_pending(struct spd_control_server *s, const uint8_t **bytes)
{
    if (s->n_written == s->n_out) {
        s->n_written = s->n_out = 0;
        if (s->fetching) {
            s->n_out = spd_control_fetch_next(&s->fetch, s->out, sizeof(s->out));
            if (s->n_out == 0)
                spd_control_server_end_fetch(s);
        }
    }
    *bytes = s->out + s->n_written;
    return s->n_out - s->n_written;
}

void spd_control_server_written(struct spd_control_server *s, size_t n)
{
    SPD_ASSERT(n <= s->n_out - s->n_written);
    s->n_written += n;
}

/* ------------------------------------------------------------------ beginning */

static void greet(struct spd_control_server *s)
{
    struct spd_owamp_greeting greeting = {
        .modes = s->config.refuse ? 0 : SPD_OWAMP_MODE_OPEN,
        .count = COUNT,
        .knows_marks = true,
    };

    memcpy(greeting.challenge, s->config.random, 16);
    memcpy(greeting.salt, s->config.random + 16, 16);
    spd_owamp_write_greeting(spd_server_room_for(s, SPD_OWAMP_GREETING_BYTES), &greeting);
}

enum spd_err spd_control_server_create(const struct spd_control_server_config *config,
                                       struct spd_control_server **out)
{
    struct spd_control_server *s = calloc(1, sizeof(*s));

    if (!s)
        return SPD_ERR_NOMEM;
    s->config = *config;
    s->state = config->refuse ? STATE_OVER : STATE_SET_UP;
    s->n_wanted = SPD_OWAMP_SET_UP_BYTES;
    greet(s);
    *out = s;
    return SPD_ERR_OK;
}

void spd_control_server_destroy(struct spd_control_server *s)
{
    if (!s)
        return;
    spd_control_fetch_end(&s->fetch);
    /* One may be half read. */
    for (unsigned i = 0; i < SPD_CONTROL_SESSIONS_MAX; i++) {
        free(s->sessions[i].slots);
        free(s->sessions[i].skips);
    }
    free(s->large);
    free(s);
}

bool spd_server_over(struct spd_control_server *s)
{
    s->state = STATE_OVER;
    return false;
}

void spd_server_await_command(struct spd_control_server *s)
{
    s->state = s->running ? STATE_RUNNING : STATE_COMMAND;
    s->n_wanted = SPD_OWAMP_BLOCK_BYTES; /* section 3: the type is found in 16 octets */
}

static bool on_set_up(struct spd_control_server *s)
{
    struct spd_owamp_server_start start = { .accept = SPD_OWAMP_OK,
                                            .start_time = s->config.start_time };
    uint32_t mode = spd_owamp_read_set_up(s->in) & 7; /* section 3.1: the others are ignored */

    if (mode == 0)
        return spd_server_over(s); /* the client does not go on */
    if (mode != SPD_OWAMP_MODE_OPEN) {
        start.accept = SPD_OWAMP_NOT_SUPPORTED;
        start.start_time = 0;
    }
    spd_owamp_write_server_start(spd_server_room_for(s, SPD_OWAMP_SERVER_START_BYTES), &start);
    if (start.accept != SPD_OWAMP_OK)
        return spd_server_over(s);
    spd_server_await_command(s);
    return true;
}

/* ------------------------------------------------------------- start and fetch */

static bool on_start(struct spd_control_server *s)
{
    bool any = spd_server_n_active(s) > 0;

    spd_owamp_write_start_ack(spd_server_room_for(s, SPD_OWAMP_START_ACK_BYTES),
                              any ? SPD_OWAMP_OK : SPD_OWAMP_FAILURE);
    s->running = any;
    s->told_to_stop = false;
    spd_server_await_command(s);
    return true;
}

static bool on_fetch(struct spd_control_server *s)
{
    struct spd_control_fetch_source source;
    struct spd_owamp_fetch request;
    enum spd_err err;

    (void)spd_owamp_read_fetch(s->in, &request);
    memset(&s->fetch, 0, sizeof(s->fetch));
    if (!s->config.host.fetch(s->config.host.context, request.sid, &source)) {
        struct spd_owamp_fetch_ack no = { .accept = SPD_OWAMP_FAILURE };

        spd_owamp_write_fetch_ack(spd_server_room_for(s, SPD_OWAMP_FETCH_ACK_BYTES), &no);
        spd_server_await_command(s);
        return true;
    }
    err = spd_control_fetch_begin(&s->fetch, &source, &request);
    if (err) {
        struct spd_owamp_fetch_ack no = { .accept = SPD_OWAMP_TEMPORARY_LIMIT };

        spd_owamp_write_fetch_ack(spd_server_room_for(s, SPD_OWAMP_FETCH_ACK_BYTES), &no);
        spd_server_await_command(s);
        return true;
    }
    memcpy(s->fetched_sid, request.sid, sizeof(s->fetched_sid));
    s->fetching = true;
    s->state = STATE_FETCH_WRITTEN;
    s->n_wanted = 0;
    return true;
}

void spd_control_server_end_fetch(struct spd_control_server *s)
{
    spd_control_fetch_end(&s->fetch);
    s->fetching = false;
    if (s->state == STATE_FETCH_WRITTEN)
        spd_server_await_command(s);
}

/* ------------------------------------------------------------------ octets in */

static bool on_command(struct spd_control_server *s)
{
    /* Section 3.4: while measurements are conducted Stop-Sessions is the only
     * command. */
    if (s->running)
        return s->in[0] == SPD_OWAMP_STOP_SESSIONS ? spd_server_on_stop_head(s)
                                                   : spd_server_over(s);
    switch (s->in[0]) {
    case SPD_OWAMP_REQUEST_SESSION:
        s->state = STATE_REQUEST;
        s->n_wanted = SPD_OWAMP_REQUEST_BYTES;
        return true;
    case SPD_OWAMP_START_SESSIONS:
        s->state = STATE_START;
        s->n_wanted = SPD_OWAMP_START_BYTES;
        return true;
    case SPD_OWAMP_FETCH_SESSION:
        s->state = STATE_FETCH;
        s->n_wanted = SPD_OWAMP_FETCH_BYTES;
        return true;
    default:
        return spd_server_over(s);
    }
}

/* A command goes on behind the octets that were collected to know it. */
static bool goes_on(enum control_state before, enum control_state now)
{
    return before == STATE_COMMAND &&
           (now == STATE_REQUEST || now == STATE_START || now == STATE_FETCH);
}

static bool act(struct spd_control_server *s)
{
    switch (s->state) {
    case STATE_SET_UP:
        return on_set_up(s);
    case STATE_COMMAND:
    case STATE_RUNNING:
        return on_command(s);
    case STATE_REQUEST:
        return spd_server_on_request_head(s);
    case STATE_SLOTS:
        return spd_server_on_slot(s);
    case STATE_START:
        return on_start(s);
    case STATE_FETCH:
        return on_fetch(s);
    case STATE_STOP_SESSION:
        return spd_server_on_stop_session(s);
    case STATE_STOP_SKIPS:
        return spd_server_on_stop_skips(s);
    case STATE_STOP_HMAC:
        return spd_server_on_stop_whole(s);
    default:
        return true;
    }
}

size_t spd_control_server_wanted(const struct spd_control_server *s)
{
    /* One message at a time, and when the answers before are mostly written. */
    if (s->state == STATE_ASKED || s->state == STATE_FETCH_WRITTEN || s->state == STATE_STOPPING ||
        s->state == STATE_OVER || s->n_out - s->n_written > sizeof(s->out) / 2)
        return 0;
    if (s->state == STATE_SKIP)
        return s->n_skip < SKIP_PIECE ? (size_t)s->n_skip : SKIP_PIECE;
    return s->n_wanted - s->n_in;
}

bool spd_control_server_take(struct spd_control_server *s, const uint8_t *bytes, size_t n)
{
    enum control_state before = s->state;

    SPD_ASSERT(n <= spd_control_server_wanted(s));
    if (s->state == STATE_SKIP) {
        s->n_skip -= n;
        if (s->n_skip == 0)
            spd_server_accept_session(s, s->refused_with, 0, NULL);
        return true;
    }
    memcpy((s->large ? s->large : s->in) + s->n_in, bytes, n);
    s->n_in += n;
    if (s->n_in < s->n_wanted)
        return true;
    if (!act(s))
        return false;
    if (!goes_on(before, s->state))
        s->n_in = 0;
    return true;
}
