/*
 * Opening and closing the history. Whoever will own the store; blocks on the
 * disk; never on a measuring thread.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/text.h"
#include "common/result/store_private.h"

#define BUSY_TIMEOUT_MS 5000

/* A commit survives a power cut (synchronous; EXTRA, since the journal with which
 * the very first pages are written must not come back either), readers and the
 * writer pass each other (WAL, below), and what lies beside the database stays
 * small. auto_vacuum counts only before the first table. */
static const char settings[] = "PRAGMA auto_vacuum = INCREMENTAL;"
                               "PRAGMA synchronous = EXTRA;"
                               "PRAGMA foreign_keys = ON;"
                               "PRAGMA trusted_schema = OFF;"
                               "PRAGMA cell_size_check = ON;"
                               "PRAGMA temp_store = MEMORY;"
                               "PRAGMA journal_size_limit = 4194304;";

/* What the header of the file says. */
struct identity {
    int64_t application;
    int64_t version;
    int64_t n_objects;
};

static enum spd_err identify(struct spd_store *store, struct identity *out, struct spd_diag *diag)
{
    enum spd_err err = spd_sql_number(store, "PRAGMA application_id", &out->application, diag);

    if (!err)
        err = spd_sql_number(store, "PRAGMA user_version", &out->version, diag);
    if (!err)
        err = spd_sql_number(store, "SELECT count(*) FROM sqlite_schema", &out->n_objects, diag);
    return err;
}

static bool is_empty(const struct identity *identity)
{
    return identity->application == 0 && identity->version == 0 && identity->n_objects == 0;
}

static enum spd_err check_identity(const struct spd_store *store, const struct identity *identity,
                                   struct spd_diag *diag)
{
    if (identity->application != SPD_STORE_APPLICATION_ID)
        return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                            "%s is a database, but not a history of stampede; name another file",
                            store->path);
    if (identity->version > spd_store_schema_version)
        return spd_diag_set(diag, SPD_ERR_NOTSUP, 0,
                            "%s was written by a newer version of stampede (schema %" PRId64
                            ", this one knows %d); use that version",
                            store->path, identity->version, spd_store_schema_version);
    return SPD_ERR_OK;
}

static enum spd_err set_wal(struct spd_store *store, struct spd_diag *diag)
{
    struct spd_sql sql;
    bool is_wal = false;
    enum spd_err err;

    spd_sql_open(&sql, store, "PRAGMA journal_mode = WAL");
    if (spd_sql_step(&sql))
        is_wal = strcmp(spd_sql_column(&sql, 0), "wal") == 0;
    err = spd_sql_close(&sql, diag);
    if (!err && !is_wal)
        err = spd_diag_set(diag, SPD_ERR_NOTSUP, 0,
                           "%s: this file system cannot share memory between processes (a network "
                           "drive?); keep the history on a local disk",
                           store->path);
    return err;
}

/* Also run by readers: PRAGMA quick_check and integrity_check give "ok", or a
 * row for each thing that is wrong. */
static enum spd_err check(struct spd_store *store, const char *pragma, struct spd_diag *diag)
{
    struct spd_sql sql;
    enum spd_err err = SPD_ERR_OK, closed;

    spd_sql_open(&sql, store, pragma);
    if (spd_sql_step(&sql)) {
        const char *text = spd_sql_column(&sql, 0);

        if (sql.rc == SQLITE_OK && strcmp(text, "ok") != 0)
            err = spd_diag_set(diag, SPD_ERR_FORMAT, 0, "%s is damaged: %s", store->path, text);
    }
    closed = spd_sql_close(&sql, err ? NULL : diag);
    return err ? err : closed;
}

enum spd_err spd_store_check(struct spd_store *store, struct spd_diag *diag)
{
    return check(store, "PRAGMA integrity_check(1)", diag);
}

static enum spd_err open_database(struct spd_store *store, const char *name, int flags,
                                  struct spd_diag *diag)
{
    int rc = sqlite3_open_v2(name, &store->db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                             NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_busy_timeout(store->db, BUSY_TIMEOUT_MS);
    /* A damaged one is kept as it is: its journal is not to be merged into it. */
    if (rc == SQLITE_OK)
        rc = sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    return rc == SQLITE_OK ? SPD_ERR_OK : spd_sql_error(store->db, rc, store->path, diag);
}

static void close_database(struct spd_store *store)
{
    sqlite3_close(store->db);
    store->db = NULL;
}

static enum spd_err mark_interrupted(struct spd_store *store, uint64_t *n, struct spd_diag *diag)
{
    enum spd_err err = spd_sql_run(store,
                                   "UPDATE run SET state = 'interrupted', error ="
                                   " 'the service ended before the test did'"
                                   " WHERE state = 'running'",
                                   diag);

    if (!err)
        *n = (uint64_t)sqlite3_changes64(store->db);
    return err;
}

/* Errors: FORMAT for a damaged one. */
static enum spd_err prepare_to_write(struct spd_store *store, struct spd_store_opened *opened,
                                     struct spd_diag *diag)
{
    struct identity identity;
    enum spd_err err =
        open_database(store, store->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, diag);

    if (err || (err = identify(store, &identity, diag)))
        return err;
    /* Nothing is written to what is not ours. */
    if (!is_empty(&identity) && !(err = check_identity(store, &identity, diag)))
        err = check(store, "PRAGMA quick_check(1)", diag);
    if (err || (err = spd_sql_run(store, settings, diag)) || (err = set_wal(store, diag)) ||
        (err = spd_store_migrate(store, spd_store_schema, spd_store_schema_version, diag)) ||
        (err = mark_interrupted(store, &opened->n_interrupted, diag)))
        return err;
    opened->created = is_empty(&identity);
    if (!opened->created && identity.version < spd_store_schema_version)
        opened->migrated_from = (int)identity.version;
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    return SPD_ERR_OK;
}

static enum spd_err open_to_write(struct spd_store *store, spd_wall now,
                                  struct spd_store_opened *opened, struct spd_diag *diag)
{
    char moved[1024];
    struct spd_diag why = { 0 };
    enum spd_err err = spd_store_lock(store, diag);

    if (err)
        return err;
    err = prepare_to_write(store, opened, &why);
    if (err == SPD_ERR_FORMAT) {
        close_database(store);
        if ((err = spd_store_move_aside(store->path, now, moved, sizeof(moved), diag)))
            return err;
        opened->damaged = true;
        snprintf(opened->notice, sizeof(opened->notice), "%.120s; it is kept as %.250s", why.text,
                 moved);
        err = prepare_to_write(store, opened, &why);
    } else if (!err && opened->migrated_from) {
        snprintf(opened->notice, sizeof(opened->notice),
                 "%s was brought from version %d of its schema to %d", store->path,
                 opened->migrated_from, spd_store_schema_version);
    } else if (!err && opened->n_interrupted) {
        snprintf(opened->notice, sizeof(opened->notice),
                 "%" PRIu64 " tests had not ended when the service did", opened->n_interrupted);
    }
    if (err && diag)
        *diag = why;
    return err;
}

/* As URI, so that SQLite neither locks nor looks for a journal. */
static char *immutable_name(const char *path)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-";
    size_t capacity = 3 * strlen(path) + 32, n;
    char *out = malloc(capacity);

    if (!out)
        return NULL;
    n = (size_t)snprintf(out, capacity, "file:");
    for (; *path; path++)
        n += (size_t)snprintf(out + n, capacity - n, strchr(plain, *path) ? "%c" : "%%%02X",
                              (unsigned char)*path);
    snprintf(out + n, capacity - n, "?immutable=1");
    return out;
}

static enum spd_err open_and_identify(struct spd_store *store, const char *name, int flags,
                                      struct identity *identity, struct spd_diag *diag)
{
    enum spd_err err = open_database(store, name, SQLITE_OPEN_READONLY | flags, diag);

    return err ? err : identify(store, identity, diag);
}

/* The database itself is never opened beside SQLite: closing it would drop the
 * locks that this process has on it (POSIX). The journal is not locked. */
static bool has_journal(const char *path)
{
    size_t capacity = strlen(path) + 5;
    char *name = malloc(capacity);
    FILE *file = NULL;

    if (name) {
        snprintf(name, capacity, "%s-wal", path);
        file = fopen(name, "rb");
        free(name);
    }
    if (file)
        fclose(file);
    return file != NULL;
}

/* Whoever may not write in the folder cannot join in the journal's locking. If
 * there is no journal, nobody writes, and the file alone says all. */
static enum spd_err open_unjoined(struct spd_store *store, struct identity *identity,
                                  struct spd_diag *diag)
{
    char *name = immutable_name(store->path);
    enum spd_err err;

    close_database(store);
    if (!name)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for %s", store->path);
    err = open_and_identify(store, name, SQLITE_OPEN_URI, identity, diag);
    free(name);
    return err;
}

static enum spd_err open_to_read(struct spd_store *store, struct spd_diag *diag)
{
    struct identity identity;
    enum spd_err err = open_and_identify(store, store->path, 0, &identity, diag);

    if (err == SPD_ERR_NOT_FOUND || err == SPD_ERR_PERM || err == SPD_ERR_IO) {
        if (has_journal(store->path))
            return spd_diag_set(diag, SPD_ERR_PERM, diag ? diag->os_code : 0,
                                "%s was not closed in order, and who may not write beside it "
                                "cannot read it now; start the service, or run as administrator",
                                store->path);
        err = open_unjoined(store, &identity, diag);
    }
    if (err)
        return err;
    if (is_empty(&identity))
        return spd_diag_set(diag, SPD_ERR_NOT_FOUND, 0, "%s holds no history yet", store->path);
    if ((err = check_identity(store, &identity, diag)))
        return err;
    if (identity.version < spd_store_schema_version)
        return spd_diag_set(diag, SPD_ERR_NOTSUP, 0,
                            "%s was written by an older version of stampede; start the service "
                            "once, which brings it up to date",
                            store->path);
    return SPD_ERR_OK;
}

enum spd_err spd_store_open(const char *path, enum spd_store_mode mode, spd_wall now,
                            struct spd_store **out, struct spd_store_opened *opened,
                            struct spd_diag *diag)
{
    struct spd_store_opened found = { 0 };
    struct spd_store *store = calloc(1, sizeof(*store));
    enum spd_err err;

    if (store) {
        store->mode = mode;
        store->path = malloc(strlen(path) + 1);
    }
    if (!store || !store->path) {
        free(store);
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for %s", path);
    }
    memcpy(store->path, path, strlen(path) + 1);
    err = mode == SPD_STORE_WRITE ? open_to_write(store, now, &found, diag)
                                  : open_to_read(store, diag);
    if (err) {
        spd_store_close(store);
        return err;
    }
    if (opened)
        *opened = found;
    *out = store;
    return SPD_ERR_OK;
}

void spd_store_close(struct spd_store *store)
{
    if (!store)
        return;
    /* In this order: whoever takes the lock next finds the journal merged. */
    sqlite3_close(store->db);
    sqlite3_close(store->lock);
    free(store->path);
    free(store);
}
