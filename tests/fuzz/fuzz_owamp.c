/*
 * Fuzz target: any bytes as a packet of a one-way session, and as each message
 * of OWAMP-Control. What a reader takes must read the same again once written.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire/owamp_control.h"
#include "common/wire/owamp_test.h"
#include "common/wire/session_mark.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);          \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static void as_packet(const uint8_t *data, size_t n_bytes)
{
    struct spd_owamp_test test;
    struct spd_session_mark mark, again;
    uint8_t packet[SPD_MARKED_PACKET_BYTES] = { 0 };
    bool sound = n_bytes >= SPD_OWAMP_TEST_BYTES && data[13] != 0;

    MUST(spd_owamp_test_read(data, n_bytes, &test) == (sound ? SPD_ERR_OK : SPD_ERR_FORMAT));
    if (sound) {
        spd_owamp_test_write(packet, &test);
        MUST(memcmp(packet, data, SPD_OWAMP_TEST_BYTES) == 0);
    }
    if (!spd_session_mark_read(data, n_bytes, &mark))
        return;
    MUST(n_bytes >= SPD_MARKED_PACKET_BYTES);
    spd_session_mark_write(packet, &mark);
    MUST(spd_session_mark_read(packet, sizeof(packet), &again));
    MUST(again.session == mark.session && again.n_packets == mark.n_packets &&
         again.termination == mark.termination);
}

static void as_request(const uint8_t *data)
{
    struct spd_owamp_request request, again;
    uint8_t out[SPD_OWAMP_REQUEST_BYTES];

    if (spd_owamp_read_request(data, &request))
        return;
    spd_owamp_write_request(out, &request);
    MUST(spd_owamp_read_request(out, &again) == SPD_ERR_OK);
    MUST(spd_addr_equal(&again.sender, &request.sender));
    MUST(spd_addr_equal(&again.receiver, &request.receiver));
    MUST(again.n_slots == request.n_slots && again.timeout == request.timeout);
    MUST(again.conf_sender == request.conf_sender && again.type_p == request.type_p);
}

/* As slots of a schedule, all that fit. */
static void as_slots(const uint8_t *data, size_t n_bytes)
{
    struct spd_owamp_slot slots[8];
    struct spd_owamp_schedule schedule;
    uint8_t sid[16];
    size_t n = 0;

    if (n_bytes < sizeof(sid))
        return;
    memcpy(sid, data, sizeof(sid));
    for (size_t at = 0; n < 8 && at + SPD_OWAMP_SLOT_BYTES <= n_bytes; at += SPD_OWAMP_SLOT_BYTES)
        if (spd_owamp_read_slot(data + at, &slots[n]) == SPD_ERR_OK)
            n++;
    if (n == 0)
        return;
    spd_owamp_schedule_init(&schedule, slots, n, sid);
    for (int i = 0; i < 20; i++)
        MUST(spd_owamp_interval_to_ns(spd_owamp_schedule_next(&schedule)) >= 0);
}

static void as_small_messages(const uint8_t *data, size_t n_bytes)
{
    struct spd_owamp_accept_session accept;
    struct spd_owamp_fetch_ack ack;
    struct spd_owamp_fetch fetch;
    struct spd_owamp_stop stop;
    struct spd_owamp_record record;
    uint8_t out[SPD_OWAMP_RECORD_BYTES];

    if (n_bytes < SPD_OWAMP_FETCH_BYTES)
        return;
    spd_owamp_read_accept(data, &accept);
    spd_owamp_read_fetch_ack(data, &ack);
    MUST(accept.accept <= SPD_OWAMP_TEMPORARY_LIMIT && ack.accept <= SPD_OWAMP_TEMPORARY_LIMIT);
    MUST(spd_owamp_read_start_ack(data) <= SPD_OWAMP_TEMPORARY_LIMIT);
    MUST((spd_owamp_read_fetch(data, &fetch) == SPD_ERR_OK) == (data[0] == 4));
    MUST((spd_owamp_read_stop(data, &stop) == SPD_ERR_OK) == (data[0] == 3));
    spd_owamp_read_record(data, &record);
    spd_owamp_write_record(out, &record);
    MUST(memcmp(out, data, sizeof(out)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    struct spd_owamp_greeting greeting;
    struct spd_owamp_server_start start;

    as_packet(data, n_bytes);
    if (n_bytes >= SPD_OWAMP_REQUEST_BYTES)
        as_request(data);
    as_slots(data, n_bytes);
    as_small_messages(data, n_bytes);
    if (n_bytes >= SPD_OWAMP_GREETING_BYTES) {
        spd_owamp_read_greeting(data, &greeting);
        spd_owamp_read_server_start(data, &start);
        MUST(start.accept <= SPD_OWAMP_TEMPORARY_LIMIT);
    }
    return 0;
}
