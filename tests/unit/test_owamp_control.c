/*
 * OWAMP-Control messages, byte for byte, with the field of RFC 4656 beside
 * them; what is MBZ is written as zero and ignored when read.
 */
#include "common/wire/owamp_control.h"
#include "tests/unit/unit.h"

#define ZEROS_4  0, 0, 0, 0
#define ZEROS_8  ZEROS_4, ZEROS_4
#define ZEROS_12 ZEROS_8, ZEROS_4
#define ZEROS_16 ZEROS_8, ZEROS_8
#define COUNT_16(from)                                                                             \
    (from), (from) + 1, (from) + 2, (from) + 3, (from) + 4, (from) + 5, (from) + 6, (from) + 7,    \
        (from) + 8, (from) + 9, (from) + 10, (from) + 11, (from) + 12, (from) + 13, (from) + 14,   \
        (from) + 15

static const uint8_t golden_greeting[SPD_OWAMP_GREETING_BYTES] = {
    ZEROS_12, /* Unused */
    0,
    0,
    0,
    7,              /* Modes */
    COUNT_16(0x10), /* Challenge */
    COUNT_16(0x20), /* Salt */
    0,
    0,
    0x04,
    0x00,     /* Count: 1024 */
    ZEROS_12, /* MBZ */
};

static void greeting_has_the_bytes_of_section_3_1(void **state)
{
    struct spd_owamp_greeting greeting = { .modes = 7, .count = 1024 }, got;
    uint8_t out[SPD_OWAMP_GREETING_BYTES];

    (void)state;
    for (uint8_t i = 0; i < 16; i++) {
        greeting.challenge[i] = 0x10 + i;
        greeting.salt[i] = 0x20 + i;
    }
    spd_owamp_write_greeting(out, &greeting);
    assert_memory_equal(out, golden_greeting, sizeof(out));
    spd_owamp_read_greeting(golden_greeting, &got);
    assert_int_equal(got.modes, 7);
    assert_int_equal(got.count, 1024);
    assert_false(got.knows_marks);
    assert_memory_equal(got.challenge, greeting.challenge, 16);
    assert_memory_equal(got.salt, greeting.salt, 16);
    greeting.knows_marks = true;
    spd_owamp_write_greeting(out, &greeting);
    assert_memory_equal(out, "stampede 1\0\0", 12);
    assert_memory_equal(out + 12, golden_greeting + 12, sizeof(out) - 12);
    spd_owamp_read_greeting(out, &got);
    assert_true(got.knows_marks);
}

static void set_up_response_has_its_mode_and_nothing_else(void **state)
{
    uint8_t out[SPD_OWAMP_SET_UP_BYTES], zeros[SPD_OWAMP_SET_UP_BYTES] = { 0 };

    (void)state;
    memset(out, 0xEE, sizeof(out));
    spd_owamp_write_set_up(out, SPD_OWAMP_MODE_OPEN);
    assert_memory_equal(out, "\0\0\0\1", 4);
    assert_memory_equal(out + 4, zeros, sizeof(out) - 4);
    assert_int_equal(spd_owamp_read_set_up(out), 1);
}

static void server_start_has_the_bytes_of_section_3_1(void **state)
{
    static const uint8_t golden[SPD_OWAMP_SERVER_START_BYTES] = {
        ZEROS_12, 0,    0,    0,                            /* MBZ */
        5,                                                  /* Accept */
        ZEROS_16,                                           /* Server-IV */
        0xE8,     0xFE, 0x6F, 0x80, 0x40, 0x00, 0x00, 0x01, /* Start-Time */
        ZEROS_8,                                            /* MBZ */
    };
    static const struct spd_owamp_server_start start = { 5, 0xE8FE6F8040000001 };
    struct spd_owamp_server_start got;
    uint8_t out[SPD_OWAMP_SERVER_START_BYTES];

    (void)state;
    spd_owamp_write_server_start(out, &start);
    assert_memory_equal(out, golden, sizeof(out));
    spd_owamp_read_server_start(golden, &got);
    assert_int_equal(got.accept, 5);
    assert_true(got.start_time == start.start_time);
}

static const uint8_t golden_request[SPD_OWAMP_REQUEST_BYTES] = {
    1,
    4,
    0,
    1, /* command, IPVN, Conf-Sender, Conf-Receiver */
    0,
    0,
    0,
    2, /* Number of Schedule Slots */
    0,
    0,
    0x08,
    0x00, /* Number of Packets: 2048 */
    0x12,
    0x34,
    0x56,
    0x78, /* Sender Port, Receiver Port */
    192,
    0,
    2,
    7,
    ZEROS_12, /* Sender Address */
    192,
    0,
    2,
    9,
    ZEROS_12,       /* Receiver Address */
    COUNT_16(0x40), /* SID */
    0,
    0,
    0,
    50, /* Padding Length */
    0xE8,
    0xFE,
    0x6F,
    0x80,
    0x40,
    0x00,
    0x00,
    0x00, /* Start Time */
    0,
    0,
    0,
    2,
    0x80,
    0,
    0,
    0, /* Timeout: 2.5 s */
    0x2E,
    0,
    0,
    0,        /* Type-P Descriptor: DSCP 46 */
    ZEROS_8,  /* MBZ */
    ZEROS_16, /* HMAC */
};

static void request_session_has_the_bytes_of_section_3_5(void **state)
{
    struct spd_owamp_request request = {
        .sender = { .family = SPD_FAMILY_IPV4, .port = 0x1234, .bytes = { 192, 0, 2, 7 } },
        .receiver = { .family = SPD_FAMILY_IPV4, .port = 0x5678, .bytes = { 192, 0, 2, 9 } },
        .conf_receiver = true,
        .n_slots = 2,
        .n_packets = 2048,
        .sid = { COUNT_16(0x40) },
        .padding_bytes = 50,
        .start_time = 0xE8FE6F8040000000,
        .timeout = 0x0000000280000000,
        .type_p = spd_owamp_type_p_of_dscp(46),
    }, got;
    uint8_t out[SPD_OWAMP_REQUEST_BYTES];

    (void)state;
    spd_owamp_write_request(out, &request);
    assert_memory_equal(out, golden_request, sizeof(out));
    assert_int_equal(spd_owamp_read_request(golden_request, &got), SPD_ERR_OK);
    assert_memory_equal(&got.sender, &request.sender, sizeof(got.sender));
    assert_memory_equal(&got.receiver, &request.receiver, sizeof(got.receiver));
    assert_true(!got.conf_sender && got.conf_receiver);
    assert_int_equal(got.n_slots, 2);
    assert_int_equal(got.n_packets, 2048);
    assert_memory_equal(got.sid, request.sid, 16);
    assert_int_equal(got.padding_bytes, 50);
    assert_true(got.start_time == request.start_time && got.timeout == request.timeout);
    assert_int_equal(got.type_p, 0x2E000000);
    assert_int_equal(spd_owamp_request_bytes(2), 112 + 2 * 16 + 16);
    assert_true(spd_owamp_request_bytes(UINT32_MAX) == 112 + UINT64_C(4294967295) * 16 + 16);
}

static void request_session_is_read_as_leniently_as_the_rfc_asks(void **state)
{
    static const struct {
        const char *name;
        size_t at;
        uint8_t value;
        enum spd_err err;
        uint8_t family;
        bool conf_sender;
    } rows[] = {
        { "another command", 0, 5, SPD_ERR_FORMAT, 0, false },
        { "the high nibble of IPVN is MBZ", 1, 0xF4, SPD_ERR_OK, SPD_FAMILY_IPV4, false },
        { "IPv6", 1, 6, SPD_ERR_OK, SPD_FAMILY_IPV6, false },
        { "no IP version that we know", 1, 5, SPD_ERR_OK, SPD_FAMILY_NONE, false },
        { "any value but 0 configures", 2, 0x80, SPD_ERR_OK, SPD_FAMILY_IPV4, true },
        { "what follows an IPv4 address", 20, 0xFF, SPD_ERR_OK, SPD_FAMILY_IPV4, false },
        { "MBZ", 90, 0xFF, SPD_ERR_OK, SPD_FAMILY_IPV4, false },
        { "HMAC", 100, 0xFF, SPD_ERR_OK, SPD_FAMILY_IPV4, false },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        uint8_t in[SPD_OWAMP_REQUEST_BYTES];
        struct spd_owamp_request got;

        memcpy(in, golden_request, sizeof(in));
        in[rows[i].at] = rows[i].value;
        CHECK_ROW_INT(rows[i].name, spd_owamp_read_request(in, &got), rows[i].err);
        if (rows[i].err)
            continue;
        CHECK_ROW_INT(rows[i].name, got.sender.family, rows[i].family);
        CHECK_ROW_INT(rows[i].name, got.conf_sender, rows[i].conf_sender);
        CHECK_ROW(rows[i].name, rows[i].family != SPD_FAMILY_IPV4 || got.sender.bytes[4] == 0);
    }
}

static void slots_have_the_bytes_of_section_3_5(void **state)
{
    static const uint8_t golden[SPD_OWAMP_SLOT_BYTES] = { 1, 0, 0,    0, ZEROS_4, 0, 0,
                                                          0, 1, 0x80, 0, 0,       0 };
    static const struct spd_owamp_slot slot = { SPD_OWAMP_SLOT_FIXED, 0x0000000180000000 };
    struct spd_owamp_slot got;
    uint8_t out[SPD_OWAMP_SLOT_BYTES];

    (void)state;
    spd_owamp_write_slot(out, &slot);
    assert_memory_equal(out, golden, sizeof(out));
    assert_int_equal(spd_owamp_read_slot(golden, &got), SPD_ERR_OK);
    assert_true(got.type == slot.type && got.interval == slot.interval);
    out[0] = 2;
    assert_int_equal(spd_owamp_read_slot(out, &got), SPD_ERR_FORMAT);
}

static void type_p_tells_a_dscp_from_a_phb_identification(void **state)
{
    uint8_t dscp = 99;

    (void)state;
    assert_true(spd_owamp_type_p_dscp(0x2E000000, &dscp));
    assert_int_equal(dscp, 46);
    assert_true(spd_owamp_type_p_dscp(0, &dscp));
    assert_int_equal(dscp, 0);
    assert_false(spd_owamp_type_p_dscp(0x40000000, &dscp)); /* RFC 2836 */
}

static void accept_session_has_the_bytes_of_section_3_5(void **state)
{
    static const uint8_t golden[SPD_OWAMP_ACCEPT_BYTES] = {
        0,
        0,
        0x22,
        0x33,           /* Accept, MBZ, Port */
        COUNT_16(0x60), /* SID */
        ZEROS_12,       /* MBZ */
        ZEROS_16,       /* HMAC */
    };
    static const struct spd_owamp_accept_session accept = { 0, 0x2233, { COUNT_16(0x60) } };
    struct spd_owamp_accept_session got;
    uint8_t out[SPD_OWAMP_ACCEPT_BYTES];

    (void)state;
    spd_owamp_write_accept(out, &accept);
    assert_memory_equal(out, golden, sizeof(out));
    spd_owamp_read_accept(golden, &got);
    assert_int_equal(got.accept, 0);
    assert_int_equal(got.port, 0x2233);
    assert_memory_equal(got.sid, accept.sid, 16);
}

static void reserved_accept_values_mean_failure(void **state)
{
    (void)state;
    for (int value = 0; value < 256; value++) {
        uint8_t out[SPD_OWAMP_START_ACK_BYTES];

        spd_owamp_write_start_ack(out, (uint8_t)value);
        assert_int_equal(out[0], value);
        assert_int_equal(spd_owamp_read_start_ack(out), value <= 5 ? value : 1);
        assert_non_null(spd_owamp_accept_text((uint8_t)value));
    }
    assert_string_equal(spd_owamp_accept_text(200), spd_owamp_accept_text(1));
}

static void start_sessions_is_its_command_alone(void **state)
{
    static const uint8_t golden[SPD_OWAMP_START_BYTES] = { 2 };
    uint8_t out[SPD_OWAMP_START_BYTES];

    (void)state;
    memset(out, 0xEE, sizeof(out));
    spd_owamp_write_start(out);
    assert_memory_equal(out, golden, sizeof(out));
}

static void stop_sessions_has_the_bytes_of_section_3_8(void **state)
{
    static const uint8_t golden[] = {
        3,
        0,
        0,
        0,
        0,
        0,
        0,
        1,
        ZEROS_8,        /* command, Accept, MBZ, Number of Sessions, MBZ */
        COUNT_16(0x60), /* SID */
        0,
        0,
        0x08,
        0x00, /* Next Seqno */
        0,
        0,
        0,
        1, /* Number of Skip Ranges */
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        9, /* First and Last Seqno Skipped */
    };
    struct spd_owamp_stop stop = { 0, 1 }, got_stop;
    struct spd_owamp_stop_session session = { { COUNT_16(0x60) }, 2048, 1 }, got;
    struct spd_owamp_skip skip = { 0, 9 }, got_skip;
    uint8_t out[sizeof(golden)];

    (void)state;
    spd_owamp_write_stop(out, &stop);
    spd_owamp_write_stop_session(out + 16, &session);
    spd_owamp_write_skip(out + 40, &skip);
    assert_memory_equal(out, golden, sizeof(golden));
    assert_int_equal(spd_owamp_read_stop(golden, &got_stop), SPD_ERR_OK);
    assert_int_equal(got_stop.n_sessions, 1);
    spd_owamp_read_stop_session(golden + 16, &got);
    assert_memory_equal(&got, &session, sizeof(got));
    spd_owamp_read_skip(golden + 40, &got_skip);
    assert_int_equal(got_skip.last, 9);
    out[0] = 2;
    assert_int_equal(spd_owamp_read_stop(out, &got_stop), SPD_ERR_FORMAT);
}

static void a_block_is_padded_to_sixteen_octets(void **state)
{
    (void)state;
    assert_int_equal(spd_owamp_block_padding(0), 0);
    assert_int_equal(spd_owamp_block_padding(1), 15);
    assert_int_equal(spd_owamp_block_padding(16), 0);
    assert_int_equal(spd_owamp_block_padding(24), 8);
    assert_int_equal(spd_owamp_block_padding(25 * UINT64_C(4294967295)), 9);
}

static void skip_ranges_must_be_in_order_and_apart(void **state)
{
    static const struct {
        const char *name;
        struct spd_owamp_skip skips[2];
        size_t n;
        bool sound;
    } rows[] = {
        { "none", { { 0, 0 } }, 0, true },
        { "one packet", { { 5, 5 } }, 1, true },
        { "backwards", { { 6, 5 } }, 1, false },
        { "two", { { 0, 9 }, { 10, 11 } }, 2, true },
        { "overlapping", { { 0, 9 }, { 9, 11 } }, 2, false },
        { "out of order", { { 10, 11 }, { 0, 9 } }, 2, false },
        { "all there are", { { 0, UINT32_MAX } }, 1, true },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++)
        CHECK_ROW(rows[i].name,
                  spd_owamp_skips_are_sound(rows[i].skips, rows[i].n) == rows[i].sound);
}

static void fetch_session_has_the_bytes_of_section_3_9(void **state)
{
    static const uint8_t golden[SPD_OWAMP_FETCH_BYTES] = {
        4,
        0,
        0,
        0,
        ZEROS_4, /* command, MBZ */
        0,
        0,
        0,
        1, /* Begin Seq */
        0xFF,
        0xFF,
        0xFF,
        0xFF,           /* End Seq */
        COUNT_16(0x70), /* SID */
        ZEROS_16,       /* HMAC */
    };
    static const struct spd_owamp_fetch fetch = { 1, UINT32_MAX, { COUNT_16(0x70) } };
    struct spd_owamp_fetch got;
    uint8_t out[SPD_OWAMP_FETCH_BYTES];

    (void)state;
    spd_owamp_write_fetch(out, &fetch);
    assert_memory_equal(out, golden, sizeof(out));
    assert_int_equal(spd_owamp_read_fetch(golden, &got), SPD_ERR_OK);
    assert_memory_equal(&got, &fetch, sizeof(got));
    out[0] = 1;
    assert_int_equal(spd_owamp_read_fetch(out, &got), SPD_ERR_FORMAT);
}

static void fetch_ack_has_the_bytes_of_section_3_9(void **state)
{
    static const uint8_t golden[SPD_OWAMP_FETCH_ACK_BYTES] = {
        0,        1, 0,    0,    /* Accept, Finished, MBZ */
        0,        0, 0x08, 0x00, /* Next Seqno */
        0,        0, 0,    3,    /* Number of Skip Ranges */
        0,        0, 0x08, 0x02, /* Number of Records */
        ZEROS_16,                /* HMAC */
    };
    static const struct spd_owamp_fetch_ack ack = { 0, true, 2048, 3, 2050 };
    struct spd_owamp_fetch_ack got;
    uint8_t out[SPD_OWAMP_FETCH_ACK_BYTES];

    (void)state;
    spd_owamp_write_fetch_ack(out, &ack);
    assert_memory_equal(out, golden, sizeof(out));
    out[1] = 0xFF; /* any value but 0 */
    spd_owamp_read_fetch_ack(out, &got);
    assert_true(got.finished);
    assert_int_equal(got.next_seq, 2048);
    assert_int_equal(got.n_skips, 3);
    assert_int_equal(got.n_records, 2050);
}

static void a_record_has_the_bytes_of_section_3_9(void **state)
{
    static const uint8_t golden[SPD_OWAMP_RECORD_BYTES] = {
        0x00, 0x00, 0x07, 0xFF,                         /* 00 Seq Number */
        0x85, 0x87, 0x0F, 0x84,                         /* 04 Send, Receive Error Estimate */
        0xE8, 0xFE, 0x6F, 0x80, 0x40, 0x00, 0x00, 0x00, /* 08 Send Timestamp */
        0xE8, 0xFE, 0x6F, 0x80, 0x41, 0x00, 0x00, 0x00, /* 16 Receive Timestamp */
        254,                                            /* 24 TTL */
    };
    static const struct spd_owamp_record record = {
        2047, 0x8587, 0x0F84, 0xE8FE6F8040000000, 0xE8FE6F8041000000, 254
    };
    struct spd_owamp_record got;
    uint8_t out[SPD_OWAMP_RECORD_BYTES];

    (void)state;
    spd_owamp_write_record(out, &record);
    assert_memory_equal(out, golden, sizeof(out));
    spd_owamp_read_record(golden, &got);
    assert_int_equal(got.seq, 2047);
    assert_int_equal(got.send_error, 0x8587);
    assert_int_equal(got.receive_error, 0x0F84);
    assert_true(got.send_time == record.send_time && got.receive_time == record.receive_time);
    assert_int_equal(got.ttl, 254);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greeting_has_the_bytes_of_section_3_1),
        cmocka_unit_test(set_up_response_has_its_mode_and_nothing_else),
        cmocka_unit_test(server_start_has_the_bytes_of_section_3_1),
        cmocka_unit_test(request_session_has_the_bytes_of_section_3_5),
        cmocka_unit_test(request_session_is_read_as_leniently_as_the_rfc_asks),
        cmocka_unit_test(slots_have_the_bytes_of_section_3_5),
        cmocka_unit_test(type_p_tells_a_dscp_from_a_phb_identification),
        cmocka_unit_test(accept_session_has_the_bytes_of_section_3_5),
        cmocka_unit_test(reserved_accept_values_mean_failure),
        cmocka_unit_test(start_sessions_is_its_command_alone),
        cmocka_unit_test(stop_sessions_has_the_bytes_of_section_3_8),
        cmocka_unit_test(a_block_is_padded_to_sixteen_octets),
        cmocka_unit_test(skip_ranges_must_be_in_order_and_apart),
        cmocka_unit_test(fetch_session_has_the_bytes_of_section_3_9),
        cmocka_unit_test(fetch_ack_has_the_bytes_of_section_3_9),
        cmocka_unit_test(a_record_has_the_bytes_of_section_3_9),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
