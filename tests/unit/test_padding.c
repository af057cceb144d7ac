/*
 * The padding of requests: well-formed for a reflector that knows TLVs,
 * incompressible, and never outside of what it was given.
 */
#include "common/wire/padding.h"

#include <stdio.h>

#include "common/wire/stamp.h"
#include "tests/unit/unit.h"

#define GUARD 0x5A

static void the_tail_is_an_extra_padding_tlv_of_every_length(void **state)
{
    (void)state;
    for (size_t n = SPD_STAMP_BYTES; n <= 1472; n++) {
        uint8_t *packet = malloc(n + 8), *before = malloc(n + 8);
        char row[40];

        assert_true(packet && before);
        snprintf(row, sizeof(row), "%zu octets", n);
        memset(packet, GUARD, n + 8);
        memcpy(before, packet, n + 8);
        spd_padding_set_length(packet, n);
        CHECK_ROW(row, memcmp(packet, before, SPD_STAMP_BYTES) == 0);
        CHECK_ROW(row, memcmp(packet + n, before + n, 8) == 0);
        if (n < SPD_STAMP_BYTES + 4) {
            for (size_t i = SPD_STAMP_BYTES; i < n; i++)
                CHECK_ROW_INT(row, packet[i], 0);
        } else {
            CHECK_ROW_INT(row, packet[44], 0x80); /* RFC 8972 section 4: U alone */
            CHECK_ROW_INT(row, packet[45], 1);    /* Extra Padding */
            CHECK_ROW_INT(row, packet[46] << 8 | packet[47], n - 48);
            CHECK_ROW(row, memcmp(packet + 48, before + 48, n - 48) == 0);
        }
        free(packet);
        free(before);
    }
}

static void what_is_shorter_than_a_base_packet_stays(void **state)
{
    uint8_t packet[SPD_STAMP_BYTES];

    (void)state;
    for (size_t n = 0; n < SPD_STAMP_BYTES; n++) {
        memset(packet, GUARD, sizeof(packet));
        spd_padding_set_length(packet, n);
        for (size_t i = 0; i < sizeof(packet); i++)
            assert_int_equal(packet[i], GUARD);
    }
}

static void the_longest_packet_has_its_length(void **state)
{
    uint8_t *packet = malloc(65507);

    (void)state;
    assert_non_null(packet);
    spd_padding_set_length(packet, 65507);
    assert_int_equal(packet[46] << 8 | packet[47], 65507 - 48);
    free(packet);
}

/* 256 values, each about as often: chi-squared with 255 degrees of freedom lies
 * between 150 and 380 but once in 10^6. */
static void octets_are_spread_evenly(void **state)
{
    static const uint64_t seeds[] = { 1, 2, 0x8000000000000000u, UINT64_MAX, 12345 };
    enum { N = 256 * 400 };
    uint8_t *bytes = malloc(N);

    (void)state;
    assert_non_null(bytes);
    for (size_t s = 0; s < N_ROWS(seeds); s++) {
        uint64_t random = seeds[s];
        size_t n_of[256] = { 0 };
        double chi = 0;

        spd_padding_fill(bytes, 1000, &random); /* small seeds need a run-up */
        spd_padding_fill(bytes, N, &random);
        for (size_t i = 0; i < N; i++)
            n_of[bytes[i]]++;
        for (size_t v = 0; v < 256; v++)
            chi += ((double)n_of[v] - 400) * ((double)n_of[v] - 400) / 400;
        if (chi < 150 || chi > 380)
            fail_msg("seed %llu: chi-squared is %.1f", (unsigned long long)seeds[s], chi);
    }
    free(bytes);
}

static void filling_goes_on_where_it_stopped(void **state)
{
    uint8_t whole[64], parts[64];
    uint64_t a = 99, b = 99;

    (void)state;
    spd_padding_fill(whole, 64, &a);
    spd_padding_fill(parts, 10, &b);
    spd_padding_fill(parts + 10, 0, &b);
    spd_padding_fill(parts + 10, 54, &b);
    assert_memory_equal(whole, parts, 64);
    assert_true(a == b && a != 99);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tail_is_an_extra_padding_tlv_of_every_length),
        cmocka_unit_test(what_is_shorter_than_a_base_packet_stays),
        cmocka_unit_test(the_longest_packet_has_its_length),
        cmocka_unit_test(octets_are_spread_evenly),
        cmocka_unit_test(filling_goes_on_where_it_stopped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
