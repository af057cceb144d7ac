/*
 * By the handler's thread, but for drop.
 */
#include "service/job_flows.h"

#include <stdio.h>

#include "service/flow_log.h"

static void on_event(void *context, enum spd_flows_event event, uint32_t number)
{
    if (event == SPD_FLOWS_PROGRESS)
        spd_job_tell(context, SPD_TEST_PROGRESS, number);
}

enum spd_err spd_job_flows_create(struct spd_job *job, const struct spd_flows_spec *spec,
                                  struct spd_job_log *log, void **inner, struct spd_diag *diag)
{
    struct spd_flows *flows = NULL;
    enum spd_err err = SPD_ERR_OK;

    if (job->spec.log)
        err = spd_record_log_start(job->spec.log, &log->header, &log->kept, diag);
    if (!err)
        err = spd_flows_create(spec, log->kept ? spd_record_log_ring(log->kept) : NULL, on_event,
                               job, &flows, diag);
    if (!err) {
        *inner = flows;
    } else if (log->kept) { /* nothing is in it, and nobody will know of it */
        spd_job_log_drop(log);
        (void)remove(job->spec.log);
    }
    return err;
}

void spd_job_flows_ended(struct spd_job *job, struct spd_job_log *log,
                         const struct spd_flows_record *record)
{
    struct spd_record_log *kept = log->kept;
    struct spd_diag diag = { 0 };

    job->result.interrupted = record->interrupted;
    job->result.logged = kept != NULL;
    spd_flow_log_end(record, &log->end);
    log->kept = NULL;
    if (spd_record_log_finish(kept, &record->environment, &log->end, &diag))
        spd_job_fail(job, &diag);
}

void spd_job_log_drop(struct spd_job_log *log)
{
    (void)spd_record_log_finish(log->kept, NULL, NULL, NULL);
    log->kept = NULL;
}

void spd_job_figures_way(const struct spd_stats *pdv, const struct spd_point *points,
                         size_t n_points, struct spd_job_way *out)
{
    out->known = pdv->n > 0;
    out->pdv_p50_ns = pdv->median_ns;
    out->pdv_p95_ns = pdv->p95_ns;
    out->pdv_p99_ns = pdv->p99_ns;
    for (size_t i = 0; i < n_points; i++)
        spd_job_way_add(out, points[i].latency_ns);
}

void spd_job_figures_mos(const struct spd_mos *mos, struct spd_job_figures *out)
{
    if (out->mos == 0 || mos->mos < out->mos)
        out->mos = mos->mos;
}
