/* Reordering against the examples of RFC 4737 section 7 and the definition. */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "common/analysis/reorder.h"
#include "tests/support/random.h"

struct row {
    const char *name;
    size_t n;
    uint32_t seqs[16];
    uint32_t extents[16];
};

static const struct row rows[] = {
    { "nothing", 0, { 0 }, { 0 } },
    { "one packet", 1, { 9 }, { 0 } },
    { "in order with losses", 4, { 1, 2, 5, 9 }, { 0 } },
    { "RFC 4737 section 7.1: one packet",
      10,
      { 1, 2, 3, 5, 6, 7, 8, 4, 9, 10 },
      { 0, 0, 0, 0, 0, 0, 0, 4 } },
    { "RFC 4737 section 7.2: two packets",
      10,
      { 1, 2, 3, 4, 7, 5, 6, 8, 9, 10 },
      { 0, 0, 0, 0, 0, 1, 2 } },
    { "RFC 4737 section 7.3: three packets",
      11,
      { 1, 2, 3, 7, 8, 9, 10, 4, 5, 6, 11 },
      { 0, 0, 0, 0, 0, 0, 0, 4, 5, 6 } },
    { "RFC 4737 section 7.4: two discontinuities",
      16,
      { 1, 2, 3, 6, 7, 4, 5, 8, 9, 10, 12, 13, 11, 14, 15, 16 },
      { 0, 0, 0, 0, 0, 2, 3, 0, 0, 0, 0, 0, 2 } },
    { "backwards", 4, { 4, 3, 2, 1 }, { 0, 1, 2, 3 } },
    { "in order across the wrap", 4, { 0xFFFFFFFE, 0xFFFFFFFF, 0, 1 }, { 0 } },
    { "overtaken across the wrap", 4, { 0xFFFFFFFE, 0, 0xFFFFFFFF, 1 }, { 0, 0, 1, 0 } },
    { "in order across the middle of the circle",
      3,
      { 0x7FFFFFFF, 0x80000000, 0x80000001 },
      { 0 } },
    { "the first one is late", 3, { 1, 2, 0 }, { 0, 0, 2 } },
};

static void extents_are_as_defined(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_reorder sum = { 0 };
        uint32_t extents[16];
        uint32_t n_reordered = 0;
        uint32_t most = 0;

        assert_int_equal(spd_reorder_add(rows[i].seqs, rows[i].n, extents, &sum), SPD_ERR_OK);
        for (size_t p = 0; p < rows[i].n; p++) {
            CHECK_ROW_INT(rows[i].name, extents[p], rows[i].extents[p]);
            n_reordered += rows[i].extents[p] > 0;
            if (rows[i].extents[p] > most)
                most = rows[i].extents[p];
        }
        CHECK_ROW_INT(rows[i].name, sum.n_reordered, n_reordered);
        CHECK_ROW_INT(rows[i].name, sum.extent_max_packets, most);
        CHECK_ROW_INT(rows[i].name, sum.n_packets, rows[i].n);
    }
}

static void bursts_add_up(void **state)
{
    const uint32_t one[] = { 1, 3, 2 };
    const uint32_t two[] = { 12, 13, 11 };
    struct spd_reorder sum = { 0 };

    (void)state;
    assert_int_equal(spd_reorder_add(one, 3, NULL, &sum), SPD_ERR_OK);
    assert_int_equal(spd_reorder_add(two, 3, NULL, &sum), SPD_ERR_OK);
    assert_int_equal(sum.n_packets, 6);
    assert_int_equal(sum.n_reordered, 2);
    assert_int_equal(sum.extent_max_packets, 2);
}

/* The definition itself, by looking at every pair. */
static void random_orders_agree_with_the_definition(void **state)
{
    struct spd_random random = spd_random_start("random_orders_agree_with_the_definition");

    (void)state;
    for (unsigned round = 0; round < 500; round++) {
        uint32_t seqs[64];
        uint32_t extents[64];
        struct spd_reorder sum = { 0 };
        uint32_t base = (uint32_t)spd_random_u64(&random);

        for (uint32_t i = 0; i < 64; i++)
            seqs[i] = base + i;
        for (size_t i = 0; i < 64; i++) {
            size_t j = spd_random_below(&random, 64);
            uint32_t swap = seqs[i];
            seqs[i] = seqs[j];
            seqs[j] = swap;
        }
        assert_int_equal(spd_reorder_add(seqs, 64, extents, &sum), SPD_ERR_OK);
        for (uint32_t i = 0; i < 64; i++) {
            uint32_t expected = 0;
            for (uint32_t j = 0; j < i && expected == 0; j++)
                if (seqs[j] - base > seqs[i] - base)
                    expected = i - j;
            assert_int_equal(extents[i], expected);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(extents_are_as_defined),
        cmocka_unit_test(bursts_add_up),
        cmocka_unit_test(random_orders_agree_with_the_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
