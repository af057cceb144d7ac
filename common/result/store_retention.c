/*
 * Forgetting in time. The thread that owns the store; blocks on the disk; never
 * on a measuring thread.
 *
 * Runs go first, in one transaction that also notes their logs; then the files
 * go, then the notes. So a kill in between leaves neither a run whose log is
 * gone nor a file that nobody knows of.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/result/store_private.h"

#define RUNS_A_CALL 100
/* More, so that some that cannot be removed stand in no other's way. */
#define LOGS_A_CALL 1000
/* Of a run besides its texts: its row, its index entries, its buckets. */
#define ROW_BYTES   400
#define PAGES_FREED 1024

struct victims {
    int64_t ids[RUNS_A_CALL];
    size_t n;
    bool more;
};

/* The oldest that are over, until they are young enough and the excess is gone. */
static enum spd_err choose(struct spd_store *store, int64_t oldest_ns, uint64_t excess,
                           struct victims *out, struct spd_diag *diag)
{
    struct spd_sql sql;

    out->n = 0;
    out->more = false;
    spd_sql_open(&sql, store,
                 "SELECT id, started_ns, log_bytes"
                 " + coalesce((SELECT length(json) FROM result WHERE run_id = id), 0)"
                 " + coalesce((SELECT length(json) FROM environment WHERE run_id = id), 0)"
                 " FROM run WHERE state <> 'running' ORDER BY started_ns, id");
    while (spd_sql_step(&sql)) {
        uint64_t bytes = (uint64_t)sqlite3_column_int64(sql.stmt, 2) + ROW_BYTES;

        if (sqlite3_column_int64(sql.stmt, 1) >= oldest_ns && excess == 0)
            break;
        if (out->n == RUNS_A_CALL) {
            out->more = true;
            break;
        }
        out->ids[out->n++] = sqlite3_column_int64(sql.stmt, 0);
        excess = excess > bytes ? excess - bytes : 0;
    }
    return spd_sql_close(&sql, diag);
}

static enum spd_err for_each_victim(struct spd_store *store, const struct victims *victims,
                                    const char *statement, struct spd_diag *diag)
{
    struct spd_sql sql;

    spd_sql_open(&sql, store, statement);
    for (size_t i = 0; i < victims->n; i++) {
        spd_sql_int(&sql, ":id", victims->ids[i]);
        spd_sql_step(&sql);
        spd_sql_reset(&sql);
    }
    return spd_sql_close(&sql, diag);
}

static enum spd_err remove_runs(struct spd_store *store, const struct victims *victims,
                                struct spd_diag *diag)
{
    enum spd_err err = spd_sql_begin(store, diag);

    if (err)
        return err;
    err = for_each_victim(store, victims,
                          "INSERT OR IGNORE INTO discarded_log"
                          " SELECT log FROM run WHERE id = :id AND log <> ''",
                          diag);
    if (!err) /* and with it what refers to it */
        err = for_each_victim(store, victims, "DELETE FROM run WHERE id = :id", diag);
    if (!err) /* written anew by a run that stays */
        err = spd_sql_run(store,
                          "DELETE FROM discarded_log WHERE EXISTS"
                          " (SELECT 1 FROM run WHERE log <> '' AND log = path)",
                          diag);
    return spd_sql_end(store, err, diag);
}

static enum spd_err for_name(struct spd_store *store, const char *statement, const char *name,
                             int64_t keep, struct spd_diag *diag)
{
    struct spd_sql sql;

    spd_sql_open(&sql, store, statement);
    spd_sql_text(&sql, ":name", name);
    spd_sql_int(&sql, ":keep", keep);
    spd_sql_step(&sql);
    return spd_sql_close(&sql, diag);
}

enum spd_err spd_store_give_up_logs(struct spd_store *store, const char *name, int64_t keep,
                                    struct spd_diag *diag)
{
    enum spd_err err = spd_sql_begin(store, diag);

    if (err)
        return err;
    err = for_name(store,
                   "INSERT OR IGNORE INTO discarded_log SELECT log FROM run"
                   " WHERE name = :name AND id <> :keep AND log <> ''",
                   name, keep, diag);
    if (!err)
        err = for_name(store,
                       "UPDATE run SET log = '', log_bytes = 0"
                       " WHERE name = :name AND id <> :keep AND log <> ''",
                       name, keep, diag);
    return spd_sql_end(store, err, diag);
}

static const char next_log[] = "SELECT path FROM discarded_log WHERE path > :after"
                               " ORDER BY path LIMIT 1";

static enum spd_err forget_log(struct spd_store *store, const char *path, struct spd_diag *diag)
{
    struct spd_sql sql;

    spd_sql_open(&sql, store, "DELETE FROM discarded_log WHERE path = :path");
    spd_sql_text(&sql, ":path", path);
    spd_sql_step(&sql);
    return spd_sql_close(&sql, diag);
}

/* NULL in *path: there is none. */
static enum spd_err take_log(struct spd_store *store, const char *after, char **path,
                             struct spd_diag *diag)
{
    struct spd_sql sql;
    enum spd_err err;

    *path = NULL;
    spd_sql_open(&sql, store, next_log);
    spd_sql_text(&sql, ":after", after);
    if (spd_sql_step(&sql)) {
        *path = strdup(spd_sql_column(&sql, 0));
        if (!*path)
            sql.rc = SQLITE_NOMEM;
    }
    err = spd_sql_close(&sql, diag);
    if (err) {
        free(*path);
        *path = NULL;
    }
    return err;
}

static bool remove_file(const char *path, struct spd_store_retained *out, struct spd_diag *diag)
{
    errno = 0;
    if (remove(path) == 0) {
        out->n_logs++;
        return true;
    }
    if (errno == ENOENT) /* by hand, or by us before a kill */
        return true;
    out->n_logs_left++;
    spd_diag_set(diag, SPD_ERR_OK, errno, "the old log %s cannot be removed: %s", path,
                 strerror(errno));
    return false;
}

static enum spd_err remove_logs(struct spd_store *store, struct spd_store_retained *out,
                                struct spd_diag *diag)
{
    char *path, *after = NULL;
    enum spd_err err = SPD_ERR_OK;

    while (!err && out->n_logs + out->n_logs_left < LOGS_A_CALL) {
        err = take_log(store, after ? after : "", &path, diag);
        if (err || !path)
            break;
        if (remove_file(path, out, diag))
            err = forget_log(store, path, diag);
        free(after);
        after = path;
    }
    free(after);
    return err;
}

static enum spd_err give_back(struct spd_store *store, struct spd_diag *diag)
{
    struct spd_sql sql;
    char text[64];

    snprintf(text, sizeof(text), "PRAGMA incremental_vacuum(%d)", PAGES_FREED);
    spd_sql_open(&sql, store, text);
    while (spd_sql_step(&sql)) /* one page a step */
        ;
    return spd_sql_close(&sql, diag);
}

enum spd_err spd_store_retain(struct spd_store *store, const struct spd_store_limits *limits,
                              spd_wall now, struct spd_store_retained *out, struct spd_diag *diag)
{
    struct spd_store_retained done = { 0 };
    struct spd_store_size size;
    struct victims *victims;
    uint64_t total, excess = 0;
    enum spd_err err = spd_store_must_write(store, diag);

    if (err)
        return err;
    victims = calloc(1, sizeof(*victims));
    if (!victims)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for %s", store->path);
    if (!(err = spd_store_size(store, &size, diag))) {
        total = size.database_bytes + size.log_bytes;
        if (limits->max_bytes && total > limits->max_bytes)
            excess = total - limits->max_bytes;
        err = choose(store, limits->max_age_ns ? now.ns - limits->max_age_ns : INT64_MIN, excess,
                     victims, diag);
    }
    if (!err && victims->n)
        err = remove_runs(store, victims, diag);
    if (!err)
        err = remove_logs(store, &done, diag);
    if (!err)
        err = give_back(store, diag);
    done.n_runs = victims->n;
    done.more = victims->more;
    free(victims);
    if (!err)
        *out = done;
    return err;
}
