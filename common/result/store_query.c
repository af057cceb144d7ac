/*
 * Reading the history. The thread that owns the store; never a measuring one.
 *
 * No transaction is open while the caller looks at a run: a reader that takes
 * its time (a terminal, a pipe) would keep the journal from being merged, and it
 * would grow without end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/result/store_private.h"

#define PAGE_RUNS 256

/* Where a page ended: the next one starts behind it. */
struct place {
    int64_t started_ns;
    int64_t id;
};

struct page {
    struct place runs[PAGE_RUNS];
    size_t n;
};

/* The columns in the order in which read_run takes them. */
#define COLUMNS                                                                                    \
    "id, name, user, kind, target, scheduled_ns, started_ns, ended_ns, state, exit_code, error,"   \
    " log, log_bytes, n_sent, n_lost, loss_ratio, rtt_p50_ns, rtt_p99_ns, pdv_fwd_p50_ns,"         \
    " pdv_fwd_p95_ns, pdv_fwd_p99_ns, pdv_rev_p50_ns, pdv_rev_p95_ns, pdv_rev_p99_ns, mos"

/* Only the conditions that there are, so that each finds its index. */
static void page_statement(const struct spd_store_filter *filter, char *out, size_t capacity)
{
    const char *order = filter->oldest_first ? "" : " DESC";

    snprintf(out, capacity,
             "SELECT started_ns, id FROM run WHERE (started_ns, id) %s (:started, :after)%s%s%s%s%s"
             " ORDER BY started_ns%s, id%s LIMIT :n",
             filter->oldest_first ? ">" : "<", filter->id ? " AND id = :id" : "",
             filter->name ? " AND name = :name" : "", filter->kind ? " AND kind = :kind" : "",
             filter->since.ns ? " AND started_ns >= :since" : "",
             filter->until.ns ? " AND started_ns < :until" : "", order, order);
}

static enum spd_err read_page(struct spd_store *store, const struct spd_store_filter *filter,
                              const struct place *after, struct page *page, struct spd_diag *diag)
{
    struct spd_sql sql;
    char text[400];

    page->n = 0;
    page_statement(filter, text, sizeof(text));
    spd_sql_open(&sql, store, text);
    spd_sql_int(&sql, ":started", after->started_ns);
    spd_sql_int(&sql, ":after", after->id);
    if (filter->id)
        spd_sql_int(&sql, ":id", filter->id);
    if (filter->name)
        spd_sql_text(&sql, ":name", filter->name);
    if (filter->kind)
        spd_sql_text(&sql, ":kind", filter->kind);
    if (filter->since.ns)
        spd_sql_int(&sql, ":since", filter->since.ns);
    if (filter->until.ns)
        spd_sql_int(&sql, ":until", filter->until.ns);
    spd_sql_int(&sql, ":n", PAGE_RUNS);
    while (page->n < PAGE_RUNS && spd_sql_step(&sql))
        page->runs[page->n++] =
            (struct place){ sqlite3_column_int64(sql.stmt, 0), sqlite3_column_int64(sql.stmt, 1) };
    return spd_sql_close(&sql, diag);
}

/* One run, copied out of the statement. */
struct copy {
    struct spd_store_run run;
    char *texts[9];
    size_t n_texts;
    struct spd_store_bucket *buckets;
    bool no_memory;
};

static void copy_fini(struct copy *copy)
{
    for (size_t i = 0; i < copy->n_texts; i++)
        free(copy->texts[i]);
    free(copy->buckets);
}

static const char *copy_text(struct copy *copy, struct spd_sql *sql, int column)
{
    const char *text = spd_sql_column(sql, column);
    size_t n = strlen(text);
    char *out = malloc(n + 1);

    if (!out) {
        copy->no_memory = true;
        return "";
    }
    memcpy(out, text, n + 1);
    copy->texts[copy->n_texts++] = out;
    return out;
}

static spd_ns known_ns(const struct spd_sql *sql, int column)
{
    return sqlite3_column_type(sql->stmt, column) == SQLITE_NULL
               ? SPD_NS_UNKNOWN
               : sqlite3_column_int64(sql->stmt, column);
}

static void copy_figures(struct spd_store_figures *f, const struct spd_sql *sql, int column)
{
    f->known = sqlite3_column_type(sql->stmt, column) != SQLITE_NULL;
    f->n_sent = (uint64_t)sqlite3_column_int64(sql->stmt, column++);
    f->n_lost = (uint64_t)sqlite3_column_int64(sql->stmt, column++);
    f->loss_ratio = sqlite3_column_double(sql->stmt, column++);
    f->rtt_p50_ns = known_ns(sql, column++);
    f->rtt_p99_ns = known_ns(sql, column++);
    for (int way = 0; way < 2; way++) {
        f->ways[way].pdv_p50_ns = known_ns(sql, column++);
        f->ways[way].pdv_p95_ns = known_ns(sql, column++);
        f->ways[way].pdv_p99_ns = known_ns(sql, column++);
    }
    f->mos = sqlite3_column_double(sql->stmt, column);
}

static void copy_run(struct copy *copy, struct spd_sql *sql)
{
    struct spd_store_run *run = &copy->run;
    int column = 0;

    run->id = sqlite3_column_int64(sql->stmt, column++);
    run->name = copy_text(copy, sql, column++);
    run->user = copy_text(copy, sql, column++);
    run->kind = copy_text(copy, sql, column++);
    run->target = copy_text(copy, sql, column++);
    run->scheduled.ns = sqlite3_column_int64(sql->stmt, column++);
    run->started.ns = sqlite3_column_int64(sql->stmt, column++);
    run->ended.ns = sqlite3_column_int64(sql->stmt, column++);
    run->state = spd_store_state_find(copy_text(copy, sql, column++));
    run->exit_code = sqlite3_column_int(sql->stmt, column++);
    run->error = copy_text(copy, sql, column++);
    run->log = copy_text(copy, sql, column++);
    run->log_bytes = (uint64_t)sqlite3_column_int64(sql->stmt, column++);
    copy_figures(&run->figures, sql, column);
    run->result = run->environment = "";
}

static enum spd_err read_detail(struct spd_store *store, struct copy *copy, const char *statement,
                                const char **out, struct spd_diag *diag)
{
    struct spd_sql sql;

    spd_sql_open(&sql, store, statement);
    spd_sql_int(&sql, ":id", copy->run.id);
    if (spd_sql_step(&sql))
        *out = copy_text(copy, &sql, 0);
    return spd_sql_close(&sql, diag);
}

static enum spd_err read_buckets(struct spd_store *store, struct copy *copy, struct spd_diag *diag)
{
    struct spd_sql sql;
    size_t capacity = 0;

    spd_sql_open(&sql, store,
                 "SELECT direction = 'reverse', upper_ns, count FROM histogram WHERE run_id = :id"
                 " ORDER BY direction, upper_ns");
    spd_sql_int(&sql, ":id", copy->run.id);
    while (!copy->no_memory && spd_sql_step(&sql)) {
        if (copy->run.n_buckets == capacity) {
            struct spd_store_bucket *grown;

            capacity = capacity ? 2 * capacity : 64;
            grown = realloc(copy->buckets, capacity * sizeof(*grown));
            if (!grown) {
                copy->no_memory = true;
                break;
            }
            copy->buckets = grown;
        }
        copy->buckets[copy->run.n_buckets++] = (struct spd_store_bucket){
            sqlite3_column_int(sql.stmt, 0),
            sqlite3_column_int64(sql.stmt, 1),
            (uint64_t)sqlite3_column_int64(sql.stmt, 2),
        };
    }
    copy->run.buckets = copy->buckets;
    return spd_sql_close(&sql, diag);
}

static enum spd_err read_details(struct spd_store *store, struct copy *copy, struct spd_diag *diag)
{
    enum spd_err err = read_detail(store, copy, "SELECT json FROM result WHERE run_id = :id",
                                   &copy->run.result, diag);

    if (!err)
        err = read_detail(store, copy, "SELECT json FROM environment WHERE run_id = :id",
                          &copy->run.environment, diag);
    return err ? err : read_buckets(store, copy, diag);
}

/* found is false when retention has removed it since. */
static enum spd_err read_run(struct spd_store *store, int64_t id, bool with_details,
                             struct copy *copy, bool *found, struct spd_diag *diag)
{
    struct spd_sql sql;
    enum spd_err err;

    *copy = (struct copy){ 0 };
    spd_sql_open(&sql, store, "SELECT " COLUMNS " FROM run WHERE id = :id");
    spd_sql_int(&sql, ":id", id);
    *found = spd_sql_step(&sql);
    if (*found)
        copy_run(copy, &sql);
    err = spd_sql_close(&sql, diag);
    if (!err && *found && with_details)
        err = read_details(store, copy, diag);
    if (!err && copy->no_memory)
        err = spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for a result out of %s", store->path);
    return err;
}

/* Run and details are of one moment, since a transaction is around them. */
static enum spd_err read_whole(struct spd_store *store, int64_t id, bool with_details,
                               struct copy *copy, bool *found, struct spd_diag *diag)
{
    enum spd_err err = spd_sql_run(store, "BEGIN", diag);

    *copy = (struct copy){ 0 };
    *found = false;
    if (err)
        return err;
    return spd_sql_end(store, read_run(store, id, with_details, copy, found, diag), diag);
}

enum spd_err spd_store_each(struct spd_store *store, const struct spd_store_filter *filter,
                            spd_store_run_fn each, void *context, uint64_t *n,
                            struct spd_diag *diag)
{
    int64_t end = filter->oldest_first ? INT64_MIN : INT64_MAX;
    struct place after = { end, end };
    struct page *page = malloc(sizeof(*page));
    uint64_t called = 0;
    bool go_on = true;
    enum spd_err err = SPD_ERR_OK;

    if (!page)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory to read %s", store->path);
    while (go_on && !(err = read_page(store, filter, &after, page, diag)) && page->n > 0) {
        for (size_t i = 0; i < page->n && go_on && !err; i++) {
            struct copy copy;
            bool found;

            err = read_whole(store, page->runs[i].id, filter->with_details, &copy, &found, diag);
            if (!err && found) {
                called++;
                go_on = each(context, &copy.run) && called != filter->limit;
            }
            copy_fini(&copy);
        }
        if (err)
            break;
        after = page->runs[page->n - 1];
    }
    free(page);
    if (n)
        *n = called;
    return err;
}

enum spd_err spd_store_size(struct spd_store *store, struct spd_store_size *out,
                            struct spd_diag *diag)
{
    int64_t n_runs = 0, n_pages = 0, n_free = 0, page_bytes = 0, log_bytes = 0;
    enum spd_err err = spd_sql_number(store, "SELECT count(*) FROM run", &n_runs, diag);

    if (!err)
        err = spd_sql_number(store, "PRAGMA page_count", &n_pages, diag);
    if (!err)
        err = spd_sql_number(store, "PRAGMA freelist_count", &n_free, diag);
    if (!err)
        err = spd_sql_number(store, "PRAGMA page_size", &page_bytes, diag);
    if (!err)
        err = spd_sql_number(store, "SELECT sum(log_bytes) FROM run WHERE log <> ''", &log_bytes,
                             diag);
    if (!err)
        *out =
            (struct spd_store_size){ (uint64_t)n_runs, (uint64_t)((n_pages - n_free) * page_bytes),
                                     (uint64_t)log_bytes };
    return err;
}
