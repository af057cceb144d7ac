/*
 * On an idle path: what the program says of each packet against captures at
 * both ends of the link. Both hosts have one clock here, so the captures tell
 * the truth about each direction too, but for the few microseconds between
 * their taps and the kernel's stamps.
 *
 * The computer is not always ours alone: a measurement may be made up to five
 * times, and each time is shown.
 */
#include "tests/net/net.h"

#include <math.h>

enum { ATTEMPTS = 5, MEDIAN_LIMIT_NS = 6000, P99_LIMIT_NS = 10000, SENT_BACK_P99_LIMIT_NS = 5000 };

static const struct net_how in_far = { .host = NET_FAR };
static const struct net_how in_near = { .host = NET_NEAR };

/* The four moments at which a packet passed a tap; 0: it did not. */
struct passage {
    int64_t near_out_ns, far_in_ns, far_out_ns, near_in_ns;
};

/* Deviations of the program from the captures, one a packet, in ns. */
struct deviations {
    size_t n;
    double *round_trip;
    double *forward; /* variation */
    double *reverse;
    double *sent_back; /* the reflector's send stamp, to the tap behind it */
};

static bool is_of_test(const struct net_frame *f, const json_t *r, size_t n_sent)
{
    uint32_t ssid = (uint32_t)f->payload[14] << 8 | f->payload[15];

    return f->n_payload == (size_t)net_int(r, "test.size_bytes") - 28 &&
           ssid == net_int(r, "test.ssid") && net_u32(f, f->to_port == 862 ? 0 : 24) < n_sent;
}

/* One tap saw both directions; which moment is which, the host tells. */
static void note(struct net_capture *capture, enum net_host host, const json_t *r,
                 struct passage *passages, size_t n_sent)
{
    const struct net_frame *f;
    size_t n;

    f = net_capture_frames(capture, &n);
    for (size_t i = 0; i < n; i++) {
        bool request = f[i].to_port == 862;
        struct passage *p;
        int64_t *moment;

        if (!is_of_test(&f[i], r, n_sent))
            continue;
        p = &passages[net_u32(&f[i], request ? 0 : 24)];
        if (host == NET_NEAR)
            moment = request ? &p->near_out_ns : &p->near_in_ns;
        else
            moment = request ? &p->far_in_ns : &p->far_out_ns;
        assert_int_equal(f[i].outgoing, request == (host == NET_NEAR));
        assert_int_equal(*moment, 0);
        *moment = f[i].at_ns;
    }
}

/* The least delay within each run of n_interval packets, each way. */
static void subtract_least(const struct passage *p, size_t n, size_t n_interval, double *forward,
                           double *reverse)
{
    for (size_t first = 0; first < n; first += n_interval) {
        double least_forward = INFINITY, least_reverse = INFINITY;

        for (size_t i = first; i < first + n_interval; i++) {
            forward[i] = (double)(p[i].far_in_ns - p[i].near_out_ns);
            reverse[i] = (double)(p[i].near_in_ns - p[i].far_out_ns);
            least_forward = fmin(least_forward, forward[i]);
            least_reverse = fmin(least_reverse, reverse[i]);
        }
        for (size_t i = first; i < first + n_interval; i++) {
            forward[i] -= least_forward;
            reverse[i] -= least_reverse;
        }
    }
}

/* n_interval: the packets among which the least delay counts as no variation. */
static void compare(const json_t *r, const struct passage *passages, size_t n_interval,
                    struct deviations *d)
{
    const struct net_packet *packets = net_packets(r, &d->n);

    d->round_trip = net_alloc(d->n * sizeof(double));
    d->forward = net_alloc(d->n * sizeof(double));
    d->reverse = net_alloc(d->n * sizeof(double));
    d->sent_back = net_alloc(d->n * sizeof(double));
    subtract_least(passages, d->n, n_interval, d->forward, d->reverse);
    for (size_t i = 0; i < d->n; i++) {
        const struct passage *p = &passages[i];
        int64_t truth = (p->near_in_ns - p->near_out_ns) - (p->far_out_ns - p->far_in_ns);

        assert_int_equal(packets[i].seq, i);
        assert_string_equal(packets[i].fate, "received");
        assert_true(p->near_out_ns && p->far_in_ns && p->far_out_ns && p->near_in_ns);
        d->round_trip[i] = (double)(packets[i].round_trip_ns - truth);
        d->forward[i] = (double)packets[i].pdv_forward_ns - d->forward[i];
        d->reverse[i] = (double)packets[i].pdv_reverse_ns - d->reverse[i];
        d->sent_back[i] = (double)(packets[i].t3_ns - p->far_out_ns);
    }
}

static void measure(unsigned n_packets, unsigned n_bursts, const char *gap, struct deviations *d)
{
    struct net_capture *near, *far;
    struct passage *passages = net_alloc(n_packets * n_bursts * sizeof(*passages));
    json_t *r;

    net_build(NET_DIRECT);
    near = net_capture_start(NET_NEAR, "n0");
    far = net_capture_start(NET_FAR, "f0");
    net_reflector(&in_far, NET_FAR_ADDR, 862, "");
    r = net_result(net_start(&in_near,
                             "burst " NET_FAR_ADDR " --packets %u --bursts %u --gap %s --retries 0 "
                             "--size 128 --json --records",
                             n_packets, n_bursts, gap),
                   120);
    assert_int_equal(net_int(r, "packet_counts.n_received"), n_packets * n_bursts);
    assert_string_equal(net_text(r, "stamps.t1_source"), "kernel-sched");
    assert_string_equal(net_text(r, "stamps.t4_source"), "kernel");
    assert_string_equal(net_text(r, "pdv_interval"), n_packets == 1 ? "test" : "burst");
    note(near, NET_NEAR, r, passages, n_packets * n_bursts);
    note(far, NET_FAR, r, passages, n_packets * n_bursts);
    compare(r, passages, n_packets == 1 ? n_bursts : n_packets, d);
}

/* Shows how far off they are, with their sign and without. */
static bool within(const char *what, const double *deviations, size_t n, double p99_limit_ns)
{
    double *sample = net_alloc(n * sizeof(*sample)), middle, median, p99;

    memcpy(sample, deviations, n * sizeof(*sample));
    middle = net_quantile(sample, n, 0.5);
    for (size_t i = 0; i < n; i++)
        sample[i] = fabs(deviations[i]);
    median = net_quantile(sample, n, 0.5);
    p99 = net_quantile(sample, n, 0.99);
    print_message("  %-26s signed median %+6.2f us; off by %5.2f us (median), %6.2f us (p99)\n",
                  what, middle / 1e3, median / 1e3, p99 / 1e3);
    return median <= MEDIAN_LIMIT_NS && p99 <= p99_limit_ns;
}

static bool all_within(const struct deviations *d, double sent_back_p99_limit_ns)
{
    bool holds = within("round trip", d->round_trip, d->n, P99_LIMIT_NS);

    holds = within("forward variation", d->forward, d->n, P99_LIMIT_NS) && holds;
    holds = within("reverse variation", d->reverse, d->n, P99_LIMIT_NS) && holds;
    return within("reflector's send stamp", d->sent_back, d->n, sent_back_p99_limit_ns) && holds;
}

static void single_packets_agree_with_captures_at_both_ends(void **state)
{
    bool holds = false;

    (void)state;
    for (int i = 0; i < ATTEMPTS && !holds; i++) {
        struct deviations d;

        print_message("1000 packets, one at a time:\n");
        measure(1, 1000, "1ms", &d);
        holds = all_within(&d, P99_LIMIT_NS);
        net_end(NULL);
    }
    net_hold_unless_busy(holds);
}

/* In bursts the weak point is the send time in a reply: it is written before
 * the reply leaves. */
static void packets_in_bursts_agree_with_captures_at_both_ends(void **state)
{
    bool holds = false;

    (void)state;
    for (int i = 0; i < ATTEMPTS && !holds; i++) {
        struct deviations d;

        print_message("20 bursts of 100 packets:\n");
        measure(100, 20, "20ms", &d);
        holds = all_within(&d, SENT_BACK_P99_LIMIT_NS);
        net_end(NULL);
    }
    net_hold_unless_busy(holds);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(single_packets_agree_with_captures_at_both_ends, net_end),
        cmocka_unit_test_teardown(packets_in_bursts_agree_with_captures_at_both_ends, net_end),
    };

    net_use(argc - 1, argv + 1);
    net_require_hosts();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
