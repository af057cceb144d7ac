/*
 * A reader and a writer of big-endian fields, one after another, that cannot
 * leave their bytes. The first access that does not fit sets `failed`; from
 * then on reads give 0 and writes do nothing, so that a codec checks once at
 * its end. Inline, since the reflector runs them for every packet. Pure; any
 * thread.
 */
#ifndef SPD_BASE_CURSOR_H
#define SPD_BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct spd_reader {
    const uint8_t *at;
    size_t n_left;
    bool failed;
};

struct spd_writer {
    uint8_t *at;
    size_t n_left;
    bool failed;
};

static inline struct spd_reader spd_reader_over(const void *bytes, size_t n_bytes)
{
    return (struct spd_reader){ .at = (const uint8_t *)bytes, .n_left = n_bytes };
}

static inline struct spd_writer spd_writer_over(void *bytes, size_t n_bytes)
{
    return (struct spd_writer){ .at = (uint8_t *)bytes, .n_left = n_bytes };
}

/* The next n bytes, or NULL after setting failed. */
static inline const uint8_t *spd_reader_take(struct spd_reader *reader, size_t n)
{
    if (reader->failed || n > reader->n_left) {
        reader->failed = true;
        return NULL;
    }
    const uint8_t *bytes = reader->at;
    reader->at += n;
    reader->n_left -= n;
    return bytes;
}

static inline uint64_t spd_reader_number(struct spd_reader *reader, size_t n)
{
    const uint8_t *bytes = spd_reader_take(reader, n);
    uint64_t value = 0;

    for (size_t i = 0; bytes && i < n; i++)
        value = value << 8 | bytes[i];
    return value;
}

static inline uint8_t spd_read_u8(struct spd_reader *reader)
{
    return (uint8_t)spd_reader_number(reader, 1);
}

static inline uint16_t spd_read_u16(struct spd_reader *reader)
{
    return (uint16_t)spd_reader_number(reader, 2);
}

static inline uint32_t spd_read_u32(struct spd_reader *reader)
{
    return (uint32_t)spd_reader_number(reader, 4);
}

static inline uint64_t spd_read_u64(struct spd_reader *reader)
{
    return spd_reader_number(reader, 8);
}

static inline void spd_read_skip(struct spd_reader *reader, size_t n)
{
    (void)spd_reader_take(reader, n);
}

/* Room for the next n bytes, or NULL after setting failed. */
static inline uint8_t *spd_writer_take(struct spd_writer *writer, size_t n)
{
    if (writer->failed || n > writer->n_left) {
        writer->failed = true;
        return NULL;
    }
    uint8_t *bytes = writer->at;
    writer->at += n;
    writer->n_left -= n;
    return bytes;
}

static inline void spd_writer_number(struct spd_writer *writer, uint64_t value, size_t n)
{
    uint8_t *bytes = spd_writer_take(writer, n);

    for (size_t i = 0; bytes && i < n; i++)
        bytes[i] = (uint8_t)(value >> 8 * (n - 1 - i));
}

static inline void spd_write_u8(struct spd_writer *writer, uint8_t value)
{
    spd_writer_number(writer, value, 1);
}

static inline void spd_write_u16(struct spd_writer *writer, uint16_t value)
{
    spd_writer_number(writer, value, 2);
}

static inline void spd_write_u32(struct spd_writer *writer, uint32_t value)
{
    spd_writer_number(writer, value, 4);
}

static inline void spd_write_u64(struct spd_writer *writer, uint64_t value)
{
    spd_writer_number(writer, value, 8);
}

static inline void spd_write_zeros(struct spd_writer *writer, size_t n)
{
    uint8_t *bytes = spd_writer_take(writer, n);

    if (bytes)
        memset(bytes, 0, n);
}

#endif
