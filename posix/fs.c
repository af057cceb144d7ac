/*
 * Files: the thread that writes them; never a measuring one.
 */
#include "common/sys/fs.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

#define FOLDER_MODE 0750

enum spd_err spd_fs_make_folder(const char *path, struct spd_diag *diag)
{
    struct stat facts;
    char part[4096];
    size_t n = strlen(path);

    if (n == 0 || n >= sizeof(part))
        return spd_diag_set(diag, SPD_ERR_INVALID, 0, "the path of a folder has %zu octets", n);
    memcpy(part, path, n + 1);
    for (char *at = part + 1; at <= part + n; at++) {
        char before = *at;

        if (before != '/' && before != 0)
            continue;
        *at = 0;
        if (mkdir(part, FOLDER_MODE) != 0 && errno != EEXIST) {
            int error = errno;

            return spd_diag_set(diag, error == EACCES || error == EPERM ? SPD_ERR_PERM : SPD_ERR_IO,
                                error, "cannot make the folder %s: %s", part, strerror(error));
        }
        *at = before;
    }
    if (stat(path, &facts) != 0 || !S_ISDIR(facts.st_mode))
        return spd_diag_set(diag, SPD_ERR_IO, ENOTDIR, "%s is no folder, or cannot be entered",
                            path);
    return SPD_ERR_OK;
}
