/*
 * stampede stream: one paced flow to a reflector and back, kept in a log if
 * wanted, and explained. Main thread.
 */
#include <stdio.h>
#include <string.h>

#include "common/sys/console.h"
#include "service/commands.h"
#include "service/controller.h"
#include "service/flow_log.h"
#include "service/flow_outcome.h"
#include "service/flow_spec.h"
#include "service/one_way.h"
#include "service/progress.h"
#include "service/record_log.h"
#include "service/test_kinds.h"

#define KEY_CONSOLE 1

struct stream {
    const struct spd_settings *settings;
    struct spd_controller *controller;
    struct spd_progress progress;
    struct spd_record_log *log;
    size_t test;
    struct spd_flows_record *record;
    struct spd_log_end end; /* of the record: the log and the shown result have the same */
};

static void on_progress(void *context, size_t test, uint32_t permille)
{
    struct stream *s = context;
    char text[160];

    (void)test;
    snprintf(text, sizeof(text), "%s: %u %% of %llu packets sent", s->settings->host, permille / 10,
             (unsigned long long)s->settings->n_packets);
    spd_progress_show(&s->progress, text);
}

static void on_finished(void *context, size_t test, void *object)
{
    struct stream *s = context;

    (void)test;
    s->record = spd_flows_record(object);
}

static void on_post(void *context, uintptr_t key, uint32_t event)
{
    struct stream *s = context;

    if (key == KEY_CONSOLE && event != SPD_CONSOLE_STATUS)
        spd_controller_cancel(s->controller, s->test);
}

static enum spd_err start_log(struct stream *s, const struct spd_log_header *header,
                              struct spd_diag *diag)
{
    if (!s->settings->log)
        return SPD_ERR_OK;
    return spd_record_log_start(s->settings->log, header, &s->log, diag);
}

/* What was recorded is kept whatever happened. */
static enum spd_err finish_log(struct stream *s, struct spd_diag *diag)
{
    return spd_record_log_finish(s->log, s->record ? &s->record->environment : NULL,
                                 s->record ? &s->end : NULL, diag);
}

static enum spd_err run(struct stream *s, const struct spd_flows_spec *spec,
                        const struct spd_log_header *header, struct spd_diag *diag)
{
    struct spd_controller_events events = { s, on_progress, on_finished, on_post, NULL };
    struct spd_test_flows test = { spec, NULL };
    enum spd_err err = spd_controller_create(&events, &s->controller, diag);

    /* Before any thread is started: they inherit what it does to signals. */
    if (!err)
        err = spd_console_watch(spd_controller_port(s->controller), KEY_CONSOLE, diag);
    if (!err)
        err = start_log(s, header, diag);
    if (!err && s->log)
        test.records = spd_record_log_ring(s->log);
    if (!err)
        err = spd_controller_start(s->controller, &spd_test_kind_flows, &test, &s->test, diag);
    if (err)
        return err;
    while (spd_controller_step(s->controller, SPD_NS_FOREVER) > 0)
        ;
    spd_progress_clear(&s->progress);
    if (!s->record)
        return spd_diag_set(diag, SPD_ERR_INTERNAL, 0, "the controller's port failed");
    spd_flow_log_end(s->record, &s->end);
    return SPD_ERR_OK;
}

/* The records in memory are analysed as a log of them would be. */
static int explain(struct stream *s, const struct spd_log_header *header,
                   const struct spd_flow_wishes *wishes, struct spd_flow_outputs *outputs)
{
    struct spd_log_facts facts = { .ended = true, .has_environment = true, .end = s->end };
    struct spd_flow_input input = { .header = header,
                                    .facts = &facts,
                                    .log_name = s->settings->log ? s->settings->log : "" };

    facts.environment = s->record->environment;
    input.packets[0] = s->record->packets[0];
    input.n_packets[0] = facts.n_records = s->record->n_packets[0];
    return spd_flow_outcome(s->settings, wishes, outputs, &input);
}

int spd_command_stream(const struct spd_settings *settings)
{
    struct stream s = { .settings = settings };
    struct spd_diag diag = { 0 }, log_diag = { 0 };
    struct spd_flow_outputs outputs = { 0 };
    struct spd_log_header header;
    struct spd_flow_wishes wishes;
    struct spd_flows_spec spec;
    int code = SPD_EXIT_OK;

    if (settings->one_way)
        return spd_command_stream_one_way(settings);
    if (spd_flow_wishes_read(settings, &wishes, &diag) ||
        spd_stream_spec_make(settings, &spec, &diag) ||
        spd_flow_outputs_open(settings, &outputs, &diag))
        return spd_complain(&diag);
    spd_flow_log_header(&spec, settings->host, SPD_LOG_TWO_WAY, &header);
    spd_progress_init(&s.progress, !settings->quiet);
    if (run(&s, &spec, &header, &diag))
        code = spd_complain(&diag);
    if (finish_log(&s, &log_diag))
        code = spd_complain(&log_diag);
    if (s.record && s.record->outcome.err)
        code = spd_complain(&s.record->outcome);
    if (s.record && spd_flow_silence(s.record, settings->host, &diag)) {
        code = code ? code : spd_complain(&diag);
        spd_flow_outputs_drop(&outputs);
    } else if (s.record && s.record->n_packets[0] > 0) {
        int shown = explain(&s, &header, &wishes, &outputs);

        code = code ? code : shown;
    } else {
        spd_flow_outputs_drop(&outputs);
    }
    spd_console_unwatch();
    spd_controller_destroy(s.controller);
    return code;
}
