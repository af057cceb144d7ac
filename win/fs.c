/*
 * Files: the thread that writes them; never a measuring one.
 */
#include "common/sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <stdbool.h>
#include <stdlib.h>
#include <windows.h>

enum spd_err spd_fs_sync(FILE *stream, int32_t *os_code)
{
    int fd = _fileno(stream);
    HANDLE handle = (HANDLE)_get_osfhandle(fd);

    if (handle != INVALID_HANDLE_VALUE && GetFileType(handle) != FILE_TYPE_DISK)
        return SPD_ERR_OK;
    if (_commit(fd) == 0) /* FlushFileBuffers */
        return SPD_ERR_OK;
    *os_code = errno;
    return SPD_ERR_IO;
}

/* The C runtime has no streams in memory; a temporary file that the cache
 * never writes back, and that goes with its handle, is the next best. */
enum spd_err spd_fs_memory_open(struct spd_fs_memory *out, struct spd_diag *diag)
{
    wchar_t folder[MAX_PATH + 1], path[MAX_PATH + 1];
    HANDLE handle = INVALID_HANDLE_VALUE;
    int fd = -1;

    *out = (struct spd_fs_memory){ NULL, NULL, 0 };
    if (GetTempPathW(MAX_PATH + 1, folder) > 0 && GetTempFileNameW(folder, L"spd", 0, path) != 0)
        handle = CreateFileW(path, GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS,
                             FILE_ATTRIBUTE_TEMPORARY | FILE_FLAG_DELETE_ON_CLOSE, NULL);
    if (handle == INVALID_HANDLE_VALUE)
        return spd_diag_set(diag, SPD_ERR_IO, (int32_t)GetLastError(),
                            "cannot create a temporary file; check the folder that TEMP names");
    fd = _open_osfhandle((intptr_t)handle, _O_RDWR | _O_BINARY);
    if (fd < 0)
        CloseHandle(handle);
    else if (!(out->file = _fdopen(fd, "w+b")))
        _close(fd);
    return out->file ? SPD_ERR_OK : spd_diag_set(diag, SPD_ERR_LIMIT, errno, "too many open files");
}

enum spd_err spd_fs_memory_close(struct spd_fs_memory *memory, char **bytes, size_t *n_bytes)
{
    FILE *file = memory->file;
    long length = ferror(file) || fflush(file) != 0 ? -1 : ftell(file);
    enum spd_err err = length < 0 ? SPD_ERR_IO : SPD_ERR_OK;
    char *text = NULL;

    if (!err && !(text = malloc((size_t)length + 1)))
        err = SPD_ERR_NOMEM;
    if (!err) {
        rewind(file);
        if (fread(text, 1, (size_t)length, file) != (size_t)length)
            err = SPD_ERR_IO;
        text[length] = 0;
    }
    fclose(file);
    if (err) {
        free(text);
        text = NULL;
    } else if (n_bytes) {
        *n_bytes = (size_t)length;
    }
    *bytes = text;
    return err;
}
