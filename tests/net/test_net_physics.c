/*
 * A burst through a link of known rate: what the program reports is held
 * against the arithmetic of the token bucket, and against a capture behind it.
 *
 * The computer is not always ours alone, and when a timer fires late the bucket
 * overflows: a link may be measured up to three times, and each time is shown.
 */
#include "tests/net/shaped.h"

#include <math.h>

enum { N_BURSTS = 3, ATTEMPTS = 3, LIMIT_BYTES = 10000000 };

/* ------------------------------------------------------------ truth */

/* What enters the bucket when, and what comes out of it when, from the first
 * packet of a burst, by one clock. */
struct passage {
    double in_ns[N_PACKETS];
    double out_ns[N_PACKETS];
};

/* By the rule of the token bucket: it is full when the burst begins, and a
 * packet passes as soon as the bucket holds its bytes. */
static void pass_bucket(const struct link *link, struct passage *p)
{
    double rate = link_rate_bytes_per_ns(link), tokens = BUCKET_BYTES, at = p->in_ns[0];

    for (size_t k = 0; k < N_PACKETS; k++) {
        double leaves = at + (link_bytes(link) - tokens) / rate;

        if (leaves < p->in_ns[k])
            leaves = p->in_ns[k];
        if (leaves < at)
            leaves = at;
        tokens = fmin(BUCKET_BYTES, tokens + (leaves - at) * rate) - link_bytes(link);
        p->out_ns[k] = at = leaves;
    }
}

/* When the packets of one burst entered: sent by the sender, or sent back. */
static void note_entries(const struct link *link, const struct net_packet *packets,
                         struct passage *p)
{
    const struct net_packet *first = &packets[0];

    for (size_t k = 0; k < N_PACKETS; k++)
        p->in_ns[k] = link->way == FORWARD ? (double)(packets[k].t1_ns - first->t1_ns)
                                           : (double)(packets[k].t3_ns - first->t3_ns);
}

/* The rate at which bytes came out, as the middle one of those between packets
 * half a burst apart. */
static double rate_of(const struct link *link, const struct passage *p, size_t burst_index,
                      double *rates)
{
    enum { HALF = N_PACKETS / 2 };

    for (size_t k = 0; k < HALF; k++)
        rates[burst_index * HALF + k] =
            link_bytes(link) * HALF * 8e9 / (p->out_ns[k + HALF] - p->out_ns[k]);
    return net_quantile(rates, (burst_index + 1) * HALF, 0.5);
}

/* ------------------------------------------------------------ figures */

struct figures {
    double error_median, error_p99;    /* of the variation of each packet, to its true value */
    double capacity_ip, capacity_link; /* deviation, relative */
    double other_way; /* median variation of the other direction, to that of this one */
};

static double pdv_of(const struct net_packet *p, enum way way)
{
    return (double)(way == FORWARD ? p->pdv_forward_ns : p->pdv_reverse_ns);
}

/* The relative error of each packet of a burst. Variation counts from the least
 * delay (RFC 5481): that of the first packet, as a rule. */
static size_t errors_of(const struct link *link, const struct net_packet *packets,
                        const struct passage *p, double *errors)
{
    double least = p->out_ns[0] - p->in_ns[0];
    size_t n = 0;

    for (size_t k = 1; k < N_PACKETS; k++)
        least = fmin(least, p->out_ns[k] - p->in_ns[k]);
    for (size_t k = 1; k < N_PACKETS; k++) {
        double truth = p->out_ns[k] - p->in_ns[k] - least;

        /* Packets that the bucket let through at once have no variation to be
         * compared with. */
        if (truth > 1000)
            errors[n++] = fabs(pdv_of(&packets[k], link->way) - truth) / truth;
    }
    return n;
}

static double median_pdv(const struct net_packet *packets, size_t n, enum way way)
{
    double *values = net_alloc(n * sizeof(*values));

    for (size_t i = 0; i < n; i++)
        values[i] = pdv_of(&packets[i], way);
    return net_quantile(values, n, 0.5);
}

static void check_nothing_lost(const json_t *r)
{
    assert_int_equal(net_int(r, "packet_counts.n_received"), net_int(r, "packet_counts.n_asked"));
    assert_int_equal(net_int(r, "loss.n_lost"), 0);
    assert_int_equal(net_int(r, "reordering.round_trip.n_reordered"), 0);
    assert_int_equal(net_int(r, "test.link_header_bytes"), ETHERNET_BYTES);
}

/* out_by_capture: truth is the capture, and not the bucket's arithmetic. */
static void compare(const struct link *link, const json_t *r, const int64_t *out_by_capture,
                    struct figures *f)
{
    const char *way = link->way == FORWARD ? "forward" : "reverse";
    double *errors = net_alloc(N_BURSTS * N_PACKETS * sizeof(*errors));
    double *rates = net_alloc(N_BURSTS * N_PACKETS * sizeof(*rates));
    double rate_bps = link->rate_kbit * 1e3;
    const struct net_packet *packets;
    char path[60];
    size_t n, n_errors = 0;

    packets = net_packets(r, &n);
    assert_int_equal(n, N_BURSTS * N_PACKETS);
    /* Right before the first burst two probes have taken from the bucket. */
    for (size_t b = 1; b < N_BURSTS; b++) {
        const struct net_packet *of_burst = &packets[b * N_PACKETS];
        struct passage p;

        note_entries(link, of_burst, &p);
        pass_bucket(link, &p);
        for (size_t k = 0; out_by_capture && k < N_PACKETS; k++)
            p.out_ns[k] =
                (double)(out_by_capture[b * N_PACKETS + k] - out_by_capture[b * N_PACKETS]);
        n_errors += errors_of(link, of_burst, &p, errors + n_errors);
        if (out_by_capture)
            rate_bps = rate_of(link, &p, b - 1, rates);
    }
    assert_true(n_errors >= (N_BURSTS - 1) * (N_PACKETS - 10));
    f->error_median = net_quantile(errors, n_errors, 0.5);
    f->error_p99 = net_quantile(errors, n_errors, 0.99);
    snprintf(path, sizeof(path), "capacity_%s.link_bps", way);
    f->capacity_link = net_real(r, path) / rate_bps - 1;
    snprintf(path, sizeof(path), "capacity_%s.ip_bps", way);
    f->capacity_ip = net_real(r, path) / (rate_bps * link->size_bytes / link_bytes(link)) - 1;
    f->other_way = median_pdv(packets, n, link->way == FORWARD ? REVERSE : FORWARD) /
                   median_pdv(packets, n, link->way);
}

static bool hold(const struct figures *f)
{
    print_message("variation off by %.3f %% (median), %.3f %% (p99); capacity by %+.3f %% (IP), "
                  "%+.3f %% (link); other direction %.4f of it\n",
                  100 * f->error_median, 100 * f->error_p99, 100 * f->capacity_ip,
                  100 * f->capacity_link, f->other_way);
    return f->error_median <= 0.02 && f->error_p99 <= 0.05 && fabs(f->capacity_ip) <= 0.02 &&
           fabs(f->capacity_link) <= 0.02 && f->other_way <= 0.02;
}

/* ------------------------------------------------------------ cases */

static void variation_and_capacity_follow_the_bucket(void **state)
{
    const struct link *link = *state;
    bool holds = false;

    for (int i = 0; i < ATTEMPTS && !holds; i++) {
        struct figures f;
        json_t *r;

        link_shape(link, LIMIT_BYTES);
        r = link_burst(link, N_BURSTS, 1000);
        check_nothing_lost(r);
        compare(link, r, NULL, &f);
        holds = hold(&f);
        net_end(NULL);
    }
    net_hold_unless_busy(holds);
}

static void variation_and_capacity_follow_the_capture(void **state)
{
    const struct link *link = *state;
    bool holds = false;

    for (int i = 0; i < ATTEMPTS && !holds; i++) {
        struct net_capture *capture;
        struct figures f;
        json_t *r;

        link_shape(link, LIMIT_BYTES);
        capture = link_tap(link);
        r = link_burst(link, N_BURSTS, 1000);
        check_nothing_lost(r);
        compare(link, r, link_captured(capture, r, N_BURSTS * N_PACKETS), &f);
        holds = hold(&f);
        net_end(NULL);
    }
    net_hold_unless_busy(holds);
}

/* For packets that nearly fill the bucket, it lies k times a packet's time
 * behind the first: nothing of the bucket is left to reckon with. */
static void packet_k_comes_k_packet_times_after_the_first(void **state)
{
    const struct link *link = *state;
    double packet_ns = link_bytes(link) / link_rate_bytes_per_ns(link);
    double errors[N_PACKETS], median = 1, p99 = 1;

    for (int i = 0; i < ATTEMPTS && (median > 0.02 || p99 > 0.05); i++) {
        const struct net_packet *packets;
        struct passage p;
        size_t n;

        link_shape(link, LIMIT_BYTES);
        packets = net_packets(link_burst(link, 2, 1000), &n) + N_PACKETS;
        assert_int_equal(n, 2 * N_PACKETS);
        note_entries(link, packets, &p);
        for (size_t k = 1; k < N_PACKETS; k++) {
            double truth = (double)k * packet_ns - p.in_ns[k];

            errors[k - 1] = fabs(pdv_of(&packets[k], link->way) - truth) / truth;
        }
        median = net_quantile(errors, N_PACKETS - 1, 0.5);
        p99 = net_quantile(errors, N_PACKETS - 1, 0.99);
        print_message("off by %.3f %% (median), %.3f %% (p99)\n", 100 * median, 100 * p99);
        net_end(NULL);
    }
    assert_true(median <= 0.02 && p99 <= 0.05);
}

#define CASE LINK_CASE

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CASE("forward_through_1_mbit_on_the_senders_link", variation_and_capacity_follow_the_bucket,
             FORWARD, OWN, 1000, 1000),
        CASE("forward_through_1_mbit_on_a_router", variation_and_capacity_follow_the_bucket,
             FORWARD, ROUTER, 1000, 1000),
        /* So small that the bytes below IP weigh. */
        CASE("small_packets_forward_on_the_senders_link", variation_and_capacity_follow_the_bucket,
             FORWARD, OWN, 1000, 200),
        CASE("small_packets_back_on_a_router", variation_and_capacity_follow_the_bucket, REVERSE,
             ROUTER, 1000, 200),
        CASE("forward_through_10_mbit_on_the_senders_link",
             variation_and_capacity_follow_the_bucket, FORWARD, OWN, 10000, 1000),
        CASE("forward_through_10_mbit_on_a_router", variation_and_capacity_follow_the_bucket,
             FORWARD, ROUTER, 10000, 1000),
        CASE("back_through_1_mbit_on_the_reflectors_link", variation_and_capacity_follow_the_bucket,
             REVERSE, OWN, 1000, 1000),
        CASE("back_through_1_mbit_on_a_router", variation_and_capacity_follow_the_bucket, REVERSE,
             ROUTER, 1000, 1000),
        CASE("back_through_10_mbit_on_the_reflectors_link",
             variation_and_capacity_follow_the_bucket, REVERSE, OWN, 10000, 1000),
        CASE("back_through_10_mbit_on_a_router", variation_and_capacity_follow_the_bucket, REVERSE,
             ROUTER, 10000, 1000),
        CASE("full_packets_forward_on_a_router", packet_k_comes_k_packet_times_after_the_first,
             FORWARD, ROUTER, 1000, 1500),
        CASE("full_packets_forward_on_the_senders_link",
             packet_k_comes_k_packet_times_after_the_first, FORWARD, OWN, 10000, 1500),
        CASE("full_packets_back_on_the_reflectors_link",
             packet_k_comes_k_packet_times_after_the_first, REVERSE, OWN, 10000, 1500),
        CASE("forward_through_100_mbit_on_the_senders_link",
             variation_and_capacity_follow_the_capture, FORWARD, OWN, 100000, 1000),
        CASE("forward_through_100_mbit_on_a_router", variation_and_capacity_follow_the_capture,
             FORWARD, ROUTER, 100000, 1000),
        CASE("back_through_100_mbit_on_the_reflectors_link",
             variation_and_capacity_follow_the_capture, REVERSE, OWN, 100000, 1000),
        CASE("back_through_100_mbit_on_a_router", variation_and_capacity_follow_the_capture,
             REVERSE, ROUTER, 100000, 1000),
    };

    net_use(argc - 1, argv + 1);
    net_require_hosts();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
