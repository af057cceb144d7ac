/*
 * The logs of paced flows with real programs: what stampede compare makes of
 * those of stampede qos, and stampede analyze of those of stampede stream, and
 * Ctrl-C in the middle of a test.
 */
#include "tests/net/net.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATIENCE_S = 60, USAGE = 2, ENVIRONMENT = 3, N = 120, N_CALIBRATION = 40 };

static const struct net_how in_far = { .host = NET_FAR };
static const struct net_how in_near = { .host = NET_NEAR };
static char folder[64];

/* A link of 1 Mbit/s there, and who answers: it is returned. */
static struct net_program *build(void)
{
    struct net_program *reflector;

    net_build(NET_DIRECT);
    net_sh(NET_NEAR, "tc qdisc replace dev n0 root tbf rate 1mbit burst 1600 limit 20000");
    reflector = net_reflector(&in_far, NET_FAR_ADDR, 862, "--stateful");
    net_await(net_start(&in_far, "noise --sink --listen " NET_FAR_ADDR), "taking noise");
    return reflector;
}

static json_t *element(const json_t *root, const char *array, size_t i)
{
    json_t *value = json_array_get(json_object_get(root, array), i);

    assert_non_null(value);
    return value;
}

/* ------------------------------------------------------------------- compare */

static json_t *qos(const char *log, unsigned n_packets, const char *noise)
{
    return net_result(net_start(&in_near,
                                "qos " NET_FAR_ADDR " --packets %u --calibration %d --interval "
                                "10ms --json --quiet --log %s/%s %s",
                                n_packets, N_CALIBRATION, folder, log, noise),
                      PATIENCE_S);
}

static struct net_program *start_compare(const char *a, const char *b, const char *options)
{
    return net_start(&in_near, "compare %s/%s %s/%s --json --quiet %s", folder, a, folder, b,
                     options);
}

static void check_equal(const char *what, const json_t *a, const json_t *b)
{
    char *texts[2] = { json_dumps(a, JSON_SORT_KEYS | JSON_ENCODE_ANY),
                       json_dumps(b, JSON_SORT_KEYS | JSON_ENCODE_ANY) };

    if (strcmp(texts[0], texts[1]) != 0)
        fail_msg("%s: measured %s, of the log %s", what, texts[0], texts[1]);
    free(texts[0]);
    free(texts[1]);
}

/* What was measured and what is read again are the same, with no word about
 * the calibration but the log's own. */
static void compare_repeats_what_qos_said(void **state)
{
    static const char *const ways[] = { "forward", "reverse" };
    json_t *measured, *compared;

    (void)state;
    build();
    measured = qos("noisy.log", N, "--noise 950kbit:576-1400");
    compared = net_result(start_compare("noisy.log#EF", "noisy.log#BE", ""), PATIENCE_S);
    for (size_t i = 0; i < 2; i++) {
        const json_t *a = element(measured, "classes", i), *b = element(compared, "classes", i);

        assert_int_equal(net_int(b, "n_calibration"), N_CALIBRATION);
        assert_int_equal(net_int(b, "forward.n_sent"), N);
        for (int d = 0; d < 2; d++)
            check_equal(ways[d], json_object_get(a, ways[d]), json_object_get(b, ways[d]));
        check_equal("skew", json_object_get(a, "skew"), json_object_get(b, "skew"));
    }
    assert_true(net_bool(compared, "together"));
    assert_true(net_int(element(compared, "classes", 0), "forward.idle_p95_ns") <
                net_int(element(compared, "classes", 0), "forward.pdv_p95_ns"));
    assert_string_equal(net_text(measured, "verdict"), net_text(compared, "verdict"));
}

static void what_was_typed_counts_more_than_the_log(void **state)
{
    static const struct {
        const char *options;
        int code;
        unsigned n_calibration;
        const char *says;
    } rows[] = {
        { "", 0, N_CALIBRATION, NULL },
        { "--calibration 0", 0, 0, NULL },
        { "--calibration 100", 0, 100, NULL },
        { "--calibration 160", USAGE, 0, "nothing is left to be compared: all of its 160 packets" },
        { "--calibration many", USAGE, 0, "--calibration many" },
        { "--calibration 1000001", USAGE, 0, "give 0 to 1000000" },
        { "--calibration 12x", USAGE, 0, "12x" },
        { "--calibration 99999999999999999999", USAGE, 0, "give 0 to 1000000" },
    };

    (void)state;
    build();
    qos("noisy.log", N, "--noise 500kbit");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct net_program *p = start_compare("noisy.log#EF", "noisy.log#BE", rows[i].options);
        int code = net_wait(p, PATIENCE_S);

        if (code != rows[i].code || (rows[i].says && !strstr(net_err(p), rows[i].says)))
            fail_msg("\"%s\": %d: %s", rows[i].options, code, net_err(p));
        if (code == 0) {
            json_t *c = element(net_result(p, 1), "classes", 1);

            assert_int_equal(net_int(c, "n_calibration"), rows[i].n_calibration);
            assert_int_equal(net_int(c, "forward.n_sent"),
                             N + N_CALIBRATION - rows[i].n_calibration);
            assert_int_equal(net_is_null(c, "forward.idle_p95_ns"), rows[i].n_calibration == 0);
        }
    }
}

/* Of two runs, one of which had no noise and so no calibration. */
static void each_log_brings_its_own_calibration(void **state)
{
    json_t *r;

    (void)state;
    build();
    qos("noisy.log", N, "--noise 500kbit");
    qos("quiet.log", N, "");
    r = net_result(start_compare("noisy.log#EF", "quiet.log#EF", ""), PATIENCE_S);
    assert_int_equal(net_int(element(r, "classes", 0), "n_calibration"), N_CALIBRATION);
    assert_int_equal(net_int(element(r, "classes", 1), "n_calibration"), 0);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(net_int(element(r, "classes", i), "forward.n_sent"), N);
    assert_false(net_bool(r, "together"));
    assert_non_null(strstr(net_text(r, "cannot_prove"), "different times"));
    /* And analyze shows it. */
    r = net_result(net_start(&in_near, "analyze %s/noisy.log --json", folder), PATIENCE_S);
    assert_int_equal(net_int(element(r, "flows", 1), "schedule.n_calibration"), N_CALIBRATION);
}

/* -------------------------------------------------------------------- Ctrl-C */

struct interruption {
    const char *name;
    const char *command;
    size_t n_flows;
    unsigned records;   /* in the log when it comes */
    unsigned n_signals; /* the second one does not wait for replies */
    int code;
    const char *says; /* on standard error, where no result is shown */
};

static const struct interruption interruptions[] = {
    { "stream", "stream " NET_FAR_ADDR " --packets 5000 --interval 5ms", 1, 60, 1, 0, NULL },
    { "stream, twice", "stream " NET_FAR_ADDR " --packets 5000 --interval 5ms --timeout 60s", 1, 60,
      2, 0, NULL },
    { "qos", "qos " NET_FAR_ADDR " --packets 5000 --interval 5ms", 2, 120, 1, 0, NULL },
    { "qos with noise",
      "qos " NET_FAR_ADDR " --packets 5000 --interval 5ms --calibration 40 --noise 500kbit", 2, 200,
      1, 0, NULL },
    { "qos, calibrating",
      "qos " NET_FAR_ADDR " --packets 5000 --interval 5ms --calibration 4000 --noise 500kbit", 2,
      60, 1, ENVIRONMENT, "interrupted before anything but the calibration" },
};

static void await_records(const char *path, unsigned n)
{
    struct stat facts;

    for (int i = 0; i < 1000; i++) {
        if (stat(path, &facts) == 0 && facts.st_size > (off_t)n * 48)
            return;
        usleep(10000);
    }
    fail_msg("no %u records came to %s", n, path);
}

/* The result is of what was measured until then, as is the log. */
static void check_interrupted(const struct interruption *row, json_t *result, json_t *log)
{
    int64_t n_records = 0;

    if (strcmp(net_text(log, "log.state"), "whole") != 0)
        fail_msg("%s: the log is %s", row->name, net_text(log, "log.state"));
    for (size_t i = 0; i < row->n_flows; i++) {
        const json_t *flow = element(log, "flows", i);
        int64_t n_sent = net_int(flow, "sending.n_sent");

        if (strcmp(net_text(flow, "ended_by"), "by-hand") != 0)
            fail_msg("%s: ended by %s", row->name, net_text(flow, "ended_by"));
        assert_in_range(n_sent, row->records / 2 / row->n_flows, 3999);
        n_records += n_sent;
        if (result && row->n_flows == 1) {
            check_equal(row->name, json_object_get(element(result, "flows", 0), "forward"),
                        json_object_get(flow, "forward"));
        } else if (result) {
            const json_t *c = element(result, "classes", i);

            assert_int_equal(net_int(c, "forward.n_sent") + net_int(c, "n_calibration"), n_sent);
        }
    }
    assert_int_equal(net_int(log, "log.n_records"), n_records);
}

static void interrupted_by_hand_the_log_is_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(interruptions) / sizeof(interruptions[0]); i++) {
        const struct interruption *row = &interruptions[i];
        struct net_program *p, *reflector = build();
        char path[200];
        json_t *log;
        int code;

        snprintf(path, sizeof(path), "%s/hand.log", folder);
        remove(path);
        p = net_start(&in_near, "%s --json --quiet --log %s", row->command, path);
        await_records(path, row->records);
        /* Nothing comes back any more: what is under way would be waited for. */
        if (row->n_signals > 1) {
            net_signal(reflector, SIGSTOP);
            usleep(100000);
        }
        for (unsigned k = 0; k < row->n_signals; k++) {
            usleep(k * 300000);
            net_signal(p, SIGINT);
        }
        code = net_wait(p, 20);
        if (code != row->code || (row->says && !strstr(net_err(p), row->says)))
            fail_msg("%s: %d: %s", row->name, code, net_err(p));
        log = net_result(net_start(&in_near, "analyze %s --json", path), PATIENCE_S);
        if (row->n_signals > 1)
            assert_true(net_int(element(log, "flows", 0), "loss.n_lost") > 0);
        check_interrupted(row, code == 0 ? net_result(p, 1) : NULL, log);
        print_message("  %s: %lld records\n", row->name, (long long)net_int(log, "log.n_records"));
        net_end(NULL);
    }
}

/* ------------------------------------------------------------------- analyze */

/* Every key of what was said when it was measured is in what the log says, with
 * the same value, and no other. */
static void analyze_says_what_stream_said(void **state)
{
    json_t *measured, *analysed;
    const char *key;
    json_t *value;

    (void)state;
    build();
    measured = net_result(net_start(&in_near,
                                    "stream " NET_FAR_ADDR " --packets %d --interval 2ms --json "
                                    "--records --quiet --log %s/stream.log",
                                    N, folder),
                          PATIENCE_S);
    analysed = net_result(net_start(&in_near, "analyze %s/stream.log --json --records", folder),
                          PATIENCE_S);
    json_object_foreach(measured, key, value)
        check_equal(key, value, json_object_get(analysed, key));
    assert_int_equal(json_object_size(measured), json_object_size(analysed));
    assert_int_equal(net_int(element(measured, "flows", 0), "forward.n_sent"), N);
}

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/spd-flow-logs-%d", (int)getpid());
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
        CASE(compare_repeats_what_qos_said),
        CASE(what_was_typed_counts_more_than_the_log),
        CASE(each_log_brings_its_own_calibration),
        CASE(interrupted_by_hand_the_log_is_whole),
        CASE(analyze_says_what_stream_said),
    };

    net_use(argc - 1, argv + 1);
    net_require_hosts();
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
