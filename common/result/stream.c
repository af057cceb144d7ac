/*
 * Output with a memory for failure. Called by whoever shows results; never by
 * a measuring thread.
 */
#include "common/result/stream.h"

#include <errno.h>
#include <string.h>

void spd_stream_init(struct spd_stream *stream, FILE *file, const char *name)
{
    *stream = (struct spd_stream){ file, name, 0 };
    clearerr(file);
}

static void remember(struct spd_stream *stream)
{
    if (stream->os_code == 0)
        stream->os_code = errno != 0 ? errno : EIO;
}

void spd_stream_write(struct spd_stream *stream, const char *bytes, size_t n)
{
    if (stream->os_code != 0 || n == 0)
        return;
    errno = 0;
    if (fwrite(bytes, 1, n, stream->file) != n)
        remember(stream);
}

void spd_stream_text(struct spd_stream *stream, const char *text)
{
    spd_stream_write(stream, text, strlen(text));
}

static const char *remedy(int os_code)
{
    if (os_code == ENOSPC)
        return "; free some space or write elsewhere";
    if (os_code == EPIPE)
        return "; the program that reads it has gone";
    return "";
}

enum spd_err spd_stream_finish(struct spd_stream *stream, struct spd_diag *diag)
{
    errno = 0;
    if (stream->os_code == 0 && (fflush(stream->file) != 0 || ferror(stream->file)))
        remember(stream);
    if (stream->os_code == 0)
        return SPD_ERR_OK;
    return spd_diag_set(diag, SPD_ERR_IO, stream->os_code, "cannot write all of %s: %s%s",
                        stream->name, strerror(stream->os_code), remedy(stream->os_code));
}
