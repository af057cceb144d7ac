/*
 * The sessions of a receiving server: from a client's request to a receiver and
 * its log, and from there to what the client fetches. Control thread.
 */
#include <stdio.h>
#include <string.h>

#include "common/sys/clock.h"
#include "common/sys/random.h"
#include "common/wire/ntptime.h"
#include "common/wire/session_mark.h"
#include "service/receive_log.h"
#include "service/receive_options.h"
#include "service/receive_server_private.h"

/* Before its first packet a session waits for its start time, and then so long. */
#define START_GRACE_NS (30 * SPD_NS_PER_S)

static void wake(void *context)
{
    spd_tcp_waker_wake(((struct spd_receive_server *)context)->waker);
}

/* RFC 4656 section 3.5: an address of ours, the time, and a random number. */
static enum spd_err make_sid(const struct spd_connection *c, uint8_t sid[16])
{
    struct spd_addr local;
    uint64_t now = spd_ntptime_from_wall(spd_clock_wall());

    spd_tcp_local(c->stream, &local);
    memcpy(sid, local.family == SPD_FAMILY_IPV6 ? local.bytes + 12 : local.bytes, 4);
    for (int i = 0; i < 8; i++)
        sid[4 + i] = (uint8_t)(now >> 8 * (7 - i));
    return spd_random_fill(sid + 12, 4, NULL);
}

static struct spd_hosted *free_place(struct spd_receive_server *server, uint32_t n_packets)
{
    struct spd_hosted *place = NULL;
    uint64_t n_all = n_packets;

    for (size_t i = 0; i < SPD_RECEIVE_SESSIONS_MAX; i++) {
        struct spd_hosted *h = &server->hosted[i];

        if (h->session)
            n_all += h->n_packets;
        else
            place = h;
    }
    return n_all <= SPD_RECEIVE_PACKETS_ALL_MAX ? place : NULL;
}

static bool any_hosted(const struct spd_receive_server *server)
{
    for (size_t i = 0; i < SPD_RECEIVE_SESSIONS_MAX; i++)
        if (server->hosted[i].session)
            return true;
    return false;
}

/* The longest pause that the schedule asks for, as a rule. */
static spd_ns pause_max_ns(const struct spd_control_session *session)
{
    spd_ns most_ns = 0;

    for (uint32_t i = 0; i < session->request.n_slots; i++) {
        const struct spd_owamp_slot *slot = &session->slots[i];
        spd_ns pause_ns = spd_owamp_interval_to_ns(slot->interval);

        /* One exponential pause in e^20 is longer than that. */
        if (slot->type == SPD_OWAMP_SLOT_EXPONENTIAL)
            pause_ns = pause_ns < SPD_NS_MAX / 40 ? 20 * pause_ns : SPD_NS_MAX / 2;
        most_ns = pause_ns > most_ns ? pause_ns : most_ns;
    }
    return most_ns;
}

static void make_spec(struct spd_connection *c, const struct spd_control_session *session,
                      const uint8_t sid[16], struct spd_receive_session_spec *out)
{
    const struct spd_owamp_request *r = &session->request;
    spd_ns timeout_ns = spd_owamp_interval_to_ns(r->timeout);
    spd_ns pause_ns = pause_max_ns(session), now_ns = spd_clock_wall().ns;
    spd_ns until_start_ns = spd_ntptime_to_wall(r->start_time, (spd_wall){ now_ns }).ns - now_ns;

    memset(out, 0, sizeof(*out));
    spd_receive_receiver_spec(c->server->settings, &out->receiver);
    spd_tcp_local(c->stream, &out->receiver.listen);
    out->receiver.listen.port = 0;
    out->receiver.n_packets = r->n_packets;
    out->receiver.session = spd_session_mark_of_sid(sid);
    out->receiver.sender = c->peer;
    out->receiver.sender.port = r->sender.port;
    out->receiver.discard_ns = timeout_ns;
    out->receiver.keep = true;
    if (out->receiver.timeout_ns < SPD_NS_MAX / 4 && pause_ns < SPD_NS_MAX / 4)
        out->receiver.timeout_ns += pause_ns;
    out->receiver.first_timeout_ns = out->receiver.timeout_ns + START_GRACE_NS;
    if (until_start_ns > 0)
        out->receiver.first_timeout_ns += until_start_ns;
    out->log = c->server->settings->log;
    memcpy(out->sid, sid, sizeof(out->sid));
    out->wake = wake;
    out->context = c->server;
}

uint8_t spd_hosted_request(void *connection, unsigned i, const struct spd_control_session *session)
{
    struct spd_connection *c = connection;
    struct spd_receive_server *server = c->server;
    struct spd_hosted *h = free_place(server, session->request.n_packets);
    struct spd_receive_session_spec spec;
    struct spd_diag diag = { 0 };
    uint8_t sid[16];

    if (!h || server->stopping || (server->only_one && any_hosted(server)))
        return SPD_OWAMP_TEMPORARY_LIMIT;
    if (make_sid(c, sid))
        return SPD_OWAMP_INTERNAL_ERROR;
    make_spec(c, session, sid, &spec);
    *h = (struct spd_hosted){ .connection = c,
                              .number = i,
                              .n_packets = session->request.n_packets,
                              .timeout_ns = spec.receiver.discard_ns };
    memcpy(h->sid, sid, sizeof(h->sid));
    if (spd_receive_session_start(&spec, &h->session, &diag)) {
        h->session = NULL;
        return SPD_OWAMP_TEMPORARY_LIMIT;
    }
    return SPD_OWAMP_OK;
}

void spd_hosted_stop(void *connection)
{
    struct spd_connection *c = connection;

    c->stopping = true;
    for (size_t i = 0; i < SPD_RECEIVE_SESSIONS_MAX; i++) {
        struct spd_hosted *h = &c->server->hosted[i];
        const struct spd_control_session *session;

        if (!h->session || h->connection != c || h->stopped_ns != 0)
            continue;
        session = spd_control_server_session(c->control, h->number);
        h->stopped_ns = spd_clock_wall().ns;
        spd_receive_session_stop(h->session, SPD_RECEIVER_DONE, session->next_seq);
    }
    spd_tcp_waker_wake(c->server->waker); /* they may be over already */
}

bool spd_hosted_fetch(void *connection, const uint8_t sid[16], struct spd_control_fetch_source *out)
{
    struct spd_receive_server *server = ((struct spd_connection *)connection)->server;

    for (size_t i = 0; i < SPD_RECEIVE_SESSIONS_MAX; i++) {
        struct spd_hosted *h = &server->hosted[i];
        const struct spd_control_session *session;
        spd_ns error_ns = -1;
        int synchronised;

        if (!h->session || !h->connection || memcmp(h->sid, sid, sizeof(h->sid)) != 0)
            continue;
        session = spd_control_server_session(h->connection->control, h->number);
        synchronised = spd_clock_is_synchronised(&error_ns);
        *out = (struct spd_control_fetch_source){
            .request = &session->request,
            .slots = session->slots,
            .finished = h->over && session->stopped,
            .normal = session->normally,
            .next_seq = session->next_seq,
            .skips = session->skips,
            .n_skips = session->n_skips,
            .error_estimate = spd_error_estimate_encode(synchronised == 1, false, error_ns),
            .marked = !h->over || spd_receive_session_record(h->session)->n_marked > 0,
            .discard_after_ns = h->stopped_ns ? h->stopped_ns - h->timeout_ns : 0,
        };
        out->n_packets = spd_receive_session_kept(h->session, &out->packets);
        return true;
    }
    return false;
}

/* ------------------------------------------------------------------- tending */

static void release(struct spd_hosted *h)
{
    spd_receive_session_destroy(h->session);
    h->session = NULL;
}

static void on_over(struct spd_receive_server *server, struct spd_hosted *h)
{
    const struct spd_receiver_record *record = spd_receive_session_record(h->session);
    const struct spd_diag *log = spd_receive_session_log_diag(h->session);
    bool begun = record->n_records > 0 || record->n_termination > 0;

    h->over = true;
    if (!h->answered && h->connection)
        spd_control_server_answer(h->connection->control, SPD_OWAMP_TEMPORARY_LIMIT, 0, h->sid);
    if (begun)
        spd_receive_write(stdout, record, spd_receive_session_log_path(h->session),
                          server->settings->json);
    if (log->err || record->outcome.err) {
        const struct spd_diag *diag = log->err ? log : &record->outcome;

        /* One session fails; the server has others. */
        fprintf(stderr, "stampede: %s\n", diag->text);
        if (server->only_one && server->failed.err == SPD_ERR_OK)
            server->failed = *diag;
    }
    server->one_is_over = server->one_is_over || begun;
}

static void tend_one(struct spd_receive_server *server, struct spd_hosted *h)
{
    enum spd_receive_state state = spd_receive_session_tend(h->session);

    if (state == SPD_RECEIVE_OVER && !h->over)
        on_over(server, h);
    if (state != SPD_RECEIVE_OPENING && !h->answered && h->connection && !h->over) {
        h->answered = true;
        spd_control_server_answer(h->connection->control, SPD_OWAMP_OK,
                                  spd_receive_session_address(h->session).port, h->sid);
    }
    /* Without its connection nobody can fetch it (RFC 4656 section 6.5); refused,
     * nobody knows it. */
    if (h->over && (!h->connection || !h->answered))
        release(h);
}

static bool all_over(const struct spd_receive_server *server, const struct spd_connection *c)
{
    for (size_t i = 0; i < SPD_RECEIVE_SESSIONS_MAX; i++) {
        const struct spd_hosted *h = &server->hosted[i];

        if (h->session && h->connection == c && h->stopped_ns != 0 && !h->over)
            return false;
    }
    return true;
}

void spd_hosted_tend(struct spd_receive_server *server)
{
    for (size_t i = 0; i < SPD_RECEIVE_SESSIONS_MAX; i++)
        if (server->hosted[i].session)
            tend_one(server, &server->hosted[i]);
    for (size_t i = 0; i < SPD_RECEIVE_CONNECTIONS_MAX; i++) {
        struct spd_connection *c = &server->connections[i];

        if (c->stream && c->stopping && all_over(server, c)) {
            c->stopping = false;
            spd_control_server_stopped(c->control);
        }
    }
}

void spd_hosted_orphan(struct spd_receive_server *server, const struct spd_connection *connection)
{
    for (size_t i = 0; i < SPD_RECEIVE_SESSIONS_MAX; i++) {
        struct spd_hosted *h = &server->hosted[i];

        if (!h->session || h->connection != connection)
            continue;
        h->connection = NULL;
        if (h->over)
            release(h);
        else if (spd_receive_session_tend(h->session) != SPD_RECEIVE_BEGUN)
            /* Not begun, and nobody will: only packets could tell otherwise. */
            spd_receive_session_stop(h->session, SPD_RECEIVER_TIMEOUT, 0);
    }
}

void spd_hosted_stop_all(struct spd_receive_server *server)
{
    for (size_t i = 0; i < SPD_RECEIVE_SESSIONS_MAX; i++)
        if (server->hosted[i].session)
            spd_receive_session_stop(server->hosted[i].session, SPD_RECEIVER_BY_HAND, 0);
}

bool spd_hosted_any_running(const struct spd_receive_server *server,
                            const struct spd_connection *connection)
{
    for (size_t i = 0; i < SPD_RECEIVE_SESSIONS_MAX; i++)
        if (server->hosted[i].session && !server->hosted[i].over &&
            (!connection || server->hosted[i].connection == connection))
            return true;
    return false;
}

void spd_hosted_destroy_all(struct spd_receive_server *server)
{
    for (size_t i = 0; i < SPD_RECEIVE_SESSIONS_MAX; i++)
        if (server->hosted[i].session)
            release(&server->hosted[i]);
}
