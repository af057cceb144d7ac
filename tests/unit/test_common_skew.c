/* One skew from several estimates: agreement, sharpness, dispute. */
#include "common/analysis/common_skew.h"

#include <math.h>

#include "tests/unit/unit.h"

#define E(is_back, is_known, ppm, margin)                                                          \
    {                                                                                              \
        is_back, is_known, ppm, margin                                                             \
    }
#define THERE(ppm, margin) E(false, true, ppm, margin)
#define BACK(ppm, margin)  E(true, true, ppm, margin) /* as the way back shows it */
#define NOTHING            E(false, false, 0, 0)

struct given {
    bool back, known;
    double ppm, margin;
};

static const struct {
    const char *name;
    size_t n;
    struct given given[4];
    enum spd_skew_finding finding;
    double ppm; /* forward */
} rows[] = {
    { "none", 0, { NOTHING }, SPD_SKEW_UNKNOWN, 0 },
    { "none known", 2, { NOTHING, NOTHING }, SPD_SKEW_UNKNOWN, 0 },
    { "one alone", 1, { THERE(50, 1) }, SPD_SKEW_ESTABLISHED, 50 },
    { "one alone, back", 1, { BACK(50, 1) }, SPD_SKEW_ESTABLISHED, -50 },
    { "one alone that may be zero", 1, { THERE(5, 10) }, SPD_SKEW_NOT_SIGNIFICANT, 5 },
    { "the other is unknown", 2, { NOTHING, BACK(-50, 1) }, SPD_SKEW_ESTABLISHED, 50 },
    { "both agree", 2, { THERE(50, 2), BACK(-51, 1) }, SPD_SKEW_ESTABLISHED, 51 },
    { "one is vague", 2, { THERE(50, 1), BACK(0, 900) }, SPD_SKEW_ESTABLISHED, 50 },
    { "both are vague", 2, { THERE(217, 300), BACK(0, 900) }, SPD_SKEW_NOT_SIGNIFICANT, 217 },
    { "the sharper one says zero", 2, { THERE(217, 60), BACK(0, 1) }, SPD_SKEW_NOT_SIGNIFICANT, 0 },
    { "the sharper one says less", 2, { THERE(217, 60), BACK(-50, 1) }, SPD_SKEW_ESTABLISHED, 50 },
    { "the sharper one says more", 2, { THERE(20, 10), BACK(-50, 1) }, SPD_SKEW_ESTABLISHED, 50 },
    { "the sharper one drains, the other finds nothing",
      2,
      { THERE(0, 17), BACK(-400, 1) },
      SPD_SKEW_DISPUTED,
      0 },
    { "the other would not have found it",
      2,
      { THERE(50, 1), BACK(400, 440) },
      SPD_SKEW_ESTABLISHED,
      50 },
    { "one grows", 2, { THERE(217, 1), BACK(0, 1) }, SPD_SKEW_DISPUTED, 0 },
    { "one drains", 2, { THERE(-217, 1), BACK(0.5, 1) }, SPD_SKEW_DISPUTED, -0.5 },
    { "opposite signs", 2, { THERE(30, 1), BACK(50, 1) }, SPD_SKEW_DISPUTED, 30 },
    { "both rise", 2, { THERE(100, 1), BACK(110, 1) }, SPD_SKEW_DISPUTED, 100 },
    { "one grows, and there is skew", 2, { THERE(250, 1), BACK(-50, 1) }, SPD_SKEW_AT_LEAST, 50 },
    { "one grows, and there is skew, back",
      2,
      { THERE(50, 1), BACK(-250, 1) },
      SPD_SKEW_AT_LEAST,
      50 },
    { "more than clocks do", 1, { THERE(700, 1) }, SPD_SKEW_IMPLAUSIBLE, 700 },
    { "as much as clocks do", 1, { THERE(-500, 1) }, SPD_SKEW_ESTABLISHED, -500 },
    { "three of four agree",
      4,
      { THERE(50, 1), BACK(-50, 1), THERE(90, 2), BACK(-50, 2) },
      SPD_SKEW_AT_LEAST,
      50 },
    { "flows one way disagree", 2, { THERE(300, 1), THERE(0, 1) }, SPD_SKEW_DISPUTED, 0 },
};

static void settle(const struct given *given, size_t n, double sign, struct spd_common_skew *out)
{
    struct spd_skew_estimate estimates[4];
    struct spd_skew skews[4];

    for (size_t i = 0; i < n; i++) {
        skews[i] = (struct spd_skew){ .known = given[i].known,
                                      .skew_ppb = sign * given[i].ppm * 1e3,
                                      .low_ppb = (sign * given[i].ppm - given[i].margin) * 1e3,
                                      .high_ppb = (sign * given[i].ppm + given[i].margin) * 1e3 };
        estimates[i] = (struct spd_skew_estimate){ &skews[i], given[i].back };
    }
    spd_common_skew_settle(estimates, n, out);
}

static void what_is_not_established_is_not_removed(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_common_skew got;

        settle(rows[i].given, rows[i].n, 1.0, &got);
        CHECK_ROW_INT(rows[i].name, got.finding, rows[i].finding);
        CHECK_ROW(rows[i].name, fabs(got.skew_ppb - rows[i].ppm * 1e3) < 10);
        CHECK_ROW_INT(rows[i].name, spd_common_skew_is_removable(&got),
                      rows[i].finding == SPD_SKEW_ESTABLISHED ||
                          rows[i].finding == SPD_SKEW_AT_LEAST);
        CHECK_ROW(rows[i].name, got.low_ppb <= got.skew_ppb && got.skew_ppb <= got.high_ppb);
    }
}

/* Who is called the sender must not matter. */
static void signs_are_all_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_common_skew got;

        settle(rows[i].given, rows[i].n, -1.0, &got);
        CHECK_ROW_INT(rows[i].name, got.finding, rows[i].finding);
        CHECK_ROW(rows[i].name, fabs(got.skew_ppb + rows[i].ppm * 1e3) < 10);
    }
}

/* Clocks that differ by much: the other way round it is not quite the negative. */
static void the_way_back_is_timed_by_the_other_clock(void **state)
{
    const double fast = 500e3, slow = (1.0 / 1.0005 - 1.0) * 1e9;
    struct spd_skew there = {
        .known = true, .skew_ppb = fast, .low_ppb = fast - 10, .high_ppb = fast + 10
    };
    struct spd_skew back = {
        .known = true, .skew_ppb = slow, .low_ppb = slow - 9, .high_ppb = slow + 9
    };
    const struct spd_skew_estimate both[] = { { &there, false }, { &back, true } };
    struct spd_common_skew got;

    (void)state;
    spd_common_skew_settle(both, 2, &got);
    assert_int_equal(got.finding, SPD_SKEW_ESTABLISHED);
    assert_true(fabs(spd_common_skew_of(&got, false) - fast) < 0.01);
    assert_true(fabs(spd_common_skew_of(&got, true) - slow) < 0.01);
}

static void findings_have_texts_of_their_own(void **state)
{
    (void)state;
    assert_null(spd_skew_finding_text(SPD_SKEW_UNKNOWN));
    for (int a = SPD_SKEW_UNKNOWN + 1; a < SPD_SKEW_FINDING_COUNT; a++)
        for (int b = SPD_SKEW_UNKNOWN + 1; b < a; b++)
            assert_string_not_equal(spd_skew_finding_text((enum spd_skew_finding)a),
                                    spd_skew_finding_text((enum spd_skew_finding)b));
    assert_null(spd_skew_finding_text(SPD_SKEW_FINDING_COUNT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_established_is_not_removed),
        cmocka_unit_test(signs_are_all_the_same),
        cmocka_unit_test(the_way_back_is_timed_by_the_other_clock),
        cmocka_unit_test(findings_have_texts_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
