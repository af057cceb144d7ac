/*
 * What Linux itself says of page memory, and the limits of control groups in a
 * tree of files made for the purpose.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/sys/pagemem.h"
#include "posix/cgroup.h"
#include "posix/textfile.h"
#include "tests/sys/posix_child.h"

static uint64_t status_kib(const char *key)
{
    char text[4096];
    uint64_t kib = 0;

    assert_true(spd_textfile_read("/proc/self/status", text, sizeof text));
    assert_true(spd_textfile_number(text, key, &kib));
    return kib;
}

static void pages_are_resident_and_locked_and_gone_after_free(void **state)
{
    enum { N_PAGES = 256 };
    size_t page_bytes = spd_pagemem_page_bytes();
    size_t n_bytes = N_PAGES * page_bytes;
    unsigned char resident[N_PAGES] = { 0 };
    uint64_t locked_before = status_kib("VmLck:");
    size_t locked_bytes;
    void *memory;

    (void)state;
    assert_int_equal(spd_pagemem_alloc(n_bytes, &memory, &locked_bytes, NULL), SPD_ERR_OK);
    assert_int_equal(mincore(memory, n_bytes, resident), 0);
    for (int i = 0; i < N_PAGES; i++) {
        assert_int_equal(resident[i] & 1, 1);
    }
    if (MLOCK_IS_REAL) {
        assert_int_equal(status_kib("VmLck:"), locked_before + locked_bytes / 1024);
    }
    spd_pagemem_free(memory, n_bytes);
    assert_int_equal(mincore(memory, n_bytes, resident), -1);
    assert_int_equal(errno, ENOMEM);
    assert_int_equal(status_kib("VmLck:"), locked_before);
}

static void what_the_working_set_guarantees_can_be_locked(void **state)
{
    const size_t n_bytes = (size_t)16 << 20;
    struct spd_working_set set;
    struct spd_diag diag = { 0 };
    size_t locked_bytes;
    void *memory;

    (void)state;
    spd_working_set_enlarge(n_bytes, &set);
    if (set.obtained_bytes < set.requested_bytes) {
        print_message("skipped: %s\n", set.note);
        skip();
    }
    assert_int_equal(spd_pagemem_alloc(n_bytes, &memory, &locked_bytes, &diag), SPD_ERR_OK);
    assert_true(locked_bytes == n_bytes);
    spd_pagemem_free(memory, n_bytes);
}

/* --- control groups --- */

static char root[] = "cgroup-test-XXXXXX";

static void make_folder(const char *path)
{
    if (mkdir(path, 0700) != 0) {
        assert_int_equal(errno, EEXIST);
    }
}

static void write_file(const char *path, const char *text)
{
    char whole[512];
    FILE *file;

    snprintf(whole, sizeof whole, "%s/%s", root, path);
    for (char *slash = strchr(whole + strlen(root) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        make_folder(whole);
        *slash = '/';
    }
    file = fopen(whole, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static uint64_t available(void)
{
    char membership[512];

    snprintf(membership, sizeof membership, "%s/membership", root);
    return spd_cgroup_available_bytes(membership, root);
}

static int begin(void **state)
{
    (void)state;
    memcpy(root, "cgroup-test-XXXXXX", sizeof root);
    return mkdtemp(root) != NULL ? 0 : -1;
}

static int end(void **state)
{
    char command[600];

    (void)state;
    snprintf(command, sizeof command, "rm -r '%s'", root);
    return system(command);
}

static void without_a_membership_nothing_limits(void **state)
{
    (void)state;
    assert_true(available() == UINT64_MAX);
    write_file("membership", "");
    assert_true(available() == UINT64_MAX);
    write_file("membership", "0::/absent\n");
    assert_true(available() == UINT64_MAX);
    write_file("membership", "nonsense");
    assert_true(available() == UINT64_MAX);
}

static void version_2_gives_limit_less_usage_without_cache(void **state)
{
    (void)state;
    write_file("membership", "0::/user/shell\n");
    write_file("user/shell/memory.max", "1000000\n");
    write_file("user/shell/memory.current", "400000\n");
    assert_true(available() == 600000);
    write_file("user/shell/memory.stat", "anon 1\nfile 2\ninactive_file 150000\n");
    assert_true(available() == 750000);
    write_file("user/shell/memory.max", "max\n");
    assert_true(available() == UINT64_MAX);
}

static void a_limit_further_up_binds_as_well(void **state)
{
    (void)state;
    write_file("membership", "0::/user/shell\n");
    write_file("user/shell/memory.max", "max\n");
    write_file("user/shell/memory.current", "1\n");
    write_file("user/memory.max", "5000\n");
    write_file("user/memory.current", "2000\n");
    assert_true(available() == 3000);
    /* A container sees its own group at the root of the mount. */
    write_file("memory.max", "2000\n");
    write_file("memory.current", "1500\n");
    assert_true(available() == 500);
}

static void usage_above_the_limit_leaves_nothing(void **state)
{
    (void)state;
    write_file("membership", "0::/\n");
    write_file("memory.max", "1000\n");
    write_file("memory.current", "2000\n");
    assert_true(available() == 0);
}

static void version_1_is_found_among_other_controllers(void **state)
{
    (void)state;
    write_file("membership", "9:cpu,cpuacct:/other\n4:memory:/api/job\n0::/elsewhere\n");
    write_file("memory/api/job/memory.limit_in_bytes", "8000\n");
    write_file("memory/api/job/memory.usage_in_bytes", "3000\n");
    write_file("memory/api/job/memory.stat", "cache 9\ntotal_inactive_file 1000\n");
    assert_true(available() == 6000);
    write_file("memory/memory.limit_in_bytes", "4000\n");
    write_file("memory/memory.usage_in_bytes", "100\n");
    assert_true(available() == 3900);
}

static void numbers_are_read_behind_their_key_only(void **state)
{
    static const char text[] = "VmPeak:\t  77 kB\nXVmLck: 5\nVmLck:\t      64 kB\nOdd: x\nBig: "
                               "99999999999999999999999\nMinus: -4\n";
    uint64_t number = 4711;

    (void)state;
    assert_true(spd_textfile_number(text, "VmLck:", &number));
    assert_true(number == 64);
    assert_true(spd_textfile_number(text, "VmPeak:", &number));
    assert_true(number == 77);
    assert_false(spd_textfile_number(text, "Absent:", &number));
    assert_false(spd_textfile_number(text, "Odd:", &number));
    assert_false(spd_textfile_number(text, "Big:", &number));
    assert_false(spd_textfile_number(text, "Minus:", &number));
    assert_true(number == 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_resident_and_locked_and_gone_after_free),
        cmocka_unit_test(what_the_working_set_guarantees_can_be_locked),
        cmocka_unit_test_setup_teardown(without_a_membership_nothing_limits, begin, end),
        cmocka_unit_test_setup_teardown(version_2_gives_limit_less_usage_without_cache, begin, end),
        cmocka_unit_test_setup_teardown(a_limit_further_up_binds_as_well, begin, end),
        cmocka_unit_test_setup_teardown(usage_above_the_limit_leaves_nothing, begin, end),
        cmocka_unit_test_setup_teardown(version_1_is_found_among_other_controllers, begin, end),
        cmocka_unit_test(numbers_are_read_behind_their_key_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
