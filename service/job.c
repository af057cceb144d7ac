/*
 * Prepare, run, conclude: each on the handler's thread, which is also the
 * dispatcher while the test runs. Before and after, it may block.
 */
#include "service/job_private.h"

#include <stdlib.h>
#include <string.h>

#include "common/sys/fs.h"
#include "service/commands.h"

static const struct spd_job_command *const commands[] = { &spd_job_burst, &spd_job_stream,
                                                          &spd_job_qos };

static const struct spd_job_command *find(unsigned command)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (commands[i]->command == command)
            return commands[i];
    return NULL;
}

enum spd_err spd_job_check(const struct spd_job_spec *spec, struct spd_diag *diag)
{
    const struct spd_settings *s = spec->settings;
    const struct {
        const char *option;
        const char *path;
    } files[] = {
        { "csv", s->csv },
        { "json-lines", s->json_lines },
        { "plot", s->plot },
        { "log", s->log },
    };

    if (!find(spec->command))
        return spd_diag_set(diag, SPD_ERR_NOTSUP, 0,
                            "only burst, stream and qos can be run by the service");
    if (s->one_way)
        return spd_diag_set(diag, SPD_ERR_NOTSUP, 0,
                            "--one-way is not supported in the service; run it by hand");
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        if (files[i].path)
            return spd_diag_set(diag, SPD_ERR_NOTSUP, 0,
                                "--%s: the service writes no files for others; take the result "
                                "with --json, and what it kept with stampede history",
                                files[i].option);
    return SPD_ERR_OK;
}

void spd_job_tell(struct spd_job *job, enum spd_test_event event, uint32_t number)
{
    if (event != SPD_TEST_FINISHED) /* there is still the conclusion to come */
        spd_test_handler_tell(job->handler, event, number);
}

void spd_job_fail(struct spd_job *job, const struct spd_diag *diag)
{
    if (job->result.exit_code != SPD_EXIT_OK)
        return;
    job->result.exit_code = spd_exit_code(diag->err);
    job->result.diag = *diag;
    if (!job->result.diag.text[0])
        spd_diag_set(&job->result.diag, diag->err, 0, "%s", spd_err_text(diag->err));
}

static enum spd_err create(const void *spec, struct spd_test_handler *handler, void **test,
                           struct spd_diag *diag)
{
    struct spd_job *job = calloc(1, sizeof(*job));

    if (!job)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for the test");
    job->spec = *(const struct spd_job_spec *)spec;
    job->handler = handler;
    job->command = find(job->spec.command);
    if (!job->command) {
        free(job);
        return spd_diag_set(diag, SPD_ERR_NOTSUP, 0, "no such kind of test");
    }
    *test = job;
    return SPD_ERR_OK;
}

static bool prepare(struct spd_job *job)
{
    struct spd_diag diag = { 0 };
    void *inner = NULL;

    if (atomic_load(&job->cancelled))
        spd_diag_set(&diag, SPD_ERR_INTERRUPTED, 0, "cancelled before it began");
    else
        (void)job->command->prepare(job, &inner, &diag);
    if (!inner) {
        spd_job_fail(job, &diag);
        return false;
    }
    atomic_store(&job->inner, inner);
    if (atomic_load(&job->cancelled)) /* meanwhile: nobody told the test */
        job->command->inner->cancel(inner);
    job->running = true;
    return true;
}

static char *take(struct spd_fs_memory *memory)
{
    char *bytes = NULL;

    (void)spd_fs_memory_close(memory, &bytes, NULL);
    return bytes;
}

static void conclude(struct spd_job *job)
{
    struct spd_fs_memory text, json;
    struct spd_diag diag = { 0 };
    enum spd_err err = spd_fs_memory_open(&text, &diag);

    if (err) {
        spd_job_fail(job, &diag);
        return;
    }
    err = spd_fs_memory_open(&json, &diag);
    if (!err) {
        job->command->conclude(job, atomic_load(&job->inner), text.file, json.file);
        job->result.json = take(&json);
    }
    job->result.text = take(&text);
    if (!err && (!job->result.json || !job->result.text))
        err = spd_diag_set(&diag, SPD_ERR_NOMEM, 0, "no memory for the result");
    if (err)
        spd_job_fail(job, &diag);
}

static bool step(void *test, spd_ns max_wait_ns)
{
    struct spd_job *job = test;

    if (!job->running) {
        if (prepare(job))
            return true;
    } else if (job->command->inner->step(atomic_load(&job->inner), max_wait_ns)) {
        return true;
    } else {
        conclude(job);
    }
    job->result.interrupted = job->result.interrupted || atomic_load(&job->cancelled);
    spd_test_handler_tell(job->handler, SPD_TEST_FINISHED, 0);
    return false;
}

static void grant(void *test)
{
    struct spd_job *job = test;
    void *inner = atomic_load(&job->inner);

    if (inner && job->command->inner->grant)
        job->command->inner->grant(inner);
}

static void cancel(void *test)
{
    struct spd_job *job = test;
    void *inner;

    atomic_store(&job->cancelled, true);
    inner = atomic_load(&job->inner);
    if (inner)
        job->command->inner->cancel(inner);
}

static void destroy(void *test)
{
    struct spd_job *job = test;
    void *inner = atomic_load(&job->inner);

    if (inner)
        job->command->inner->destroy(inner);
    job->command->release(job->work);
    free(job->result.text);
    free(job->result.json);
    free(job);
}

const struct spd_test_kind spd_test_kind_job = { create, step, grant, cancel, destroy };

const struct spd_job_result *spd_job_result(const void *job)
{
    return &((const struct spd_job *)job)->result;
}
