/*
 * Axes: round steps, exact labels.
 */
#include "common/result/plot_scale.h"

#include "tests/unit/unit.h"

static void axes_end_and_step_in_round_numbers(void **state)
{
    static const struct {
        const char *name;
        spd_ns most_ns, axis_ns, step_ns;
        const char *first_step;
    } rows[] = {
        { "nothing", 0, 10, 2, "2 ns" },
        { "less than nothing", -5, 10, 2, "2 ns" },
        { "a nanosecond", 1, 10, 2, "2 ns" },
        { "just over ten", 11, 12, 2, "2 ns" },
        { "a microsecond", 1000, 1000, 200, "0.2 \302\265s" },
        { "a voice network", 94600000, 100000000, 20000000, "20 ms" },
        { "a congested link", 619000000, 700000000, 100000000, "100 ms" },
        { "exactly on a step", 800000000, 800000000, 200000000, "200 ms" },
        { "seconds", 4094000000, 5000000000, 1000000000, "1 s" },
        { "an hour", 3600 * SPD_NS_PER_S, 4000 * SPD_NS_PER_S, 500 * SPD_NS_PER_S, "500 s" },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        char text[SPD_SCALE_TEXT_BYTES];
        struct spd_scale s;

        spd_scale_init(&s, rows[i].most_ns);
        CHECK_ROW_INT(rows[i].name, s.step_ns, rows[i].step_ns);
        CHECK_ROW_INT(rows[i].name, s.most_ns, rows[i].axis_ns);
        CHECK_ROW_TEXT(rows[i].name, spd_scale_text(&s, s.step_ns, text), rows[i].first_step);
    }
}

/* From nothing to the largest time there is. */
static void every_axis_has_four_to_ten_steps_and_holds_its_values(void **state)
{
    (void)state;
    for (double most = 10; most < 4e18; most *= 1.037) {
        spd_ns most_ns = (spd_ns)most, power;
        struct spd_scale s;

        spd_scale_init(&s, most_ns);
        assert_true(s.most_ns >= most_ns);
        assert_int_equal(s.most_ns % s.step_ns, 0);
        assert_in_range(s.most_ns / s.step_ns, 4, 10);
        for (power = s.step_ns; power % 10 == 0; power /= 10)
            ;
        assert_true(power == 1 || power == 2 || power == 5);
        assert_true(spd_scale_at(&s, 0) == 0 && spd_scale_at(&s, s.most_ns) == 1);
    }
}

static void the_largest_times_have_an_axis(void **state)
{
    static const spd_ns rows[] = { INT64_MAX, INT64_MAX - 1, INT64_MAX / 2 };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_scale s;

        spd_scale_init(&s, rows[i]);
        assert_true(s.step_ns > 0 && s.most_ns >= 4000000000 * SPD_NS_PER_S);
        assert_true(s.most_ns <= INT64_MAX - s.step_ns);
    }
}

static void labels_tell_steps_apart(void **state)
{
    (void)state;
    for (double most = 10; most < 1e15; most *= 1.31) {
        char text[SPD_SCALE_TEXT_BYTES], before[SPD_SCALE_TEXT_BYTES] = "";
        struct spd_scale s;

        spd_scale_init(&s, (spd_ns)most);
        for (spd_ns at = 0; at <= s.most_ns; at += s.step_ns) {
            spd_scale_text(&s, at, text);
            assert_string_not_equal(text, before);
            memcpy(before, text, sizeof(before));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(axes_end_and_step_in_round_numbers),
        cmocka_unit_test(every_axis_has_four_to_ten_steps_and_holds_its_values),
        cmocka_unit_test(the_largest_times_have_an_axis),
        cmocka_unit_test(labels_tell_steps_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
