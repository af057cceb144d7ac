/*
 * The binary log of a session: what stands in it and how it stands there. The
 * layout, field by field, is in log_format.md beside this file.
 *
 * A log is a preamble and then chunks, each with its number and a CRC-32C, and
 * is only ever appended to. Everything is big-endian and of explicit width, so
 * that both systems write the same bytes. This file is the codec: bytes in
 * memory, no files. Pure; any thread.
 */
#ifndef SPD_RESULT_LOG_FORMAT_H
#define SPD_RESULT_LOG_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/flow.h"
#include "common/base/record.h"
#include "common/base/time.h"
#include "common/sys/host.h"

/* Another major version cannot be read; a newer minor one can. */
#define SPD_LOG_VERSION_MAJOR 1
#define SPD_LOG_VERSION_MINOR 1

#define SPD_LOG_PREAMBLE_BYTES   16
#define SPD_LOG_CHUNK_HEAD_BYTES 16
#define SPD_LOG_BODY_MAX_BYTES   (1u << 20)
#define SPD_LOG_DATA_HEAD_BYTES  8
#define SPD_LOG_RECORD_BYTES     48
#define SPD_LOG_CHUNK_RECORDS    1024 /* at most, in one data chunk */

/* Who kept the log, of what. */
#define SPD_LOG_KIND_LIST(X)                                                                       \
    X(NONE, "none")                                                                                \
    X(TWO_WAY, "two-way")                   /* sender; replies came back */                        \
    X(ONE_WAY_SENDER, "one-way-sender")     /* t1 alone */                                         \
    X(ONE_WAY_RECEIVER, "one-way-receiver") /* t2, and t1 as the packets carried it */             \
    X(ONE_WAY, "one-way")                   /* sender and receiver in one: fetched, or merged */

#define SPD_LOG_ENUM(name, text) SPD_LOG_##name,
enum spd_log_kind { SPD_LOG_KIND_LIST(SPD_LOG_ENUM) SPD_LOG_KIND_COUNT };
#undef SPD_LOG_ENUM
const char *spd_log_kind_text(enum spd_log_kind kind);

/* How the session ended (spec L2). */
#define SPD_LOG_ENDING_LIST(X)                                                                     \
    X(NONE, "none")   /* no end was recorded: the program was killed */                            \
    X(COUNT, "count") /* all packets asked for or negotiated */                                    \
    X(TERMINATION, "termination-packet")                                                           \
    X(DONE, "done") /* told over the control channel */                                            \
    X(TIMEOUT, "timeout")                                                                          \
    X(BY_HAND, "by-hand") /* Ctrl-C, or the service stopped it */                                  \
    X(ERROR, "error")     /* see outcome */

#define SPD_LOG_ENUM(name, text) SPD_LOG_ENDING_##name,
enum spd_log_ending { SPD_LOG_ENDING_LIST(SPD_LOG_ENUM) SPD_LOG_ENDING_COUNT_OF };
#undef SPD_LOG_ENUM
const char *spd_log_ending_text(enum spd_log_ending ending);

/* The host's clock against its counter at one moment. */
struct spd_log_clock {
    struct spd_clock_pair pair;
    int8_t synchronised; /* as spd_clock_is_synchronised: 1, 0, -1 unknown */
    spd_ns max_error_ns; /* -1 unknown */
};

struct spd_log_flow {
    struct spd_flow_info info;
    uint32_t first_seq; /* of its first packet */
    uint16_t ssid;      /* RFC 8972; 0 none */
    uint8_t sid[16];    /* OWAMP Session Identifier, RFC 4656 section 3.5; zero: none */
    char schedule[120]; /* for people: "rate 24 kbit/s, sizes 92" */
    uint32_t n_calibration; /* its first packets met no noise; 0: none, or a log of format 1.0 */
};

/* Known when the log is begun. */
struct spd_log_header {
    uint8_t kind;          /* enum spd_log_kind */
    int64_t created_ns;    /* time of day */
    uint64_t seed;         /* of schedules and padding; 0 none */
    char program[32];      /* "stampede 0.1.0" */
    char target_name[256]; /* as the user gave it; may be empty */
    struct spd_host host;  /* that wrote the log */
    uint64_t counter_hz;
    char counter_source[80]; /* spd_clock_source() */
    struct spd_log_clock clock;
    uint8_t send_stamp;    /* enum spd_stamp_source: best to be expected; the flags of each */
    uint8_t receive_stamp; /* record say what it got */
    uint8_t n_flows;       /* 1..SPD_FLOWS_MAX */
    struct spd_log_flow flows[SPD_FLOWS_MAX];
};

/* Of one flow at its end. Counts that this side cannot know are 0. */
struct spd_log_flow_end {
    uint8_t ending; /* enum spd_log_ending */
    bool n_packets_known;
    uint32_t n_packets; /* that the sender took in hand, by its own word: those above the
                           last one received are lost and not merely unknown */
    uint64_t n_sent;
    uint64_t n_not_sent;
    uint64_t n_late;
    uint64_t n_arrived; /* receiver: packets; two-way: replies. Without duplicates */
    uint64_t n_duplicates;
    uint64_t n_unexpected; /* fitted no packet of the session */
    uint64_t n_malformed;
    uint64_t n_termination;   /* termination packets sent or received */
    uint64_t n_bytes;         /* IP bytes of n_sent or n_arrived */
    uint64_t n_dropped_local; /* by this host's receive buffer */
    spd_ns lateness_max_ns;
    spd_ns lateness_sum_ns;
    spd_ns first_sent_ns; /* by the counter, from the start of the test */
    spd_ns last_sent_ns;
};

struct spd_log_end {
    int64_t ended_ns;     /* time of day */
    spd_ns clock_step_ns; /* wall clock against counter over the test, less drift */
    struct spd_log_clock clock;
    struct spd_diag outcome; /* why it ended early, if it did */
    uint8_t n_flows;         /* as in the header */
    struct spd_log_flow_end flows[SPD_FLOWS_MAX];
    uint64_t n_records;      /* in the log: filled in by the writer */
    uint64_t n_records_lost; /* that could not be written, disk full: likewise */
};

/* Chunk types, four letters. A reader skips types that it does not know when
 * the first letter is small, and stops at others. */
#define SPD_LOG_CHUNK(a, b, c, d)                                                                  \
    ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))
enum spd_log_chunk_type {
    SPD_LOG_CHUNK_HEADER = SPD_LOG_CHUNK('H', 'E', 'A', 'D'),
    SPD_LOG_CHUNK_DATA = SPD_LOG_CHUNK('D', 'A', 'T', 'A'),
    SPD_LOG_CHUNK_CLOCK = SPD_LOG_CHUNK('c', 'l', 'c', 'k'),
    SPD_LOG_CHUNK_ENVIRONMENT = SPD_LOG_CHUNK('e', 'n', 'v', 'i'),
    SPD_LOG_CHUNK_END = SPD_LOG_CHUNK('E', 'N', 'D', ' '),
};

struct spd_log_chunk_head {
    uint32_t type;
    uint32_t n_body_bytes;
    uint32_t number; /* 0 the header, then counting */
    uint32_t crc;    /* CRC-32C of the twelve octets above and the body */
};

/* Writers fill room of the sizes stated and return the bytes they took. */
void spd_log_write_preamble(uint8_t out[SPD_LOG_PREAMBLE_BYTES]);

#define SPD_LOG_HEADER_MAX_BYTES      (2048 + SPD_FLOWS_MAX * 320)
#define SPD_LOG_CLOCK_BYTES           36
#define SPD_LOG_ENVIRONMENT_MAX_BYTES (2 + SPD_ENV_COUNT * 360)
#define SPD_LOG_END_MAX_BYTES         (640 + SPD_FLOWS_MAX * 136)
size_t spd_log_write_header(uint8_t *body, const struct spd_log_header *header);
size_t spd_log_write_clock(uint8_t *body, const struct spd_log_clock *clock);
size_t spd_log_write_environment(uint8_t *body, const struct spd_environment *environment);
size_t spd_log_write_end(uint8_t *body, const struct spd_log_end *end);
/* SPD_LOG_DATA_HEAD_BYTES + n * SPD_LOG_RECORD_BYTES. */
size_t spd_log_write_data(uint8_t *body, const struct spd_flow_packet *packets, size_t n);
/* The head for a body, in front of it: out and body may not overlap. */
void spd_log_write_chunk_head(uint8_t out[SPD_LOG_CHUNK_HEAD_BYTES], uint32_t type, uint32_t number,
                              const uint8_t *body, size_t n_body_bytes);

/* Readers take any bytes. Errors: FORMAT; preamble: FORMAT (foreign), NOTSUP
 * (*major is newer than this program). What they give is checked: texts are
 * UTF-8 without control characters, enumerations in their range, times between
 * -2^62 and 2^62 ns. */
enum spd_err spd_log_read_preamble(const uint8_t bytes[SPD_LOG_PREAMBLE_BYTES], uint16_t *major,
                                   uint16_t *minor);
void spd_log_read_chunk_head(const uint8_t bytes[SPD_LOG_CHUNK_HEAD_BYTES],
                             struct spd_log_chunk_head *out);
/* Whether head and body belong together. bytes are those of the head. */
bool spd_log_chunk_is_sound(const uint8_t bytes[SPD_LOG_CHUNK_HEAD_BYTES], const uint8_t *body);
enum spd_err spd_log_read_header(const uint8_t *body, size_t n, struct spd_log_header *out);
enum spd_err spd_log_read_clock(const uint8_t *body, size_t n, struct spd_log_clock *out);
enum spd_err spd_log_read_environment(const uint8_t *body, size_t n, struct spd_environment *out);
enum spd_err spd_log_read_end(const uint8_t *body, size_t n, struct spd_log_end *out);
/* How many records a data chunk holds, and those from first on, at most
 * capacity of them; flows of n_flows or more are FORMAT. */
enum spd_err spd_log_read_data_head(const uint8_t *body, size_t n, size_t *n_records);
enum spd_err spd_log_read_data(const uint8_t *body, size_t n, size_t n_flows, size_t first,
                               struct spd_flow_packet *out, size_t capacity, size_t *n_out);

#endif
