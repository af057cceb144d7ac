/*
 * The program on both systems: the Windows one under Wine and the native one
 * measure each other over loopback, where both live (sockets of Wine belong to
 * its server), and say the same things in the same words.
 *
 * usage: test_net_systems NATIVE -- COMMAND... (what runs the Windows program)
 */
#include "tests/net/net.h"

#include <signal.h>

/* Wine pays a trip to its server for every packet: no more than 1000 a second. */
#define PACED "--packets 20 --bursts 50 --gap 20ms --size 200 --retries 0"

enum { N = 1000, PATIENCE_S = 60 };

enum side { NATIVE, WINDOWS, N_SIDES };

static const struct net_how here = { .host = NET_HERE };
static char *words[N_SIDES][4];
static size_t n_words[N_SIDES];

static struct net_program *start(enum side side, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static struct net_program *start(enum side side, const char *format, ...)
{
    char arguments[500];
    va_list list;

    va_start(list, format);
    vsnprintf(arguments, sizeof(arguments), format, list);
    va_end(list);
    return net_start_command(&here, words[side], n_words[side], arguments);
}

/* A reflector on a port of its own, which is returned. */
static struct net_program *start_reflector(enum side side, const char *address, uint16_t *port)
{
    struct net_program *p;

    *port = net_free_port(NET_HERE);
    p = start(side, "reflect --listen %s:%u --stateful --json", address, *port);
    net_await(p, "reflecting on ");
    return p;
}

/* It ends as Ctrl-C ends it, and prints its counters. */
static json_t *stop_reflector(struct net_program *p)
{
    net_signal(p, SIGINT);
    return net_result(p, PATIENCE_S);
}

static json_t *measure(enum side sender, enum side reflector, const char *address,
                       json_t **counters)
{
    uint16_t port;
    struct net_program *p = start_reflector(reflector, address, &port);
    json_t *r = net_result(start(sender, "burst %s:%u %s --json --records", address, port, PACED),
                           PATIENCE_S);

    *counters = stop_reflector(p);
    return r;
}

/* ------------------------------------------------------------ the same words */

static void check_same_keys(const char *at, json_t *a, json_t *b);

static void check_keys_in(const char *at, json_t *a, json_t *b, const char *whose)
{
    const char *key;
    json_t *value;

    json_object_foreach(a, key, value)
    {
        json_t *other = json_object_get(b, key);
        char deeper[200];

        if (!other)
            fail_msg("\"%s.%s\" is only in the result of the %s program", at, key, whose);
        snprintf(deeper, sizeof(deeper), "%s.%s", at, key);
        check_same_keys(deeper, value, other);
    }
}

/* Objects have the same keys; arrays have elements of the same kind. */
static void check_same_keys(const char *at, json_t *a, json_t *b)
{
    if (json_is_object(a) && json_is_object(b)) {
        check_keys_in(at, a, b, "native");
        check_keys_in(at, b, a, "Windows");
    } else if (json_is_array(a) && json_is_array(b)) {
        assert_true(json_array_size(a) > 0 && json_array_size(b) > 0);
        check_same_keys(at, json_array_get(a, 0), json_array_get(b, 0));
    } else if (json_is_object(a) != json_is_object(b) || json_is_array(a) != json_is_array(b)) {
        fail_msg("\"%s\" is of two kinds", at);
    }
}

static void check_measured(const char *what, const json_t *r)
{
    print_message("  %-32s %lld of %lld answered, %lld lost; round trip median %.0f us, p99 %.0f "
                  "us; stamps %s, %s\n",
                  what, (long long)net_int(r, "packet_counts.n_received"),
                  (long long)net_int(r, "packet_counts.n_sent"),
                  (long long)net_int(r, "loss.n_lost"), net_real(r, "round_trip.median_ns") / 1e3,
                  net_real(r, "round_trip.p99_ns") / 1e3, net_text(r, "stamps.t1_source"),
                  net_text(r, "stamps.t4_source"));
    assert_int_equal(net_int(r, "packet_counts.n_sent"), N);
    assert_int_equal(net_int(r, "packet_counts.n_received"), N);
    assert_int_equal(net_int(r, "loss.n_lost"), 0);
    assert_int_equal(net_int(r, "replies.n_malformed"), 0);
    assert_int_equal(net_int(r, "replies.n_unexpected"), 0);
    assert_int_equal(net_int(r, "burst_counts.n_asked"), 50);
    assert_string_equal(net_text(r, "test.reflector_mode"), "stateful");
    assert_string_equal(net_text(r, "schema"), "stampede.burst/1");
}

static void measure_each_other(const char *address)
{
    json_t *native, *r, *native_counters, *counters;

    native = measure(NATIVE, NATIVE, address, &native_counters);
    check_measured("native to native", native);
    r = measure(WINDOWS, NATIVE, address, &counters);
    check_measured("Windows to native reflector", r);
    check_same_keys("", native, r);
    check_same_keys("", native_counters, counters);
    assert_int_equal(net_int(counters, "n_reflected"), N + 2);
    r = measure(NATIVE, WINDOWS, address, &counters);
    check_measured("native to Windows reflector", r);
    check_same_keys("", native, r);
    check_same_keys("", native_counters, counters);
    assert_int_equal(net_int(counters, "n_reflected"), N + 2);
}

static void both_systems_measure_each_other_over_ipv4(void **state)
{
    (void)state;
    measure_each_other("127.0.0.1");
}

static void both_systems_measure_each_other_over_ipv6(void **state)
{
    (void)state;
    if (system("grep -q '^00000000000000000000000000000001 ' /proc/net/if_inet6") != 0) {
        printf("skipped: this host has no IPv6 loopback\n");
        skip();
    }
    measure_each_other("[::1]");
}

/* Of the packets on the wire, whoever sends them. */
static void csv_has_the_same_columns_and_a_row_a_packet(void **state)
{
    const char *csv[N_SIDES];
    size_t n_header[N_SIDES];
    struct net_program *reflector;
    uint16_t port;

    (void)state;
    reflector = start_reflector(NATIVE, "127.0.0.1", &port);
    for (int side = 0; side < N_SIDES; side++) {
        struct net_program *p = start((enum side)side,
                                      "burst 127.0.0.1:%u --packets 5 --bursts 2 --retries 0 "
                                      "--quiet --csv -",
                                      port);
        size_t n_rows = 0;

        assert_int_equal(net_wait(p, PATIENCE_S), 0);
        csv[side] = net_out(p);
        n_header[side] = strcspn(csv[side], "\r");
        for (const char *at = csv[side]; (at = strstr(at, "\r\n")) != NULL; at += 2)
            n_rows++;
        assert_int_equal(n_rows, 1 + 10);
    }
    stop_reflector(reflector);
    assert_int_equal(n_header[NATIVE], n_header[WINDOWS]);
    assert_memory_equal(csv[NATIVE], csv[WINDOWS], n_header[NATIVE]);
}

static void exit_codes_are_the_same(void **state)
{
    static const char *const asked[] = {
        "",
        "--help",
        "--version",
        "burst",
        "burst --help",
        "burst 127.0.0.1 --packets 0",
        "burst 127.0.0.1 --dscp 64",
        "burst 127.0.0.1 --size 71",
        "burst nohost.invalid",
        "burst 127.0.0.1:%u --timeout 50ms",
        "reflect --listen nowhere",
        "reflect --listen 192.0.2.1:8620",
        "bursts 127.0.0.1",
        "burst 127.0.0.1 --csv /no/such/folder/x.csv",
    };
    uint16_t port = net_free_port(NET_HERE);

    (void)state;
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        char arguments[200], *place;
        int codes[N_SIDES];

        snprintf(arguments, sizeof(arguments), "%s", asked[i]);
        if ((place = strstr(arguments, "%u")) != NULL)
            snprintf(place, sizeof(arguments) - (size_t)(place - arguments), "%u%s", port,
                     strstr(asked[i], "%u") + 2);
        for (int side = 0; side < N_SIDES; side++)
            codes[side] = net_wait(start((enum side)side, "%s", arguments), PATIENCE_S);
        if (codes[NATIVE] != codes[WINDOWS])
            fail_msg("\"%s\": %d natively, %d on Windows", arguments, codes[NATIVE],
                     codes[WINDOWS]);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(both_systems_measure_each_other_over_ipv4, net_end),
        cmocka_unit_test_teardown(both_systems_measure_each_other_over_ipv6, net_end),
        cmocka_unit_test_teardown(csv_has_the_same_columns_and_a_row_a_packet, net_end),
        cmocka_unit_test_teardown(exit_codes_are_the_same, net_end),
    };

    if (argc < 4 || argc > 3 + 4 || strcmp(argv[2], "--") != 0) {
        fprintf(stderr, "usage: test_net_systems NATIVE -- COMMAND...\n");
        return 2;
    }
    words[NATIVE][0] = argv[1];
    n_words[NATIVE] = 1;
    n_words[WINDOWS] = (size_t)argc - 3;
    memcpy(words[WINDOWS], argv + 3, n_words[WINDOWS] * sizeof(argv[0]));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
