/*
 * OWAMP-Control messages in unauthenticated mode. What is MBZ is written as
 * zero and never looked at (RFC 4656 section 3.1), and so are HMAC fields
 * (section 3.2).
 */
#include "common/wire/owamp_control.h"

#include <string.h>

#include "common/base/assert.h"
#include "common/base/cursor.h"

/* In the unused octets of the Server Greeting: this server knows session marks. */
static const char knows_marks[12] = { 's', 't', 'a', 'm', 'p', 'e', 'd', 'e', ' ', '1', 0, 0 };

static void write_bytes(struct spd_writer *w, const void *bytes, size_t n)
{
    uint8_t *to = spd_writer_take(w, n);

    if (to)
        memcpy(to, bytes, n);
}

static void read_bytes(struct spd_reader *r, void *bytes, size_t n)
{
    const uint8_t *from = spd_reader_take(r, n);

    if (from)
        memcpy(bytes, from, n);
}

static void written(const struct spd_writer *w)
{
    SPD_ASSERT(!w->failed && w->n_left == 0);
}

const char *spd_owamp_accept_text(uint8_t accept)
{
    static const char *const texts[] = {
        "accepted",
        "refused for a reason it does not give",
        "internal error",
        "some aspect of the request is not supported",
        "permanent resource limit",
        "temporary resource limit; try again later",
    };

    return texts[accept < sizeof(texts) / sizeof(texts[0]) ? accept : SPD_OWAMP_FAILURE];
}

/* Section 3.3: reserved values mean 1. */
static uint8_t read_accept_value(struct spd_reader *r)
{
    uint8_t value = spd_read_u8(r);

    return value <= SPD_OWAMP_TEMPORARY_LIMIT ? value : SPD_OWAMP_FAILURE;
}

/*
 * Server Greeting, section 3.1:
 *   0 Unused(12) | 12 Modes(4) | 16 Challenge(16) | 32 Salt(16) | 48 Count(4) | 52 MBZ(12)
 */
void spd_owamp_write_greeting(uint8_t out[SPD_OWAMP_GREETING_BYTES],
                              const struct spd_owamp_greeting *greeting)
{
    struct spd_writer w = spd_writer_over(out, SPD_OWAMP_GREETING_BYTES);

    if (greeting->knows_marks)
        write_bytes(&w, knows_marks, sizeof(knows_marks));
    else
        spd_write_zeros(&w, sizeof(knows_marks));
    spd_write_u32(&w, greeting->modes);
    write_bytes(&w, greeting->challenge, sizeof(greeting->challenge));
    write_bytes(&w, greeting->salt, sizeof(greeting->salt));
    spd_write_u32(&w, greeting->count);
    spd_write_zeros(&w, 12);
    written(&w);
}

void spd_owamp_read_greeting(const uint8_t in[SPD_OWAMP_GREETING_BYTES],
                             struct spd_owamp_greeting *greeting)
{
    struct spd_reader r = spd_reader_over(in, SPD_OWAMP_GREETING_BYTES);
    char unused[sizeof(knows_marks)];

    read_bytes(&r, unused, sizeof(unused));
    greeting->knows_marks = memcmp(unused, knows_marks, sizeof(unused)) == 0;
    greeting->modes = spd_read_u32(&r);
    read_bytes(&r, greeting->challenge, sizeof(greeting->challenge));
    read_bytes(&r, greeting->salt, sizeof(greeting->salt));
    greeting->count = spd_read_u32(&r);
}

/*
 * Set-Up-Response, section 3.1:
 *   0 Mode(4) | 4 KeyID(80) | 84 Token(64) | 148 Client-IV(16)
 * In unauthenticated mode all but Mode are unused.
 */
void spd_owamp_write_set_up(uint8_t out[SPD_OWAMP_SET_UP_BYTES], uint32_t mode)
{
    struct spd_writer w = spd_writer_over(out, SPD_OWAMP_SET_UP_BYTES);

    spd_write_u32(&w, mode);
    spd_write_zeros(&w, 160);
    written(&w);
}

uint32_t spd_owamp_read_set_up(const uint8_t in[SPD_OWAMP_SET_UP_BYTES])
{
    struct spd_reader r = spd_reader_over(in, SPD_OWAMP_SET_UP_BYTES);

    return spd_read_u32(&r);
}

/*
 * Server-Start, section 3.1:
 *   0 MBZ(15) | 15 Accept(1) | 16 Server-IV(16) | 32 Start-Time(8) | 40 MBZ(8)
 */
void spd_owamp_write_server_start(uint8_t out[SPD_OWAMP_SERVER_START_BYTES],
                                  const struct spd_owamp_server_start *start)
{
    struct spd_writer w = spd_writer_over(out, SPD_OWAMP_SERVER_START_BYTES);

    spd_write_zeros(&w, 15);
    spd_write_u8(&w, start->accept);
    spd_write_zeros(&w, 16);
    spd_write_u64(&w, start->start_time);
    spd_write_zeros(&w, 8);
    written(&w);
}

void spd_owamp_read_server_start(const uint8_t in[SPD_OWAMP_SERVER_START_BYTES],
                                 struct spd_owamp_server_start *start)
{
    struct spd_reader r = spd_reader_over(in, SPD_OWAMP_SERVER_START_BYTES);

    spd_read_skip(&r, 15);
    start->accept = read_accept_value(&r);
    spd_read_skip(&r, 16);
    start->start_time = spd_read_u64(&r);
}

/*
 * Request-Session, section 3.5:
 *   0  1  command 1
 *   1  1  high nibble MBZ, low nibble IPVN
 *   2  1  Conf-Sender
 *   3  1  Conf-Receiver
 *   4  4  Number of Schedule Slots
 *   8  4  Number of Packets
 *   12 2  Sender Port
 *   14 2  Receiver Port
 *   16 16 Sender Address, IPv4 in the first four
 *   32 16 Receiver Address
 *   48 16 SID
 *   64 4  Padding Length
 *   68 8  Start Time
 *   76 8  Timeout
 *   84 4  Type-P Descriptor
 *   88 8  MBZ
 *   96 16 HMAC
 * and for each slot: 0 Slot Type(1) | 1 MBZ(7) | 8 Slot Parameter(8), then HMAC(16).
 */
void spd_owamp_write_request(uint8_t out[SPD_OWAMP_REQUEST_BYTES],
                             const struct spd_owamp_request *request)
{
    struct spd_writer w = spd_writer_over(out, SPD_OWAMP_REQUEST_BYTES);

    spd_write_u8(&w, SPD_OWAMP_REQUEST_SESSION);
    spd_write_u8(&w, request->sender.family);
    spd_write_u8(&w, request->conf_sender);
    spd_write_u8(&w, request->conf_receiver);
    spd_write_u32(&w, request->n_slots);
    spd_write_u32(&w, request->n_packets);
    spd_write_u16(&w, request->sender.port);
    spd_write_u16(&w, request->receiver.port);
    write_bytes(&w, request->sender.bytes, 16);
    write_bytes(&w, request->receiver.bytes, 16);
    write_bytes(&w, request->sid, 16);
    spd_write_u32(&w, request->padding_bytes);
    spd_write_u64(&w, request->start_time);
    spd_write_u64(&w, request->timeout);
    spd_write_u32(&w, request->type_p);
    spd_write_zeros(&w, 8 + SPD_OWAMP_HMAC_BYTES);
    written(&w);
}

static void read_address(struct spd_reader *r, uint8_t family, struct spd_addr *addr)
{
    uint16_t port = addr->port;

    *addr = (struct spd_addr){ .family = family, .port = port };
    /* Section 3.5: the twelve octets behind an IPv4 address are ignored. */
    read_bytes(r, addr->bytes, family == SPD_FAMILY_IPV4 ? 4 : 16);
    if (family == SPD_FAMILY_IPV4)
        spd_read_skip(r, 12);
}

enum spd_err spd_owamp_read_request(const uint8_t in[SPD_OWAMP_REQUEST_BYTES],
                                    struct spd_owamp_request *request)
{
    struct spd_reader r = spd_reader_over(in, SPD_OWAMP_REQUEST_BYTES);
    struct spd_owamp_request got = { 0 };
    uint8_t family;

    if (spd_read_u8(&r) != SPD_OWAMP_REQUEST_SESSION)
        return SPD_ERR_FORMAT;
    family = spd_read_u8(&r) & 0x0F;
    if (family != SPD_FAMILY_IPV4 && family != SPD_FAMILY_IPV6)
        family = SPD_FAMILY_NONE;
    got.conf_sender = spd_read_u8(&r) != 0; /* any value but 0 means 1 */
    got.conf_receiver = spd_read_u8(&r) != 0;
    got.n_slots = spd_read_u32(&r);
    got.n_packets = spd_read_u32(&r);
    got.sender.port = spd_read_u16(&r);
    got.receiver.port = spd_read_u16(&r);
    read_address(&r, family, &got.sender);
    read_address(&r, family, &got.receiver);
    read_bytes(&r, got.sid, 16);
    got.padding_bytes = spd_read_u32(&r);
    got.start_time = spd_read_u64(&r);
    got.timeout = spd_read_u64(&r);
    got.type_p = spd_read_u32(&r);
    SPD_ASSERT(!r.failed);
    *request = got;
    return SPD_ERR_OK;
}

bool spd_owamp_type_p_dscp(uint32_t type_p, uint8_t *dscp)
{
    if (type_p >> 30 != 0)
        return false;
    *dscp = (uint8_t)(type_p >> 24);
    return true;
}

uint32_t spd_owamp_type_p_of_dscp(uint8_t dscp)
{
    return (uint32_t)(dscp & 0x3F) << 24;
}

void spd_owamp_write_slot(uint8_t out[SPD_OWAMP_SLOT_BYTES], const struct spd_owamp_slot *slot)
{
    struct spd_writer w = spd_writer_over(out, SPD_OWAMP_SLOT_BYTES);

    spd_write_u8(&w, slot->type);
    spd_write_zeros(&w, 7);
    spd_write_u64(&w, slot->interval);
    written(&w);
}

enum spd_err spd_owamp_read_slot(const uint8_t in[SPD_OWAMP_SLOT_BYTES],
                                 struct spd_owamp_slot *slot)
{
    struct spd_reader r = spd_reader_over(in, SPD_OWAMP_SLOT_BYTES);
    struct spd_owamp_slot got;

    got.type = spd_read_u8(&r);
    spd_read_skip(&r, 7);
    got.interval = spd_read_u64(&r);
    if (got.type != SPD_OWAMP_SLOT_EXPONENTIAL && got.type != SPD_OWAMP_SLOT_FIXED)
        return SPD_ERR_FORMAT;
    *slot = got;
    return SPD_ERR_OK;
}

uint64_t spd_owamp_request_bytes(uint32_t n_slots)
{
    return SPD_OWAMP_REQUEST_BYTES + (uint64_t)n_slots * SPD_OWAMP_SLOT_BYTES +
           SPD_OWAMP_HMAC_BYTES;
}

/*
 * Accept-Session, section 3.5:
 *   0 Accept(1) | 1 MBZ(1) | 2 Port(2) | 4 SID(16) | 20 MBZ(12) | 32 HMAC(16)
 */
void spd_owamp_write_accept(uint8_t out[SPD_OWAMP_ACCEPT_BYTES],
                            const struct spd_owamp_accept_session *accept)
{
    struct spd_writer w = spd_writer_over(out, SPD_OWAMP_ACCEPT_BYTES);

    spd_write_u8(&w, accept->accept);
    spd_write_u8(&w, 0);
    spd_write_u16(&w, accept->port);
    write_bytes(&w, accept->sid, 16);
    spd_write_zeros(&w, 12 + SPD_OWAMP_HMAC_BYTES);
    written(&w);
}

void spd_owamp_read_accept(const uint8_t in[SPD_OWAMP_ACCEPT_BYTES],
                           struct spd_owamp_accept_session *accept)
{
    struct spd_reader r = spd_reader_over(in, SPD_OWAMP_ACCEPT_BYTES);

    accept->accept = read_accept_value(&r);
    spd_read_skip(&r, 1);
    accept->port = spd_read_u16(&r);
    read_bytes(&r, accept->sid, 16);
}

/*
 * Start-Sessions and Start-Ack, section 3.7:
 *   0 command 2, or Accept(1) | 1 MBZ(15) | 16 HMAC(16)
 */
void spd_owamp_write_start(uint8_t out[SPD_OWAMP_START_BYTES])
{
    memset(out, 0, SPD_OWAMP_START_BYTES);
    out[0] = SPD_OWAMP_START_SESSIONS;
}

void spd_owamp_write_start_ack(uint8_t out[SPD_OWAMP_START_ACK_BYTES], uint8_t accept)
{
    memset(out, 0, SPD_OWAMP_START_ACK_BYTES);
    out[0] = accept;
}

uint8_t spd_owamp_read_start_ack(const uint8_t in[SPD_OWAMP_START_ACK_BYTES])
{
    struct spd_reader r = spd_reader_over(in, SPD_OWAMP_START_ACK_BYTES);

    return read_accept_value(&r);
}

/*
 * Stop-Sessions, section 3.8:
 *   0 command 3 | 1 Accept(1) | 2 MBZ(2) | 4 Number of Sessions(4) | 8 MBZ(8)
 * for each session:
 *   0 SID(16) | 16 Next Seqno(4) | 20 Number of Skip Ranges(4)
 *   for each range: 0 First Seqno Skipped(4) | 4 Last Seqno Skipped(4)
 *   zeros to the end of the block
 * and HMAC(16).
 */
void spd_owamp_write_stop(uint8_t out[SPD_OWAMP_STOP_BYTES], const struct spd_owamp_stop *stop)
{
    struct spd_writer w = spd_writer_over(out, SPD_OWAMP_STOP_BYTES);

    spd_write_u8(&w, SPD_OWAMP_STOP_SESSIONS);
    spd_write_u8(&w, stop->accept);
    spd_write_zeros(&w, 2);
    spd_write_u32(&w, stop->n_sessions);
    spd_write_zeros(&w, 8);
    written(&w);
}

enum spd_err spd_owamp_read_stop(const uint8_t in[SPD_OWAMP_STOP_BYTES],
                                 struct spd_owamp_stop *stop)
{
    struct spd_reader r = spd_reader_over(in, SPD_OWAMP_STOP_BYTES);

    if (spd_read_u8(&r) != SPD_OWAMP_STOP_SESSIONS)
        return SPD_ERR_FORMAT;
    stop->accept = read_accept_value(&r);
    spd_read_skip(&r, 2);
    stop->n_sessions = spd_read_u32(&r);
    return SPD_ERR_OK;
}

void spd_owamp_write_stop_session(uint8_t out[SPD_OWAMP_STOP_SESSION_BYTES],
                                  const struct spd_owamp_stop_session *session)
{
    struct spd_writer w = spd_writer_over(out, SPD_OWAMP_STOP_SESSION_BYTES);

    write_bytes(&w, session->sid, 16);
    spd_write_u32(&w, session->next_seq);
    spd_write_u32(&w, session->n_skips);
    written(&w);
}

void spd_owamp_read_stop_session(const uint8_t in[SPD_OWAMP_STOP_SESSION_BYTES],
                                 struct spd_owamp_stop_session *session)
{
    struct spd_reader r = spd_reader_over(in, SPD_OWAMP_STOP_SESSION_BYTES);

    read_bytes(&r, session->sid, 16);
    session->next_seq = spd_read_u32(&r);
    session->n_skips = spd_read_u32(&r);
}

void spd_owamp_write_skip(uint8_t out[SPD_OWAMP_SKIP_BYTES], const struct spd_owamp_skip *skip)
{
    struct spd_writer w = spd_writer_over(out, SPD_OWAMP_SKIP_BYTES);

    spd_write_u32(&w, skip->first);
    spd_write_u32(&w, skip->last);
    written(&w);
}

void spd_owamp_read_skip(const uint8_t in[SPD_OWAMP_SKIP_BYTES], struct spd_owamp_skip *skip)
{
    struct spd_reader r = spd_reader_over(in, SPD_OWAMP_SKIP_BYTES);

    skip->first = spd_read_u32(&r);
    skip->last = spd_read_u32(&r);
}

bool spd_owamp_skips_are_sound(const struct spd_owamp_skip *skips, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (skips[i].first > skips[i].last || (i > 0 && skips[i].first <= skips[i - 1].last))
            return false;
    return true;
}

size_t spd_owamp_block_padding(uint64_t n_bytes)
{
    return (size_t)((SPD_OWAMP_BLOCK_BYTES - n_bytes % SPD_OWAMP_BLOCK_BYTES) %
                    SPD_OWAMP_BLOCK_BYTES);
}

/*
 * Fetch-Session, section 3.9:
 *   0 command 4 | 1 MBZ(7) | 8 Begin Seq(4) | 12 End Seq(4) | 16 SID(16) | 32 HMAC(16)
 */
void spd_owamp_write_fetch(uint8_t out[SPD_OWAMP_FETCH_BYTES], const struct spd_owamp_fetch *fetch)
{
    struct spd_writer w = spd_writer_over(out, SPD_OWAMP_FETCH_BYTES);

    spd_write_u8(&w, SPD_OWAMP_FETCH_SESSION);
    spd_write_zeros(&w, 7);
    spd_write_u32(&w, fetch->begin_seq);
    spd_write_u32(&w, fetch->end_seq);
    write_bytes(&w, fetch->sid, 16);
    spd_write_zeros(&w, SPD_OWAMP_HMAC_BYTES);
    written(&w);
}

enum spd_err spd_owamp_read_fetch(const uint8_t in[SPD_OWAMP_FETCH_BYTES],
                                  struct spd_owamp_fetch *fetch)
{
    struct spd_reader r = spd_reader_over(in, SPD_OWAMP_FETCH_BYTES);

    if (spd_read_u8(&r) != SPD_OWAMP_FETCH_SESSION)
        return SPD_ERR_FORMAT;
    spd_read_skip(&r, 7);
    fetch->begin_seq = spd_read_u32(&r);
    fetch->end_seq = spd_read_u32(&r);
    read_bytes(&r, fetch->sid, 16);
    return SPD_ERR_OK;
}

/*
 * Fetch-Ack, section 3.9:
 *   0 Accept(1) | 1 Finished(1) | 2 MBZ(2) | 4 Next Seqno(4) | 8 Number of Skip
 *   Ranges(4) | 12 Number of Records(4) | 16 HMAC(16)
 * If accepted, there follow: the Request-Session command with the ports in use;
 * skip ranges, zeros to the end of the block, HMAC(16); records, likewise.
 */
void spd_owamp_write_fetch_ack(uint8_t out[SPD_OWAMP_FETCH_ACK_BYTES],
                               const struct spd_owamp_fetch_ack *ack)
{
    struct spd_writer w = spd_writer_over(out, SPD_OWAMP_FETCH_ACK_BYTES);

    spd_write_u8(&w, ack->accept);
    spd_write_u8(&w, ack->finished);
    spd_write_zeros(&w, 2);
    spd_write_u32(&w, ack->next_seq);
    spd_write_u32(&w, ack->n_skips);
    spd_write_u32(&w, ack->n_records);
    spd_write_zeros(&w, SPD_OWAMP_HMAC_BYTES);
    written(&w);
}

void spd_owamp_read_fetch_ack(const uint8_t in[SPD_OWAMP_FETCH_ACK_BYTES],
                              struct spd_owamp_fetch_ack *ack)
{
    struct spd_reader r = spd_reader_over(in, SPD_OWAMP_FETCH_ACK_BYTES);

    ack->accept = read_accept_value(&r);
    ack->finished = spd_read_u8(&r) != 0;
    spd_read_skip(&r, 2);
    ack->next_seq = spd_read_u32(&r);
    ack->n_skips = spd_read_u32(&r);
    ack->n_records = spd_read_u32(&r);
}

/*
 * Packet record, section 3.9:
 *   0 Seq Number(4) | 4 Send Error Estimate(2) | 6 Receive Error Estimate(2)
 *   8 Send Timestamp(8) | 16 Receive Timestamp(8) | 24 TTL(1)
 */
void spd_owamp_write_record(uint8_t out[SPD_OWAMP_RECORD_BYTES],
                            const struct spd_owamp_record *record)
{
    struct spd_writer w = spd_writer_over(out, SPD_OWAMP_RECORD_BYTES);

    spd_write_u32(&w, record->seq);
    spd_write_u16(&w, record->send_error);
    spd_write_u16(&w, record->receive_error);
    spd_write_u64(&w, record->send_time);
    spd_write_u64(&w, record->receive_time);
    spd_write_u8(&w, record->ttl);
    written(&w);
}

void spd_owamp_read_record(const uint8_t in[SPD_OWAMP_RECORD_BYTES],
                           struct spd_owamp_record *record)
{
    struct spd_reader r = spd_reader_over(in, SPD_OWAMP_RECORD_BYTES);

    record->seq = spd_read_u32(&r);
    record->send_error = spd_read_u16(&r);
    record->receive_error = spd_read_u16(&r);
    record->send_time = spd_read_u64(&r);
    record->receive_time = spd_read_u64(&r);
    record->ttl = spd_read_u8(&r);
}
