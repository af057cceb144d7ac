/*
 * Files: the thread that writes them; never a measuring one.
 */
#include "common/sys/fs.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

enum spd_err spd_fs_sync(FILE *stream, int32_t *os_code)
{
    int rc;

    do
        rc = fsync(fileno(stream));
    while (rc != 0 && errno == EINTR);
    /* EINVAL, and EROFS in old kernels: not something that can be synced. */
    if (rc == 0 || errno == EINVAL || errno == EROFS)
        return SPD_ERR_OK;
    *os_code = errno;
    return SPD_ERR_IO;
}

enum spd_err spd_fs_memory_open(struct spd_fs_memory *out, struct spd_diag *diag)
{
    *out = (struct spd_fs_memory){ NULL, NULL, 0 };
    out->file = open_memstream(&out->bytes, &out->n_bytes);
    if (!out->file)
        return spd_diag_set(diag, SPD_ERR_NOMEM, errno, "no memory for a result");
    return SPD_ERR_OK;
}

enum spd_err spd_fs_memory_close(struct spd_fs_memory *memory, char **bytes, size_t *n_bytes)
{
    bool failed = ferror(memory->file) != 0;

    failed = fclose(memory->file) != 0 || failed;
    *bytes = NULL;
    if (failed) {
        free(memory->bytes);
        return SPD_ERR_NOMEM;
    }
    *bytes = memory->bytes;
    if (n_bytes)
        *n_bytes = memory->n_bytes;
    return SPD_ERR_OK;
}
