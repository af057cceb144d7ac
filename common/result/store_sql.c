/*
 * Statements of SQLite, and its errors in our words. Whoever owns the store;
 * blocks on the disk; never on a measuring thread.
 */
#include <errno.h>
#include <string.h>

#include "common/result/store_private.h"

/* Why a file cannot be opened. The codes of both systems, which do not clash
 * here: 2 and 3 mean "not found", 5 means "access denied" on Windows. */
static enum spd_err cannot_open(int32_t os_code, const char *path, struct spd_diag *diag)
{
    if (os_code == ENOENT || os_code == 3)
        return spd_diag_set(diag, SPD_ERR_NOT_FOUND, os_code,
                            "%s cannot be opened: there is no such file or folder", path);
    if (os_code == EACCES || os_code == EPERM || os_code == EROFS || os_code == 5)
        return spd_diag_set(diag, SPD_ERR_PERM, os_code,
                            "%s cannot be opened: not permitted; run as the user of the service, "
                            "or as administrator",
                            path);
    return spd_diag_set(diag, SPD_ERR_IO, os_code, "%s cannot be opened (system error %d)", path,
                        (int)os_code);
}

enum spd_err spd_sql_error(sqlite3 *db, int rc, const char *path, struct spd_diag *diag)
{
    int32_t os_code = db ? sqlite3_system_errno(db) : 0;
    const char *text = db ? sqlite3_errmsg(db) : sqlite3_errstr(rc);

    if (rc == SQLITE_IOERR_NOMEM)
        rc = SQLITE_NOMEM;
    switch (rc & 0xff) {
    case SQLITE_FULL:
        return spd_diag_set(diag, SPD_ERR_FULL, os_code,
                            "%s: the disk is full; free some space, or keep less history", path);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return spd_diag_set(diag, SPD_ERR_PERM, os_code,
                            "%s cannot be written: it or its folder is read-only", path);
    case SQLITE_CANTOPEN:
        return cannot_open(os_code, path, diag);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return spd_diag_set(diag, SPD_ERR_TIMEOUT, os_code,
                            "%s is held by another program; close it and try again", path);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return spd_diag_set(diag, SPD_ERR_FORMAT, os_code, "%s is damaged: %s", path, text);
    case SQLITE_NOMEM:
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for %s", path);
    case SQLITE_TOOBIG:
        return spd_diag_set(diag, SPD_ERR_RANGE, 0, "a result is too long for %s", path);
    case SQLITE_IOERR:
        return spd_diag_set(diag, SPD_ERR_IO, os_code, "%s: %s (system error %d); check the disk",
                            path, text, (int)os_code);
    default:
        return spd_diag_set(diag, SPD_ERR_INTERNAL, os_code, "%s: %s (SQLite %d)", path, text, rc);
    }
}

void spd_sql_open(struct spd_sql *sql, struct spd_store *store, const char *text)
{
    *sql = (struct spd_sql){ store, NULL, SQLITE_OK };
    sql->rc = sqlite3_prepare_v2(store->db, text, -1, &sql->stmt, NULL);
}

/* 0 when it is not to be bound any more. A name that is not there is our bug. */
static int parameter(struct spd_sql *sql, const char *name)
{
    int index = sql->rc == SQLITE_OK ? sqlite3_bind_parameter_index(sql->stmt, name) : 0;

    if (sql->rc == SQLITE_OK && index == 0)
        sql->rc = SQLITE_MISUSE;
    return index;
}

void spd_sql_text(struct spd_sql *sql, const char *name, const char *text)
{
    int index = parameter(sql, name);

    if (index)
        sql->rc = sqlite3_bind_text64(sql->stmt, index, text ? text : "", text ? strlen(text) : 0,
                                      SQLITE_TRANSIENT, SQLITE_UTF8);
}

void spd_sql_int(struct spd_sql *sql, const char *name, int64_t value)
{
    int index = parameter(sql, name);

    if (index)
        sql->rc = sqlite3_bind_int64(sql->stmt, index, value);
}

void spd_sql_int_known(struct spd_sql *sql, const char *name, int64_t value, bool known)
{
    if (known)
        spd_sql_int(sql, name, value);
    else
        parameter(sql, name); /* NULL as it is */
}

void spd_sql_real_known(struct spd_sql *sql, const char *name, double value, bool known)
{
    int index = parameter(sql, name);

    if (index && known)
        sql->rc = sqlite3_bind_double(sql->stmt, index, value);
}

bool spd_sql_step(struct spd_sql *sql)
{
    int rc;

    if (sql->rc != SQLITE_OK)
        return false;
    rc = sqlite3_step(sql->stmt);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        sql->rc = rc;
    return rc == SQLITE_ROW;
}

const char *spd_sql_column(struct spd_sql *sql, int column)
{
    const char *text = (const char *)sqlite3_column_text(sql->stmt, column);

    if (!text && sqlite3_errcode(sql->store->db) == SQLITE_NOMEM)
        sql->rc = SQLITE_NOMEM;
    return text ? text : "";
}

void spd_sql_reset(struct spd_sql *sql)
{
    if (sql->stmt)
        sqlite3_reset(sql->stmt); /* tells again what step told */
}

enum spd_err spd_sql_close(struct spd_sql *sql, struct spd_diag *diag)
{
    enum spd_err err = SPD_ERR_OK;

    if (sql->rc != SQLITE_OK)
        err = spd_sql_error(sql->store->db, sql->rc, sql->store->path, diag);
    sqlite3_finalize(sql->stmt);
    sql->stmt = NULL;
    return err;
}

enum spd_err spd_sql_run(struct spd_store *store, const char *text, struct spd_diag *diag)
{
    int rc = sqlite3_exec(store->db, text, NULL, NULL, NULL);

    return rc == SQLITE_OK ? SPD_ERR_OK : spd_sql_error(store->db, rc, store->path, diag);
}

enum spd_err spd_sql_number(struct spd_store *store, const char *text, int64_t *out,
                            struct spd_diag *diag)
{
    struct spd_sql sql;
    int64_t value = 0;
    enum spd_err err;

    spd_sql_open(&sql, store, text);
    if (spd_sql_step(&sql))
        value = sqlite3_column_int64(sql.stmt, 0);
    err = spd_sql_close(&sql, diag);
    if (!err)
        *out = value;
    return err;
}

enum spd_err spd_sql_begin(struct spd_store *store, struct spd_diag *diag)
{
    return spd_sql_run(store, "BEGIN IMMEDIATE", diag);
}

enum spd_err spd_sql_end(struct spd_store *store, enum spd_err err, struct spd_diag *diag)
{
    if (!err)
        err = spd_sql_run(store, "COMMIT", diag);
    /* Some failures have rolled back already. */
    if (err && !sqlite3_get_autocommit(store->db))
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return err;
}
