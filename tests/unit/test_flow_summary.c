/*
 * The analysis of a flow as a whole: flows of which every figure is known.
 */
#include "common/analysis/flow_summary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/random.h"
#include "tests/unit/flow_sim.h"
#include "tests/unit/unit.h"

#define N       1000
#define START   INT64_C(1790000000000000000)
#define STEP_NS 20000000

/* Two-way packets every 20 ms: 5 ms there, 1 ms in the reflector, 3 ms back;
 * the reflector's clock is 2 s behind. */
static void make_flow(struct spd_flow_packet *p, size_t n, uint32_t first_seq)
{
    memset(p, 0, n * sizeof(*p));
    for (size_t i = 0; i < n; i++) {
        p[i].seq = first_seq + (uint32_t)i;
        p[i].size_bytes = 200;
        p[i].flags = SPD_FLOW_SENT | SPD_FLOW_ARRIVED | SPD_FLOW_RETURNED;
        p[i].t1_ns = START + (int64_t)i * STEP_NS;
        p[i].t2_ns = p[i].t1_ns + 5000000 - 2 * SPD_NS_PER_S;
        p[i].t3_ns = p[i].t2_ns + 1000000;
        p[i].t4_ns = p[i].t1_ns + 9000000;
    }
}

static void delay(struct spd_flow_packet *p, spd_ns there_ns, spd_ns back_ns)
{
    p->t2_ns += there_ns;
    p->t3_ns += there_ns;
    p->t4_ns += there_ns + back_ns;
}

static void lose(struct spd_flow_packet *p)
{
    p->flags = SPD_FLOW_SENT;
    p->t2_ns = p->t3_ns = p->t4_ns = 0;
}

static struct spd_flow_summary compute(const struct spd_flow_packet *p, size_t n,
                                       const struct spd_flow_options *options)
{
    struct spd_flow_summary s;

    assert_int_equal(spd_flow_summary_compute(p, n, options, NULL, NULL, &s), SPD_ERR_OK);
    return s;
}

static void delays_of_each_direction_are_told_apart(void **state)
{
    static struct spd_flow_packet p[N];
    struct spd_flow_options forward = spd_flow_options_default(SPD_FLOW_FORWARD);
    struct spd_flow_options reverse = spd_flow_options_default(SPD_FLOW_REVERSE);
    struct spd_flow_summary f, r;

    (void)state;
    make_flow(p, N, 0);
    for (size_t i = 0; i < N; i += 10)
        delay(&p[i], 7000000, 0);
    f = compute(p, N, &forward);
    r = compute(p, N, &reverse);
    assert_int_equal(f.n_sent, N);
    assert_int_equal(f.n_lost, 0);
    assert_int_equal(f.pdv.min_ns, 0);
    assert_int_equal(f.pdv.median_ns, 0);
    assert_int_equal(f.pdv.p95_ns, 7000000);
    assert_int_equal(f.pdv.max_ns, 7000000);
    assert_int_equal(f.ipdv.max_ns, 7000000);
    assert_int_equal(f.ipdv.min_ns, -7000000);
    assert_int_equal(f.minimum_ns, 5000000 - 2 * SPD_NS_PER_S);
    assert_int_equal(f.delay_raw.min_ns, 5000000 - 2 * SPD_NS_PER_S);
    assert_int_equal(f.rtt.min_ns, 8000000);
    assert_int_equal(r.pdv.max_ns, 0);
    assert_int_equal(r.delay_raw.median_ns, 3000000 + 2 * SPD_NS_PER_S);
    assert_int_equal(r.jitter_ns, 0);
    assert_true(fabs(f.duration_s - (N - 1) * 0.02) < 1e-9);
    assert_int_equal(f.buffer_ns, 7000000);
    /* Half of the round trip, buffer, packet; nothing is later than the buffer. */
    assert_int_equal(f.mouth_to_ear_ns, 4000000 + 7000000 + 20000000);
    assert_true(f.mos.mos > 4.4);
}

static void losses_come_in_periods(void **state)
{
    static struct spd_flow_packet p[N];
    struct spd_flow_options o = spd_flow_options_default(SPD_FLOW_FORWARD);
    struct spd_flow_summary s;

    (void)state;
    make_flow(p, N, 0);
    for (size_t i = 100; i < 105; i++)
        lose(&p[i]);
    lose(&p[0]);
    lose(&p[N - 1]);
    p[500].flags = SPD_FLOW_NOT_SENT;
    s = compute(p, N, &o);
    assert_int_equal(s.n_packets, N);
    assert_int_equal(s.n_not_sent, 1);
    assert_int_equal(s.n_sent, N - 1);
    assert_int_equal(s.n_lost, 7);
    assert_int_equal(s.n_received, N - 8);
    assert_int_equal(s.n_loss_periods, 3);
    assert_int_equal(s.loss_period_max_packets, 5);
    /* From the first to the last of the packets sent, six steps. */
    assert_true(fabs(s.loss_distance_mean_packets - (N - 2) / 6.0) < 1e-9);
}

static void receivers_log_shows_what_is_missing(void **state)
{
    static struct spd_flow_packet p[N], log[N];
    struct spd_flow_options o = spd_flow_options_default(SPD_FLOW_FORWARD);
    struct spd_flow_summary s;
    struct spd_point *points;
    size_t n = 0, n_points;

    (void)state;
    make_flow(p, N, 0);
    for (size_t i = 0; i < N; i++)
        if (i % 50 != 7)
            log[n++] = p[i];
    log[n - 1] = log[0]; /* a copy instead of the last one */
    log[n - 1].flags |= SPD_FLOW_DUPLICATE;
    o.n_packets = N;
    assert_int_equal(spd_flow_summary_compute(log, n, &o, &points, &n_points, &s), SPD_ERR_OK);
    assert_int_equal(n_points, N);
    assert_int_equal(s.n_sent, N);
    assert_int_equal(s.n_lost, 21);
    assert_int_equal(s.n_duplicated, 1);
    assert_true(points[7].latency_ns == SPD_NS_UNKNOWN && points[7].index == UINT32_MAX);
    assert_true(points[8].latency_ns == 0 && log[points[8].index].seq == 8);
    free(points);
    /* Without the number the end cannot be known. */
    o.n_packets = 0;
    s = compute(log, n, &o);
    assert_int_equal(s.n_sent, N - 1);
    assert_int_equal(s.n_lost, 20);
}

static void order_of_records_does_not_matter(void **state)
{
    static struct spd_flow_packet p[N], q[N];
    struct spd_flow_options o = spd_flow_options_default(SPD_FLOW_FORWARD);
    struct spd_random random = spd_random_start(__func__);
    struct spd_flow_summary a, b;

    (void)state;
    make_flow(p, N, 0);
    for (size_t i = 0; i < N; i++)
        delay(&p[i], (spd_ns)spd_random_below(&random, 50000000), 0);
    memcpy(q, p, sizeof(q));
    for (size_t i = N - 1; i > 0; i--) {
        size_t k = (size_t)spd_random_below(&random, i + 1);
        struct spd_flow_packet t = q[i];

        q[i] = q[k];
        q[k] = t;
    }
    a = compute(p, N, &o);
    b = compute(q, N, &o);
    assert_memory_equal(&a.pdv, &b.pdv, sizeof(a.pdv));
    assert_memory_equal(&a.reorder, &b.reorder, sizeof(a.reorder));
    assert_int_equal(a.jitter_ns, b.jitter_ns);
    assert_true(a.reorder.n_reordered > 0); /* 50 ms against 20 ms */
}

static void sequence_numbers_may_wrap(void **state)
{
    static struct spd_flow_packet p[N];
    struct spd_flow_options o = spd_flow_options_default(SPD_FLOW_FORWARD);
    struct spd_flow_summary s;

    (void)state;
    make_flow(p, N, UINT32_MAX - 300);
    lose(&p[301]); /* number 0 */
    s = compute(p, N, &o);
    assert_int_equal(s.n_sent, N);
    assert_int_equal(s.n_lost, 1);
    assert_int_equal(s.reorder.n_reordered, 0);
    p[1].seq = 0x40000000; /* too far apart to be one flow */
    assert_int_equal(spd_flow_summary_compute(p, N, &o, NULL, NULL, &s), SPD_ERR_INVALID);
    p[2].seq = 0xA0000000;
    assert_int_equal(spd_flow_summary_compute(p, N, &o, NULL, NULL, &s), SPD_ERR_INVALID);
}

static void skew_and_jumps_are_taken_out_unless_kept(void **state)
{
    static struct spd_point points[2048];
    static struct spd_flow_packet p[2048];
    struct spd_flow_options o = spd_flow_options_default(SPD_FLOW_FORWARD);
    struct spd_random random = spd_random_start(__func__);
    struct flow_sim sim = flow_sim_default();
    struct spd_flow_summary corrected, kept;

    (void)state;
    sim.skew_ppb = 100000;
    sim.load = FLOW_EMPTY;
    flow_sim_run(&sim, &random, points, NULL);
    memset(p, 0, sizeof(p));
    for (size_t i = 0; i < 2048; i++) {
        p[i].seq = (uint32_t)i;
        p[i].flags = SPD_FLOW_SENT | SPD_FLOW_ARRIVED;
        p[i].t1_ns = START + points[i].sent_ns;
        p[i].t2_ns = p[i].t1_ns + points[i].latency_ns + (i >= 1200 ? 500 * SPD_NS_PER_MS : 0);
    }
    corrected = compute(p, 2048, &o);
    o.keep_jumps = o.keep_skew = true;
    kept = compute(p, 2048, &o);
    assert_true(corrected.skew_removed && corrected.jumps_removed);
    assert_true(fabs(corrected.skew.skew_ppb - 100000) < 500);
    assert_int_equal(corrected.jumps.n, 1);
    assert_int_equal(corrected.jumps.list[0].point, 1200);
    assert_true(corrected.pdv.p99_ns < 2 * SPD_NS_PER_MS);
    assert_true(!kept.skew_removed && !kept.jumps_removed);
    assert_true(kept.pdv.p99_ns > 500 * SPD_NS_PER_MS);
}

static void minimum_of_a_calibration_is_taken(void **state)
{
    static struct spd_flow_packet p[N];
    struct spd_flow_options o = spd_flow_options_default(SPD_FLOW_FORWARD);
    struct spd_flow_summary s;

    (void)state;
    make_flow(p, N, 0);
    o.minimum_ns = 4000000 - 2 * SPD_NS_PER_S;
    s = compute(p, N, &o);
    assert_int_equal(s.pdv.min_ns, 1000000);
    assert_int_equal(s.minimum_ns, o.minimum_ns);
}

static void nothing_gives_nothing(void **state)
{
    static struct spd_flow_packet p[3];
    struct spd_flow_options o = spd_flow_options_default(SPD_FLOW_FORWARD);
    struct spd_flow_summary s;

    (void)state;
    s = compute(NULL, 0, &o);
    assert_int_equal(s.n_sent, 0);
    assert_true(s.pdv.max_ns == SPD_NS_UNKNOWN && s.jitter_ns == SPD_NS_UNKNOWN);
    o.n_packets = 10;
    s = compute(NULL, 0, &o);
    assert_int_equal(s.n_lost, 10);
    assert_true(s.loss_ratio == 1 && s.mos.mos < 1.5);
    o.n_packets = 0;
    make_flow(p, 1, 0);
    s = compute(p, 1, &o);
    assert_int_equal(s.n_received, 1);
    assert_int_equal(s.pdv.max_ns, 0);
    assert_true(s.ipdv.max_ns == SPD_NS_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delays_of_each_direction_are_told_apart),
        cmocka_unit_test(losses_come_in_periods),
        cmocka_unit_test(receivers_log_shows_what_is_missing),
        cmocka_unit_test(order_of_records_does_not_matter),
        cmocka_unit_test(sequence_numbers_may_wrap),
        cmocka_unit_test(skew_and_jumps_are_taken_out_unless_kept),
        cmocka_unit_test(minimum_of_a_calibration_is_taken),
        cmocka_unit_test(nothing_gives_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
