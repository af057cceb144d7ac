/*
 * Limits of the reflector: what each source and all together get, and that a
 * flood from very many sources neither breaks the limits nor starves those who
 * keep them.
 */
#include "common/engine/reflector_limits.h"

#include <stdio.h>

#include "tests/support/random.h"
#include "tests/unit/unit.h"

#define FLOOD 0x0A000000u /* 10.0.0.0, first of the addresses of floods */

static struct spd_addr host(uint32_t ipv4)
{
    return (struct spd_addr){ .family = SPD_FAMILY_IPV4,
                              .port = 40000,
                              .bytes = { (uint8_t)(ipv4 >> 24), (uint8_t)(ipv4 >> 16),
                                         (uint8_t)(ipv4 >> 8), (uint8_t)ipv4 } };
}

static struct spd_reflector_limits *limits_of(uint32_t source_rate, uint32_t total_rate,
                                              size_t max_sources)
{
    const struct spd_reflector_limits_config config = { .source_rate = source_rate,
                                                        .total_rate = total_rate,
                                                        .max_sources = max_sources,
                                                        .secret = UINT64_C(0x1234567890) };
    struct spd_reflector_limits *limits = NULL;

    assert_int_equal(spd_reflector_limits_create(&config, &limits), SPD_ERR_OK);
    return limits;
}

static enum spd_reflector_verdict take(struct spd_reflector_limits *limits, uint32_t from,
                                       spd_ns now_ns)
{
    struct spd_addr a = host(from);

    return spd_reflector_limits_take(limits, &a, now_ns, NULL);
}

static bool takes(struct spd_reflector_limits *limits, uint32_t from, spd_ns now_ns)
{
    return take(limits, from, now_ns) == SPD_REFLECTOR_ANSWER;
}

static void impossible_limits_are_refused(void **state)
{
    static const struct {
        const char *name;
        struct spd_reflector_limits_config config;
    } rows[] = {
        { "source rate", { .source_rate = SPD_REFLECTOR_RATE_MAX + 1 } },
        { "total rate", { .total_rate = SPD_REFLECTOR_RATE_MAX + 1 } },
        { "sources", { .max_sources = SIZE_MAX } },
        { "networks", { .n_allow = SIZE_MAX } },
    };
    struct spd_reflector_limits *limits = NULL;

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++)
        CHECK_ROW_INT(rows[i].name, spd_reflector_limits_create(&rows[i].config, &limits),
                      SPD_ERR_INVALID);
    assert_null(limits);
    spd_reflector_limits_destroy(NULL);
}

static void only_allowed_networks_are_answered(void **state)
{
    static const struct {
        const char *from;
        enum spd_reflector_verdict verdict;
    } rows[] = {
        { "192.0.2.0", SPD_REFLECTOR_ANSWER },         { "192.0.2.255", SPD_REFLECTOR_ANSWER },
        { "192.0.3.0", SPD_REFLECTOR_NOT_ALLOWED },    { "198.51.100.7", SPD_REFLECTOR_ANSWER },
        { "198.51.100.8", SPD_REFLECTOR_NOT_ALLOWED }, { "2001:db8:1::5", SPD_REFLECTOR_ANSWER },
        { "2001:db9::5", SPD_REFLECTOR_NOT_ALLOWED },  { "::ffff:192.0.2.9", SPD_REFLECTOR_ANSWER },
    };
    struct spd_network allow[3];
    struct spd_reflector_limits_config config = { .allow = allow, .n_allow = 3 };
    struct spd_reflector_limits *limits;

    (void)state;
    assert_true(spd_network_parse("192.0.2.0/24", &allow[0]));
    assert_true(spd_network_parse("198.51.100.7", &allow[1]));
    assert_true(spd_network_parse("2001:db8::/32", &allow[2]));
    assert_int_equal(spd_reflector_limits_create(&config, &limits), SPD_ERR_OK);
    memset(allow, 0, sizeof(allow)); /* it keeps its own */
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        bool established = false;
        struct spd_addr a;

        assert_true(spd_addr_parse_host(rows[i].from, &a));
        CHECK_ROW_INT(rows[i].from, spd_reflector_limits_take(limits, &a, 5, &established),
                      rows[i].verdict);
        CHECK_ROW(rows[i].from, established);
    }
    assert_int_equal(spd_reflector_limits_n_sources(limits), 0);
    spd_reflector_limits_destroy(limits);
}

static void source_gets_a_burst_of_a_second_and_then_its_rate(void **state)
{
    static const uint32_t rates[] = { 1, 2, 3, 7, 50, 1000, 999983 };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rates); i++) {
        struct spd_reflector_limits *limits = limits_of(rates[i], 0, 0);
        spd_ns step_ns = SPD_NS_PER_S / rates[i] / 3 + 1, now_ns = SPD_NS_PER_S;
        uint64_t n = 0;
        char row[32];

        snprintf(row, sizeof(row), "%u a second", rates[i]);
        for (uint32_t k = 0; k < rates[i]; k++)
            CHECK_ROW(row, takes(limits, 1, now_ns));
        CHECK_ROW_INT(row, take(limits, 1, now_ns), SPD_REFLECTOR_SOURCE_RATE);
        CHECK_ROW(row, takes(limits, 2, now_ns)); /* another one is not touched */
        for (; now_ns < 4 * SPD_NS_PER_S; now_ns += step_ns)
            n += takes(limits, 1, now_ns);
        /* Never more, and hardly less: the interval is rounded up. */
        CHECK_ROW(row, n <= 3 * (uint64_t)rates[i]);
        CHECK_ROW(row, n >= 3 * (uint64_t)rates[i] * 99 / 100 - 1);
        spd_reflector_limits_destroy(limits);
    }
}

static void ports_of_one_address_share_its_rate(void **state)
{
    struct spd_reflector_limits *limits = limits_of(10, 0, 0);
    struct spd_addr a = host(1);

    (void)state;
    for (uint16_t port = 1; port <= 10; port++) {
        a.port = port;
        assert_int_equal(spd_reflector_limits_take(limits, &a, 0, NULL), SPD_REFLECTOR_ANSWER);
    }
    a.port = 11;
    assert_int_equal(spd_reflector_limits_take(limits, &a, 0, NULL), SPD_REFLECTOR_SOURCE_RATE);
    spd_reflector_limits_destroy(limits);
}

static void source_is_established_after_three_seconds_and_not_after_silence(void **state)
{
    static const struct {
        const char *name;
        spd_ns at_ms;
        bool established;
    } rows[] = {
        { "first", 0, false },
        { "same second", 999, false },
        { "second second", 1000, false },
        { "third second", 2000, true },
        { "later", 11999, true },
        { "after ten seconds of silence", 21999, false },
    };
    struct spd_reflector_limits *limits = limits_of(100, 0, 0);
    struct spd_addr a = host(1);
    bool established;

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        CHECK_ROW_INT(
            rows[i].name,
            spd_reflector_limits_take(limits, &a, rows[i].at_ms * SPD_NS_PER_MS, &established),
            SPD_REFLECTOR_ANSWER);
        CHECK_ROW_INT(rows[i].name, established, rows[i].established);
    }
    spd_reflector_limits_destroy(limits);
}

/* n_flood packets in each step of 1 ms, from n_sources addresses, or from a new
 * random one each time when that is 0; every 20 ms (50 a second) one of host 1.
 * Returns how much of host 1 was answered from from_s on. */
struct flood {
    uint32_t n_sources;
    uint32_t n_flood;
    spd_ns flood_s, good_s; /* when they start */
    spd_ns from_s, until_s;
    uint64_t n_answered; /* of the flood */
    uint64_t n_all;      /* answered, good ones too */
    uint64_t n_most;     /* of one address of the flood, where they are few */
};

static double run_flood(struct spd_reflector_limits *limits, struct flood *f,
                        struct spd_random *random)
{
    uint64_t n_good = 0, n_asked = 0;
    uint32_t next = 0, *of = calloc(f->n_sources + 1, sizeof(*of));

    assert_non_null(of);
    for (spd_ns ms = 0; ms < f->until_s * 1000; ms++) {
        spd_ns now_ns = ms * SPD_NS_PER_MS;

        for (uint32_t k = 0; k < f->n_flood && ms >= f->flood_s * 1000; k++) {
            uint32_t i = f->n_sources ? next++ % f->n_sources : (uint32_t)spd_random_u64(random);

            if (takes(limits, FLOOD + i, now_ns + k)) {
                f->n_answered++;
                if (f->n_sources && ++of[i] > f->n_most)
                    f->n_most = of[i];
            }
        }
        if (ms % 20 == 7 && ms >= f->good_s * 1000) {
            bool answered = takes(limits, 1, now_ns + 500000);

            f->n_all += answered;
            if (ms >= f->from_s * 1000) {
                n_asked++;
                n_good += answered;
            }
        }
    }
    f->n_all += f->n_answered;
    free(of);
    return (double)n_good / (double)n_asked;
}

static void total_rate_holds_against_many_sources(void **state)
{
    struct spd_random random = spd_random_start("reflector_limits");
    struct spd_reflector_limits *limits = limits_of(100, 5000, 0);
    struct flood f = { .n_sources = 1000, .n_flood = 200, .from_s = 0, .until_s = 10 };

    (void)state;
    (void)run_flood(limits, &f, &random);
    assert_true(f.n_all <= 5000 * 11);
    assert_true(f.n_all >= 5000 * 99 / 10);
    assert_true(f.n_most <= 100 * 11);
    assert_int_equal(spd_reflector_limits_n_sources(limits), 1001);
    spd_reflector_limits_destroy(limits);
}

static void who_keeps_the_limits_is_answered_through_a_flood(void **state)
{
    static const struct {
        const char *name;
        struct flood flood;
        double at_least;
        uint32_t source_rate;
    } rows[] = {
        /* Before the flood: nothing is lost. */
        { "1,000 sources above their rate, was there before",
          { .n_sources = 1000, .n_flood = 200, .flood_s = 5, .from_s = 5, .until_s = 20 },
          1.0,
          100 },
        { "a million forged addresses, was there before",
          { .n_sources = 1000000, .n_flood = 1000, .flood_s = 5, .from_s = 5, .until_s = 8 },
          1.0,
          100 },
        { "ever new addresses, was there before",
          { .n_flood = 1000, .flood_s = 5, .from_s = 5, .until_s = 15 },
          1.0,
          100 },
        { "ever new addresses, no limit for each, was there before",
          { .n_flood = 1000, .flood_s = 5, .from_s = 5, .until_s = 15 },
          1.0,
          0 },
        /* In the middle of one: after a while. */
        { "1,000 sources above their share, came at the same time",
          { .n_sources = 1000, .n_flood = 100, .from_s = 0, .until_s = 20 },
          1.0,
          100 },
        { "1,000 sources, came later",
          { .n_sources = 1000, .n_flood = 200, .good_s = 5, .from_s = 5, .until_s = 20 },
          1.0,
          100 },
        { "ever new addresses, came later, 100,000 a second",
          { .n_flood = 100, .good_s = 5, .from_s = 65, .until_s = 95 },
          0.9,
          100 },
    };
    struct spd_random random = spd_random_start("reflector_limits");

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        /* 1,000 sources may have 100 a second each, 20 times the total: an
         * equal share of it is 60. */
        struct spd_reflector_limits *limits = limits_of(rows[i].source_rate, 60000, 0);
        struct flood flood = rows[i].flood;
        double got = run_flood(limits, &flood, &random);

        print_message("  %-52s %5.1f %% answered, %llu of the flood\n", rows[i].name, got * 100,
                      (unsigned long long)flood.n_answered);
        if (got < rows[i].at_least)
            fail_msg("row \"%s\": only %.3f answered", rows[i].name, got);
        CHECK_ROW(rows[i].name, flood.n_all <= 60000 * (uint64_t)(flood.until_s + 1));
        spd_reflector_limits_destroy(limits);
    }
}

static void scarce_total_is_shared_equally_among_the_established(void **state)
{
    struct spd_reflector_limits *limits = limits_of(0, 1000, 0);
    uint64_t quiet = 0, loud = 0;

    (void)state;
    /* Two quiet ones (100 a second each) and one that asks 50,000 times. */
    for (spd_ns us = 0; us < 10000000; us += 20) {
        spd_ns now_ns = us * SPD_NS_PER_US;
        bool counts = us >= 4000000;

        loud += takes(limits, 9, now_ns) && counts;
        if (us % 10000 == 0) {
            quiet += takes(limits, 1, now_ns + 1) && counts;
            quiet += takes(limits, 2, now_ns + 2) && counts;
        }
    }
    assert_int_equal(quiet, 2 * 600);
    /* The rest is the loud one's. */
    assert_in_range(loud, 6 * 790, 6 * 810);
    spd_reflector_limits_destroy(limits);
}

/* Thrown out and let in again, a source gains nothing. */
static void places_that_change_hands_do_not_add_to_a_rate(void **state)
{
    struct spd_random random = spd_random_start("reflector_limits");
    struct spd_reflector_limits *limits = limits_of(10, 0, 16);
    uint64_t n = 0;

    (void)state;
    for (spd_ns ms = 0; ms < 20000; ms++)
        for (uint32_t k = 0; k < 50; k++) {
            bool mine = k == 0;
            uint32_t from = mine ? 1 : FLOOD + (uint32_t)spd_random_u64(&random) % 100000;

            n += takes(limits, from, ms * SPD_NS_PER_MS + k) && mine;
        }
    /* A place of its own, and at most all of what those without one share. */
    assert_true(n <= 2 * 10 * 21);
    spd_reflector_limits_destroy(limits);
}

static void new_sources_without_a_place_are_told_apart_from_greedy_ones(void **state)
{
    struct spd_reflector_limits *limits = limits_of(1, 0, 16);
    unsigned n_without = 0, n_answered = 0;

    (void)state;
    for (uint32_t i = 0; i < 1000; i++) {
        enum spd_reflector_verdict verdict = take(limits, FLOOD + i, 5);

        assert_int_not_equal(verdict, SPD_REFLECTOR_TOTAL_RATE);
        n_without += verdict == SPD_REFLECTOR_NO_PLACE;
        n_answered += verdict == SPD_REFLECTOR_ANSWER;
    }
    /* 16 places, one for those without; 64 replacements at once, empty. */
    assert_int_equal(n_answered, 16 + 1);
    assert_int_equal(n_without, 1000 - 17 - 65);
    spd_reflector_limits_destroy(limits);
}

static void silence_makes_room_and_fills_buckets(void **state)
{
    struct spd_reflector_limits *limits = limits_of(5, 100, 16);

    (void)state;
    for (spd_ns round = 0; round < 5; round++) {
        spd_ns now_ns = round * 11 * SPD_NS_PER_S;

        for (uint32_t i = 0; i < 8; i++)
            for (unsigned k = 0; k < 5; k++)
                assert_true(takes(limits, FLOOD + (uint32_t)round * 100 + i, now_ns));
    }
    spd_reflector_limits_destroy(limits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(impossible_limits_are_refused),
        cmocka_unit_test(only_allowed_networks_are_answered),
        cmocka_unit_test(source_gets_a_burst_of_a_second_and_then_its_rate),
        cmocka_unit_test(ports_of_one_address_share_its_rate),
        cmocka_unit_test(source_is_established_after_three_seconds_and_not_after_silence),
        cmocka_unit_test(total_rate_holds_against_many_sources),
        cmocka_unit_test(who_keeps_the_limits_is_answered_through_a_flood),
        cmocka_unit_test(scarce_total_is_shared_equally_among_the_established),
        cmocka_unit_test(places_that_change_hands_do_not_add_to_a_rate),
        cmocka_unit_test(new_sources_without_a_place_are_told_apart_from_greedy_ones),
        cmocka_unit_test(silence_makes_room_and_fills_buckets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
