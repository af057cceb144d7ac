/*
 * A test from its settings to its result, whoever asked for it: a kind of test
 * for the controller (service/test_handler.h) that finds its target, runs the
 * engine's test, analyses it and renders the result, all on the handler's
 * thread. Bursts, two-way streams and comparisons of classes are jobs.
 */
#ifndef SPD_SERVICE_JOB_H
#define SPD_SERVICE_JOB_H

#include "common/base/err.h"
#include "service/job_figures.h"
#include "service/options.h"
#include "service/test_handler.h"

/* Borrowed, with all that it points to, until the job is destroyed. */
struct spd_job_spec {
    unsigned command; /* SPD_COMMAND_BURST, _STREAM or _QOS */
    const struct spd_settings *settings;
    const char *log; /* keep the packets there, or NULL; not of bursts, which have no log */
};

/* Any thread, before anything else: whether settings are those of a job. What
 * writes files, or needs a second program, is none: the job runs in another
 * process than the one that would read them. Errors: NOTSUP, with a diag. */
enum spd_err spd_job_check(const struct spd_job_spec *spec, struct spd_diag *diag);

/* spec is a struct spd_job_spec. Progress counts per mille. Creating one only
 * takes memory; everything else happens on the handler's thread. */
extern const struct spd_test_kind spd_test_kind_job;

struct spd_job_result {
    int exit_code;        /* as the command would end */
    struct spd_diag diag; /* why it is not 0 */
    bool interrupted;     /* cancelled; the rest is what there was */
    bool logged;          /* there is a log */
    char *text;           /* the report for people; "" if nothing was measured */
    char *json;           /* the result for programs, one object; "" likewise */
    struct spd_job_figures figures;
};

/* After the job has finished; valid until it is destroyed. */
const struct spd_job_result *spd_job_result(const void *job);

#endif
