/*
 * The messages of OWAMP-Control, unauthenticated mode (RFC 4656 section 3):
 * bytes to structures and back. HMAC fields are MBZ in this mode (section 3.2).
 * Readers take any bytes of the stated number; what they cannot judge alone
 * (which session, which limits) is the state machines' business. Pure; any
 * thread. Byte diagrams stand in owamp_control.c.
 */
#ifndef SPD_WIRE_OWAMP_CONTROL_H
#define SPD_WIRE_OWAMP_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/addr.h"
#include "common/base/err.h"
#include "common/wire/owamp_schedule.h"

#define SPD_OWAMP_CONTROL_PORT 861

#define SPD_OWAMP_GREETING_BYTES     64
#define SPD_OWAMP_SET_UP_BYTES       164
#define SPD_OWAMP_SERVER_START_BYTES 48
#define SPD_OWAMP_REQUEST_BYTES      112 /* then slots, and a block of HMAC */
#define SPD_OWAMP_SLOT_BYTES         16
#define SPD_OWAMP_HMAC_BYTES         16
#define SPD_OWAMP_ACCEPT_BYTES       48
#define SPD_OWAMP_START_BYTES        32
#define SPD_OWAMP_START_ACK_BYTES    32
#define SPD_OWAMP_STOP_BYTES         16 /* then descriptions of sessions, and a block of HMAC */
#define SPD_OWAMP_STOP_SESSION_BYTES 24 /* then skip ranges, padded to a block */
#define SPD_OWAMP_SKIP_BYTES         8
#define SPD_OWAMP_FETCH_BYTES        48
#define SPD_OWAMP_FETCH_ACK_BYTES    32
#define SPD_OWAMP_RECORD_BYTES       25
#define SPD_OWAMP_BLOCK_BYTES        16

#define SPD_OWAMP_MODE_OPEN 1u /* unauthenticated */

/* Section 3.3. Readers give FAILURE for reserved values. */
enum spd_owamp_accept {
    SPD_OWAMP_OK,
    SPD_OWAMP_FAILURE,
    SPD_OWAMP_INTERNAL_ERROR,
    SPD_OWAMP_NOT_SUPPORTED,
    SPD_OWAMP_PERMANENT_LIMIT,
    SPD_OWAMP_TEMPORARY_LIMIT,
};
const char *spd_owamp_accept_text(uint8_t accept); /* for messages */

/* Section 3.4: the first octet of what a client sends after the set-up. */
enum spd_owamp_command {
    SPD_OWAMP_REQUEST_SESSION = 1,
    SPD_OWAMP_START_SESSIONS = 2,
    SPD_OWAMP_STOP_SESSIONS = 3, /* of the server, too */
    SPD_OWAMP_FETCH_SESSION = 4,
};

struct spd_owamp_greeting {
    uint32_t modes;
    uint8_t challenge[16];
    uint8_t salt[16];
    uint32_t count;
    bool knows_marks; /* the server is one of ours: see session_mark.md */
};
void spd_owamp_write_greeting(uint8_t out[SPD_OWAMP_GREETING_BYTES],
                              const struct spd_owamp_greeting *greeting);
void spd_owamp_read_greeting(const uint8_t in[SPD_OWAMP_GREETING_BYTES],
                             struct spd_owamp_greeting *greeting);

void spd_owamp_write_set_up(uint8_t out[SPD_OWAMP_SET_UP_BYTES], uint32_t mode);
uint32_t spd_owamp_read_set_up(const uint8_t in[SPD_OWAMP_SET_UP_BYTES]);

struct spd_owamp_server_start {
    uint8_t accept;
    uint64_t start_time;
};
void spd_owamp_write_server_start(uint8_t out[SPD_OWAMP_SERVER_START_BYTES],
                                  const struct spd_owamp_server_start *start);
void spd_owamp_read_server_start(const uint8_t in[SPD_OWAMP_SERVER_START_BYTES],
                                 struct spd_owamp_server_start *start);

/* Request-Session without its slots. */
struct spd_owamp_request {
    struct spd_addr sender;   /* with port; family NONE when IPVN is neither 4 nor 6 */
    struct spd_addr receiver; /* likewise */
    bool conf_sender;
    bool conf_receiver;
    uint32_t n_slots;
    uint32_t n_packets;
    uint8_t sid[16];
    uint32_t padding_bytes;
    uint64_t start_time;
    uint64_t timeout; /* an interval */
    uint32_t type_p;
};
/* The DSCP of a Type-P Descriptor that begins with 00, and such a descriptor. */
bool spd_owamp_type_p_dscp(uint32_t type_p, uint8_t *dscp);
uint32_t spd_owamp_type_p_of_dscp(uint8_t dscp);

void spd_owamp_write_request(uint8_t out[SPD_OWAMP_REQUEST_BYTES],
                             const struct spd_owamp_request *request);
/* Errors: FORMAT when it is no Request-Session. */
enum spd_err spd_owamp_read_request(const uint8_t in[SPD_OWAMP_REQUEST_BYTES],
                                    struct spd_owamp_request *request);
void spd_owamp_write_slot(uint8_t out[SPD_OWAMP_SLOT_BYTES], const struct spd_owamp_slot *slot);
/* Errors: FORMAT for types that section 3.6 does not know. */
enum spd_err spd_owamp_read_slot(const uint8_t in[SPD_OWAMP_SLOT_BYTES],
                                 struct spd_owamp_slot *slot);
/* Octets of the whole command. */
uint64_t spd_owamp_request_bytes(uint32_t n_slots);

struct spd_owamp_accept_session {
    uint8_t accept;
    uint16_t port;
    uint8_t sid[16];
};
void spd_owamp_write_accept(uint8_t out[SPD_OWAMP_ACCEPT_BYTES],
                            const struct spd_owamp_accept_session *accept);
void spd_owamp_read_accept(const uint8_t in[SPD_OWAMP_ACCEPT_BYTES],
                           struct spd_owamp_accept_session *accept);

void spd_owamp_write_start(uint8_t out[SPD_OWAMP_START_BYTES]);
void spd_owamp_write_start_ack(uint8_t out[SPD_OWAMP_START_ACK_BYTES], uint8_t accept);
uint8_t spd_owamp_read_start_ack(const uint8_t in[SPD_OWAMP_START_ACK_BYTES]);

struct spd_owamp_stop {
    uint8_t accept;
    uint32_t n_sessions;
};
struct spd_owamp_stop_session {
    uint8_t sid[16];
    uint32_t next_seq;
    uint32_t n_skips;
};
struct spd_owamp_skip {
    uint32_t first;
    uint32_t last;
};
void spd_owamp_write_stop(uint8_t out[SPD_OWAMP_STOP_BYTES], const struct spd_owamp_stop *stop);
/* Errors: FORMAT when it is no Stop-Sessions. */
enum spd_err spd_owamp_read_stop(const uint8_t in[SPD_OWAMP_STOP_BYTES],
                                 struct spd_owamp_stop *stop);
void spd_owamp_write_stop_session(uint8_t out[SPD_OWAMP_STOP_SESSION_BYTES],
                                  const struct spd_owamp_stop_session *session);
void spd_owamp_read_stop_session(const uint8_t in[SPD_OWAMP_STOP_SESSION_BYTES],
                                 struct spd_owamp_stop_session *session);
void spd_owamp_write_skip(uint8_t out[SPD_OWAMP_SKIP_BYTES], const struct spd_owamp_skip *skip);
void spd_owamp_read_skip(const uint8_t in[SPD_OWAMP_SKIP_BYTES], struct spd_owamp_skip *skip);
/* Ranges in order, first not above last, none overlapping (sections 3.8, 3.9). */
bool spd_owamp_skips_are_sound(const struct spd_owamp_skip *skips, size_t n);

/* Octets of zeros behind n_bytes, up to the end of a block. */
size_t spd_owamp_block_padding(uint64_t n_bytes);

struct spd_owamp_fetch {
    uint32_t begin_seq;
    uint32_t end_seq; /* 0 and 0xFFFFFFFF: the complete session */
    uint8_t sid[16];
};
void spd_owamp_write_fetch(uint8_t out[SPD_OWAMP_FETCH_BYTES], const struct spd_owamp_fetch *fetch);
enum spd_err spd_owamp_read_fetch(const uint8_t in[SPD_OWAMP_FETCH_BYTES],
                                  struct spd_owamp_fetch *fetch);

struct spd_owamp_fetch_ack {
    uint8_t accept;
    bool finished;
    uint32_t next_seq;
    uint32_t n_skips;
    uint32_t n_records;
};
void spd_owamp_write_fetch_ack(uint8_t out[SPD_OWAMP_FETCH_ACK_BYTES],
                               const struct spd_owamp_fetch_ack *ack);
void spd_owamp_read_fetch_ack(const uint8_t in[SPD_OWAMP_FETCH_ACK_BYTES],
                              struct spd_owamp_fetch_ack *ack);

/* One packet as the receiver saw it. A lost one has receive_time 0. */
struct spd_owamp_record {
    uint32_t seq;
    uint16_t send_error;
    uint16_t receive_error;
    uint64_t send_time;
    uint64_t receive_time;
    uint8_t ttl; /* 255 unknown */
};
/* Section 3.9: Multiplier 1, Scale 64, S 0; of 64, the six bits of the field
 * hold 0. */
#define SPD_OWAMP_LOST_SEND_ERROR 0x0001u

void spd_owamp_write_record(uint8_t out[SPD_OWAMP_RECORD_BYTES],
                            const struct spd_owamp_record *record);
void spd_owamp_read_record(const uint8_t in[SPD_OWAMP_RECORD_BYTES],
                           struct spd_owamp_record *record);

#endif
