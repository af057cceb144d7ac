/*
 * A comparison of classes as a job. Its figures are those of the first class.
 */
#include <stdlib.h>

#include "common/result/qos_report.h"
#include "service/job_flows.h"
#include "service/job_private.h"
#include "service/qos_outcome.h"
#include "service/qos_spec.h"

struct work {
    struct spd_qos_spec spec;
    struct spd_job_log log;
    struct spd_qos_outcome *outcome;
};

static enum spd_err prepare(struct spd_job *job, void **inner, struct spd_diag *diag)
{
    struct work *w = calloc(1, sizeof(*w));
    enum spd_err err;

    job->work = w;
    if (!w)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for the test");
    err = spd_qos_spec_make(job->spec.settings, &w->spec, diag);
    if (err)
        return err;
    spd_qos_log_header(&w->spec, job->spec.settings->host, &w->log.header);
    return spd_job_flows_create(job, &w->spec.flows, &w->log, inner, diag);
}

static void take_figures(const struct spd_qos_result *result, const struct spd_flows_record *record,
                         struct spd_job_figures *out)
{
    const struct spd_qos_class *c = &result->classes[0];

    out->known = true;
    out->rtt_p50_ns = out->rtt_p99_ns = SPD_NS_UNKNOWN;
    out->rate_bps = record->info[0].rate_bps;
    for (size_t d = 0; d < 2; d++) {
        const struct spd_qos_way *way = &c->ways[d];

        if (!way->known)
            continue;
        out->n_sent = way->n_sent > out->n_sent ? way->n_sent : out->n_sent;
        out->n_lost += way->n_lost;
        spd_job_figures_way(&way->pdv, way->compared.points, way->compared.n, &out->ways[d]);
        spd_job_figures_mos(&way->mos, out);
    }
    if (!c->loss_directions_known) /* each direction counts them all */
        out->n_lost = c->ways[0].known ? c->ways[0].n_lost : c->ways[1].n_lost;
    out->loss_ratio = out->n_sent ? (double)out->n_lost / (double)out->n_sent : 0;
}

static enum spd_err explain(struct spd_job *job, struct spd_flows_record *record, FILE *text,
                            FILE *json, struct spd_diag *diag)
{
    struct work *w = job->work;
    const struct spd_qos_result *result;
    char sink[SPD_ADDR_TEXT_BYTES];
    struct spd_qos_frame frame;
    enum spd_err err =
        spd_qos_outcome_make(&w->spec, record, &w->log.header, &w->log.end, &w->outcome, diag);

    if (err)
        return err;
    result = spd_qos_outcome_result(w->outcome);
    spd_qos_frame_make(&w->spec, record, sink, &frame);
    frame.log = job->spec.log;
    err = spd_qos_json_write(json, SPD_JOB_STREAM_NAME, result, &frame, diag);
    if (!err)
        err = spd_qos_report_write(text, SPD_JOB_STREAM_NAME, result, &frame, diag);
    if (!err)
        take_figures(result, record, &job->result.figures);
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
    else if (explain(job, record, text, json, &diag))
        spd_job_fail(job, &diag);
}

static void release(void *work)
{
    struct work *w = work;

    if (!w)
        return;
    spd_job_log_drop(&w->log);
    spd_qos_outcome_destroy(w->outcome);
    free(w);
}

const struct spd_job_command spd_job_qos = { SPD_COMMAND_QOS, &spd_test_kind_flows, prepare,
                                             conclude, release };
