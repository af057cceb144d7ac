/*
 * Serial number arithmetic at the wrap, and unwrapping to 64 bits.
 */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "common/base/seqnum.h"
#include "tests/support/random.h"

struct order_row {
    const char *name;
    uint32_t a, b;
    bool a_less, b_less;
    int32_t diff; /* a - b */
};

static const struct order_row order_rows[] = {
    { "equal", 7, 7, false, false, 0 },
    { "next", 0, 1, true, false, -1 },
    { "across the wrap", UINT32_MAX, 0, true, false, -1 },
    { "far across the wrap", 0xFFFFFF00, 0x100, true, false, -0x200 },
    { "as far as an order goes", 0, 0x7FFFFFFF, true, false, -0x7FFFFFFF },
    { "as far as an order goes, at the wrap", 0xFFFFFFFF, 0x7FFFFFFE, true, false, -0x7FFFFFFF },
    { "half the circle has no order", 0, 0x80000000, false, false, INT32_MIN },
    { "half the circle at the wrap", 0xC0000000, 0x40000000, false, false, INT32_MIN },
    { "one more than half", 0, 0x80000001, false, true, 0x7FFFFFFF },
};

static void order_holds_across_the_wrap(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(order_rows); i++) {
        const struct order_row *row = &order_rows[i];
        CHECK_ROW_INT(row->name, spd_seqnum_less(row->a, row->b), row->a_less);
        CHECK_ROW_INT(row->name, spd_seqnum_less(row->b, row->a), row->b_less);
        CHECK_ROW_INT(row->name, spd_seqnum_diff(row->a, row->b), row->diff);
    }
}

/* RFC 1982 section 3.2 word for word. */
static bool less_by_the_rfc(uint32_t s1, uint32_t s2)
{
    const uint64_t half = UINT64_C(1) << 31;
    uint64_t i1 = s1, i2 = s2;

    return s1 != s2 && ((i1 < i2 && i2 - i1 < half) || (i1 > i2 && i1 - i2 > half));
}

static void order_is_that_of_rfc_1982_for_random_numbers(void **state)
{
    (void)state;
    struct spd_random random = spd_random_start("order_is_that_of_rfc_1982");

    for (int i = 0; i < 200000; i++) {
        uint32_t a = (uint32_t)spd_random_u64(&random);
        uint32_t near_half = a + 0x80000000u + (uint32_t)spd_random_below(&random, 5) - 2;
        uint32_t b = spd_random_below(&random, 2) ? near_half : (uint32_t)spd_random_u64(&random);
        if (spd_seqnum_less(a, b) != less_by_the_rfc(a, b))
            fail_msg("%u and %u are ordered wrongly", a, b);
    }
}

struct unwrap_row {
    const char *name;
    uint32_t in[6];
    int64_t out[6];
    size_t n;
};

static const struct unwrap_row unwrap_rows[] = {
    { "in order", { 0, 1, 2 }, { 0, 1, 2 }, 3 },
    { "starts anywhere",
      { 0xFFFFFFFE, 0xFFFFFFFF, 0 },
      { 0xFFFFFFFE, 0xFFFFFFFF, 0x100000000 },
      3 },
    { "late across the wrap",
      { 0xFFFFFFFE, 1, 0xFFFFFFFF, 0, 2 },
      { 0xFFFFFFFE, 0x100000001, 0xFFFFFFFF, 0x100000000, 0x100000002 },
      5 },
    { "before the start is negative", { 0, 0xFFFFFFFF, 0xFFFFFFFE, 1 }, { 0, -1, -2, 1 }, 4 },
    { "a duplicate", { 5, 5, 6 }, { 5, 5, 6 }, 3 },
    { "the longest step forward", { 0, 0x7FFFFFFF, 0xFFFFFFFE }, { 0, 0x7FFFFFFF, 0xFFFFFFFE }, 3 },
    { "half the circle counts as late", { 0, 0x80000000, 1 }, { 0, -0x80000000LL, 1 }, 3 },
};

static void numbers_unwrap_to_64_bits(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(unwrap_rows); i++) {
        const struct unwrap_row *row = &unwrap_rows[i];
        struct spd_seqnum_unwrap unwrap = { 0 };
        for (size_t k = 0; k < row->n; k++)
            CHECK_ROW_INT(row->name, spd_seqnum_unwrap(&unwrap, row->in[k]), row->out[k]);
    }
}

static void a_long_reordered_count_is_followed_through_many_wraps(void **state)
{
    (void)state;
    struct spd_random random = spd_random_start("a_long_reordered_count_is_followed");
    struct spd_seqnum_unwrap unwrap = { 0 };
    int64_t truth = 0;

    assert_true(spd_seqnum_unwrap(&unwrap, 0) == 0);
    for (int i = 0; i < 200000; i++) {
        truth += (int64_t)spd_random_below(&random, 0x40000000);
        int64_t late = truth - (int64_t)spd_random_below(&random, 0x30000000);
        assert_true(spd_seqnum_unwrap(&unwrap, (uint32_t)truth) == truth);
        assert_true(spd_seqnum_unwrap(&unwrap, (uint32_t)late) == late);
    }
    assert_true(truth > INT64_C(1) << 45);
}

static void a_count_at_the_end_of_64_bits_does_not_overflow(void **state)
{
    (void)state;
    struct spd_seqnum_unwrap unwrap = { .highest = INT64_MAX, .started = true };

    (void)spd_seqnum_unwrap(&unwrap, (uint32_t)INT64_MAX + 0x7FFFFFFFu); /* UBSan judges */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_holds_across_the_wrap),
        cmocka_unit_test(order_is_that_of_rfc_1982_for_random_numbers),
        cmocka_unit_test(numbers_unwrap_to_64_bits),
        cmocka_unit_test(a_long_reordered_count_is_followed_through_many_wraps),
        cmocka_unit_test(a_count_at_the_end_of_64_bits_does_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
