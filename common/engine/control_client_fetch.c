/*
 * The records of the receiver as they come back (RFC 4656 section 3.9). All
 * numbers of the server are judged before memory is taken for them.
 */
#include <stdlib.h>
#include <string.h>

#include "common/engine/control_client_private.h"
#include "common/wire/ntptime.h"
#include "common/wire/owamp_test.h"

/* A session leaves a record for each packet, and some for duplicates. */
#define RECORDS_PER_PACKET 4u
#define RECORDS_MORE       4096u

/* Octets that are passed over until the next message. */
static void pass(struct spd_control_client *c, enum spd_client_message message, uint64_t n)
{
    c->message = message;
    c->n_pass = n;
    c->n_in = 0;
}

void spd_client_on_fetch_ack(struct spd_control_client *c)
{
    uint64_t most = (uint64_t)c->request.n_packets * RECORDS_PER_PACKET + RECORDS_MORE;

    spd_owamp_read_fetch_ack(c->in, &c->ack);
    if (c->ack.accept != SPD_OWAMP_OK) {
        spd_client_refused(c, "the server does not give the records", c->ack.accept);
        return;
    }
    if (c->ack.n_records > most || c->ack.n_skips > SPD_CLIENT_SKIPS_MAX ||
        c->ack.next_seq > c->request.n_packets) {
        spd_client_fail(c, SPD_ERR_FORMAT, "the server has more records than the session can have");
        return;
    }
    c->fetched.next_seq = c->ack.next_seq;
    c->fetched.packets =
        calloc(c->ack.n_records ? c->ack.n_records : 1, sizeof(*c->fetched.packets));
    c->seen = calloc(c->request.n_packets / 8 + 1, 1);
    if (!c->fetched.packets || !c->seen) {
        spd_client_fail(c, SPD_ERR_NOMEM, "no memory for the records");
        return;
    }
    spd_client_await(c, SPD_CLIENT_MESSAGE_FETCHED_REQUEST, SPD_OWAMP_REQUEST_BYTES);
}

/* The reproduction of our request must be just that; some servers leave the SID
 * as it was asked for, empty. */
void spd_client_on_fetched_request(struct spd_control_client *c)
{
    static const uint8_t none[16];
    struct spd_owamp_request got;

    if (spd_owamp_read_request(c->in, &got) || got.n_slots != c->request.n_slots ||
        got.n_packets != c->request.n_packets ||
        (memcmp(got.sid, c->request.sid, 16) != 0 && memcmp(got.sid, none, 16) != 0)) {
        spd_client_fail(c, SPD_ERR_FORMAT, "the server gives the records of another session");
        return;
    }
    pass(c, SPD_CLIENT_MESSAGE_FETCHED_SLOTS,
         spd_owamp_request_bytes(got.n_slots) - SPD_OWAMP_REQUEST_BYTES);
}

static void next_skip(struct spd_control_client *c)
{
    uint64_t n_bytes = (uint64_t)c->ack.n_skips * SPD_OWAMP_SKIP_BYTES;

    if (c->n_read < c->ack.n_skips)
        spd_client_await(c, SPD_CLIENT_MESSAGE_FETCHED_SKIP, SPD_OWAMP_SKIP_BYTES);
    else
        pass(c, SPD_CLIENT_MESSAGE_FETCHED_SKIPS_END,
             spd_owamp_block_padding(n_bytes) + SPD_OWAMP_HMAC_BYTES);
}

void spd_client_on_fetched_skip(struct spd_control_client *c)
{
    struct spd_owamp_skip skip;

    spd_owamp_read_skip(c->in, &skip);
    /* Section 3.9: overlapping or out of order makes all of it invalid. */
    if (skip.first > skip.last || (c->n_read > 0 && skip.first <= c->last_skip.last)) {
        spd_client_fail(c, SPD_ERR_FORMAT, "the server's skip ranges are out of order");
        return;
    }
    c->last_skip = skip;
    c->n_read++;
    next_skip(c);
}

static void next_record(struct spd_control_client *c)
{
    uint64_t n_bytes = (uint64_t)c->ack.n_records * SPD_OWAMP_RECORD_BYTES;

    if (c->n_read < c->ack.n_records)
        spd_client_await(c, SPD_CLIENT_MESSAGE_FETCHED_RECORD, SPD_OWAMP_RECORD_BYTES);
    else
        pass(c, SPD_CLIENT_MESSAGE_FETCHED_RECORDS_END,
             spd_owamp_block_padding(n_bytes) + SPD_OWAMP_HMAC_BYTES);
}

void spd_client_on_fetched_record(struct spd_control_client *c)
{
    struct spd_owamp_record record;
    struct spd_flow_packet *p = &c->fetched.packets[c->fetched.n_packets];

    spd_owamp_read_record(c->in, &record);
    c->n_read++;
    if (record.seq >= c->request.n_packets) {
        spd_client_fail(c, SPD_ERR_FORMAT,
                        "the server has a record of a packet that the session has not");
        return;
    }
    if (record.receive_time == 0) { /* section 3.9: a lost one */
        c->fetched.n_lost++;
    } else {
        *p = (struct spd_flow_packet){
            .seq = record.seq,
            .size_bytes = (uint16_t)(c->request.padding_bytes + SPD_OWAMP_TEST_BYTES +
                                     spd_addr_header_bytes(&c->request.receiver)),
            .flags = SPD_FLOW_ARRIVED,
            .t1_ns = spd_ntptime_to_wall(record.send_time, c->near).ns,
            .t2_ns = spd_ntptime_to_wall(record.receive_time, c->near).ns,
            .ttl_forward = record.ttl,
            .tclass_forward = SPD_FLOW_TCLASS_UNKNOWN,
            .tclass_reverse = SPD_FLOW_TCLASS_UNKNOWN,
        };
        if (c->seen[record.seq / 8] & 1u << record.seq % 8)
            p->flags |= SPD_FLOW_DUPLICATE;
        c->seen[record.seq / 8] |= (uint8_t)(1u << record.seq % 8);
        c->fetched.n_packets++;
    }
    next_record(c);
}

void spd_client_on_passed(struct spd_control_client *c)
{
    if (c->message == SPD_CLIENT_MESSAGE_FETCHED_SLOTS) {
        c->n_read = 0;
        next_skip(c);
    } else if (c->message == SPD_CLIENT_MESSAGE_FETCHED_SKIPS_END) {
        c->n_read = 0;
        next_record(c);
    } else {
        c->step = SPD_CLIENT_FETCHED;
        spd_client_await(c, SPD_CLIENT_MESSAGE_NONE, 0);
    }
}

bool spd_client_is_passing(const struct spd_control_client *c)
{
    return c->message == SPD_CLIENT_MESSAGE_FETCHED_SLOTS ||
           c->message == SPD_CLIENT_MESSAGE_FETCHED_SKIPS_END ||
           c->message == SPD_CLIENT_MESSAGE_FETCHED_RECORDS_END;
}
