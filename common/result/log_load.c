/*
 * A whole log in memory. Any thread; blocks on the file.
 */
#include <stdlib.h>
#include <string.h>

#include "common/result/log_reader.h"

/* Long names keep their end, which tells more. */
static void keep_name(struct spd_log *log, const char *name)
{
    size_t n = strlen(name);

    if (n < sizeof log->name) {
        memcpy(log->name, name, n + 1);
        return;
    }
    name += n - (sizeof log->name - 1);
    while (((unsigned char)*name & 0xC0) == 0x80)
        name++;
    memcpy(log->name, name, strlen(name) + 1);
}

/* Room for another chunk at least, by half of what there is: growing so costs
 * no more than n steps, and little memory where the system moves pages. */
static enum spd_err grow(struct spd_log *log, size_t *capacity)
{
    size_t wanted = *capacity + *capacity / 2 + SPD_LOG_CHUNK_RECORDS;
    void *more = wanted > SIZE_MAX / sizeof *log->packets
                     ? NULL
                     : realloc(log->packets, wanted * sizeof *log->packets);

    if (!more)
        return SPD_ERR_NOMEM;
    log->packets = more;
    *capacity = wanted;
    return SPD_ERR_OK;
}

static void shrink(struct spd_log *log)
{
    void *less =
        log->n_packets > 0 ? realloc(log->packets, log->n_packets * sizeof *log->packets) : NULL;

    if (less)
        log->packets = less;
}

static enum spd_err load_records(struct spd_log_reader *reader, struct spd_log *log,
                                 struct spd_diag *diag)
{
    size_t capacity = 0, n = 1;

    while (n > 0) {
        if (capacity - log->n_packets < SPD_LOG_CHUNK_RECORDS && grow(log, &capacity))
            return spd_diag_set(diag, SPD_ERR_NOMEM, 0,
                                "no memory for the records of %s after %zu of them", log->name,
                                log->n_packets);
        enum spd_err err = spd_log_reader_next(reader, log->packets + log->n_packets,
                                               capacity - log->n_packets, &n, diag);
        if (err)
            return err;
        log->n_packets += n;
    }
    shrink(log);
    return SPD_ERR_OK;
}

static enum spd_err load(struct spd_log_reader *reader, const char *name, struct spd_log *out,
                         struct spd_diag *diag)
{
    struct spd_log *log = calloc(1, sizeof *log);
    enum spd_err err;

    if (!log)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory to read the log %s", name);
    keep_name(log, name);
    log->header = *spd_log_reader_header(reader);
    err = load_records(reader, log, diag);
    if (err)
        goto done;
    log->facts = *spd_log_reader_facts(reader);
    if (log->facts.n_clocks > 0) {
        size_t n_bytes = log->facts.n_clocks * sizeof *log->clocks;

        log->clocks = malloc(n_bytes);
        if (log->clocks)
            memcpy(log->clocks, log->facts.clocks, n_bytes);
        else
            log->facts.n_clocks = 0;
        log->facts.clocks = log->clocks;
    }
    *out = *log;
    log->packets = NULL;
    log->clocks = NULL;

done:
    spd_log_fini(log);
    free(log);
    return err;
}

enum spd_err spd_log_load(const struct spd_log_source *source, struct spd_log *out,
                          struct spd_diag *diag)
{
    struct spd_log_reader *reader;
    enum spd_err err = spd_log_reader_open(source, &reader, diag);

    if (err)
        return err;
    err = load(reader, source->name, out, diag);
    spd_log_reader_close(reader);
    return err;
}

enum spd_err spd_log_load_file(const char *path, struct spd_log *out, struct spd_diag *diag)
{
    struct spd_log_reader *reader;
    enum spd_err err = spd_log_reader_open_file(path, &reader, diag);

    if (err)
        return err;
    err = load(reader, path, out, diag);
    spd_log_reader_close(reader);
    return err;
}

void spd_log_fini(struct spd_log *log)
{
    free(log->packets);
    free(log->clocks);
    log->packets = NULL;
    log->clocks = NULL;
    log->n_packets = 0;
}
