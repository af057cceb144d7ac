/*
 * Who may write, and where a damaged database goes. Whoever opens for writing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/result/store_private.h"
#include "common/result/when.h"

static char *join(const char *path, const char *suffix)
{
    size_t n = strlen(path), m = strlen(suffix);
    char *out = malloc(n + m + 1);

    if (out) {
        memcpy(out, path, n);
        memcpy(out + n, suffix, m + 1);
    }
    return out;
}

/* An exclusive transaction on an empty database beside ours. The system takes
 * the lock away with the process, however that ends; locking ours itself would
 * shut the readers out. */
enum spd_err spd_store_lock(struct spd_store *store, struct spd_diag *diag)
{
    char *path = join(store->path, ".lock");
    enum spd_err err = SPD_ERR_OK;
    int rc;

    if (!path)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for %s", store->path);
    rc = sqlite3_open_v2(path, &store->lock,
                         SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                             SQLITE_OPEN_EXRESCODE,
                         NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(store->lock, "PRAGMA journal_mode = OFF; BEGIN EXCLUSIVE", NULL, NULL,
                          NULL);
    if ((rc & 0xff) == SQLITE_BUSY)
        err = spd_diag_set(diag, SPD_ERR_IN_USE, 0,
                           "%s is written by another process already; a service that runs has it",
                           store->path);
    else if (rc != SQLITE_OK)
        err = spd_sql_error(store->lock, rc, path, diag);
    if (err) {
        sqlite3_close(store->lock);
        store->lock = NULL;
    }
    free(path);
    return err;
}

static bool is_there(const char *path)
{
    FILE *file = fopen(path, "rb");

    if (file)
        fclose(file);
    return file != NULL;
}

/* PATH.damaged-20261120T224710Z, with a number behind it if that is taken. */
static void name_aside(const char *path, spd_wall now, char *moved, size_t capacity)
{
    char stamp[SPD_WHEN_BYTES];

    spd_when_name(now, stamp);
    snprintf(moved, capacity, "%s.damaged-%s", path, stamp);
    for (int i = 2; is_there(moved) && i < 1000; i++)
        snprintf(moved, capacity, "%s.damaged-%s-%d", path, stamp, i);
}

enum spd_err spd_store_move_aside(const char *path, spd_wall now, char *moved, size_t capacity,
                                  struct spd_diag *diag)
{
    /* The database last: while it is there, a kill in between is tried again. */
    static const char *const parts[] = { "-wal", "-shm", "" };
    enum spd_err err = SPD_ERR_OK;

    name_aside(path, now, moved, capacity);
    for (size_t i = 0; !err && i < sizeof(parts) / sizeof(parts[0]); i++) {
        char *from = join(path, parts[i]), *to = join(moved, parts[i]);

        errno = 0;
        if (!from || !to)
            err = spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for %s", path);
        else if (rename(from, to) != 0 && errno != ENOENT)
            err = spd_diag_set(diag, SPD_ERR_IO, errno,
                               "%s is damaged, and cannot be moved to %s: %s; close the programs "
                               "that read it, or move it by hand",
                               from, to, strerror(errno));
        free(from);
        free(to);
    }
    return err;
}
