/*
 * The history: what was measured, in an SQLite database beside which the logs
 * of packets lie. What begin, finish or add acknowledged is there after a kill
 * or a power cut.
 *
 * One thread owns a store and makes all calls on it; each may block on the disk,
 * so never on a measuring thread. Any number of readers, in any process, may be
 * open beside the one writer; neither waits for the other.
 *
 * Errors of every function, with a diag that says what to do: FULL (disk full),
 * IO, PERM, NOMEM, FORMAT (the database is damaged: close it; the next open for
 * writing moves it aside), TIMEOUT (another program holds the database). After
 * an error nothing of that call is in the database, and the store can be used
 * further.
 */
#ifndef SPD_RESULT_STORE_H
#define SPD_RESULT_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/analysis/quantile.h"
#include "common/base/err.h"
#include "common/base/time.h"

struct spd_store;

enum spd_store_mode { SPD_STORE_READ, SPD_STORE_WRITE };

/* The database keeps the names. */
enum spd_store_state {
    SPD_STORE_RUNNING,     /* begun; or its writer was killed and none was opened since */
    SPD_STORE_FINISHED,    /* measured, whatever the figures are */
    SPD_STORE_FAILED,      /* could not be measured: error says why */
    SPD_STORE_CANCELLED,   /* by hand or by a stop; the rest is what there was */
    SPD_STORE_INTERRUPTED, /* its writer ended without finishing it; found at open */
    SPD_STORE_MISSED,      /* scheduled, and never started: error says why */
    SPD_STORE_STATE_COUNT
};

/* "finished" and so on; never NULL. find gives STATE_COUNT for other texts. */
const char *spd_store_state_name(enum spd_store_state state);
enum spd_store_state spd_store_state_find(const char *name);

/* Packets by their delay variation; not cumulative. */
struct spd_store_bucket {
    int way;         /* 0 forward, 1 reverse */
    spd_ns upper_ns; /* SPD_NS_MAX: without a bound */
    uint64_t n;
};

struct spd_store_way {
    spd_ns pdv_p50_ns; /* RFC 5481, or SPD_NS_UNKNOWN */
    spd_ns pdv_p95_ns;
    spd_ns pdv_p99_ns;
};

struct spd_store_figures {
    bool known; /* else nothing was measured, and the rest does not count */
    uint64_t n_sent;
    uint64_t n_lost;
    double loss_ratio; /* 0..1 */
    spd_ns rtt_p50_ns; /* RFC 2681, or SPD_NS_UNKNOWN */
    spd_ns rtt_p99_ns;
    double mos;                   /* 0: not known */
    struct spd_store_way ways[2]; /* forward, reverse */
};

/* A run of a test. Texts are UTF-8 and borrowed for the call, or by a callback
 * until it returns; NULL is taken as "", and never given. */
struct spd_store_run {
    int64_t id;         /* given by the store; grows, and is never used again in one database
                            file: after a damaged one, ids start from 1 */
    const char *name;   /* of the scheduled test, or "" */
    const char *user;   /* who asked for it, or "" */
    const char *kind;   /* "burst", "stream", "qos" */
    const char *target; /* as it was asked for */
    spd_wall scheduled; /* when it was due; 0: not scheduled */
    spd_wall started;   /* of missed ones: when that was noticed */
    spd_wall ended;     /* 0: not, or not known */
    enum spd_store_state state;
    int exit_code;           /* as the command would end */
    const char *error;       /* one sentence, or "" */
    const char *log;         /* path of the log of packets, or "" */
    uint64_t log_bytes;      /* its length; counts for retention */
    const char *result;      /* one JSON object, or "" */
    const char *environment; /* one JSON value: requested and obtained, or "" */
    struct spd_store_figures figures;
    const struct spd_store_bucket *buckets;
    size_t n_buckets;
};

/* What opening found; for the journal. */
struct spd_store_opened {
    bool created;           /* there was none */
    int migrated_from;      /* the older version of the schema; 0: none */
    uint64_t n_interrupted; /* runs that an earlier writer left unfinished */
    bool damaged;           /* notice says where the damaged one is kept now */
    char notice[400];       /* a sentence about all that is worth one, or "" */
};

/* Open path. The folder must be there. For writing, a database that is not
 * there is made, one of an older version is migrated, a damaged one is moved
 * aside (PATH.damaged-TIME) and a new one made, and runs that a killed writer
 * left are marked interrupted; reads all of the database once. opened may be
 * NULL. Errors besides: IN_USE (another writer has it), NOT_FOUND (reading what
 * is not there), NOTSUP (written by a newer version), INVALID (a database, but
 * not a history). now names what is moved aside. */
enum spd_err spd_store_open(const char *path, enum spd_store_mode mode, spd_wall now,
                            struct spd_store **out, struct spd_store_opened *opened,
                            struct spd_diag *diag);

/* NULL is allowed. */
void spd_store_close(struct spd_store *store);

/* Writers only from here on to retain. A test starts: keep who, what and when.
 * Of run only name, user, kind, target, scheduled and started count. */
enum spd_err spd_store_begin(struct spd_store *store, const struct spd_store_run *run, int64_t *id,
                             struct spd_diag *diag);

/* It ended: keep everything else of run (not what begin took), state first. The log
 * should be whole and synced before. On OK it survives a power cut. Errors
 * besides: NOT_FOUND (no such run, or it is no longer running), INVALID. */
enum spd_err spd_store_finish(struct spd_store *store, int64_t id, const struct spd_store_run *run,
                              struct spd_diag *diag);

/* Both at once, for a run that is over when it is heard of (missed ones). */
enum spd_err spd_store_add(struct spd_store *store, const struct spd_store_run *run, int64_t *id,
                           struct spd_diag *diag);

/* The logs of earlier runs of this scheduled test are not kept any longer: their
 * files go with the next retain, at the latest after a kill. Run keep has its own
 * log still. */
enum spd_err spd_store_give_up_logs(struct spd_store *store, const char *name, int64_t keep,
                                    struct spd_diag *diag);

struct spd_store_limits {
    spd_ns max_age_ns;  /* of a run, since its start; 0: any */
    uint64_t max_bytes; /* database and logs together; 0: any */
};

struct spd_store_retained {
    uint64_t n_runs;      /* removed now */
    uint64_t n_logs;      /* log files removed now */
    uint64_t n_logs_left; /* that could not be removed; tried again by the next call */
    bool more;            /* there is more to remove: call again */
};

/* Remove the oldest runs and their logs until the limits hold, and give the
 * room back to the disk. A bounded piece of work (at most 100 runs) a call, so
 * that results need not wait long; running tests stay. A log that cannot be
 * removed is no error; diag then says which and why, with OK. */
enum spd_err spd_store_retain(struct spd_store *store, const struct spd_store_limits *limits,
                              spd_wall now, struct spd_store_retained *out, struct spd_diag *diag);

/* What is there; readers too. */
struct spd_store_size {
    uint64_t n_runs;
    uint64_t database_bytes; /* without what is free inside */
    uint64_t log_bytes;
};

enum spd_err spd_store_size(struct spd_store *store, struct spd_store_size *out,
                            struct spd_diag *diag);

/* All that hold; zeroed, every run matches. */
struct spd_store_filter {
    int64_t id;       /* 0: any */
    const char *name; /* of the scheduled test; NULL: any */
    const char *kind; /* NULL: any */
    spd_wall since;   /* started at or after; 0: any */
    spd_wall until;   /* started before; 0: any */
    uint64_t limit;   /* at most so many; 0: all */
    bool oldest_first;
    bool with_details; /* give result, environment and buckets too; else "" and 0 */
};

/* Return true to go on, false to stop. May not call the store. */
typedef bool (*spd_store_run_fn)(void *context, const struct spd_store_run *run);

/* Call for each run that the filter lets through, the newest start first. No
 * transaction is open during the call back, which may take its time. n, which
 * may be NULL, is how often it was called. */
enum spd_err spd_store_each(struct spd_store *store, const struct spd_store_filter *filter,
                            spd_store_run_fn each, void *context, uint64_t *n,
                            struct spd_diag *diag);

/* The whole database against itself; OK, or FORMAT with the first thing wrong. */
enum spd_err spd_store_check(struct spd_store *store, struct spd_diag *diag);

#endif
