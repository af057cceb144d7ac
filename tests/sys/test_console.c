/*
 * The contract of common/sys/console.h as far as one program can see it from
 * within. Real signals are sent in test_posix_console.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "common/sys/console.h"
#include "common/sys/cport.h"

static struct spd_cport *make_port(void)
{
    const struct spd_cport_config config = { .concurrency_limit = 1 };
    struct spd_cport *port = NULL;
    struct spd_diag diag = { 0 };

    if (spd_cport_create(&config, &port, &diag) != SPD_ERR_OK) {
        fail_msg("%s", diag.text);
    }
    return port;
}

static void destroy_port(struct spd_cport *port)
{
    struct spd_completion completion;
    size_t n;

    spd_cport_close(port);
    while (spd_cport_wait(port, &completion, 1, &n, SPD_NS_FOREVER) == SPD_ERR_OK) {
    }
    spd_cport_destroy(port);
}

static void init_may_be_repeated(void **state)
{
    struct spd_diag diag = { 0 };

    (void)state;
    assert_int_equal(spd_console_init(&diag), SPD_ERR_OK);
    assert_int_equal(spd_console_init(&diag), SPD_ERR_OK);
}

static void a_file_is_no_terminal(void **state)
{
    static const char name[] = "test_console.tmp";
    FILE *file = fopen(name, "w+");

    (void)state;
    assert_non_null(file);
    assert_false(spd_console_is_terminal(file));
    fclose(file);
    remove(name);
}

static void width_is_something_to_write_in(void **state)
{
    (void)state;
    assert_in_range(spd_console_width(), 1, 65535);
    if (!spd_console_is_terminal(stderr)) {
        assert_int_equal(spd_console_width(), 80);
    }
}

static void a_process_has_one_watch_at_a_time(void **state)
{
    struct spd_cport *port = make_port();
    struct spd_diag diag = { 0 };
    struct spd_diag second = { 0 };

    (void)state;
    if (spd_console_watch(port, 7, &diag) != SPD_ERR_OK) {
        fail_msg("%s", diag.text);
    }
    assert_int_not_equal(spd_console_watch(port, 8, &second), SPD_ERR_OK);
    assert_true(second.text[0] != '\0');
    spd_console_unwatch();
    if (spd_console_watch(port, 9, &diag) != SPD_ERR_OK) {
        fail_msg("%s", diag.text);
    }
    spd_console_unwatch();
    destroy_port(port);
}

static void unwatch_without_a_watch_is_harmless(void **state)
{
    (void)state;
    spd_console_unwatch();
    spd_console_unwatch();
}

static void a_watch_posts_nothing_by_itself(void **state)
{
    struct spd_cport *port = make_port();
    struct spd_completion completion;
    struct spd_diag diag = { 0 };
    size_t n = 0;

    (void)state;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(spd_console_watch(port, 7, &diag), SPD_ERR_OK);
        assert_int_equal(spd_cport_wait(port, &completion, 1, &n, SPD_NS_PER_MS), SPD_ERR_TIMEOUT);
        spd_console_unwatch();
        assert_int_equal(spd_cport_wait(port, &completion, 1, &n, 0), SPD_ERR_TIMEOUT);
    }
    destroy_port(port);
}

static void a_watch_on_a_closed_port_can_be_ended(void **state)
{
    struct spd_cport *port = make_port();
    struct spd_diag diag = { 0 };

    (void)state;
    assert_int_equal(spd_console_watch(port, 7, &diag), SPD_ERR_OK);
    spd_cport_close(port);
    spd_console_unwatch();
    destroy_port(port);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(init_may_be_repeated),
        cmocka_unit_test(a_file_is_no_terminal),
        cmocka_unit_test(width_is_something_to_write_in),
        cmocka_unit_test(a_process_has_one_watch_at_a_time),
        cmocka_unit_test(unwatch_without_a_watch_is_harmless),
        cmocka_unit_test(a_watch_posts_nothing_by_itself),
        cmocka_unit_test(a_watch_on_a_closed_port_can_be_ended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
