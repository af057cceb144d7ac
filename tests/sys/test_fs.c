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
#include <stdlib.h>
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

static void a_stream_in_memory_gives_what_was_written(void **state)
{
    static const size_t sizes[] = { 0, 1, 100, 70000, 3000000 };

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct spd_fs_memory memory;
        char *bytes = NULL;
        size_t n = 1;

        assert_int_equal(spd_fs_memory_open(&memory, NULL), SPD_ERR_OK);
        for (size_t k = 0; k < sizes[i]; k++)
            assert_true(putc(k % 251 ? (int)(k % 251) : '\n', memory.file) != EOF);
        assert_int_equal(spd_fs_memory_close(&memory, &bytes, &n), SPD_ERR_OK);
        assert_int_equal(n, sizes[i]);
        for (size_t k = 0; k < n; k++)
            assert_int_equal((unsigned char)bytes[k], k % 251 ? k % 251 : '\n');
        assert_int_equal(bytes[n], 0);
        free(bytes);
    }
}

static void a_folder_is_made_with_those_it_lies_in(void **state)
{
    struct spd_diag diag = { 0 };
    FILE *file;

    (void)state;
    for (int i = 0; i < 2; i++) /* once more changes nothing */
        if (spd_fs_make_folder("test_fs.dir/a/b", &diag))
            fail_msg("%s", diag.text);
    file = fopen("test_fs.dir/a/b/c", "wb");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(spd_fs_make_folder("test_fs.dir/a/b/c", &diag), SPD_ERR_IO);
    assert_int_not_equal(spd_fs_make_folder("test_fs.dir/a/b/c/d", &diag), SPD_ERR_OK);
    assert_true(diag.text[0]);
    assert_int_equal(spd_fs_make_folder("", &diag), SPD_ERR_INVALID);
    assert_int_equal(remove("test_fs.dir/a/b/c"), 0);
    rmdir("test_fs.dir/a/b");
    rmdir("test_fs.dir/a");
    assert_int_equal(rmdir("test_fs.dir"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_can_be_synced),
        cmocka_unit_test(a_stream_that_is_no_file_has_nothing_to_wait_for),
        cmocka_unit_test(a_failure_gives_the_systems_code),
        cmocka_unit_test(a_stream_in_memory_gives_what_was_written),
        cmocka_unit_test(a_folder_is_made_with_those_it_lies_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
