/*
 * stampede stream --one-way: has a session agreed upon (unless --no-control),
 * sends it through the controller, and fetches what arrived. Main thread.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/sys/clock.h"
#include "common/sys/console.h"
#include "common/sys/random.h"
#include "common/sys/thread.h"
#include "common/sys/udp.h"
#include "common/wire/session_mark.h"
#include "service/commands.h"
#include "service/control_link.h"
#include "service/controller.h"
#include "service/flow_log.h"
#include "service/flow_spec.h"
#include "service/one_way.h"
#include "service/progress.h"
#include "service/receive_log.h"
#include "service/record_log.h"
#include "service/test_kinds.h"

#define KEY_CONSOLE    1
#define KEY_CONTROL    2
#define N_TERMINATION  10 /* spec L2 */
#define SKIPS_MAX      65536u
#define START_AHEAD_NS (500 * SPD_NS_PER_MS) /* from the request to the session's start */

struct one_way {
    const struct spd_settings *settings;
    struct spd_flows_spec spec;
    uint8_t sid[16];
    struct spd_control_link *link; /* NULL without control */
    struct spd_controller *controller;
    struct spd_record_log *log;
    struct spd_progress progress;
    size_t test;
    struct spd_flows_record *record; /* once finished */
    struct spd_one_way_far far;
    bool interrupted;
};

/* ----------------------------------------------------------------- agreement */

/* RFC 4656 section 3.5 wants to know the port beforehand. The system chooses one;
 * that it is taken until the test begins is unlikely, and told then. */
static enum spd_err choose_port(const struct spd_flows_spec *spec, uint16_t *out,
                                struct spd_diag *diag)
{
    struct spd_cport_config config = { .single_owner = true };
    struct spd_udp_config udp_config = { .local = { .family = spec->flows[0].info.target.family },
                                         .tclass = -1 };
    struct spd_udp_facts facts;
    struct spd_cport *port;
    struct spd_udp *udp;
    enum spd_err err = spd_cport_create(&config, &port, diag);

    if (err)
        return err;
    if (spec->source.family == udp_config.local.family)
        udp_config.local = spec->source;
    udp_config.local.port = 0;
    err = spd_udp_open(port, 1, &udp_config, &udp, diag);
    if (!err) {
        spd_udp_facts(udp, &facts);
        *out = facts.local.port;
        spd_udp_close(udp);
    }
    spd_cport_close(port);
    spd_cport_destroy(port);
    return err;
}

static enum spd_err agree(struct one_way *o, struct spd_diag *diag)
{
    struct spd_flow_spec *flow = &o->spec.flows[0];
    int64_t start_ns = spd_clock_wall().ns + START_AHEAD_NS;
    const struct spd_control_client *client;
    struct spd_owamp_request request;
    struct spd_owamp_slot *slots = NULL;
    spd_ns first_ns = 0;
    enum spd_err err = choose_port(&o->spec, &flow->source_port, diag);

    if (!err)
        err = spd_one_way_request(flow, start_ns, o->settings->timeout_ns, &request, &slots,
                                  &first_ns, diag);
    if (!err)
        err = spd_control_link_open(&flow->info.target, &o->spec.source, o->settings->host,
                                    &request, slots, &o->link, diag);
    free(slots);
    if (!err)
        err = spd_control_link_start(o->link, diag);
    if (err)
        return err;
    client = spd_control_link_client(o->link);
    memcpy(o->sid, spd_control_client_sid(client), sizeof(o->sid));
    flow->info.target.port = spd_control_client_port(client);
    o->spec.start_wall_ns = start_ns + first_ns;
    if (spd_control_client_knows_marks(client)) {
        flow->session = spd_session_mark_of_sid(o->sid);
        flow->n_termination = N_TERMINATION;
    }
    return SPD_ERR_OK;
}

static enum spd_err prepare(struct one_way *o, struct spd_diag *diag)
{
    struct spd_flow_spec *flow = &o->spec.flows[0];
    enum spd_err err = spd_stream_spec_make(o->settings, &o->spec, diag);

    if (err)
        return err;
    o->spec.zero_padding = o->settings->zero_padding;
    if (!o->settings->no_control)
        return agree(o, diag);
    err = spd_random_fill(&flow->session, sizeof(flow->session), diag);
    flow->session |= flow->session == 0;
    flow->n_termination = N_TERMINATION;
    spd_receive_sid_of_session(flow->session, o->sid);
    return err;
}

/* ----------------------------------------------------------------------- send */

static void on_progress(void *context, size_t test, uint32_t permille)
{
    struct one_way *o = context;
    char text[160];

    (void)test;
    snprintf(text, sizeof(text), "one-way to %s: %u %%%s", o->settings->host, permille / 10,
             o->interrupted ? ", stopping" : "");
    spd_progress_show(&o->progress, text);
}

static void on_finished(void *context, size_t test, void *object)
{
    struct one_way *o = context;

    (void)test;
    o->record = spd_flows_record(object);
}

static void on_post(void *context, uintptr_t key, uint32_t event)
{
    struct one_way *o = context;

    if (key == KEY_CONSOLE && event == SPD_CONSOLE_STATUS)
        return;
    /* The control connection is no longer needed to send, only to be told. */
    if (key == KEY_CONTROL && !spd_control_client_is_told_to_stop(spd_control_link_client(o->link)))
        return;
    o->interrupted = true;
    spd_controller_cancel(o->controller, o->test);
}

static enum spd_err start_log(struct one_way *o, struct spd_diag *diag)
{
    struct spd_log_header *header;
    enum spd_err err;

    if (!o->settings->log)
        return SPD_ERR_OK;
    header = calloc(1, sizeof(*header));
    if (!header)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for the log");
    spd_flow_log_header(&o->spec, o->settings->host, SPD_LOG_ONE_WAY_SENDER, header);
    memcpy(header->flows[0].sid, o->sid, sizeof(o->sid));
    err = spd_record_log_start(o->settings->log, header, &o->log, diag);
    free(header);
    return err;
}

static enum spd_err finish_log(struct one_way *o, struct spd_diag *diag)
{
    struct spd_log_end *end = o->log && o->record ? calloc(1, sizeof(*end)) : NULL;
    enum spd_err err;

    if (end) {
        spd_flow_log_end(o->record, end);
        end->flows[0].ending = o->record->outcome.err   ? SPD_LOG_ENDING_ERROR
                               : o->record->interrupted ? SPD_LOG_ENDING_BY_HAND
                                                        : SPD_LOG_ENDING_COUNT;
        end->flows[0].n_termination = o->record->counts[0].n_termination;
    }
    err = spd_record_log_finish(o->log, o->record ? &o->record->environment : NULL, end, diag);
    o->log = NULL;
    free(end);
    return err;
}

static enum spd_err send_all(struct one_way *o, struct spd_diag *diag)
{
    struct spd_controller_events events = { o, on_progress, on_finished, on_post, NULL };
    struct spd_test_flows test = { &o->spec, NULL };
    enum spd_err err = spd_controller_create(&events, &o->controller, diag);

    /* Before any thread is started: they inherit what it does to signals. */
    if (!err)
        err = spd_console_watch(spd_controller_port(o->controller), KEY_CONSOLE, diag);
    if (!err)
        err = start_log(o, diag);
    if (!err && o->log)
        test.records = spd_record_log_ring(o->log);
    if (!err)
        err = spd_controller_start(o->controller, &spd_test_kind_flows, &test, &o->test, diag);
    if (!err && o->link)
        err =
            spd_control_link_watch(o->link, spd_controller_port(o->controller), KEY_CONTROL, diag);
    if (err)
        return err;
    while (spd_controller_step(o->controller, SPD_NS_FOREVER) > 0)
        ;
    spd_control_link_unwatch(o->link);
    spd_progress_clear(&o->progress);
    if (!o->record)
        return spd_diag_set(diag, SPD_ERR_INTERNAL, 0, "the controller's port failed");
    *diag = o->record->outcome;
    return diag->err;
}

/* ---------------------------------------------------------------------- fetch */

/* Stop-Sessions and Fetch-Session. What fails here is the far side's: the
 * sender's own records are safe. */
static void bring_back(struct one_way *o)
{
    static struct spd_owamp_skip skips[SKIPS_MAX];
    const struct spd_control_fetched *fetched;
    uint32_t n = o->record->n_packets[0];
    size_t n_skips = spd_one_way_skips(o->record->packets[0], n, skips, SKIPS_MAX);

    /* RFC 4656 section 3.8: not before Timeout after the last packet. */
    spd_thread_sleep(o->settings->timeout_ns);
    if (spd_control_link_stop(o->link, SPD_OWAMP_OK, n, skips, (uint32_t)n_skips, &o->far.diag) ||
        spd_control_link_fetch(o->link, &o->far.diag))
        return;
    fetched = spd_control_client_fetched(spd_control_link_client(o->link));
    for (size_t i = 0; i < fetched->n_packets; i++)
        o->far.n_duplicates += (fetched->packets[i].flags & SPD_FLOW_DUPLICATE) != 0;
    o->far.fetched = fetched;
}

static int conclude(struct one_way *o, struct spd_diag *diag)
{
    int code = SPD_EXIT_OK;

    if (finish_log(o, diag))
        code = spd_complain(diag);
    if (o->link)
        bring_back(o);
    if (o->far.fetched && o->settings->log && code == SPD_EXIT_OK &&
        spd_one_way_join_log(o->settings->log, o->sid, o->far.fetched, diag))
        code = spd_complain(diag);
    spd_one_way_write(stdout, o->record, &o->far, o->settings->log, o->settings->json);
    if (o->far.diag.err)
        code = spd_complain(&o->far.diag);
    return code;
}

int spd_command_stream_one_way(const struct spd_settings *settings)
{
    struct one_way *o = calloc(1, sizeof(*o));
    struct spd_diag diag = { 0 };
    int code;

    if (!o) {
        spd_diag_set(&diag, SPD_ERR_NOMEM, 0, "no memory for the test");
        return spd_complain(&diag);
    }
    o->settings = settings;
    spd_progress_init(&o->progress, !settings->quiet);
    if (prepare(o, &diag) || send_all(o, &diag)) {
        struct spd_diag own = { 0 };

        spd_progress_clear(&o->progress);
        code = spd_complain(&diag);
        if (finish_log(o, &own))
            (void)spd_complain(&own);
    } else {
        code = conclude(o, &diag);
    }
    spd_console_unwatch();
    spd_control_link_close(o->link);
    spd_controller_destroy(o->controller);
    free(o);
    return code;
}
