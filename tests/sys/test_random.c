/*
 * The contract of common/sys/random.h, as far as a test can tell.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/sys/random.h"

static void every_octet_is_filled_and_none_beyond(void **state)
{
    unsigned char seen[40] = { 0 }, bytes[42];

    (void)state;
    /* 1 in 256^20 that an octet stays zero. */
    for (int i = 0; i < 20; i++) {
        memset(bytes, 0, sizeof(bytes));
        bytes[0] = bytes[41] = 0xEE;
        assert_int_equal(spd_random_fill(bytes + 1, 40, NULL), SPD_ERR_OK);
        assert_int_equal(bytes[0], 0xEE);
        assert_int_equal(bytes[41], 0xEE);
        for (int k = 0; k < 40; k++)
            seen[k] |= bytes[k + 1];
    }
    for (int k = 0; k < 40; k++)
        assert_int_not_equal(seen[k], 0);
}

static void no_two_are_alike(void **state)
{
    uint64_t values[100];

    (void)state;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(spd_random_fill(&values[i], sizeof(values[i]), NULL), SPD_ERR_OK);
        for (int k = 0; k < i; k++)
            assert_true(values[k] != values[i]);
    }
}

static void large_and_empty_requests_work(void **state)
{
    static unsigned char bytes[200000];
    size_t zeros = 0;

    (void)state;
    assert_int_equal(spd_random_fill(bytes, 0, NULL), SPD_ERR_OK);
    assert_int_equal(spd_random_fill(bytes, sizeof(bytes), NULL), SPD_ERR_OK);
    for (size_t i = sizeof(bytes) - 1000; i < sizeof(bytes); i++)
        zeros += bytes[i] == 0;
    assert_true(zeros < 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_octet_is_filled_and_none_beyond),
        cmocka_unit_test(no_two_are_alike),
        cmocka_unit_test(large_and_empty_requests_work),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
