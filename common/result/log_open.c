/*
 * Opens a log: its preamble and its header. Any thread; blocks on the file.
 */
#include "common/result/log_reader_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static enum spd_err open_preamble(struct spd_log_reader *reader, struct spd_diag *diag)
{
    const char *name = reader->source.name;
    uint8_t bytes[SPD_LOG_PREAMBLE_BYTES];
    uint16_t major = 0, minor = 0;
    int os_code;
    size_t n = spd_log_take(reader, bytes, sizeof bytes, &os_code);

    if (os_code != 0)
        return spd_log_complain_io(reader, os_code, diag);
    if (n == 0)
        return spd_diag_set(diag, SPD_ERR_FORMAT, 0,
                            "%s is empty: what was to log there ended before it began", name);
    enum spd_err err =
        n < sizeof bytes ? SPD_ERR_FORMAT : spd_log_read_preamble(bytes, &major, &minor);
    if (err == SPD_ERR_NOTSUP)
        return spd_diag_set(diag, err, 0,
                            "the log %s is of format %u.%u, and this version reads up to %u; use "
                            "the version that wrote it, or a newer one",
                            name, major, minor, SPD_LOG_VERSION_MAJOR);
    if (err)
        return spd_diag_set(diag, err, 0,
                            "%s is no log of a session, or its first %d bytes are damaged", name,
                            SPD_LOG_PREAMBLE_BYTES);
    reader->facts.condition.n_bytes_read = n;
    return SPD_ERR_OK;
}

static enum spd_err open_header(struct spd_log_reader *reader, struct spd_diag *diag)
{
    struct spd_log_chunk_head head;
    size_t n_taken;
    int os_code;

    switch (spd_log_take_chunk(reader, &head, &n_taken, &os_code)) {
    case SPD_LOG_ARRIVAL_SOUND:
        break;
    case SPD_LOG_ARRIVAL_FAILED:
        return spd_log_complain_io(reader, os_code, diag);
    case SPD_LOG_ARRIVAL_NONE:
    case SPD_LOG_ARRIVAL_TORN:
        return spd_diag_set(diag, SPD_ERR_FORMAT, 0,
                            "the log %s ends before its header does: it holds no packet",
                            reader->source.name);
    case SPD_LOG_ARRIVAL_DAMAGED:
        return spd_diag_set(diag, SPD_ERR_FORMAT, 0,
                            "the header of the log %s is damaged; nothing in it can be trusted",
                            reader->source.name);
    }
    if (head.type != SPD_LOG_CHUNK_HEADER ||
        spd_log_read_header(reader->body, head.n_body_bytes, &reader->header))
        return spd_diag_set(diag, SPD_ERR_FORMAT, 0, "the header of the log %s makes no sense",
                            reader->source.name);
    reader->chunk_number++;
    reader->facts.condition.n_bytes_read += n_taken;
    return SPD_ERR_OK;
}

enum spd_err spd_log_reader_open(const struct spd_log_source *source, struct spd_log_reader **out,
                                 struct spd_diag *diag)
{
    struct spd_log_reader *reader = calloc(1, sizeof *reader);
    enum spd_err err;

    if (reader)
        reader->body = malloc(SPD_LOG_BODY_MAX_BYTES);
    if (!reader || !reader->body) {
        err = spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory to read the log %s", source->name);
        goto fail;
    }
    reader->source = *source;
    err = open_preamble(reader, diag);
    if (!err)
        err = open_header(reader, diag);
    if (err)
        goto fail;
    *out = reader;
    return SPD_ERR_OK;

fail:
    spd_log_reader_close(reader);
    return err;
}

static size_t read_file(void *context, void *bytes, size_t n, int *os_code)
{
    FILE *file = context;

    errno = 0;
    size_t n_read = fread(bytes, 1, n, file);
    if (n_read < n && ferror(file))
        *os_code = errno != 0 ? errno : EIO;
    return n_read;
}

enum spd_err spd_log_reader_open_file(const char *path, struct spd_log_reader **out,
                                      struct spd_diag *diag)
{
    FILE *file = fopen(path, "rb");

    if (!file)
        return spd_diag_set(diag,
                            errno == ENOENT                     ? SPD_ERR_NOT_FOUND
                            : errno == EACCES || errno == EPERM ? SPD_ERR_PERM
                                                                : SPD_ERR_IO,
                            errno, "cannot open the log %s: %s", path, strerror(errno));
    struct spd_log_source source = { read_file, file, path };
    enum spd_err err = spd_log_reader_open(&source, out, diag);
    if (err)
        fclose(file);
    else
        (*out)->file = file;
    return err;
}

void spd_log_reader_close(struct spd_log_reader *reader)
{
    if (!reader)
        return;
    if (reader->file)
        fclose(reader->file);
    free(reader->clocks);
    free(reader->body);
    free(reader);
}
