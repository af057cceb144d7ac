/*
 * What the tests of logs share: a log with a value of its own in every field,
 * its bytes in memory, and sources to read bytes from.
 */
#ifndef SPD_TESTS_UNIT_LOG_KIT_H
#define SPD_TESTS_UNIT_LOG_KIT_H

#include "common/result/log_reader.h"

void log_kit_header(struct spd_log_header *out, enum spd_log_kind kind);
/* The i-th packet of flow 0, as a two-way sender logs it: sent every 20 ms,
 * 5 ms there, 30 us in the reflector, 3 ms back; clocks 7 s apart. */
struct spd_flow_packet log_kit_packet(uint32_t i);
void log_kit_clock(struct spd_log_clock *out);
void log_kit_environment(struct spd_environment *out);
void log_kit_end(struct spd_log_end *out, uint64_t n_records);

/* Fails the test unless they say the same: compared as they are written, since
 * structs have holes. */
void log_kit_same_header(const struct spd_log_header *a, const struct spd_log_header *b);
void log_kit_same_environment(const struct spd_environment *a, const struct spd_environment *b);
void log_kit_same_end(const struct spd_log_end *a, const struct spd_log_end *b);

/* Bytes that grow. */
struct log_bytes {
    uint8_t *bytes;
    size_t n;
    uint32_t n_chunks;
};

void log_bytes_preamble(struct log_bytes *bytes);
void log_bytes_chunk(struct log_bytes *bytes, uint32_t type, const uint8_t *body, size_t n_body);
void log_bytes_header(struct log_bytes *bytes, const struct spd_log_header *header);
void log_bytes_data(struct log_bytes *bytes, const struct spd_flow_packet *packets, size_t n);
void log_bytes_end(struct log_bytes *bytes, const struct spd_log_end *end);
/* A whole log: header, n packets in chunks of per_chunk, end. */
void log_bytes_whole(struct log_bytes *bytes, size_t n_packets, size_t per_chunk);
void log_bytes_fini(struct log_bytes *bytes);

/* A source over the first n of them (then the end, or a failure). */
struct log_memory {
    const uint8_t *bytes;
    size_t n;
    int fail_os_code; /* 0: it ends there */
};
struct spd_log_source log_memory_source(struct log_memory *memory);

/* Load bytes; asserts nothing. */
enum spd_err log_kit_load(const uint8_t *bytes, size_t n, struct spd_log *out,
                          struct spd_diag *diag);

/* A file's whole contents; fails the test when there is none. Free it. */
uint8_t *log_kit_file(const char *path, size_t *n);

#endif
