/*
 *  44      45      46              48
 *  +-------+-------+-------+-------+-------+-------+-------+-------+
 *  | 0x80  |  249  |      16       |Version| Flags |    zero       |
 *  +-------+-------+-------+-------+-------+-------+-------+-------+
 *  |      Number of Packets        |                               |
 *  +-------+-------+-------+-------+            Session            +
 *  |                               |
 *  +-------+-------+-------+-------+
 *                                  64
 *
 * The sender sets the U flag (RFC 8972 section 4). Types 240 to 251 are for
 * experiments; 240 to 244 and 246 to 248 are used by others.
 */
#include "common/wire/session_mark.h"

#include "common/base/assert.h"
#include "common/base/cursor.h"

#define TLV_FLAG_U       0x80
#define TLV_TYPE         249
#define VALUE_BYTES      (SPD_SESSION_MARK_BYTES - 4)
#define VERSION          1
#define FLAG_TERMINATION 0x80

void spd_session_mark_write(void *packet, const struct spd_session_mark *mark)
{
    struct spd_writer w =
        spd_writer_over((uint8_t *)packet + SPD_SESSION_MARK_OFFSET, SPD_SESSION_MARK_BYTES);

    spd_write_u8(&w, TLV_FLAG_U);
    spd_write_u8(&w, TLV_TYPE);
    spd_write_u16(&w, VALUE_BYTES);
    spd_write_u8(&w, VERSION);
    spd_write_u8(&w, mark->termination ? FLAG_TERMINATION : 0);
    spd_write_zeros(&w, 2);
    spd_write_u32(&w, mark->n_packets);
    spd_write_u64(&w, mark->session);
    SPD_ASSERT(!w.failed && w.n_left == 0);
}

bool spd_session_mark_read(const void *packet, size_t n_bytes, struct spd_session_mark *out)
{
    struct spd_reader r = spd_reader_over(packet, n_bytes);
    struct spd_session_mark got;
    uint8_t type, version, flags;
    uint16_t length;

    /* The U flag is the reflector's business: ignored. */
    spd_read_skip(&r, SPD_SESSION_MARK_OFFSET + 1);
    type = spd_read_u8(&r);
    length = spd_read_u16(&r);
    version = spd_read_u8(&r);
    flags = spd_read_u8(&r);
    spd_read_skip(&r, 2);
    got.n_packets = spd_read_u32(&r);
    got.session = spd_read_u64(&r);
    if (r.failed || type != TLV_TYPE || length != VALUE_BYTES || version != VERSION)
        return false;
    got.termination = flags & FLAG_TERMINATION;
    *out = got;
    return true;
}

uint64_t spd_session_mark_of_sid(const uint8_t sid[16])
{
    struct spd_reader r = spd_reader_over(sid + 8, 8);

    return spd_read_u64(&r);
}
