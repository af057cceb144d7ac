/*
 * stampede qos: measures two or more classes in one run, interleaved packet by
 * packet, with noise if wanted, and says what QoS does for the first one. Main
 * thread; the test has a handler of its own.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/result/qos_report.h"
#include "common/sys/console.h"
#include "service/commands.h"
#include "service/controller.h"
#include "service/flow_log.h"
#include "service/progress.h"
#include "service/qos_outcome.h"
#include "service/qos_spec.h"
#include "service/record_log.h"
#include "service/test_kinds.h"

#define KEY_CONSOLE 1

struct qos {
    const struct spd_settings *settings;
    struct spd_qos_spec spec;
    struct spd_log_header header;
    struct spd_log_end end;
    struct spd_controller *controller;
    struct spd_record_log *log;
    struct spd_progress progress;
    size_t test;
    struct spd_flows_record *record;
    bool interrupted;
};

static void on_progress(void *context, size_t test, uint32_t permille)
{
    struct qos *q = context;
    uint64_t all = q->spec.flows.flows[0].info.n_packets;
    bool calibrating = permille * all < UINT64_C(1000) * q->spec.n_calibration;
    char text[300];

    (void)test;
    snprintf(text, sizeof(text), "%s: %u %%%s%s", q->spec.title, permille / 10,
             calibrating ? ", calibrating" : "", q->interrupted ? ", stopping" : "");
    spd_progress_show(&q->progress, text);
}

static void on_finished(void *context, size_t test, void *object)
{
    struct qos *q = context;

    (void)test;
    q->record = spd_flows_record(object);
}

static void on_post(void *context, uintptr_t key, uint32_t event)
{
    struct qos *q = context;

    if (key != KEY_CONSOLE || event == SPD_CONSOLE_STATUS)
        return;
    q->interrupted = true;
    spd_controller_cancel(q->controller, q->test);
}

static enum spd_err run_test(struct qos *q, struct spd_diag *diag)
{
    struct spd_controller_events events = { q, on_progress, on_finished, on_post, NULL };
    struct spd_test_flows test = { &q->spec.flows, NULL };
    enum spd_err err = SPD_ERR_OK;

    spd_qos_log_header(&q->spec, q->settings->host, &q->header);
    err = spd_controller_create(&events, &q->controller, diag);
    if (!err)
        err = spd_console_watch(spd_controller_port(q->controller), KEY_CONSOLE, diag);
    if (!err && q->settings->log)
        err = spd_record_log_start(q->settings->log, &q->header, &q->log, diag);
    if (err)
        return err;
    if (q->log)
        test.records = spd_record_log_ring(q->log);
    err = spd_controller_start(q->controller, &spd_test_kind_flows, &test, &q->test, diag);
    if (err)
        return err;
    while (spd_controller_step(q->controller, SPD_NS_FOREVER) > 0)
        ;
    spd_progress_clear(&q->progress);
    if (!q->record)
        return spd_diag_set(diag, SPD_ERR_INTERNAL, 0, "the controller's port failed");
    return SPD_ERR_OK;
}

/* The log's end, also when the test failed: what is in it stays readable. */
static enum spd_err finish_log(struct qos *q, struct spd_diag *diag)
{
    struct spd_record_log *log = q->log;

    q->log = NULL;
    if (!q->record)
        return spd_record_log_finish(log, NULL, NULL, diag);
    spd_flow_log_end(q->record, &q->end);
    return spd_record_log_finish(log, &q->record->environment, &q->end, diag);
}

static enum spd_err write_all(struct qos *q, const struct spd_qos_result *result, FILE *plot,
                              struct spd_diag *diag)
{
    char sink[SPD_ADDR_TEXT_BYTES];
    struct spd_qos_frame frame;
    enum spd_err err, drawn = SPD_ERR_OK;

    spd_qos_frame_make(&q->spec, q->record, sink, &frame);
    frame.log = q->settings->log;
    err = q->settings->json ? spd_qos_json_write(stdout, "standard output", result, &frame, diag)
                            : spd_qos_report_write(stdout, "standard output", result, &frame, diag);
    if (plot)
        drawn = spd_qos_plot_write(plot, q->settings->plot, result, &frame, diag);
    return err ? err : drawn;
}

static int conclude(struct qos *q, FILE *plot)
{
    struct spd_qos_outcome *outcome = NULL;
    struct spd_diag diag = { 0 };
    enum spd_err err, logged = finish_log(q, &diag);
    int code = SPD_EXIT_OK;

    if (logged)
        code = spd_complain(&diag); /* the result is shown all the same */
    if (q->record->outcome.err)
        return spd_complain(&q->record->outcome);
    err = spd_qos_outcome_make(&q->spec, q->record, &q->header, &q->end, &outcome, &diag);
    if (!err)
        err = write_all(q, spd_qos_outcome_result(outcome), plot, &diag);
    spd_qos_outcome_destroy(outcome);
    return err ? spd_complain(&diag) : code;
}

int spd_command_qos(const struct spd_settings *settings)
{
    struct qos *q = calloc(1, sizeof(*q)); /* too large for a stack */
    struct spd_diag diag = { 0 };
    FILE *plot = NULL;
    int code;

    if (!q) {
        spd_diag_set(&diag, SPD_ERR_NOMEM, 0, "no memory for the test");
        return spd_complain(&diag);
    }
    q->settings = settings;
    if (spd_qos_spec_make(settings, &q->spec, &diag) ||
        spd_qos_plot_open(settings->plot, &plot, &diag)) {
        free(q);
        return spd_complain(&diag);
    }
    spd_progress_init(&q->progress, !settings->quiet);
    if (run_test(q, &diag)) {
        struct spd_diag ignored = { 0 };

        spd_progress_clear(&q->progress);
        code = spd_complain(&diag);
        (void)finish_log(q, &ignored);
    } else {
        code = conclude(q, plot);
    }
    spd_console_unwatch();
    spd_controller_destroy(q->controller);
    free(q);
    return spd_qos_plot_close(settings->plot, plot, code);
}
