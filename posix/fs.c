/*
 * Files: the thread that writes them; never a measuring one.
 */
#include "common/sys/fs.h"

#include <errno.h>
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
