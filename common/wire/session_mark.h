/*
 * The mark by which a receiver without a control channel recognises a one-way
 * session, its number of packets and its end: a TLV (RFC 8972 section 4) of an
 * experimental type, behind the base packet of STAMP. session_mark.md beside
 * this file describes it for other programs. Pure; any thread.
 */
#ifndef SPD_WIRE_SESSION_MARK_H
#define SPD_WIRE_SESSION_MARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPD_SESSION_MARK_OFFSET 44
#define SPD_SESSION_MARK_BYTES  20 /* TLV header and value */
/* The shortest UDP payload that carries one. */
#define SPD_MARKED_PACKET_BYTES (SPD_SESSION_MARK_OFFSET + SPD_SESSION_MARK_BYTES)

struct spd_session_mark {
    uint64_t session;   /* chosen at random by the sender, or the end of the SID */
    uint32_t n_packets; /* of the session; in a termination packet those the sender took in hand */
    bool termination;   /* no packet of the session: it is over */
};

/* The octets SPD_SESSION_MARK_OFFSET.. of a packet that has room for them. */
void spd_session_mark_write(void *packet, const struct spd_session_mark *mark);

/* False when the packet carries no mark. */
bool spd_session_mark_read(const void *packet, size_t n_bytes, struct spd_session_mark *out);

/* The session of the mark in a session that OWAMP-Control set up: the last
 * eight octets of its SID (half time stamp, half random). */
uint64_t spd_session_mark_of_sid(const uint8_t sid[16]);

#endif
