/*
 * On the main thread, which owns a port for the console's events and for those
 * of the sessions; each session has its own thread.
 */
#include "service/receive_marked.h"

#include <stdio.h>
#include <string.h>

#include "common/sys/console.h"
#include "common/wire/owamp_control.h"
#include "service/commands.h"
#include "service/listen.h"
#include "service/receive_log.h"
#include "service/receive_options.h"
#include "service/receive_session.h"
#include "service/shut_port.h"

#define KEY_CONSOLE 1
#define KEY_SESSION 2

struct place {
    struct spd_receive_session *session;
    struct spd_addr address; /* as bound, once it was */
    uint64_t previous;       /* session that was received here last */
    bool announced;
};

struct marked {
    const struct spd_settings *settings;
    struct spd_cport *port;
    struct spd_listen listen;
    struct place places[SPD_LISTEN_MAX];
    size_t n_open; /* places with a session */
    bool only_one; /* the log is a file */
    bool stop;
    struct spd_diag failed;
};

static void wake(void *context)
{
    struct marked *m = context;

    (void)spd_cport_post(m->port, KEY_SESSION, 0, NULL);
}

static enum spd_err open_place(struct marked *m, size_t i, struct spd_diag *diag)
{
    struct place *p = &m->places[i];
    struct spd_receive_session_spec spec = {
        .log = m->settings->log,
        .wake = wake,
        .context = m,
    };
    enum spd_err err;

    spd_receive_receiver_spec(m->settings, &spec.receiver);
    spec.receiver.listen = p->announced ? p->address : m->listen.address[i];
    spec.receiver.previous_session = p->previous;
    err = spd_receive_session_start(&spec, &p->session, diag);
    m->n_open += err == SPD_ERR_OK;
    return err;
}

static void announce(struct marked *m, struct place *p)
{
    char text[SPD_ADDR_TEXT_BYTES];

    if (p->announced)
        return;
    p->announced = true;
    p->address = spd_receive_session_address(p->session);
    if (m->settings->quiet)
        return;
    fprintf(stderr, "receiving on %s, without control\n", spd_addr_format(&p->address, text));
    fflush(stderr);
}

static void close_place(struct marked *m, struct place *p)
{
    spd_receive_session_destroy(p->session);
    p->session = NULL;
    m->n_open--;
}

/* The socket is closed: open the next one first, since writing the rest of the log
 * may take a while. */
static struct spd_receive_session *succeed(struct marked *m, size_t i)
{
    struct place *p = &m->places[i];
    struct spd_receive_session *ended = p->session;
    const struct spd_receiver_record *record = spd_receive_session_record(ended);
    bool begun = record->n_records > 0 || record->n_termination > 0;

    p->previous = record->session;
    p->session = NULL;
    m->n_open--;
    /* Of addresses that were our own choice, one may be missing: no IPv6. */
    if (record->outcome.err == SPD_ERR_NOTSUP && !begun && !m->listen.chosen && m->n_open > 0)
        return ended;
    if (record->outcome.err && m->failed.err == SPD_ERR_OK)
        m->failed = record->outcome;
    m->stop = m->stop || record->outcome.err || (begun && m->only_one);
    if (!m->stop && open_place(m, i, &m->failed))
        m->stop = true;
    return ended;
}

static void on_closed(struct marked *m, size_t i)
{
    struct spd_receive_session *ended = succeed(m, i);
    const struct spd_receiver_record *record = spd_receive_session_record(ended);
    const struct spd_diag *log;

    (void)spd_receive_session_tend(ended); /* closes the log */
    log = spd_receive_session_log_diag(ended);
    if (record->n_records > 0 || record->n_termination > 0)
        spd_receive_write(stdout, record, spd_receive_session_log_path(ended), m->settings->json);
    if (log->err && m->failed.err == SPD_ERR_OK)
        m->failed = *log;
    m->stop = m->stop || log->err;
    spd_receive_session_destroy(ended);
}

static void tend(struct marked *m)
{
    for (size_t i = 0; i < m->listen.n; i++) {
        struct place *p = &m->places[i];
        enum spd_receive_state state;

        if (!p->session)
            continue;
        if (spd_receive_session_is_closed(p->session)) {
            on_closed(m, i);
            continue;
        }
        state = spd_receive_session_tend(p->session);
        if (state == SPD_RECEIVE_OVER)
            on_closed(m, i); /* just now */
        else if (state != SPD_RECEIVE_OPENING)
            announce(m, p);
        /* One log, one session: the other addresses are closed. */
        for (size_t k = 0; m->only_one && state == SPD_RECEIVE_BEGUN && k < m->listen.n; k++)
            if (k != i && m->places[k].session)
                close_place(m, &m->places[k]);
    }
}

static void stop_all(struct marked *m)
{
    m->stop = true;
    for (size_t i = 0; i < m->listen.n; i++)
        if (m->places[i].session)
            spd_receive_session_stop(m->places[i].session, SPD_RECEIVER_BY_HAND, 0);
}

static enum spd_err serve(struct marked *m, struct spd_diag *diag)
{
    struct spd_completion events[16];

    while (m->n_open > 0) {
        size_t n = 0;
        enum spd_err err = spd_cport_wait(m->port, events, 16, &n, SPD_NS_FOREVER);

        if (err)
            return spd_diag_set(diag, err, 0, "the completion port failed: %s", spd_err_text(err));
        for (size_t i = 0; i < n; i++)
            if (events[i].key == KEY_CONSOLE && events[i].n_bytes != SPD_CONSOLE_STATUS)
                stop_all(m);
        tend(m);
        if (m->stop)
            stop_all(m);
    }
    *diag = m->failed;
    return diag->err;
}

int spd_receive_marked(const struct spd_settings *settings)
{
    struct spd_cport_config config = { .single_owner = true };
    struct marked m = { .settings = settings };
    struct spd_diag diag = { 0 };
    enum spd_err err = spd_receive_options_check(settings, &m.only_one, &diag);

    if (!err)
        err = spd_listen_find(settings, SPD_OWAMP_CONTROL_PORT, &m.listen, &diag);
    if (!err)
        err = spd_cport_create(&config, &m.port, &diag);
    if (!err)
        err = spd_console_watch(m.port, KEY_CONSOLE, &diag);
    for (size_t i = 0; i < m.listen.n && !err; i++)
        err = open_place(&m, i, &diag);
    if (!err)
        err = serve(&m, &diag);
    spd_console_unwatch();
    for (size_t i = 0; i < m.listen.n; i++)
        spd_receive_session_destroy(m.places[i].session);
    spd_shut_port(m.port);
    return err ? spd_complain(&diag) : SPD_EXIT_OK;
}
