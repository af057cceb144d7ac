/*
 * From one version of the schema to the next. Whoever opens for writing.
 */
#include <stdio.h>

#include "common/result/store_private.h"

enum spd_err spd_store_migrate(struct spd_store *store, const char *const *steps, int n_steps,
                               struct spd_diag *diag)
{
    char numbers[96];
    int64_t version = 0;
    enum spd_err err = spd_sql_number(store, "PRAGMA user_version", &version, diag);

    if (err || version >= n_steps)
        return err;
    if ((err = spd_sql_begin(store, diag)))
        return err;
    while (!err && version < n_steps)
        err = spd_sql_run(store, steps[version++], diag);
    /* Both live in the header of the file and are part of the transaction. */
    snprintf(numbers, sizeof(numbers), "PRAGMA application_id = %d; PRAGMA user_version = %d",
             SPD_STORE_APPLICATION_ID, n_steps);
    if (!err)
        err = spd_sql_run(store, numbers, diag);
    return spd_sql_end(store, err, diag);
}
