/* Sorting and selection against the C library's sort, over random samples. */
#include "tests/unit/unit.h"

#include "common/analysis/sort.h"
#include "tests/support/random.h"

enum { N_MAX = 3000 };

static int compare(const void *left, const void *right)
{
    spd_ns a = *(const spd_ns *)left;
    spd_ns b = *(const spd_ns *)right;

    return (a > b) - (a < b);
}

/* Samples of every shape: few or many values, small or over the whole range. */
static size_t random_sample(struct spd_random *random, spd_ns *values)
{
    size_t n = 1 + (size_t)spd_random_below(random, N_MAX);
    unsigned shift = (unsigned)spd_random_below(random, 64);
    bool sorted = spd_random_below(random, 8) == 0;

    for (size_t i = 0; i < n; i++)
        values[i] = (spd_ns)spd_random_u64(random) >> shift;
    if (sorted)
        qsort(values, n, sizeof *values, compare);
    return n;
}

static void values_come_out_ascending(void **state)
{
    struct spd_random random = spd_random_start("values_come_out_ascending");
    static spd_ns values[N_MAX], expected[N_MAX];

    (void)state;
    for (int round = 0; round < 200; round++) {
        size_t n = random_sample(&random, values);
        spd_ns *scratch = malloc(n * sizeof *scratch);
        memcpy(expected, values, n * sizeof *values);
        qsort(expected, n, sizeof *values, compare);
        spd_sort_ns(values, scratch, n);
        assert_memory_equal(values, expected, n * sizeof *values);
        free(scratch);
    }
}

static void items_follow_their_keys_and_equals_keep_their_order(void **state)
{
    struct spd_random random = spd_random_start("items_follow_their_keys");
    static struct {
        spd_ns key, other;
    } things[N_MAX];
    static spd_ns keys[N_MAX];
    static uint32_t items[N_MAX], scratch[N_MAX];

    (void)state;
    for (int round = 0; round < 200; round++) {
        size_t n_keys = random_sample(&random, keys);
        size_t n = 0;
        /* Not all keys need have an item. */
        for (size_t i = 0; i < n_keys; i++) {
            things[i].key = keys[i];
            things[i].other = (spd_ns)spd_random_u64(&random);
            if (round % 2 == 0 || spd_random_below(&random, 3) > 0)
                items[n++] = (uint32_t)i;
        }
        spd_sort_items(&things[0].key, 2, items, scratch, n);
        for (size_t i = 1; i < n; i++)
            assert_true(keys[items[i - 1]] < keys[items[i]] ||
                        (keys[items[i - 1]] == keys[items[i]] && items[i - 1] < items[i]));
    }
}

static void selection_finds_what_sorting_would(void **state)
{
    struct spd_random random = spd_random_start("selection_finds_what_sorting_would");
    static spd_ns values[N_MAX], sorted[N_MAX];
    static double doubles[N_MAX];

    (void)state;
    for (int round = 0; round < 300; round++) {
        size_t n = random_sample(&random, values);
        size_t rank = (size_t)spd_random_below(&random, n);
        memcpy(sorted, values, n * sizeof *values);
        qsort(sorted, n, sizeof *values, compare);
        for (size_t i = 0; i < n; i++)
            doubles[i] = (double)values[i];
        assert_true(spd_select_double(doubles, n, rank) == (double)sorted[rank]);
        assert_true(spd_select_ns(values, n, rank) == sorted[rank]);
        assert_true(spd_select_median_ns(values, n) == sorted[(n - 1) / 2]);
    }
}

static void nothing_is_in_order(void **state)
{
    (void)state;
    spd_sort_ns(NULL, NULL, 0);
    spd_sort_items(NULL, 1, NULL, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_out_ascending),
        cmocka_unit_test(items_follow_their_keys_and_equals_keep_their_order),
        cmocka_unit_test(selection_finds_what_sorting_would),
        cmocka_unit_test(nothing_is_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
