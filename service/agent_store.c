/*
 * The writer's thread.
 */
#include "service/agent_store.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/sys/clock.h"
#include "common/sys/thread.h"
#include "service/shut_port.h"

#define EVENTS_MAX 16
#define KEY_JOB    1
#define KEY_STOP   2

struct spd_agent_store {
    struct spd_store *store;
    struct spd_cport *port;
    struct spd_cport *back;
    uintptr_t key;
    struct spd_thread *thread;
};

struct spd_store_job *spd_store_job_create(enum spd_store_verb verb)
{
    struct spd_store_job *job = calloc(1, sizeof(*job));

    if (!job)
        return NULL;
    spd_op_init(&job->op);
    job->verb = verb;
    return job;
}

void spd_store_job_free(struct spd_store_job *job)
{
    if (!job)
        return;
    free(job->result);
    free(job->text);
    free(job);
}

/* Its length counts for retention. */
static uint64_t length_of(const char *path)
{
    FILE *file = path[0] ? fopen(path, "rb") : NULL;
    long length = file && fseek(file, 0, SEEK_END) == 0 ? ftell(file) : 0;

    if (file)
        fclose(file);
    return length > 0 ? (uint64_t)length : 0;
}

/* What was asked of the machine and what it gave, out of the result. */
static char *environment_of(const char *result)
{
    json_t *object = result && result[0] ? json_loads(result, 0, NULL) : NULL;
    json_t *environment = json_object_get(object, "environment");
    char *text = environment ? json_dumps(environment, JSON_COMPACT) : NULL;

    json_decref(object);
    return text;
}

static void work(struct spd_store *store, struct spd_store_job *job)
{
    struct spd_store_run *run = &job->run;
    char *environment = environment_of(job->result);

    run->environment = environment;
    run->log_bytes = length_of(job->log);
    run->name = job->name;
    run->user = job->user;
    run->kind = job->kind;
    run->target = job->target;
    run->error = job->error;
    run->log = job->log;
    run->result = job->result;
    run->buckets = job->buckets;
    switch (job->verb) {
    case SPD_STORE_BEGIN:
        (void)spd_store_begin(store, run, &job->id, &job->diag);
        break;
    case SPD_STORE_FINISH:
        (void)spd_store_finish(store, job->id, run, &job->diag);
        break;
    case SPD_STORE_ADD:
        (void)spd_store_add(store, run, &job->id, &job->diag);
        break;
    case SPD_STORE_RETAIN:
        (void)spd_store_retain(store, &job->limits, spd_clock_wall(), &job->retained, &job->diag);
        break;
    }
    free(environment);
    run->environment = NULL;
    if (job->only_log && job->diag.err == SPD_ERR_OK)
        (void)spd_store_give_up_logs(store, job->name, job->id, &job->diag);
}

/* A job that does not come back would be a test that never ends. */
static void give_back(struct spd_agent_store *s, struct spd_store_job *job)
{
    enum spd_err err;

    while ((err = spd_cport_post(s->back, s->key, 0, &job->op)) == SPD_ERR_NOMEM)
        spd_thread_sleep(SPD_NS_PER_MS);
    if (err)
        spd_store_job_free(job);
}

static void run(void *argument)
{
    struct spd_completion events[EVENTS_MAX];
    struct spd_agent_store *s = argument;
    bool stop = false;
    size_t n = 0;

    /* Posts come in their order: what was sent before the stop is done. */
    while (!stop && spd_cport_wait(s->port, events, EVENTS_MAX, &n, SPD_NS_FOREVER) == SPD_ERR_OK)
        for (size_t i = 0; i < n; i++) {
            struct spd_store_job *job;

            if (events[i].key == KEY_STOP) {
                stop = true;
                continue;
            }
            job = SPD_CONTAINER_OF(events[i].op, struct spd_store_job, op);
            work(s->store, job);
            give_back(s, job);
        }
}

enum spd_err spd_agent_store_start(const char *path, struct spd_cport *port, uintptr_t key,
                                   struct spd_agent_store **out, struct spd_store_opened *opened,
                                   struct spd_diag *diag)
{
    struct spd_cport_config config = { 0 };
    struct spd_agent_store *s = calloc(1, sizeof(*s));
    enum spd_err err;

    if (!s)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for the history");
    s->back = port;
    s->key = key;
    err = spd_store_open(path, SPD_STORE_WRITE, spd_clock_wall(), &s->store, opened, diag);
    if (!err)
        err = spd_cport_create(&config, &s->port, diag);
    if (!err && (err = spd_thread_start(&s->thread, "spd-store", run, s)) != SPD_ERR_OK)
        spd_diag_set(diag, err, 0, "cannot start the thread of the history: %s", spd_err_text(err));
    if (err) {
        spd_agent_store_stop(s);
        return err;
    }
    *out = s;
    return SPD_ERR_OK;
}

bool spd_agent_store_send(struct spd_agent_store *s, struct spd_store_job *job)
{
    return spd_cport_post(s->port, KEY_JOB, 0, &job->op) == SPD_ERR_OK;
}

void spd_agent_store_stop(struct spd_agent_store *s)
{
    if (!s)
        return;
    if (s->thread) {
        while (spd_cport_post(s->port, KEY_STOP, 0, NULL) == SPD_ERR_NOMEM)
            spd_thread_sleep(SPD_NS_PER_MS);
        spd_thread_join(s->thread);
    }
    spd_shut_port(s->port);
    spd_store_close(s->store);
    free(s);
}
