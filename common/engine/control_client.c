/*
 * Collects each message of the server until it is whole, and acts upon it. All
 * numbers of the server are judged before memory is taken for them.
 */
#include "common/engine/control_client.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/assert.h"
#include "common/wire/ntptime.h"

/* A session leaves a record for each packet, and some for duplicates. */
#define RECORDS_PER_PACKET 4u
#define RECORDS_MORE       4096u
#define SKIPS_MAX          65536u

enum message {
    MESSAGE_NONE,
    MESSAGE_GREETING,
    MESSAGE_SERVER_START,
    MESSAGE_ACCEPT,
    MESSAGE_START_ACK,
    MESSAGE_STOP,
    MESSAGE_STOP_HMAC,
    MESSAGE_FETCH_ACK,
    MESSAGE_FETCHED_REQUEST,
    MESSAGE_FETCHED_SLOTS, /* octets that are known already, or say nothing */
    MESSAGE_FETCHED_SKIP,
    MESSAGE_FETCHED_SKIPS_END,
    MESSAGE_FETCHED_RECORD,
    MESSAGE_FETCHED_RECORDS_END,
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

    enum message message; /* the one that is awaited */
    uint8_t in[SPD_OWAMP_REQUEST_BYTES];
    size_t n_in, n_wanted;
    uint64_t n_pass; /* octets of MESSAGE_FETCHED_SLOTS and of ends of blocks left */

    uint8_t *out;
    size_t n_out, n_written, n_room;

    struct spd_owamp_fetch_ack ack;
    uint32_t n_read; /* skips, then records */
    struct spd_owamp_skip last_skip;
    struct spd_control_fetched fetched;
    uint8_t *seen; /* a bit for each number: tells duplicates */
    spd_wall near; /* for the era of times: the start of the session */
};

static void fail(struct spd_control_client *c, enum spd_err err, const char *what)
{
    if (c->step == SPD_CLIENT_FAILED)
        return;
    c->step = SPD_CLIENT_FAILED;
    c->message = MESSAGE_NONE;
    spd_diag_set(&c->diag, err, 0, "%.200s: OWAMP-Control: %s", c->server_name, what);
}

static void refused(struct spd_control_client *c, const char *what, uint8_t accept)
{
    char text[200];
    struct spd_diag message;

    spd_diag_set(&message, SPD_ERR_PROHIBITED, 0, "%s: %s", what, spd_owamp_accept_text(accept));
    memcpy(text, message.text, sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    fail(c, SPD_ERR_PROHIBITED, text);
}

static void await(struct spd_control_client *c, enum message message, size_t n)
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
    await(c, MESSAGE_GREETING, SPD_OWAMP_GREETING_BYTES);
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
            fail(c, SPD_ERR_NOMEM, "no memory for a message");
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
    await(c, MESSAGE_START_ACK, SPD_OWAMP_START_ACK_BYTES);
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

    if (c->step != SPD_CLIENT_RUNNING || n_skips > SKIPS_MAX)
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
        fail(c, SPD_ERR_PROHIBITED, "the server says that the session failed");
        return;
    }
    out = room_for(c, SPD_OWAMP_FETCH_BYTES);
    if (!out)
        return;
    memcpy(fetch.sid, c->request.sid, sizeof(fetch.sid));
    spd_owamp_write_fetch(out, &fetch);
    c->step = SPD_CLIENT_FETCHING;
    await(c, MESSAGE_FETCH_ACK, SPD_OWAMP_FETCH_ACK_BYTES);
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
        fail(c, SPD_ERR_PROHIBITED, "the server takes nobody now (Modes 0); try again later");
        return;
    }
    if (!(greeting.modes & SPD_OWAMP_MODE_OPEN)) {
        fail(c, SPD_ERR_PERM,
             "the server wants a key (authenticated or encrypted mode), which this program does "
             "not do; allow unauthenticated mode there, or use --no-control");
        return;
    }
    out = room_for(c, SPD_OWAMP_SET_UP_BYTES);
    if (!out)
        return;
    spd_owamp_write_set_up(out, SPD_OWAMP_MODE_OPEN);
    await(c, MESSAGE_SERVER_START, SPD_OWAMP_SERVER_START_BYTES);
}

static void on_server_start(struct spd_control_client *c)
{
    struct spd_owamp_server_start start;

    spd_owamp_read_server_start(c->in, &start);
    if (start.accept != SPD_OWAMP_OK) {
        refused(c, "the server refuses to begin", start.accept);
        return;
    }
    send_request(c);
    await(c, MESSAGE_ACCEPT, SPD_OWAMP_ACCEPT_BYTES);
}

static void on_accept(struct spd_control_client *c)
{
    struct spd_owamp_accept_session accept;

    spd_owamp_read_accept(c->in, &accept);
    if (accept.accept != SPD_OWAMP_OK) {
        refused(c, "the server refuses the session", accept.accept);
        return;
    }
    if (accept.port == 0) {
        fail(c, SPD_ERR_FORMAT, "the server accepts the session on port 0");
        return;
    }
    c->request.receiver.port = accept.port;
    memcpy(c->request.sid, accept.sid, sizeof(c->request.sid));
    c->step = SPD_CLIENT_ACCEPTED;
    await(c, MESSAGE_NONE, 0);
}

static void on_start_ack(struct spd_control_client *c)
{
    uint8_t accept = spd_owamp_read_start_ack(c->in);

    if (accept != SPD_OWAMP_OK) {
        refused(c, "the server refuses to start the session", accept);
        return;
    }
    c->step = SPD_CLIENT_RUNNING;
    await(c, MESSAGE_STOP, SPD_OWAMP_STOP_BYTES);
}

static void on_stop(struct spd_control_client *c)
{
    struct spd_owamp_stop stop;

    /* Section 3.8: the server sends nothing, so it has no session to describe. */
    if (spd_owamp_read_stop(c->in, &stop) || stop.n_sessions != 0) {
        fail(c, SPD_ERR_FORMAT, "the server's Stop-Sessions is not what it should be");
        return;
    }
    c->is_valid = stop.accept == SPD_OWAMP_OK;
    await(c, MESSAGE_STOP_HMAC, SPD_OWAMP_HMAC_BYTES);
}

static void on_stop_whole(struct spd_control_client *c)
{
    c->stop_heard = true;
    if (c->stop_said)
        c->step = SPD_CLIENT_STOPPED;
    await(c, MESSAGE_NONE, 0);
}

/* -------------------------------------------------------------------- fetch */

/* Octets that are passed over until the next message. */
static void pass(struct spd_control_client *c, enum message message, uint64_t n)
{
    c->message = message;
    c->n_pass = n;
    c->n_in = 0;
}

static void on_fetch_ack(struct spd_control_client *c)
{
    uint64_t most = (uint64_t)c->request.n_packets * RECORDS_PER_PACKET + RECORDS_MORE;

    spd_owamp_read_fetch_ack(c->in, &c->ack);
    if (c->ack.accept != SPD_OWAMP_OK) {
        refused(c, "the server does not give the records", c->ack.accept);
        return;
    }
    if (c->ack.n_records > most || c->ack.n_skips > SKIPS_MAX ||
        c->ack.next_seq > c->request.n_packets) {
        fail(c, SPD_ERR_FORMAT, "the server has more records than the session can have");
        return;
    }
    c->fetched.next_seq = c->ack.next_seq;
    c->fetched.packets =
        calloc(c->ack.n_records ? c->ack.n_records : 1, sizeof(*c->fetched.packets));
    c->seen = calloc(c->request.n_packets / 8 + 1, 1);
    if (!c->fetched.packets || !c->seen) {
        fail(c, SPD_ERR_NOMEM, "no memory for the records");
        return;
    }
    await(c, MESSAGE_FETCHED_REQUEST, SPD_OWAMP_REQUEST_BYTES);
}

/* The reproduction of our request must be just that; some servers leave the SID
 * as it was asked for, empty. */
static void on_fetched_request(struct spd_control_client *c)
{
    static const uint8_t none[16];
    struct spd_owamp_request got;

    if (spd_owamp_read_request(c->in, &got) || got.n_slots != c->request.n_slots ||
        got.n_packets != c->request.n_packets ||
        (memcmp(got.sid, c->request.sid, 16) != 0 && memcmp(got.sid, none, 16) != 0)) {
        fail(c, SPD_ERR_FORMAT, "the server gives the records of another session");
        return;
    }
    pass(c, MESSAGE_FETCHED_SLOTS, spd_owamp_request_bytes(got.n_slots) - SPD_OWAMP_REQUEST_BYTES);
}

static void next_skip(struct spd_control_client *c)
{
    uint64_t n_bytes = (uint64_t)c->ack.n_skips * SPD_OWAMP_SKIP_BYTES;

    if (c->n_read < c->ack.n_skips)
        await(c, MESSAGE_FETCHED_SKIP, SPD_OWAMP_SKIP_BYTES);
    else
        pass(c, MESSAGE_FETCHED_SKIPS_END, spd_owamp_block_padding(n_bytes) + SPD_OWAMP_HMAC_BYTES);
}

static void on_fetched_skip(struct spd_control_client *c)
{
    struct spd_owamp_skip skip;

    spd_owamp_read_skip(c->in, &skip);
    /* Section 3.9: overlapping or out of order makes all of it invalid. */
    if (skip.first > skip.last || (c->n_read > 0 && skip.first <= c->last_skip.last)) {
        fail(c, SPD_ERR_FORMAT, "the server's skip ranges are out of order");
        return;
    }
    c->last_skip = skip;
    c->n_read++;
    next_skip(c);
}

static void next_record(struct spd_control_client *c)
{
    uint64_t n_bytes = (uint64_t)c->ack.n_records * SPD_OWAMP_RECORD_BYTES;

    if (c->n_read < c->ack.n_records)
        await(c, MESSAGE_FETCHED_RECORD, SPD_OWAMP_RECORD_BYTES);
    else
        pass(c, MESSAGE_FETCHED_RECORDS_END,
             spd_owamp_block_padding(n_bytes) + SPD_OWAMP_HMAC_BYTES);
}

static void on_fetched_record(struct spd_control_client *c)
{
    struct spd_owamp_record record;
    struct spd_flow_packet *p = &c->fetched.packets[c->fetched.n_packets];

    spd_owamp_read_record(c->in, &record);
    c->n_read++;
    if (record.seq >= c->request.n_packets) {
        fail(c, SPD_ERR_FORMAT, "the server has a record of a packet that the session has not");
        return;
    }
    if (record.receive_time == 0) { /* section 3.9: a lost one */
        c->fetched.n_lost++;
    } else {
        *p = (struct spd_flow_packet){
            .seq = record.seq,
            .size_bytes = (uint16_t)(c->request.padding_bytes + 14 +
                                     spd_addr_header_bytes(&c->request.receiver)),
            .flags = SPD_FLOW_ARRIVED,
            .t1_ns = spd_ntptime_to_wall(record.send_time, c->near).ns,
            .t2_ns = spd_ntptime_to_wall(record.receive_time, c->near).ns,
            .ttl_forward = record.ttl,
            .tclass_forward = SPD_FLOW_TCLASS_UNKNOWN,
            .tclass_reverse = SPD_FLOW_TCLASS_UNKNOWN,
        };
        if (c->seen[record.seq / 8] & 1u << record.seq % 8)
            p->flags |= SPD_FLOW_DUPLICATE;
        c->seen[record.seq / 8] |= (uint8_t)(1u << record.seq % 8);
        c->fetched.n_packets++;
    }
    next_record(c);
}

static void passed(struct spd_control_client *c)
{
    if (c->message == MESSAGE_FETCHED_SLOTS) {
        c->n_read = 0;
        next_skip(c);
    } else if (c->message == MESSAGE_FETCHED_SKIPS_END) {
        c->n_read = 0;
        next_record(c);
    } else {
        c->step = SPD_CLIENT_FETCHED;
        await(c, MESSAGE_NONE, 0);
    }
}

/* ---------------------------------------------------------------- octets in */

static bool is_passing(const struct spd_control_client *c)
{
    return c->message == MESSAGE_FETCHED_SLOTS || c->message == MESSAGE_FETCHED_SKIPS_END ||
           c->message == MESSAGE_FETCHED_RECORDS_END;
}

size_t spd_control_client_wanted(const struct spd_control_client *c)
{
    if (c->message == MESSAGE_NONE)
        return 0;
    if (is_passing(c))
        return c->n_pass < sizeof(c->in) ? (size_t)c->n_pass : sizeof(c->in);
    return c->n_wanted - c->n_in;
}

static void act(struct spd_control_client *c)
{
    static void (*const actions[])(struct spd_control_client *) = {
        [MESSAGE_GREETING] = on_greeting,
        [MESSAGE_SERVER_START] = on_server_start,
        [MESSAGE_ACCEPT] = on_accept,
        [MESSAGE_START_ACK] = on_start_ack,
        [MESSAGE_STOP] = on_stop,
        [MESSAGE_STOP_HMAC] = on_stop_whole,
        [MESSAGE_FETCH_ACK] = on_fetch_ack,
        [MESSAGE_FETCHED_REQUEST] = on_fetched_request,
        [MESSAGE_FETCHED_SKIP] = on_fetched_skip,
        [MESSAGE_FETCHED_RECORD] = on_fetched_record,
    };

    actions[c->message](c);
}

void spd_control_client_take(struct spd_control_client *c, const uint8_t *bytes, size_t n)
{
    SPD_ASSERT(n <= spd_control_client_wanted(c));
    if (is_passing(c)) {
        c->n_pass -= n;
        if (c->n_pass == 0)
            passed(c);
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
        fail(c, SPD_ERR_CLOSED, "the server closed the connection");
}
