/*
 * The families of metrics, one after another: all samples of a family stand
 * together, as both formats want it. Any thread that may allocate.
 */
#include "common/result/export_metrics.h"

#include "common/result/metrics_page.h"

static const char *const refusal_names[SPD_METRICS_REFUSAL_COUNT] = {
    [SPD_METRICS_MALFORMED] = "malformed",
    [SPD_METRICS_TRUNCATED] = "too_long",
    [SPD_METRICS_LOOP] = "loop",
    [SPD_METRICS_SHORT] = "reply_would_be_larger",
    [SPD_METRICS_NOT_ALLOWED] = "network_not_allowed",
    [SPD_METRICS_SOURCE_RATE] = "source_rate",
    [SPD_METRICS_WITHOUT_PLACE] = "too_many_new_sources",
    [SPD_METRICS_TOTAL_RATE] = "total_rate",
    [SPD_METRICS_SESSIONS] = "sessions",
    [SPD_METRICS_SOURCE_SESSIONS] = "source_sessions",
};

static void one(struct spd_metrics_page *p, enum spd_metrics_type type, const char *name,
                const char *help, uint64_t value)
{
    spd_metrics_family(p, type, name, NULL, help);
    spd_metrics_sample(p, NULL);
    spd_metrics_value(p, value);
}

static void bytes(struct spd_metrics_page *p, const char *name, const char *help, uint64_t value)
{
    if (value == 0)
        return;
    spd_metrics_family(p, SPD_METRICS_GAUGE, name, "bytes", help);
    spd_metrics_sample(p, NULL);
    spd_metrics_value(p, value);
}

static void seconds(struct spd_metrics_page *p, const char *name, const char *help, spd_ns value)
{
    spd_metrics_family(p, SPD_METRICS_GAUGE, name, "seconds", help);
    spd_metrics_sample(p, NULL);
    spd_metrics_value_ns(p, value);
}

/* One sample of a counter that is told apart by a label. */
static void labelled(struct spd_metrics_page *p, const char *label, const char *label_value,
                     uint64_t value)
{
    spd_metrics_sample(p, NULL);
    spd_metrics_label(p, label, label_value);
    spd_metrics_value(p, value);
}

static void put_service(struct spd_metrics_page *p, const struct spd_metrics_snapshot *s)
{
    const struct spd_metrics_service *v = &s->service;

    spd_metrics_family(p, SPD_METRICS_INFO, "stampede_build", NULL, "The program that runs.");
    spd_metrics_sample(p, NULL);
    spd_metrics_label(p, "version", v->version ? v->version : "");
    if (v->system)
        spd_metrics_label(p, "system", v->system);
    spd_metrics_value(p, 1);
    one(p, SPD_METRICS_GAUGE, "stampede_healthy",
        "1 if the service is well; /healthz says why not.", s->n_reasons == 0);
    seconds(p, "stampede_start_time_seconds", "Time of day at which the service started.",
            v->started_ns);
    seconds(p, "stampede_uptime_seconds", "How long the service has been running.", v->uptime_ns);
    bytes(p, "stampede_resident_memory_bytes", "Memory of the service that is resident.",
          v->resident_bytes);
    if (v->n_descriptors > 0)
        one(p, SPD_METRICS_GAUGE, "stampede_open_descriptors",
            "Files, sockets and the like that the service has open.", v->n_descriptors);
    one(p, SPD_METRICS_GAUGE, "stampede_tests_running", "Tests that run now.", v->n_running);
    one(p, SPD_METRICS_GAUGE, "stampede_tests_queued", "Tests that wait to run.", v->n_queued);
    one(p, SPD_METRICS_COUNTER, "stampede_tests_started", "Tests started, of all kinds.",
        v->n_started);
    spd_metrics_family(p, SPD_METRICS_COUNTER, "stampede_tests_ended", NULL,
                       "Tests that are over, by how they ended.");
    labelled(p, "outcome", "finished", v->n_finished);
    labelled(p, "outcome", "failed", v->n_failed);
    labelled(p, "outcome", "cancelled", v->n_cancelled);
    one(p, SPD_METRICS_COUNTER, "stampede_tests_refused",
        "Requests for tests that rules or limits did not admit.", v->n_refused);
    one(p, SPD_METRICS_COUNTER, "stampede_schedule_missed_runs",
        "Planned runs that were not started: asleep, busy or late.", v->n_missed);
    one(p, SPD_METRICS_COUNTER, "stampede_history_errors",
        "Times that the history could not be written.", v->n_store_errors);
    spd_metrics_family(p, SPD_METRICS_COUNTER, "stampede_config_reloads", NULL,
                       "Configurations read again, by what became of them.");
    labelled(p, "outcome", "in_force", v->n_reloads);
    labelled(p, "outcome", "refused", v->n_reloads_refused);
}

static void put_reflector(struct spd_metrics_page *p, const struct spd_metrics_reflector *r)
{
    one(p, SPD_METRICS_GAUGE, "stampede_reflector_enabled", "1 if the service reflects.",
        r->enabled);
    if (!r->enabled || !r->known)
        return;
    one(p, SPD_METRICS_COUNTER, "stampede_reflector_received_packets", "Packets received.",
        r->n_received);
    one(p, SPD_METRICS_COUNTER, "stampede_reflector_reflected_packets", "Packets sent back.",
        r->n_reflected);
    spd_metrics_family(p, SPD_METRICS_COUNTER, "stampede_reflector_refused_packets", NULL,
                       "Packets received and not answered, by reason.");
    for (size_t i = 0; i < SPD_METRICS_REFUSAL_COUNT; i++)
        labelled(p, "reason", refusal_names[i], r->n_refused[i]);
    spd_metrics_family(p, SPD_METRICS_COUNTER, "stampede_reflector_errors", NULL,
                       "What the system could not do, by what it was.");
    labelled(p, "operation", "send", r->n_send_failed);
    labelled(p, "operation", "receive", r->n_receive_failed);
    one(p, SPD_METRICS_COUNTER, "stampede_reflector_dropped_packets",
        "Packets dropped by the system because receive buffers were full.", r->n_dropped_by_system);
    one(p, SPD_METRICS_GAUGE, "stampede_reflector_sessions", "Sessions now, when stateful.",
        r->n_sessions);
    one(p, SPD_METRICS_COUNTER, "stampede_reflector_expired_sessions",
        "Sessions that ended because nothing came.", r->n_sessions_expired);
    one(p, SPD_METRICS_GAUGE, "stampede_reflector_sources",
        "Sources heard in the last second, where rates are limited.", r->n_sources);
}

char *spd_export_metrics(const struct spd_metrics_snapshot *snapshot,
                         enum spd_metrics_format format, size_t *n_bytes)
{
    struct spd_metrics_page page = { .format = format };

    put_service(&page, snapshot);
    put_reflector(&page, &snapshot->reflector);
    spd_metrics_put_tests(&page, snapshot);
    return spd_metrics_finish(&page, n_bytes);
}
