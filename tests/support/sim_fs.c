/*
 * Simulated fs (common/sys/fs.h): files are those of the real system, and a
 * simulated world has no power cuts.
 */
#include "common/sys/fs.h"

#include <stdlib.h>

enum spd_err spd_fs_sync(FILE *stream, int32_t *os_code)
{
    (void)stream;
    (void)os_code;
    return SPD_ERR_OK;
}

enum spd_err spd_fs_memory_open(struct spd_fs_memory *out, struct spd_diag *diag)
{
    *out = (struct spd_fs_memory){ .file = tmpfile() };
    if (!out->file)
        return spd_diag_set(diag, SPD_ERR_IO, 0, "no temporary file");
    return SPD_ERR_OK;
}

enum spd_err spd_fs_memory_close(struct spd_fs_memory *memory, char **bytes, size_t *n_bytes)
{
    long n = ftell(memory->file);

    *bytes = calloc(1, (size_t)n + 1);
    rewind(memory->file);
    if (*bytes && fread(*bytes, 1, (size_t)n, memory->file) == (size_t)n && n_bytes)
        *n_bytes = (size_t)n;
    fclose(memory->file);
    return *bytes ? SPD_ERR_OK : SPD_ERR_NOMEM;
}

enum spd_err spd_fs_make_folder(const char *path, struct spd_diag *diag)
{
    (void)path;
    return spd_diag_set(diag, SPD_ERR_NOTSUP, 0, "the simulator has no folders");
}
