/*
 * OWAMP-Test packets and session marks, byte for byte.
 */
#include "common/wire/owamp_test.h"
#include "common/wire/session_mark.h"
#include "tests/unit/unit.h"

static void a_packet_has_the_bytes_of_section_4_1_2(void **state)
{
    static const struct spd_owamp_test test = { 0x01020304, 0x1112131415161718, 0x8F84 };
    static const uint8_t golden[] = {
        0x01, 0x02, 0x03, 0x04,                         /* Sequence Number */
        0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, /* Timestamp */
        0x8F, 0x84,                                     /* Error Estimate */
        0xEE,                                           /* padding stays */
    };
    uint8_t packet[15];
    struct spd_owamp_test got;

    (void)state;
    memset(packet, 0xEE, sizeof(packet));
    spd_owamp_test_write(packet, &test);
    assert_memory_equal(packet, golden, sizeof(golden));
    assert_int_equal(spd_owamp_test_read(golden, sizeof(golden), &got), SPD_ERR_OK);
    assert_int_equal(got.seq, test.seq);
    assert_true(got.timestamp == test.timestamp);
    assert_int_equal(got.error_estimate, test.error_estimate);
}

static void short_and_corrupt_packets_are_refused(void **state)
{
    static const struct {
        const char *name;
        size_t n;
        uint8_t multiplier;
        enum spd_err expected;
    } rows[] = {
        { "nothing", 0, 1, SPD_ERR_FORMAT },
        { "13 octets", 13, 1, SPD_ERR_FORMAT },
        { "14 octets", 14, 1, SPD_ERR_OK },
        { "zero Multiplier", 14, 0, SPD_ERR_FORMAT },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        uint8_t bytes[14] = { [12] = 0xFF };
        struct spd_owamp_test got;
        void *packet;

        bytes[13] = rows[i].multiplier;
        packet = exact_copy(bytes, rows[i].n);
        CHECK_ROW_INT(rows[i].name, spd_owamp_test_read(packet, rows[i].n, &got), rows[i].expected);
        free(packet);
    }
}

/* As session_mark.md has them. */
static const uint8_t golden_mark[20] = {
    0x80, 249,  0x00, 16,                           /* Flags, Type, Length */
    1,    0x80, 0,    0,                            /* Version, termination, zero */
    0x00, 0x00, 0x08, 0x00,                         /* Number of Packets: 2048 */
    0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xA8, /* Session */
};

static void a_mark_has_the_bytes_of_its_description(void **state)
{
    static const struct spd_session_mark mark = { 0xA1A2A3A4A5A6A7A8, 2048, true };
    uint8_t packet[SPD_MARKED_PACKET_BYTES + 1];
    struct spd_session_mark got;

    (void)state;
    memset(packet, 0xEE, sizeof(packet));
    spd_session_mark_write(packet, &mark);
    assert_memory_equal(packet + SPD_SESSION_MARK_OFFSET, golden_mark, sizeof(golden_mark));
    assert_int_equal(packet[SPD_SESSION_MARK_OFFSET - 1], 0xEE);
    assert_int_equal(packet[SPD_MARKED_PACKET_BYTES], 0xEE);
    assert_true(spd_session_mark_read(packet, SPD_MARKED_PACKET_BYTES, &got));
    assert_true(got.session == mark.session && got.n_packets == 2048 && got.termination);
}

static void what_is_no_mark_is_left_alone(void **state)
{
    static const struct {
        const char *name;
        size_t n;
        size_t at;
        uint8_t value;
        bool expected;
    } rows[] = {
        { "as it should be", 64, 44, 0x80, true },
        { "flags cleared on the way", 64, 44, 0x00, true },
        { "reserved octets used by a later version", 64, 50, 0xFF, true },
        { "one octet short", 63, 44, 0x80, false },
        { "no TLV at all", 44, 0, 0, false },
        { "padding", 64, 45, 1, false },
        { "another length", 64, 47, 15, false },
        { "another version", 64, 48, 2, false },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        uint8_t bytes[64] = { 0 };
        struct spd_session_mark got;
        void *packet;

        memcpy(bytes + 44, golden_mark, sizeof(golden_mark));
        bytes[rows[i].at] = rows[i].value;
        packet = exact_copy(bytes, rows[i].n);
        CHECK_ROW(rows[i].name, spd_session_mark_read(packet, rows[i].n, &got) == rows[i].expected);
        free(packet);
    }
}

static void a_sid_gives_its_last_eight_octets(void **state)
{
    static const uint8_t sid[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

    (void)state;
    assert_true(spd_session_mark_of_sid(sid) == 0x090A0B0C0D0E0F10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packet_has_the_bytes_of_section_4_1_2),
        cmocka_unit_test(short_and_corrupt_packets_are_refused),
        cmocka_unit_test(a_mark_has_the_bytes_of_its_description),
        cmocka_unit_test(what_is_no_mark_is_left_alone),
        cmocka_unit_test(a_sid_gives_its_last_eight_octets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
