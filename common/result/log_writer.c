/*
 * Writes a log, chunk by chunk; a chunk is either whole in the file or will be
 * written over. Writer thread; blocks on the disk.
 */
#include "common/result/log_writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/assert.h"
#include "common/sys/fs.h"

#define BODY_BYTES (SPD_LOG_DATA_HEAD_BYTES + SPD_LOG_CHUNK_RECORDS * SPD_LOG_RECORD_BYTES)
_Static_assert(SPD_LOG_HEADER_MAX_BYTES <= BODY_BYTES && SPD_LOG_END_MAX_BYTES <= BODY_BYTES &&
                   SPD_LOG_ENVIRONMENT_MAX_BYTES <= BODY_BYTES &&
                   BODY_BYTES < SPD_LOG_BODY_MAX_BYTES,
               "any chunk fits the buffer, and the reader's limit");

struct spd_log_writer {
    char *path;
    FILE *file;            /* NULL after a failure, until the next attempt */
    fpos_t end;            /* of the last whole chunk */
    uint32_t chunk_number; /* of the next one */
    bool ended;
    int32_t os_code;    /* of the last failure */
    size_t n_attempt;   /* records in the next data chunk at most: less on a full disk */
    uint64_t n_records; /* given and not lost */
    uint64_t n_lost;
    size_t n_pending;
    struct spd_flow_packet pending[SPD_LOG_CHUNK_RECORDS];
    uint8_t bytes[SPD_LOG_CHUNK_HEAD_BYTES + BODY_BYTES];
};

static enum spd_err fail(struct spd_log_writer *writer, int os_code)
{
    writer->os_code = os_code != 0 ? os_code : EIO;
    return SPD_ERR_IO;
}

static enum spd_err complain(const struct spd_log_writer *writer, struct spd_diag *diag)
{
    bool full = writer->os_code == ENOSPC || writer->os_code == EFBIG;

    return spd_diag_set(diag, SPD_ERR_IO, writer->os_code,
                        "cannot write to the log %s: %s; what it holds stays readable%s",
                        writer->path, strerror(writer->os_code),
                        full ? "; free some space, or log to another disk" : "");
}

/* A stream that failed may hold bytes that it would still write, somewhere: it
 * is closed, and the next attempt starts with a fresh one behind the last
 * whole chunk. */
static enum spd_err reopen(struct spd_log_writer *writer)
{
    errno = 0;
    writer->file = fopen(writer->path, "rb+");
    if (!writer->file)
        return fail(writer, errno);
    if (fsetpos(writer->file, &writer->end) == 0)
        return SPD_ERR_OK;
    fail(writer, errno);
    fclose(writer->file);
    writer->file = NULL;
    return SPD_ERR_IO;
}

static enum spd_err put(struct spd_log_writer *writer, const uint8_t *bytes, size_t n)
{
    enum spd_err err = writer->file ? SPD_ERR_OK : reopen(writer);

    if (err)
        return err;
    errno = 0;
    if (fwrite(bytes, 1, n, writer->file) == n && fflush(writer->file) == 0 &&
        fgetpos(writer->file, &writer->end) == 0)
        return SPD_ERR_OK;
    err = fail(writer, errno);
    fclose(writer->file);
    writer->file = NULL;
    return err;
}

/* The chunk whose body stands in writer->bytes behind the room for its head. */
static enum spd_err put_chunk(struct spd_log_writer *writer, uint32_t type, size_t n_body_bytes)
{
    SPD_ASSERT(!writer->ended);
    spd_log_write_chunk_head(writer->bytes, type, writer->chunk_number,
                             writer->bytes + SPD_LOG_CHUNK_HEAD_BYTES, n_body_bytes);
    enum spd_err err = put(writer, writer->bytes, SPD_LOG_CHUNK_HEAD_BYTES + n_body_bytes);
    if (!err)
        writer->chunk_number++;
    return err;
}

static uint8_t *body_of(struct spd_log_writer *writer)
{
    return writer->bytes + SPD_LOG_CHUNK_HEAD_BYTES;
}

/* All pending records, or as many as the disk has room for: where a whole chunk
 * fails, half of it may fit. */
static enum spd_err put_pending(struct spd_log_writer *writer)
{
    while (writer->n_pending > 0) {
        size_t n = writer->n_pending < writer->n_attempt ? writer->n_pending : writer->n_attempt;
        enum spd_err err = put_chunk(writer, SPD_LOG_CHUNK_DATA,
                                     spd_log_write_data(body_of(writer), writer->pending, n));

        if (err && n == 1)
            return err;
        if (err) {
            writer->n_attempt = n / 2;
            continue;
        }
        writer->n_pending -= n;
        memmove(writer->pending, writer->pending + n,
                writer->n_pending * sizeof writer->pending[0]);
        if (writer->n_attempt < SPD_LOG_CHUNK_RECORDS)
            writer->n_attempt *= 2;
    }
    writer->n_attempt = SPD_LOG_CHUNK_RECORDS;
    return SPD_ERR_OK;
}

/* Whether the path may be written over: what a user names by mistake must not
 * be destroyed. Nothing, a log, and the beginning of one may. */
static enum spd_err check_place(const char *path, struct spd_diag *diag)
{
    uint8_t bytes[SPD_LOG_PREAMBLE_BYTES], ours[SPD_LOG_PREAMBLE_BYTES];
    uint16_t major, minor;
    FILE *file = fopen(path, "rb");

    if (!file)
        return SPD_ERR_OK; /* not there, or fopen for writing will say why */
    size_t n = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    spd_log_write_preamble(ours);
    if (memcmp(bytes, ours, n) == 0 ||
        (n == sizeof bytes && spd_log_read_preamble(bytes, &major, &minor) != SPD_ERR_FORMAT))
        return SPD_ERR_OK;
    return spd_diag_set(diag, SPD_ERR_IN_USE, 0,
                        "%s is there already and is no log; remove it or give another name", path);
}

static enum spd_err begin(struct spd_log_writer *writer, const struct spd_log_header *header)
{
    uint8_t preamble[SPD_LOG_PREAMBLE_BYTES];
    int32_t os_code = 0;
    enum spd_err err;

    spd_log_write_preamble(preamble);
    err = put(writer, preamble, sizeof preamble);
    if (!err)
        err =
            put_chunk(writer, SPD_LOG_CHUNK_HEADER, spd_log_write_header(body_of(writer), header));
    if (!err && spd_fs_sync(writer->file, &os_code))
        err = fail(writer, os_code);
    return err;
}

enum spd_err spd_log_writer_create(const char *path, const struct spd_log_header *header,
                                   struct spd_log_writer **out, struct spd_diag *diag)
{
    struct spd_log_writer *writer = NULL;
    size_t n_path = strlen(path) + 1;
    enum spd_err err = check_place(path, diag);

    SPD_ASSERT(header->n_flows >= 1 && header->n_flows <= SPD_FLOWS_MAX);
    if (err)
        return err;
    writer = calloc(1, sizeof *writer);
    if (writer)
        writer->path = malloc(n_path);
    if (!writer || !writer->path) {
        err = spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory to write the log %s", path);
        goto fail;
    }
    memcpy(writer->path, path, n_path);
    writer->n_attempt = SPD_LOG_CHUNK_RECORDS;
    writer->file = fopen(path, "wb");
    if (!writer->file) {
        err =
            spd_diag_set(diag, errno == EACCES || errno == EPERM ? SPD_ERR_PERM : SPD_ERR_IO, errno,
                         "cannot write the log %s: %s; give a file in a folder that you may "
                         "write to",
                         path, strerror(errno));
        goto fail;
    }
    if (begin(writer, header)) {
        err = complain(writer, diag);
        goto fail;
    }
    *out = writer;
    return SPD_ERR_OK;

fail:
    spd_log_writer_destroy(writer);
    return err;
}

enum spd_err spd_log_writer_append(struct spd_log_writer *writer,
                                   const struct spd_flow_packet *packets, size_t n,
                                   struct spd_diag *diag)
{
    enum spd_err err = SPD_ERR_OK;

    while (n > 0) {
        size_t room = SPD_LOG_CHUNK_RECORDS - writer->n_pending, taken = n < room ? n : room;

        memcpy(writer->pending + writer->n_pending, packets, taken * sizeof *packets);
        writer->n_pending += taken;
        writer->n_records += taken;
        packets += taken;
        n -= taken;
        if (writer->n_pending == SPD_LOG_CHUNK_RECORDS) {
            err = put_pending(writer);
            if (err && writer->n_pending == SPD_LOG_CHUNK_RECORDS) {
                writer->n_lost += n;
                break;
            }
        }
    }
    return err ? complain(writer, diag) : SPD_ERR_OK;
}

enum spd_err spd_log_writer_flush(struct spd_log_writer *writer, struct spd_diag *diag)
{
    return put_pending(writer) ? complain(writer, diag) : SPD_ERR_OK;
}

enum spd_err spd_log_writer_sync(struct spd_log_writer *writer, struct spd_diag *diag)
{
    int32_t os_code = 0;
    enum spd_err err = put_pending(writer);

    if (!err && writer->file && spd_fs_sync(writer->file, &os_code))
        err = fail(writer, os_code);
    return err ? complain(writer, diag) : SPD_ERR_OK;
}

/* What was appended before stands in front of it. */
enum spd_err spd_log_writer_clock(struct spd_log_writer *writer, const struct spd_log_clock *clock,
                                  struct spd_diag *diag)
{
    enum spd_err err = put_pending(writer);

    if (!err)
        err = put_chunk(writer, SPD_LOG_CHUNK_CLOCK, spd_log_write_clock(body_of(writer), clock));
    return err ? complain(writer, diag) : SPD_ERR_OK;
}

enum spd_err spd_log_writer_environment(struct spd_log_writer *writer,
                                        const struct spd_environment *environment,
                                        struct spd_diag *diag)
{
    enum spd_err err = put_pending(writer);

    if (!err)
        err = put_chunk(writer, SPD_LOG_CHUNK_ENVIRONMENT,
                        spd_log_write_environment(body_of(writer), environment));
    return err ? complain(writer, diag) : SPD_ERR_OK;
}

enum spd_err spd_log_writer_end(struct spd_log_writer *writer, const struct spd_log_end *end,
                                struct spd_diag *diag)
{
    struct spd_log_end filled = *end;
    int32_t os_code = 0;
    enum spd_err err, failed = put_pending(writer);

    writer->n_lost += writer->n_pending;
    writer->n_records -= writer->n_pending;
    writer->n_pending = 0;
    filled.n_records = writer->n_records;
    filled.n_records_lost = writer->n_lost;
    err = put_chunk(writer, SPD_LOG_CHUNK_END, spd_log_write_end(body_of(writer), &filled));
    writer->ended = true;
    if (!err && spd_fs_sync(writer->file, &os_code))
        err = fail(writer, os_code);
    return failed || err ? complain(writer, diag) : SPD_ERR_OK;
}

uint64_t spd_log_writer_n_records(const struct spd_log_writer *writer)
{
    return writer->n_records;
}

uint64_t spd_log_writer_n_lost(const struct spd_log_writer *writer)
{
    return writer->n_lost;
}

void spd_log_writer_destroy(struct spd_log_writer *writer)
{
    if (!writer)
        return;
    if (!writer->ended && writer->n_pending > 0)
        (void)put_pending(writer);
    if (writer->file)
        fclose(writer->file);
    free(writer->path);
    free(writer);
}
