/*
 * stampede noise: background traffic at a rate, or the sink that takes it. The
 * sink runs on the main thread, the noise in a handler of its own.
 */
#include <inttypes.h>
#include <stdio.h>

#include "common/engine/sink.h"
#include "common/sys/console.h"
#include "service/commands.h"
#include "service/controller.h"
#include "service/flow_spec.h"
#include "service/listen.h"
#include "service/noise_port.h"
#include "service/progress.h"
#include "service/shut_port.h"
#include "service/test_kinds.h"

#define KEY_CONSOLE 1
#define KEY_SINK    16

/* -------------------------------------------------------------------- noise */

struct noise {
    const struct spd_settings *settings;
    struct spd_controller *controller;
    struct spd_progress progress;
    size_t test;
    struct spd_flows_record *record;
};

static void on_progress(void *context, size_t test, uint32_t permille)
{
    struct noise *n = context;
    char text[160];

    (void)test;
    snprintf(text, sizeof(text), "noise to %s: %u %%", n->settings->host, permille / 10);
    spd_progress_show(&n->progress, text);
}

static void on_finished(void *context, size_t test, void *object)
{
    struct noise *n = context;

    (void)test;
    n->record = spd_flows_record(object);
}

static void on_post(void *context, uintptr_t key, uint32_t event)
{
    struct noise *n = context;

    if (key == KEY_CONSOLE && event != SPD_CONSOLE_STATUS)
        spd_controller_cancel(n->controller, n->test);
}

/* From the first packet to the last, which is not counted: its time is over
 * only when the next one would come. */
static double rate_bps(uint64_t n_bytes, uint32_t last_bytes, spd_ns first_ns, spd_ns last_ns)
{
    return last_ns > first_ns ? (double)(n_bytes - last_bytes) * 8e9 / (double)(last_ns - first_ns)
                              : 0;
}

static int write_noise(const struct noise *n)
{
    const struct spd_flow_counts *c = &n->record->counts[0];
    spd_ns duration_ns = n->record->duration_ns;
    double achieved = rate_bps(c->n_bytes_sent, c->last_bytes, c->first_sent_ns, c->last_sent_ns);
    char text[SPD_ADDR_TEXT_BYTES];

    if (c->n_unreachable > 0 && !n->settings->quiet)
        fprintf(stderr,
                "stampede: %s: %s: nobody takes the noise, and answers cross the network; start "
                "\"stampede noise --sink\" there\n",
                spd_addr_format(&n->record->info[0].target, text), spd_err_text(c->unreachable));

    if (n->settings->json)
        printf("{\"schema\": \"stampede.noise/1\", \"n_sent\": %" PRIu32
               ", \"n_unreachable\": %" PRIu32 ", \"n_not_sent\": %" PRIu32 ", \"n_late\": %" PRIu32
               ", \"n_bytes\": %" PRIu64 ", \"duration_ns\": %" PRId64
               ", \"rate_asked_bps\": %" PRIu64 ", \"rate_bps\": %.0f, \"interrupted\": %s}\n",
               c->n_sent, c->n_unreachable, c->n_not_sent, c->n_late, c->n_bytes_sent, duration_ns,
               n->settings->rate_bps, achieved, n->record->interrupted ? "true" : "false");
    else
        printf("%" PRIu32 " packets, %" PRIu64 " bytes in %.3f s: %.0f bit/s of IP packets, asked "
               "for %" PRIu64 "\n%" PRIu32 " not sent, %" PRIu32 " later than %.1f ms\n",
               c->n_sent, c->n_bytes_sent, (double)duration_ns / 1e9, achieved,
               n->settings->rate_bps, c->n_not_sent, c->n_late, (double)SPD_NS_PER_MS / 1e6);
    return SPD_EXIT_OK;
}

static int make_noise(const struct spd_settings *settings)
{
    struct noise n = { .settings = settings };
    struct spd_controller_events events = { &n, on_progress, on_finished, on_post, NULL };
    struct spd_diag diag = { 0 };
    struct spd_flows_spec spec;
    struct spd_test_flows test = { &spec, NULL };
    int code;

    if (spd_noise_spec_make(settings, &spec, &diag))
        return spd_complain(&diag);
    spd_progress_init(&n.progress, !settings->quiet);
    if (spd_controller_create(&events, &n.controller, &diag) ||
        spd_console_watch(spd_controller_port(n.controller), KEY_CONSOLE, &diag) ||
        spd_controller_start(n.controller, &spd_test_kind_flows, &test, &n.test, &diag)) {
        code = spd_complain(&diag);
    } else {
        while (spd_controller_step(n.controller, SPD_NS_FOREVER) > 0)
            ;
        spd_progress_clear(&n.progress);
        code = n.record && n.record->outcome.err == SPD_ERR_OK
                   ? write_noise(&n)
                   : spd_complain(n.record ? &n.record->outcome : &diag);
    }
    spd_console_unwatch();
    spd_controller_destroy(n.controller);
    return code;
}

/* --------------------------------------------------------------------- sink */

struct sink {
    const struct spd_settings *settings;
    struct spd_sink *sink;
    bool stop;
};

static void write_sink(const struct sink *s)
{
    struct spd_sink_counters c;
    spd_ns duration_ns;

    spd_sink_counters(s->sink, &c);
    duration_ns = c.last_ns - c.first_ns;
    if (s->settings->json)
        printf("{\"schema\": \"stampede.sink/1\", \"n_received\": %" PRIu64
               ", \"n_bytes\": %" PRIu64 ", \"n_receive_failed\": %" PRIu64
               ", \"n_dropped_by_system\": %" PRIu64 ", \"duration_ns\": %" PRId64
               ", \"rate_bps\": %.0f}\n",
               c.n_received, c.n_bytes, c.n_receive_failed, c.n_dropped_by_system, duration_ns,
               rate_bps(c.n_bytes, c.last_bytes, c.first_ns, c.last_ns));
    else
        printf("%" PRIu64 " packets, %" PRIu64 " bytes in %.3f s: %.0f bit/s of IP packets\n"
               "%" PRIu64 " dropped by the system: receive buffer full\n",
               c.n_received, c.n_bytes, (double)duration_ns / 1e9,
               rate_bps(c.n_bytes, c.last_bytes, c.first_ns, c.last_ns), c.n_dropped_by_system);
    fflush(stdout);
}

static void on_sink_post(void *context, const struct spd_completion *c)
{
    struct sink *s = context;

    if (c->key != KEY_CONSOLE)
        return;
    if (c->n_bytes == SPD_CONSOLE_STATUS)
        write_sink(s);
    else
        s->stop = true;
}

static enum spd_err open_sink(struct sink *s, struct spd_cport *port, struct spd_listen *listen,
                              struct spd_diag *diag)
{
    const char *interface_name = s->settings->interface_name;
    enum spd_err err =
        spd_sink_create(port, KEY_SINK, listen->address, listen->n, interface_name, &s->sink, diag);

    if (spd_listen_without_ipv6(listen, err))
        err = spd_sink_create(port, KEY_SINK, listen->address, listen->n, interface_name, &s->sink,
                              diag);
    for (size_t i = 0; !err && !s->settings->quiet && i < listen->n; i++) {
        struct spd_addr address = spd_sink_address(s->sink, i);
        char text[SPD_ADDR_TEXT_BYTES];

        fprintf(stderr, "taking noise on %s\n", spd_addr_format(&address, text));
    }
    return err;
}

static int take_noise(const struct spd_settings *settings)
{
    struct spd_cport_config config = { .single_owner = true };
    struct sink s = { .settings = settings };
    struct spd_listen listen;
    struct spd_cport *port = NULL;
    struct spd_diag diag = { 0 };
    enum spd_err err = spd_listen_find(settings, SPD_NOISE_DEFAULT_PORT, &listen, &diag);

    if (!err)
        err = spd_cport_create(&config, &port, &diag);
    if (!err)
        err = spd_console_watch(port, KEY_CONSOLE, &diag);
    if (!err)
        err = open_sink(&s, port, &listen, &diag);
    while (!err && !s.stop) {
        err = spd_sink_step(s.sink, SPD_NS_PER_S, on_sink_post, &s);
        if (err == SPD_ERR_TIMEOUT)
            err = SPD_ERR_OK;
        else if (err)
            spd_diag_set(&diag, err, 0, "the completion port failed: %s", spd_err_text(err));
    }
    if (s.sink)
        write_sink(&s);
    spd_console_unwatch();
    spd_sink_destroy(s.sink);
    spd_shut_port(port);
    return err ? spd_complain(&diag) : SPD_EXIT_OK;
}

int spd_command_noise(const struct spd_settings *settings)
{
    struct spd_diag diag = { 0 };

    if (settings->sink == (settings->host != NULL)) {
        spd_diag_set(&diag, SPD_ERR_INVALID, 0,
                     "give either HOST, where the noise goes to, or --sink, to take it");
        return spd_complain(&diag);
    }
    return settings->sink ? take_noise(settings) : make_noise(settings);
}
