/*
 * stampede burst: reads the settings, runs one test through the controller,
 * and writes what was found. Main thread.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/result/export_csv.h"
#include "common/result/export_json.h"
#include "common/result/report.h"
#include "common/sys/clock.h"
#include "common/sys/console.h"
#include "common/sys/netif.h"
#include "common/sys/pagemem.h"
#include "common/sys/udp.h"
#include "common/wire/stamp.h"
#include "service/burst_spec.h"
#include "service/burst_outcome.h"
#include "service/commands.h"
#include "service/controller.h"
#include "service/progress.h"
#include "service/test_kinds.h"

#define KEY_CONSOLE 1

struct burst {
    const struct spd_settings *settings;
    struct spd_controller *controller;
    struct spd_progress progress;
    size_t test;
    struct spd_test_record *record; /* once finished */
    bool interrupted;
};

static void on_progress(void *context, size_t test, uint32_t n_attempts)
{
    struct burst *b = context;
    char text[160];

    (void)test;
    snprintf(text, sizeof(text), "%s: %u of %llu bursts sent%s", b->settings->host, n_attempts,
             (unsigned long long)b->settings->n_bursts, b->interrupted ? ", stopping" : "");
    spd_progress_show(&b->progress, text);
}

static void on_finished(void *context, size_t test, void *object)
{
    struct burst *b = context;

    (void)test;
    b->record = spd_session_record(object);
}

static void on_post(void *context, uintptr_t key, uint32_t event)
{
    struct burst *b = context;

    if (key != KEY_CONSOLE || event == SPD_CONSOLE_STATUS)
        return;
    b->interrupted = true;
    spd_controller_cancel(b->controller, b->test);
}

static enum spd_err run_test(struct burst *b, const struct spd_burst_spec *spec,
                             const struct spd_plan *plan, struct spd_diag *diag)
{
    struct spd_controller_events events = { b, on_progress, on_finished, on_post, NULL };
    struct spd_cport_config port = {
        .single_owner = true,
        .max_queued_sends = spec->n_packets + 8,
    };
    struct spd_test_bursts bursts = { spec, plan, &port };
    char text[300];
    enum spd_err err;

    err = spd_controller_create(&events, &b->controller, diag);
    if (err)
        return err;
    err = spd_console_watch(spd_controller_port(b->controller), KEY_CONSOLE, diag);
    if (err)
        return err;
    snprintf(text, sizeof(text), "%s: looking for a reflector", spec->target_name);
    spd_progress_show(&b->progress, text);
    err = spd_controller_start(b->controller, &spd_test_kind_bursts, &bursts, &b->test, diag);
    if (err)
        return err;
    while (spd_controller_step(b->controller, SPD_NS_FOREVER) > 0)
        ;
    spd_progress_clear(&b->progress);
    if (!b->record)
        return spd_diag_set(diag, SPD_ERR_INTERNAL, 0, "the controller's port failed");
    return SPD_ERR_OK;
}

/* Opened before the test: to find out afterwards that a result has nowhere to
 * go would waste the test. */
static enum spd_err open_csv(const struct spd_settings *settings, FILE **out,
                             struct spd_diag *diag)
{
    *out = NULL;
    if (!settings->csv)
        return SPD_ERR_OK;
    if (strcmp(settings->csv, "-") == 0) {
        if (settings->json)
            return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                                "--csv - and --json both want standard output; give --csv a file");
        *out = stdout;
        return SPD_ERR_OK;
    }
    *out = fopen(settings->csv, "wb");
    if (!*out)
        return spd_diag_set(diag, SPD_ERR_IO, errno, "cannot write %s: %s; give --csv a file in a "
                                                     "folder that you may write to",
                            settings->csv, strerror(errno));
    return SPD_ERR_OK;
}

int spd_command_burst(const struct spd_settings *settings)
{
    struct burst b = { .settings = settings };
    struct spd_diag diag = { 0 };
    struct spd_burst_spec spec;
    struct spd_plan plan;
    FILE *csv = NULL;
    int code;

    if (spd_burst_spec_make(settings, &spec, &diag) ||
        spd_plan_make(&spec, spd_pagemem_available_bytes(), spd_udp_buffer_cost, &plan, &diag) ||
        open_csv(settings, &csv, &diag))
        return spd_complain(&diag);
    spd_progress_init(&b.progress, !settings->quiet);
    if (run_test(&b, &spec, &plan, &diag)) {
        spd_progress_clear(&b.progress);
        code = spd_complain(&diag);
    } else {
        code = spd_burst_outcome(settings, b.record, csv);
    }
    spd_console_unwatch();
    spd_controller_destroy(b.controller);
    if (csv && csv != stdout && fclose(csv) != 0 && code == SPD_EXIT_OK) {
        spd_diag_set(&diag, SPD_ERR_IO, errno, "cannot write %s: %s", settings->csv,
                     strerror(errno));
        code = spd_complain(&diag);
    }
    return code;
}
