/* Percentiles against RFC 2330 section 11.3, whose example is a row here. */
#include "tests/unit/unit.h"

#include "common/analysis/quantile.h"

struct row {
    const char *name;
    spd_ns values[8];
    size_t n;
    unsigned permille;
    spd_ns expected;
};

static const struct row rows[] = {
    { "the 50th percentile of the RFC's example", { -2, 7, 7, 4, 18, -5 }, 6, 500, 4 },
    { "the 25th percentile of the RFC's example", { -2, 7, 7, 4, 18, -5 }, 6, 250, -2 },
    { "the 100th percentile of the RFC's example", { -2, 7, 7, 4, 18, -5 }, 6, 1000, 18 },
    { "5/6 is reached by the larger of two equal values", { -2, 7, 7, 4, 18, -5 }, 6, 833, 7 },
    { "above 5/6 only the largest is left", { -2, 7, 7, 4, 18, -5 }, 6, 834, 18 },
    { "one value is every percentile", { 42 }, 1, 1, 42 },
    { "one value is every percentile, the last too", { 42 }, 1, 1000, 42 },
    { "the 95th of 20 would be the 19th; of 8 it is the last",
      { 1, 2, 3, 4, 5, 6, 7, 8 },
      8,
      950,
      8 },
    { "an exact rank is not rounded up", { 1, 2, 3, 4, 5, 6, 7, 8 }, 8, 125, 1 },
};

static void a_percentile_is_the_smallest_value_that_reaches_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct row row = rows[i];

        spd_quantile_sort(row.values, row.n);
        spd_ns found = spd_quantile_percentile(row.values, row.n, row.permille);
        CHECK_ROW_INT(row.name, found, row.expected);
    }
}

static void ranks_of_a_large_sample_are_exact(void **state)
{
    spd_ns *values = malloc(100000 * sizeof *values);

    (void)state;
    assert_non_null(values);
    for (size_t i = 0; i < 100000; i++)
        values[i] = (spd_ns)(100000 - i);
    struct spd_stats stats;
    spd_quantile_stats(values, 100000, &stats);
    assert_int_equal(stats.p95_ns, 95000);
    assert_int_equal(stats.p99_ns, 99000);
    assert_int_equal(stats.p999_ns, 99900);
    assert_int_equal(stats.min_ns, 1);
    assert_int_equal(stats.max_ns, 100000);
    assert_int_equal(stats.n, 100000);
    assert_int_equal(stats.median_ns, 50000);
    free(values);
}

static void the_median_of_an_even_number_is_the_mean_of_the_central_two(void **state)
{
    spd_ns even[] = { 10, 20, 40, 1000 };
    spd_ns odd[] = { 10, 20, 1000 };
    spd_ns ends[] = { INT64_MIN + 1, INT64_MAX };
    spd_ns high[] = { INT64_MAX - 2, INT64_MAX };

    (void)state;
    assert_int_equal(spd_quantile_median(even, 4), 30);
    assert_int_equal(spd_quantile_median(odd, 3), 20);
    assert_int_equal(spd_quantile_median(ends, 2), 0);
    assert_int_equal(spd_quantile_median(high, 2), INT64_MAX - 1);
}

static void the_mean_is_exact_where_the_sum_overflows(void **state)
{
    spd_ns values[] = { INT64_MAX, INT64_MAX, INT64_MAX };
    spd_ns low[] = { -3, -4 };
    struct spd_stats stats;

    (void)state;
    spd_quantile_stats(values, 3, &stats);
    assert_int_equal(stats.mean_ns, INT64_MAX);
    spd_quantile_stats(low, 2, &stats);
    assert_int_equal(stats.mean_ns, -4);
}

static void an_empty_sample_has_no_figures(void **state)
{
    struct spd_stats stats;

    (void)state;
    spd_quantile_stats(NULL, 0, &stats);
    assert_int_equal(stats.n, 0);
    assert_true(stats.min_ns == SPD_NS_UNKNOWN && stats.mean_ns == SPD_NS_UNKNOWN);
    assert_true(stats.median_ns == SPD_NS_UNKNOWN && stats.p95_ns == SPD_NS_UNKNOWN);
    assert_true(stats.p99_ns == SPD_NS_UNKNOWN && stats.p999_ns == SPD_NS_UNKNOWN);
    assert_true(stats.max_ns == SPD_NS_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_percentile_is_the_smallest_value_that_reaches_it),
        cmocka_unit_test(ranks_of_a_large_sample_are_exact),
        cmocka_unit_test(the_median_of_an_even_number_is_the_mean_of_the_central_two),
        cmocka_unit_test(the_mean_is_exact_where_the_sum_overflows),
        cmocka_unit_test(an_empty_sample_has_no_figures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
