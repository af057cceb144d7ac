/*
 * What the parts of the store share. Part of result; nobody else includes it,
 * but its tests.
 */
#ifndef SPD_RESULT_STORE_PRIVATE_H
#define SPD_RESULT_STORE_PRIVATE_H

#include <sqlite3.h>

#include "common/result/store.h"

/* "SPDH": a history of ours, for file(1) and for us. */
#define SPD_STORE_APPLICATION_ID 0x53504448

struct spd_store {
    sqlite3 *db;
    sqlite3 *lock; /* holds PATH.lock while this is the writer; else NULL */
    char *path;
    enum spd_store_mode mode;
};

/* One statement from prepare to finalize, which remembers the first failure so
 * that what is bound need not be looked after piece by piece. */
struct spd_sql {
    struct spd_store *store;
    sqlite3_stmt *stmt;
    int rc; /* SQLITE_OK so far */
};

void spd_sql_open(struct spd_sql *sql, struct spd_store *store, const char *text);
void spd_sql_text(struct spd_sql *sql, const char *name, const char *text); /* NULL: "" */
void spd_sql_int(struct spd_sql *sql, const char *name, int64_t value);
void spd_sql_int_known(struct spd_sql *sql, const char *name, int64_t value, bool known);
void spd_sql_real_known(struct spd_sql *sql, const char *name, double value, bool known);
/* Whether there is a row. */
bool spd_sql_step(struct spd_sql *sql);
/* A text of the row, valid until the next step; "" for NULL, and when out of
 * memory, which is remembered. */
const char *spd_sql_column(struct spd_sql *sql, int column);
void spd_sql_reset(struct spd_sql *sql);
enum spd_err spd_sql_close(struct spd_sql *sql, struct spd_diag *diag);

/* Run a text of statements, or one that gives one number. */
enum spd_err spd_sql_run(struct spd_store *store, const char *text, struct spd_diag *diag);
enum spd_err spd_sql_number(struct spd_store *store, const char *text, int64_t *out,
                            struct spd_diag *diag);

/* Commit if err is OK, else roll back; gives err, or what the commit gave. */
enum spd_err spd_sql_begin(struct spd_store *store, struct spd_diag *diag);
enum spd_err spd_sql_end(struct spd_store *store, enum spd_err err, struct spd_diag *diag);

/* A result code of SQLite as ours. */
enum spd_err spd_sql_error(sqlite3 *db, int rc, const char *path, struct spd_diag *diag);

/* Steps of the schema: the n-th text leads from version n to n + 1. */
extern const char *const spd_store_schema[];
extern const int spd_store_schema_version;

/* From the version that the database has, up to n_steps; all in one
 * transaction. Nothing happens when it is there already. */
enum spd_err spd_store_migrate(struct spd_store *store, const char *const *steps, int n_steps,
                               struct spd_diag *diag);

/* Rename path and what SQLite keeps beside it. moved has room for its new name. */
enum spd_err spd_store_move_aside(const char *path, spd_wall now, char *moved, size_t capacity,
                                  struct spd_diag *diag);

/* OK, or INVALID for a reader. */
enum spd_err spd_store_must_write(const struct spd_store *store, struct spd_diag *diag);

/* Only one writer: take or refuse (IN_USE). */
enum spd_err spd_store_lock(struct spd_store *store, struct spd_diag *diag);

#endif
