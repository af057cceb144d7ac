/*
 * The thread of the local interface. It waits in the set of local connections;
 * whoever posts to its completion port wakes that.
 */
#include "service/api_server.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/assert.h"
#include "common/sys/clock.h"
#include "common/sys/thread.h"
#include "service/api_connection.h"
#include "service/commands.h"
#include "service/shut_port.h"

#define CONNECTIONS_MAX 128
#define OF_A_USER_MAX   32
#define ACCEPTS_MAX     64 /* between two rounds */
#define ROUND_NS        SPD_NS_PER_S
#define GRACE_NS        (250 * SPD_NS_PER_MS) /* to say a first word */
#define LINE_NS         (30 * SPD_NS_PER_S)   /* for the rest of a line */
#define IDLE_NS         (600 * SPD_NS_PER_S)  /* with nothing to wait for */
#define EVENTS_MAX      64
#define LAST_WORDS_NS   (2 * SPD_NS_PER_S)

struct spd_api_server {
    struct spd_local_set *set;
    struct spd_local *listener;
    struct spd_cport *port;
    struct spd_cport *controller;
    uintptr_t key;
    struct spd_thread *thread;
    atomic_bool stop;
    atomic_uint n_connections;
    atomic_ullong n_requests, n_malformed, n_turned_away;
    uint64_t counter_hz;
    uint64_t next_number;
    struct spd_api_connection connections[CONNECTIONS_MAX];
};

static spd_ns steady_ns(const struct spd_api_server *s)
{
    return (spd_ns)spd_ticks_to_ns(spd_clock_now().ticks, s->counter_hz);
}

/* To the controller; without memory for that, the request is refused by whoever
 * called. */
static bool post(struct spd_api_server *s, struct spd_api_message *m)
{
    return spd_cport_post(s->controller, s->key, 0, &m->op) == SPD_ERR_OK;
}

static void tell_gone(struct spd_api_server *s, const struct spd_api_connection *c)
{
    struct spd_api_message *m = spd_api_message_create();

    if (!m)
        return;
    m->connection = c->number;
    m->verb = SPD_API_GONE;
    if (!post(s, m))
        spd_api_message_free(m);
}

/* The controller cancels what nobody waits for any more. The connection's place
 * and its peer stay until all answers are back. */
static void let_go(struct spd_api_server *s, struct spd_api_connection *c)
{
    if (c->ending)
        return;
    c->ending = true;
    c->n_out = 0;
    spd_local_close(c->local);
    c->local = NULL;
    if (c->n_running > 0)
        tell_gone(s, c);
}

static void reap(struct spd_api_server *s, struct spd_api_connection *c)
{
    if (c->number && c->ending && c->n_outstanding == 0) {
        spd_api_connection_close(c);
        atomic_fetch_sub(&s->n_connections, 1);
    }
}

static void say(struct spd_api_server *s, struct spd_api_connection *c, char *line)
{
    bool said = line && spd_api_connection_say(c, line, strlen(line));

    free(line);
    if (!said)
        let_go(s, c);
}

static void refuse(struct spd_api_server *s, struct spd_api_connection *c, int64_t id,
                   const struct spd_diag *diag)
{
    say(s, c, spd_api_refused(id, diag, (int)spd_exit_code(diag->err)));
}

/* ----------------------------------------------------------- coming and going */

/* All places are taken, and whoever would have to make room has hardly come: the
 * next ones wait at the door, so that a crowd does not push out who is about to
 * speak. */
static bool must_wait(const struct spd_api_server *s, spd_ns now_ns)
{
    bool any_silent = false;

    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        const struct spd_api_connection *c = &s->connections[i];
        bool is_silent = !c->peer && !c->ending;

        if (!c->number || (is_silent && now_ns - c->active_ns >= GRACE_NS))
            return false;
        any_silent |= is_silent;
    }
    return any_silent;
}

/* A free place, or that of whoever has been silent for longest since it
 * connected: who says nothing is in nobody's way. */
static struct spd_api_connection *find_place(struct spd_api_server *s)
{
    struct spd_api_connection *silent = NULL;

    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        struct spd_api_connection *c = &s->connections[i];

        if (!c->number)
            return c;
        if (!c->peer && !c->ending && (!silent || c->active_ns < silent->active_ns))
            silent = c;
    }
    if (!silent)
        return NULL;
    let_go(s, silent);
    reap(s, silent);
    atomic_fetch_add(&s->n_turned_away, 1);
    return silent;
}

static void accept_all(struct spd_api_server *s, spd_ns now_ns)
{
    for (int i = 0; i < ACCEPTS_MAX; i++) {
        struct spd_api_connection *c;
        struct spd_local *local;
        enum spd_err err;

        if (must_wait(s, now_ns))
            return;
        err = spd_local_accept(s->listener, &local);
        if (err == SPD_ERR_TIMEOUT || err == SPD_ERR_LIMIT)
            return;
        if (err)
            continue;
        c = find_place(s);
        if (!c) {
            spd_local_close(local);
            atomic_fetch_add(&s->n_turned_away, 1);
            continue;
        }
        c->local = local;
        c->number = ++s->next_number;
        c->active_ns = c->line_ns = now_ns;
        atomic_fetch_add(&s->n_connections, 1);
    }
}

/* Asked once it has said something. One user's crowd must not fill the house. */
static bool know_peer(struct spd_api_server *s, struct spd_api_connection *c)
{
    struct spd_diag diag = { 0 };
    unsigned n = 0;

    if (c->peer)
        return true;
    if (spd_local_peer(c->local, &c->peer, &diag)) {
        refuse(s, c, -1, &diag);
        return false;
    }
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        n += s->connections[i].peer &&
             strcmp(s->connections[i].peer->user_id, c->peer->user_id) == 0;
    if (n <= OF_A_USER_MAX)
        return true;
    spd_diag_set(&diag, SPD_ERR_LIMIT, 0, "%s has %d connections already; close some",
                 c->peer->user, OF_A_USER_MAX);
    refuse(s, c, -1, &diag);
    return false;
}

/* -------------------------------------------------------------------- requests */

/* False: the connection is over once it has heard why. */
static bool take_line(struct spd_api_server *s, struct spd_api_connection *c, const char *line,
                      size_t n)
{
    struct spd_api_message *m = spd_api_message_create();
    struct spd_diag diag = { 0 };

    atomic_fetch_add(&s->n_requests, 1);
    if (!m)
        return false;
    if (spd_api_request_read(line, n, m, &diag)) {
        bool readable = m->id >= 0;

        atomic_fetch_add(&s->n_malformed, 1);
        refuse(s, c, m->id, &diag);
        spd_api_message_free(m);
        return readable; /* who cannot even number a request speaks something else */
    }
    m->connection = c->number;
    m->peer = c->peer;
    c->n_outstanding++;
    if (post(s, m))
        return true;
    c->n_outstanding--;
    spd_api_message_free(m);
    return false;
}

/* Who does not read its answers is not asked for more requests. */
static bool has_room(const struct spd_api_connection *c)
{
    return c->n_outstanding < SPD_API_OUTSTANDING_MAX && c->n_out < SPD_API_DROPPABLE_BYTES;
}

static bool take_lines(struct spd_api_server *s, struct spd_api_connection *c, spd_ns now_ns)
{
    bool too_long = false;
    const char *line;
    size_t n;

    while (!c->ending && has_room(c) &&
           (line = spd_api_connection_line(c, &n, &too_long)) != NULL) {
        bool go_on = take_line(s, c, line, n);

        spd_api_connection_drop(c, n, now_ns);
        if (!go_on)
            return false;
    }
    if (too_long) {
        struct spd_diag diag = { 0 };

        spd_diag_set(&diag, SPD_ERR_RANGE, 0, "a line of more than %d octets",
                     SPD_API_LINE_MAX_BYTES);
        refuse(s, c, -1, &diag);
        return false;
    }
    return true;
}

/* Whoever is sent away hears why, if it listens. */
static void send_away(struct spd_api_server *s, struct spd_api_connection *c, spd_ns now_ns)
{
    atomic_fetch_add(&s->n_turned_away, 1);
    if (!c->ending && c->local)
        (void)spd_api_connection_flush(c, now_ns);
    let_go(s, c);
}

static void serve(struct spd_api_server *s, struct spd_api_connection *c,
                  const struct spd_local_want *want, spd_ns now_ns)
{
    size_t before;

    if (want->is_readable && !spd_api_connection_fill(c, now_ns)) {
        let_go(s, c);
        return;
    }
    do { /* what was written makes room for lines that are here already */
        before = c->n_in;
        if (!spd_api_connection_flush(c, now_ns)) {
            let_go(s, c);
            return;
        }
        if (c->n_in > 0 && (!know_peer(s, c) || !take_lines(s, c, now_ns))) {
            send_away(s, c, now_ns);
            return;
        }
    } while (!c->ending && c->n_in < before);
    if (!c->ending &&
        ((c->n_in > 0 && c->n_outstanding == 0 && has_room(c) && now_ns - c->line_ns > LINE_NS) ||
         (c->n_running == 0 && now_ns - c->active_ns > IDLE_NS)))
        send_away(s, c, now_ns);
}

/* --------------------------------------------------------------------- answers */

static struct spd_api_connection *find(struct spd_api_server *s, uint64_t number)
{
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        if (s->connections[i].number == number)
            return &s->connections[i];
    return NULL;
}

static void deliver(struct spd_api_server *s, struct spd_api_message *m)
{
    struct spd_api_connection *c = find(s, m->connection);

    if (c && m->is_answer) {
        SPD_ASSERT(c->n_outstanding > 0);
        c->n_outstanding--;
    }
    if (c) {
        c->n_running += m->begins_test;
        c->n_running -= m->ends_test && c->n_running > 0;
    }
    if (c && c->ending && m->begins_test) /* it went before it heard of its test */
        tell_gone(s, c);
    if (c && !c->ending && !(m->droppable && c->n_out > SPD_API_DROPPABLE_BYTES) &&
        (!m->line || !spd_api_connection_say(c, m->line, m->n_line)))
        let_go(s, c);
    if (c)
        reap(s, c);
    spd_api_message_free(m);
}

static void take_messages(struct spd_api_server *s)
{
    struct spd_completion events[EVENTS_MAX];
    size_t n = 0;

    while (spd_cport_wait(s->port, events, EVENTS_MAX, &n, 0) == SPD_ERR_OK)
        for (size_t i = 0; i < n; i++)
            deliver(s, SPD_CONTAINER_OF(events[i].op, struct spd_api_message, op));
}

/* ---------------------------------------------------------------------- thread */

static size_t gather(struct spd_api_server *s, bool accept, struct spd_local_want *wants,
                     struct spd_api_connection **who)
{
    size_t n = 0;

    wants[n++] = (struct spd_local_want){ .connection = s->listener, .read = accept };
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        struct spd_api_connection *c = &s->connections[i];

        if (!c->number || c->ending)
            continue;
        who[n] = c;
        wants[n++] = (struct spd_local_want){
            .connection = c->local,
            .read = has_room(c) && (c->n_in < sizeof(c->in)),
            .write = (c->n_out > 0),
        };
    }
    return n;
}

/* What is written and not sent yet, as far as the peers take it in time. */
static void write_out(struct spd_api_server *s, struct spd_local_want *wants,
                      struct spd_api_connection **who)
{
    spd_ns end_ns = steady_ns(s) + LAST_WORDS_NS;

    for (;;) {
        size_t n = gather(s, false, wants, who), n_left = 0;
        spd_ns now_ns = steady_ns(s);

        for (size_t i = 1; i < n; i++) {
            if (!spd_api_connection_flush(who[i], now_ns) || who[i]->n_out == 0)
                continue;
            who[n_left] = who[i];
            wants[n_left++] = (struct spd_local_want){ .connection = who[i]->local, .write = true };
        }
        if (n_left == 0 || now_ns >= end_ns)
            return;
        (void)spd_local_wait(s->set, wants, n_left, end_ns - now_ns);
    }
}

static void run(void *argument)
{
    struct spd_local_want wants[CONNECTIONS_MAX + 1];
    struct spd_api_connection *who[CONNECTIONS_MAX + 1];
    struct spd_api_server *s = argument;

    while (!atomic_load(&s->stop)) {
        bool accept = !must_wait(s, steady_ns(s));
        size_t n = gather(s, accept, wants, who);
        spd_ns now_ns;

        (void)spd_local_wait(s->set, wants, n, accept ? ROUND_NS : GRACE_NS);
        now_ns = steady_ns(s);
        take_messages(s);
        for (size_t i = 1; i < n; i++) {
            if (who[i]->ending || who[i]->local != wants[i].connection)
                continue;
            serve(s, who[i], &wants[i], now_ns);
            reap(s, who[i]);
        }
        if (wants[0].is_readable)
            accept_all(s, now_ns);
    }
    take_messages(s);
    write_out(s, wants, who);
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        spd_api_connection_close(&s->connections[i]);
}

enum spd_err spd_api_server_start(const struct spd_api_server_config *config,
                                  struct spd_api_server **out, struct spd_diag *diag)
{
    struct spd_local_config local = { .name = config->name, .admins = config->admins };
    struct spd_cport_config port = { 0 };
    struct spd_api_server *s = calloc(1, sizeof(*s));
    enum spd_err err;

    if (!s)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for the local interface");
    if (!local.name)
        local.name = spd_local_default_name();
    s->controller = config->controller;
    s->key = config->key;
    s->counter_hz = spd_clock_frequency_hz();
    err = spd_cport_create(&port, &s->port, diag);
    if (!err)
        err = spd_local_set_create(&s->set, diag);
    if (!err)
        err = spd_local_listen(s->set, &local, &s->listener, diag);
    if (!err) {
        err = spd_thread_start(&s->thread, "spd-api", run, s);
        if (err)
            spd_diag_set(diag, err, 0, "cannot start the thread of the local interface: %s",
                         spd_err_text(err));
    }
    if (err) {
        spd_api_server_stop(s);
        return err;
    }
    *out = s;
    return SPD_ERR_OK;
}

void spd_api_server_send(struct spd_api_server *s, struct spd_api_message *m)
{
    m->n_line = m->line ? strlen(m->line) : 0;
    if (spd_cport_post(s->port, 0, 0, &m->op)) {
        spd_api_message_free(m);
        return;
    }
    spd_local_set_wake(s->set);
}

void spd_api_server_counts(struct spd_api_server *s, struct spd_api_counts *out)
{
    out->n_connections = atomic_load(&s->n_connections);
    out->n_requests = atomic_load(&s->n_requests);
    out->n_malformed = atomic_load(&s->n_malformed);
    out->n_turned_away = atomic_load(&s->n_turned_away);
}

void spd_api_server_stop(struct spd_api_server *s)
{
    struct spd_completion events[EVENTS_MAX];
    size_t n = 0;

    if (!s)
        return;
    atomic_store(&s->stop, true);
    if (s->thread) {
        spd_local_set_wake(s->set);
        spd_thread_join(s->thread);
    }
    spd_local_close(s->listener);
    spd_local_set_destroy(s->set);
    if (s->port) {
        while (spd_cport_wait(s->port, events, EVENTS_MAX, &n, 0) == SPD_ERR_OK)
            for (size_t i = 0; i < n; i++)
                spd_api_message_free(SPD_CONTAINER_OF(events[i].op, struct spd_api_message, op));
        spd_shut_port(s->port);
    }
    free(s);
}
