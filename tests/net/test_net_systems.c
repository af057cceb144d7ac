/*
 * The program on both systems: the Windows one under Wine and the native one
 * measure each other over loopback, where both live (sockets of Wine belong to
 * its server), and say the same things in the same words.
 *
 * usage: test_net_systems NATIVE -- COMMAND... (what runs the Windows program)
 */
#include "tests/net/systems.h"

/* Wine pays a trip to its server for every packet: no more than 1000 a second. */
#define PACED "--packets 20 --bursts 50 --gap 20ms --size 200 --retries 0"

enum { N = 1000, PATIENCE_S = 60 };

static json_t *measure(enum side sender, enum side reflector, const char *address,
                       json_t **counters)
{
    uint16_t port;
    struct net_program *p = side_reflector(reflector, address, &port);
    json_t *r = net_result(
        side_start(sender, "burst %s:%u %s --json --records", address, port, PACED), PATIENCE_S);

    *counters = side_interrupt(p, PATIENCE_S);
    return r;
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
    systems_check_same_keys(native, r);
    systems_check_same_keys(native_counters, counters);
    assert_int_equal(net_int(counters, "n_reflected"), N + 2);
    r = measure(NATIVE, WINDOWS, address, &counters);
    check_measured("native to Windows reflector", r);
    systems_check_same_keys(native, r);
    systems_check_same_keys(native_counters, counters);
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
    if (!systems_have_ipv6()) {
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
    reflector = side_reflector(NATIVE, "127.0.0.1", &port);
    for (int side = 0; side < N_SIDES; side++) {
        struct net_program *p = side_start((enum side)side,
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
    side_interrupt(reflector, PATIENCE_S);
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
            codes[side] = net_wait(side_start((enum side)side, "%s", arguments), PATIENCE_S);
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

    systems_use(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
