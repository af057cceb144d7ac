/*
 * Files: the thread that writes them; never a measuring one.
 */
#include "common/sys/fs.h"

#include <errno.h>
#include <io.h>
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
