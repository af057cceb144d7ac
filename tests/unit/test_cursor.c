/*
 * Cursors: big-endian fields, and bounds that hold for any sequence of calls.
 */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "common/base/cursor.h"
#include "tests/support/random.h"

static const uint8_t golden[15] = {
    0x01,                                           /* u8 */
    0x02, 0x03,                                     /* u16 */
    0x84, 0x05, 0x06, 0x07,                         /* u32 */
    0x88, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, /* u64 */
};

static void fields_are_read_big_endian_one_after_another(void **state)
{
    (void)state;
    uint8_t *bytes = exact_copy(golden, sizeof golden);
    struct spd_reader r = spd_reader_over(bytes, sizeof golden);

    assert_int_equal(spd_read_u8(&r), 0x01);
    assert_int_equal(spd_read_u16(&r), 0x0203);
    assert_int_equal(spd_read_u32(&r), 0x84050607);
    assert_true(spd_read_u64(&r) == UINT64_C(0x88090a0b0c0d0e0f));
    assert_int_equal(r.n_left, 0);
    assert_false(r.failed);
    free(bytes);
}

static void fields_are_written_big_endian_one_after_another(void **state)
{
    (void)state;
    uint8_t *bytes = exact_copy(golden, sizeof golden);
    memset(bytes, 0xFF, sizeof golden);
    struct spd_writer w = spd_writer_over(bytes, sizeof golden);

    spd_write_u8(&w, 0x01);
    spd_write_u16(&w, 0x0203);
    spd_write_u32(&w, 0x84050607);
    spd_write_u64(&w, UINT64_C(0x88090a0b0c0d0e0f));
    assert_memory_equal(bytes, golden, sizeof golden);
    assert_int_equal(w.n_left, 0);
    assert_false(w.failed);
    free(bytes);
}

static void a_read_past_the_end_gives_zero_and_is_remembered(void **state)
{
    (void)state;
    uint8_t *bytes = exact_copy(golden, 3);
    struct spd_reader r = spd_reader_over(bytes, 3);

    assert_int_equal(spd_read_u32(&r), 0);
    assert_true(r.failed);
    assert_int_equal(spd_read_u8(&r), 0); /* it would fit, but the place is lost */
    assert_true(r.failed);
    free(bytes);
}

static void a_write_past_the_end_writes_nothing_and_is_remembered(void **state)
{
    (void)state;
    const uint8_t expected[3] = { 0xAA, 0xFF, 0xFF };
    uint8_t *bytes = exact_copy(expected, 3);
    struct spd_writer w = spd_writer_over(bytes, 3);

    spd_write_u8(&w, 0xAA);
    spd_write_u32(&w, 1);
    assert_true(w.failed);
    spd_write_u8(&w, 1);
    spd_write_zeros(&w, 1);
    assert_memory_equal(bytes, expected, 3);
    free(bytes);
}

static void a_huge_length_does_not_wrap(void **state)
{
    (void)state;
    uint8_t bytes[4] = { 1, 2, 3, 4 };
    struct spd_reader r = spd_reader_over(bytes, sizeof bytes);
    struct spd_writer w = spd_writer_over(bytes, sizeof bytes);

    spd_read_skip(&r, 1);
    spd_read_skip(&r, SIZE_MAX);
    assert_true(r.failed);
    spd_write_u8(&w, 1);
    /* Volatile: the compiler would warn of a call that it cannot see refused. */
    volatile size_t absurd = SIZE_MAX;
    spd_write_zeros(&w, absurd);
    assert_true(w.failed);
    assert_int_equal(bytes[1], 2);
}

static void nothing_can_be_taken_from_nothing(void **state)
{
    (void)state;
    struct spd_reader r = spd_reader_over(NULL, 0);
    struct spd_writer w = spd_writer_over(NULL, 0);

    spd_read_skip(&r, 0);
    spd_write_zeros(&w, 0);
    assert_false(r.failed);
    assert_false(w.failed);
    assert_int_equal(spd_read_u8(&r), 0);
    spd_write_u8(&w, 1);
    assert_true(r.failed);
    assert_true(w.failed);
}

/* Any sequence of calls on any length: what fits moves by its size, the first
 * that does not sets failed for good; a sanitizer watches the edges. */
static void random_calls_never_leave_the_bytes(void **state)
{
    (void)state;
    static const size_t sizes[] = { 1, 2, 4, 8 };
    struct spd_random random = spd_random_start("random_calls_never_leave_the_bytes");

    for (int i = 0; i < 20000; i++) {
        size_t n = spd_random_below(&random, 40), left = n;
        bool failed = false;
        uint8_t *in = malloc(n ? n : 1), *out = malloc(n ? n : 1);
        assert_non_null(in);
        assert_non_null(out);
        spd_random_bytes(&random, in, n);
        struct spd_reader r = spd_reader_over(in, n);
        struct spd_writer w = spd_writer_over(out, n);
        while (!failed) {
            size_t size = sizes[spd_random_below(&random, N_ROWS(sizes))];
            uint64_t value = size == 1   ? spd_read_u8(&r)
                             : size == 2 ? spd_read_u16(&r)
                             : size == 4 ? spd_read_u32(&r)
                                         : spd_read_u64(&r);
            size == 1   ? spd_write_u8(&w, (uint8_t)value)
            : size == 2 ? spd_write_u16(&w, (uint16_t)value)
            : size == 4 ? spd_write_u32(&w, (uint32_t)value)
                        : spd_write_u64(&w, value);
            failed = size > left;
            left -= failed ? 0 : size;
            assert_int_equal(r.failed, failed);
            assert_int_equal(w.failed, failed);
            assert_int_equal(r.n_left, left);
            assert_int_equal(w.n_left, left);
        }
        assert_memory_equal(in, out, n - left);
        free(in);
        free(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_read_big_endian_one_after_another),
        cmocka_unit_test(fields_are_written_big_endian_one_after_another),
        cmocka_unit_test(a_read_past_the_end_gives_zero_and_is_remembered),
        cmocka_unit_test(a_write_past_the_end_writes_nothing_and_is_remembered),
        cmocka_unit_test(a_huge_length_does_not_wrap),
        cmocka_unit_test(nothing_can_be_taken_from_nothing),
        cmocka_unit_test(random_calls_never_leave_the_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
