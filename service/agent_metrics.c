/*
 * What those who watch see: a snapshot of the controller's own knowledge,
 * and of the reflector's counters as of at most a second ago.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/sys/clock.h"
#include "common/sys/eventlog.h"
#include "common/sys/self.h"
#include "service/agent_private.h"
#include "service/metrics_http.h"

#define WATCH_NS SPD_NS_PER_S

struct spd_agent_metrics {
    struct spd_metrics_http *http;
    struct spd_reflector_ask ask;
    bool asking;
    bool stale; /* what was asked is of a reflector that is gone */
    bool known; /* counters of the reflector that runs now */
    struct spd_reflector_counters counters;
};

void spd_agent_metrics_start(struct spd_agent *a)
{
    const struct spd_config *config = a->settings->config;
    struct spd_agent_metrics *m = calloc(1, sizeof(*m));
    struct spd_metrics_http_config http = { .listen = &config->metrics.listen,
                                            .port = spd_controller_port(a->controller),
                                            .key = SPD_AGENT_KEY_METRICS };
    struct spd_diag diag = { 0 };

    if (!m) {
        spd_eventlog_write(SPD_EVENT_ERROR, "no memory for the metrics");
        return;
    }
    spd_op_init(&m->ask.op);
    a->metrics = m;
    if (!config->metrics.enabled)
        return;
    if (spd_metrics_http_start(&http, &m->http, &diag))
        spd_eventlog_write(SPD_EVENT_ERROR, "metrics are not served: %s", diag.text);
    else
        spd_eventlog_write(SPD_EVENT_NOTICE, "metrics on http://%s/metrics",
                           spd_metrics_http_text(m->http));
}

void spd_agent_metrics_stop(struct spd_agent *a)
{
    if (!a->metrics)
        return;
    spd_metrics_http_stop(a->metrics->http);
    a->metrics->http = NULL;
}

void spd_agent_metrics_free(struct spd_agent *a)
{
    free(a->metrics);
    a->metrics = NULL;
}

void spd_agent_metrics_watch(struct spd_agent *a, spd_ns now_ns)
{
    struct spd_agent_metrics *m = a->metrics;

    if (!m || !m->http || !a->reflector || m->asking || now_ns < a->watch_ns)
        return;
    a->watch_ns = now_ns + WATCH_NS;
    m->ask.back = spd_controller_port(a->controller);
    m->ask.key = SPD_AGENT_KEY_REFLECTOR;
    m->asking = spd_agent_reflector_ask(a->reflector, &m->ask);
}

void spd_agent_metrics_on_reflector(struct spd_agent *a)
{
    struct spd_agent_metrics *m = a->metrics;

    m->asking = false;
    m->known = !m->stale;
    m->stale = false;
    m->counters = m->ask.counters;
}

void spd_agent_metrics_forget_reflector(struct spd_agent *a)
{
    struct spd_agent_metrics *m = a->metrics;

    if (!m)
        return;
    m->known = false;
    m->asking = m->stale = m->ask.op.in_flight; /* else the reflector dropped it at its end */
}

static void fill_service(const struct spd_agent *a, struct spd_metrics_service *out)
{
    const struct spd_agent_counts *c = &a->counts;

    struct spd_self self;

    spd_self_read(&self);
    *out = (struct spd_metrics_service){
        .version = SPD_VERSION,
        .resident_bytes = self.resident_bytes,
        .n_descriptors = self.n_descriptors,
        .started_ns = a->started_ns,
        .uptime_ns = spd_agent_steady_ns() - a->started_steady_ns,
        .n_running = spd_agent_tests_count(a, SPD_AGENT_RUNNING) +
                     spd_agent_tests_count(a, SPD_AGENT_ENDING),
        .n_queued = spd_agent_tests_count(a, SPD_AGENT_BEGINNING),
        .n_started = c->n_started,
        .n_finished = c->n_finished,
        .n_failed = c->n_failed,
        .n_cancelled = c->n_cancelled,
        .n_refused = c->n_refused,
        .n_missed = c->n_missed,
        .n_store_errors = c->n_store_errors,
        .n_reloads = c->n_reloads,
        .n_reloads_refused = c->n_reloads_refused,
    };
}

static bool is_running(const struct spd_agent *a, const char *name)
{
    for (size_t i = 0; i < SPD_CONTROLLER_TESTS_MAX; i++)
        if ((a->tests[i].state == SPD_AGENT_RUNNING || a->tests[i].state == SPD_AGENT_ENDING) &&
            a->tests[i].scheduled && strcmp(a->tests[i].scheduled->name, name) == 0)
            return true;
    return false;
}

static void fill_way(const struct spd_job_way *way, struct spd_metrics_way *out)
{
    *out = (struct spd_metrics_way){ .known = way->known,
                                     .pdv_p50_ns = way->pdv_p50_ns,
                                     .pdv_p95_ns = way->pdv_p95_ns,
                                     .pdv_p99_ns = way->pdv_p99_ns,
                                     .n = way->n,
                                     .sum_ns = way->sum_ns };
    memcpy(out->buckets, way->buckets, sizeof(way->buckets));
}

static void fill_test(const struct spd_agent *a, size_t i, struct spd_metrics_test *out)
{
    const struct spd_config_test *test = &a->settings->config->tests[i];
    const struct spd_agent_last *last = &a->last[i];
    const struct spd_job_figures *f = &last->figures;

    snprintf(out->name, sizeof(out->name), "%s", test->name);
    snprintf(out->kind, sizeof(out->kind), "%s", spd_test_command_name(test->command));
    snprintf(out->target, sizeof(out->target), "%s", test->settings.host);
    out->running = is_running(a, test->name);
    out->n_runs = last->n_runs;
    out->n_failed = last->n_failed;
    out->n_missed = last->n_missed;
    if (!last->known)
        return;
    out->outcome = last->cancelled       ? SPD_METRICS_CANCELLED
                   : last->figures.known ? SPD_METRICS_FINISHED
                                         : SPD_METRICS_FAILED;
    out->ended_ns = last->ended_ns;
    out->exit_code = last->exit_code;
    out->threshold_missed = last->threshold_missed;
    out->measured = f->known;
    out->n_sent = f->n_sent;
    out->n_lost = f->n_lost;
    out->loss_ratio = f->loss_ratio;
    out->rtt_p50_ns = f->rtt_p50_ns;
    out->rtt_p99_ns = f->rtt_p99_ns;
    out->mos = f->mos;
    fill_way(&f->ways[0], &out->ways[0]);
    fill_way(&f->ways[1], &out->ways[1]);
}

static void fill_health(const struct spd_agent *a, struct spd_metrics_snapshot *out)
{
    if (!a->store)
        spd_metrics_snapshot_add_reason(out, "results are not kept: the history cannot be opened");
    else if (a->store_failing)
        spd_metrics_snapshot_add_reason(out, "the last result could not be kept");
    if (a->settings->config->reflector.enabled && !a->reflector)
        spd_metrics_snapshot_add_reason(out, "nothing is reflected: the reflector cannot start");
    else if (a->reflector && spd_agent_reflector_has_ended(a->reflector))
        spd_metrics_snapshot_add_reason(out, "nothing is reflected: the reflector failed");
    if (a->stopping)
        spd_metrics_snapshot_add_reason(out, "the service is stopping");
}

void spd_agent_metrics_answer(struct spd_agent *a, struct spd_metrics_ask *ask)
{
    struct spd_metrics_snapshot *s = &ask->snapshot;
    const struct spd_config *config = a->settings->config;
    enum spd_err err = spd_metrics_snapshot_reserve(s, config->n_tests);

    if (!err) {
        s->now_ns = spd_clock_wall().ns;
        s->bound_ns = spd_job_bucket_ns;
        s->n_bounds = SPD_JOB_BUCKETS;
        fill_service(a, &s->service);
        s->reflector.enabled = config->reflector.enabled;
        if (a->reflector && a->metrics->known)
            spd_metrics_from_reflector(&a->metrics->counters, &s->reflector);
        for (size_t i = 0; i < config->n_tests; i++)
            fill_test(a, i, &s->tests[i]);
        fill_health(a, s);
    }
    spd_metrics_answer(ask, err);
}
