/*
 * Reads a log chunk by chunk. Any thread; blocks on the file. Trusts nothing
 * but what its CRC and its form allow.
 */
#include "common/result/log_reader_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/assert.h"

const char *spd_log_state_text(enum spd_log_state state)
{
    static const char *const texts[] = { "whole", "unfinished", "torn", "damaged" };

    return (unsigned)state < sizeof texts / sizeof texts[0] ? texts[state] : "unknown";
}

size_t spd_log_take(struct spd_log_reader *reader, void *bytes, size_t n, int *os_code)
{
    *os_code = 0;
    return reader->source.read(reader->source.context, bytes, n, os_code);
}

enum spd_err spd_log_complain_io(const struct spd_log_reader *reader, int os_code,
                                 struct spd_diag *diag)
{
    return spd_diag_set(diag, SPD_ERR_IO, os_code, "cannot read the log %s: %s",
                        reader->source.name, strerror(os_code));
}

/* Unwritten blocks at the end of a file, after a power cut, are zeros. */
static bool is_zeros(const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

enum spd_log_arrival spd_log_take_chunk(struct spd_log_reader *reader,
                                        struct spd_log_chunk_head *head, size_t *n_taken,
                                        int *os_code)
{
    uint8_t bytes[SPD_LOG_CHUNK_HEAD_BYTES];

    *n_taken = spd_log_take(reader, bytes, sizeof bytes, os_code);
    if (*os_code != 0)
        return SPD_LOG_ARRIVAL_FAILED;
    if (*n_taken < sizeof bytes)
        return *n_taken == 0 ? SPD_LOG_ARRIVAL_NONE : SPD_LOG_ARRIVAL_TORN;
    if (is_zeros(bytes, sizeof bytes))
        return SPD_LOG_ARRIVAL_TORN;
    spd_log_read_chunk_head(bytes, head);
    if (head->n_body_bytes > SPD_LOG_BODY_MAX_BYTES)
        return SPD_LOG_ARRIVAL_DAMAGED;
    size_t n_body = spd_log_take(reader, reader->body, head->n_body_bytes, os_code);
    *n_taken += n_body;
    if (*os_code != 0)
        return SPD_LOG_ARRIVAL_FAILED;
    if (n_body < head->n_body_bytes)
        return SPD_LOG_ARRIVAL_TORN;
    if (head->number != reader->chunk_number || !spd_log_chunk_is_sound(bytes, reader->body))
        return SPD_LOG_ARRIVAL_DAMAGED;
    return SPD_LOG_ARRIVAL_SOUND;
}

const struct spd_log_header *spd_log_reader_header(const struct spd_log_reader *reader)
{
    return &reader->header;
}

const struct spd_log_facts *spd_log_reader_facts(const struct spd_log_reader *reader)
{
    return &reader->facts;
}

/* How many bytes follow; what cannot be read any more does not count. */
static uint64_t count_rest(struct spd_log_reader *reader)
{
    uint64_t n_rest = 0;
    int os_code;

    for (size_t n; (n = spd_log_take(reader, reader->body, SPD_LOG_BODY_MAX_BYTES, &os_code)) > 0;)
        n_rest += n;
    return n_rest;
}

/* No more is read. n_taken bytes of what comes next are read already. */
static void finish(struct spd_log_reader *reader, enum spd_log_state state, size_t n_taken)
{
    struct spd_log_condition *condition = &reader->facts.condition;

    reader->over = true;
    reader->n_body_bytes = 0;
    condition->state = state;
    condition->n_bytes_unread = n_taken + count_rest(reader);
    switch (state) {
    case SPD_LOG_WHOLE:
        if (condition->n_bytes_unread > 0)
            snprintf(condition->text, sizeof condition->text,
                     "%" PRIu64 " bytes behind its end were not read", condition->n_bytes_unread);
        break;
    case SPD_LOG_UNFINISHED:
        snprintf(condition->text, sizeof condition->text,
                 "it has no end: what wrote it was killed, or still writes");
        break;
    case SPD_LOG_TORN:
        snprintf(condition->text, sizeof condition->text,
                 "torn at byte %" PRIu64
                 ": what wrote it was killed, or its disk was full; %" PRIu64
                 " bytes of an unfinished chunk were not read",
                 condition->n_bytes_read, condition->n_bytes_unread);
        break;
    case SPD_LOG_DAMAGED:
        snprintf(condition->text, sizeof condition->text,
                 "damaged at byte %" PRIu64 ": the %" PRIu64 " bytes from there on were not read",
                 condition->n_bytes_read, condition->n_bytes_unread);
        break;
    }
}

/* Clocks are kept as long as there is room and memory: they explain, and no
 * figure needs them all. */
static void keep_clock(struct spd_log_reader *reader, const struct spd_log_clock *clock)
{
    size_t n = reader->facts.n_clocks;

    if (n == SPD_LOG_CLOCKS_MAX)
        return;
    if ((n & (n - 1)) == 0) {
        void *more = realloc(reader->clocks, (n ? 2 * n : 1) * sizeof *clock);
        if (!more)
            return;
        reader->clocks = more;
    }
    reader->clocks[n] = *clock;
    reader->facts.clocks = reader->clocks;
    reader->facts.n_clocks = n + 1;
}

static bool is_optional(uint32_t type)
{
    return (type >> 24) >= 'a' && (type >> 24) <= 'z';
}

/* A sound chunk, in its meaning. Returns false when it has none. */
static bool understand(struct spd_log_reader *reader, const struct spd_log_chunk_head *head)
{
    struct spd_log_facts *facts = &reader->facts;
    struct spd_log_clock clock;
    size_t n_records;

    switch (head->type) {
    case SPD_LOG_CHUNK_DATA:
        if (spd_log_read_data_head(reader->body, head->n_body_bytes, &n_records))
            return false;
        reader->n_body_bytes = head->n_body_bytes;
        reader->n_given = 0;
        return true;
    case SPD_LOG_CHUNK_CLOCK:
        if (spd_log_read_clock(reader->body, head->n_body_bytes, &clock))
            return false;
        keep_clock(reader, &clock);
        return true;
    case SPD_LOG_CHUNK_ENVIRONMENT:
        if (spd_log_read_environment(reader->body, head->n_body_bytes, &facts->environment))
            return false;
        facts->has_environment = true;
        return true;
    case SPD_LOG_CHUNK_END:
        if (spd_log_read_end(reader->body, head->n_body_bytes, &facts->end) ||
            facts->end.n_flows != reader->header.n_flows ||
            facts->end.n_records != facts->n_records)
            return false;
        facts->ended = true;
        return true;
    default:
        return is_optional(head->type);
    }
}

/* The next chunk that matters: afterwards there are records to give, or it is
 * over. */
static enum spd_err advance(struct spd_log_reader *reader, struct spd_diag *diag)
{
    while (!reader->over && reader->n_body_bytes == 0) {
        struct spd_log_chunk_head head = { 0 };
        size_t n_taken;
        int os_code;

        switch (spd_log_take_chunk(reader, &head, &n_taken, &os_code)) {
        case SPD_LOG_ARRIVAL_SOUND:
            if (!understand(reader, &head)) {
                finish(reader, SPD_LOG_DAMAGED, n_taken);
                break;
            }
            reader->chunk_number++;
            reader->facts.condition.n_bytes_read += n_taken;
            if (reader->facts.ended)
                finish(reader, SPD_LOG_WHOLE, 0);
            break;
        case SPD_LOG_ARRIVAL_NONE:
            finish(reader, SPD_LOG_UNFINISHED, 0);
            break;
        case SPD_LOG_ARRIVAL_TORN:
            finish(reader, SPD_LOG_TORN, n_taken);
            break;
        case SPD_LOG_ARRIVAL_DAMAGED:
            finish(reader, SPD_LOG_DAMAGED, n_taken);
            break;
        case SPD_LOG_ARRIVAL_FAILED:
            return spd_log_complain_io(reader, os_code, diag);
        }
    }
    return SPD_ERR_OK;
}

/* Give out records of the chunk at hand. One that is not sound ends the log in
 * front of it. */
static size_t give(struct spd_log_reader *reader, struct spd_flow_packet *packets, size_t capacity)
{
    size_t n = 0;

    if (spd_log_read_data(reader->body, reader->n_body_bytes, reader->header.n_flows,
                          reader->n_given, packets, capacity, &n)) {
        reader->facts.condition.n_bytes_read -= SPD_LOG_CHUNK_HEAD_BYTES + reader->n_body_bytes;
        finish(reader, SPD_LOG_DAMAGED, SPD_LOG_CHUNK_HEAD_BYTES + reader->n_body_bytes);
        return 0;
    }
    reader->n_given += n;
    reader->facts.n_records += n;
    if (n < capacity)
        reader->n_body_bytes = 0;
    return n;
}

enum spd_err spd_log_reader_next(struct spd_log_reader *reader, struct spd_flow_packet *packets,
                                 size_t capacity, size_t *n_out, struct spd_diag *diag)
{
    size_t n = 0;

    SPD_ASSERT(capacity > 0);
    while (n == 0 && !reader->over) {
        enum spd_err err = advance(reader, diag);
        if (err)
            return err;
        if (reader->n_body_bytes > 0)
            n = give(reader, packets, capacity);
    }
    *n_out = n;
    return SPD_ERR_OK;
}
