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

enum spd_err spd_fs_make_folder(const char *path, struct spd_diag *diag)
{
    wchar_t wide[1024];
    int n = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, wide, 1024);
    DWORD attributes;

    if (n <= 1)
        return spd_diag_set(diag, SPD_ERR_INVALID, (int32_t)GetLastError(),
                            "%s: too long for a path, or not UTF-8", path);
    for (int i = 1; i < n; i++) {
        wchar_t before = wide[i];

        /* Not the root of a drive: "C:". */
        if ((before != L'\\' && before != L'/' && before != 0) || wide[i - 1] == L':')
            continue;
        wide[i] = 0;
        if (!CreateDirectoryW(wide, NULL) && GetLastError() != ERROR_ALREADY_EXISTS) {
            DWORD error = GetLastError();

            /* Shares and drives above it may refuse; what counts is the last one. */
            if (before == 0)
                return spd_diag_set(diag, error == ERROR_ACCESS_DENIED ? SPD_ERR_PERM : SPD_ERR_IO,
                                    (int32_t)error, "cannot make the folder %s (error %lu)", path,
                                    (unsigned long)error);
        }
        wide[i] = before;
    }
    attributes = GetFileAttributesW(wide);
    if (attributes == INVALID_FILE_ATTRIBUTES || !(attributes & FILE_ATTRIBUTE_DIRECTORY))
        return spd_diag_set(diag, SPD_ERR_IO, 0, "%s is no folder, or cannot be entered", path);
    return SPD_ERR_OK;
}
