/*
 * Each allocation of the configuration and the scheduler fails once: the answer
 * is NOMEM, what was there stays, and nothing leaks (the sanitizer build sees
 * that). The linker sends the modules' calls here (--wrap).
 */
#include <stdio.h>

#include "service/scheduler.h"
#include "tests/unit/config_kit.h"
#include "tests/unit/unit.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t n);

static long allowed = -1; /* allocations that still succeed; -1 all */

static bool is_refused(void)
{
    if (allowed < 0)
        return false;
    if (allowed == 0)
        return true;
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

void *__wrap_realloc(void *old, size_t n)
{
    return is_refused() ? NULL : __real_realloc(old, n);
}

static const char text[] = "[reflector]\nlisten = 127.0.0.1:1, [::1]:2\nstateful = yes\n"
                           "[allow \"x\"]\nusers = a, b\ntargets = 10.0.0.0/8, h\n"
                           "[test \"q\"]\ncommand = qos\ntarget = h\nevery = 1min\n"
                           "class = EF, BE\n[test \"b\"]\ncommand = burst\ntarget = h\n"
                           "calendar = daily\nexclusive = wan\n";

static void loading_fails_whole_or_not_at_all(void **state)
{
    static struct spd_config_problems problems;
    FILE *file = fopen(CONFIG_KIT_FILE, "wb");
    enum spd_err err = SPD_ERR_NOMEM;
    long n = 0;

    (void)state;
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    for (; err && n < 10000; n++) {
        struct spd_config *config = NULL;

        allowed = n;
        err = spd_config_load(CONFIG_KIT_FILE, &config, &problems);
        allowed = -1;
        if (err && err != SPD_ERR_NOMEM && err != SPD_ERR_IO) /* fopen allocates too */
            fail_msg("allocation %ld: %s: %s", n, spd_err_name(err), problems.problem[0].text);
        if (err) {
            assert_null(config);
            assert_int_equal(problems.n, 1);
        } else {
            assert_int_equal(config->n_tests, 2);
        }
        spd_config_free(config);
    }
    remove(CONFIG_KIT_FILE);
    assert_int_equal(err, SPD_ERR_OK);
    assert_true(n > 100); /* there was something to fail */
}

static void a_scheduler_stays_as_it_was(void **state)
{
    struct spd_moment now = { { SPD_NS_PER_S }, 0 };
    struct spd_config *config = config_kit_good(text);
    struct spd_scheduler *scheduler = NULL;
    spd_wall before, after;
    enum spd_err err = SPD_ERR_NOMEM;
    long n = 0;

    (void)state;
    for (; err && n < 100; n++) {
        allowed = n;
        err = spd_scheduler_create(config, 1, NULL, now, &scheduler);
        allowed = -1;
        assert_int_equal(err ? SPD_ERR_NOMEM : SPD_ERR_OK, err);
        assert_true(err == SPD_ERR_OK || !scheduler);
    }
    assert_true(n > 3);
    assert_true(spd_scheduler_next(scheduler, "q", &before));
    config->n_tests = 0;
    for (n = 0, err = SPD_ERR_NOMEM; n < 2; n++) {
        allowed = n;
        err = spd_scheduler_reload(scheduler, config, now);
        allowed = -1;
        assert_int_equal(err, SPD_ERR_NOMEM);
        assert_true(spd_scheduler_next(scheduler, "q", &after));
        assert_int_equal(after.ns, before.ns);
    }
    assert_int_equal(spd_scheduler_reload(scheduler, config, now), SPD_ERR_OK);
    assert_false(spd_scheduler_next(scheduler, "q", &after));
    spd_scheduler_destroy(scheduler);
    spd_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loading_fails_whole_or_not_at_all),
        cmocka_unit_test(a_scheduler_stays_as_it_was),
    };

    return cmocka_run_group_tests(tests, config_kit_set_up, NULL);
}
