/*
 * Each allocation of analysis and result fails once: the answer is NOMEM, what
 * was given is unchanged, and nothing leaks (the sanitizer build sees that).
 * The linker sends the modules' calls here (--wrap).
 */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "common/analysis/fate.h"
#include "common/result/report.h"
#include "tests/unit/result_kit.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);

static long allowed = -1; /* allocations that still succeed; -1 all */
static unsigned n_live_failures;

static bool is_refused(void)
{
    if (allowed < 0)
        return false;
    if (allowed == 0) {
        n_live_failures++;
        return true;
    }
    allowed--;
    return false;
}

void *__wrap_malloc(size_t n)
{
    return is_refused() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return is_refused() ? NULL : __real_calloc(n, size);
}

static void judging_fails_whole_or_not_at_all(void **state)
{
    enum spd_err err = SPD_ERR_NOMEM;
    long n = 0;

    (void)state;
    for (; err != SPD_ERR_OK && n < 100; n++) {
        struct spd_test_record record;

        builder_init(&record, 2, 10, 0);
        builder_lose(&record.packets[5]);
        allowed = n;
        err = spd_fate_judge(&record, NULL, 0);
        allowed = -1;
        assert_true(err == SPD_ERR_OK || err == SPD_ERR_NOMEM);
        for (size_t i = 0; i < 20 && err != SPD_ERR_OK; i++)
            assert_int_equal(record.packets[i].fate, SPD_FATE_PENDING);
        builder_fini(&record);
    }
    assert_int_equal(err, SPD_ERR_OK);
    assert_true(n > 3);
}

static void a_summary_fails_and_leaves_its_place_alone(void **state)
{
    enum spd_err err = SPD_ERR_NOMEM;
    struct spd_test_record record;
    long n = 0;

    (void)state;
    builder_init(&record, 2, 10, 0);
    assert_int_equal(spd_fate_judge(&record, NULL, 0), SPD_ERR_OK);
    for (; err != SPD_ERR_OK && n < 1000; n++) {
        struct spd_summary summary = { .n_bursts = 4711 };

        allowed = n;
        err = spd_summary_compute(&record, &summary);
        allowed = -1;
        assert_true(err == SPD_ERR_OK || err == SPD_ERR_NOMEM);
        if (err != SPD_ERR_OK)
            assert_int_equal(summary.n_bursts, 4711);
        else
            spd_summary_fini(&summary);
    }
    assert_int_equal(err, SPD_ERR_OK);
    assert_true(n > 10);
    builder_fini(&record);
}

static void a_report_fails_with_a_word(void **state)
{
    struct spd_diag diag = { 0 };
    struct kit kit = { 0 };
    FILE *file = kit_file();

    (void)state;
    builder_init(&kit.record, 1, 3, 0);
    kit_compute(&kit);
    allowed = 0;
    enum spd_err err = spd_report_write(file, "a file", &kit.result, &diag);
    allowed = -1;
    assert_int_equal(err, SPD_ERR_NOMEM);
    assert_non_null(strstr(diag.text, "memory"));
    kit_close(file);
    kit_fini(&kit);
}

static void the_failures_took_place(void **state)
{
    (void)state;
    assert_true(n_live_failures > 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(judging_fails_whole_or_not_at_all),
        cmocka_unit_test(a_summary_fails_and_leaves_its_place_alone),
        cmocka_unit_test(a_report_fails_with_a_word),
        cmocka_unit_test(the_failures_took_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
