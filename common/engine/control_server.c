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

static uint8_t *room_for(struct spd_control_server *s, size_t n)
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
    spd_owamp_write_greeting(room_for(s, SPD_OWAMP_GREETING_BYTES), &greeting);
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

static bool over(struct spd_control_server *s)
{
    s->state = STATE_OVER;
    return false;
}

static void await_command(struct spd_control_server *s)
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
        return over(s); /* the client does not go on */
    if (mode != SPD_OWAMP_MODE_OPEN) {
        start.accept = SPD_OWAMP_NOT_SUPPORTED;
        start.start_time = 0;
    }
    spd_owamp_write_server_start(room_for(s, SPD_OWAMP_SERVER_START_BYTES), &start);
    if (start.accept != SPD_OWAMP_OK)
        return over(s);
    await_command(s);
    return true;
}

/* ------------------------------------------------------------------- requests */

static void accept_session(struct spd_control_server *s, uint8_t accept, uint16_t port,
                           const uint8_t *sid)
{
    struct spd_owamp_accept_session answer = { .accept = accept, .port = port };

    if (sid)
        memcpy(answer.sid, sid, sizeof(answer.sid));
    spd_owamp_write_accept(room_for(s, SPD_OWAMP_ACCEPT_BYTES), &answer);
    await_command(s);
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

static bool on_request_head(struct spd_control_server *s)
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
    accept_session(s, s->refused_with, 0, NULL);
    return over(s);
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
    accept_session(s, accept, 0, NULL);
}

static bool on_slot(struct spd_control_server *s)
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
        accept_session(s, accept, port, sid);
    } else {
        free(session->slots);
        *session = (struct spd_control_session){ 0 };
        s->n_sessions--;
        accept_session(s, accept, 0, NULL);
    }
}

/* ------------------------------------------------------------- start and fetch */

/* Of the sessions not described by a Stop-Sessions yet. */
static uint32_t n_active(const struct spd_control_server *s)
{
    uint32_t n = 0;

    for (unsigned i = 0; i < s->n_sessions; i++)
        n += s->sessions[i].accepted && !s->sessions[i].stopped;
    return n;
}

static bool on_start(struct spd_control_server *s)
{
    bool any = n_active(s) > 0;

    spd_owamp_write_start_ack(room_for(s, SPD_OWAMP_START_ACK_BYTES),
                              any ? SPD_OWAMP_OK : SPD_OWAMP_FAILURE);
    s->running = any;
    s->told_to_stop = false;
    await_command(s);
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

        spd_owamp_write_fetch_ack(room_for(s, SPD_OWAMP_FETCH_ACK_BYTES), &no);
        await_command(s);
        return true;
    }
    err = spd_control_fetch_begin(&s->fetch, &source, &request);
    if (err) {
        struct spd_owamp_fetch_ack no = { .accept = SPD_OWAMP_TEMPORARY_LIMIT };

        spd_owamp_write_fetch_ack(room_for(s, SPD_OWAMP_FETCH_ACK_BYTES), &no);
        await_command(s);
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
        await_command(s);
}

/* ----------------------------------------------------------------------- stop */

static void say_stop(struct spd_control_server *s)
{
    /* No session of ours sends, so none is described (section 3.8). */
    struct spd_owamp_stop stop = { .accept = SPD_OWAMP_OK, .n_sessions = 0 };
    uint8_t *out = room_for(s, SPD_OWAMP_STOP_BYTES + SPD_OWAMP_HMAC_BYTES);

    spd_owamp_write_stop(out, &stop);
    memset(out + SPD_OWAMP_STOP_BYTES, 0, SPD_OWAMP_HMAC_BYTES);
    s->told_to_stop = true;
}

void spd_control_server_stop(struct spd_control_server *s)
{
    if (s->running && !s->told_to_stop && s->state != STATE_OVER && s->state != STATE_STOPPING)
        say_stop(s);
}

static bool on_stop_head(struct spd_control_server *s)
{
    struct spd_owamp_stop stop;

    (void)spd_owamp_read_stop(s->in, &stop);
    /* Section 3.8: it must account for exactly the sessions that were started. */
    if (!s->running || stop.n_sessions != n_active(s))
        return over(s);
    s->stop_accept = stop.accept;
    s->n_described = 0;
    s->n_stop_sessions = stop.n_sessions;
    s->state = STATE_STOP_SESSION;
    s->n_wanted = SPD_OWAMP_STOP_SESSION_BYTES;
    return true;
}

static struct spd_control_session *active_session(struct spd_control_server *s,
                                                  const uint8_t sid[16])
{
    for (unsigned i = 0; i < s->n_sessions; i++)
        if (s->sessions[i].accepted && !s->sessions[i].stopped &&
            memcmp(s->sessions[i].request.sid, sid, 16) == 0)
            return &s->sessions[i];
    return NULL;
}

static bool on_stop_session(struct spd_control_server *s)
{
    struct spd_owamp_stop_session described;
    struct spd_control_session *session;

    spd_owamp_read_stop_session(s->in, &described);
    session = active_session(s, described.sid);
    if (!session || described.next_seq > session->request.n_packets ||
        described.n_skips > SPD_CONTROL_SKIPS_MAX || described.n_skips > described.next_seq)
        return over(s);
    session->next_seq = described.next_seq;
    session->n_skips = described.n_skips;
    session->stopped = true;
    session->normally = s->stop_accept == SPD_OWAMP_OK;
    s->n_described++;
    s->described = session;
    if (described.n_skips > 0) {
        session->skips = calloc(described.n_skips, sizeof(*session->skips));
        if (!session->skips)
            return over(s);
    }
    s->state = STATE_STOP_SKIPS;
    s->n_wanted = described.n_skips * SPD_OWAMP_SKIP_BYTES;
    s->n_wanted += spd_owamp_block_padding(SPD_OWAMP_STOP_SESSION_BYTES + s->n_wanted);
    return spd_control_server_make_room(s) || over(s);
}

static bool on_stop_skips(struct spd_control_server *s)
{
    struct spd_control_session *session = s->described;
    const uint8_t *in = s->large ? s->large : s->in;

    for (uint32_t i = 0; i < session->n_skips; i++)
        spd_owamp_read_skip(in + i * SPD_OWAMP_SKIP_BYTES, &session->skips[i]);
    if (!spd_owamp_skips_are_sound(session->skips, session->n_skips) ||
        (session->n_skips > 0 && session->skips[session->n_skips - 1].last >= session->next_seq))
        return over(s);
    free(s->large);
    s->large = NULL;
    s->state = s->n_described == s->n_stop_sessions ? STATE_STOP_HMAC : STATE_STOP_SESSION;
    s->n_wanted = s->state == STATE_STOP_HMAC ? SPD_OWAMP_HMAC_BYTES : SPD_OWAMP_STOP_SESSION_BYTES;
    return true;
}

static bool on_stop_whole(struct spd_control_server *s)
{
    s->state = STATE_STOPPING;
    s->n_wanted = 0;
    s->config.host.stop(s->config.host.context);
    return true;
}

void spd_control_server_stopped(struct spd_control_server *s)
{
    if (s->state != STATE_STOPPING)
        return;
    if (!s->told_to_stop)
        say_stop(s);
    s->running = false;
    await_command(s);
}

/* ------------------------------------------------------------------ octets in */

static bool on_command(struct spd_control_server *s)
{
    /* Section 3.4: while measurements are conducted Stop-Sessions is the only
     * command. */
    if (s->running)
        return s->in[0] == SPD_OWAMP_STOP_SESSIONS ? on_stop_head(s) : over(s);
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
        return over(s);
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
        return on_request_head(s);
    case STATE_SLOTS:
        return on_slot(s);
    case STATE_START:
        return on_start(s);
    case STATE_FETCH:
        return on_fetch(s);
    case STATE_STOP_SESSION:
        return on_stop_session(s);
    case STATE_STOP_SKIPS:
        return on_stop_skips(s);
    case STATE_STOP_HMAC:
        return on_stop_whole(s);
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
            accept_session(s, s->refused_with, 0, NULL);
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
