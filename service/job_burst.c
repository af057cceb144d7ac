/*
 * A test by bursts as a job.
 */
#include <stdlib.h>

#include "common/engine/session.h"
#include "common/result/export_json.h"
#include "common/result/report.h"
#include "common/sys/host.h"
#include "common/sys/pagemem.h"
#include "common/sys/udp.h"
#include "service/burst_outcome.h"
#include "service/burst_spec.h"
#include "service/commands.h"
#include "service/job_private.h"
#include "service/test_kinds.h"

struct work {
    struct spd_burst_spec spec;
    struct spd_plan plan;
};

static void on_event(void *context, enum spd_session_event event, uint32_t number)
{
    static const enum spd_test_event events[] = {
        [SPD_SESSION_TURN_WANTED] = SPD_TEST_TURN_WANTED,
        [SPD_SESSION_TURN_OVER] = SPD_TEST_TURN_OVER,
        [SPD_SESSION_PROGRESS] = SPD_TEST_PROGRESS,
        [SPD_SESSION_FINISHED] = SPD_TEST_FINISHED,
    };
    struct spd_job *job = context;
    uint64_t n_bursts = ((struct work *)job->work)->spec.n_bursts;

    if (event == SPD_SESSION_PROGRESS) {
        uint64_t permille = n_bursts ? number * UINT64_C(1000) / n_bursts : 0;

        number = permille > 1000 ? 1000 : (uint32_t)permille; /* repetitions count too */
    }
    spd_job_tell(job, events[event], number);
}

static enum spd_err prepare(struct spd_job *job, void **inner, struct spd_diag *diag)
{
    struct work *w = calloc(1, sizeof(*w));
    struct spd_session *session = NULL;
    enum spd_err err;

    job->work = w;
    if (!w)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for the test");
    err = spd_burst_spec_make(job->spec.settings, &w->spec, diag);
    if (!err)
        err = spd_plan_make(&w->spec, spd_pagemem_available_bytes(), spd_udp_buffer_cost, &w->plan,
                            diag);
    if (!err) {
        struct spd_cport_config port = { .single_owner = true,
                                         .max_queued_sends = w->spec.n_packets + 8 };

        err = spd_session_create(&w->spec, &w->plan, &port, on_event, job, &session, diag);
    }
    if (!err)
        *inner = session;
    return err;
}

static void take_way(const struct spd_direction *direction, struct spd_job_way *out)
{
    out->known = direction->pdv.n > 0;
    out->pdv_p50_ns = direction->pdv.median_ns;
    out->pdv_p95_ns = direction->pdv.p95_ns;
    out->pdv_p99_ns = direction->pdv.p99_ns;
}

static void take_figures(const struct spd_summary *s, struct spd_job_figures *out)
{
    out->known = true;
    out->n_sent = s->loss.n_sent;
    out->n_lost = s->loss.n_lost;
    out->loss_ratio = s->loss.n_sent ? (double)s->loss.n_lost / (double)s->loss.n_sent : 0;
    out->rtt_p50_ns = s->rtt.n ? s->rtt.median_ns : SPD_NS_UNKNOWN;
    out->rtt_p99_ns = s->rtt.n ? s->rtt.p99_ns : SPD_NS_UNKNOWN;
    take_way(&s->fwd, &out->ways[0]);
    take_way(&s->rev, &out->ways[1]);
    for (size_t i = 0; i < s->n_packets; i++)
        if (!s->packets[i].superseded) {
            spd_job_way_add(&out->ways[0], s->packets[i].pdv_fwd_ns);
            spd_job_way_add(&out->ways[1], s->packets[i].pdv_rev_ns);
        }
}

static void conclude(struct spd_job *job, void *inner, FILE *text, FILE *json)
{
    struct spd_test_record *record = spd_session_record(inner);
    struct spd_summary summary = { 0 };
    struct spd_host host;
    struct spd_result result = {
        .record = record, .summary = &summary, .host = &host, .version = SPD_VERSION
    };
    struct spd_diag diag = { 0 };
    enum spd_err err = spd_burst_analyse(record, &summary, &diag);

    job->result.interrupted = record->interrupted;
    spd_host_read(&host);
    if (!err)
        err =
            spd_export_json(json, SPD_JOB_STREAM_NAME, &result, job->spec.settings->records, &diag);
    if (!err)
        err = spd_report_write(text, SPD_JOB_STREAM_NAME, &result, &diag);
    if (!err)
        take_figures(&summary, &job->result.figures);
    spd_summary_fini(&summary);
    if (err)
        spd_job_fail(job, &diag);
    if (record->outcome.err)
        spd_job_fail(job, &record->outcome);
}

const struct spd_job_command spd_job_burst = { SPD_COMMAND_BURST, &spd_test_kind_bursts, prepare,
                                               conclude, free };
