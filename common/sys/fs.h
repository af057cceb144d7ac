/*
 * Files beyond what C's stdio has.
 */
#ifndef SPD_SYS_FS_H
#define SPD_SYS_FS_H

#include <stddef.h>
#include <stdio.h>

#include "common/base/err.h"

/* Wait until what was written to the stream, and flushed by the caller, would
 * survive a power cut. Streams that are no files on a disk (pipes, terminals)
 * have nothing to wait for and give OK. By the thread that uses the stream;
 * blocks. Errors: IO, with the system's code in *os_code (errno on both
 * systems, since stdio gives that). */
enum spd_err spd_fs_sync(FILE *stream, int32_t *os_code);

/* Make a folder, and those it lies in, if they are not there; what is made is
 * closed to other users (POSIX: mode 0750; Windows: as the folder above).
 * Errors, with a diag: PERM, IO (something else is in the way, or the disk),
 * INVALID (path too long, or not UTF-8). Blocks on the disk. */
enum spd_err spd_fs_make_folder(const char *path, struct spd_diag *diag);

/* A stream whose bytes end in memory: for writers that know streams only. */
struct spd_fs_memory {
    FILE *file;
    char *bytes; /* the system's own; do not touch */
    size_t n_bytes;
};

/* Errors: NOMEM, LIMIT, IO, with a diag. Close what was opened. */
enum spd_err spd_fs_memory_open(struct spd_fs_memory *out, struct spd_diag *diag);

/* Close, and give what was written, with a zero behind it; free it with free.
 * n_bytes may be NULL. Errors: NOMEM, IO; *bytes is then NULL. */
enum spd_err spd_fs_memory_close(struct spd_fs_memory *memory, char **bytes, size_t *n_bytes);

#endif
