/*
 * The HTTP server of metrics, asked by a plain client over loopback: what it
 * gives, what it refuses, and that clients of ill will stop neither it nor
 * others. The same on both systems.
 */
#include <stdio.h>

#include "common/sys/clock.h"
#include "common/sys/console.h"
#include "common/sys/tcp.h"
#include "common/sys/thread.h"
#include "tests/support/random.h"
#include "tests/system/metrics_kit.h"
#include "tests/unit/unit.h"

#define REPLY_MAX 65536

struct stage {
    struct kit *kit;
    struct spd_metrics_http *http;
    struct spd_addr at;
    char reply[REPLY_MAX];
};

static void stage_set(struct stage *stage)
{
    static const struct spd_texts listen = { { "127.0.0.1:0" }, 1 };
    struct spd_metrics_http_config config = { .listen = &listen, .key = KIT_KEY };
    struct spd_diag diag = { 0 };
    char host[SPD_ADDR_TEXT_BYTES];
    uint16_t port;

    stage->kit = kit_start();
    config.port = kit_port(stage->kit);
    if (spd_metrics_http_start(&config, &stage->http, &diag))
        fail_msg("no server: %s", diag.text);
    assert_true(
        spd_addr_split(spd_metrics_http_text(stage->http), 0, false, host, sizeof(host), &port));
    assert_true(spd_addr_parse_host(host, &stage->at));
    stage->at.port = port;
    assert_true(spd_addr_is_loopback(&stage->at));
}

static void stage_strike(struct stage *stage)
{
    spd_metrics_http_stop(stage->http);
    kit_stop(stage->kit);
}

static struct spd_tcp *dial(struct stage *stage)
{
    struct spd_tcp *stream;
    struct spd_diag diag = { 0 };

    if (spd_tcp_connect(&stage->at, NULL, 10 * SPD_NS_PER_S, &stream, &diag))
        fail_msg("no connection: %s", diag.text);
    return stream;
}

static void wait_on(struct spd_tcp *stream, bool read)
{
    struct spd_tcp_want want = { .stream = stream, .read = read, .write = !read };

    assert_int_equal(spd_tcp_wait(&want, 1, NULL, 30 * SPD_NS_PER_S), SPD_ERR_OK);
}

/* False when the server has closed. */
static bool say(struct spd_tcp *stream, const void *bytes, size_t n)
{
    const char *at = bytes;

    while (n > 0) {
        size_t n_written = 0;
        enum spd_err err = spd_tcp_write(stream, at, n, &n_written);

        if (err == SPD_ERR_TIMEOUT)
            wait_on(stream, false);
        else if (err)
            return false;
        at += n_written;
        n -= n_written;
    }
    return true;
}

/* Everything until the server closes, as text. */
static size_t hear(struct spd_tcp *stream, char *out, size_t capacity)
{
    size_t n = 0;

    while (n + 1 < capacity) {
        size_t n_read = 0;
        enum spd_err err = spd_tcp_read(stream, out + n, capacity - 1 - n, &n_read);

        if (err == SPD_ERR_TIMEOUT)
            wait_on(stream, true);
        else if (err)
            break;
        n += n_read;
    }
    out[n] = '\0';
    return n;
}

/* The status of the answer to these octets, which stands in stage->reply; 0
 * when there is none. */
static int ask_raw(struct stage *stage, const char *request, size_t n)
{
    struct spd_tcp *stream = dial(stage);
    int status = 0;

    (void)say(stream, request, n);
    (void)hear(stream, stage->reply, sizeof(stage->reply));
    spd_tcp_close(stream);
    (void)sscanf(stage->reply, "HTTP/1.1 %d", &status);
    return status;
}

static int ask(struct stage *stage, const char *method, const char *path, const char *headers)
{
    char request[1000];
    int n = snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n",
                     method, path, headers);

    return ask_raw(stage, request, (size_t)n);
}

static const char *body_of(const struct stage *stage)
{
    const char *body = strstr(stage->reply, "\r\n\r\n");

    assert_non_null(body);
    return body + 4;
}

/* ---- what it gives ---- */

static void page_and_health_are_served(void **state)
{
    static struct stage stage;
    size_t n = 0;

    (void)state;
    stage_set(&stage);
    assert_int_equal(ask(&stage, "GET", "/metrics", ""), 200);
    assert_non_null(strstr(stage.reply, "text/plain; version=0.0.4"));
    assert_non_null(strstr(body_of(&stage), "stampede_healthy 1\n"));
    assert_non_null(strstr(body_of(&stage), "{test=\"voice to \\\"Berlin\\\"\"} 0.0025\n"));
    assert_null(strstr(body_of(&stage), "# EOF"));
    assert_int_equal(ask(&stage, "GET", "/metrics?x=1",
                         "Accept: application/openmetrics-text;version=1.0.0\r\n"),
                     200);
    assert_non_null(strstr(stage.reply, "application/openmetrics-text; version=1.0.0"));
    assert_non_null(strstr(body_of(&stage), "# EOF\n"));
    assert_non_null(strstr(stage.reply, "Connection: close"));
    assert_int_equal(sscanf(strstr(stage.reply, "Content-Length:"), "Content-Length: %zu", &n), 1);
    assert_int_equal(n, strlen(body_of(&stage)));
    assert_int_equal(ask(&stage, "HEAD", "/metrics", ""), 200);
    assert_string_equal(body_of(&stage), "");
    assert_int_equal(ask(&stage, "GET", "/healthz", ""), 200);
    assert_non_null(strstr(stage.reply, "application/json"));
    assert_non_null(strstr(body_of(&stage), "\"status\": \"ok\""));
    assert_int_equal(kit_n_asked(stage.kit), 4);
    stage_strike(&stage);
}

static void service_that_is_unwell_says_why(void **state)
{
    static struct stage stage;

    (void)state;
    stage_set(&stage);
    kit_set(stage.kit, KIT_UNWELL);
    assert_int_equal(ask(&stage, "GET", "/healthz", ""), 503);
    assert_non_null(strstr(body_of(&stage), "disk full"));
    assert_int_equal(ask(&stage, "GET", "/metrics", ""), 200); /* that can still be watched */
    assert_non_null(strstr(body_of(&stage), "stampede_healthy 0\n"));
    kit_set(stage.kit, KIT_FAILS);
    assert_int_equal(ask(&stage, "GET", "/metrics", ""), 503);
    assert_string_equal(body_of(&stage), "out of memory\n");
    assert_int_equal(ask(&stage, "GET", "/healthz", ""), 503);
    assert_non_null(strstr(body_of(&stage), "\"unwell\""));
    stage_strike(&stage);
}

/* The figures are the controller's; it may be busy, for long, and answer when
 * nobody waits any more. */
static void who_does_not_answer_in_time_is_not_waited_for(void **state)
{
    static struct stage stage;
    spd_ticks begin;

    (void)state;
    stage_set(&stage);
    kit_set(stage.kit, KIT_HOLDS);
    begin = spd_clock_now();
    assert_int_equal(ask(&stage, "GET", "/metrics", ""), 503);
    assert_true(spd_ticks_diff_ns(spd_clock_now(), begin, spd_clock_frequency_hz()) >=
                SPD_METRICS_PATIENCE_NS);
    assert_string_equal(body_of(&stage), "the service did not answer in time\n");
    assert_int_equal(ask(&stage, "GET", "/healthz", ""), 503);
    assert_non_null(strstr(body_of(&stage), "did not answer in time"));
    assert_int_equal(kit_n_held(stage.kit), 2);
    kit_set(stage.kit, KIT_ANSWERS); /* the two as well, too late */
    for (int i = 0; i < 20; i++)
        assert_int_equal(ask(&stage, "GET", "/metrics", ""), 200);
    assert_int_equal(kit_n_held(stage.kit), 0);
    stage_strike(&stage);
}

struct waiting {
    struct stage *stage;
    int status;
};

static void ask_and_wait(void *argument)
{
    struct waiting *w = argument;

    w->status = ask(w->stage, "GET", "/metrics", "");
}

static void stop_does_not_wait_for_answers(void **state)
{
    static struct stage stage;
    struct waiting waiting = { .stage = &stage, .status = -1 };
    struct spd_thread *thread;

    (void)state;
    stage_set(&stage);
    kit_set(stage.kit, KIT_HOLDS);
    assert_int_equal(spd_thread_start(&thread, "asks", ask_and_wait, &waiting), SPD_ERR_OK);
    while (kit_n_held(stage.kit) == 0)
        spd_thread_sleep(SPD_NS_PER_MS);
    spd_metrics_http_stop(stage.http);
    spd_thread_join(thread);
    assert_true(waiting.status == 503 || waiting.status == 0);
    kit_stop(stage.kit); /* answers what is left, to nobody */
}

/* ---- what it refuses ---- */

static void nothing_but_its_two_pages_is_served(void **state)
{
    static const struct {
        const char *method, *path;
        int status;
    } rows[] = {
        { "GET", "/", 404 },
        { "GET", "/metrics/", 404 },
        { "GET", "/metric", 404 },
        { "GET", "/Metrics", 404 },
        { "GET", "/etc/passwd", 404 },
        { "GET", "/../../../../etc/passwd", 404 },
        { "GET", "/%2e%2e/%2e%2e/etc/passwd", 404 },
        { "GET", "/CMakeCache.txt", 404 },
        { "GET", "/metrics%00.txt", 404 },
        { "GET", "/./metrics", 200 },
        { "POST", "/metrics", 405 },
        { "PUT", "/metrics", 405 },
        { "DELETE", "/healthz", 405 },
        { "OPTIONS", "/metrics", 405 },
        { "PROPFIND", "/", 405 },
    };
    static struct stage stage;

    (void)state;
    stage_set(&stage);
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        char row[100];

        snprintf(row, sizeof(row), "%s %s", rows[i].method, rows[i].path);
        CHECK_ROW_INT(row, ask(&stage, rows[i].method, rows[i].path, ""), rows[i].status);
        CHECK_ROW(row, rows[i].status != 404 || strstr(body_of(&stage), "there are /metrics"));
        CHECK_ROW(row, rows[i].status != 405 || strstr(stage.reply, "Allow: GET, HEAD\r\n"));
    }
    assert_int_equal(kit_n_asked(stage.kit), 1);
    stage_strike(&stage);
}

static void addresses_that_cannot_be_are_refused_with_a_reason(void **state)
{
    static struct stage stage;
    char taken[SPD_ADDR_TEXT_BYTES], bad[] = "192.0.2.1:9862";
    struct {
        const char *name;
        const char *listen;
        enum spd_err err;
        const char *says;
    } rows[] = {
        { "a port that is taken", taken, SPD_ERR_IN_USE, "in use" },
        { "an address that is not ours", bad, SPD_ERR_NOT_FOUND, "192.0.2.1" },
        { "a name", "localhost:9862", SPD_ERR_INVALID, "127.0.0.1:9862" },
        { "a port that is none", "127.0.0.1:65536", SPD_ERR_INVALID, "65536" },
        { "nothing", "", SPD_ERR_INVALID, "no address" },
    };

    (void)state;
    stage_set(&stage);
    spd_addr_format(&stage.at, taken);
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_texts listen = { { "127.0.0.1:0", rows[i].listen }, 2 };
        struct spd_metrics_http_config config = { &listen, kit_port(stage.kit), KIT_KEY };
        struct spd_metrics_http *http = NULL;
        struct spd_diag diag = { 0 };

        CHECK_ROW_INT(rows[i].name, spd_metrics_http_start(&config, &http, &diag), rows[i].err);
        CHECK_ROW(diag.text, strstr(diag.text, rows[i].says));
        assert_null(http);
    }
    stage_strike(&stage);
}

/* ---- clients of ill will ---- */

static void check_serves(struct stage *stage)
{
    assert_int_equal(ask(stage, "GET", "/metrics", ""), 200);
    assert_non_null(strstr(body_of(stage), "stampede_healthy 1\n"));
}

static void random_octets_are_survived(void **state)
{
    struct spd_random random = spd_random_start("metrics_http");
    static const char *const starts[] = { "", "GET ", "GET /metrics HTTP/1.1\r\n",
                                          "HEAD / HTTP/1.0\r\n",
                                          "GET /metrics HTTP/1.1\r\nAccept: " };
    static struct stage stage;
    static char bytes[3000];

    (void)state;
    stage_set(&stage);
    for (int i = 0; i < 200; i++) {
        const char *start = starts[spd_random_below(&random, N_ROWS(starts))];
        size_t n = strlen(start), n_more = spd_random_below(&random, 2000);

        memcpy(bytes, start, n);
        spd_random_bytes(&random, bytes + n, n_more);
        memcpy(bytes + n + n_more, "\r\n\r\n", 4);
        (void)ask_raw(&stage, bytes, n + n_more + 4);
    }
    check_serves(&stage);
    stage_strike(&stage);
}

static void requests_that_are_too_long_are_cut_off(void **state)
{
    static struct stage stage;
    static char request[100000];
    int status;

    (void)state;
    stage_set(&stage);
    memset(request, 'a', sizeof(request));
    memcpy(request, "GET /metrics HTTP/1.1\r\nX: ", 26);
    status = ask_raw(&stage, request, sizeof(request));
    assert_true(status == 0 || status >= 400); /* a reset may overtake the answer */
    check_serves(&stage);
    /* A body that nobody reads, and that never comes. */
    assert_int_equal(ask(&stage, "GET", "/metrics", "Content-Length: 10000000000\r\n"), 200);
    assert_int_equal(ask(&stage, "POST", "/metrics", "Content-Length: 10000000000\r\n"), 405);
    stage_strike(&stage);
}

/* More of them than there are threads, with nothing or half a line, and some that
 * ask and never read. */
static void silent_clients_do_not_shut_out_others(void **state)
{
    enum { N = 60 };
    static const char half[] = "GET /met", whole[] = "GET /metrics HTTP/1.1\r\n\r\n";
    static struct stage stage;
    struct spd_tcp *silent[N];

    (void)state;
    stage_set(&stage);
    for (int i = 0; i < N; i++) {
        silent[i] = dial(&stage);
        if (i % 3 == 1)
            (void)say(silent[i], half, sizeof(half) - 1);
        if (i % 3 == 2)
            (void)say(silent[i], whole, sizeof(whole) - 1);
    }
    check_serves(&stage);
    for (int i = 0; i < N; i++)
        spd_tcp_close(silent[i]);
    check_serves(&stage);
    stage_strike(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(page_and_health_are_served),
        cmocka_unit_test(service_that_is_unwell_says_why),
        cmocka_unit_test(who_does_not_answer_in_time_is_not_waited_for),
        cmocka_unit_test(stop_does_not_wait_for_answers),
        cmocka_unit_test(nothing_but_its_two_pages_is_served),
        cmocka_unit_test(addresses_that_cannot_be_are_refused_with_a_reason),
        cmocka_unit_test(random_octets_are_survived),
        cmocka_unit_test(requests_that_are_too_long_are_cut_off),
        cmocka_unit_test(silent_clients_do_not_shut_out_others),
    };

    if (spd_console_init(NULL)) /* Windows: its network */
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
