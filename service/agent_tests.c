/*
 * A test of the service: asked for, begun in the history, run, kept, told.
 */
#include "service/agent_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/assert.h"
#include "common/sys/clock.h"
#include "common/sys/eventlog.h"
#include "service/api_protocol.h"
#include "service/commands.h"

/* Numbers of tests that the history does not know; it never comes that far. */
#define FIRST_UNKEPT (UINT64_C(1) << 40)

static struct spd_agent_test *free_place(struct spd_agent *a)
{
    for (size_t i = 0; i < SPD_CONTROLLER_TESTS_MAX; i++)
        if (a->tests[i].state == SPD_AGENT_FREE)
            return &a->tests[i];
    return NULL;
}

struct spd_agent_test *spd_agent_test_at(struct spd_agent *a, size_t place)
{
    for (size_t i = 0; i < SPD_CONTROLLER_TESTS_MAX; i++)
        if ((a->tests[i].state == SPD_AGENT_RUNNING || a->tests[i].state == SPD_AGENT_ENDING) &&
            a->tests[i].place == place)
            return &a->tests[i];
    return NULL;
}

static struct spd_agent_test *by_number(struct spd_agent *a, uint64_t number)
{
    for (size_t i = 0; i < SPD_CONTROLLER_TESTS_MAX; i++)
        if (a->tests[i].state > SPD_AGENT_BEGINNING && a->tests[i].number == number)
            return &a->tests[i];
    return NULL;
}

void spd_agent_test_forget(struct spd_agent_test *t)
{
    spd_agent_settings_release(t->from);
    spd_api_message_free(t->request);
    memset(t, 0, sizeof(*t));
}

/* To whoever waits for the test; takes the line. Requests are answered whatever
 * became of their connection: it stays until its answers are back. */
void spd_agent_test_tell(struct spd_agent *a, const struct spd_agent_test *t, char *line,
                         enum spd_agent_told what)
{
    bool heard = t->connection && a->api && (!t->gone || what == SPD_AGENT_TOLD_ACCEPTED);
    /* Without memory for the line the message goes without: that ends the connection. */
    struct spd_api_message *m =
        heard && (line || what != SPD_AGENT_TOLD_PROGRESS) ? spd_api_message_create() : NULL;

    if (!m) {
        free(line);
        return;
    }
    m->connection = t->connection;
    m->id = t->id;
    m->line = line;
    m->is_answer = m->begins_test = what == SPD_AGENT_TOLD_ACCEPTED;
    m->ends_test = what == SPD_AGENT_TOLD_FINISHED;
    m->droppable = what == SPD_AGENT_TOLD_PROGRESS;
    spd_api_server_send(a->api, m);
}

/* -------------------------------------------------------------------- to begin */

const char *spd_agent_test_name(const struct spd_agent_test *t)
{
    return t->scheduled ? t->scheduled->name : "";
}

struct spd_store_job *spd_agent_test_job(struct spd_agent *a, const struct spd_agent_test *t,
                                         enum spd_store_verb verb)
{
    struct spd_store_job *job = spd_store_job_create(verb);

    if (!job)
        return NULL;
    job->test = (size_t)(t - a->tests);
    job->id = (int64_t)t->number;
    snprintf(job->name, sizeof(job->name), "%s", spd_agent_test_name(t));
    snprintf(job->user, sizeof(job->user), "%s", t->user);
    snprintf(job->kind, sizeof(job->kind), "%s", spd_test_command_name(t->spec.command));
    snprintf(job->target, sizeof(job->target), "%s", t->target);
    job->run.scheduled.ns = t->planned_ns;
    job->run.started.ns = t->started_ns;
    return job;
}

static void start_job(struct spd_agent *a, struct spd_agent_test *t)
{
    const struct spd_config *config = a->settings->config;
    struct spd_diag diag = { 0 };

    if (t->scheduled && t->scheduled->log && t->in_history &&
        t->spec.command != SPD_COMMAND_BURST) {
        snprintf(t->log, sizeof(t->log), "%s/%s-%llu.log", config->history.log_folder,
                 spd_agent_test_name(t), (unsigned long long)t->number);
        t->spec.log = t->log;
    }
    t->state = SPD_AGENT_RUNNING;
    spd_agent_test_tell(a, t, spd_api_accepted(t->id, t->number), SPD_AGENT_TOLD_ACCEPTED);
    if (spd_controller_start(a->controller, &spd_test_kind_job, &t->spec, &t->place, &diag)) {
        spd_agent_test_unstarted(a, t, &diag);
        return;
    }
    a->counts.n_started++;
    if (t->cancelled) { /* while it was begun */
        t->state = SPD_AGENT_ENDING;
        spd_controller_cancel(a->controller, t->place);
    }
}

/* The history gives the number; without a history, we do. */
static void begin(struct spd_agent *a, struct spd_agent_test *t)
{
    struct spd_store_job *job = a->store ? spd_agent_test_job(a, t, SPD_STORE_BEGIN) : NULL;

    t->started_ns = spd_clock_wall().ns;
    t->state = SPD_AGENT_BEGINNING;
    if (job)
        job->run.started.ns = t->started_ns;
    if (job && spd_agent_store_send(a->store, job))
        return;
    spd_store_job_free(job);
    t->number = FIRST_UNKEPT + a->next_unkept++;
    start_job(a, t);
}

void spd_agent_tests_begun(struct spd_agent *a, const struct spd_store_job *job)
{
    struct spd_agent_test *t = &a->tests[job->test];

    SPD_ASSERT(t->state == SPD_AGENT_BEGINNING);
    t->in_history = job->diag.err == SPD_ERR_OK;
    t->number = t->in_history ? (uint64_t)job->id : FIRST_UNKEPT + a->next_unkept++;
    start_job(a, t);
}

/* ------------------------------------------------------------------ by request */

static size_t sum_up(const struct spd_agent *a, struct spd_admission_running *out)
{
    size_t n = 0;

    for (size_t i = 0; i < SPD_CONTROLLER_TESTS_MAX; i++)
        if (a->tests[i].state != SPD_AGENT_FREE && a->tests[i].state != SPD_AGENT_SAVING)
            out[n++] = a->tests[i].running;
    return n;
}

/* Whether it may run, and what counts for it while it does. Names are not
 * looked up: that may take its time. */
static enum spd_err admit(struct spd_agent *a, struct spd_agent_test *t,
                          const struct spd_local_peer *peer, const struct spd_test_demand *demand,
                          struct spd_diag *diag)
{
    struct spd_admission_running *running = calloc(SPD_CONTROLLER_TESTS_MAX, sizeof(*running));
    struct spd_admission_request request = { .demand = demand };
    enum spd_err err;

    if (!running)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for the test");
    for (size_t i = 0; i < demand->n_targets; i++)
        (void)spd_addr_parse_host(demand->target[i], &request.target[i]);
    err = spd_admission_ask(a->settings->config, peer, &request, running, sum_up(a, running), diag);
    free(running);
    if (!err)
        spd_admission_enter(peer, &request, &t->running);
    return err;
}

/* From the texts of the request to settings; those point into the request. */
static enum spd_err read_request(struct spd_agent_test *t, struct spd_api_message *m,
                                 struct spd_test_demand *demand, struct spd_diag *diag)
{
    enum spd_err err;

    if (!spd_test_command_parse(m->command, &t->spec.command))
        return spd_diag_set(diag, SPD_ERR_NOTSUP, 0, "%s: the service runs burst, stream and qos",
                            m->command);
    err = spd_options_parse(t->spec.command, "HOST[:PORT]", false, (int)m->n_arguments,
                            m->arguments, &t->settings, diag);
    if (err)
        return err;
    if (t->settings.help)
        return spd_diag_set(diag, SPD_ERR_INVALID, 0, "--help is not for the service");
    t->settings.quiet = true;
    t->spec.settings = &t->settings;
    err = spd_job_check(&t->spec, diag);
    if (!err)
        err = spd_test_demand_find(t->spec.command, &t->settings, demand, diag);
    return err;
}

void spd_agent_tests_run(struct spd_agent *a, struct spd_api_message *m)
{
    struct spd_agent_test *t = free_place(a);
    struct spd_test_demand demand;
    struct spd_diag diag = { 0 };
    enum spd_err err;

    if (a->stopping)
        err = spd_diag_set(&diag, SPD_ERR_CLOSED, 0, "the service is stopping");
    else if (!t)
        err = spd_diag_set(&diag, SPD_ERR_FULL, 0, "%d tests are the most at once; try later",
                           SPD_CONTROLLER_TESTS_MAX);
    else if (!(err = read_request(t, m, &demand, &diag)))
        err = admit(a, t, m->peer, &demand, &diag);
    if (err) {
        if (t)
            memset(t, 0, sizeof(*t));
        spd_agent_refuse(a, m, &diag);
        spd_api_message_free(m);
        return;
    }
    t->from = a->settings;
    spd_agent_settings_hold(t->from);
    t->request = m;
    t->connection = m->connection;
    t->id = m->id;
    snprintf(t->user, sizeof(t->user), "%s", m->peer->user);
    snprintf(t->target, sizeof(t->target), "%s", t->settings.host);
    begin(a, t);
}

static bool may_touch(const struct spd_agent_test *t, const struct spd_local_peer *peer)
{
    return peer->is_admin || strcmp(t->running.user_id, peer->user_id) == 0;
}

static void cancel(struct spd_agent *a, struct spd_agent_test *t)
{
    t->cancelled = true;
    if (t->state == SPD_AGENT_RUNNING)
        t->state = SPD_AGENT_ENDING;
    if (t->state == SPD_AGENT_ENDING)
        spd_controller_cancel(a->controller, t->place);
}

void spd_agent_tests_cancel(struct spd_agent *a, struct spd_api_message *m)
{
    struct spd_agent_test *t = by_number(a, m->test);
    struct spd_diag diag = { 0 };

    if (!t || t->state == SPD_AGENT_SAVING) {
        spd_diag_set(&diag, SPD_ERR_NOT_FOUND, 0,
                     "no test %llu runs; stampede tests lists those that do",
                     (unsigned long long)m->test);
        spd_agent_refuse(a, m, &diag);
        return;
    }
    if (!may_touch(t, m->peer)) {
        spd_diag_set(&diag, SPD_ERR_PERM, 0,
                     "test %llu is not yours; its user or an administrator can cancel it",
                     (unsigned long long)m->test);
        spd_agent_refuse(a, m, &diag);
        return;
    }
    cancel(a, t);
    spd_agent_answer(a, m, spd_api_answer(m->id, "cancelled", ""));
}

void spd_agent_tests_list(struct spd_agent *a, struct spd_api_message *m)
{
    static const char *const states[] = { "", "waiting", "running", "ending", "saving" };
    struct spd_api_test list[SPD_CONTROLLER_TESTS_MAX];
    size_t n = 0;

    for (size_t i = 0; i < SPD_CONTROLLER_TESTS_MAX; i++) {
        const struct spd_agent_test *t = &a->tests[i];

        if (t->state <= SPD_AGENT_BEGINNING || !may_touch(t, m->peer))
            continue;
        list[n++] = (struct spd_api_test){ t->number,   spd_agent_test_name(t),
                                           t->user,     spd_test_command_name(t->spec.command),
                                           t->target,   states[t->state],
                                           t->permille, t->started_ns };
    }
    spd_agent_answer(a, m, spd_api_tests(m->id, list, n));
}

void spd_agent_tests_gone(struct spd_agent *a, uint64_t connection)
{
    for (size_t i = 0; i < SPD_CONTROLLER_TESTS_MAX; i++)
        if (a->tests[i].state != SPD_AGENT_FREE && a->tests[i].connection == connection) {
            a->tests[i].gone = true;
            cancel(a, &a->tests[i]);
        }
}

void spd_agent_tests_cancel_all(struct spd_agent *a)
{
    for (size_t i = 0; i < SPD_CONTROLLER_TESTS_MAX; i++)
        if (a->tests[i].state != SPD_AGENT_FREE)
            cancel(a, &a->tests[i]);
}

size_t spd_agent_tests_count(const struct spd_agent *a, enum spd_agent_state state)
{
    size_t n = 0;

    for (size_t i = 0; i < SPD_CONTROLLER_TESTS_MAX; i++)
        n += a->tests[i].state == state;
    return n;
}

bool spd_agent_tests_any(const struct spd_agent *a)
{
    return spd_agent_tests_count(a, SPD_AGENT_FREE) < SPD_CONTROLLER_TESTS_MAX;
}

/* ---------------------------------------------------------------- by schedule */

void spd_agent_tests_start_scheduled(struct spd_agent *a, const struct spd_config_test *test,
                                     spd_wall planned)
{
    struct spd_agent_test *t = free_place(a);
    struct spd_diag diag = { 0 };

    if (!t) {
        struct spd_scheduler_event event = { .planned = planned, .last = planned, .n_missed = 1 };

        spd_agent_schedule_missed(a, test, &event, "too many tests were running");
        spd_scheduler_finished(a->scheduler, test->name);
        return;
    }
    t->scheduled = test;
    t->from = a->settings;
    spd_agent_settings_hold(t->from);
    t->spec = (struct spd_job_spec){ .command = test->command, .settings = &test->settings };
    t->planned_ns = planned.ns;
    snprintf(t->target, sizeof(t->target), "%s", test->settings.host);
    if (admit(a, t, NULL, &test->demand, &diag)) {
        t->started_ns = spd_clock_wall().ns;
        spd_agent_test_unstarted(a, t, &diag);
        return;
    }
    begin(a, t);
}
