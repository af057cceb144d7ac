/*
 * What a command gives to be a job. Private to service/job*.c.
 */
#ifndef SPD_SERVICE_JOB_PRIVATE_H
#define SPD_SERVICE_JOB_PRIVATE_H

#include <stdatomic.h>
#include <stdio.h>

#include "service/job.h"

struct spd_job;

/* All by the handler's thread, but for release. */
struct spd_job_command {
    unsigned command;
    const struct spd_test_kind *inner;
    /* Look the target up and create the engine's test, which tells its events
     * through spd_job_tell. job->work is the command's own. */
    enum spd_err (*prepare)(struct spd_job *job, void **inner, struct spd_diag *diag);
    /* The test is over: set the result's exit code, diag, figures; write both. */
    void (*conclude)(struct spd_job *job, void *inner, FILE *text, FILE *json);
    void (*release)(void *work); /* NULL is allowed */
};

extern const struct spd_job_command spd_job_burst;
extern const struct spd_job_command spd_job_stream;
extern const struct spd_job_command spd_job_qos;

struct spd_job {
    struct spd_job_spec spec;
    struct spd_test_handler *handler;
    const struct spd_job_command *command;
    void *_Atomic inner;
    atomic_bool cancelled;
    bool running;
    void *work;
    struct spd_job_result result;
};

/* An event of the engine's test but its end; progress in per mille. */
void spd_job_tell(struct spd_job *job, enum spd_test_event event, uint32_t number);

/* The result is an error; the first one stays. */
void spd_job_fail(struct spd_job *job, const struct spd_diag *diag);

/* The names under which jobs write into memory, for messages. */
#define SPD_JOB_STREAM_NAME "the result"

#endif
