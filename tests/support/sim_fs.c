/*
 * Simulated fs (common/sys/fs.h): files are those of the real system, and a
 * simulated world has no power cuts.
 */
#include "common/sys/fs.h"

enum spd_err spd_fs_sync(FILE *stream, int32_t *os_code)
{
    (void)stream;
    (void)os_code;
    return SPD_ERR_OK;
}
