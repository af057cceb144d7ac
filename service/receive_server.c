/*
 * The control thread: all connections in one loop, none of which can hold up
 * another. The main thread waits for Ctrl-C meanwhile, since that comes through
 * a completion port.
 */
#include "service/receive_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/sys/clock.h"
#include "common/sys/console.h"
#include "common/sys/random.h"
#include "common/sys/thread.h"
#include "common/wire/ntptime.h"
#include "service/commands.h"
#include "service/receive_options.h"
#include "service/receive_server_private.h"
#include "service/shut_port.h"

#define KEY_CONSOLE 1
#define KEY_ENDED   2

#define RATE_BPS_MAX   1000000000u
#define SLOTS_MAX      4096u
#define PIECE          4096
#define ACCEPTS_A_TURN 64
#define TURN_NS        SPD_NS_PER_S /* time-outs are looked at so often */
#define SETTING_UP_NS  (30 * SPD_NS_PER_S)
#define MESSAGE_NS     (30 * SPD_NS_PER_S)
#define IDLE_NS        (900 * SPD_NS_PER_S)
#define IDLE_LAST_NS   (60 * SPD_NS_PER_S) /* of the one session's connection */
#define FAREWELL_NS    (5 * SPD_NS_PER_S)  /* after Ctrl-C, for clients to fetch */

static spd_ns steady_ns(const struct spd_receive_server *s)
{
    return (spd_ns)spd_ticks_to_ns(spd_clock_now().ticks, s->counter_hz);
}

/* --------------------------------------------------------------- connections */

static void close_connection(struct spd_receive_server *s, struct spd_connection *c)
{
    /* Others may be fetching what goes with it. */
    for (size_t i = 0; i < SPD_RECEIVE_CONNECTIONS_MAX; i++) {
        struct spd_connection *other = &s->connections[i];
        const uint8_t *sid =
            other->stream && other != c ? spd_control_server_fetches(other->control) : NULL;

        for (size_t k = 0; sid && k < SPD_RECEIVE_SESSIONS_MAX; k++)
            if (s->hosted[k].session && s->hosted[k].connection == c &&
                memcmp(s->hosted[k].sid, sid, 16) == 0) {
                spd_control_server_abort(other->control);
                other->closing = true;
                sid = NULL;
            }
    }
    spd_hosted_orphan(s, c);
    spd_control_server_destroy(c->control);
    spd_tcp_close(c->stream);
    c->control = NULL;
    c->stream = NULL;
}

/* A free place, or that of the one who has been setting up for longest: who
 * stays half-open is in nobody's way. */
static struct spd_connection *find_place(struct spd_receive_server *s)
{
    struct spd_connection *oldest = NULL;

    for (size_t i = 0; i < SPD_RECEIVE_CONNECTIONS_MAX; i++) {
        struct spd_connection *c = &s->connections[i];

        if (!c->stream)
            return c;
        if (spd_control_server_phase(c->control) == SPD_CONTROL_SETTING_UP &&
            (!oldest || c->active_ns < oldest->active_ns))
            oldest = c;
    }
    if (oldest)
        close_connection(s, oldest);
    return oldest;
}

static struct spd_control_server_config config_for(struct spd_connection *c, bool refuse)
{
    struct spd_control_server_config config = {
        .host = { c, spd_hosted_request, spd_hosted_stop, spd_hosted_fetch },
        .limits = { SLOTS_MAX, SPD_RECEIVE_PACKETS_MAX, RATE_BPS_MAX },
        .peer = c->peer,
        .refuse = refuse,
        .start_time = c->server->start_time,
    };

    spd_tcp_local(c->stream, &config.local);
    (void)spd_random_fill(config.random, sizeof(config.random), NULL);
    return config;
}

/* Everybody there is at work: say so (Modes 0), and that is all. */
static void turn_away(struct spd_receive_server *s, struct spd_tcp *stream)
{
    struct spd_connection c = { .stream = stream, .server = s };
    struct spd_control_server_config config = config_for(&c, true);
    const uint8_t *bytes;
    size_t n;

    if (spd_control_server_create(&config, &c.control) == SPD_ERR_OK) {
        n = spd_control_server_pending(c.control, &bytes);
        (void)spd_tcp_write(stream, bytes, n, &n);
        spd_control_server_destroy(c.control);
    }
    spd_tcp_close(stream);
}

static void take_in(struct spd_receive_server *s, struct spd_tcp *stream)
{
    struct spd_connection *c = s->stopping ? NULL : find_place(s);
    struct spd_control_server_config config;

    if (!c) {
        turn_away(s, stream);
        return;
    }
    *c = (struct spd_connection){ .stream = stream, .server = s, .active_ns = steady_ns(s) };
    spd_tcp_peer(stream, &c->peer);
    config = config_for(c, false);
    if (c->peer.family == SPD_FAMILY_NONE || spd_control_server_create(&config, &c->control)) {
        c->stream = NULL;
        spd_tcp_close(stream);
    }
}

static void accept_some(struct spd_receive_server *s, struct spd_tcp *listener)
{
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        struct spd_tcp *stream;
        enum spd_err err = spd_tcp_accept(listener, &stream);

        if (err == SPD_ERR_TIMEOUT || err == SPD_ERR_LIMIT)
            return;
        if (err == SPD_ERR_OK)
            take_in(s, stream);
    }
}

static void read_some(struct spd_receive_server *s, struct spd_connection *c)
{
    uint8_t bytes[PIECE];
    size_t n_wanted = spd_control_server_wanted(c->control), n = 0;
    enum spd_err err;

    if (n_wanted == 0)
        return;
    err = spd_tcp_read(c->stream, bytes, n_wanted < PIECE ? n_wanted : PIECE, &n);
    if (err == SPD_ERR_TIMEOUT)
        return;
    if (err) {
        close_connection(s, c);
        return;
    }
    /* A half-open connection gets no younger by single octets. */
    if (spd_control_server_phase(c->control) != SPD_CONTROL_SETTING_UP)
        c->active_ns = steady_ns(s);
    if (!spd_control_server_take(c->control, bytes, n))
        c->closing = true;
}

static void write_some(struct spd_receive_server *s, struct spd_connection *c)
{
    const uint8_t *bytes;
    size_t n = spd_control_server_pending(c->control, &bytes);
    enum spd_err err = SPD_ERR_OK;

    if (n > 0) {
        err = spd_tcp_write(c->stream, bytes, n, &n);
        if (err == SPD_ERR_OK) {
            spd_control_server_written(c->control, n);
            c->active_ns = steady_ns(s);
        }
    }
    if ((err && err != SPD_ERR_TIMEOUT) ||
        (c->closing && spd_control_server_pending(c->control, &bytes) == 0))
        close_connection(s, c);
}

static spd_ns patience_ns(const struct spd_receive_server *s, const struct spd_connection *c)
{
    switch (spd_control_server_phase(c->control)) {
    case SPD_CONTROL_SETTING_UP:
        return SETTING_UP_NS;
    case SPD_CONTROL_IDLE:
    case SPD_CONTROL_WAITING:
    case SPD_CONTROL_RUNNING:
        return s->only_one && s->one_is_over ? IDLE_LAST_NS : IDLE_NS;
    case SPD_CONTROL_IN_MESSAGE:
    case SPD_CONTROL_WRITING:
    case SPD_CONTROL_OVER:
        break;
    }
    return MESSAGE_NS;
}

static void expire(struct spd_receive_server *s)
{
    spd_ns now_ns = steady_ns(s);

    for (size_t i = 0; i < SPD_RECEIVE_CONNECTIONS_MAX; i++) {
        struct spd_connection *c = &s->connections[i];

        if (!c->stream)
            continue;
        /* The receivers have time-outs of their own. */
        if (spd_hosted_any_running(s, c))
            c->active_ns = now_ns;
        if (now_ns - c->active_ns > patience_ns(s, c))
            close_connection(s, c);
    }
}

/* ---------------------------------------------------------------------- loop */

static void serve_once(struct spd_receive_server *s)
{
    static struct spd_tcp_want wants[SPD_TCP_WANTS_MAX];
    struct spd_connection *of[SPD_TCP_WANTS_MAX];
    size_t n = 0;

    for (size_t i = 0; i < s->listen.n; i++) {
        of[n] = NULL;
        wants[n++] = (struct spd_tcp_want){ .stream = s->listeners[i], .read = true };
    }
    for (size_t i = 0; i < SPD_RECEIVE_CONNECTIONS_MAX; i++) {
        struct spd_connection *c = &s->connections[i];
        const uint8_t *bytes;

        if (!c->stream)
            continue;
        of[n] = c;
        wants[n++] = (struct spd_tcp_want){
            .stream = c->stream,
            .read = !c->closing && spd_control_server_wanted(c->control) > 0,
            .write = c->closing || spd_control_server_pending(c->control, &bytes) > 0,
        };
    }
    if (spd_tcp_wait(wants, n, s->waker, TURN_NS) == SPD_ERR_OK)
        for (size_t i = 0; i < n; i++) {
            /* A connection may have been closed since, and its place given away. */
            if (of[i] && of[i]->stream == wants[i].stream) {
                if (wants[i].is_readable)
                    read_some(s, of[i]);
                if (of[i]->stream == wants[i].stream)
                    write_some(s, of[i]);
            } else if (!of[i] && wants[i].is_readable) {
                accept_some(s, wants[i].stream);
            }
        }
    spd_hosted_tend(s);
    expire(s);
}

static bool any_connection(const struct spd_receive_server *s)
{
    for (size_t i = 0; i < SPD_RECEIVE_CONNECTIONS_MAX; i++)
        if (s->connections[i].stream)
            return true;
    return false;
}

/* Ctrl-C: receivers end with what they have; their clients are told, and get a
 * moment to fetch it. */
static void begin_to_stop(struct spd_receive_server *s)
{
    s->stopping = true;
    s->stop_ns = steady_ns(s);
    spd_hosted_stop_all(s);
    for (size_t i = 0; i < SPD_RECEIVE_CONNECTIONS_MAX; i++) {
        struct spd_connection *c = &s->connections[i];

        if (!c->stream)
            continue;
        if (spd_control_server_phase(c->control) == SPD_CONTROL_RUNNING)
            spd_control_server_stop(c->control);
        else if (spd_control_server_phase(c->control) == SPD_CONTROL_SETTING_UP)
            close_connection(s, c);
    }
}

static bool is_done(const struct spd_receive_server *s)
{
    if (s->only_one && s->one_is_over && !spd_hosted_any_running(s, NULL) && !any_connection(s))
        return true;
    if (!s->stopping || spd_hosted_any_running(s, NULL))
        return false;
    return !any_connection(s) || steady_ns(s) - s->stop_ns > FAREWELL_NS;
}

static void run(void *argument)
{
    struct spd_receive_server *s = argument;

    while (!is_done(s)) {
        serve_once(s);
        if (atomic_load(&s->stop_wanted) && !s->stopping)
            begin_to_stop(s);
    }
    for (size_t i = 0; i < SPD_RECEIVE_CONNECTIONS_MAX; i++)
        if (s->connections[i].stream)
            close_connection(s, &s->connections[i]);
    spd_hosted_destroy_all(s);
    (void)spd_cport_post(s->port, KEY_ENDED, 0, NULL);
}

/* ----------------------------------------------------------------- main thread */

static enum spd_err open_listeners(struct spd_receive_server *s, struct spd_diag *diag)
{
    for (size_t i = 0; i < s->listen.n; i++) {
        struct spd_addr address;
        char text[SPD_ADDR_TEXT_BYTES];
        enum spd_err err = spd_tcp_listen(&s->listen.address[i], &s->listeners[i], diag);

        if (i > 0 && spd_listen_without_ipv6(&s->listen, err))
            return SPD_ERR_OK;
        if (err)
            return err;
        spd_tcp_local(s->listeners[i], &address);
        if (!s->settings->quiet)
            fprintf(stderr, "receiving on %s, with OWAMP-Control\n",
                    spd_addr_format(&address, text));
    }
    fflush(stderr);
    return SPD_ERR_OK;
}

static enum spd_err wait_for_end(struct spd_receive_server *s, struct spd_diag *diag)
{
    struct spd_completion events[16];

    for (;;) {
        size_t n = 0;
        enum spd_err err = spd_cport_wait(s->port, events, 16, &n, SPD_NS_FOREVER);

        if (err) {
            atomic_store(&s->stop_wanted, true);
            spd_tcp_waker_wake(s->waker);
            return spd_diag_set(diag, err, 0, "the completion port failed: %s", spd_err_text(err));
        }
        for (size_t i = 0; i < n; i++) {
            if (events[i].key == KEY_ENDED)
                return SPD_ERR_OK;
            if (events[i].n_bytes != SPD_CONSOLE_STATUS) {
                atomic_store(&s->stop_wanted, true);
                spd_tcp_waker_wake(s->waker);
            }
        }
    }
}

static enum spd_err serve(struct spd_receive_server *s, struct spd_diag *diag)
{
    struct spd_thread *thread;
    enum spd_err err = spd_thread_start(&thread, "spd-control", run, s);

    if (err)
        return spd_diag_set(diag, err, 0, "cannot start the control thread: %s", spd_err_text(err));
    err = wait_for_end(s, diag);
    spd_thread_join(thread);
    if (!err) {
        *diag = s->failed;
        err = diag->err;
    }
    return err;
}

int spd_receive_server(const struct spd_settings *settings)
{
    struct spd_cport_config config = { .single_owner = true };
    struct spd_receive_server *s = calloc(1, sizeof(*s));
    struct spd_diag diag = { 0 };
    enum spd_err err = SPD_ERR_OK;

    if (!s)
        err = spd_diag_set(&diag, SPD_ERR_NOMEM, 0, "no memory for the server");
    if (!err) {
        s->settings = settings;
        s->counter_hz = spd_clock_frequency_hz();
        s->start_time = spd_ntptime_from_wall(spd_clock_wall());
        err = spd_receive_options_check(settings, &s->only_one, &diag);
    }
    if (!err)
        err = spd_listen_find(settings, SPD_OWAMP_CONTROL_PORT, &s->listen, &diag);
    if (!err)
        err = spd_cport_create(&config, &s->port, &diag);
    if (!err)
        err = spd_console_watch(s->port, KEY_CONSOLE, &diag);
    if (!err)
        err = spd_tcp_waker_create(&s->waker, &diag);
    if (!err)
        err = open_listeners(s, &diag);
    if (!err)
        err = serve(s, &diag);
    spd_console_unwatch();
    for (size_t i = 0; s && i < SPD_LISTEN_MAX; i++)
        spd_tcp_close(s->listeners[i]);
    if (s) {
        spd_tcp_waker_destroy(s->waker);
        spd_shut_port(s->port);
    }
    free(s);
    return err ? spd_complain(&diag) : SPD_EXIT_OK;
}
