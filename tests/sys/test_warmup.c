/*
 * The contract of common/sys/warmup.h, as far as a test can tell.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "common/sys/warmup.h"

static void runs_as_often_as_one_likes(enum spd_family family)
{
    struct spd_warmup *warmup = NULL;
    enum spd_err err = spd_warmup_create(family, &warmup);

    if (err == SPD_ERR_NOTSUP) {
        printf("skipped: this system has no use for it, or no such loopback address\n");
        skip();
    }
    assert_int_equal(err, SPD_ERR_OK);
    assert_non_null(warmup);
    /* More than a socket's buffer holds: what it sends, it takes out again. */
    for (int i = 0; i < 5000; i++)
        spd_warmup_run(warmup);
    spd_warmup_destroy(warmup);
}

static void ipv4_runs(void **state)
{
    (void)state;
    runs_as_often_as_one_likes(SPD_FAMILY_IPV4);
}

static void ipv6_runs(void **state)
{
    (void)state;
    runs_as_often_as_one_likes(SPD_FAMILY_IPV6);
}

static void other_families_are_refused(void **state)
{
    struct spd_warmup *warmup = NULL;

    (void)state;
    assert_int_equal(spd_warmup_create(SPD_FAMILY_NONE, &warmup), SPD_ERR_NOTSUP);
    assert_null(warmup);
}

static void none_at_all_does_nothing(void **state)
{
    (void)state;
    spd_warmup_run(NULL);
    spd_warmup_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipv4_runs),
        cmocka_unit_test(ipv6_runs),
        cmocka_unit_test(other_families_are_refused),
        cmocka_unit_test(none_at_all_does_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
