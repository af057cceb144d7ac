/*
 * Time stamps and Error Estimates: golden values, era wraps, round trips.
 */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "common/wire/ntptime.h"
#include "tests/support/random.h"

#define NS_PER_S SPD_NS_PER_S
#define ERA_S    (INT64_C(1) << 32)

struct ntp_row {
    const char *name;
    int64_t unix_s, ns;
    uint64_t stamp; /* seconds since 1900, fraction */
};

static const struct ntp_row ntp_rows[] = {
    { "1970", 0, 0, 0x83AA7E8000000000 },
    { "half a second", 0, 500000000, 0x83AA7E8080000000 },
    { "one nanosecond is 4.29 units", 0, 1, 0x83AA7E8000000004 },
    { "two nanoseconds are 8.59 units", 0, 2, 0x83AA7E8000000009 },
    { "the last nanosecond does not carry", 0, 999999999, 0x83AA7E80FFFFFFFC },
    { "before 1970", -1, 999999999, 0x83AA7E7FFFFFFFFC },
    { "2023", 1700000000, 250000000, 0xE8FE6F8040000000 },
    { "the last second of era 0", 2085978495, 750000000, 0xFFFFFFFFC0000000 },
    { "era 1 starts, 2036-02-07", 2085978496, 0, 0x0000000000000000 },
    { "one second into era 1", 2085978497, 1000, 0x00000001000010C7 },
    { "1900", -2208988800, 0, 0x0000000000000000 },
};

static void ntp_stamps_are_those_of_the_clock(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(ntp_rows); i++) {
        const struct ntp_row *row = &ntp_rows[i];
        spd_wall t = { row->unix_s * NS_PER_S + row->ns };
        CHECK_ROW_INT(row->name, spd_ntptime_from_wall(t), row->stamp);
        CHECK_ROW_INT(row->name, spd_ntptime_to_wall(row->stamp, t).ns, t.ns);
    }
}

static const struct ntp_row ptp_rows[] = {
    { "1970", 0, 0, 0x0000000000000000 },
    { "the last nanosecond", 0, 999999999, 0x000000003B9AC9FF },
    { "2023", 1700000000, 250000000, 0x6553F1000EE6B280 },
    { "before 1970", -1, 999999999, 0xFFFFFFFF3B9AC9FF },
    { "the last second, 2106", 4294967295, 1, 0xFFFFFFFF00000001 },
    { "wrapped, 2106", 4294967296, 1, 0x0000000000000001 },
};

static void ptp_stamps_are_those_of_the_clock(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(ptp_rows); i++) {
        const struct ntp_row *row = &ptp_rows[i];
        spd_wall t = { row->unix_s * NS_PER_S + row->ns }, back = { 0 };
        CHECK_ROW_INT(row->name, spd_ptptime_from_wall(t), row->stamp);
        CHECK_ROW_INT(row->name, spd_ptptime_to_wall(row->stamp, t, &back), SPD_ERR_OK);
        CHECK_ROW_INT(row->name, back.ns, t.ns);
    }
}

static void ptp_nanoseconds_of_a_second_or_more_are_refused(void **state)
{
    (void)state;
    const spd_wall near = { 0 };
    spd_wall out = { 77 };

    assert_int_equal(spd_ptptime_to_wall(999999999, near, &out), SPD_ERR_OK);
    assert_true(out.ns == 999999999);
    assert_int_equal(spd_ptptime_to_wall(1000000000, near, &out), SPD_ERR_FORMAT);
    assert_int_equal(spd_ptptime_to_wall(UINT32_MAX, near, &out), SPD_ERR_FORMAT);
    assert_int_equal(spd_ptptime_to_wall(UINT64_MAX, near, &out), SPD_ERR_FORMAT);
    assert_true(out.ns == 999999999); /* untouched on failure */
}

struct era_row {
    const char *name;
    uint64_t stamp;
    int64_t near_s;
    int64_t expected_s; /* since 1970 */
};

static const struct era_row era_rows[] = {
    { "a reflector already in 2036, we are not", 0x0000000100000000, 2085978490, 2085978497 },
    { "we are in 2036, the reflector is not yet", 0xFFFFFFFF00000000, 2085978500, 2085978495 },
    { "both in era 1", 0x0000100000000000, 2085978496 + 5000, 2085978496 + 4096 },
    { "68 years ahead is still ahead", 0x83AA7E8000000000 + (UINT64_C(0x7FFFFFFF) << 32), 0,
      0x7FFFFFFF },
    { "half an era is ahead", 0x83AA7E8000000000 + (UINT64_C(0x80000000) << 32), 0, 0x80000000 },
    { "half an era is ahead within one era", 0x8000000000000000, 2085978496,
      2085978496 + 0x80000000 },
    { "more than half an era is behind", 0x83AA7E8000000000 + (UINT64_C(0x80000001) << 32), 0,
      -0x7FFFFFFF },
    { "era 2", 0x0000000000000000, 2085978496 + ERA_S, 2085978496 + ERA_S },
    { "at the end of 64 bits the era behind is taken",
      (uint64_t)(uint32_t)(9223373036 + 2208988800) << 32, 9223372036, 9223373036 - ERA_S },
    { "at the start of 64 bits the era ahead is taken",
      (uint64_t)(uint32_t)(-9223373036 + 2208988800) << 32, -9223372036, -9223373036 + ERA_S },
};

static void the_era_is_the_one_nearest_to_the_local_clock(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(era_rows); i++) {
        const struct era_row *row = &era_rows[i];
        spd_wall near = { row->near_s * NS_PER_S };
        CHECK_ROW_INT(row->name, spd_ntptime_to_wall(row->stamp, near).ns,
                      row->expected_s * NS_PER_S);
    }
}

static void no_stamp_and_no_clock_overflow(void **state)
{
    (void)state;
    struct spd_random random = spd_random_start("no_stamp_and_no_clock_overflow");
    const int64_t edges[] = { INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX - 1, INT64_MAX };

    for (int i = 0; i < 100000; i++) {
        spd_wall near = { (int64_t)spd_random_u64(&random) }, out;
        if (i % 2)
            near.ns = edges[spd_random_below(&random, N_ROWS(edges))];
        uint64_t stamp = spd_random_u64(&random);
        out = spd_ntptime_to_wall(stamp, near);
        /* A fraction finer than 1 ns is rounded, so that it comes back within 3 units. */
        int64_t units = (int64_t)(spd_ntptime_from_wall(out) - stamp);
        if (units < -3 || units > 3)
            fail_msg("stamp %016llx near %lld comes back %lld units off", (unsigned long long)stamp,
                     (long long)near.ns, (long long)units);
        uint64_t ptp = (stamp & ~(uint64_t)UINT32_MAX) | (uint32_t)stamp % 1000000000u;
        assert_int_equal(spd_ptptime_to_wall(ptp, near, &out), SPD_ERR_OK);
        assert_true(spd_ptptime_from_wall(out) == ptp);
    }
}

static void a_fraction_next_to_a_whole_second_rounds_up_to_it(void **state)
{
    (void)state;
    const spd_wall near = { 0 };

    assert_true(spd_ntptime_to_wall(0x83AA7E80FFFFFFFF, near).ns == NS_PER_S);
    assert_true(spd_ntptime_to_wall(0x83AA7E80FFFFFFFC, near).ns == NS_PER_S - 1);
    assert_true(spd_ntptime_to_wall(0x83AA7E8000000002, near).ns == 0);
    assert_true(spd_ntptime_to_wall(0x83AA7E8000000003, near).ns == 1);
    /* The last of an era rounds into the next one. */
    assert_true(spd_ntptime_to_wall(UINT64_MAX, (spd_wall){ 2085978496 * NS_PER_S }).ns ==
                2085978496 * NS_PER_S);
}

static void random_times_survive_both_formats_to_the_nanosecond(void **state)
{
    (void)state;
    struct spd_random random = spd_random_start("random_times_survive_both_formats");

    for (int i = 0; i < 200000; i++) {
        spd_wall t = { (int64_t)spd_random_u64(&random) }, back = { 0 };
        /* The local clock may be wrong by decades. */
        int64_t off_ns =
            (int64_t)spd_random_below(&random, 4 * (uint64_t)NS_PER_S << 30) - (2 * NS_PER_S << 30);
        spd_wall near;
        if (__builtin_add_overflow(t.ns, off_ns, &near.ns))
            near = t;
        if (spd_ntptime_to_wall(spd_ntptime_from_wall(t), near).ns != t.ns)
            fail_msg("NTP: %lld ns near %lld does not come back", (long long)t.ns,
                     (long long)near.ns);
        if (spd_ptptime_to_wall(spd_ptptime_from_wall(t), near, &back) != SPD_ERR_OK ||
            back.ns != t.ns)
            fail_msg("PTP: %lld ns near %lld does not come back", (long long)t.ns,
                     (long long)near.ns);
    }
}

static void the_z_bit_chooses_the_format(void **state)
{
    (void)state;
    const spd_wall t = { 1700000000 * NS_PER_S + 250000000 };
    spd_wall out = { 0 };

    assert_int_equal(spd_stamptime_to_wall(0xE8FE6F8040000000, 0x8001, t, &out), SPD_ERR_OK);
    assert_true(out.ns == t.ns);
    out.ns = 0;
    assert_int_equal(spd_stamptime_to_wall(0x6553F1000EE6B280, 0x4001, t, &out), SPD_ERR_OK);
    assert_true(out.ns == t.ns);
    assert_int_equal(spd_stamptime_to_wall(0xE8FE6F8040000000, 0xC001, t, &out), SPD_ERR_FORMAT);
}

struct estimate_row {
    const char *name;
    bool synchronised, ptp;
    spd_ns error_ns;
    uint16_t estimate;
    spd_ns decoded_ns;
};

static const struct estimate_row estimate_rows[] = {
    { "1 us", true, false, 1000, 0x8587, 1006 },
    { "1 ms", true, false, 1000000, 0x8F84, 1007081 },
    { "1 s", true, false, NS_PER_S, 0x9980, NS_PER_S },
    { "unknown", false, false, -1, 0x0001, 1 },
    { "unknown but synchronised", true, false, -1, 0x8001, 1 },
    { "none at all", true, false, 0, 0x8001, 1 },
    { "PTP format", false, true, 1000, 0x4587, 1006 },
    { "1 ns is five units", true, false, 1, 0x8005, 2 },
    { "the last that needs no scale", false, false, 59, 0x00FE, 60 },
    { "the first that needs a scale", false, false, 60, 0x0181, 61 },
    { "most of all", true, true, SPD_NS_MAX, 0xFA8A, SPD_NS_MAX },
};

static void error_estimates_are_those_of_rfc_4656(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(estimate_rows); i++) {
        const struct estimate_row *row = &estimate_rows[i];
        bool synchronised, ptp;
        spd_ns error_ns;
        uint16_t got = spd_error_estimate_encode(row->synchronised, row->ptp, row->error_ns);
        CHECK_ROW_INT(row->name, got, row->estimate);
        CHECK_ROW_INT(row->name, spd_error_estimate_decode(got, &synchronised, &ptp, &error_ns),
                      SPD_ERR_OK);
        CHECK_ROW_INT(row->name, synchronised, row->synchronised);
        CHECK_ROW_INT(row->name, ptp, row->ptp);
        CHECK_ROW_INT(row->name, error_ns, row->decoded_ns);
    }
}

/* Multiplier * 2^Scale, or 0 for an illegal one. */
static unsigned __int128 units_of(uint16_t estimate)
{
    return (unsigned __int128)(estimate & 0xFF) << (estimate >> 8 & 0x3F);
}

static void an_estimate_is_the_smallest_that_is_not_below_the_error(void **state)
{
    (void)state;
    struct spd_random random = spd_random_start("an_estimate_is_the_smallest");

    for (int i = 0; i < 2000; i++) {
        spd_ns error_ns = (spd_ns)(spd_random_u64(&random) >> (1 + spd_random_below(&random, 62)));
        uint16_t got = spd_error_estimate_encode(false, false, error_ns);
        unsigned __int128 error = (unsigned __int128)error_ns << 32; /* times 10^9 / 2^32 */
        if (units_of(got) * 1000000000u < error)
            fail_msg("%04x promises less than %lld ns", got, (long long)error_ns);
        /* Every other estimate is either too small or not smaller. */
        for (unsigned other = 1; other < 0x4000; other++) {
            unsigned __int128 units = units_of((uint16_t)other);
            if (units != 0 && units < units_of(got) && units * 1000000000u >= error)
                fail_msg("%04x is smaller than %04x and enough for %lld ns", other, got,
                         (long long)error_ns);
        }
    }
}

static void every_estimate_with_a_multiplier_decodes(void **state)
{
    (void)state;
    for (unsigned estimate = 0; estimate <= UINT16_MAX; estimate++) {
        bool synchronised = false, ptp = false;
        spd_ns error_ns = -7;
        enum spd_err err =
            spd_error_estimate_decode((uint16_t)estimate, &synchronised, &ptp, &error_ns);
        if ((estimate & 0xFF) == 0) {
            assert_int_equal(err, SPD_ERR_FORMAT);
            assert_true(error_ns == -7);
            continue;
        }
        assert_int_equal(err, SPD_ERR_OK);
        assert_int_equal(synchronised, estimate >> 15);
        assert_int_equal(ptp, estimate >> 14 & 1);
        unsigned __int128 exact = units_of((uint16_t)estimate) * 1000000000u;
        unsigned __int128 up = exact / (UINT64_C(1) << 32) + (exact % (UINT64_C(1) << 32) != 0);
        assert_true(error_ns == (up > INT64_MAX ? SPD_NS_MAX : (spd_ns)up));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ntp_stamps_are_those_of_the_clock),
        cmocka_unit_test(ptp_stamps_are_those_of_the_clock),
        cmocka_unit_test(ptp_nanoseconds_of_a_second_or_more_are_refused),
        cmocka_unit_test(the_era_is_the_one_nearest_to_the_local_clock),
        cmocka_unit_test(no_stamp_and_no_clock_overflow),
        cmocka_unit_test(a_fraction_next_to_a_whole_second_rounds_up_to_it),
        cmocka_unit_test(random_times_survive_both_formats_to_the_nanosecond),
        cmocka_unit_test(the_z_bit_chooses_the_format),
        cmocka_unit_test(error_estimates_are_those_of_rfc_4656),
        cmocka_unit_test(an_estimate_is_the_smallest_that_is_not_below_the_error),
        cmocka_unit_test(every_estimate_with_a_multiplier_decodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
