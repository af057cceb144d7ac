/*
 * stampede reflect: the Session-Reflector on the main thread until Ctrl-C.
 */
#include <stdio.h>
#include <string.h>

#include "common/sys/console.h"
#include "service/commands.h"
#include "service/reflect_open.h"
#include "service/reflector_counts.h"
#include "service/shut_port.h"

#define KEY_CONSOLE   1
#define KEY_REFLECTOR 16

struct reflect {
    const struct spd_settings *settings;
    struct spd_cport *port;
    struct spd_reflector *reflector;
    struct spd_listen listen;
    bool stop;
};

static void write_counts(struct reflect *r)
{
    struct spd_reflector_counters counters;

    spd_reflector_counters(r->reflector, &counters);
    spd_reflector_counts_write(stdout, &counters, r->settings->json);
}

static void on_post(void *context, const struct spd_completion *c)
{
    struct reflect *r = context;

    if (c->key != KEY_CONSOLE)
        return;
    if (c->n_bytes == SPD_CONSOLE_STATUS)
        write_counts(r);
    else
        r->stop = true;
}

static void announce(const struct reflect *r)
{
    if (r->settings->quiet)
        return;
    for (size_t i = 0; i < r->listen.n; i++) {
        char address[SPD_ADDR_TEXT_BYTES];
        struct spd_udp_facts facts;

        spd_reflector_facts(r->reflector, i, &facts);
        fprintf(stderr, "reflecting on %s, %s, receive stamps: %s\n",
                spd_addr_format(&facts.local, address),
                r->settings->stateful ? "stateful" : "stateless",
                spd_stamp_source_text(facts.receive_stamp ? facts.receive_stamp : SPD_STAMP_USER));
        if (facts.note[0])
            fprintf(stderr, "  note: %s\n", facts.note);
    }
    fflush(stderr);
}

static enum spd_err serve(struct reflect *r, struct spd_diag *diag)
{
    spd_ns wait_ns = r->settings->spin ? 0 : SPD_NS_PER_S;
    enum spd_err err = SPD_ERR_OK;

    while (!r->stop) {
        err = spd_reflector_step(r->reflector, wait_ns, on_post, r);
        if (err && err != SPD_ERR_TIMEOUT)
            return spd_diag_set(diag, err, 0, "the completion port failed: %s", spd_err_text(err));
    }
    return SPD_ERR_OK;
}

int spd_command_reflect(const struct spd_settings *settings)
{
    struct spd_cport_config port = { .single_owner = true };
    struct reflect r = { .settings = settings };
    struct spd_diag diag = { 0 };
    enum spd_err err = spd_cport_create(&port, &r.port, &diag);

    if (!err)
        err = spd_console_watch(r.port, KEY_CONSOLE, &diag);
    if (!err)
        err = spd_reflect_open(settings, r.port, KEY_REFLECTOR, &r.listen, &r.reflector, &diag);
    if (!err) {
        announce(&r);
        err = serve(&r, &diag);
        write_counts(&r);
    }
    spd_console_unwatch();
    spd_reflector_destroy(r.reflector);
    spd_shut_port(r.port);
    return err ? spd_complain(&diag) : SPD_EXIT_OK;
}
