/*
 * The contract of common/sys/eventlog.h as far as it is lines on standard
 * error, which go to a file for the time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/sys/console.h"
#include "common/sys/eventlog.h"
#include "common/sys/thread.h"

#define FILE_NAME "test_eventlog.tmp"
#define N_THREADS 4
#define N_LINES   200

static char text[N_THREADS * N_LINES * 40];

static int real_stderr;

/* From now on standard error is a file. */
static void capture(void)
{
    FILE *file = fopen(FILE_NAME, "wb");

    assert_non_null(file);
    fflush(stderr);
    real_stderr = dup(2);
    assert_true(real_stderr > 2);
    assert_int_not_equal(dup2(fileno(file), 2), -1);
    fclose(file);
}

/* What has been written since; standard error is itself again. */
static const char *captured(void)
{
    FILE *file;
    size_t n;

    fflush(stderr);
    assert_int_not_equal(dup2(real_stderr, 2), -1);
    close(real_stderr);
    file = fopen(FILE_NAME, "rb");
    assert_non_null(file);
    n = fread(text, 1, sizeof(text) - 1, file);
    text[n] = '\0';
    fclose(file);
    remove(FILE_NAME);
    return text;
}

static void an_event_is_a_line_with_its_level(void **state)
{
    (void)state;
    capture();
    spd_eventlog_write(SPD_EVENT_STARTED, "version %d", 3);
    spd_eventlog_write(SPD_EVENT_TEST_MISSED, "late");
    spd_eventlog_write(SPD_EVENT_STORE, "disk full");
    assert_string_equal(captured(), "stampede: version 3\nstampede: warning: late\n"
                                    "stampede: error: disk full\n");
}

static void what_a_network_sent_stays_one_line(void **state)
{
    (void)state;
    capture();
    spd_eventlog_write(SPD_EVENT_NOTICE, "%s", "a\nstampede: error: b\x1b[2J");
    assert_string_equal(captured(), "stampede: a\\x0Astampede: error: b\\x1B[2J\n");
}

static void a_long_event_is_cut(void **state)
{
    static char line[3000];

    (void)state;
    capture();
    memset(line, 'x', sizeof(line) - 1);
    spd_eventlog_write(SPD_EVENT_NOTICE, "%s", line);
    assert_int_equal(strlen(captured()), strlen("stampede: \n") + SPD_EVENTLOG_BYTES);
}

static void open_and_close_may_be_repeated(void **state)
{
    (void)state;
    capture();
    spd_eventlog_close();
    spd_eventlog_open("StampedeTest", false);
    spd_eventlog_open("StampedeTest", false);
    spd_eventlog_write(SPD_EVENT_NOTICE, "between");
    spd_eventlog_close();
    spd_eventlog_close();
    spd_eventlog_write(SPD_EVENT_NOTICE, "after");
    assert_string_equal(captured(), "stampede: between\nstampede: after\n");
}

static void write_many(void *unused)
{
    (void)unused;
    for (int i = 0; i < N_LINES; i++)
        spd_eventlog_write(SPD_EVENT_NOTICE, "one line of many");
}

static void lines_of_many_threads_do_not_mix(void **state)
{
    struct spd_thread *threads[N_THREADS];
    const char *at;
    int n = 0;

    (void)state;
    capture();
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(spd_thread_start(&threads[i], "write", write_many, NULL), SPD_ERR_OK);
    for (int i = 0; i < N_THREADS; i++)
        spd_thread_join(threads[i]);
    at = captured();
    while (strncmp(at, "stampede: one line of many\n", 27) == 0) {
        at += 27;
        n++;
    }
    assert_string_equal(at, "");
    assert_int_equal(n, N_THREADS * N_LINES);
}

static int start(void **state)
{
    (void)state;
    return (int)spd_console_init(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_a_line_with_its_level),
        cmocka_unit_test(what_a_network_sent_stays_one_line),
        cmocka_unit_test(a_long_event_is_cut),
        cmocka_unit_test(open_and_close_may_be_repeated),
        cmocka_unit_test(lines_of_many_threads_do_not_mix),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
