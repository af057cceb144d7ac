/*
 * STAMP test packets, unauthenticated mode (RFC 8762 section 4.2.1 and 4.3.1,
 * SSID of RFC 8972 section 3), and what TWAMP-Light peers make of them.
 * Pure functions on bytes; any thread. Byte diagrams stand in stamp.c.
 */
#ifndef SPD_WIRE_STAMP_H
#define SPD_WIRE_STAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

#define SPD_STAMP_BYTES 44             /* base packet, both directions */
#define SPD_STAMP_REQUEST_MIN_BYTES 14 /* TWAMP sender without padding (RFC 5357) */
#define SPD_STAMP_REPLY_MIN_BYTES 38   /* the shortest reply seen in the field: no TTL */
#define SPD_STAMP_DEFAULT_PORT 862

struct spd_stamp_request {
    uint32_t seq;
    uint64_t timestamp;      /* T1, see ntptime.h */
    uint16_t error_estimate;
    uint16_t ssid;           /* 0 when the request is shorter than 16 octets */
};

struct spd_stamp_reply {
    uint32_t seq;                   /* the reflector's own, or a copy when stateless */
    uint64_t timestamp;             /* T3 */
    uint16_t error_estimate;        /* of T3 and T2 */
    uint16_t ssid;
    uint64_t receive_timestamp;     /* T2 */
    uint32_t sender_seq;
    uint64_t sender_timestamp;      /* T1 as the reflector echoes it: do not trust */
    uint16_t sender_error_estimate;
    uint8_t sender_ttl;             /* 0 when !sender_ttl_known */
    bool sender_ttl_known;          /* the reply had octet 40 */
};

/* Write the 44 octets of a request; what lies behind them (padding) stays as it
 * is. Errors: INVALID when capacity < 44. */
enum spd_err spd_stamp_write_request(void *packet, size_t capacity,
                                     const struct spd_stamp_request *request);

/* Errors: FORMAT when shorter than 14 octets, or the Error Estimate's
 * Multiplier is 0 (RFC 4656 section 4.1.2). */
enum spd_err spd_stamp_read_request(const void *packet, size_t n_bytes,
                                    struct spd_stamp_request *request);

/* Turn a received request of n_bytes, in place, into its reply: fields 0..43
 * are written from *reply, MBZ octets zeroed, octets from 44 on (padding, TLVs
 * of peers whose extensions we do not know) stay. *n_reply is n_bytes, or 44
 * for a shorter request (RFC 8762 section 4.6). Errors: INVALID when capacity
 * < max(n_bytes, 44) or n_bytes < 14 (no request: a reply would amplify). */
enum spd_err spd_stamp_write_reply(void *packet, size_t n_bytes, size_t capacity,
                                   const struct spd_stamp_reply *reply, size_t *n_reply);

/* Overwrite only T3 of a reply written before: the last thing before sending. */
void spd_stamp_set_timestamp(void *packet, uint64_t timestamp);

/* Errors: FORMAT when shorter than 38 octets, or the reflector's Multiplier is
 * 0. A zero Multiplier in the echoed sender estimate is accepted. */
enum spd_err spd_stamp_read_reply(const void *packet, size_t n_bytes,
                                  struct spd_stamp_reply *reply);

#endif
