/*
 * The writer's thread flushes what it took each time it found the ring empty,
 * and syncs every two seconds. A full disk does not end the test: the first
 * error is kept for the end, and the writer goes on trying.
 */
#include "service/record_log.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "common/sys/clock.h"
#include "common/sys/thread.h"

#define BATCH   1024
#define POLL_NS (20 * SPD_NS_PER_MS)
#define SYNC_NS (2 * SPD_NS_PER_S)

struct spd_record_log {
    struct spd_log_writer *writer;
    struct spd_ring_buffer *ring;
    struct spd_thread *thread;
    atomic_bool stop;
    struct spd_diag diag; /* the first error; read after the thread's end */
    struct spd_flow_packet batch[BATCH];
};

static void note(struct spd_record_log *log, enum spd_err err, const struct spd_diag *diag)
{
    if (err && log->diag.err == SPD_ERR_OK)
        log->diag = *diag;
}

/* Everything that is in the ring now; returns how many. */
static size_t take(struct spd_record_log *log)
{
    struct spd_diag diag = { 0 };
    size_t total = 0, n;

    while ((n = spd_ring_buffer_pop(log->ring, log->batch, BATCH)) > 0) {
        note(log, spd_log_writer_append(log->writer, log->batch, n, &diag), &diag);
        total += n;
    }
    if (total > 0)
        note(log, spd_log_writer_flush(log->writer, &diag), &diag);
    return total;
}

static void write_clock(struct spd_record_log *log)
{
    struct spd_log_clock clock = { .max_error_ns = -1 };
    struct spd_diag diag = { 0 };

    spd_clock_correlate(&clock.pair);
    clock.synchronised = (int8_t)spd_clock_is_synchronised(&clock.max_error_ns);
    note(log, spd_log_writer_clock(log->writer, &clock, &diag), &diag);
    note(log, spd_log_writer_sync(log->writer, &diag), &diag);
}

static void run(void *argument)
{
    struct spd_record_log *log = argument;
    uint64_t hz = spd_clock_frequency_hz();
    spd_ticks synced = spd_clock_now();

    while (!atomic_load(&log->stop)) {
        if (take(log) == 0)
            spd_thread_sleep(POLL_NS);
        if (spd_ticks_diff_ns(spd_clock_now(), synced, hz) >= SYNC_NS) {
            write_clock(log);
            synced = spd_clock_now();
        }
    }
    (void)take(log);
}

static void release(struct spd_record_log *log)
{
    spd_log_writer_destroy(log->writer);
    spd_ring_buffer_destroy(log->ring);
    free(log);
}

enum spd_err spd_record_log_start(const char *path, const struct spd_log_header *header,
                                  struct spd_record_log **out, struct spd_diag *diag)
{
    struct spd_record_log *log = calloc(1, sizeof(*log));
    enum spd_err err;

    if (!log)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for the log");
    err = spd_ring_buffer_create(SPD_RECORD_LOG_RING, sizeof(struct spd_flow_packet), &log->ring);
    if (err)
        spd_diag_set(diag, err, 0, "no memory for the records that wait for the log");
    else
        err = spd_log_writer_create(path, header, &log->writer, diag);
    if (!err) {
        err = spd_thread_start(&log->thread, "spd-writer", run, log);
        if (err)
            spd_diag_set(diag, err, 0, "cannot start the thread that writes the log: %s",
                         spd_err_text(err));
    }
    if (err) {
        release(log);
        return err;
    }
    *out = log;
    return SPD_ERR_OK;
}

struct spd_ring_buffer *spd_record_log_ring(struct spd_record_log *log)
{
    return log->ring;
}

enum spd_err spd_record_log_finish(struct spd_record_log *log,
                                   const struct spd_environment *environment,
                                   const struct spd_log_end *end, struct spd_diag *diag)
{
    struct spd_diag own = { 0 };
    enum spd_err err;

    if (!log)
        return SPD_ERR_OK;
    atomic_store(&log->stop, true);
    spd_thread_join(log->thread);
    if (environment)
        note(log, spd_log_writer_environment(log->writer, environment, &own), &own);
    if (end)
        note(log, spd_log_writer_end(log->writer, end, &own), &own);
    err = log->diag.err;
    if (err && diag)
        *diag = log->diag;
    release(log);
    return err;
}
