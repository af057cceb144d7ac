/*
 * Reads logs, as hostile as they may be: any bytes give a clear message or
 * records that are sound. A log whose writer was killed, whose disk was full or
 * whose computer lost its power is read up to its last whole chunk, and what
 * is missing is said. Any thread; blocks on the file.
 */
#ifndef SPD_RESULT_LOG_READER_H
#define SPD_RESULT_LOG_READER_H

#include <stdio.h>

#include "common/result/log_format.h"

/* In what condition a log was found. */
enum spd_log_state {
    SPD_LOG_WHOLE,
    SPD_LOG_UNFINISHED, /* whole chunks, but no end: its program was killed, or still writes */
    SPD_LOG_TORN,       /* ends in the middle of a chunk: likewise, or the disk was full */
    SPD_LOG_DAMAGED,    /* a chunk is not what was written; nothing after it is read */
};
const char *spd_log_state_text(enum spd_log_state state); /* "whole", "unfinished", ... */

struct spd_log_condition {
    enum spd_log_state state;
    uint64_t n_bytes_read;   /* up to the end of the last sound chunk */
    uint64_t n_bytes_unread; /* behind it */
    char text[160];          /* for people; empty for a whole log */
};

/* Where the bytes come from. */
struct spd_log_source {
    /* Up to n bytes; fewer only at the end, or after a failure, whose errno is
     * put in *os_code. */
    size_t (*read)(void *context, void *bytes, size_t n, int *os_code);
    void *context;
    const char *name; /* for messages */
};

struct spd_log_reader;

/* Read the preamble and the header; source is read during later calls too.
 * Errors, each with a diag: FORMAT (no log of ours, or it ends before its
 * header does), NOTSUP (of a newer major version), IO, NOMEM. */
enum spd_err spd_log_reader_open(const struct spd_log_source *source, struct spd_log_reader **out,
                                 struct spd_diag *diag);
/* The same on a file: NOT_FOUND and PERM besides. */
enum spd_err spd_log_reader_open_file(const char *path, struct spd_log_reader **out,
                                      struct spd_diag *diag);
void spd_log_reader_close(struct spd_log_reader *reader); /* NULL is allowed */

const struct spd_log_header *spd_log_reader_header(const struct spd_log_reader *reader);

/* The next records, in the order in which they were logged; *n_out is 0 when
 * there are no more. Errors: IO with a diag; a damaged log is none. */
enum spd_err spd_log_reader_next(struct spd_log_reader *reader, struct spd_flow_packet *packets,
                                 size_t capacity, size_t *n_out, struct spd_diag *diag);

/* What else a log says. Complete once there are no more records. */
#define SPD_LOG_CLOCKS_MAX 4096 /* the first ones are kept */
struct spd_log_facts {
    struct spd_log_condition condition;
    bool ended; /* end is known */
    struct spd_log_end end;
    bool has_environment;
    struct spd_environment environment; /* the last one */
    const struct spd_log_clock *clocks; /* on the way, not those of header and end */
    size_t n_clocks;
    uint64_t n_records;
};
const struct spd_log_facts *spd_log_reader_facts(const struct spd_log_reader *reader);

/* A whole log in memory: as much as its records take, and little more. */
struct spd_log {
    char name[256]; /* the file, for messages; cut at its beginning when long */
    struct spd_log_header header;
    struct spd_log_facts facts;
    struct spd_log_clock *clocks; /* facts.clocks */
    struct spd_flow_packet *packets;
    size_t n_packets;
};

/* Errors as open and next, and NOMEM. Free with fini. */
enum spd_err spd_log_load(const struct spd_log_source *source, struct spd_log *out,
                          struct spd_diag *diag);
enum spd_err spd_log_load_file(const char *path, struct spd_log *out, struct spd_diag *diag);
void spd_log_fini(struct spd_log *log); /* a zeroed log is allowed */

#endif
