/*
 * The end of a test of the service: judged, kept, told.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/assert.h"
#include "common/sys/clock.h"
#include "common/sys/eventlog.h"
#include "service/agent_private.h"
#include "service/api_protocol.h"
#include "service/commands.h"

static void take_figures(const struct spd_job_figures *f, struct spd_store_job *job)
{
    struct spd_store_figures *out = &job->run.figures;

    *out = (struct spd_store_figures){
        .known = f->known,
        .n_sent = f->n_sent,
        .n_lost = f->n_lost,
        .loss_ratio = f->loss_ratio,
        .rtt_p50_ns = f->rtt_p50_ns,
        .rtt_p99_ns = f->rtt_p99_ns,
        .mos = f->mos,
    };
    for (int d = 0; d < 2; d++) {
        const struct spd_job_way *way = &f->ways[d];

        out->ways[d] = (struct spd_store_way){ way->known ? way->pdv_p50_ns : SPD_NS_UNKNOWN,
                                               way->known ? way->pdv_p95_ns : SPD_NS_UNKNOWN,
                                               way->known ? way->pdv_p99_ns : SPD_NS_UNKNOWN };
        for (size_t i = 0; way->n > 0 && i <= SPD_JOB_BUCKETS; i++)
            job->buckets[job->run.n_buckets++] = (struct spd_store_bucket){
                d, i < SPD_JOB_BUCKETS ? spd_job_bucket_ns[i] : SPD_NS_MAX, way->buckets[i]
            };
    }
}

static char *copy(const char *text)
{
    char *bytes = malloc(strlen(text) + 1);

    return bytes ? strcpy(bytes, text) : NULL;
}

/* The one place where it is decided how a run ended. */
static void judge(const struct spd_agent_test *t, const struct spd_job_result *r,
                  struct spd_store_job *job)
{
    job->run.state = t->cancelled || r->interrupted                     ? SPD_STORE_CANCELLED
                     : r->exit_code != SPD_EXIT_OK && !r->figures.known ? SPD_STORE_FAILED
                                                                        : SPD_STORE_FINISHED;
    job->run.exit_code = r->exit_code;
    job->run.ended = spd_clock_wall();
    if (r->exit_code != SPD_EXIT_OK)
        snprintf(job->error, sizeof(job->error), "%s", r->diag.text);
    if (r->logged)
        snprintf(job->log, sizeof(job->log), "%s", t->log);
}

static void tell_finished(struct spd_agent *a, struct spd_agent_test *t,
                          const struct spd_store_job *job)
{
    struct spd_diag diag = { 0 };
    struct spd_api_finished finished = {
        .test = t->number,
        .exit_code = job->run.exit_code,
        .interrupted = job->run.state == SPD_STORE_CANCELLED,
        .diag = &diag,
        .text = job->text ? job->text : "",
        .json = job->result ? job->result : "",
        .history = a->store && job->diag.err == SPD_ERR_OK ? (uint64_t)job->id : 0,
        .note = job->diag.err ? job->diag.text : NULL,
    };

    if (job->run.exit_code != SPD_EXIT_OK)
        spd_diag_set(&diag, SPD_ERR_IO, 0, "%s", job->error);
    spd_agent_test_tell(a, t, spd_api_finished(t->id, &finished), SPD_AGENT_TOLD_FINISHED);
    spd_agent_test_forget(t);
}

static void count_end(struct spd_agent *a, const struct spd_agent_test *t,
                      const struct spd_store_job *job)
{
    a->counts.n_finished += job->run.state == SPD_STORE_FINISHED;
    a->counts.n_failed += job->run.state == SPD_STORE_FAILED;
    a->counts.n_cancelled += job->run.state == SPD_STORE_CANCELLED;
    if (job->run.state == SPD_STORE_FAILED)
        spd_eventlog_write(SPD_EVENT_TEST_FAILED, "%s%s to %s: %s",
                           t->scheduled ? "test " : spd_test_command_name(t->spec.command),
                           spd_agent_test_name(t), t->target, job->error);
}

static void end(struct spd_agent *a, struct spd_agent_test *t, const struct spd_job_result *r)
{
    struct spd_store_job *job =
        spd_agent_test_job(a, t, t->in_history ? SPD_STORE_FINISH : SPD_STORE_ADD);

    if (job)
        judge(t, r, job);
    if (t->scheduled)
        spd_agent_schedule_finished(a, t, r, job);
    if (!job) { /* nothing can be kept, or told in full */
        a->counts.n_store_errors++;
        spd_agent_test_tell(a, t,
                            spd_api_refused(t->id, &(struct spd_diag){ .err = SPD_ERR_NOMEM }, 3),
                            SPD_AGENT_TOLD_FINISHED);
        spd_agent_test_forget(t);
        return;
    }
    take_figures(&r->figures, job);
    job->result = copy(r->json ? r->json : "");
    job->text = copy(r->text ? r->text : "");
    count_end(a, t, job);
    t->state = SPD_AGENT_SAVING;
    if (a->store && spd_agent_store_send(a->store, job))
        return;
    if (a->store) {
        spd_diag_set(&job->diag, SPD_ERR_NOMEM, 0, "no memory to keep the result");
        a->counts.n_store_errors++;
        a->store_failing = true;
    }
    tell_finished(a, t, job);
    spd_store_job_free(job);
}

/* It never ran: that is a result too. */
void spd_agent_test_unstarted(struct spd_agent *a, struct spd_agent_test *t,
                              const struct spd_diag *diag)
{
    struct spd_job_result result = { .exit_code = (int)spd_exit_code(diag->err), .diag = *diag };

    end(a, t, &result);
}

void spd_agent_tests_on_progress(struct spd_agent *a, size_t place, uint32_t permille)
{
    struct spd_agent_test *t = spd_agent_test_at(a, place);

    if (!t || t->permille == permille)
        return;
    t->permille = permille;
    spd_agent_test_tell(a, t, spd_api_progress(t->id, t->number, permille),
                        SPD_AGENT_TOLD_PROGRESS);
}

void spd_agent_tests_on_finished(struct spd_agent *a, size_t place, void *job)
{
    struct spd_agent_test *t = spd_agent_test_at(a, place);

    SPD_ASSERT(t);
    end(a, t, spd_job_result(job));
    spd_controller_release(a->controller, place);
}

void spd_agent_tests_on_store(struct spd_agent *a, struct spd_store_job *job)
{
    if (job->diag.err) {
        a->counts.n_store_errors++;
        spd_eventlog_write(SPD_EVENT_STORE, "%s", job->diag.text);
    }
    if (job->verb != SPD_STORE_RETAIN)
        a->store_failing = job->diag.err != SPD_ERR_OK;
    else if (!job->diag.err && job->retained.more)
        a->retain_ns = 0; /* the next piece, after what waits now */
    if (job->verb == SPD_STORE_BEGIN)
        spd_agent_tests_begun(a, job);
    else if (job->test < SPD_CONTROLLER_TESTS_MAX && a->tests[job->test].state == SPD_AGENT_SAVING)
        tell_finished(a, &a->tests[job->test], job);
    spd_store_job_free(job);
}
