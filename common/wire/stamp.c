/*
 * STAMP test packets in unauthenticated mode. Any thread: the dispatcher writes
 * requests before its burst, the reflector turns them into replies. Nothing
 * here may allocate, and every length comes from the network.
 */
#include "common/wire/stamp.h"

#include "common/base/assert.h"
#include "common/base/cursor.h"

#define REQUEST_WITH_SSID_BYTES 16
#define REPLY_WITH_TTL_BYTES    41 /* a TWAMP reply without padding, RFC 5357 section 4.2.1 */
#define TIMESTAMP_OFFSET        4
#define MULTIPLIER_MASK         0x00FFu

/*
 * Session-Sender test packet, RFC 8762 section 4.2.1 (Figure 2), SSID by RFC
 * 8972 section 3 (Figure 1):
 *
 *   off len
 *   0   4   Sequence Number
 *   4   8   Timestamp (T1)
 *   12  2   Error Estimate
 *   14  2   SSID
 *   16  28  MBZ
 *   44  ..  padding or TLVs
 *
 * A TWAMP-Test packet (RFC 5357 section 4.1.2) ends after octet 13 and goes on
 * with any amount of Packet Padding, zero or random, where SSID and MBZ stand.
 */
enum spd_err spd_stamp_write_request(void *packet, size_t capacity,
                                     const struct spd_stamp_request *request)
{
    if (capacity < SPD_STAMP_BYTES)
        return SPD_ERR_INVALID;
    struct spd_writer w = spd_writer_over(packet, SPD_STAMP_BYTES);

    spd_write_u32(&w, request->seq);
    spd_write_u64(&w, request->timestamp);
    spd_write_u16(&w, request->error_estimate);
    spd_write_u16(&w, request->ssid);
    spd_write_zeros(&w, 28);
    SPD_ASSERT(!w.failed && w.n_left == 0);
    return SPD_ERR_OK;
}

enum spd_err spd_stamp_read_request(const void *packet, size_t n_bytes,
                                    struct spd_stamp_request *request)
{
    struct spd_reader r = spd_reader_over(packet, n_bytes);
    struct spd_stamp_request got = { 0 };

    got.seq = spd_read_u32(&r);
    got.timestamp = spd_read_u64(&r);
    got.error_estimate = spd_read_u16(&r);
    /* RFC 4656 section 4.1.2: 14 octets at least, and a zero Multiplier means a
     * corrupt packet. */
    if (r.failed || (got.error_estimate & MULTIPLIER_MASK) == 0)
        return SPD_ERR_FORMAT;
    /* RFC 8762 section 4.6: shorter TWAMP Light requests are served; they have
     * no SSID. The MBZ octets are ignored, RFC 8762 section 4.2.1. */
    if (n_bytes >= REQUEST_WITH_SSID_BYTES)
        got.ssid = spd_read_u16(&r);
    *request = got;
    return SPD_ERR_OK;
}

/*
 * Session-Reflector test packet, RFC 8762 section 4.3.1 (Figure 5), SSID by RFC
 * 8972 section 3 (Figure 2):
 *
 *   off len
 *   0   4   Sequence Number
 *   4   8   Timestamp (T3)
 *   12  2   Error Estimate, of T3 and T2
 *   14  2   SSID, copied
 *   16  8   Receive Timestamp (T2)
 *   24  4   Session-Sender Sequence Number, copied
 *   28  8   Session-Sender Timestamp, copied
 *   36  2   Session-Sender Error Estimate, copied
 *   38  2   MBZ
 *   40  1   Session-Sender TTL, of the packet received
 *   41  3   MBZ
 *   44  ..  copied from the request
 *
 * TWAMP reflectors (RFC 5357 section 4.2.1) may end after octet 40 or go on
 * with padding; RFC 7750 puts the received DSCP and ECN in octet 41. Some end
 * already after octet 37.
 */
enum spd_err spd_stamp_write_reply(void *packet, size_t n_bytes, size_t capacity,
                                   const struct spd_stamp_reply *reply, size_t *n_reply)
{
    /* RFC 8762 section 4.6: the base packet for a shorter request, else the
     * same size. What is no request at all must not be made larger. */
    size_t n = n_bytes < SPD_STAMP_BYTES ? SPD_STAMP_BYTES : n_bytes;

    if (n_bytes < SPD_STAMP_REQUEST_MIN_BYTES || capacity < n)
        return SPD_ERR_INVALID;
    struct spd_writer w = spd_writer_over(packet, SPD_STAMP_BYTES);

    spd_write_u32(&w, reply->seq);
    spd_write_u64(&w, reply->timestamp);
    spd_write_u16(&w, reply->error_estimate);
    spd_write_u16(&w, reply->ssid);
    spd_write_u64(&w, reply->receive_timestamp);
    spd_write_u32(&w, reply->sender_seq);
    spd_write_u64(&w, reply->sender_timestamp);
    spd_write_u16(&w, reply->sender_error_estimate);
    spd_write_zeros(&w, 2);
    spd_write_u8(&w, reply->sender_ttl);
    spd_write_zeros(&w, 3);
    SPD_ASSERT(!w.failed && w.n_left == 0);
    *n_reply = n;
    return SPD_ERR_OK;
}

void spd_stamp_set_timestamp(void *packet, uint64_t timestamp)
{
    struct spd_writer w = spd_writer_over((uint8_t *)packet + TIMESTAMP_OFFSET, sizeof timestamp);

    spd_write_u64(&w, timestamp);
}

enum spd_err spd_stamp_read_reply(const void *packet, size_t n_bytes, struct spd_stamp_reply *reply)
{
    struct spd_reader r = spd_reader_over(packet, n_bytes);
    struct spd_stamp_reply got = { 0 };

    got.seq = spd_read_u32(&r);
    got.timestamp = spd_read_u64(&r);
    got.error_estimate = spd_read_u16(&r);
    got.ssid = spd_read_u16(&r);
    got.receive_timestamp = spd_read_u64(&r);
    got.sender_seq = spd_read_u32(&r);
    got.sender_timestamp = spd_read_u64(&r);
    got.sender_error_estimate = spd_read_u16(&r);
    /* RFC 4656 section 4.1.2 for the reflector's own estimate. The echoed one
     * is not the reflector's to answer for: peers that alter it are served. */
    if (r.failed || (got.error_estimate & MULTIPLIER_MASK) == 0)
        return SPD_ERR_FORMAT;
    if (n_bytes >= REPLY_WITH_TTL_BYTES) {
        spd_read_skip(&r, 2);
        got.sender_ttl = spd_read_u8(&r);
        got.sender_ttl_known = true;
    }
    /* RFC 8762 section 4.3.1: octets 41..43 are ignored, whatever they hold. */
    *reply = got;
    return SPD_ERR_OK;
}
