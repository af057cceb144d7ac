/*
 * A two-way stream as a job.
 */
#include <stdlib.h>

#include "common/result/export_flow.h"
#include "common/result/report_flow.h"
#include "service/flow_log.h"
#include "service/flow_outcome.h"
#include "service/flow_spec.h"
#include "service/job_flows.h"
#include "service/job_private.h"

struct work {
    struct spd_flows_spec spec;
    struct spd_flow_wishes wishes;
    struct spd_job_log log;
    struct spd_flow_result flow; /* large */
};

static enum spd_err prepare(struct spd_job *job, void **inner, struct spd_diag *diag)
{
    const struct spd_settings *settings = job->spec.settings;
    struct work *w = calloc(1, sizeof(*w));
    enum spd_err err;

    job->work = w;
    if (!w)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for the test");
    err = spd_flow_wishes_read(settings, &w->wishes, diag);
    if (!err)
        err = spd_stream_spec_make(settings, &w->spec, diag);
    if (err)
        return err;
    w->wishes.keep_points = true;
    spd_flow_log_header(&w->spec, settings->host, SPD_LOG_TWO_WAY, &w->log.header);
    return spd_job_flows_create(job, &w->spec, &w->log, inner, diag);
}

static void take_figures(const struct spd_flow_result *flow, const struct spd_flows_record *record,
                         struct spd_job_figures *out)
{
    const struct spd_flow_view *view = &flow->flows[0];

    out->known = true;
    out->n_sent = record->counts[0].n_sent;
    out->n_lost = view->loss.n_lost;
    out->loss_ratio = out->n_sent ? (double)out->n_lost / (double)out->n_sent : 0;
    out->rate_bps = (uint64_t)view->rate_bps;
    out->rtt_p50_ns = view->ways[0].known ? view->ways[0].summary.rtt.median_ns : SPD_NS_UNKNOWN;
    out->rtt_p99_ns = view->ways[0].known ? view->ways[0].summary.rtt.p99_ns : SPD_NS_UNKNOWN;
    for (size_t d = 0; d < 2; d++) {
        const struct spd_flow_way *way = &view->ways[d];

        if (!way->known)
            continue;
        spd_job_figures_way(&way->summary.pdv, way->points, way->n_points, &out->ways[d]);
        spd_job_figures_mos(&way->summary.mos, out);
    }
}

static enum spd_err explain(struct spd_job *job, struct spd_flows_record *record, FILE *text,
                            FILE *json, struct spd_diag *diag)
{
    struct work *w = job->work;
    struct spd_log_facts facts = { .ended = true, .has_environment = true, .end = w->log.end };
    struct spd_flow_input input = { .header = &w->log.header,
                                    .facts = &facts,
                                    .log_name = job->spec.log ? job->spec.log : "" };
    struct spd_result result = { .host = &w->log.header.host,
                                 .version = SPD_VERSION,
                                 .flow = &w->flow };
    enum spd_err err;

    facts.environment = record->environment;
    input.packets[0] = record->packets[0];
    input.n_packets[0] = facts.n_records = record->n_packets[0];
    err = spd_flow_result_make(&input, &w->wishes, &w->flow, diag);
    if (!err)
        err = spd_export_flow_json(json, SPD_JOB_STREAM_NAME, &result, job->spec.settings->records,
                                   diag);
    if (!err)
        err = spd_report_flow_write(text, SPD_JOB_STREAM_NAME, &result, diag);
    if (!err)
        take_figures(&w->flow, record, &job->result.figures);
    return err;
}

static void conclude(struct spd_job *job, void *inner, FILE *text, FILE *json)
{
    struct spd_flows_record *record = spd_flows_record(inner);
    struct work *w = job->work;
    struct spd_diag diag = { 0 };

    spd_job_flows_ended(job, &w->log, record);
    if (record->outcome.err)
        spd_job_fail(job, &record->outcome);
    if (spd_flow_silence(record, job->spec.settings->host, &diag) ||
        (record->n_packets[0] > 0 && explain(job, record, text, json, &diag)))
        spd_job_fail(job, &diag);
}

static void release(void *work)
{
    struct work *w = work;

    if (!w)
        return;
    spd_job_log_drop(&w->log);
    spd_flow_result_fini(&w->flow);
    free(w);
}

const struct spd_job_command spd_job_stream = { SPD_COMMAND_STREAM, &spd_test_kind_flows, prepare,
                                                conclude, release };
