/*
 * The controller's thread of the service. It decides; others measure, keep,
 * reflect and talk. It never waits for any of them.
 */
#include "service/agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/sys/clock.h"
#include "common/sys/eventlog.h"
#include "common/sys/host.h"
#include "common/sys/zone.h"
#include "service/agent_private.h"
#include "service/api_protocol.h"
#include "service/commands.h"
#include "service/metrics_http.h"

#define STEP_MAX_NS SPD_NS_PER_S
#define RETAIN_NS   (60 * SPD_NS_PER_S)
#define STOP_NS     (30 * SPD_NS_PER_S)

spd_ns spd_agent_steady_ns(void)
{
    return (spd_ns)spd_ticks_to_ns(spd_clock_now().ticks, spd_clock_frequency_hz());
}

struct spd_moment spd_agent_now(void)
{
    return (struct spd_moment){ spd_clock_wall(), spd_agent_steady_ns() };
}

/* ---------------------------------------------------------------------- events */

static void begin_stop(struct spd_agent *a)
{
    if (a->stopping)
        return;
    a->stopping = true;
    spd_svcmgr_stopping(a->manager, STOP_NS);
    spd_agent_tests_cancel_all(a);
}

static void on_manager(struct spd_agent *a, uint32_t event)
{
    struct spd_diag ignored = { 0 };

    switch ((enum spd_svcmgr_event)event) {
    case SPD_SVCMGR_STOP:
        begin_stop(a);
        break;
    case SPD_SVCMGR_RELOAD:
        if (!a->stopping)
            (void)spd_agent_reload(a, &ignored); /* the log has it */
        break;
    case SPD_SVCMGR_STATUS:
        spd_eventlog_write(
            SPD_EVENT_STATUS,
            "%zu tests run; since the start %llu finished, %llu failed, %llu "
            "missed, %llu refused",
            spd_agent_tests_count(a, SPD_AGENT_RUNNING), (unsigned long long)a->counts.n_finished,
            (unsigned long long)a->counts.n_failed, (unsigned long long)a->counts.n_missed,
            (unsigned long long)a->counts.n_refused);
        break;
    case SPD_SVCMGR_RESUME:
        break; /* the next step sees the clock */
    }
}

static void on_request(struct spd_agent *a, struct spd_api_message *m)
{
    struct spd_diag diag = { 0 };

    switch (m->verb) {
    case SPD_API_RUN:
        spd_agent_tests_run(a, m); /* takes it */
        return;
    case SPD_API_CANCEL:
        spd_agent_tests_cancel(a, m);
        break;
    case SPD_API_TESTS:
        spd_agent_tests_list(a, m);
        break;
    case SPD_API_STATUS:
        spd_agent_status(a, m);
        break;
    case SPD_API_RELOAD:
        if (!m->peer->is_admin)
            spd_diag_set(&diag, SPD_ERR_PERM, 0, "only administrators reload the configuration");
        else if (a->stopping)
            spd_diag_set(&diag, SPD_ERR_CLOSED, 0, "the service is stopping");
        else
            (void)spd_agent_reload(a, &diag);
        if (diag.err)
            spd_agent_refuse(a, m, &diag);
        else
            spd_agent_answer(a, m, spd_api_answer(m->id, "reloaded", ""));
        break;
    case SPD_API_GONE:
        spd_agent_tests_gone(a, m->connection);
        break;
    }
    spd_api_message_free(m);
}

static void on_post(void *context, uintptr_t key, uint32_t event)
{
    if (key == SPD_AGENT_KEY_MANAGER)
        on_manager(context, event);
}

static void on_mail(void *context, uintptr_t key, struct spd_op *op)
{
    struct spd_agent *a = context;

    if (key == SPD_AGENT_KEY_API && !a->api) /* its peer is gone, too */
        spd_api_message_free(SPD_CONTAINER_OF(op, struct spd_api_message, op));
    else if (key == SPD_AGENT_KEY_API)
        on_request(a, SPD_CONTAINER_OF(op, struct spd_api_message, op));
    else if (key == SPD_AGENT_KEY_STORE)
        spd_agent_tests_on_store(a, SPD_CONTAINER_OF(op, struct spd_store_job, op));
    else if (key == SPD_AGENT_KEY_REFLECTOR)
        spd_agent_metrics_on_reflector(a);
    else if (key == SPD_AGENT_KEY_METRICS)
        spd_agent_metrics_answer(a, SPD_CONTAINER_OF(op, struct spd_metrics_ask, op));
}

static void on_progress(void *context, size_t place, uint32_t permille)
{
    spd_agent_tests_on_progress(context, place, permille);
}

static void on_finished(void *context, size_t place, void *job)
{
    spd_agent_tests_on_finished(context, place, job);
}

/* ------------------------------------------------------------------------ loop */

static void retain(struct spd_agent *a, spd_ns now_ns)
{
    const struct spd_config *config = a->settings->config;
    struct spd_store_job *job;

    if (!a->store || now_ns < a->retain_ns)
        return;
    a->retain_ns = now_ns + RETAIN_NS;
    job = spd_store_job_create(SPD_STORE_RETAIN);
    if (!job)
        return;
    job->test = SPD_CONTROLLER_TESTS_MAX;
    job->limits =
        (struct spd_store_limits){ config->history.max_age_ns, config->history.max_bytes };
    if (!spd_agent_store_send(a->store, job))
        spd_store_job_free(job);
}

static void tell_alive(struct spd_agent *a, spd_ns now_ns)
{
    spd_ns every_ns = spd_svcmgr_alive_interval_ns(a->manager);

    if (every_ns == 0 || now_ns < a->alive_ns)
        return;
    spd_svcmgr_alive(a->manager);
    a->alive_ns = now_ns + every_ns;
}

static spd_ns shorter(spd_ns a, spd_ns b)
{
    return a < b ? a : b;
}

/* A test's end gives its place free within the step, so scheduling comes after
 * it. */
static void serve(struct spd_agent *a)
{
    while (!a->stopping || spd_agent_tests_any(a)) {
        spd_ns wait_ns = STEP_MAX_NS;
        spd_ns now_ns;

        if (!a->stopping)
            wait_ns = shorter(wait_ns, spd_scheduler_wait_ns(a->scheduler, spd_agent_now()));
        (void)spd_controller_step(a->controller, wait_ns);
        now_ns = spd_agent_steady_ns();
        if (!a->stopping)
            spd_agent_schedule_step(a);
        retain(a, now_ns);
        spd_agent_metrics_watch(a, now_ns);
        tell_alive(a, now_ns);
    }
}

static enum spd_err start(struct spd_agent *a, struct spd_diag *diag)
{
    struct spd_controller_events events = { a, on_progress, on_finished, on_post, on_mail };
    enum spd_err err = spd_controller_create(&events, &a->controller, diag);

    if (!err)
        err = spd_svcmgr_watch(a->manager, spd_controller_port(a->controller),
                               SPD_AGENT_KEY_MANAGER, diag);
    if (!err) {
        err = spd_scheduler_create(a->settings->config, spd_agent_seed_of_host(),
                                   spd_zone_offset_ns, spd_agent_now(), &a->scheduler);
        if (err)
            spd_diag_set(diag, err, 0, "no memory for the schedule");
    }
    if (err)
        return err;
    return spd_agent_parts_start(a, diag);
}

/* Everything that waits at the controller's port. */
static void drain(struct spd_agent *a)
{
    if (a->controller)
        while (spd_controller_drain(a->controller))
            ;
}

/* No test runs any more. What is on its way to the controller is still taken:
 * first what the history acknowledged, so that who waits for it hears of it,
 * then requests, which nobody waits for any more. */
static void stop(struct spd_agent *a)
{
    struct spd_api_server *api = a->api;

    a->stopping = true;
    spd_svcmgr_unwatch(a->manager);
    spd_agent_metrics_stop(a);
    spd_agent_reflector_stop(a->reflector);
    a->reflector = NULL;
    spd_agent_store_stop(a->store);
    a->store = NULL;
    drain(a);
    a->api = NULL;
    spd_api_server_stop(api);
    drain(a);
    spd_controller_destroy(a->controller);
    spd_agent_metrics_free(a);
    spd_scheduler_destroy(a->scheduler);
    spd_agent_settings_release(a->reflecting);
    spd_agent_settings_release(a->settings);
}

int spd_agent_run(const struct spd_agent_config *config)
{
    struct spd_config_problems *problems = calloc(1, sizeof(*problems));
    struct spd_agent *a = calloc(1, sizeof(*a));
    struct spd_diag diag = { 0 };
    int code = SPD_EXIT_ENVIRONMENT;

    if (!a || !problems) {
        spd_eventlog_write(SPD_EVENT_START_FAILED, "no memory for the service");
    } else if (spd_agent_settings_load(config->config_path, true, &a->settings, problems)) {
        spd_agent_report_problems(SPD_EVENT_START_FAILED, problems);
        code = (int)spd_exit_code(SPD_ERR_INVALID);
    } else {
        a->config_path = config->config_path;
        a->manager = config->manager;
        a->started_ns = spd_clock_wall().ns;
        a->started_steady_ns = spd_agent_steady_ns();
        if (start(a, &diag)) {
            spd_eventlog_write(SPD_EVENT_START_FAILED, "%s", diag.text);
        } else {
            spd_eventlog_write(SPD_EVENT_STARTED,
                               "stampede " SPD_VERSION " serves; %zu tests "
                               "scheduled",
                               a->settings->config->n_tests);
            spd_svcmgr_ready(a->manager);
            serve(a);
            spd_eventlog_write(SPD_EVENT_STOPPED, "stopped");
            code = SPD_EXIT_OK;
        }
        stop(a);
    }
    free(problems);
    free(a);
    return code;
}
