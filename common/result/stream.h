/*
 * An output stream that remembers its first failure, so that writers need not
 * look after every piece. Part of result. May block; never on a measuring
 * thread.
 */
#ifndef SPD_RESULT_STREAM_H
#define SPD_RESULT_STREAM_H

#include <stddef.h>
#include <stdio.h>

#include "common/base/err.h"

struct spd_stream {
    FILE *file;
    const char *name; /* for messages; borrowed */
    int os_code;      /* errno of the first failure; then nothing is written any more */
};

void spd_stream_init(struct spd_stream *stream, FILE *file, const char *name);
void spd_stream_write(struct spd_stream *stream, const char *bytes, size_t n);
void spd_stream_text(struct spd_stream *stream, const char *text);

/* Flush, and say whether everything was written: OK, or IO with a diag that
 * names the stream, the reason and the remedy. */
enum spd_err spd_stream_finish(struct spd_stream *stream, struct spd_diag *diag);

#endif
