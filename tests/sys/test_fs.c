/*
 * The contract of common/sys/fs.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "common/sys/fs.h"

static void a_file_can_be_synced(void **state)
{
    int32_t os_code = -1;
    FILE *file = fopen("test_fs.tmp", "wb");

    (void)state;
    assert_non_null(file);
    assert_true(fputs("some", file) >= 0 && fflush(file) == 0);
    assert_int_equal(spd_fs_sync(file, &os_code), SPD_ERR_OK);
    assert_int_equal(os_code, -1);
    fclose(file);
    remove("test_fs.tmp");
}

static void a_stream_that_is_no_file_has_nothing_to_wait_for(void **state)
{
    int32_t os_code = -1;
    FILE *file = fopen("/dev/null", "wb");

    (void)state;
    if (file == NULL)
        file = fopen("NUL", "wb");
    assert_non_null(file);
    assert_int_equal(spd_fs_sync(file, &os_code), SPD_ERR_OK);
    fclose(file);
}

static void a_failure_gives_the_systems_code(void **state)
{
    int32_t os_code = 0;
    FILE *file = fopen("test_fs.tmp", "wb");

    (void)state;
    assert_non_null(file);
    assert_int_equal(close(fileno(file)), 0);
    assert_int_equal(spd_fs_sync(file, &os_code), SPD_ERR_IO);
    assert_int_equal(os_code, EBADF);
    (void)fclose(file);
    remove("test_fs.tmp");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_can_be_synced),
        cmocka_unit_test(a_stream_that_is_no_file_has_nothing_to_wait_for),
        cmocka_unit_test(a_failure_gives_the_systems_code),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
