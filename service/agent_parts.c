/*
 * The parts of the service from their configuration, and their change when it
 * is read again. What cannot be had is told and done without, but for the local
 * interface: without that nobody could ask what is wrong.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/sys/eventlog.h"
#include "common/sys/fs.h"
#include "common/sys/host.h"
#include "service/agent_private.h"

static void start_history(struct spd_agent *a)
{
    const struct spd_config *config = a->settings->config;
    struct spd_store_opened opened = { 0 };
    struct spd_diag diag = { 0 };

    if (spd_fs_make_folder(config->service.data_folder, &diag) ||
        spd_fs_make_folder(config->history.log_folder, &diag) ||
        spd_agent_store_start(config->history.file, spd_controller_port(a->controller),
                              SPD_AGENT_KEY_STORE, &a->store, &opened, &diag)) {
        a->counts.n_store_errors++;
        spd_eventlog_write(SPD_EVENT_STORE, "results are not kept: %s", diag.text);
        return;
    }
    if (opened.notice[0])
        spd_eventlog_write(opened.damaged ? SPD_EVENT_STORE : SPD_EVENT_NOTICE, "%s",
                           opened.notice);
}

static void start_reflector(struct spd_agent *a)
{
    const struct spd_config *config = a->settings->config;
    struct spd_diag diag = { 0 };

    if (!config->reflector.enabled)
        return;
    if (spd_agent_reflector_start(&config->reflector.settings, &a->reflector, &diag)) {
        spd_eventlog_write(SPD_EVENT_REFLECTOR, "nothing is reflected: %s", diag.text);
        return;
    }
    a->reflecting = a->settings;
    spd_agent_settings_hold(a->reflecting);
    spd_eventlog_write(SPD_EVENT_NOTICE, "reflecting on %s",
                       spd_agent_reflector_text(a->reflector));
}

static enum spd_err start_api(struct spd_agent *a, struct spd_diag *diag)
{
    const struct spd_config *config = a->settings->config;
    struct spd_api_server_config api = {
        .name = config->service.control,
        .admins = config->service.admins,
        .controller = spd_controller_port(a->controller),
        .key = SPD_AGENT_KEY_API,
    };

    return spd_api_server_start(&api, &a->api, diag);
}

static void name_last(struct spd_agent *a)
{
    const struct spd_config *config = a->settings->config;
    struct spd_agent_last *before = calloc(SPD_CONFIG_TESTS_MAX, sizeof(*before));

    if (before)
        memcpy(before, a->last, sizeof(a->last));
    memset(a->last, 0, sizeof(a->last));
    for (size_t i = 0; i < config->n_tests; i++) {
        for (size_t k = 0; before && k < SPD_CONFIG_TESTS_MAX; k++)
            if (strcmp(before[k].name, config->tests[i].name) == 0)
                a->last[i] = before[k];
        snprintf(a->last[i].name, sizeof(a->last[i].name), "%s", config->tests[i].name);
    }
    free(before);
}

enum spd_err spd_agent_parts_start(struct spd_agent *a, struct spd_diag *diag)
{
    enum spd_err err;

    name_last(a);
    start_history(a);
    start_reflector(a);
    err = start_api(a, diag);
    if (!err)
        spd_agent_metrics_start(a);
    return err;
}

/* The same on each start of this host, another on other hosts. */
uint64_t spd_agent_seed_of_host(void)
{
    uint64_t seed = 0xcbf29ce484222325u;
    char name[SPD_HOST_NAME_BYTES];

    for (const char *at = spd_host_name(name); *at; at++)
        seed = (seed ^ (unsigned char)*at) * 0x100000001b3u;
    return seed;
}

/* ---------------------------------------------------------------------- reload */

void spd_agent_report_problems(enum spd_event event, const struct spd_config_problems *problems)
{
    for (size_t i = 0; i < problems->n && i < SPD_CONFIG_PROBLEMS_MAX; i++)
        spd_eventlog_write(event, "%s", problems->problem[i].text);
}

/* What cannot change while it runs is told, not pretended. */
static void report_unchanged(const struct spd_config *before, const struct spd_config *after)
{
    const char *old = before->service.admins ? before->service.admins : "";
    const char *new = after->service.admins ? after->service.admins : "";

    if (strcmp(before->service.control, after->service.control) != 0 ||
        strcmp(before->history.file, after->history.file) != 0)
        spd_eventlog_write(SPD_EVENT_WARNING, "the control endpoint and the history's file change "
                                              "with the next start only");
    if (strcmp(old, new) != 0)
        spd_eventlog_write(SPD_EVENT_WARNING,
                           "the administrators stay those of before (%s) until "
                           "the next start: start the service again now",
                           old[0] ? old : "the default");
    if (!spd_config_same_section(before, after, "metrics"))
        spd_eventlog_write(SPD_EVENT_WARNING, "metrics are served as before until the next start");
}

/* A reflector that goes on keeps its sessions and loses nothing. */
static void change_reflector(struct spd_agent *a, const struct spd_config *before)
{
    if (a->reflector && spd_config_same_section(before, a->settings->config, "reflector"))
        return;
    spd_agent_reflector_stop(a->reflector);
    a->reflector = NULL;
    spd_agent_settings_release(a->reflecting);
    a->reflecting = NULL;
    spd_agent_metrics_forget_reflector(a);
    start_reflector(a);
}

enum spd_err spd_agent_reload(struct spd_agent *a, struct spd_diag *diag)
{
    struct spd_config_problems *problems = calloc(1, sizeof(*problems));
    struct spd_agent_settings *settings = NULL, *before = a->settings;
    enum spd_err err;

    if (!problems)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for the configuration");
    spd_svcmgr_reloading(a->manager);
    err =
        spd_agent_settings_load(a->config_path, before->config->file == NULL, &settings, problems);
    if (!err &&
        (err = spd_fs_make_folder(settings->config->history.log_folder, &problems->problem[0]))) {
        problems->n = 1;
        spd_agent_settings_release(settings);
    } else if (!err &&
               (err = spd_scheduler_reload(a->scheduler, settings->config, spd_agent_now()))) {
        spd_diag_set(&problems->problem[0], err, 0, "no memory for the schedule");
        problems->n = 1;
        spd_agent_settings_release(settings);
    }
    if (err) {
        a->counts.n_reloads_refused++;
        *diag = problems->problem[0];
        spd_eventlog_write(SPD_EVENT_RELOAD_REFUSED, "the configuration stays as it was:");
        spd_agent_report_problems(SPD_EVENT_RELOAD_REFUSED, problems);
    } else {
        a->counts.n_reloads++;
        report_unchanged(before->config, settings->config);
        a->settings = settings;
        name_last(a);
        change_reflector(a, before->config);
        spd_agent_settings_release(before);
        spd_eventlog_write(SPD_EVENT_RELOADED, "the configuration was read again: %zu tests",
                           settings->config->n_tests);
    }
    free(problems);
    spd_svcmgr_ready(a->manager);
    return err;
}
