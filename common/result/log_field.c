/*
 * Fields of a log. A log may come from anywhere, and its texts end up on a
 * terminal. Pure; any thread.
 */
#include "common/result/log_field.h"

#include <string.h>

void spd_log_put_text(struct spd_writer *writer, const char *text)
{
    size_t n = strlen(text);

    spd_write_u16(writer, (uint16_t)n);
    uint8_t *room = spd_writer_take(writer, n);
    if (room)
        memcpy(room, text, n);
}

/* Octets of the character at bytes, by RFC 3629 section 4; 0 when it is none. */
static size_t character_bytes(const uint8_t *bytes, size_t n)
{
    static const struct {
        uint8_t first_min, first_max, second_min, second_max;
        uint8_t n;
    } forms[] = {
        { 0x00, 0x7F, 0x00, 0x00, 1 }, { 0xC2, 0xDF, 0x80, 0xBF, 2 }, { 0xE0, 0xE0, 0xA0, 0xBF, 3 },
        { 0xE1, 0xEC, 0x80, 0xBF, 3 }, { 0xED, 0xED, 0x80, 0x9F, 3 }, { 0xEE, 0xEF, 0x80, 0xBF, 3 },
        { 0xF0, 0xF0, 0x90, 0xBF, 4 }, { 0xF1, 0xF3, 0x80, 0xBF, 4 }, { 0xF4, 0xF4, 0x80, 0x8F, 4 },
    };

    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (bytes[0] < forms[i].first_min || bytes[0] > forms[i].first_max || forms[i].n > n)
            continue;
        if (forms[i].n > 1 && (bytes[1] < forms[i].second_min || bytes[1] > forms[i].second_max))
            return 0;
        for (size_t k = 2; k < forms[i].n; k++)
            if ((bytes[k] & 0xC0) != 0x80)
                return 0;
        return forms[i].n;
    }
    return 0;
}

/* C0, DEL, and C1, which some terminals obey too. */
static bool is_control(const uint8_t *bytes, size_t n)
{
    return (n == 1 && (bytes[0] < 0x20 || bytes[0] == 0x7F)) ||
           (n == 2 && bytes[0] == 0xC2 && bytes[1] < 0xA0);
}

void spd_log_get_text(struct spd_reader *reader, char *out, size_t capacity)
{
    size_t n = spd_read_u16(reader);
    const uint8_t *bytes = spd_reader_take(reader, n);
    size_t n_out = 0;

    for (size_t i = 0, used; bytes && i < n; i += used) {
        size_t n_character = character_bytes(bytes + i, n - i);

        used = n_character > 0 ? n_character : 1;
        if (n_out + used >= capacity)
            break;
        if (n_character == 0 || is_control(bytes + i, used)) {
            out[n_out++] = n_character == 0 ? '?' : ' ';
        } else {
            memcpy(out + n_out, bytes + i, used);
            n_out += used;
        }
    }
    out[n_out] = '\0';
}

int64_t spd_log_get_time(struct spd_reader *reader)
{
    int64_t t = (int64_t)spd_read_u64(reader);

    if (t < -(INT64_C(1) << 62) || t > INT64_C(1) << 62)
        reader->failed = true;
    return t;
}

void spd_log_put_time(struct spd_writer *writer, int64_t t)
{
    spd_write_u64(writer, (uint64_t)t);
}

bool spd_log_get_bool(struct spd_reader *reader)
{
    uint8_t value = spd_read_u8(reader);

    if (value > 1)
        reader->failed = true;
    return value == 1;
}

uint8_t spd_log_get_choice(struct spd_reader *reader, unsigned n)
{
    uint8_t value = spd_read_u8(reader);

    return value < n ? value : 0;
}

struct spd_reader spd_log_get_part(struct spd_reader *reader)
{
    size_t n = spd_read_u16(reader);
    const uint8_t *bytes = spd_reader_take(reader, n);

    return spd_reader_over(bytes, bytes ? n : 0);
}

void spd_log_put_length(const struct spd_writer *after, uint8_t *at)
{
    struct spd_writer writer = spd_writer_over(at, 2);

    spd_write_u16(&writer, (uint16_t)(after->at - at - 2));
}

void spd_log_put_address(struct spd_writer *writer, const struct spd_addr *address)
{
    spd_write_u8(writer, address->family);
    spd_write_u16(writer, address->port);
    spd_write_u32(writer, address->scope_id);
    memcpy(spd_writer_take(writer, 16), address->bytes, 16);
}

void spd_log_get_address(struct spd_reader *reader, struct spd_addr *out)
{
    out->family = spd_read_u8(reader);
    out->port = spd_read_u16(reader);
    out->scope_id = spd_read_u32(reader);
    const uint8_t *bytes = spd_reader_take(reader, 16);
    if (bytes)
        memcpy(out->bytes, bytes, 16);
    if (out->family != SPD_FAMILY_NONE && out->family != SPD_FAMILY_IPV4 &&
        out->family != SPD_FAMILY_IPV6)
        reader->failed = true;
}

void spd_log_put_clock(struct spd_writer *writer, const struct spd_log_clock *clock)
{
    spd_write_u64(writer, clock->pair.ticks.ticks);
    spd_log_put_time(writer, clock->pair.wall.ns);
    spd_log_put_time(writer, clock->pair.uncertainty_ns);
    spd_write_u8(writer, (uint8_t)clock->synchronised);
    spd_write_zeros(writer, 3);
    spd_log_put_time(writer, clock->max_error_ns);
}

void spd_log_get_clock(struct spd_reader *reader, struct spd_log_clock *out)
{
    out->pair.ticks.ticks = spd_read_u64(reader);
    out->pair.wall.ns = spd_log_get_time(reader);
    out->pair.uncertainty_ns = spd_log_get_time(reader);
    uint8_t synchronised = spd_read_u8(reader);
    out->synchronised = synchronised <= 1 ? (int8_t)synchronised : -1;
    spd_read_skip(reader, 3);
    out->max_error_ns = spd_log_get_time(reader);
}
