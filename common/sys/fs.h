/*
 * Files beyond what C's stdio has.
 */
#ifndef SPD_SYS_FS_H
#define SPD_SYS_FS_H

#include <stdio.h>

#include "common/base/err.h"

/* Wait until what was written to the stream, and flushed by the caller, would
 * survive a power cut. Streams that are no files on a disk (pipes, terminals)
 * have nothing to wait for and give OK. By the thread that uses the stream;
 * blocks. Errors: IO, with the system's code in *os_code (errno on both
 * systems, since stdio gives that). */
enum spd_err spd_fs_sync(FILE *stream, int32_t *os_code);

#endif
