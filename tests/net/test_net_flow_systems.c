/*
 * Two-way flows on both systems: the Windows program under Wine and the native
 * one measure classes and streams against each other's reflectors over
 * loopback, compare and analyse the logs with the same numbers, and end by hand
 * with whole logs.
 *
 * usage: test_net_flow_systems NATIVE -- COMMAND... (what runs the Windows program)
 */
#include "tests/net/systems.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

/* Two packets every 10 ms and some noise: Wine takes 1000 a second. */
#define QOS                                                                                        \
    "qos %s:%u --packets 100 --calibration 30 --interval 10ms --noise 200kbit:576-1400 "           \
    "--noise-host %s:%u --json --quiet --log %s"

enum { N = 100, N_CALIBRATION = 30, PATIENCE_S = 90 };

static char folder[64];

static const char *path_of(const char *name)
{
    static char paths[4][200];
    static unsigned n;
    char *path = paths[n++ % 4];

    snprintf(path, 200, "%s/%s", folder, name);
    return path;
}

/* ----------------------------------------------------------------------- qos */

static void check_verdict(const char *what, const json_t *verdict)
{
    static const char *const known[] = { "not-enough-load", "protects", "no-difference", "worse" };
    const char *text = json_string_value(verdict);

    for (size_t i = 0; text && i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(text, known[i]) == 0)
            return;
    fail_msg("%s: \"%s\" is no verdict", what, text ? text : "");
}

static void check_qos(const char *what, const json_t *r)
{
    static const char *const ways[] = { "forward", "reverse" };
    json_t *pair = json_array_get(json_object_get(r, "pairs"), 0);

    check_verdict(what, json_object_get(r, "verdict"));
    check_verdict(what, json_object_get(r, "verdict_forward"));
    check_verdict(what, json_object_get(r, "verdict_reverse"));
    for (int d = 0; d < 2; d++) {
        check_verdict(what, json_object_get(json_object_get(pair, ways[d]), "verdict"));
        for (size_t i = 0; i < 2; i++) {
            const json_t *c = json_array_get(json_object_get(r, "classes"), i);
            char path[60];

            snprintf(path, sizeof(path), "%s.n_sent", ways[d]);
            assert_int_equal(net_int(c, path), N);
            snprintf(path, sizeof(path), "%s.n_lost", ways[d]);
            assert_int_equal(net_int(c, path), 0);
            assert_int_equal(net_int(c, "n_calibration"), N_CALIBRATION);
        }
    }
    print_message("  %s: %s; %s\n", what, net_text(r, "verdict"),
                  net_text(json_array_get(json_object_get(r, "classes"), 0), "marks.text"));
}

/* Loopback changes no mark: it came back, or this system said that it gave none. */
static void check_marks(const json_t *c)
{
    bool kept = net_int(c, "marks.n_replies_kept") == net_int(c, "marks.n_replies_known");

    assert_int_equal(kept, net_is_null(c, "marks.refused"));
}

static json_t *qos(enum side sender, enum side reflector, const char *address, const char *log)
{
    struct net_program *r, *sink;
    uint16_t port, sink_port = net_free_port(NET_HERE);
    json_t *result;
    char what[60];

    r = side_reflector(reflector, address, &port);
    sink = side_start(NATIVE, "noise --sink --listen %s:%u", address, sink_port);
    net_await(sink, "taking noise");
    result =
        net_result(side_start(sender, QOS, address, port, address, sink_port, log), PATIENCE_S);
    assert_int_equal(net_int(result, "noise.n_unreachable"), 0);
    assert_string_equal(net_text(result, "log"), log);
    snprintf(what, sizeof(what), "%s to %s over %s", side_names[sender], side_names[reflector],
             address);
    check_qos(what, result);
    if (reflector == NATIVE)
        check_marks(json_array_get(json_object_get(result, "classes"), 0));
    side_interrupt(r, PATIENCE_S);
    return result;
}

/* Both programs compare the classes of a log, to the same end. */
static void compare_on_both(const char *log, const json_t *measured)
{
    json_t *r[N_SIDES];

    for (int side = 0; side < N_SIDES; side++) {
        r[side] =
            net_result(side_start((enum side)side, "compare %s#EF %s#BE --json --quiet", log, log),
                       PATIENCE_S);
        check_qos("compare", r[side]);
    }
    systems_check_same(log, r[NATIVE], r[WINDOWS]);
    assert_true(net_bool(r[NATIVE], "together"));
    for (size_t i = 0; i < 2; i++)
        systems_check_same(
            "what was measured",
            json_object_get(json_array_get(json_object_get(measured, "classes"), i), "forward"),
            json_object_get(json_array_get(json_object_get(r[WINDOWS], "classes"), i), "forward"));
}

static void measure_each_other(const char *address)
{
    const char *native_log = path_of("native.log"), *windows_log = path_of("windows.log");
    json_t *native, *windows, *r[N_SIDES];

    native = qos(NATIVE, NATIVE, address, native_log);
    windows = qos(WINDOWS, NATIVE, address, windows_log);
    systems_check_same_keys(native, windows);
    compare_on_both(native_log, native);
    compare_on_both(windows_log, windows);
    /* One of each, which were not measured together. */
    for (int side = 0; side < N_SIDES; side++)
        r[side] = net_result(side_start((enum side)side, "compare %s#EF %s#EF --json --quiet",
                                        windows_log, native_log),
                             PATIENCE_S);
    systems_check_same("one of each", r[NATIVE], r[WINDOWS]);
    assert_false(net_bool(r[NATIVE], "together"));
    qos(NATIVE, WINDOWS, address, path_of("reflected.log"));
}

static void both_systems_compare_classes_over_ipv4(void **state)
{
    (void)state;
    measure_each_other("127.0.0.1");
}

static void both_systems_compare_classes_over_ipv6(void **state)
{
    (void)state;
    if (!systems_have_ipv6()) {
        printf("skipped: this host has no IPv6 loopback\n");
        skip();
    }
    measure_each_other("[::1]");
}

/* Also of a class that is not the first: Wine marks nothing over IPv6. */
static void a_refused_mark_is_told_of_any_class(void **state)
{
    uint16_t port;
    json_t *r;

    (void)state;
    if (!systems_have_ipv6()) {
        printf("skipped: this host has no IPv6 loopback\n");
        skip();
    }
    side_reflector(NATIVE, "[::1]", &port);
    r = net_result(side_start(WINDOWS,
                              "qos [::1]:%u --class BE --class EF --packets 25 --interval 10ms "
                              "--json --quiet",
                              port),
                   PATIENCE_S);
    check_marks(json_array_get(json_object_get(r, "classes"), 0));
    check_marks(json_array_get(json_object_get(r, "classes"), 1));
}

/* -------------------------------------------------------------------- stream */

static void both_systems_stream_and_analyse_each_others_logs(void **state)
{
    json_t *results[N_SIDES];
    uint16_t port;

    (void)state;
    side_reflector(NATIVE, "127.0.0.1", &port);
    for (int side = 0; side < N_SIDES; side++) {
        const char *log = path_of(side_names[side]);
        json_t *r[N_SIDES];

        results[side] = net_result(side_start((enum side)side,
                                              "stream 127.0.0.1:%u --packets 200 --interval 5ms "
                                              "--json --records --quiet --log %s --plot %s.svg",
                                              port, log, log),
                                   PATIENCE_S);
        for (int by = 0; by < N_SIDES; by++) {
            r[by] =
                net_result(side_start((enum side)by, "analyze %s --json --quiet", log), PATIENCE_S);
            assert_int_equal(net_int(r[by], "log.n_records"), 200);
        }
        systems_check_same(log, json_object_get(r[NATIVE], "flows"),
                           json_object_get(r[WINDOWS], "flows"));
        systems_check_same(log, json_object_get(results[side], "flows"),
                           json_object_get(r[NATIVE], "flows"));
        net_sh(NET_HERE, "grep -q '^<svg ' %s.svg && tail -c 8 %s.svg | grep -q '^</svg>'", log,
               log);
    }
    systems_check_same_keys(results[NATIVE], results[WINDOWS]);
}

/* -------------------------------------------------------------------- Ctrl-C */

static void interrupted_by_hand_the_windows_log_is_whole(void **state)
{
    static const struct {
        const char *command;
        size_t n_flows;
    } rows[] = {
        { "stream 127.0.0.1:%u --packets 5000 --interval 10ms", 1 },
        { "qos 127.0.0.1:%u --packets 5000 --interval 10ms", 2 },
    };
    uint16_t port;

    (void)state;
    side_reflector(NATIVE, "127.0.0.1", &port);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *log = path_of("hand.log");
        struct stat facts = { 0 };
        struct net_program *p;
        char command[200];
        json_t *r;

        remove(log);
        snprintf(command, sizeof(command), rows[i].command, port);
        p = side_start(WINDOWS, "%s --json --quiet --log %s", command, log);
        for (int k = 0; k < 3000 && facts.st_size < 100 * 48; k++) {
            usleep(10000);
            (void)stat(log, &facts);
        }
        r = side_interrupt(p, PATIENCE_S); /* its result, with code 0 */
        if (rows[i].n_flows == 2)
            assert_true(net_bool(r, "interrupted"));
        r = net_result(side_start(NATIVE, "analyze %s --json", log), PATIENCE_S);
        assert_string_equal(net_text(r, "log.state"), "whole");
        assert_in_range(net_int(r, "log.n_records"), 50, 4000);
        for (size_t k = 0; k < rows[i].n_flows; k++) {
            const json_t *flow = json_array_get(json_object_get(r, "flows"), k);

            assert_string_equal(net_text(flow, "ended_by"), "by-hand");
            assert_int_equal(net_int(flow, "loss.n_lost"), 0);
        }
        print_message("  %s: %lld records\n", command, (long long)net_int(r, "log.n_records"));
    }
}

static void the_windows_sender_of_a_one_way_flow_ends_by_hand(void **state)
{
    (void)state;
    for (int control = 0; control < 2; control++) {
        uint16_t port = net_free_port(NET_HERE);
        const char *near = path_of("near.log"), *far = path_of("far.log");
        const char *options = control ? "" : "--no-control";
        struct net_program *receiver, *sender;
        struct stat facts = { 0 };
        char logs[500];
        int64_t n_sent;
        json_t *r;

        remove(near);
        remove(far);
        receiver = side_start(NATIVE, "receive --listen 127.0.0.1:%u --json --log %s %s", port, far,
                              options);
        net_await(receiver, "receiving on ");
        sender = side_start(WINDOWS,
                            "stream --one-way 127.0.0.1:%u --packets 5000 --interval 10ms --json "
                            "--quiet --log %s %s",
                            port, near, options);
        for (int k = 0; k < 3000 && facts.st_size < 100 * 48; k++) {
            usleep(10000);
            (void)stat(far, &facts);
        }
        r = side_interrupt(sender, PATIENCE_S);
        assert_true(net_bool(r, "interrupted"));
        n_sent = net_int(r, "n_sent");
        assert_in_range(n_sent, 50, 4000);
        r = net_result(receiver, PATIENCE_S);
        assert_int_equal(net_int(r, "n_arrived"), n_sent);
        snprintf(logs, sizeof(logs), control ? "%s" : "%s %s", near, far);
        r = net_result(side_start(NATIVE, "analyze %s --json", logs), PATIENCE_S);
        assert_string_equal(net_text(r, "log.state"), "whole");
        assert_string_equal(net_text(r, "test.kind"), "one-way");
        assert_string_equal(net_text(json_array_get(json_object_get(r, "flows"), 0), "ended_by"),
                            "by-hand");
        assert_int_equal(net_int(r, "log.n_records"), n_sent);
        net_end(NULL);
    }
}

/* --------------------------------------------------------------- exit codes */

static void exit_codes_are_the_same(void **state)
{
    static const char *const asked[] = {
        "qos",
        "qos --help",
        "qos 127.0.0.1 --class EF",
        "qos 127.0.0.1 --class EF --class 46",
        "qos 127.0.0.1 --class EF:99999 --class BE",
        "qos 127.0.0.1 --noise lots",
        "qos 127.0.0.1 --noise-host 127.0.0.1",
        "qos 127.0.0.1 --plot /no/such/folder/x.svg",
        "qos 127.0.0.1 --log /no/such/folder/x.log --packets 2",
        "qos nohost.invalid",
        "qos 127.0.0.1:%u --packets 30 --interval 5ms --timeout 100ms",
        "compare",
        "compare --help",
        "compare one",
        "compare /no/such/log /no/such/log",
        "compare NATIVE NATIVE",
        "compare NATIVE#EF NATIVE#BE --quiet",
        "compare NATIVE#EF NATIVE#XX",
        "compare NATIVE#EF NATIVE#BE --calibration 1000",
        "compare NATIVE#EF NATIVE#BE --calibration x",
        "compare NATIVE#EF NATIVE#BE --plot /no/such/folder/x.svg",
        "stream 127.0.0.1:%u --packets 20 --interval 5ms --timeout 100ms",
    };
    const char *log = path_of("native.log");
    uint16_t port = net_free_port(NET_HERE);

    (void)state;
    qos(NATIVE, NATIVE, "127.0.0.1", log);
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        char arguments[700] = "", number[8];
        int codes[N_SIDES];

        snprintf(number, sizeof(number), "%u", port);
        for (const char *t = asked[i]; *t;) {
            size_t n = strlen(arguments);
            bool is_port = strncmp(t, "%u", 2) == 0, is_log = strncmp(t, "NATIVE", 6) == 0;

            snprintf(arguments + n, sizeof(arguments) - n, "%.*s", is_port || is_log ? 200 : 1,
                     is_port  ? number
                     : is_log ? log
                              : t);
            t += is_port ? 2 : is_log ? 6 : 1;
        }
        for (int side = 0; side < N_SIDES; side++)
            codes[side] = net_wait(side_start((enum side)side, "%s", arguments), PATIENCE_S);
        print_message("  %d  %s\n", codes[NATIVE], asked[i]);
        if (codes[NATIVE] != codes[WINDOWS])
            fail_msg("\"%s\": %d natively, %d on Windows", arguments, codes[NATIVE],
                     codes[WINDOWS]);
    }
}

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/spd-flow-systems-%d", (int)getpid());
    return mkdir(folder, 0700);
}

static int remove_folder(void **state)
{
    (void)state;
    net_sh(NET_HERE, "rm -rf %s", folder);
    return 0;
}

#define CASE(f) cmocka_unit_test_teardown(f, net_end)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CASE(both_systems_compare_classes_over_ipv4),
        CASE(both_systems_compare_classes_over_ipv6),
        CASE(a_refused_mark_is_told_of_any_class),
        CASE(both_systems_stream_and_analyse_each_others_logs),
        CASE(interrupted_by_hand_the_windows_log_is_whole),
        CASE(the_windows_sender_of_a_one_way_flow_ends_by_hand),
        CASE(exit_codes_are_the_same),
    };

    systems_use(argc, argv);
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
