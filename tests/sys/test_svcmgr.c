/*
 * The contract of common/sys/svcmgr.h as far as it holds without any manager:
 * in the foreground, on every system.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "common/sys/console.h"
#include "common/sys/svcmgr.h"
#include "common/sys/thread.h"

static const struct spd_svcmgr_run foreground = { .name = "StampedeTest" };

static struct spd_cport *make_port(void)
{
    const struct spd_cport_config config = { .concurrency_limit = 1 };
    struct spd_cport *port = NULL;
    struct spd_diag diag = { 0 };

    if (spd_cport_create(&config, &port, &diag) != SPD_ERR_OK)
        fail_msg("%s", diag.text);
    return port;
}

static void destroy_port(struct spd_cport *port)
{
    struct spd_completion completion;
    size_t n;

    spd_cport_close(port);
    while (spd_cport_wait(port, &completion, 1, &n, SPD_NS_FOREVER) == SPD_ERR_OK)
        ;
    spd_cport_destroy(port);
}

static int count(struct spd_svcmgr *manager, void *context)
{
    assert_non_null(manager);
    return 40 + ++*(int *)context;
}

static void a_service_runs_once_and_tells_how_it_ended(void **state)
{
    struct spd_diag diag = { 0 };
    int n_runs = 0, exit_code = -1;

    (void)state;
    if (spd_svcmgr_run(&foreground, count, &n_runs, &exit_code, &diag))
        fail_msg("%s", diag.text);
    assert_int_equal(n_runs, 1);
    assert_int_equal(exit_code, 41);
}

static int say_everything(struct spd_svcmgr *manager, void *context)
{
    (void)context;
    assert_null(spd_svcmgr_name(manager));
    assert_int_equal(spd_svcmgr_alive_interval_ns(manager), 0);
    spd_svcmgr_extend(manager, SPD_NS_PER_S);
    spd_svcmgr_ready(manager);
    spd_svcmgr_status(manager, "two\nlines");
    spd_svcmgr_alive(manager);
    spd_svcmgr_reloading(manager);
    spd_svcmgr_ready(manager);
    spd_svcmgr_stopping(manager, SPD_NS_FOREVER);
    return 0;
}

static void without_a_manager_nobody_hears(void **state)
{
    struct spd_diag diag = { 0 };
    int exit_code = -1;

    (void)state;
    assert_int_equal(spd_svcmgr_run(&foreground, say_everything, NULL, &exit_code, &diag),
                     SPD_ERR_OK);
    assert_int_equal(exit_code, 0);
}

static int watch_in_silence(struct spd_svcmgr *manager, void *context)
{
    struct spd_cport *port = make_port();
    struct spd_completion completion;
    struct spd_diag diag = { 0 };
    size_t n = 0;

    (void)context;
    for (int i = 0; i < 5; i++) {
        if (spd_svcmgr_watch(manager, port, 7, &diag))
            fail_msg("%s", diag.text);
        assert_int_equal(spd_cport_wait(port, &completion, 1, &n, 5 * SPD_NS_PER_MS),
                         SPD_ERR_TIMEOUT);
        spd_svcmgr_unwatch(manager);
        assert_int_equal(spd_cport_wait(port, &completion, 1, &n, 0), SPD_ERR_TIMEOUT);
    }
    spd_svcmgr_unwatch(manager);
    destroy_port(port);
    return 0;
}

static void a_watch_posts_nothing_by_itself(void **state)
{
    int exit_code = -1;

    (void)state;
    assert_int_equal(spd_svcmgr_run(&foreground, watch_in_silence, NULL, &exit_code, NULL),
                     SPD_ERR_OK);
    assert_int_equal(exit_code, 0);
}

static void what_is_not_installed_cannot_be_controlled(void **state)
{
    static const char name[] = "stampede-test-of-no-service";
    struct spd_svcmgr_info info;

    (void)state;
    for (int i = 0; i < 4; i++) {
        struct spd_diag diag = { 0 };
        enum spd_err err = i == 0   ? spd_svcmgr_query(name, &info, &diag)
                           : i == 1 ? spd_svcmgr_start(name, SPD_NS_PER_S, &diag)
                           : i == 2 ? spd_svcmgr_stop(name, SPD_NS_PER_S, &diag)
                                    : spd_svcmgr_reload(name, &diag);

        if (err != SPD_ERR_NOT_FOUND && err != SPD_ERR_NOTSUP)
            fail_msg("call %d: %s: %s", i, spd_err_name(err), diag.text);
        assert_int_equal(diag.err, err);
    }
}

static void every_state_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(spd_svcmgr_state_name(SPD_SVCMGR_STOPPED), "stopped");
    assert_string_equal(spd_svcmgr_state_name(SPD_SVCMGR_FAILED), "failed");
    assert_string_equal(spd_svcmgr_state_name((enum spd_svcmgr_state)99), "?");
}

static int start(void **state)
{
    (void)state;
    return (int)spd_console_init(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_service_runs_once_and_tells_how_it_ended),
        cmocka_unit_test(without_a_manager_nobody_hears),
        cmocka_unit_test(a_watch_posts_nothing_by_itself),
        cmocka_unit_test(what_is_not_installed_cannot_be_controlled),
        cmocka_unit_test(every_state_has_a_name),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
