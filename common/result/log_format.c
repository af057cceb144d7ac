/*
 * The log's preamble, chunk heads and packet records. Pure; any thread.
 */
#include "common/result/log_format.h"

#include <string.h>

#include "common/base/cursor.h"
#include "common/result/crc32c.h"

/* An octet that is no text, the name, and the line ends that a careless
 * transfer as text changes. */
static const uint8_t magic[8] = { 0x89, 'S', 'P', 'D', '\r', '\n', 0x1A, '\n' };

#define TEXT(name, text) text,
const char *spd_log_kind_text(enum spd_log_kind kind)
{
    static const char *const texts[] = { SPD_LOG_KIND_LIST(TEXT) };

    return (unsigned)kind < SPD_LOG_KIND_COUNT ? texts[kind] : "unknown";
}

const char *spd_log_ending_text(enum spd_log_ending ending)
{
    static const char *const texts[] = { SPD_LOG_ENDING_LIST(TEXT) };

    return (unsigned)ending < SPD_LOG_ENDING_COUNT_OF ? texts[ending] : "unknown";
}
#undef TEXT

/*
 *  0  magic
 *  8  major version       10  minor version
 * 12  CRC-32C of the twelve octets above
 */
void spd_log_write_preamble(uint8_t out[SPD_LOG_PREAMBLE_BYTES])
{
    struct spd_writer writer = spd_writer_over(out, SPD_LOG_PREAMBLE_BYTES);

    memcpy(spd_writer_take(&writer, sizeof magic), magic, sizeof magic);
    spd_write_u16(&writer, SPD_LOG_VERSION_MAJOR);
    spd_write_u16(&writer, SPD_LOG_VERSION_MINOR);
    spd_write_u32(&writer, spd_crc32c(0, out, 12));
}

enum spd_err spd_log_read_preamble(const uint8_t bytes[SPD_LOG_PREAMBLE_BYTES], uint16_t *major,
                                   uint16_t *minor)
{
    struct spd_reader reader = spd_reader_over(bytes, SPD_LOG_PREAMBLE_BYTES);

    if (memcmp(spd_reader_take(&reader, sizeof magic), magic, sizeof magic) != 0)
        return SPD_ERR_FORMAT;
    uint16_t is_major = spd_read_u16(&reader);
    uint16_t is_minor = spd_read_u16(&reader);
    if (spd_read_u32(&reader) != spd_crc32c(0, bytes, 12) || is_major == 0)
        return SPD_ERR_FORMAT;
    *major = is_major;
    *minor = is_minor;
    return is_major > SPD_LOG_VERSION_MAJOR ? SPD_ERR_NOTSUP : SPD_ERR_OK;
}

/*
 *  0  type, four letters   4  octets of the body
 *  8  number              12  CRC-32C of the twelve octets above and the body
 */
static uint32_t chunk_crc(const uint8_t head[12], const uint8_t *body, size_t n_body_bytes)
{
    return spd_crc32c(spd_crc32c(0, head, 12), body, n_body_bytes);
}

void spd_log_write_chunk_head(uint8_t out[SPD_LOG_CHUNK_HEAD_BYTES], uint32_t type, uint32_t number,
                              const uint8_t *body, size_t n_body_bytes)
{
    struct spd_writer writer = spd_writer_over(out, SPD_LOG_CHUNK_HEAD_BYTES);

    spd_write_u32(&writer, type);
    spd_write_u32(&writer, (uint32_t)n_body_bytes);
    spd_write_u32(&writer, number);
    spd_write_u32(&writer, chunk_crc(out, body, n_body_bytes));
}

void spd_log_read_chunk_head(const uint8_t bytes[SPD_LOG_CHUNK_HEAD_BYTES],
                             struct spd_log_chunk_head *out)
{
    struct spd_reader reader = spd_reader_over(bytes, SPD_LOG_CHUNK_HEAD_BYTES);

    out->type = spd_read_u32(&reader);
    out->n_body_bytes = spd_read_u32(&reader);
    out->number = spd_read_u32(&reader);
    out->crc = spd_read_u32(&reader);
}

bool spd_log_chunk_is_sound(const uint8_t bytes[SPD_LOG_CHUNK_HEAD_BYTES], const uint8_t *body)
{
    struct spd_log_chunk_head head;

    spd_log_read_chunk_head(bytes, &head);
    return chunk_crc(bytes, body, head.n_body_bytes) == head.crc;
}

/*
 * Body of a data chunk:
 *  0  number of records    4  octets of each record (48)   6  zero
 *  8  the records, each:
 *      0  sequence number   4  octets of the IP packet   6  flow   7  flags
 *      8  T1   16  T2   24  T3   32  T4
 *     40  reflector's number   44  TTL forward   45  traffic class forward
 *     46  traffic class reverse   47  TTL reverse
 */
static void write_record(struct spd_writer *writer, const struct spd_flow_packet *packet)
{
    spd_write_u32(writer, packet->seq);
    spd_write_u16(writer, packet->size_bytes);
    spd_write_u8(writer, packet->flow);
    spd_write_u8(writer, packet->flags);
    spd_write_u64(writer, (uint64_t)packet->t1_ns);
    spd_write_u64(writer, (uint64_t)packet->t2_ns);
    spd_write_u64(writer, (uint64_t)packet->t3_ns);
    spd_write_u64(writer, (uint64_t)packet->t4_ns);
    spd_write_u32(writer, packet->reflector_seq);
    spd_write_u8(writer, packet->ttl_forward);
    spd_write_u8(writer, packet->tclass_forward);
    spd_write_u8(writer, packet->tclass_reverse);
    spd_write_u8(writer, packet->ttl_reverse);
}

size_t spd_log_write_data(uint8_t *body, const struct spd_flow_packet *packets, size_t n)
{
    size_t n_bytes = SPD_LOG_DATA_HEAD_BYTES + n * SPD_LOG_RECORD_BYTES;
    struct spd_writer writer = spd_writer_over(body, n_bytes);

    spd_write_u32(&writer, (uint32_t)n);
    spd_write_u16(&writer, SPD_LOG_RECORD_BYTES);
    spd_write_u16(&writer, 0);
    for (size_t i = 0; i < n; i++)
        write_record(&writer, &packets[i]);
    return n_bytes;
}

/* Differences of two such times fit 64 bits. */
static bool read_time(struct spd_reader *reader, int64_t *out)
{
    int64_t t = (int64_t)spd_read_u64(reader);

    *out = t;
    return t >= -(INT64_C(1) << 62) && t <= INT64_C(1) << 62;
}

static bool read_record(struct spd_reader *reader, struct spd_flow_packet *out)
{
    bool sound;

    out->seq = spd_read_u32(reader);
    out->size_bytes = spd_read_u16(reader);
    out->flow = spd_read_u8(reader);
    out->flags = spd_read_u8(reader);
    sound = read_time(reader, &out->t1_ns);
    sound = read_time(reader, &out->t2_ns) && sound;
    sound = read_time(reader, &out->t3_ns) && sound;
    sound = read_time(reader, &out->t4_ns) && sound;
    out->reflector_seq = spd_read_u32(reader);
    out->ttl_forward = spd_read_u8(reader);
    out->tclass_forward = spd_read_u8(reader);
    out->tclass_reverse = spd_read_u8(reader);
    out->ttl_reverse = spd_read_u8(reader);
    return sound;
}

/* Records of a newer minor version may be longer; what they have beyond ours
 * is passed over. */
static bool read_data_head(struct spd_reader *reader, size_t *n_records, size_t *record_bytes)
{
    *n_records = spd_read_u32(reader);
    *record_bytes = spd_read_u16(reader);
    spd_read_skip(reader, 2);
    return !reader->failed && *record_bytes >= SPD_LOG_RECORD_BYTES &&
           reader->n_left % *record_bytes == 0 && reader->n_left / *record_bytes == *n_records;
}

enum spd_err spd_log_read_data_head(const uint8_t *body, size_t n, size_t *n_records)
{
    struct spd_reader reader = spd_reader_over(body, n);
    size_t n_found, record_bytes;

    if (!read_data_head(&reader, &n_found, &record_bytes))
        return SPD_ERR_FORMAT;
    *n_records = n_found;
    return SPD_ERR_OK;
}

enum spd_err spd_log_read_data(const uint8_t *body, size_t n, size_t n_flows, size_t first,
                               struct spd_flow_packet *out, size_t capacity, size_t *n_out)
{
    struct spd_reader reader = spd_reader_over(body, n);
    size_t n_records, record_bytes;

    if (!read_data_head(&reader, &n_records, &record_bytes) || first > n_records)
        return SPD_ERR_FORMAT;
    if (capacity > n_records - first)
        capacity = n_records - first;
    spd_read_skip(&reader, first * record_bytes);
    for (size_t i = 0; i < capacity; i++) {
        if (!read_record(&reader, &out[i]) || out[i].flow >= n_flows)
            return SPD_ERR_FORMAT;
        spd_read_skip(&reader, record_bytes - SPD_LOG_RECORD_BYTES);
    }
    *n_out = capacity;
    return SPD_ERR_OK;
}
