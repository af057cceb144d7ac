/*
 * The contract of common/sys/defaults.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/sys/defaults.h"

static void places_are_absolute_and_stay(void **state)
{
    const struct spd_defaults *d = spd_defaults();
    char file[2000];

    (void)state;
    assert_ptr_equal(spd_defaults(), d);
    assert_true(spd_defaults_is_absolute(d->config_file));
    assert_true(spd_defaults_is_absolute(d->data_folder));
    assert_true(d->separator == '/' || d->separator == '\\');
    assert_non_null(strchr(d->data_folder, d->separator));
    assert_true(strlen(d->config_file) < sizeof(file));
    strcpy(file, d->config_file);
    assert_string_equal(strrchr(file, d->separator) + 1, "stampede.ini");
}

static void a_path_from_here_is_not_absolute(void **state)
{
    static const char *const paths[] = { "",    "x", "x/y", "./x", "../x",
                                         "c:x", "c", "c:",  "\\x", "1:\\x" };

    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
        assert_false(spd_defaults_is_absolute(paths[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_are_absolute_and_stay),
        cmocka_unit_test(a_path_from_here_is_not_absolute),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
