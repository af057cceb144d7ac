/*
 * STAMP packets: golden bytes with the RFC's field beside them, the sizes that
 * TWAMP-Light peers use, and what hostile bytes may not do. Every packet stands
 * in memory of exactly its size, so that a sanitizer sees any step beyond.
 */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "common/base/seqnum.h"
#include "common/wire/ntptime.h"
#include "common/wire/stamp.h"
#include "tests/support/random.h"

/* RFC 8762 section 4.2.1 Figure 2, RFC 8972 section 3 Figure 1. */
static const uint8_t golden_request[44] = {
    0x01, 0x02, 0x03, 0x04,                         /*  0 Sequence Number */
    0xE8, 0xFE, 0x6F, 0x80, 0x40, 0x00, 0x00, 0x00, /*  4 Timestamp: 2023-11-14 22:13:20.25 */
    0x8F, 0x84,                                     /* 12 Error Estimate: S, NTP, 1 ms */
    0x12, 0x34,                                     /* 14 SSID */
    0,    0,    0,    0,    0,    0,    0,    0,    0, 0, 0, 0, 0, 0, /* 16 MBZ (28) */
    0,    0,    0,    0,    0,    0,    0,    0,    0, 0, 0, 0, 0, 0,
};

static const struct spd_stamp_request golden_request_fields = {
    .seq = 0x01020304,
    .timestamp = 0xE8FE6F8040000000,
    .error_estimate = 0x8F84,
    .ssid = 0x1234,
};

/* RFC 8762 section 4.3.1 Figure 5, RFC 8972 section 3 Figure 2. */
static const uint8_t golden_reply[44] = {
    0x00, 0x00, 0x00, 0x07,                         /*  0 Sequence Number, the reflector's own */
    0x65, 0x53, 0xF1, 0x00, 0x0E, 0xE6, 0xB2, 0x81, /*  4 Timestamp (T3), PTPv2 */
    0xC5, 0x87,                                     /* 12 Error Estimate: S, Z, 1 us */
    0x12, 0x34,                                     /* 14 SSID */
    0x65, 0x53, 0xF1, 0x00, 0x0E, 0xE6, 0xB2, 0x80, /* 16 Receive Timestamp (T2) */
    0x01, 0x02, 0x03, 0x04,                         /* 24 Session-Sender Sequence Number */
    0xE8, 0xFE, 0x6F, 0x80, 0x40, 0x00, 0x00, 0x00, /* 28 Session-Sender Timestamp */
    0x8F, 0x84,                                     /* 36 Session-Sender Error Estimate */
    0x00, 0x00,                                     /* 38 MBZ */
    0xFD,                                           /* 40 Session-Sender TTL */
    0x00, 0x00, 0x00,                               /* 41 MBZ */
};

static const struct spd_stamp_reply golden_reply_fields = {
    .seq = 7,
    .timestamp = 0x6553F1000EE6B281,
    .error_estimate = 0xC587,
    .ssid = 0x1234,
    .receive_timestamp = 0x6553F1000EE6B280,
    .sender_seq = 0x01020304,
    .sender_timestamp = 0xE8FE6F8040000000,
    .sender_error_estimate = 0x8F84,
    .sender_ttl = 0xFD,
    .sender_ttl_known = true,
};

static void assert_same_request(const struct spd_stamp_request *got,
                                const struct spd_stamp_request *expected)
{
    assert_true(got->seq == expected->seq);
    assert_true(got->timestamp == expected->timestamp);
    assert_true(got->error_estimate == expected->error_estimate);
    assert_true(got->ssid == expected->ssid);
}

static void assert_same_reply(const struct spd_stamp_reply *got,
                              const struct spd_stamp_reply *expected)
{
    assert_true(got->seq == expected->seq);
    assert_true(got->timestamp == expected->timestamp);
    assert_true(got->error_estimate == expected->error_estimate);
    assert_true(got->ssid == expected->ssid);
    assert_true(got->receive_timestamp == expected->receive_timestamp);
    assert_true(got->sender_seq == expected->sender_seq);
    assert_true(got->sender_timestamp == expected->sender_timestamp);
    assert_true(got->sender_error_estimate == expected->sender_error_estimate);
    assert_true(got->sender_ttl == expected->sender_ttl);
    assert_true(got->sender_ttl_known == expected->sender_ttl_known);
}

/* ---- requests ---------------------------------------------------------- */

static void a_request_is_written_as_the_rfc_draws_it(void **state)
{
    (void)state;
    uint8_t *packet = malloc(SPD_STAMP_BYTES);

    assert_non_null(packet);
    memset(packet, 0xFF, SPD_STAMP_BYTES);
    assert_int_equal(spd_stamp_write_request(packet, SPD_STAMP_BYTES, &golden_request_fields),
                     SPD_ERR_OK);
    assert_memory_equal(packet, golden_request, sizeof golden_request);
    free(packet);
}

static void the_padding_of_a_request_stays_as_it_was(void **state)
{
    (void)state;
    uint8_t packet[60], padding[16];

    memset(packet, 0xEE, sizeof packet);
    memset(padding, 0xEE, sizeof padding);
    assert_int_equal(spd_stamp_write_request(packet, sizeof packet, &golden_request_fields),
                     SPD_ERR_OK);
    assert_memory_equal(packet, golden_request, 44);
    assert_memory_equal(packet + 44, padding, 16);
}

static void a_request_needs_room_for_44_octets(void **state)
{
    (void)state;
    for (size_t capacity = 0; capacity < SPD_STAMP_BYTES; capacity++) {
        uint8_t *packet = exact_copy(golden_reply, capacity);
        assert_int_equal(spd_stamp_write_request(packet, capacity, &golden_request_fields),
                         SPD_ERR_INVALID);
        assert_memory_equal(packet, golden_reply, capacity);
        free(packet);
    }
}

static void a_request_is_read_as_the_rfc_draws_it(void **state)
{
    (void)state;
    struct spd_stamp_request got;

    assert_int_equal(spd_stamp_read_request(golden_request, sizeof golden_request, &got),
                     SPD_ERR_OK);
    assert_same_request(&got, &golden_request_fields);
}

/* A TWAMP-Light sender: 14 octets, then any padding. Octets 14 and 15 are
 * padding to it and the SSID to us. */
static void requests_from_14_octets_on_are_served(void **state)
{
    (void)state;
    for (size_t n = 0; n <= 1500; n++) {
        uint8_t whole[1500] = { 0 };
        memcpy(whole, golden_request, sizeof golden_request);
        uint8_t *packet = exact_copy(whole, n);
        struct spd_stamp_request got = { .seq = 99 }, expected = golden_request_fields;
        enum spd_err err = spd_stamp_read_request(packet, n, &got);
        if (n < 14) {
            assert_int_equal(err, SPD_ERR_FORMAT);
            assert_true(got.seq == 99);
        } else {
            expected.ssid = n < 16 ? 0 : 0x1234;
            assert_int_equal(err, SPD_ERR_OK);
            assert_same_request(&got, &expected);
        }
        free(packet);
    }
}

static void must_be_zero_octets_of_a_request_are_ignored(void **state)
{
    (void)state;
    uint8_t packet[44];
    struct spd_stamp_request got;

    memcpy(packet, golden_request, sizeof packet);
    memset(packet + 16, 0xFF, 28);
    assert_int_equal(spd_stamp_read_request(packet, sizeof packet, &got), SPD_ERR_OK);
    assert_same_request(&got, &golden_request_fields);
}

static void a_request_without_multiplier_is_corrupt(void **state)
{
    (void)state;
    uint8_t packet[44];
    struct spd_stamp_request got = { .seq = 99 };

    memcpy(packet, golden_request, sizeof packet);
    packet[13] = 0; /* S and Scale remain */
    assert_int_equal(spd_stamp_read_request(packet, sizeof packet, &got), SPD_ERR_FORMAT);
    assert_true(got.seq == 99);
    packet[12] = 0;
    packet[13] = 1; /* the smallest legal one */
    assert_int_equal(spd_stamp_read_request(packet, sizeof packet, &got), SPD_ERR_OK);
}

/* ---- replies ----------------------------------------------------------- */

static void a_reply_is_written_as_the_rfc_draws_it(void **state)
{
    (void)state;
    uint8_t *packet = exact_copy(golden_request, 44);
    size_t n_reply = 0;

    memset(packet + 16, 0xFF, 28); /* nothing of the request's MBZ may come back */
    assert_int_equal(spd_stamp_write_reply(packet, 44, 44, &golden_reply_fields, &n_reply),
                     SPD_ERR_OK);
    assert_int_equal(n_reply, 44);
    assert_memory_equal(packet, golden_reply, 44);
    free(packet);
}

/* RFC 8762 section 4.6: the base packet for 14..43 octets, else the same size
 * with what lies beyond octet 43 copied. */
static void the_size_of_a_reply_follows_rfc_8762(void **state)
{
    (void)state;
    for (size_t n = 0; n <= 1500; n++) {
        size_t expected = n < 44 ? 44 : n, n_reply = 4711;
        uint8_t *whole = malloc(1500), *packet = malloc(expected);
        assert_non_null(whole);
        assert_non_null(packet);
        for (size_t i = 0; i < 1500; i++)
            whole[i] = (uint8_t)(i * 7 + 1);
        memcpy(packet, whole, n < expected ? n : expected);
        enum spd_err err =
            spd_stamp_write_reply(packet, n, expected, &golden_reply_fields, &n_reply);
        if (n < SPD_STAMP_REQUEST_MIN_BYTES) {
            assert_int_equal(err, SPD_ERR_INVALID);
            assert_int_equal(n_reply, 4711);
            assert_memory_equal(packet, whole, n);
        } else {
            assert_int_equal(err, SPD_ERR_OK);
            assert_int_equal(n_reply, expected);
            assert_memory_equal(packet, golden_reply, 44);
            if (n > 44)
                assert_memory_equal(packet + 44, whole + 44, n - 44);
        }
        free(packet);
        free(whole);
    }
}

static void a_reply_without_room_is_refused_and_nothing_written(void **state)
{
    (void)state;
    static const size_t sizes[][2] = {
        { 14, 43 }, { 43, 43 }, { 44, 43 }, { 45, 44 }, { 100, 99 }
    };

    for (size_t i = 0; i < N_ROWS(sizes); i++) {
        uint8_t before[100];
        size_t n_reply = 4711;
        memset(before, 0xEE, sizeof before);
        uint8_t *packet = exact_copy(before, sizes[i][1]);
        assert_int_equal(
            spd_stamp_write_reply(packet, sizes[i][0], sizes[i][1], &golden_reply_fields, &n_reply),
            SPD_ERR_INVALID);
        assert_memory_equal(packet, before, sizes[i][1]);
        assert_int_equal(n_reply, 4711);
        free(packet);
    }
}

struct tail_row {
    const char *name;
    uint8_t tail[24];
    size_t n_tail;
};

static const struct tail_row tail_rows[] = {
    { "one stray octet", { 0x80 }, 1 },
    { "two stray octets", { 0x80, 0x01 }, 2 },
    { "three stray octets", { 0x80, 0x01, 0x00 }, 3 },
    { "zeros, no TLV intended", { 0 }, 24 },
    /* RFC 8972 section 4: the sender sets U; who knows no TLVs must hand it back set. */
    { "Extra Padding with U", { 0x80, 1, 0, 4, 0xDE, 0xAD, 0xBE, 0xEF }, 8 },
    { "Class of Service with U", { 0x80, 4, 0, 4, 0xB8, 0, 0, 0 }, 8 },
    { "two TLVs and a stray octet",
      { 0x80, 4, 0, 4, 0xB8, 0, 0, 0, 0x80, 1, 0, 2, 7, 7, 0x80 },
      15 },
    { "a TLV longer than the packet", { 0x80, 1, 0xFF, 0xFF, 1, 2 }, 6 },
    { "flags that no one defined", { 0xFF, 0xFF, 0, 1, 0xFF }, 5 },
};

static void a_tail_is_mirrored_to_the_bit(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(tail_rows); i++) {
        const struct tail_row *row = &tail_rows[i];
        uint8_t bytes[44 + sizeof row->tail];
        size_t n = 44 + row->n_tail, n_reply = 0;
        struct spd_stamp_request request;
        memcpy(bytes, golden_request, 44);
        memcpy(bytes + 44, row->tail, row->n_tail);
        uint8_t *packet = exact_copy(bytes, n);
        CHECK_ROW_INT(row->name, spd_stamp_read_request(packet, n, &request), SPD_ERR_OK);
        CHECK_ROW_INT(row->name,
                      spd_stamp_write_reply(packet, n, n, &golden_reply_fields, &n_reply),
                      SPD_ERR_OK);
        CHECK_ROW_INT(row->name, n_reply, n);
        CHECK_ROW(row->name, memcmp(packet, golden_reply, 44) == 0);
        CHECK_ROW(row->name, memcmp(packet + 44, row->tail, row->n_tail) == 0);
        free(packet);
    }
}

static void only_t3_changes_when_the_stamp_is_set_last(void **state)
{
    (void)state;
    uint8_t expected[44];
    uint8_t *packet = exact_copy(golden_reply, 44);

    memcpy(expected, golden_reply, 44);
    memcpy(expected + 4, (const uint8_t[]){ 1, 2, 3, 4, 5, 6, 7, 8 }, 8);
    spd_stamp_set_timestamp(packet, 0x0102030405060708);
    assert_memory_equal(packet, expected, 44);
    free(packet);
}

static void a_reply_is_read_as_the_rfc_draws_it(void **state)
{
    (void)state;
    struct spd_stamp_reply got;

    assert_int_equal(spd_stamp_read_reply(golden_reply, sizeof golden_reply, &got), SPD_ERR_OK);
    assert_same_reply(&got, &golden_reply_fields);
}

/* TWAMP reflectors answer with 41 octets, some with 38: then there is no TTL. */
static void replies_from_38_octets_on_are_read(void **state)
{
    (void)state;
    for (size_t n = 0; n <= 1500; n++) {
        uint8_t whole[1500] = { 0 };
        memcpy(whole, golden_reply, sizeof golden_reply);
        uint8_t *packet = exact_copy(whole, n);
        struct spd_stamp_reply got = { .seq = 99 }, expected = golden_reply_fields;
        enum spd_err err = spd_stamp_read_reply(packet, n, &got);
        if (n < 38) {
            assert_int_equal(err, SPD_ERR_FORMAT);
            assert_true(got.seq == 99);
        } else {
            expected.sender_ttl_known = n >= 41;
            expected.sender_ttl = n >= 41 ? 0xFD : 0;
            assert_int_equal(err, SPD_ERR_OK);
            assert_same_reply(&got, &expected);
        }
        free(packet);
    }
}

/* RFC 7750 peers put DSCP and ECN into octet 41. */
static void must_be_zero_octets_of_a_reply_are_ignored(void **state)
{
    (void)state;
    uint8_t packet[44];
    struct spd_stamp_reply got;

    memcpy(packet, golden_reply, sizeof packet);
    packet[38] = packet[39] = packet[41] = packet[42] = packet[43] = 0xFF;
    assert_int_equal(spd_stamp_read_reply(packet, sizeof packet, &got), SPD_ERR_OK);
    assert_same_reply(&got, &golden_reply_fields);
}

static void the_reflectors_own_multiplier_must_not_be_zero(void **state)
{
    (void)state;
    uint8_t packet[44];
    struct spd_stamp_reply got = { .seq = 99 };

    memcpy(packet, golden_reply, sizeof packet);
    packet[13] = 0;
    assert_int_equal(spd_stamp_read_reply(packet, sizeof packet, &got), SPD_ERR_FORMAT);
    assert_true(got.seq == 99);
    packet[13] = 1;
    packet[36] = packet[37] = 0; /* the echoed one is not the reflector's to answer for */
    assert_int_equal(spd_stamp_read_reply(packet, sizeof packet, &got), SPD_ERR_OK);
    assert_int_equal(got.sender_error_estimate, 0);
}

static void a_ttl_of_zero_is_known_to_be_zero(void **state)
{
    (void)state;
    uint8_t packet[44];
    struct spd_stamp_reply got;

    memcpy(packet, golden_reply, sizeof packet);
    packet[40] = 0;
    assert_int_equal(spd_stamp_read_reply(packet, sizeof packet, &got), SPD_ERR_OK);
    assert_true(got.sender_ttl_known);
    assert_int_equal(got.sender_ttl, 0);
}

/* ---- both ways --------------------------------------------------------- */

static void reflect(uint8_t *packet, size_t n, uint32_t own_seq)
{
    struct spd_stamp_request request;
    size_t n_reply;

    assert_int_equal(spd_stamp_read_request(packet, n, &request), SPD_ERR_OK);
    struct spd_stamp_reply reply = {
        .seq = own_seq,
        .error_estimate = SPD_ERROR_ESTIMATE_UNKNOWN,
        .ssid = request.ssid,
        .sender_seq = request.seq,
        .sender_timestamp = request.timestamp,
        .sender_error_estimate = request.error_estimate,
    };
    assert_int_equal(spd_stamp_write_reply(packet, n, n, &reply, &n_reply), SPD_ERR_OK);
}

static void sequence_numbers_pass_the_wrap(void **state)
{
    (void)state;
    struct spd_seqnum_unwrap sent = { 0 }, reflected = { 0 };

    for (uint32_t i = 0; i < 10; i++) {
        uint8_t packet[44];
        struct spd_stamp_request request = { .seq = 0xFFFFFFFBu + i, .error_estimate = 1 };
        struct spd_stamp_reply reply;
        assert_int_equal(spd_stamp_write_request(packet, sizeof packet, &request), SPD_ERR_OK);
        reflect(packet, sizeof packet, 0xFFFFFFFEu + i);
        assert_int_equal(spd_stamp_read_reply(packet, sizeof packet, &reply), SPD_ERR_OK);
        assert_true(spd_seqnum_unwrap(&sent, reply.sender_seq) == INT64_C(0xFFFFFFFB) + i);
        assert_true(spd_seqnum_unwrap(&reflected, reply.seq) == INT64_C(0xFFFFFFFE) + i);
    }
}

/* The request leaves before 2036-02-07 06:28:16, the reply after it. */
static void stamps_pass_the_era_wrap_of_2036(void **state)
{
    (void)state;
    const spd_wall t1 = { 2085978495 * SPD_NS_PER_S + 999000000 };
    const spd_wall t3 = spd_wall_add(t1, 2000000), t4 = spd_wall_add(t1, 3000000);
    struct spd_stamp_request request = { .timestamp = spd_ntptime_from_wall(t1),
                                         .error_estimate = 1 };
    struct spd_stamp_reply reply;
    uint8_t packet[44];

    assert_int_equal(spd_stamp_write_request(packet, sizeof packet, &request), SPD_ERR_OK);
    assert_int_equal(packet[4], 0xFF);
    reflect(packet, sizeof packet, 0);
    spd_stamp_set_timestamp(packet, spd_ntptime_from_wall(t3));
    assert_int_equal(packet[4], 0x00);
    assert_int_equal(spd_stamp_read_reply(packet, sizeof packet, &reply), SPD_ERR_OK);
    assert_true(spd_ntptime_to_wall(reply.sender_timestamp, t4).ns == t1.ns);
    assert_true(spd_ntptime_to_wall(reply.timestamp, t4).ns == t3.ns);
}

static void random_fields_survive_both_ways(void **state)
{
    (void)state;
    struct spd_random random = spd_random_start("random_fields_survive_both_ways");

    for (int i = 0; i < 50000; i++) {
        uint8_t *packet = malloc(44);
        assert_non_null(packet);
        struct spd_stamp_request request = {
            .seq = (uint32_t)spd_random_u64(&random),
            .timestamp = spd_random_u64(&random),
            .error_estimate = (uint16_t)(spd_random_u64(&random) | 1),
            .ssid = (uint16_t)spd_random_u64(&random),
        };
        struct spd_stamp_request request_back;
        assert_int_equal(spd_stamp_write_request(packet, 44, &request), SPD_ERR_OK);
        assert_int_equal(spd_stamp_read_request(packet, 44, &request_back), SPD_ERR_OK);
        assert_same_request(&request_back, &request);
        struct spd_stamp_reply reply = {
            .seq = (uint32_t)spd_random_u64(&random),
            .timestamp = spd_random_u64(&random),
            .error_estimate = (uint16_t)(spd_random_u64(&random) | 1),
            .ssid = (uint16_t)spd_random_u64(&random),
            .receive_timestamp = spd_random_u64(&random),
            .sender_seq = (uint32_t)spd_random_u64(&random),
            .sender_timestamp = spd_random_u64(&random),
            .sender_error_estimate = (uint16_t)spd_random_u64(&random),
            .sender_ttl = (uint8_t)spd_random_u64(&random),
            .sender_ttl_known = true,
        };
        struct spd_stamp_reply reply_back;
        size_t n_reply;
        assert_int_equal(spd_stamp_write_reply(packet, 44, 44, &reply, &n_reply), SPD_ERR_OK);
        assert_int_equal(spd_stamp_read_reply(packet, n_reply, &reply_back), SPD_ERR_OK);
        assert_same_reply(&reply_back, &reply);
        free(packet);
    }
}

/* Whatever arrives: accepted exactly when long enough and with a Multiplier,
 * and the fields are the octets at their offsets. */
static void random_bytes_of_random_length_are_judged_by_the_rules_alone(void **state)
{
    (void)state;
    struct spd_random random = spd_random_start("random_bytes_of_random_length");

    for (int i = 0; i < 200000; i++) {
        uint8_t bytes[128];
        size_t n = spd_random_below(&random, sizeof bytes + 1);
        spd_random_bytes(&random, bytes, n);
        if (n > 13 && spd_random_below(&random, 8) == 0)
            bytes[13] = 0;
        uint8_t *packet = exact_copy(bytes, n);
        struct spd_stamp_request request;
        struct spd_stamp_reply reply;
        bool takes_request = n >= 14 && bytes[13] != 0, takes_reply = n >= 38 && bytes[13] != 0;
        assert_int_equal(spd_stamp_read_request(packet, n, &request),
                         takes_request ? SPD_ERR_OK : SPD_ERR_FORMAT);
        assert_int_equal(spd_stamp_read_reply(packet, n, &reply),
                         takes_reply ? SPD_ERR_OK : SPD_ERR_FORMAT);
        assert_memory_equal(packet, bytes, n);
        if (takes_request) {
            assert_int_equal(request.seq >> 24, bytes[0]);
            assert_int_equal(request.timestamp & 0xFF, bytes[11]);
            assert_int_equal(request.ssid, n >= 16 ? bytes[14] << 8 | bytes[15] : 0);
        }
        if (takes_reply) {
            assert_int_equal(reply.receive_timestamp >> 56, bytes[16]);
            assert_int_equal(reply.sender_error_estimate & 0xFF, bytes[37]);
            assert_int_equal(reply.sender_ttl_known, n >= 41);
            assert_int_equal(reply.sender_ttl, n >= 41 ? bytes[40] : 0);
        }
        free(packet);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_written_as_the_rfc_draws_it),
        cmocka_unit_test(the_padding_of_a_request_stays_as_it_was),
        cmocka_unit_test(a_request_needs_room_for_44_octets),
        cmocka_unit_test(a_request_is_read_as_the_rfc_draws_it),
        cmocka_unit_test(requests_from_14_octets_on_are_served),
        cmocka_unit_test(must_be_zero_octets_of_a_request_are_ignored),
        cmocka_unit_test(a_request_without_multiplier_is_corrupt),
        cmocka_unit_test(a_reply_is_written_as_the_rfc_draws_it),
        cmocka_unit_test(the_size_of_a_reply_follows_rfc_8762),
        cmocka_unit_test(a_reply_without_room_is_refused_and_nothing_written),
        cmocka_unit_test(a_tail_is_mirrored_to_the_bit),
        cmocka_unit_test(only_t3_changes_when_the_stamp_is_set_last),
        cmocka_unit_test(a_reply_is_read_as_the_rfc_draws_it),
        cmocka_unit_test(replies_from_38_octets_on_are_read),
        cmocka_unit_test(must_be_zero_octets_of_a_reply_are_ignored),
        cmocka_unit_test(the_reflectors_own_multiplier_must_not_be_zero),
        cmocka_unit_test(a_ttl_of_zero_is_known_to_be_zero),
        cmocka_unit_test(sequence_numbers_pass_the_wrap),
        cmocka_unit_test(stamps_pass_the_era_wrap_of_2036),
        cmocka_unit_test(random_fields_survive_both_ways),
        cmocka_unit_test(random_bytes_of_random_length_are_judged_by_the_rules_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
