/*
 * Conversions from counter readings: exact at every frequency in use, compared
 * with 128-bit arithmetic.
 */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "common/base/assert.h"
#include "common/base/time.h"
#include "tests/support/random.h"

static const uint64_t frequencies[] = {
    1,
    32768,
    3579545,  /* ACPI timer */
    10000000, /* Windows, invariant TSC */
    14318180, /* HPET */
    19200000, /* ARM generic timer */
    24000000,
    1000000000,
    UINT64_C(4294967291), /* the largest prime of 32 bits */
    UINT64_C(1) << 32,
};

static void check_exact(uint64_t n_ticks, uint64_t hz)
{
    unsigned __int128 exact = (unsigned __int128)n_ticks * 1000000000u / hz;
    uint64_t expected = exact > UINT64_MAX ? UINT64_MAX : (uint64_t)exact;
    uint64_t got = spd_ticks_to_ns(n_ticks, hz);

    if (got != expected)
        fail_msg("%llu ticks at %llu Hz: %llu ns, expected %llu", (unsigned long long)n_ticks,
                 (unsigned long long)hz, (unsigned long long)got, (unsigned long long)expected);
}

static void ticks_become_ns_exactly_at_every_frequency(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(frequencies); i++) {
        uint64_t hz = frequencies[i];
        const uint64_t edges[] = {
            0,
            1,
            2,
            hz - 1,
            hz,
            hz + 1,
            2 * hz - 1,
            UINT32_MAX,
            UINT64_C(1) << 53,
            INT64_MAX,
            UINT64_MAX - 1,
            UINT64_MAX,
        };
        for (size_t k = 0; k < N_ROWS(edges); k++)
            check_exact(edges[k], hz);
        /* A year of ticks must be exactly a year: a truncated period is not. */
        assert_true(spd_ticks_to_ns(hz * 31536000, hz) == UINT64_C(31536000000000000));
    }
}

static void random_readings_become_ns_exactly(void **state)
{
    (void)state;
    struct spd_random random = spd_random_start("random_readings_become_ns_exactly");

    for (int i = 0; i < 200000; i++) {
        uint64_t hz = 1 + spd_random_below(&random, UINT64_C(1) << 32);
        uint64_t n_ticks = spd_random_u64(&random) >> spd_random_below(&random, 64);
        check_exact(n_ticks, hz);
        check_exact(n_ticks, frequencies[spd_random_below(&random, N_ROWS(frequencies))]);
    }
}

struct diff_row {
    const char *name;
    uint64_t later, earlier, hz;
    spd_ns expected;
};

static const struct diff_row diff_rows[] = {
    { "same", 5, 5, 10000000, 0 },
    { "one tick of 100 ns", 6, 5, 10000000, 100 },
    { "the other way round", 5, 6, 10000000, -100 },
    { "rounded towards zero", 1, 0, 24000000, 41 },
    { "rounded towards zero, negative", 0, 1, 24000000, -41 },
    { "beyond what fits", UINT64_MAX, 0, 1, SPD_NS_MAX },
    { "beyond what fits, negative", 0, UINT64_MAX, 1, -SPD_NS_MAX },
    { "near the top", UINT64_MAX, UINT64_MAX - 3579545, 3579545, SPD_NS_PER_S },
};

static void differences_carry_their_sign(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(diff_rows); i++) {
        const struct diff_row *row = &diff_rows[i];
        spd_ticks later = { row->later }, earlier = { row->earlier };
        CHECK_ROW_INT(row->name, spd_ticks_diff_ns(later, earlier, row->hz), row->expected);
    }
}

static void a_clock_pair_gives_the_time_of_day_before_and_after(void **state)
{
    (void)state;
    struct spd_clock_pair pair = { .ticks = { 1000 }, .wall = { 1700000000000000000 } };
    const uint64_t hz = 10000000;

    assert_true(spd_clock_pair_wall(&pair, (spd_ticks){ 1000 }, hz).ns == 1700000000000000000);
    assert_true(spd_clock_pair_wall(&pair, (spd_ticks){ 1001 }, hz).ns == 1700000000000000100);
    assert_true(spd_clock_pair_wall(&pair, (spd_ticks){ 0 }, hz).ns == 1699999999999900000);
    /* A nonsense reading saturates; it must not overflow. */
    assert_true(spd_clock_pair_wall(&pair, (spd_ticks){ UINT64_MAX }, 1).ns == INT64_MAX);
    pair.wall.ns = -pair.wall.ns;
    pair.ticks.ticks = UINT64_MAX;
    assert_true(spd_clock_pair_wall(&pair, (spd_ticks){ 0 }, 1).ns == INT64_MIN);
}

static void walls_are_subtracted_and_moved(void **state)
{
    (void)state;
    spd_wall t = { 1000 };

    assert_true(spd_wall_diff_ns(spd_wall_add(t, -1500), t) == -1500);
    assert_true(spd_wall_add(t, 1).ns == 1001);
}

static jmp_buf panic_jump;

static void jump_on_panic(const char *file, int line, const char *what)
{
    (void)file;
    (void)line;
    (void)what;
    longjmp(panic_jump, 1);
}

static bool panics_at(uint64_t hz)
{
    volatile bool panicked = false; /* survives the jump */

    spd_panic_set_handler(jump_on_panic);
    if (setjmp(panic_jump) == 0)
        (void)spd_ticks_to_ns(1, hz);
    else
        panicked = true;
    spd_panic_set_handler(NULL);
    return panicked;
}

static void frequencies_outside_the_contract_are_our_bug(void **state)
{
    (void)state;
    assert_true(panics_at(0));
    assert_true(panics_at((UINT64_C(1) << 32) + 1));
    assert_false(panics_at(UINT64_C(1) << 32));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ticks_become_ns_exactly_at_every_frequency),
        cmocka_unit_test(random_readings_become_ns_exactly),
        cmocka_unit_test(differences_carry_their_sign),
        cmocka_unit_test(a_clock_pair_gives_the_time_of_day_before_and_after),
        cmocka_unit_test(walls_are_subtracted_and_moved),
        cmocka_unit_test(frequencies_outside_the_contract_are_our_bug),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
