/*
 * The cipher against FIPS 197 and the schedule against the vectors of RFC 4656
 * appendix B, which every implementation must meet.
 */
#include "common/wire/owamp_schedule.h"
#include "tests/unit/unit.h"

struct vector {
    const char *name;
    uint8_t key[16], plain[16], cipher[16];
};

static void blocks_are_encrypted_as_fips_197_says(void **state)
{
    static const struct vector vectors[] = {
        { "FIPS 197 appendix B",
          { 0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf,
            0x4f, 0x3c },
          { 0x32, 0x43, 0xf6, 0xa8, 0x88, 0x5a, 0x30, 0x8d, 0x31, 0x31, 0x98, 0xa2, 0xe0, 0x37,
            0x07, 0x34 },
          { 0x39, 0x25, 0x84, 0x1d, 0x02, 0xdc, 0x09, 0xfb, 0xdc, 0x11, 0x85, 0x97, 0x19, 0x6a,
            0x0b, 0x32 } },
        { "FIPS 197 appendix C.1",
          { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 },
          { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd,
            0xee, 0xff },
          { 0x69, 0xc4, 0xe0, 0xd8, 0x6a, 0x7b, 0x04, 0x30, 0xd8, 0xcd, 0xb7, 0x80, 0x70, 0xb4,
            0xc5, 0x5a } },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(vectors); i++) {
        struct spd_aes128 aes;
        uint8_t block[16];

        memcpy(block, vectors[i].plain, 16);
        spd_aes128_init(&aes, vectors[i].key);
        spd_aes128_encrypt(&aes, block, block);
        CHECK_ROW(vectors[i].name, memcmp(block, vectors[i].cipher, 16) == 0);
    }
}

static void a_million_deviates_add_up_to_the_sums_of_appendix_b(void **state)
{
    static const struct {
        const char *name;
        uint8_t sid[16];
        uint64_t sum;
    } rows[] = {
        { "2872..",
          { 0x28, 0x72, 0x97, 0x93, 0x03, 0xab, 0x47, 0xee, 0xac, 0x02, 0x8d, 0xab, 0x38, 0x29,
            0xda, 0xb2 },
          0x000f4479bd317381 },
        { "0102..", { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0 }, 0x000f433686466a62 },
        { "dead..",
          { 0xde, 0xad, 0xbe, 0xef, 0xde, 0xad, 0xbe, 0xef, 0xde, 0xad, 0xbe, 0xef, 0xde, 0xad,
            0xbe, 0xef },
          0x000f416c8884d2d3 },
        { "feed..",
          { 0xfe, 0xed, 0x0f, 0xee, 0xd1, 0xfe, 0xed, 0x2f, 0xee, 0xd3, 0xfe, 0xed, 0x4f, 0xee,
            0xd5, 0xab },
          0x000f3f0b4b416ec8 },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_owamp_random random;
        uint64_t sum = 0;

        spd_owamp_random_init(&random, rows[i].sid);
        for (int n = 0; n < 1000000; n++)
            sum += spd_owamp_random_exponential(&random);
        CHECK_ROW_INT(rows[i].name, sum, rows[i].sum);
    }
}

static void slots_go_round_and_fixed_ones_take_no_random_number(void **state)
{
    static const struct spd_owamp_slot slots[] = {
        { SPD_OWAMP_SLOT_EXPONENTIAL, UINT64_C(1) << 33 },
        { SPD_OWAMP_SLOT_FIXED, 5 },
        { SPD_OWAMP_SLOT_FIXED, 0 },
    };
    static const uint8_t sid[16] = { 7 };
    struct spd_owamp_schedule schedule;
    struct spd_owamp_random random;

    (void)state;
    spd_owamp_random_init(&random, sid);
    spd_owamp_schedule_init(&schedule, slots, N_ROWS(slots), sid);
    for (int round = 0; round < 1000; round++) {
        assert_true(spd_owamp_schedule_next(&schedule) ==
                    2 * spd_owamp_random_exponential(&random));
        assert_true(spd_owamp_schedule_next(&schedule) == 5);
        assert_true(spd_owamp_schedule_next(&schedule) == 0);
    }
}

static void a_mean_beyond_measure_saturates(void **state)
{
    static const struct spd_owamp_slot slot = { SPD_OWAMP_SLOT_EXPONENTIAL, UINT64_MAX };
    static const uint8_t sid[16] = { 9 };
    struct spd_owamp_schedule schedule;
    bool saturated = false;

    (void)state;
    spd_owamp_schedule_init(&schedule, &slot, 1, sid);
    for (int i = 0; i < 100; i++)
        saturated = saturated || spd_owamp_schedule_next(&schedule) == UINT64_MAX;
    assert_true(saturated);
}

static void intervals_keep_their_nanoseconds(void **state)
{
    static const struct {
        const char *name;
        spd_ns ns;
        uint64_t interval;
    } rows[] = {
        { "none", 0, 0 },
        { "negative is none", -1, 0 },
        { "one nanosecond", 1, 4 },
        { "20 ms", 20 * SPD_NS_PER_MS, 0x051EB852 },
        { "half a second", SPD_NS_PER_S / 2, UINT64_C(1) << 31 },
        { "the last one below a second", SPD_NS_PER_S - 1, 0xFFFFFFFC },
        { "a day", 86400 * SPD_NS_PER_S, UINT64_C(86400) << 32 },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        CHECK_ROW_INT(rows[i].name, spd_owamp_interval_from_ns(rows[i].ns), rows[i].interval);
        CHECK_ROW_INT(rows[i].name, spd_owamp_interval_to_ns(rows[i].interval),
                      rows[i].ns > 0 ? rows[i].ns : 0);
    }
    assert_true(spd_owamp_interval_from_ns(SPD_NS_MAX) == UINT64_MAX);
    assert_true(spd_owamp_interval_to_ns(UINT64_MAX) == (spd_ns)INT64_C(4294967296) * SPD_NS_PER_S);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_encrypted_as_fips_197_says),
        cmocka_unit_test(a_million_deviates_add_up_to_the_sums_of_appendix_b),
        cmocka_unit_test(slots_go_round_and_fixed_ones_take_no_random_number),
        cmocka_unit_test(a_mean_beyond_measure_saturates),
        cmocka_unit_test(intervals_keep_their_nanoseconds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
