/*
 * Signals as completions, in children that may be killed by them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/sys/clock.h"
#include "common/sys/console.h"
#include "common/sys/cport.h"
#include "common/sys/thread.h"
#include "tests/sys/posix_child.h"

enum { KEY = 4711 };

static struct spd_cport *watched_port(void)
{
    const struct spd_cport_config config = { .concurrency_limit = 1 };
    struct spd_diag diag = { 0 };
    struct spd_cport *port;

    CHILD_CHECK_SHOW(spd_cport_create(&config, &port, &diag) == SPD_ERR_OK, diag.text);
    CHILD_CHECK_SHOW(spd_console_watch(port, KEY, &diag) == SPD_ERR_OK, diag.text);
    return port;
}

static void expect_event(struct spd_cport *port, enum spd_console_event event)
{
    struct spd_completion completion;
    size_t n = 0;

    CHILD_CHECK(spd_cport_wait(port, &completion, 1, &n, SPD_NS_FOREVER) == SPD_ERR_OK);
    CHILD_CHECK(n == 1);
    CHILD_CHECK(completion.key == KEY);
    CHILD_CHECK(completion.n_bytes == (uint32_t)event);
    CHILD_CHECK(completion.op == NULL);
    CHILD_CHECK(completion.err == SPD_ERR_OK);
}

static void expect_silence(struct spd_cport *port)
{
    struct spd_completion completion;
    size_t n = 0;

    CHILD_CHECK(spd_cport_wait(port, &completion, 1, &n, 20 * SPD_NS_PER_MS) == SPD_ERR_TIMEOUT);
}

static void expect_either(struct spd_cport *port)
{
    struct spd_completion completion;
    size_t n = 0;

    CHILD_CHECK(spd_cport_wait(port, &completion, 1, &n, SPD_NS_FOREVER) == SPD_ERR_OK);
    CHILD_CHECK(completion.n_bytes == SPD_CONSOLE_TERMINATE ||
                completion.n_bytes == SPD_CONSOLE_STATUS);
}

static void expect_silence_now(struct spd_cport *port)
{
    struct spd_completion completion;
    size_t n = 0;

    CHILD_CHECK(spd_cport_wait(port, &completion, 1, &n, 0) == SPD_ERR_TIMEOUT);
}

static void destroy(struct spd_cport *port)
{
    struct spd_completion completion;
    size_t n = 0;

    spd_cport_close(port);
    CHILD_CHECK(spd_cport_wait(port, &completion, 1, &n, SPD_NS_FOREVER) == SPD_ERR_CLOSED);
    spd_cport_destroy(port);
}

static void receive_each_signal(void)
{
    static const struct {
        int number;
        enum spd_console_event event;
    } rows[] = {
        { SIGINT, SPD_CONSOLE_INTERRUPT }, { SIGTERM, SPD_CONSOLE_TERMINATE },
        { SIGHUP, SPD_CONSOLE_TERMINATE }, { SIGUSR1, SPD_CONSOLE_STATUS },
        { SIGUSR1, SPD_CONSOLE_STATUS },   { SIGTERM, SPD_CONSOLE_TERMINATE },
    };
    struct spd_cport *port;

    (void)signal(SIGHUP, SIG_DFL);
    port = watched_port();
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        CHILD_CHECK(kill(getpid(), rows[row].number) == 0);
        expect_event(port, rows[row].event);
    }
    expect_silence(port);
}

static void each_signal_becomes_one_completion(void **state)
{
    (void)state;
    child_run(receive_each_signal);
}

static void interrupt_in_the_background(void)
{
    struct spd_cport *port;

    (void)signal(SIGINT, SIG_IGN); /* as a shell leaves it behind "&" */
    port = watched_port();
    CHILD_CHECK(kill(getpid(), SIGINT) == 0);
    expect_event(port, SPD_CONSOLE_INTERRUPT);
}

static void an_interrupt_counts_also_where_a_shell_had_it_ignored(void **state)
{
    (void)state;
    child_run(interrupt_in_the_background);
}

static void hang_up_under_nohup(void)
{
    struct spd_cport *port;

    (void)signal(SIGHUP, SIG_IGN);
    port = watched_port();
    CHILD_CHECK(kill(getpid(), SIGHUP) == 0);
    expect_silence(port);
    CHILD_CHECK(kill(getpid(), SIGUSR1) == 0);
    expect_event(port, SPD_CONSOLE_STATUS);
}

static void a_hang_up_stays_ignored_under_nohup(void **state)
{
    (void)state;
    child_run(hang_up_under_nohup);
}

static void sleep_for_ever(void *unused)
{
    (void)unused;
    spd_thread_sleep(SPD_NS_FOREVER);
}

static void signal_among_threads(void)
{
    struct spd_cport *port = watched_port();
    struct spd_thread *threads[4];

    for (int i = 0; i < 4; i++) {
        CHILD_CHECK(spd_thread_start(&threads[i], "idle", sleep_for_ever, NULL) == SPD_ERR_OK);
    }
    for (int i = 0; i < 100; i++) {
        CHILD_CHECK(kill(getpid(), SIGTERM) == 0);
        expect_event(port, SPD_CONSOLE_TERMINATE);
    }
}

static void no_other_thread_is_hit_by_a_signal(void **state)
{
    (void)state;
    child_run(signal_among_threads);
}

static void die_after_unwatch(void)
{
    struct spd_cport *port = watched_port();

    CHILD_CHECK(kill(getpid(), SIGTERM) == 0);
    expect_event(port, SPD_CONSOLE_TERMINATE);
    spd_console_unwatch();
    (void)kill(getpid(), SIGTERM);
    spd_thread_sleep(SPD_NS_FOREVER);
}

static void after_unwatch_a_signal_does_what_it_did_before(void **state)
{
    (void)state;
    child_run_to_death(die_after_unwatch, SIGTERM);
}

static void interrupt_just_before_unwatch(void)
{
    for (int i = 0; i < 300; i++) {
        struct spd_cport *port = watched_port();

        CHILD_CHECK(kill(getpid(), SIGTERM) == 0);
        CHILD_CHECK(kill(getpid(), SIGUSR1) == 0);
        spd_console_unwatch();
        expect_either(port);
        expect_either(port);
        expect_silence_now(port);
        destroy(port);
    }
}

static void a_signal_just_before_unwatch_is_an_event_and_ends_nothing(void **state)
{
    (void)state;
    child_run(interrupt_just_before_unwatch);
}

static void unwatch_twice(void)
{
    sigset_t interrupt;
    sigset_t now;

    (void)watched_port();
    spd_console_unwatch();
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    CHILD_CHECK(sigprocmask(SIG_BLOCK, &interrupt, NULL) == 0);
    spd_console_unwatch();
    CHILD_CHECK(sigprocmask(SIG_BLOCK, NULL, &now) == 0);
    CHILD_CHECK(sigismember(&now, SIGINT) == 1);
}

static void unwatch_without_a_watch_leaves_signals_alone(void **state)
{
    (void)state;
    child_run(unwatch_twice);
}

static void ignore_two_interrupts(void)
{
    struct spd_cport *port = watched_port();

    CHILD_CHECK(kill(getpid(), SIGINT) == 0);
    expect_event(port, SPD_CONSOLE_INTERRUPT);
    CHILD_CHECK(kill(getpid(), SIGINT) == 0);
    spd_thread_sleep(SPD_NS_FOREVER);
}

static void a_second_interrupt_ends_a_process_that_does_not_react(void **state)
{
    spd_ticks start = spd_clock_now();

    (void)state;
    child_run_to_death(ignore_two_interrupts, SIGINT);
    /* It had its two seconds. */
    assert_true(spd_ticks_diff_ns(spd_clock_now(), start, spd_clock_frequency_hz()) >=
                2 * SPD_NS_PER_S);
}

static void ignore_a_late_interrupt(void)
{
    struct spd_cport *port = watched_port();

    CHILD_CHECK(kill(getpid(), SIGINT) == 0);
    expect_event(port, SPD_CONSOLE_INTERRUPT);
    spd_thread_sleep(2100 * SPD_NS_PER_MS);
    CHILD_CHECK(kill(getpid(), SIGINT) == 0);
    spd_thread_sleep(SPD_NS_FOREVER);
}

static void a_second_interrupt_after_two_seconds_ends_it_too(void **state)
{
    (void)state;
    child_run_to_death(ignore_a_late_interrupt, SIGINT);
}

static void react_in_time(void)
{
    struct spd_cport *port = watched_port();

    CHILD_CHECK(kill(getpid(), SIGINT) == 0);
    expect_event(port, SPD_CONSOLE_INTERRUPT);
    CHILD_CHECK(kill(getpid(), SIGINT) == 0);
    expect_event(port, SPD_CONSOLE_INTERRUPT);
    spd_console_unwatch();
    spd_thread_sleep(2500 * SPD_NS_PER_MS);
}

static void a_second_interrupt_does_not_end_a_process_that_reacted(void **state)
{
    (void)state;
    child_run(react_in_time);
}

static void wait_after_one(void)
{
    struct spd_cport *port = watched_port();

    CHILD_CHECK(kill(getpid(), SIGINT) == 0);
    expect_event(port, SPD_CONSOLE_INTERRUPT);
    spd_thread_sleep(2500 * SPD_NS_PER_MS);
    expect_silence(port);
}

static void one_interrupt_alone_never_ends_a_process(void **state)
{
    (void)state;
    child_run(wait_after_one);
}

static void close_standard_streams(void)
{
    struct spd_diag diag = { 0 };
    struct stat info;
    struct stat null_info;

    for (int fd = 0; fd <= 2; fd++) {
        close(fd);
    }
    if (spd_console_init(&diag) != SPD_ERR_OK) {
        _exit(2);
    }
    if (stat("/dev/null", &null_info) != 0) {
        _exit(3);
    }
    for (int fd = 0; fd <= 2; fd++) {
        if (fstat(fd, &info) != 0 || info.st_rdev != null_info.st_rdev) {
            _exit(4 + fd);
        }
    }
}

static void closed_standard_streams_are_stood_in_for(void **state)
{
    (void)state;
    child_run(close_standard_streams);
}

/* A terminal of our own: the master of a pseudo terminal has a size, too. */
static void read_the_size_of_a_terminal(void)
{
    struct winsize size = { .ws_row = 24, .ws_col = 133 };
    int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY);

    if (fd < 0) {
        child_skip("no pseudo terminal here");
    }
    CHILD_CHECK(ioctl(fd, TIOCSWINSZ, &size) == 0);
    CHILD_CHECK(dup2(fd, STDERR_FILENO) == STDERR_FILENO);
    if (spd_console_width() != 133 || !spd_console_is_terminal(stderr)) {
        _exit(2);
    }
}

static void the_width_is_that_of_the_terminal(void **state)
{
    (void)state;
    child_run(read_the_size_of_a_terminal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_signal_becomes_one_completion),
        cmocka_unit_test(an_interrupt_counts_also_where_a_shell_had_it_ignored),
        cmocka_unit_test(a_hang_up_stays_ignored_under_nohup),
        cmocka_unit_test(no_other_thread_is_hit_by_a_signal),
        cmocka_unit_test(after_unwatch_a_signal_does_what_it_did_before),
        cmocka_unit_test(a_signal_just_before_unwatch_is_an_event_and_ends_nothing),
        cmocka_unit_test(unwatch_without_a_watch_leaves_signals_alone),
        cmocka_unit_test(a_second_interrupt_ends_a_process_that_does_not_react),
        cmocka_unit_test(a_second_interrupt_after_two_seconds_ends_it_too),
        cmocka_unit_test(a_second_interrupt_does_not_end_a_process_that_reacted),
        cmocka_unit_test(one_interrupt_alone_never_ends_a_process),
        cmocka_unit_test(closed_standard_streams_are_stood_in_for),
        cmocka_unit_test(the_width_is_that_of_the_terminal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
