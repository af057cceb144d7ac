/*
 * The inside of a log reader. Part of result/log_reader; nobody else includes
 * it.
 */
#ifndef SPD_RESULT_LOG_READER_PRIVATE_H
#define SPD_RESULT_LOG_READER_PRIVATE_H

#include "common/result/log_reader.h"

struct spd_log_reader {
    struct spd_log_source source;
    FILE *file; /* of our own, or NULL */
    struct spd_log_header header;
    struct spd_log_facts facts;
    struct spd_log_clock *clocks;
    uint32_t chunk_number; /* of the next one */
    bool over;
    uint8_t *body;       /* room for SPD_LOG_BODY_MAX_BYTES */
    size_t n_body_bytes; /* of the data chunk that is being given out; 0 none */
    size_t n_given;      /* of its records */
};

/* What came of an attempt to read a chunk. */
enum spd_log_arrival {
    SPD_LOG_ARRIVAL_SOUND,
    SPD_LOG_ARRIVAL_NONE,
    SPD_LOG_ARRIVAL_TORN,
    SPD_LOG_ARRIVAL_DAMAGED,
    SPD_LOG_ARRIVAL_FAILED
};

/* Bytes of the source; *os_code is 0 unless it failed. */
size_t spd_log_take(struct spd_log_reader *reader, void *bytes, size_t n, int *os_code);
enum spd_err spd_log_complain_io(const struct spd_log_reader *reader, int os_code,
                                 struct spd_diag *diag);

/* The next chunk into the body. *n_taken is what was read of it. */
enum spd_log_arrival spd_log_take_chunk(struct spd_log_reader *reader,
                                        struct spd_log_chunk_head *head, size_t *n_taken,
                                        int *os_code);

#endif
