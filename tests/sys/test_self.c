/*
 * The contract of common/sys/self.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/sys/self.h"

#define MANY 20

static struct spd_self read_self(void)
{
    struct spd_self self;

    memset(&self, 0xA5, sizeof(self));
    spd_self_read(&self);
    print_message("%llu bytes resident, %llu descriptors\n",
                  (unsigned long long)self.resident_bytes, (unsigned long long)self.n_descriptors);
    return self;
}

static void memory_in_use_is_counted(void **state)
{
    enum { BYTES = 64 << 20 };
    struct spd_self before = read_self(), after;
    char *memory = malloc(BYTES);

    (void)state;
    assert_non_null(memory);
    memset(memory, 1, BYTES);
    after = read_self();
    assert_true(before.resident_bytes > 100000);
    assert_true(after.resident_bytes >= before.resident_bytes + BYTES * 9 / 10);
    assert_int_equal(memory[BYTES / 2], 1);
    free(memory);
}

static void open_files_are_counted(void **state)
{
    struct spd_self before = read_self(), between, after;
    FILE *files[MANY];

    (void)state;
    for (int i = 0; i < MANY; i++) {
        files[i] = tmpfile();
        assert_non_null(files[i]);
    }
    between = read_self();
    for (int i = 0; i < MANY; i++)
        fclose(files[i]);
    after = read_self();
    if (before.n_descriptors == 0) {
        print_message("skipped: this system does not tell\n");
        skip();
    }
    assert_int_equal(between.n_descriptors, before.n_descriptors + MANY);
    assert_int_equal(after.n_descriptors, before.n_descriptors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_in_use_is_counted),
        cmocka_unit_test(open_files_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
