/*
 * Keeping what was measured. The thread that owns the store; blocks on the disk;
 * never on a measuring thread.
 */
#include "common/result/store.h"

#include <string.h>

#include "common/result/store_private.h"

static const char *const state_names[SPD_STORE_STATE_COUNT] = {
    "running", "finished", "failed", "cancelled", "interrupted", "missed",
};

const char *spd_store_state_name(enum spd_store_state state)
{
    return (unsigned)state < SPD_STORE_STATE_COUNT ? state_names[state] : "unknown";
}

enum spd_store_state spd_store_state_find(const char *name)
{
    for (int i = 0; i < SPD_STORE_STATE_COUNT; i++)
        if (strcmp(state_names[i], name) == 0)
            return (enum spd_store_state)i;
    return SPD_STORE_STATE_COUNT;
}

enum spd_err spd_store_must_write(const struct spd_store *store, struct spd_diag *diag)
{
    return store->mode == SPD_STORE_WRITE
               ? SPD_ERR_OK
               : spd_diag_set(diag, SPD_ERR_INVALID, 0, "%s is open for reading only", store->path);
}

/* What is known when a test starts. */
static enum spd_err insert_run(struct spd_store *store, const struct spd_store_run *run,
                               int64_t *id, struct spd_diag *diag)
{
    struct spd_sql sql;
    enum spd_err err;

    spd_sql_open(&sql, store,
                 "INSERT INTO run(name, user, kind, target, scheduled_ns, started_ns, state)"
                 " VALUES(:name, :user, :kind, :target, :scheduled, :started, 'running')");
    spd_sql_text(&sql, ":name", run->name);
    spd_sql_text(&sql, ":user", run->user);
    spd_sql_text(&sql, ":kind", run->kind);
    spd_sql_text(&sql, ":target", run->target);
    spd_sql_int_known(&sql, ":scheduled", run->scheduled.ns, run->scheduled.ns != 0);
    spd_sql_int(&sql, ":started", run->started.ns);
    spd_sql_step(&sql);
    err = spd_sql_close(&sql, diag);
    if (!err)
        *id = sqlite3_last_insert_rowid(store->db);
    return err;
}

static void bind_time(struct spd_sql *sql, const char *name, bool known, spd_ns value)
{
    spd_sql_int_known(sql, name, value, known && value != SPD_NS_UNKNOWN);
}

static void bind_figures(struct spd_sql *sql, const struct spd_store_figures *f)
{
    spd_sql_int_known(sql, ":n_sent", (int64_t)f->n_sent, f->known);
    spd_sql_int_known(sql, ":n_lost", (int64_t)f->n_lost, f->known);
    spd_sql_real_known(sql, ":loss_ratio", f->loss_ratio, f->known);
    spd_sql_real_known(sql, ":mos", f->mos, f->known && f->mos > 0);
    bind_time(sql, ":rtt_p50", f->known, f->rtt_p50_ns);
    bind_time(sql, ":rtt_p99", f->known, f->rtt_p99_ns);
    bind_time(sql, ":fwd_p50", f->known, f->ways[0].pdv_p50_ns);
    bind_time(sql, ":fwd_p95", f->known, f->ways[0].pdv_p95_ns);
    bind_time(sql, ":fwd_p99", f->known, f->ways[0].pdv_p99_ns);
    bind_time(sql, ":rev_p50", f->known, f->ways[1].pdv_p50_ns);
    bind_time(sql, ":rev_p95", f->known, f->ways[1].pdv_p95_ns);
    bind_time(sql, ":rev_p99", f->known, f->ways[1].pdv_p99_ns);
}

static enum spd_err update_run(struct spd_store *store, int64_t id, const struct spd_store_run *run,
                               struct spd_diag *diag)
{
    struct spd_sql sql;
    enum spd_err err;

    spd_sql_open(&sql, store,
                 "UPDATE run SET state = :state, ended_ns = :ended, exit_code = :exit_code,"
                 " error = :error, log = :log, log_bytes = :log_bytes, n_sent = :n_sent,"
                 " n_lost = :n_lost, loss_ratio = :loss_ratio, rtt_p50_ns = :rtt_p50,"
                 " rtt_p99_ns = :rtt_p99, pdv_fwd_p50_ns = :fwd_p50, pdv_fwd_p95_ns = :fwd_p95,"
                 " pdv_fwd_p99_ns = :fwd_p99, pdv_rev_p50_ns = :rev_p50,"
                 " pdv_rev_p95_ns = :rev_p95, pdv_rev_p99_ns = :rev_p99, mos = :mos"
                 " WHERE id = :id AND state = 'running'");
    spd_sql_int(&sql, ":id", id);
    spd_sql_text(&sql, ":state", spd_store_state_name(run->state));
    spd_sql_int_known(&sql, ":ended", run->ended.ns, run->ended.ns != 0);
    spd_sql_int(&sql, ":exit_code", run->exit_code);
    spd_sql_text(&sql, ":error", run->error);
    spd_sql_text(&sql, ":log", run->log);
    spd_sql_int(&sql, ":log_bytes", (int64_t)run->log_bytes);
    bind_figures(&sql, &run->figures);
    spd_sql_step(&sql);
    err = spd_sql_close(&sql, diag);
    if (!err && sqlite3_changes(store->db) == 0)
        err = spd_diag_set(diag, SPD_ERR_NOT_FOUND, 0, "%s has no running test %lld", store->path,
                           (long long)id);
    return err;
}

static enum spd_err insert_text(struct spd_store *store, const char *statement, int64_t id,
                                const char *text, struct spd_diag *diag)
{
    struct spd_sql sql;

    if (!text || !*text)
        return SPD_ERR_OK;
    spd_sql_open(&sql, store, statement);
    spd_sql_int(&sql, ":id", id);
    spd_sql_text(&sql, ":json", text);
    spd_sql_step(&sql);
    return spd_sql_close(&sql, diag);
}

static enum spd_err insert_buckets(struct spd_store *store, int64_t id,
                                   const struct spd_store_run *run, struct spd_diag *diag)
{
    struct spd_sql sql;

    if (run->n_buckets == 0)
        return SPD_ERR_OK;
    spd_sql_open(&sql, store, "INSERT INTO histogram VALUES(:id, :direction, :upper, :count)");
    for (size_t i = 0; i < run->n_buckets; i++) {
        spd_sql_int(&sql, ":id", id);
        spd_sql_text(&sql, ":direction", run->buckets[i].way == 0 ? "forward" : "reverse");
        spd_sql_int(&sql, ":upper", run->buckets[i].upper_ns);
        spd_sql_int(&sql, ":count", (int64_t)run->buckets[i].n);
        spd_sql_step(&sql);
        spd_sql_reset(&sql);
    }
    return spd_sql_close(&sql, diag);
}

static enum spd_err complete(struct spd_store *store, int64_t id, const struct spd_store_run *run,
                             struct spd_diag *diag)
{
    enum spd_err err = update_run(store, id, run, diag);

    if (!err)
        err = insert_text(store, "INSERT INTO result VALUES(:id, :json)", id, run->result, diag);
    if (!err)
        err = insert_text(store, "INSERT INTO environment VALUES(:id, :json)", id, run->environment,
                          diag);
    if (!err)
        err = insert_buckets(store, id, run, diag);
    return err;
}

static enum spd_err must_be_over(const struct spd_store_run *run, struct spd_diag *diag)
{
    return run->state > SPD_STORE_RUNNING && run->state < SPD_STORE_STATE_COUNT
               ? SPD_ERR_OK
               : spd_diag_set(diag, SPD_ERR_INVALID, 0, "a test that is over cannot be \"%s\"",
                              spd_store_state_name(run->state));
}

enum spd_err spd_store_begin(struct spd_store *store, const struct spd_store_run *run, int64_t *id,
                             struct spd_diag *diag)
{
    int64_t new_id = 0;
    enum spd_err err = spd_store_must_write(store, diag);

    if (err || (err = spd_sql_begin(store, diag)))
        return err;
    err = spd_sql_end(store, insert_run(store, run, &new_id, diag), diag);
    if (!err)
        *id = new_id;
    return err;
}

enum spd_err spd_store_finish(struct spd_store *store, int64_t id, const struct spd_store_run *run,
                              struct spd_diag *diag)
{
    enum spd_err err = spd_store_must_write(store, diag);

    if (err || (err = must_be_over(run, diag)) || (err = spd_sql_begin(store, diag)))
        return err;
    return spd_sql_end(store, complete(store, id, run, diag), diag);
}

enum spd_err spd_store_add(struct spd_store *store, const struct spd_store_run *run, int64_t *id,
                           struct spd_diag *diag)
{
    int64_t new_id = 0;
    enum spd_err err = spd_store_must_write(store, diag);

    if (err || (err = must_be_over(run, diag)) || (err = spd_sql_begin(store, diag)))
        return err;
    err = insert_run(store, run, &new_id, diag);
    if (!err)
        err = complete(store, new_id, run, diag);
    err = spd_sql_end(store, err, diag);
    if (!err)
        *id = new_id;
    return err;
}
