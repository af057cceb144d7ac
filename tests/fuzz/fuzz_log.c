/*
 * Fuzz target: any bytes as a log. The first octet chooses: as it is, or with
 * its CRCs made good, since no mutation would get past them. Besides what
 * sanitizers see, the rules that must hold for whatever is read are checked
 * here. What can be read is analysed, row by row.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/result/crc32c.h"
#include "common/result/flow_rows.h"
#include "common/result/log_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);          \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

struct memory {
    const uint8_t *at;
    size_t n;
};

static size_t take(void *context, void *bytes, size_t n, int *os_code)
{
    struct memory *memory = context;

    (void)os_code;
    if (n > memory->n)
        n = memory->n;
    if (n > 0)
        memcpy(bytes, memory->at, n);
    memory->at += n;
    memory->n -= n;
    return n;
}

static void put_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* Chunk by chunk, as far as their lengths lead. */
static void make_good(uint8_t *bytes, size_t n)
{
    uint32_t number = 0;

    if (n < SPD_LOG_PREAMBLE_BYTES)
        return;
    put_u32(bytes + 12, spd_crc32c(0, bytes, 12));
    bytes += SPD_LOG_PREAMBLE_BYTES;
    n -= SPD_LOG_PREAMBLE_BYTES;
    while (n >= SPD_LOG_CHUNK_HEAD_BYTES) {
        struct spd_log_chunk_head head;

        spd_log_read_chunk_head(bytes, &head);
        if (head.n_body_bytes > n - SPD_LOG_CHUNK_HEAD_BYTES)
            return;
        spd_log_write_chunk_head(bytes, head.type, number++, bytes + SPD_LOG_CHUNK_HEAD_BYTES,
                                 head.n_body_bytes);
        bytes += SPD_LOG_CHUNK_HEAD_BYTES + head.n_body_bytes;
        n -= SPD_LOG_CHUNK_HEAD_BYTES + head.n_body_bytes;
    }
}

static bool is_text(const char *text, size_t capacity)
{
    const char *end = memchr(text, '\0', capacity);

    for (const char *at = text; end && at < end; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7F)
            return false;
    return end != NULL;
}
#define MUST_BE_TEXT(text) MUST(is_text(text, sizeof(text)))

static bool is_time(int64_t t)
{
    return t >= -(INT64_C(1) << 62) && t <= INT64_C(1) << 62;
}

static void check_header(const struct spd_log_header *header)
{
    MUST(header->kind > SPD_LOG_NONE && header->kind < SPD_LOG_KIND_COUNT);
    MUST(header->n_flows >= 1 && header->n_flows <= SPD_FLOWS_MAX);
    MUST(header->send_stamp < SPD_STAMP_SOURCE_COUNT);
    MUST(header->receive_stamp < SPD_STAMP_SOURCE_COUNT);
    MUST(is_time(header->created_ns) && is_time(header->clock.pair.wall.ns));
    MUST_BE_TEXT(header->program);
    MUST_BE_TEXT(header->target_name);
    MUST_BE_TEXT(header->host.system);
    MUST_BE_TEXT(header->counter_source);
    for (size_t i = 0; i < header->n_flows; i++) {
        MUST_BE_TEXT(header->flows[i].info.name);
        MUST_BE_TEXT(header->flows[i].schedule);
        MUST(header->flows[i].info.dscp <= 63 && is_time(header->flows[i].info.interval_ns));
    }
}

static void check_facts(const struct spd_log *log, size_t n_bytes)
{
    const struct spd_log_facts *facts = &log->facts;

    MUST(facts->condition.n_bytes_read + facts->condition.n_bytes_unread == n_bytes);
    MUST(facts->ended == (facts->condition.state == SPD_LOG_WHOLE));
    MUST_BE_TEXT(facts->condition.text);
    MUST(facts->n_records == log->n_packets);
    if (facts->ended) {
        MUST(facts->end.n_flows == log->header.n_flows);
        MUST(facts->end.n_records == log->n_packets);
        MUST(facts->end.outcome.err < SPD_ERR_COUNT);
        MUST_BE_TEXT(facts->end.outcome.text);
        for (size_t i = 0; i < facts->end.n_flows; i++)
            MUST(facts->end.flows[i].ending < SPD_LOG_ENDING_COUNT_OF);
    }
    for (size_t i = 0; facts->has_environment && i < SPD_ENV_COUNT; i++) {
        MUST_BE_TEXT(facts->environment.items[i].requested_text);
        MUST_BE_TEXT(facts->environment.items[i].note);
    }
    for (size_t i = 0; i < facts->n_clocks; i++)
        MUST(is_time(log->clocks[i].pair.wall.ns));
}

static void check_packets(const struct spd_log *log)
{
    /* No more than the bytes can hold. */
    MUST(log->n_packets * SPD_LOG_RECORD_BYTES <= log->facts.condition.n_bytes_read);
    for (size_t i = 0; i < log->n_packets; i++) {
        const struct spd_flow_packet *packet = &log->packets[i];

        MUST(packet->flow < log->header.n_flows);
        MUST(is_time(packet->t1_ns) && is_time(packet->t2_ns));
        MUST(is_time(packet->t3_ns) && is_time(packet->t4_ns));
    }
}

/* Every record has a row, lost ones may have more. */
static void check_rows(const struct spd_flow_result *result)
{
    struct spd_flow_rows rows;
    struct spd_flow_row row;

    for (size_t i = 0; i < result->n_flows; i++) {
        size_t n_records = 0;

        spd_flow_rows_begin(&rows, result, i);
        while (spd_flow_rows_next(&rows, &row)) {
            MUST(row.fate < SPD_FATE_COUNT);
            MUST(row.packet == NULL || row.packet->seq == row.seq);
            n_records += row.packet != NULL;
        }
        MUST(n_records == result->flows[i].n_packets);
    }
}

static void analyse(struct spd_log *log)
{
    struct spd_flow_wishes wishes = { .minimum_ns = SPD_NS_UNKNOWN,
                                      .keep_points = true,
                                      .memory_bytes = 48 * 2000 };
    struct spd_flow_result *result = calloc(1, sizeof *result);
    struct spd_diag diag = { 0 };
    struct spd_flow_input input;

    MUST(result);
    spd_flow_input_of_log(log, NULL, &input);
    enum spd_err err = spd_flow_result_make(&input, &wishes, result, &diag);
    MUST(err == SPD_ERR_OK || err == SPD_ERR_RANGE);
    if (err == SPD_ERR_OK)
        check_rows(result);
    spd_flow_result_fini(result);
    free(result);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    struct spd_diag diag = { 0 };
    struct spd_log log = { 0 };

    if (n_bytes == 0)
        return 0;
    /* The first octet of a log is 89: so a log in the corpus is made good. */
    uint8_t *bytes = malloc(n_bytes);
    MUST(bytes);
    memcpy(bytes, data, n_bytes);
    bytes[0] = 0x89;
    if (data[0] & 1)
        make_good(bytes, n_bytes);
    struct memory memory = { bytes, n_bytes };
    struct spd_log_source source = { take, &memory, "fuzz.log" };
    enum spd_err err = spd_log_load(&source, &log, &diag);
    if (err == SPD_ERR_OK) {
        check_header(&log.header);
        check_facts(&log, n_bytes);
        check_packets(&log);
        analyse(&log);
        spd_log_fini(&log);
    } else {
        MUST(err == SPD_ERR_FORMAT || err == SPD_ERR_NOTSUP);
        MUST(diag.err == err && strstr(diag.text, "fuzz.log"));
    }
    free(bytes);
    return 0;
}
