/*
 * The schema, as the steps that lead to it. A step that was in a released
 * version never changes again; a new version appends one, and the text of a
 * database of the old version goes to tests/data/store.
 */
#include "common/result/store_private.h"

/* Results and environments are kept apart from runs, so that a list of runs
 * reads few pages. Times are nanoseconds since 1970-01-01 UTC; what is not
 * known is NULL. An id is never used again (AUTOINCREMENT). */
static const char version_1[] =
    "CREATE TABLE run("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " name TEXT NOT NULL," /* of the scheduled test, or '' */
    " user TEXT NOT NULL,"
    " kind TEXT NOT NULL,"
    " target TEXT NOT NULL,"
    " scheduled_ns INTEGER,"
    " started_ns INTEGER NOT NULL,"
    " ended_ns INTEGER,"
    " state TEXT NOT NULL CHECK(state IN"
    "  ('running', 'finished', 'failed', 'cancelled', 'interrupted', 'missed')),"
    " exit_code INTEGER,"
    " error TEXT NOT NULL DEFAULT '',"
    " log TEXT NOT NULL DEFAULT '',"
    " log_bytes INTEGER NOT NULL DEFAULT 0,"
    " n_sent INTEGER,"
    " n_lost INTEGER,"
    " loss_ratio REAL,"
    " rtt_p50_ns INTEGER,"
    " rtt_p99_ns INTEGER,"
    " pdv_fwd_p50_ns INTEGER,"
    " pdv_fwd_p95_ns INTEGER,"
    " pdv_fwd_p99_ns INTEGER,"
    " pdv_rev_p50_ns INTEGER,"
    " pdv_rev_p95_ns INTEGER,"
    " pdv_rev_p99_ns INTEGER,"
    " mos REAL"
    ") STRICT;"
    "CREATE INDEX run_started ON run(started_ns);"
    "CREATE INDEX run_name ON run(name, started_ns);"
    "CREATE INDEX run_running ON run(id) WHERE state = 'running';"
    "CREATE INDEX run_log ON run(log, log_bytes) WHERE log <> '';"
    "CREATE TABLE result("
    " run_id INTEGER PRIMARY KEY REFERENCES run ON DELETE CASCADE,"
    " json TEXT NOT NULL"
    ") STRICT;"
    "CREATE TABLE environment("
    " run_id INTEGER PRIMARY KEY REFERENCES run ON DELETE CASCADE,"
    " json TEXT NOT NULL"
    ") STRICT;"
    "CREATE TABLE histogram("
    " run_id INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,"
    " direction TEXT NOT NULL CHECK(direction IN ('forward', 'reverse')),"
    " upper_ns INTEGER NOT NULL," /* the largest number: without a bound */
    " count INTEGER NOT NULL,"
    " PRIMARY KEY(run_id, direction, upper_ns)"
    ") STRICT, WITHOUT ROWID;"
    /* Logs of runs that are gone: to be removed still. */
    "CREATE TABLE discarded_log(path TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;";

const char *const spd_store_schema[] = { version_1 };
const int spd_store_schema_version = sizeof(spd_store_schema) / sizeof(spd_store_schema[0]);
