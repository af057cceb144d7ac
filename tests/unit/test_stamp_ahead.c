/*
 * What is foretold of the moment at which a packet leaves.
 */
#include "common/engine/stamp_ahead.h"

#include <stdlib.h>

#include "tests/support/random.h"
#include "tests/unit/unit.h"

static struct spd_stamp_ahead fresh(void)
{
    struct spd_stamp_ahead ahead;

    spd_stamp_ahead_init(&ahead, SPD_STAMP_AHEAD_IN_A_ROW);
    return ahead;
}

/* Packet i leaves in the middle of its own send. */
static void packet_leaves_half_a_send_after_those_before_it(void **state)
{
    static const struct {
        spd_ns per_send_ns;
        size_t position;
        spd_ns expected;
    } rows[] = {
        { 0, 0, 0 },
        { 0, 1000, 0 },
        { 1000, 0, 500 },
        { 1000, 1, 1500 },
        { 1000, 7, 7500 },
        { 1001, 0, 500 },
        { 1001, 1, 1501 },
        { 1, 0, 0 },
        { 1, 1, 1 },
        { 2500, 2047, 5118750 },
        { 1000000, 32767, 32767500000 },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_stamp_ahead ahead = { .per_send_ns = rows[i].per_send_ns };

        assert_int_equal(spd_stamp_ahead_offset(&ahead, rows[i].position), rows[i].expected);
    }
}

static void cost_of_a_send_is_learned_whatever_it_is(void **state)
{
    static const spd_ns costs_ns[] = { 0, 1, 100, 700, 2499, 2500, 2501, 8000, 60000, 1000000 };
    static const size_t sizes[] = { 1, 8, 64, 2048 };

    (void)state;
    for (size_t i = 0; i < N_ROWS(costs_ns); i++)
        for (size_t k = 0; k < N_ROWS(sizes); k++) {
            struct spd_stamp_ahead ahead = fresh();
            spd_ns margin_ns = costs_ns[i] / 50 + 20;

            for (int batch = 0; batch < 3000; batch++)
                spd_stamp_ahead_learn(&ahead, costs_ns[i] * (spd_ns)sizes[k], sizes[k]);
            if (ahead.per_send_ns < costs_ns[i] - margin_ns ||
                ahead.per_send_ns > costs_ns[i] + margin_ns)
                fail_msg("cost %lld in batches of %zu: learned %lld", (long long)costs_ns[i],
                         sizes[k], (long long)ahead.per_send_ns);
        }
}

/* Evenly spread costs: the share below the estimate is what was asked for. */
static void estimate_rests_at_its_quantile(void **state)
{
    static const spd_ns one_below[] = { SPD_STAMP_AHEAD_IN_A_ROW, SPD_STAMP_AHEAD_AFTER_A_PAUSE,
                                        2 };
    struct spd_random random = spd_random_start("quantile");

    (void)state;
    for (size_t i = 0; i < N_ROWS(one_below); i++) {
        struct spd_stamp_ahead ahead;
        spd_ns sum = 0, expected = 10000 + 10000 / one_below[i];

        spd_stamp_ahead_init(&ahead, one_below[i]);
        for (int k = 0; k < 40000; k++) {
            spd_stamp_ahead_learn(&ahead, 10000 + (spd_ns)spd_random_below(&random, 10000), 1);
            sum += k < 20000 ? 0 : ahead.per_send_ns;
        }
        if (llabs(sum / 20000 - expected) > 600)
            fail_msg("one in %lld below: rests at %lld, not at %lld", (long long)one_below[i],
                     (long long)(sum / 20000), (long long)expected);
    }
}

/* Twenty bursts have twenty first packets; the estimate must not need more. */
static void far_off_first_guess_is_mended_soon(void **state)
{
    struct spd_stamp_ahead ahead;

    (void)state;
    spd_stamp_ahead_init(&ahead, SPD_STAMP_AHEAD_AFTER_A_PAUSE);
    for (int k = 0; k < 10; k++)
        spd_stamp_ahead_learn(&ahead, 8000, 1);
    assert_in_range(ahead.per_send_ns, 7000, 8000);
}

/* The thread was interrupted, or a clock jumped. */
static void single_batch_moves_the_estimate_little(void **state)
{
    static const spd_ns odd_ns[] = { 0, 1000000, SPD_NS_PER_S, INT64_MAX };

    (void)state;
    for (size_t i = 0; i < N_ROWS(odd_ns); i++) {
        struct spd_stamp_ahead ahead = fresh();
        spd_ns before;

        for (int batch = 0; batch < 1000; batch++)
            spd_stamp_ahead_learn(&ahead, 8 * 1000, 8);
        before = ahead.per_send_ns;
        spd_stamp_ahead_learn(&ahead, odd_ns[i], 8);
        assert_in_range(ahead.per_send_ns, before - before / 8 - 8, before + before / 8 + 8);
    }
}

static void batch_that_tells_nothing_is_passed_over(void **state)
{
    struct spd_stamp_ahead ahead = fresh();
    spd_ns before = ahead.per_send_ns;

    (void)state;
    spd_stamp_ahead_learn(&ahead, 1000, 0);
    spd_stamp_ahead_learn(&ahead, 0, 0);
    spd_stamp_ahead_learn(&ahead, -1, 8);
    spd_stamp_ahead_learn(&ahead, INT64_MIN, 1);
    assert_int_equal(ahead.per_send_ns, before);
}

static void estimate_stays_in_bounds_whatever_comes(void **state)
{
    struct spd_random random = spd_random_start("stamp_ahead");
    struct spd_stamp_ahead ahead = fresh();

    (void)state;
    for (int batch = 0; batch < 200000; batch++) {
        spd_ns elapsed_ns = (spd_ns)(spd_random_u64(&random) >> spd_random_below(&random, 64));

        spd_stamp_ahead_learn(&ahead, elapsed_ns, (size_t)spd_random_below(&random, 100));
        assert_true(ahead.per_send_ns >= 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packet_leaves_half_a_send_after_those_before_it),
        cmocka_unit_test(cost_of_a_send_is_learned_whatever_it_is),
        cmocka_unit_test(estimate_rests_at_its_quantile),
        cmocka_unit_test(far_off_first_guess_is_mended_soon),
        cmocka_unit_test(single_batch_moves_the_estimate_little),
        cmocka_unit_test(batch_that_tells_nothing_is_passed_over),
        cmocka_unit_test(estimate_stays_in_bounds_whatever_comes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
