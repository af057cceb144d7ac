/*
 * From what the scheduler says to tests, and from their results to what those
 * who watch see.
 */
#include <stdio.h>
#include <string.h>

#include "common/sys/clock.h"
#include "common/sys/eventlog.h"
#include "service/agent_private.h"
#include "service/commands.h"

#define EVENTS_MAX 32

static struct spd_agent_last *last_of(struct spd_agent *a, const char *name)
{
    for (size_t i = 0; i < SPD_CONFIG_TESTS_MAX; i++)
        if (strcmp(a->last[i].name, name) == 0)
            return &a->last[i];
    return NULL;
}

/* Kept as well: a hole in the history must not look like a quiet time. */
static void keep_missed(struct spd_agent *a, const struct spd_config_test *test,
                        const struct spd_scheduler_event *e, const char *text)
{
    struct spd_store_job *job = a->store ? spd_store_job_create(SPD_STORE_ADD) : NULL;

    if (!job)
        return;
    job->test = SPD_CONTROLLER_TESTS_MAX; /* nobody's */
    snprintf(job->name, sizeof(job->name), "%s", test->name);
    snprintf(job->kind, sizeof(job->kind), "%s", spd_test_command_name(test->command));
    snprintf(job->target, sizeof(job->target), "%s", test->settings.host);
    snprintf(job->error, sizeof(job->error), "%s", text);
    job->run.scheduled = e->planned;
    job->run.started = job->run.ended = spd_clock_wall();
    job->run.state = SPD_STORE_MISSED;
    job->run.exit_code = SPD_EXIT_ENVIRONMENT;
    if (!spd_agent_store_send(a->store, job))
        spd_store_job_free(job);
}

void spd_agent_schedule_missed(struct spd_agent *a, const struct spd_config_test *test,
                               const struct spd_scheduler_event *e, const char *why)
{
    struct spd_agent_last *last = last_of(a, test->name);
    char text[300];

    snprintf(text, sizeof(text), "%llu run%s missed: %s", (unsigned long long)e->n_missed,
             e->n_missed == 1 ? "" : "s", why);
    a->counts.n_missed += e->n_missed;
    if (last)
        last->n_missed += e->n_missed;
    spd_eventlog_write(SPD_EVENT_TEST_MISSED, "test %s: %s", test->name, text);
    keep_missed(a, test, e, text);
}

void spd_agent_schedule_step(struct spd_agent *a)
{
    struct spd_scheduler_event events[EVENTS_MAX];
    struct spd_moment now = spd_agent_now();
    size_t n;

    do {
        n = spd_scheduler_step(a->scheduler, now, events, EVENTS_MAX);
        for (size_t i = 0; i < n; i++) {
            const struct spd_config_test *test =
                spd_config_test_find(a->settings->config, events[i].test);

            if (!test) /* gone with its configuration */
                spd_scheduler_finished(a->scheduler, events[i].test);
            else if (events[i].kind == SPD_SCHEDULER_START)
                spd_agent_tests_start_scheduled(a, test, events[i].planned);
            else
                spd_agent_schedule_missed(a, test, &events[i], spd_missed_text(events[i].why));
        }
    } while (n == EVENTS_MAX);
}

/* The first threshold that was missed, or false. */
static bool missed_threshold(const struct spd_config_thresholds *limits,
                             const struct spd_job_figures *f, char *text, size_t capacity)
{
    if (!f->known)
        return false;
    if (limits->has_loss_max && f->loss_ratio > limits->loss_ratio_max) {
        snprintf(text, capacity, "loss %.3f %%, more than %.3f %%", 100 * f->loss_ratio,
                 100 * limits->loss_ratio_max);
        return true;
    }
    for (int d = 0; limits->has_pdv_p99_max && d < 2; d++)
        if (f->ways[d].known && f->ways[d].pdv_p99_ns > limits->pdv_p99_max_ns) {
            snprintf(text, capacity, "%s delay variation p99 %.3f ms, more than %.3f ms",
                     d ? "reverse" : "forward", (double)f->ways[d].pdv_p99_ns / 1e6,
                     (double)limits->pdv_p99_max_ns / 1e6);
            return true;
        }
    if (limits->has_mos_min && f->mos > 0 && f->mos < limits->mos_min) {
        snprintf(text, capacity, "MOS %.2f, less than %.2f", f->mos, limits->mos_min);
        return true;
    }
    return false;
}

void spd_agent_schedule_finished(struct spd_agent *a, const struct spd_agent_test *t,
                                 const struct spd_job_result *r, struct spd_store_job *job)
{
    struct spd_agent_last *last = last_of(a, t->scheduled->name);
    char text[200];
    bool over = missed_threshold(&t->scheduled->thresholds, &r->figures, text, sizeof(text));

    spd_scheduler_finished(a->scheduler, t->scheduled->name);
    if (job)
        job->only_log = r->logged && !t->from->config->history.keep_logs;
    if (over && job && job->run.exit_code == SPD_EXIT_OK) {
        job->run.exit_code = SPD_EXIT_THRESHOLD;
        snprintf(job->error, sizeof(job->error), "%s", text);
    }
    if (over)
        spd_eventlog_write(SPD_EVENT_THRESHOLD, "test %s to %s: %s", t->scheduled->name, t->target,
                           text);
    if (!last)
        return;
    last->n_runs++;
    last->n_failed += !r->figures.known && !t->cancelled;
    last->cancelled = t->cancelled;
    last->known = true;
    last->ended_ns = spd_clock_wall().ns;
    last->exit_code = over && r->exit_code == SPD_EXIT_OK ? SPD_EXIT_THRESHOLD : r->exit_code;
    last->threshold_missed = over;
    last->figures = r->figures;
}
