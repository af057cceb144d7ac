/*
 * Background traffic across a veth pair: the rate that was asked for, the sizes
 * that were asked for, and a sink that counts the same as the sender.
 */
#include "tests/net/net.h"

#include <math.h>
#include <signal.h>

static const struct net_how in_far = { .host = NET_FAR };
static const struct net_how in_near = { .host = NET_NEAR };

struct noise {
    json_t *sent, *taken;
    const struct net_frame *frames;
    size_t n_frames;
};

/* The noise of a command across a link, its sink, and a capture behind it. */
static struct noise make(const char *options)
{
    struct net_program *sink;
    struct net_capture *capture;
    struct noise n;

    net_build(NET_DIRECT);
    sink = net_start(&in_far, "noise --sink --listen 0.0.0.0 --json");
    net_await(sink, "taking noise on 0.0.0.0:8862");
    capture = net_capture_start(NET_FAR, "f0");
    n.sent = net_result(net_start(&in_near, "noise " NET_FAR_ADDR " --json %s", options), 60);
    net_signal(sink, SIGINT);
    n.taken = net_result(sink, 10);
    n.frames = net_capture_frames(capture, &n.n_frames);
    return n;
}

/* The sender, the sink and the capture agree on what passed. */
static void check_counts(const struct noise *n)
{
    int64_t n_bytes = 0;

    for (size_t i = 0; i < n->n_frames; i++) {
        assert_false(n->frames[i].outgoing); /* a sink answers nothing */
        assert_int_equal(n->frames[i].to_port, 8862);
        n_bytes += (int64_t)n->frames[i].n_payload + 28;
    }
    assert_int_equal(net_int(n->sent, "n_not_sent"), 0);
    assert_int_equal(net_int(n->sent, "n_sent"), n->n_frames);
    assert_int_equal(net_int(n->sent, "n_bytes"), n_bytes);
    assert_int_equal(net_int(n->taken, "n_received"), n->n_frames);
    assert_int_equal(net_int(n->taken, "n_bytes"), n_bytes);
    assert_int_equal(net_int(n->taken, "n_dropped_by_system"), 0);
}

/* By the capture: all bits but the last packet's, over the time from the first
 * packet to the last. */
static double captured_bps(const struct noise *n)
{
    const struct net_frame *first = &n->frames[0], *last = &n->frames[n->n_frames - 1];
    double bits = 0;

    for (size_t i = 0; i + 1 < n->n_frames; i++)
        bits += ((double)n->frames[i].n_payload + 28) * 8;
    return bits * 1e9 / (double)(last->at_ns - first->at_ns);
}

static void the_rate_is_within_1_percent_of_what_was_asked(void **state)
{
    static const struct {
        const char *options;
        double bps;
    } rows[] = {
        { "--rate 100kbit --duration 6s --size 64-1400", 100e3 },
        { "--rate 1Mbit --duration 2s", 1e6 },
        { "--rate 20Mbit --duration 2s --size imix", 20e6 },
        { "--rate 5Mbit --duration 2s --size 40", 5e6 },
        { "--rate 50Mbit --duration 1s --size 1500", 50e6 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        double by_capture = NAN, told = NAN;

        for (int attempt = 0; attempt < 3; attempt++) {
            struct noise n = make(rows[i].options);

            check_counts(&n);
            by_capture = captured_bps(&n) / rows[i].bps - 1;
            told = net_real(n.sent, "rate_bps") / rows[i].bps - 1;
            assert_int_equal(net_int(n.sent, "rate_asked_bps"), (int64_t)rows[i].bps);
            print_message("%s: %zu packets, off by %+.3f %% (capture), %+.3f %% (told)\n",
                          rows[i].options, n.n_frames, 100 * by_capture, 100 * told);
            net_end(NULL);
            if (fabs(by_capture) <= 0.01 && fabs(told) <= 0.01)
                break;
        }
        assert_true(fabs(by_capture) <= 0.01 && fabs(told) <= 0.01);
    }
}

/* Gaps of chance have a rate of chance: within 5 standard errors. How many are
 * short suffers when the computer is busy: three times are allowed. */
static void poisson_has_its_rate_and_its_gaps(void **state)
{
    bool holds = false;

    (void)state;
    for (int attempt = 0; attempt < 3 && !holds; attempt++) {
        struct noise n = make("--rate 1Mbit --size 500 --duration 4s --poisson");
        double mean_ns = 500 * 8e9 / 1e6, sum = 0, n_short = 0, n_gaps = (double)n.n_frames - 1;

        check_counts(&n);
        for (size_t i = 1; i < n.n_frames; i++) {
            double gap_ns = (double)(n.frames[i].at_ns - n.frames[i - 1].at_ns);

            sum += gap_ns;
            n_short += gap_ns < mean_ns * 0.6931472; /* half of them */
        }
        print_message("%zu packets: mean gap %.2f ms of %.2f, %.1f %% below the median\n",
                      n.n_frames, sum / n_gaps / 1e6, mean_ns / 1e6, 100 * n_short / n_gaps);
        assert_true(n_gaps > 700);
        holds = fabs(sum / n_gaps / mean_ns - 1) < 5 / sqrt(n_gaps) &&
                fabs(n_short / n_gaps - 0.5) < 5 * 0.5 / sqrt(n_gaps);
        net_end(NULL);
    }
    assert_true(holds);
}

static void sizes_come_by_the_mix(void **state)
{
    struct noise n = make("--rate 20Mbit --duration 1s --size 60:7,576:4,1000-1009:1");
    double n_60 = 0, n_576 = 0, n_rest = 0, all = (double)n.n_frames;

    (void)state;
    check_counts(&n);
    for (size_t i = 0; i < n.n_frames; i++) {
        size_t size = n.frames[i].n_payload + 28;

        n_60 += size == 60;
        n_576 += size == 576;
        n_rest += size >= 1000 && size <= 1009;
    }
    assert_true(all > 5000);
    assert_true(n_60 + n_576 + n_rest == all);
    assert_true(fabs(n_60 / all - 7 / 12.0) < 5 * sqrt(7 / 12.0 * 5 / 12.0 / all));
    assert_true(fabs(n_576 / all - 4 / 12.0) < 5 * sqrt(4 / 12.0 * 8 / 12.0 / all));
}

static void a_reflector_does_not_answer_noise(void **state)
{
    struct net_capture *capture;
    const struct net_frame *f;
    json_t *r;
    size_t n;

    (void)state;
    net_build(NET_DIRECT);
    net_reflector(&in_far, NET_FAR_ADDR, 862, "--stateful");
    capture = net_capture_start(NET_NEAR, "n0");
    r = net_result(net_start(&in_near, "noise " NET_FAR_ADDR ":862 --rate 2Mbit --duration 1s "
                                       "--size 28-1500 --json"),
                   30);
    f = net_capture_frames(capture, &n);
    assert_true(n > 100);
    assert_int_equal(net_int(r, "n_sent"), n);
    for (size_t i = 0; i < n; i++)
        assert_true(f[i].outgoing);
}

static void noise_is_marked_as_asked(void **state)
{
    struct noise n = make("--rate 1Mbit --duration 200ms --dscp AF11");

    (void)state;
    check_counts(&n);
    assert_true(n.n_frames > 10);
    for (size_t i = 0; i < n.n_frames; i++)
        assert_int_equal(n.frames[i].tclass, 10 << 2);
}

static void ctrl_c_ends_noise_with_its_result(void **state)
{
    struct net_program *p;
    json_t *r;

    (void)state;
    net_build(NET_DIRECT);
    p = net_start(&in_near, "noise " NET_FAR_ADDR " --rate 1Mbit --duration 60s --json");
    assert_false(net_ended_within(p, 1000));
    net_signal(p, SIGINT);
    r = net_result(p, 10);
    assert_true(net_bool(r, "interrupted"));
    assert_in_range(net_int(r, "n_sent"), 100, 2000);
}

/* The noise goes out all the same; but who sends it should know. */
static void noise_that_nobody_takes_is_told(void **state)
{
    struct net_program *p;

    (void)state;
    net_build(NET_DIRECT);
    p = net_start(&in_near, "noise " NET_FAR_ADDR " --rate 1Mbit --duration 300ms");
    assert_int_equal(net_wait(p, 20), 0);
    assert_non_null(strstr(net_err(p), "stampede noise --sink"));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(the_rate_is_within_1_percent_of_what_was_asked, net_end),
        cmocka_unit_test_teardown(poisson_has_its_rate_and_its_gaps, net_end),
        cmocka_unit_test_teardown(sizes_come_by_the_mix, net_end),
        cmocka_unit_test_teardown(a_reflector_does_not_answer_noise, net_end),
        cmocka_unit_test_teardown(noise_is_marked_as_asked, net_end),
        cmocka_unit_test_teardown(ctrl_c_ends_noise_with_its_result, net_end),
        cmocka_unit_test_teardown(noise_that_nobody_takes_is_told, net_end),
    };

    net_use(argc - 1, argv + 1);
    net_require_hosts();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
