/*
 * The whole service as its manager, its users and those who watch it see it: a
 * played systemd, the commands, the local interface, the page of metrics, and
 * the history at the end.
 */
#include <signal.h>
#include <unistd.h>

#include "tests/system/service_kit.h"

enum { CLIENT_S = 60 };

#define LOOP                                                                                       \
    "[test \"loop\"]\ncommand = stream\ntarget = 127.0.0.1:%u\npackets = 20\ninterval = 10ms\n"    \
    "every = 1s\n"
/* A test that only ends when somebody ends it. */
#define ENDLESS "\"command\":\"stream\",\"arguments\":[\"127.0.0.1:%u\",\"--packets\",\"100000\"]"

static int64_t ask_endless(struct service_link *link, int id)
{
    char arguments[200];

    snprintf(arguments, sizeof(arguments), ENDLESS, service.port);
    return service_ask_test(link, id, arguments);
}

/* ------------------------------------------------------------- its manager */

static void the_manager_hears_all_that_it_waits_for(void **state)
{
    int64_t before_us, told_us, after_us;

    (void)state;
    service_configure(LOOP, service.port);
    service_start_managed(400);
    service_hear_notice("READY=1");
    service_hear_notice("WATCHDOG=1");
    service_hear_notice("WATCHDOG=1");
    before_us = service_now_ns() / 1000;
    net_signal(service.program, SIGHUP);
    service_hear_notice("RELOADING=1\nMONOTONIC_USEC=");
    after_us = service_now_ns() / 1000;
    told_us = strtoll(strchr(service.heard, '\n') + strlen("\nMONOTONIC_USEC="), NULL, 10);
    assert_true(before_us <= told_us && told_us <= after_us);
    service_hear_notice("READY=1");
    service_hear_notice("WATCHDOG=1");
    net_signal(service.program, SIGTERM);
    service_hear_notice("STOPPING=1");
    service_stop();
}

static void a_scheduled_test_runs_and_is_in_the_history(void **state)
{
    const json_t *runs, *run;

    (void)state;
    service_configure(LOOP "log = yes\n", service.port);
    service_start();
    runs = service_await("finished", "loop", 2);
    service_stop();
    for (size_t i = 0; i < json_array_size(runs); i++) {
        run = json_array_get(runs, i);
        if (strcmp(net_text(run, "state"), "finished") != 0)
            continue;
        assert_string_equal(net_text(run, "kind"), "stream");
        assert_string_equal(net_text(run, "user"), "");
        assert_int_equal(net_int(run, "exit_code"), 0);
        assert_int_equal(net_int(run, "n_sent"), 20);
        assert_true(net_int(run, "scheduled_ns") <= net_int(run, "started_ns"));
        assert_int_equal(access(net_text(run, "log"), R_OK), 0);
    }
}

static void a_good_configuration_is_taken_and_a_bad_one_changes_nothing(void **state)
{
    const json_t *status;
    char where[200];

    (void)state;
    service_configure(LOOP, service.port);
    service_start();
    service_await("finished", "loop", 1);

    service_configure("%s", "[limits]\ntotal-tests = many\n");
    net_signal(service.program, SIGHUP);
    /* Ten lines stand before it. */
    snprintf(where, sizeof(where), "%s/stampede.ini:11: ", service.folder);
    net_await(service.program, where);
    status = service_status();
    assert_int_equal(net_int(status, "reloads_refused"), 1);
    assert_int_equal(net_int(status, "reloads"), 0);
    assert_int_equal(net_int(status, "tests_scheduled"), 1);
    service_await("finished", "loop", service_count(service_history(), "finished", "loop") + 2);

    service_configure("[test \"other\"]\ncommand = burst\ntarget = 127.0.0.1:%u\nbursts = 1\n"
                      "packets = 10\nevery = 1s\n",
                      service.port);
    net_signal(service.program, SIGHUP);
    net_await(service.program, "was read again: 1 tests");
    service_await("finished", "other", 2);
    assert_int_equal(net_int(service_status(), "reloads"), 1);
    service_stop();
}

/* ------------------------------------------------------------ its users */

/* Both have the same members, all the way down; of arrays the first elements. */
static void check_same_members(const char *what, json_t *a, json_t *b)
{
    const char *key;
    json_t *value;

    if (json_is_array(a) && json_is_array(b)) {
        if (json_array_size(a) > 0 && json_array_size(b) > 0)
            check_same_members(what, json_array_get(a, 0), json_array_get(b, 0));
        return;
    }
    if (!json_is_object(a) || !json_is_object(b))
        return;
    json_object_foreach(a, key, value)
    {
        if (!json_object_get(b, key))
            fail_msg("%s: \"%s\" is missing by the service", what, key);
        check_same_members(key, value, json_object_get(b, key));
    }
    json_object_foreach(b, key, value) if (!json_object_get(a, key))
        fail_msg("%s: \"%s\" is by the service alone", what, key);
}

/* Both reports have all of these lines, which begin with a word of "a|b|c". */
static void check_labels(const char *what, const char *labels, const char *alone,
                         const char *by_service)
{
    for (const char *at = labels; *at; at += strcspn(at, "|"), at += *at == '|') {
        char text[40];

        snprintf(text, sizeof(text), "\n%.*s ", (int)strcspn(at, "|"), at);
        if (!strstr(alone, text) || !strstr(by_service, text))
            fail_msg("%s: no line \"%s\" in\n%s\nor\n%s", what, text + 1, alone, by_service);
    }
}

static struct net_program *run_to_end(struct net_program *p)
{
    int code = net_wait(p, CLIENT_S);

    if (code != 0)
        fail_msg("a command ended with %d: %s", code, net_err(p));
    return p;
}

static void each_command_gives_by_the_service_what_it_gives_alone(void **state)
{
    static const struct {
        const char *command, *options, *labels;
    } rows[] = {
        { "burst", "--bursts 2 --packets 20",
          "Packets|Round trip|Variation forward|Bursts|Stamps" },
        { "stream", "--packets 50 --interval 5",
          "Packets|Rate|Round trip|Variation reverse|Jitter|MOS|Session|Stamps" },
        { "qos", "--class EF --class BE --packets 50 --interval 5", "method|marks|verdict" },
    };
    const struct net_how here = { .host = NET_HERE };

    (void)state;
    service_configure("%s", "");
    service_start();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *command = rows[i].command, *options = rows[i].options;
        struct net_program *alone, *by_service;

        alone = net_start(&here, "%s 127.0.0.1:%u %s --json", command, service.port, options);
        net_result(alone, CLIENT_S);
        by_service = service_client(false, "%s 127.0.0.1:%u %s --json --via-service", command,
                                    service.port, options);
        check_same_members(command, net_result(alone, CLIENT_S), net_result(by_service, CLIENT_S));

        alone = run_to_end(net_start(&here, "%s 127.0.0.1:%u %s", command, service.port, options));
        by_service = run_to_end(service_client(false, "%s 127.0.0.1:%u %s --via-service", command,
                                               service.port, options));
        check_labels(command, rows[i].labels, net_out(alone), net_out(by_service));
    }
    assert_int_equal(service_count(service_history(), "finished", ""), 6);
    service_stop();
}

static void progress_is_told_on_the_way_and_the_result_with_its_number(void **state)
{
    const json_t *line, *run;
    struct service_link *link;
    int64_t number, permille = 0;
    char arguments[200];
    int n_progress = 0;

    (void)state;
    service_configure("%s", "");
    service_start();
    link = service_link();
    snprintf(arguments, sizeof(arguments),
             "\"command\":\"stream\",\"arguments\":[\"127.0.0.1:%u\",\"--packets\",\"100\"]",
             service.port);
    number = service_ask_test(link, 77, arguments);
    while (strcmp(net_text(line = service_hear(link), "event"), "progress") == 0) {
        assert_int_equal(net_int(line, "id"), 77);
        assert_int_equal(net_int(line, "test"), number);
        assert_true(net_int(line, "permille") > permille && net_int(line, "permille") <= 1000);
        permille = net_int(line, "permille");
        n_progress++;
    }
    assert_true(n_progress > 2);
    assert_string_equal(net_text(line, "event"), "finished");
    assert_int_equal(net_int(line, "history"), number);
    assert_int_equal(net_int(line, "exit_code"), 0);
    assert_false(net_bool(line, "interrupted"));
    assert_non_null(strstr(net_text(line, "text"), "sent 100   received 100"));
    /* It is there as soon as that was said. */
    run = service_find(service_history(), number);
    assert_non_null(run);
    assert_string_equal(net_text(run, "state"), "finished");
    service_unlink(link);
    service_stop();
}

static void wait_until_it_runs(size_t n)
{
    for (int i = 0; i < 600 && net_int(service_status(), "tests_running") < (int64_t)n; i++)
        usleep(100000);
    usleep(500000); /* some packets more */
}

static void an_interrupted_client_shows_what_there_is(void **state)
{
    const json_t *result, *run;
    struct net_program *p;
    int64_t n_sent;

    (void)state;
    service_configure("%s", "");
    service_start();
    p = service_client(false, "stream 127.0.0.1:%u --packets 100000 --json --via-service",
                       service.port);
    wait_until_it_runs(1);
    net_signal(p, SIGINT);
    result = net_result(p, CLIENT_S);
    n_sent = net_int(json_array_get(json_object_get(result, "flows"), 0), "sending.n_sent");
    assert_true(n_sent > 0 && n_sent < 100000);
    run = json_array_get(service_history(), 0);
    assert_string_equal(net_text(run, "state"), "cancelled");
    assert_int_equal(net_int(run, "n_sent"), n_sent);
    service_stop();
}

static void tests_are_listed_and_cancelled_by_number(void **state)
{
    const json_t *line, *entry;
    struct service_link *link;
    struct net_program *p;
    int64_t number;

    (void)state;
    service_configure("%s", "");
    service_start();
    p = run_to_end(service_client(false, "tests"));
    assert_string_equal(net_out(p), "no test runs\n");

    link = service_link();
    number = ask_endless(link, 5);
    wait_until_it_runs(1);
    line = net_result(service_client(false, "tests --json"), CLIENT_S);
    assert_int_equal(json_array_size(json_object_get(line, "tests")), 1);
    entry = json_array_get(json_object_get(line, "tests"), 0);
    assert_int_equal(net_int(entry, "test"), number);
    assert_string_equal(net_text(entry, "state"), "running");
    assert_string_equal(net_text(entry, "command"), "stream");
    assert_non_null(strstr(net_out(run_to_end(service_client(false, "tests"))), "stream"));

    p = service_client(false, "cancel %lld", (long long)number + 1);
    assert_int_not_equal(net_wait(p, CLIENT_S), 0);
    assert_non_null(strstr(net_err(p), "no test"));
    run_to_end(service_client(false, "cancel %lld", (long long)number));
    line = service_hear_event(link, "finished");
    assert_true(net_bool(line, "interrupted"));
    assert_string_equal(net_text(service_find(service_history(), number), "state"), "cancelled");

    line = net_result(service_client(false, "status --json"), CLIENT_S);
    assert_int_equal(net_int(line, "tests_cancelled"), 1);
    assert_int_equal(net_int(line, "tests_running"), 0);
    service_unlink(link);
    service_stop();
}

/* Whenever it comes: a result, or why there is none. */
static void a_test_that_is_cancelled_at_once_says_so(void **state)
{
    static const char *const arguments[] = {
        "\"command\":\"stream\",\"arguments\":[\"127.0.0.1:%u\"]",
        "\"command\":\"burst\",\"arguments\":[\"127.0.0.1:%u\",\"--bursts\",\"1000\"]",
        "\"command\":\"qos\",\"arguments\":[\"127.0.0.1:%u\",\"--class\",\"EF\",\"--class\","
        "\"BE\"]",
    };
    struct service_link *link;

    (void)state;
    service_configure("%s", "");
    service_start();
    link = service_link();
    for (useconds_t delay_us = 0; delay_us < 20000; delay_us += 2000)
        for (size_t i = 0; i < sizeof(arguments) / sizeof(arguments[0]); i++) {
            const json_t *line;
            char text[200];
            int64_t number;

            snprintf(text, sizeof(text), arguments[i], service.port);
            number = service_ask_test(link, 1, text);
            usleep(delay_us);
            service_say(link, "{\"stampede\":1,\"id\":2,\"do\":\"cancel\",\"test\":%lld}",
                        (long long)number);
            line = service_hear_event(link, "finished");
            if (!json_object_get(line, net_int(line, "exit_code") ? "error_text" : "text") ||
                !net_text(line, net_int(line, "exit_code") ? "error_text" : "text")[0])
                fail_msg("after %d us: nothing for people in the end of %s", (int)delay_us, text);
        }
    service_stop();
}

/* ----------------------------------------------------------------- its end */

static void a_stop_in_the_middle_of_tests_keeps_what_they_found(void **state)
{
    const json_t *runs, *line;
    struct service_link *link;
    int64_t number;

    (void)state;
    service_configure("[test \"long\"]\ncommand = stream\ntarget = 127.0.0.1:%u\n"
                      "packets = 40000\ninterval = 20ms\nevery = 1s\n",
                      service.port);
    service_start();
    link = service_link();
    number = ask_endless(link, 1);
    wait_until_it_runs(2);
    service_stop();
    /* The client heard of it in time. */
    line = service_hear_event(link, "finished");
    assert_true(net_bool(line, "interrupted"));
    assert_int_equal(net_int(line, "history"), number);
    runs = service_history();
    assert_int_equal(service_count(runs, "cancelled", ""), 1);
    assert_int_equal(service_count(runs, "cancelled", "long"), 1);
    assert_int_equal(service_count(runs, "running", NULL), 0);
    for (size_t i = 0; i < json_array_size(runs); i++)
        if (strcmp(net_text(json_array_get(runs, i), "state"), "cancelled") == 0)
            assert_true(net_int(json_array_get(runs, i), "n_sent") > 0);
    service_unlink(link);
}

/* ------------------------------------------------------- those who watch it */

static void the_pages_tell_health_and_the_last_results(void **state)
{
    const char *page;

    (void)state;
    service_configure(LOOP, service.port);
    service_start();
    service_await("finished", "loop", 2);
    page = service_get("/healthz");
    assert_non_null(strstr(page, "200 OK"));
    assert_non_null(strstr(page, "\"status\": \"ok\""));
    page = service_get("/metrics");
    assert_non_null(strstr(page, "stampede_healthy 1\n"));
    assert_non_null(strstr(page, "test=\"loop\""));
    assert_non_null(strstr(page, "# EOF\n"));
    service_stop();
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, service_setup, service_teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CASE(the_manager_hears_all_that_it_waits_for),
        CASE(a_scheduled_test_runs_and_is_in_the_history),
        CASE(a_good_configuration_is_taken_and_a_bad_one_changes_nothing),
        CASE(each_command_gives_by_the_service_what_it_gives_alone),
        CASE(progress_is_told_on_the_way_and_the_result_with_its_number),
        CASE(an_interrupted_client_shows_what_there_is),
        CASE(tests_are_listed_and_cancelled_by_number),
        CASE(a_test_that_is_cancelled_at_once_says_so),
        CASE(a_stop_in_the_middle_of_tests_keeps_what_they_found),
        CASE(the_pages_tell_health_and_the_last_results),
    };

    net_use(argc - 1, argv + 1);
    return cmocka_run_group_tests_name("test_service", tests, NULL, NULL);
}
