/*
 * The contract of common/sys/pagemem.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/sys/pagemem.h"

#define MIB ((size_t)1 << 20)

static void page_size_is_a_power_of_two_and_does_not_change(void **state)
{
    size_t page_bytes = spd_pagemem_page_bytes();

    (void)state;
    assert_true(page_bytes >= 4096);
    assert_true((page_bytes & (page_bytes - 1)) == 0);
    assert_true(spd_pagemem_page_bytes() == page_bytes);
}

static void memory_is_aligned_zeroed_writable_and_says_what_is_locked(void **state)
{
    static const unsigned n_pages[] = { 1, 2, 3, 64, 2048 };
    size_t page_bytes = spd_pagemem_page_bytes();

    (void)state;
    for (size_t row = 0; row < sizeof n_pages / sizeof n_pages[0]; row++) {
        size_t n_bytes = n_pages[row] * page_bytes;
        struct spd_diag diag = { 0 };
        size_t locked_bytes = 12345;
        void *memory = NULL;
        unsigned char *bytes;

        assert_int_equal(spd_pagemem_alloc(n_bytes, &memory, &locked_bytes, &diag), SPD_ERR_OK);
        bytes = memory;
        if ((uintptr_t)memory % page_bytes != 0) {
            fail_msg("%u pages: %p is not page-aligned", n_pages[row], memory);
        }
        for (size_t i = 0; i < n_bytes; i++) {
            if (bytes[i] != 0) {
                fail_msg("%u pages: byte %u is not zero", n_pages[row], (unsigned)i);
            }
        }
        memset(bytes, 0xff, n_bytes);
        if (locked_bytes == 0) {
            assert_true(diag.err != SPD_ERR_OK);
            assert_true(diag.text[0] != '\0');
            print_message("%u pages are not locked: %s\n", n_pages[row], diag.text);
        } else {
            assert_true(locked_bytes == n_bytes);
            assert_int_equal(diag.err, SPD_ERR_OK);
        }
        spd_pagemem_free(memory, n_bytes);
    }
}

static void pieces_do_not_overlap_and_are_zeroed_again_after_use(void **state)
{
    enum { N = 32 };
    size_t n_bytes = 4 * spd_pagemem_page_bytes();
    unsigned char *pieces[N];

    (void)state;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < N; i++) {
            size_t locked_bytes;
            void *memory;

            assert_int_equal(spd_pagemem_alloc(n_bytes, &memory, &locked_bytes, NULL), SPD_ERR_OK);
            pieces[i] = memory;
            for (size_t at = 0; at < n_bytes; at++) {
                assert_int_equal(pieces[i][at], 0);
            }
            memset(pieces[i], i + 1, n_bytes);
        }
        for (int i = 0; i < N; i++) {
            for (size_t at = 0; at < n_bytes; at++) {
                assert_int_equal(pieces[i][at], i + 1);
            }
            spd_pagemem_free(pieces[i], n_bytes);
        }
    }
}

static void freed_memory_is_gone(void **state)
{
    enum { N_CYCLES = 40 };
    size_t n_bytes = 16 * MIB;
    size_t peak_before;
    size_t peak_after;

    (void)state;
    if (spd_pagemem_peak_bytes() == 0) {
        print_message("skipped: the system does not tell the peak of resident memory\n");
        skip();
    }
    /* Were it kept, the peak would grow by 640 MiB. */
    peak_before = spd_pagemem_peak_bytes();
    for (int i = 0; i < N_CYCLES; i++) {
        size_t locked_bytes;
        void *memory;

        assert_int_equal(spd_pagemem_alloc(n_bytes, &memory, &locked_bytes, NULL), SPD_ERR_OK);
        spd_pagemem_free(memory, n_bytes);
    }
    peak_after = spd_pagemem_peak_bytes();
    assert_true(peak_after - peak_before < 4 * n_bytes);
}

static void every_page_is_touched_up_front(void **state)
{
    size_t n_bytes = 96 * MIB;
    size_t locked_bytes;
    size_t peak;
    void *memory;

    (void)state;
    assert_int_equal(spd_pagemem_alloc(n_bytes, &memory, &locked_bytes, NULL), SPD_ERR_OK);
    peak = spd_pagemem_peak_bytes();
    spd_pagemem_free(memory, n_bytes);
    if (peak == 0) {
        print_message("skipped: the system does not tell the peak of resident memory\n");
        skip();
    }
    /* Nothing was written by us, and yet it was there. */
    assert_true(peak >= n_bytes);
}

static void more_than_there_is_gives_nomem_with_a_reason(void **state)
{
    size_t page_bytes = spd_pagemem_page_bytes();
    const struct {
        const char *name;
        size_t n_bytes;
    } rows[] = {
        { "half of all addresses", (SIZE_MAX / 2) / page_bytes * page_bytes },
        { "nearly all addresses", SIZE_MAX / page_bytes * page_bytes },
        { "64 TiB", (size_t)64 << 40 },
    };

    (void)state;
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        struct spd_diag diag = { 0 };
        size_t locked_bytes = 12345;
        void *memory = &diag;
        enum spd_err err = spd_pagemem_alloc(rows[row].n_bytes, &memory, &locked_bytes, &diag);

        if (err != SPD_ERR_NOMEM || diag.err != SPD_ERR_NOMEM || diag.text[0] == '\0') {
            fail_msg("%s: %s, diag %s \"%s\"", rows[row].name, spd_err_name(err),
                     spd_err_name(diag.err), diag.text);
        }
        /* Out pointers stay as they were. */
        assert_ptr_equal(memory, &diag);
        assert_true(locked_bytes == 12345);
        assert_int_equal(spd_pagemem_alloc(rows[row].n_bytes, &memory, &locked_bytes, NULL),
                         SPD_ERR_NOMEM);
    }
}

static void available_memory_is_unknown_or_enough_for_this_test(void **state)
{
    size_t available = spd_pagemem_available_bytes();

    (void)state;
    if (available == 0) {
        print_message("skipped: the system does not tell the available memory\n");
        skip();
    }
    assert_true(available >= MIB);
    print_message("available: %u MiB, peak %u KiB\n", (unsigned)(available / MIB),
                  (unsigned)(spd_pagemem_peak_bytes() / 1024));
}

static void working_set_says_what_was_asked_and_what_is_in_force(void **state)
{
    static const size_t wanted[] = { 9 * MIB, 16 * MIB, 64 * MIB };

    (void)state;
    for (size_t row = 0; row < sizeof wanted / sizeof wanted[0]; row++) {
        struct spd_working_set set;

        memset(&set, 0xa5, sizeof set);
        spd_working_set_enlarge(wanted[row], &set);
        assert_true(set.requested_bytes == (int64_t)wanted[row]);
        assert_true(set.obtained_bytes >= -1);
        assert_non_null(memchr(set.note, 0, sizeof set.note));
        if (set.obtained_bytes < set.requested_bytes) {
            assert_true(set.note[0] != '\0');
        }
        print_message("working set: asked %lld, got %lld; %s\n", (long long)set.requested_bytes,
                      (long long)set.obtained_bytes, set.note);
    }
}

static void an_impossible_working_set_is_not_claimed(void **state)
{
    struct spd_working_set set;

    (void)state;
    spd_working_set_enlarge((size_t)1 << 50, &set);
    assert_true(set.obtained_bytes < set.requested_bytes);
    assert_true(set.note[0] != '\0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(page_size_is_a_power_of_two_and_does_not_change),
        cmocka_unit_test(memory_is_aligned_zeroed_writable_and_says_what_is_locked),
        cmocka_unit_test(pieces_do_not_overlap_and_are_zeroed_again_after_use),
        cmocka_unit_test(freed_memory_is_gone),
        cmocka_unit_test(every_page_is_touched_up_front),
        cmocka_unit_test(more_than_there_is_gives_nomem_with_a_reason),
        cmocka_unit_test(available_memory_is_unknown_or_enough_for_this_test),
        cmocka_unit_test(working_set_says_what_was_asked_and_what_is_in_force),
        cmocka_unit_test(an_impossible_working_set_is_not_claimed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
