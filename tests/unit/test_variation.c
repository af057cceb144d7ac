/* The three kinds of delay variation against values worked out by hand. */
#include "tests/unit/unit.h"

#include "common/analysis/variation.h"

#define U SPD_NS_UNKNOWN

struct row {
    const char *name;
    size_t n;
    spd_ns delays[6];
    spd_ns ipdv[6];
    spd_ns pdv[6];
};

static const struct row rows[] = {
    { "nothing", 0, { 0 }, { 0 }, { 0 } },
    { "one packet varies by nothing", 1, { 5 }, { U }, { 0 } },
    { "constant delay", 3, { 7, 7, 7 }, { U, 0, 0 }, { 0, 0, 0 } },
    { "RFC 5481 section 4.2: from the minimum",
      4,
      { 30, 10, 40, 20 },
      { U, -20, 30, -20 },
      { 20, 0, 30, 10 } },
    { "negative raw delays, clocks apart",
      3,
      { -1000, -900, -950 },
      { U, 100, -50 },
      { 0, 100, 50 } },
    { "RFC 3393 section 2.4: undefined on both sides of a loss",
      4,
      { 10, U, 30, 31 },
      { U, U, U, 1 },
      { 0, U, 20, 21 } },
    { "the first is lost", 3, { U, 5, 9 }, { U, U, 4 }, { U, 0, 4 } },
    { "all lost", 2, { U, U }, { U, U }, { U, U } },
    { "hostile stamps do not overflow",
      2,
      { INT64_MIN + 1, INT64_MAX },
      { U, INT64_MAX },
      { 0, INT64_MAX } },
    { "nor downwards", 2, { INT64_MAX, INT64_MIN + 1 }, { U, INT64_MIN + 1 }, { INT64_MAX, 0 } },
};

static void ipdv_and_pdv_are_as_defined(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        spd_ns ipdv[6];
        spd_ns pdv[6];

        spd_variation_ipdv(rows[i].delays, rows[i].n, ipdv);
        spd_variation_pdv(rows[i].delays, rows[i].n, pdv);
        for (size_t p = 0; p < rows[i].n; p++) {
            CHECK_ROW_INT(rows[i].name, ipdv[p], rows[i].ipdv[p]);
            CHECK_ROW_INT(rows[i].name, pdv[p], rows[i].pdv[p]);
        }
    }
}

static void jitter_is_smoothed_by_a_sixteenth(void **state)
{
    struct spd_jitter jitter = { 0 };

    (void)state;
    spd_jitter_add(&jitter, 100);
    assert_true(jitter.jitter_ns == 0.0 && jitter.n_pairs == 0);
    spd_jitter_add(&jitter, 260); /* |D| = 160: J = 160 / 16 */
    assert_true(jitter.jitter_ns == 10.0);
    spd_jitter_add(&jitter, 90); /* |D| = 170: J = 10 + (170 - 10) / 16 */
    assert_true(jitter.jitter_ns == 20.0);
    spd_jitter_add(&jitter, U);  /* passed over: the next pairs with 90 */
    spd_jitter_add(&jitter, 90); /* J = 20 - 20 / 16 */
    assert_true(jitter.jitter_ns == 18.75);
    assert_int_equal(jitter.n_pairs, 3);
}

static void a_break_forms_no_pair(void **state)
{
    struct spd_jitter jitter = { 0 };

    (void)state;
    spd_jitter_add(&jitter, 0);
    spd_jitter_break(&jitter);
    spd_jitter_add(&jitter, 1000000);
    assert_true(jitter.jitter_ns == 0.0);
    assert_int_equal(jitter.n_pairs, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipdv_and_pdv_are_as_defined),
        cmocka_unit_test(jitter_is_smoothed_by_a_sixteenth),
        cmocka_unit_test(a_break_forms_no_pair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
