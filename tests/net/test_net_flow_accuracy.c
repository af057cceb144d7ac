/*
 * Delays of paced flows with kernel stamps, packet by packet, against captures
 * in both hosts: two-way, and one-way. Both hosts have the same kernel and so
 * the same clock, by which the captures tell the true delays.
 *
 * The computer is not always ours alone: a measurement may be made up to five
 * times, and each time is shown.
 */
#include "tests/net/net.h"

#include <math.h>
#include <unistd.h>

enum { ATTEMPTS = 5, N = 1000, P99_LIMIT_NS = 10000, PATIENCE_S = 60, SIZE = 128, HEADERS = 28 };

static const struct net_how in_far = { .host = NET_FAR };
static const struct net_how in_near = { .host = NET_NEAR };
static char near_log[64], far_log[64];

/* The moments at which a packet and its reply passed the taps; 0: not. */
struct passage {
    int64_t near_out_ns, far_in_ns, far_out_ns, near_in_ns;
};

struct taps {
    struct net_capture *near, *far;
};

static struct taps tap(void)
{
    net_build(NET_DIRECT);
    return (struct taps){ net_capture_start(NET_NEAR, "n0"), net_capture_start(NET_FAR, "f0") };
}

/* The number of the packet stands first, in a reply at 24 (RFC 8762 section
 * 4.3.1); packets that end a one-way session have numbers behind the last. */
static void note(struct net_capture *capture, enum net_host host, struct passage *passages)
{
    const struct net_frame *f;
    size_t n;

    f = net_capture_frames(capture, &n);
    for (size_t i = 0; i < n; i++) {
        bool there = f[i].outgoing == (host == NET_NEAR);
        struct passage *p;
        int64_t *moment;
        uint32_t seq;

        if (f[i].n_payload != SIZE - HEADERS)
            continue;
        seq = net_u32(&f[i], there ? 0 : 24);
        if (seq >= N)
            continue;
        p = &passages[seq];
        if (host == NET_NEAR)
            moment = there ? &p->near_out_ns : &p->near_in_ns;
        else
            moment = there ? &p->far_in_ns : &p->far_out_ns;
        assert_int_equal(*moment, 0);
        *moment = f[i].at_ns;
    }
}

static struct passage *passages_of(struct taps taps)
{
    struct passage *passages = net_alloc(N * sizeof(*passages));

    note(taps.near, NET_NEAR, passages);
    note(taps.far, NET_FAR, passages);
    return passages;
}

static bool within(const char *what, double *deviations, double limit_ns)
{
    double middle = net_quantile(deviations, N, 0.5), median, p99;

    for (size_t i = 0; i < N; i++)
        deviations[i] = fabs(deviations[i]);
    median = net_quantile(deviations, N, 0.5);
    p99 = net_quantile(deviations, N, 0.99);
    print_message("  %-22s signed median %+6.2f us; off by %5.2f us (median), %6.2f us (p99), "
                  "%.2f us (most)\n",
                  what, middle / 1e3, median / 1e3, p99 / 1e3, deviations[N - 1] / 1e3);
    return p99 <= limit_ns;
}

static double of_row(const json_t *row, const char *name)
{
    return (double)json_integer_value(json_object_get(row, name));
}

static const json_t *rows_of(const json_t *result)
{
    const json_t *rows = json_object_get(result, "packets");

    assert_int_equal(json_array_size(rows), N);
    return rows;
}

/* Raw and normalised delays of one direction, and what the captures say. */
static bool direction_within(const char *raw_key, const char *key, const json_t *rows,
                             const struct passage *passages, bool there)
{
    double *raw = net_alloc(N * sizeof(*raw)), *normal = net_alloc(N * sizeof(*normal));
    double *truth = net_alloc(N * sizeof(*truth)), least = INFINITY;
    bool holds;

    for (size_t i = 0; i < N; i++) {
        const struct passage *p = &passages[i];

        truth[i] = (double)(there ? p->far_in_ns - p->near_out_ns : p->near_in_ns - p->far_out_ns);
        assert_true(there ? p->far_in_ns && p->near_out_ns : p->near_in_ns && p->far_out_ns);
        least = fmin(least, truth[i]);
    }
    for (size_t i = 0; i < N; i++) {
        const json_t *row = json_array_get(rows, i);

        assert_int_equal(of_row(row, "seq"), i);
        assert_true(json_is_integer(json_object_get(row, raw_key)));
        raw[i] = of_row(row, raw_key) - truth[i];
        normal[i] = of_row(row, key) - (truth[i] - least);
    }
    holds = within(raw_key, raw, P99_LIMIT_NS);
    return within(key, normal, P99_LIMIT_NS) && holds;
}

static void check_sources(const json_t *rows, const char *t1, const char *rx)
{
    for (size_t i = 0; i < N; i++) {
        const json_t *row = json_array_get(rows, i);

        assert_string_equal(json_string_value(json_object_get(row, "fate")), "received");
        assert_string_equal(json_string_value(json_object_get(row, "t1_source")), t1);
        if (rx)
            assert_string_equal(json_string_value(json_object_get(row, "rx_source")), rx);
    }
}

/* ------------------------------------------------------------------- two-way */

static bool two_way(void)
{
    double *round_trip = net_alloc(N * sizeof(*round_trip));
    struct taps taps = tap();
    struct passage *passages;
    const json_t *rows;
    bool holds;

    net_reflector(&in_far, NET_FAR_ADDR, 862, "--stateful");
    rows = rows_of(net_result(net_start(&in_near,
                                        "stream " NET_FAR_ADDR " --packets %d --interval 1ms "
                                        "--size %d --json --records --quiet",
                                        N, SIZE),
                              PATIENCE_S));
    passages = passages_of(taps);
    check_sources(rows, "kernel", "kernel");
    for (size_t i = 0; i < N; i++) {
        const struct passage *p = &passages[i];

        round_trip[i] = of_row(json_array_get(rows, i), "round_trip_ns") -
                        (double)(p->near_in_ns - p->near_out_ns - (p->far_out_ns - p->far_in_ns));
    }
    holds = within("round_trip_ns", round_trip, P99_LIMIT_NS);
    holds =
        direction_within("latency_forward_raw_ns", "latency_forward_ns", rows, passages, true) &&
        holds;
    return direction_within("latency_reverse_raw_ns", "latency_reverse_ns", rows, passages,
                            false) &&
           holds;
}

/* ------------------------------------------------------------------- one-way */

/* Over control the receiver's records come to the sender, with their times but
 * not where these were taken; without it both logs are put together. */
static bool one_way(bool control)
{
    struct taps taps = tap();
    const char *options = control ? "" : "--no-control";
    const json_t *rows;
    char logs[200];
    json_t *sent;

    remove(far_log);
    net_await(
        net_start(&in_far, "receive --listen " NET_FAR_ADDR ":8610 --log %s %s", far_log, options),
        "receiving on ");
    sent = net_result(net_start(&in_near,
                                "stream --one-way " NET_FAR_ADDR ":8610 --packets %d --interval "
                                "1ms --size %d --log %s --json --quiet %s",
                                N, SIZE, near_log, options),
                      PATIENCE_S);
    assert_int_equal(net_int(sent, "n_sent"), N);
    usleep(500000); /* the receiver lingers for 200 ms */
    snprintf(logs, sizeof(logs), control ? "%s" : "%s %s", near_log, far_log);
    rows =
        rows_of(net_result(net_start(&in_near, "analyze %s --json --records", logs), PATIENCE_S));
    check_sources(rows, "kernel", control ? NULL : "kernel");
    return direction_within("latency_forward_raw_ns", "latency_forward_ns", rows, passages_of(taps),
                            true);
}

static bool one_way_with_control(void)
{
    return one_way(true);
}

static bool one_way_without_control(void)
{
    return one_way(false);
}

static void try_often(const char *what, bool (*measure)(void))
{
    bool holds = false;

    for (int i = 0; i < ATTEMPTS && !holds; i++) {
        print_message("%d packets, %s:\n", N, what);
        holds = measure();
        net_end(NULL);
    }
    net_hold_unless_busy(holds);
}

static void delays_of_a_two_way_flow_agree_with_captures_at_both_ends(void **state)
{
    (void)state;
    try_often("two-way", two_way);
}

static void delays_of_a_one_way_flow_agree_with_captures_at_both_ends(void **state)
{
    (void)state;
    try_often("one-way, fetched", one_way_with_control);
    try_often("one-way, two logs", one_way_without_control);
}

static int remove_logs(void **state)
{
    (void)state;
    remove(near_log);
    remove(far_log);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(delays_of_a_two_way_flow_agree_with_captures_at_both_ends,
                                  net_end),
        cmocka_unit_test_teardown(delays_of_a_one_way_flow_agree_with_captures_at_both_ends,
                                  net_end),
    };

    net_use(argc - 1, argv + 1);
    net_require_hosts();
    snprintf(near_log, sizeof(near_log), "/tmp/spd-flow-accuracy-%d-near.log", (int)getpid());
    snprintf(far_log, sizeof(far_log), "/tmp/spd-flow-accuracy-%d-far.log", (int)getpid());
    return cmocka_run_group_tests(tests, NULL, remove_logs);
}
