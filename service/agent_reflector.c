/*
 * The reflector's thread opens what it owns, so whoever starts it waits for its
 * first word at a small port.
 */
#include "service/agent_reflector.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/assert.h"
#include "common/sys/eventlog.h"
#include "common/sys/thread.h"
#include "service/reflect_open.h"
#include "service/shut_port.h"

#define KEY_STOP      1
#define KEY_ASK       2
#define KEY_REFLECTOR 16
#define END_POLL_NS   (50 * SPD_NS_PER_MS)

struct spd_agent_reflector {
    const struct spd_settings *settings;
    struct spd_cport *port;
    struct spd_cport *opened; /* told once it listens, or cannot */
    struct spd_reflector *reflector;
    struct spd_thread *thread;
    struct spd_diag diag;
    char text[400];
    bool stop;
    atomic_bool stop_wanted;
    atomic_bool ended;
};

static void on_post(void *context, const struct spd_completion *c)
{
    struct spd_agent_reflector *r = context;
    struct spd_reflector_ask *ask;

    if (c->key == KEY_STOP)
        r->stop = true;
    if (c->key != KEY_ASK)
        return;
    ask = SPD_CONTAINER_OF(c->op, struct spd_reflector_ask, op);
    spd_reflector_counters(r->reflector, &ask->counters);
    while (spd_cport_post(ask->back, ask->key, 0, &ask->op) == SPD_ERR_NOMEM)
        spd_thread_sleep(SPD_NS_PER_MS);
}

static void describe(struct spd_agent_reflector *r, const struct spd_listen *listen)
{
    size_t n = 0;

    for (size_t i = 0; i < listen->n && n < sizeof(r->text); i++) {
        char address[SPD_ADDR_TEXT_BYTES];
        struct spd_udp_facts facts;

        spd_reflector_facts(r->reflector, i, &facts);
        n += (size_t)snprintf(r->text + n, sizeof(r->text) - n, "%s%s", i ? ", " : "",
                              spd_addr_format(&facts.local, address));
    }
}

static void run(void *argument)
{
    struct spd_agent_reflector *r = argument;
    spd_ns wait_ns = r->settings->spin ? 0 : SPD_NS_PER_S;
    struct spd_listen listen;
    enum spd_err err =
        spd_reflect_open(r->settings, r->port, KEY_REFLECTOR, &listen, &r->reflector, &r->diag);

    if (!err)
        describe(r, &listen);
    while (spd_cport_post(r->opened, 0, 0, NULL) == SPD_ERR_NOMEM)
        spd_thread_sleep(SPD_NS_PER_MS);
    while (!err && !r->stop) {
        err = spd_reflector_step(r->reflector, wait_ns, on_post, r);
        if (err == SPD_ERR_TIMEOUT)
            err = SPD_ERR_OK;
    }
    atomic_store(&r->ended, err != SPD_ERR_OK);
    if (err && r->reflector)
        spd_eventlog_write(SPD_EVENT_REFLECTOR, "the reflector ended: its completion port: %s",
                           spd_err_text(err));
    /* Others may post until they were told that it ends. */
    while (!atomic_load(&r->stop_wanted))
        spd_thread_sleep(END_POLL_NS);
    spd_reflector_destroy(r->reflector);
    r->reflector = NULL;
    spd_shut_port(r->port); /* by its owner */
    r->port = NULL;
}

/* Waits for its first word. */
static enum spd_err start_thread(struct spd_agent_reflector *r, struct spd_diag *diag)
{
    struct spd_completion word;
    size_t n = 0;
    enum spd_err err = spd_thread_start(&r->thread, "spd-reflect", run, r);

    if (err)
        return spd_diag_set(diag, err, 0, "cannot start the thread of the reflector: %s",
                            spd_err_text(err));
    (void)spd_cport_wait(r->opened, &word, 1, &n, SPD_NS_FOREVER);
    if (r->diag.err && diag)
        *diag = r->diag;
    return r->diag.err;
}

enum spd_err spd_agent_reflector_start(const struct spd_settings *settings,
                                       struct spd_agent_reflector **out, struct spd_diag *diag)
{
    struct spd_cport_config config = { .single_owner = true };
    struct spd_agent_reflector *r = calloc(1, sizeof(*r));
    enum spd_err err;

    if (!r)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for the reflector");
    r->settings = settings;
    err = spd_cport_create(&config, &r->port, diag);
    if (!err)
        err = spd_cport_create(&config, &r->opened, diag);
    if (!err)
        err = start_thread(r, diag);
    if (err) {
        spd_agent_reflector_stop(r);
        return err;
    }
    *out = r;
    return SPD_ERR_OK;
}

bool spd_agent_reflector_ask(struct spd_agent_reflector *r, struct spd_reflector_ask *ask)
{
    return spd_cport_post(r->port, KEY_ASK, 0, &ask->op) == SPD_ERR_OK;
}

bool spd_agent_reflector_has_ended(const struct spd_agent_reflector *r)
{
    return atomic_load(&r->ended);
}

const char *spd_agent_reflector_text(const struct spd_agent_reflector *r)
{
    return r->text;
}

void spd_agent_reflector_stop(struct spd_agent_reflector *r)
{
    if (!r)
        return;
    if (r->thread) {
        while (spd_cport_post(r->port, KEY_STOP, 0, NULL) == SPD_ERR_NOMEM)
            spd_thread_sleep(SPD_NS_PER_MS);
        /* Not before: the thread shuts the port then, and we still posted to it. */
        atomic_store(&r->stop_wanted, true);
        spd_thread_join(r->thread);
    }
    spd_shut_port(r->opened);
    spd_shut_port(r->port); /* still there if no thread ever owned it */
    free(r);
}
