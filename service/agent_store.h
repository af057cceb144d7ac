/*
 * The writer: a thread that owns the history (common/result/store.h), so that
 * nobody who measures or decides ever waits for a disk. Jobs go there and come
 * back as posts.
 */
#ifndef SPD_SERVICE_AGENT_STORE_H
#define SPD_SERVICE_AGENT_STORE_H

#include "common/result/store.h"
#include "common/sys/cport.h"
#include "service/job_figures.h"

enum spd_store_verb { SPD_STORE_BEGIN, SPD_STORE_FINISH, SPD_STORE_ADD, SPD_STORE_RETAIN };

/* What is to be kept. All texts belong to the job. */
struct spd_store_job {
    struct spd_op op;
    enum spd_store_verb verb;
    size_t test; /* whose it is, for who asked */
    struct spd_store_run run;
    char name[64];
    char user[192];
    char kind[16];
    char target[256];
    char error[512];
    char log[1024];
    char *result; /* JSON */
    char *text;   /* the report: not kept, but on its way with the rest */
    struct spd_store_bucket buckets[2 * (SPD_JOB_BUCKETS + 1)];
    bool only_log; /* of FINISH: earlier logs of this scheduled test are given up */
    struct spd_store_limits limits; /* of RETAIN */
    struct spd_store_retained retained;
    /* What became of it. */
    int64_t id;
    struct spd_diag diag;
};

/* NULL: no memory. free takes the texts along. */
struct spd_store_job *spd_store_job_create(enum spd_store_verb verb);
void spd_store_job_free(struct spd_store_job *job); /* NULL is allowed */

struct spd_agent_store;

/* Open the history and start the thread. Jobs come back to the port with the
 * key. Blocks on the disk. Errors: as spd_store_open. */
enum spd_err spd_agent_store_start(const char *path, struct spd_cport *port, uintptr_t key,
                                   struct spd_agent_store **out, struct spd_store_opened *opened,
                                   struct spd_diag *diag);

/* Takes the job and gives it back by a post, done. False: the job stays with
 * the caller (no memory, or the thread is ending). */
bool spd_agent_store_send(struct spd_agent_store *store, struct spd_store_job *job);

/* Finishes what was sent. NULL is allowed. */
void spd_agent_store_stop(struct spd_agent_store *store);

#endif
