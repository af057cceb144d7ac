/* Timer jumps under known truth: found, and told from congestion. */
#include "tests/unit/unit.h"

#include <math.h>
#include <stdio.h>

#include "common/analysis/timer_jump.h"
#include "tests/unit/flow_sim.h"

enum { N = 2048, APART = 200, N_JUMPS_MAX = 5 };

static struct spd_point points[N];

/* Standard deviation of the differences of exponential noise with a mean of 10
 * us, by the median absolute deviation: 1.4826 * ln 2 * 10 us. */
#define SIGMA_NS 10277.0

/* ---- congestion that rises in steps and drains in between ---- */

struct truth {
    size_t n;
    size_t at[N_JUMPS_MAX];
    int sign[N_JUMPS_MAX]; /* of the change of the latency */
    spd_ns amount_ns;
    bool sender; /* whose clock */
};

static bool is_free(const struct truth *truth, size_t at, size_t apart)
{
    for (size_t k = 0; k < truth->n; k++)
        if (at < truth->at[k] + apart && truth->at[k] < at + apart)
            return false;
    return true;
}

/* Steps are unlike the amount: see the limits in timer_jump.h. */
static bool is_like(double step, double amount)
{
    return step > 0.7 * amount && step < 1.45 * amount;
}

/* One episode: up to six steps, then the queue drains evenly. Returns where it
 * is empty again. */
static size_t congest(struct spd_random *random, const struct truth *truth, size_t from)
{
    double steps[6], queue = 0.0, sum = 0.0;
    size_t at[6], n = 1 + (size_t)spd_random_below(random, 6);
    size_t length = 10 + (size_t)spd_random_below(random, 70);
    double amount = (double)truth->amount_ns;

    for (size_t k = 0; k < n; k++) {
        at[k] = k == 0 ? from : at[k - 1] + 1 + (size_t)spd_random_below(random, 6);
        steps[k] = 2e5 * pow(100.0, flow_random_unit(random));
        steps[k] *= is_like(steps[k], amount) ? 2.1 : 1.0;
        sum += steps[k];
        for (size_t m = 0; m < truth->n; m++)
            if (at[k] + 2 >= truth->at[m] && at[k] <= truth->at[m] + 2)
                at[k] = truth->at[m] + 3;
    }
    double drain = sum / (double)length;
    double scale = amount > 0.0 && drain > amount / 8.0 ? amount / 8.0 / drain : 1.0;
    drain *= scale;
    for (size_t k = 0; k < n; k++) {
        steps[k] *= scale;
        if (is_like(steps[k], amount))
            steps[k] *= 0.45;
    }
    for (size_t i = from; i < N - 64; i++) {
        queue = fmax(queue - drain, 0.0);
        for (size_t k = 0; k < n; k++)
            queue += at[k] == i ? steps[k] : 0.0;
        points[i].latency_ns += (spd_ns)queue;
        if (queue <= 0.0 && i > at[n - 1])
            return i;
    }
    return N;
}

static void jump(const struct truth *truth, size_t k)
{
    spd_ns change_ns = truth->sign[k] * truth->amount_ns;

    for (size_t i = truth->at[k]; i < N; i++) {
        points[i].latency_ns += change_ns;
        points[i].sent_ns -= truth->sender ? change_ns : 0;
    }
}

/* A flow between skewed clocks with n jumps, all of one amount, at least APART
 * packets from one another and from the ends. */
static struct truth make_flow(struct spd_random *random, size_t n, double sigmas)
{
    struct flow_sim sim = flow_sim_default();
    struct truth truth = { .amount_ns = (spd_ns)(sigmas * SIGMA_NS),
                           .sender = spd_random_below(random, 2) == 1 };
    int sign = spd_random_below(random, 2) == 1 ? 1 : -1;

    sim.skew_ppb = ((double)spd_random_below(random, 3) - 1.0) * 1e5;
    sim.offset_ns = INT64_C(-987654321098765432);
    flow_sim_run(&sim, random, points, NULL);
    while (truth.n < n) {
        size_t at = APART + (size_t)spd_random_below(random, N - 2 * APART);
        if (is_free(&truth, at, APART)) {
            truth.at[truth.n] = at;
            truth.sign[truth.n++] = sign;
        }
    }
    for (size_t from = 64; from < N - 200;) {
        from += 1 + (size_t)(200.0 * flow_random_exponential(random));
        if (from < N - 200)
            from = congest(random, &truth, from);
    }
    for (size_t k = 0; k < n; k++)
        jump(&truth, k);
    return truth;
}

static bool is_true(const struct truth *truth, const struct spd_jump *found)
{
    for (size_t k = 0; k < truth->n; k++)
        if (found->point == truth->at[k] && (found->amount_ns > 0) == (truth->sign[k] > 0) &&
            fabs(fabs((double)found->amount_ns) - (double)truth->amount_ns) <
                2.0 * SIGMA_NS + 0.01 * (double)truth->amount_ns)
            return true;
    return false;
}

static size_t n_true(const struct truth *truth, const struct spd_jumps *found)
{
    size_t n = 0;

    for (size_t i = 0; i < found->n; i++)
        n += is_true(truth, &found->list[i]);
    return n;
}

static struct spd_jumps find(spd_ns amount_ns)
{
    struct spd_jumps found;

    assert_int_equal(spd_timer_jump_find(points, N, amount_ns, NULL, NULL, &found), SPD_ERR_OK);
    return found;
}

static void all_jumps_are_found_and_none_invented(void **state)
{
    static const size_t counts[] = { 0, 1, 2, 5 };
    struct spd_random start = spd_random_start("all_jumps_are_found_and_none_invented");
    unsigned n_wrong = 0;

    (void)state;
    for (uint64_t seed = start.state; seed < start.state + 1000; seed++) {
        struct spd_random random = { seed };
        size_t n = counts[spd_random_below(&random, 4)];
        /* 40 to 100,000 standard deviations: 0.4 ms to 1 s. */
        double sigmas = 40.0 * pow(2500.0, flow_random_unit(&random));
        struct truth truth = make_flow(&random, n, sigmas);
        spd_ns given_ns = spd_random_below(&random, 2) == 1 ? truth.amount_ns : 0;
        struct spd_jumps found = find(given_ns);
        bool right = found.n == n && n_true(&truth, &found) == n && found.n_steps == 0;

        for (size_t i = 0; i < found.n && right; i++)
            right = found.list[i].clock ==
                    (truth.sender ? SPD_JUMP_CLOCK_SENDER : SPD_JUMP_CLOCK_RECEIVER);
        if (!right)
            printf(
                "SPD_SEED=%llu: %zu of %zu jumps of %.0f us found (%s, %s clock), %zu invented\n",
                (unsigned long long)seed, n_true(&truth, &found), n, sigmas * SIGMA_NS / 1e3,
                given_ns != 0 ? "given" : "estimated", truth.sender ? "sender's" : "receiver's",
                found.n - n_true(&truth, &found));
        n_wrong += !right;
    }
    assert_int_equal(n_wrong, 0);
}

/* From which amount on jumps can be told: the figures in timer_jump.h. */
static void the_least_amount_is_what_the_header_says(void **state)
{
    static const double amounts[] = { 6, 8, 10, 12, 15, 20, 30, 40, 100, 1000 };
    struct spd_random random = spd_random_start("the_least_amount_is_what_the_header_says");

    (void)state;
    printf("amount, sigmas | given: found, invented | estimated: found, invented (of 120)\n");
    for (size_t a = 0; a < N_ROWS(amounts); a++) {
        size_t n_found[2] = { 0 }, n_invented[2] = { 0 };

        for (int round = 0; round < 60; round++) {
            struct truth truth = make_flow(&random, 2, amounts[a]);
            for (int given = 0; given < 2; given++) {
                struct spd_jumps found = find(given ? truth.amount_ns : 0);
                n_found[given] += n_true(&truth, &found);
                n_invented[given] += found.n - n_true(&truth, &found);
            }
        }
        printf("%14.0f | %3zu %3zu | %3zu %3zu\n", amounts[a], n_found[1], n_invented[1],
               n_found[0], n_invented[0]);
        if (amounts[a] >= 40.0) {
            assert_int_equal(n_found[0], 120);
            assert_int_equal(n_found[1], 120);
        }
        if (amounts[a] >= 40.0 || amounts[a] < SPD_JUMP_SUSPECT_SIGMAS)
            assert_int_equal(n_invented[0] + n_invented[1], 0);
    }
}

/* ---- one by one ---- */

/* Quiet latencies, in ns, around 1 ms. */
static void make_quiet(void)
{
    struct spd_random random = { 7 };

    for (size_t i = 0; i < N; i++)
        points[i] = (struct spd_point){
            .sent_ns = (int64_t)i * 20 * SPD_NS_PER_MS,
            .latency_ns = SPD_NS_PER_MS + (spd_ns)spd_random_below(&random, 2000),
            .seq = (uint32_t)i,
            .index = (uint32_t)i,
        };
}

static void lift(size_t from, size_t to, spd_ns by_ns)
{
    for (size_t i = from; i < to; i++)
        points[i].latency_ns += by_ns;
}

static void late_packets_are_no_jump(void **state)
{
    (void)state;
    for (size_t n_late = 1; n_late <= 40; n_late++) {
        make_quiet();
        lift(1000, 1000 + n_late, 5 * SPD_NS_PER_MS);
        lift(500, 501, -5 * SPD_NS_PER_MS / 2);
        assert_int_equal(find(0).n, 0);
        assert_int_equal(find(5 * SPD_NS_PER_MS).n, 0);
    }
}

static void a_queue_that_rises_at_once_and_drains_is_no_jump(void **state)
{
    (void)state;
    for (int drain_us = 10; drain_us <= 2000; drain_us *= 2) {
        make_quiet();
        for (size_t i = 1000; i < N; i++) {
            spd_ns queue = 5 * SPD_NS_PER_MS - (spd_ns)(i - 1000) * drain_us * SPD_NS_PER_US;
            points[i].latency_ns += queue > 0 ? queue : 0;
        }
        assert_int_equal(find(0).n, 0);
        assert_int_equal(find(-5 * SPD_NS_PER_MS).n, 0);
    }
}

/* Short bursts part a stretch into many, each of which counts. */
static void disturb(size_t from, size_t to)
{
    for (size_t i = from; i + 3 < to; i += 40)
        lift(i, i + 3, SPD_NS_PER_MS / 3);
}

static void a_queue_that_stands_until_shortly_before_the_end_is_no_jump(void **state)
{
    (void)state;
    make_quiet();
    lift(1400, 1960, 5 * SPD_NS_PER_MS);
    disturb(1420, 1960);
    for (size_t i = 1960; i < 2010; i++)
        points[i].latency_ns += (spd_ns)(2010 - i) * SPD_NS_PER_MS / 10;
    assert_int_equal(find(0).n, 0);
    assert_int_equal(find(5 * SPD_NS_PER_MS).n, 0);
}

static void a_queue_that_drains_evenly_is_no_row_of_jumps(void **state)
{
    (void)state;
    /* In each packet, or in every other one. */
    for (size_t every = 1; every <= 2; every++) {
        make_quiet();
        lift(0, 800, 10 * SPD_NS_PER_MS);
        disturb(20, 800);
        for (size_t i = 800; i < 800 + 9 * every; i++)
            points[i].latency_ns += (spd_ns)(9 - (i - 800) / every) * SPD_NS_PER_MS;
        assert_int_equal(find(0).n, 0);
        if (every == 1)
            assert_int_equal(find(SPD_NS_PER_MS).n, 0);
    }
}

static void a_jump_is_taken_from_its_point_and_all_after_it(void **state)
{
    (void)state;
    for (int sign = -1; sign <= 1; sign += 2) {
        make_quiet();
        lift(1000, N, sign * 5 * SPD_NS_PER_MS);
        struct spd_jumps found = find(0);
        assert_int_equal(found.n, 1);
        assert_int_equal(found.list[0].point, 1000);
        assert_int_equal(found.list[0].kind, SPD_JUMP_TIMER);
        assert_int_equal(found.list[0].clock, SPD_JUMP_CLOCK_RECEIVER);
        assert_in_range(found.amount_ns, 5 * SPD_NS_PER_MS - 200, 5 * SPD_NS_PER_MS + 200);
        spd_timer_jump_correct(points, N, &found);
        for (size_t i = 0; i < N; i++)
            assert_in_range(points[i].latency_ns, SPD_NS_PER_MS - 500, SPD_NS_PER_MS + 2500);
        assert_int_equal(points[N - 1].sent_ns, (int64_t)(N - 1) * 20 * SPD_NS_PER_MS);
    }
}

static void the_given_amount_is_subtracted(void **state)
{
    (void)state;
    make_quiet();
    lift(1000, N, 5 * SPD_NS_PER_MS);
    struct spd_jumps found = find(5 * SPD_NS_PER_MS + 77);
    assert_int_equal(found.n, 1);
    assert_int_equal(found.list[0].amount_ns, 5 * SPD_NS_PER_MS + 77);
    assert_int_equal(find(INT64_MIN + 1).amount_ns, INT64_MAX);
}

static void a_leap_of_the_senders_clock_moves_its_send_times_too(void **state)
{
    (void)state;
    make_quiet();
    lift(1000, N, -3 * SPD_NS_PER_S);
    for (size_t i = 1000; i < N; i++)
        points[i].sent_ns += 3 * SPD_NS_PER_S;
    struct spd_jumps found = find(3 * SPD_NS_PER_S);
    assert_int_equal(found.n, 1);
    assert_int_equal(found.list[0].clock, SPD_JUMP_CLOCK_SENDER);
    spd_timer_jump_correct(points, N, &found);
    for (size_t i = 0; i < N; i++) {
        assert_int_equal(points[i].sent_ns, (int64_t)i * 20 * SPD_NS_PER_MS);
        assert_in_range(points[i].latency_ns, SPD_NS_PER_MS, SPD_NS_PER_MS + 2000);
    }
}

static void a_step_of_the_time_of_day_is_reported_beside_the_jumps(void **state)
{
    (void)state;
    make_quiet();
    lift(300, N, 5 * SPD_NS_PER_MS);
    lift(600, N, 5 * SPD_NS_PER_MS);
    lift(1024, N, -37 * SPD_NS_PER_MS);
    lift(1500, N, 5 * SPD_NS_PER_MS);
    for (int given = 0; given < 2; given++) {
        struct spd_jumps found = find(given ? 5 * SPD_NS_PER_MS : 0);

        assert_int_equal(found.n, 4);
        assert_int_equal(found.n_steps, 1);
        assert_int_equal(found.list[2].point, 1024);
        assert_int_equal(found.list[2].kind, SPD_JUMP_STEP);
        assert_in_range(-found.list[2].amount_ns, 37 * SPD_NS_PER_MS - 500,
                        37 * SPD_NS_PER_MS + 500);
        assert_in_range(found.amount_ns, 5 * SPD_NS_PER_MS - 200, 5 * SPD_NS_PER_MS + 200);
        if (given)
            continue;
        spd_timer_jump_correct(points, N, &found);
        for (size_t i = 0; i < N; i++)
            assert_in_range(points[i].latency_ns, SPD_NS_PER_MS - 2000, SPD_NS_PER_MS + 4000);
        lift(300, N, 5 * SPD_NS_PER_MS);
        lift(600, N, 5 * SPD_NS_PER_MS);
        lift(1024, N, -37 * SPD_NS_PER_MS);
        lift(1500, N, 5 * SPD_NS_PER_MS);
    }
}

static void steps_of_different_amounts_are_found(void **state)
{
    (void)state;
    make_quiet();
    lift(400, N, 50 * SPD_NS_PER_MS);
    lift(1100, N, -20 * SPD_NS_PER_MS);
    lift(1700, N, 3 * SPD_NS_PER_MS);
    struct spd_jumps found = find(0);
    assert_int_equal(found.n, 3);
    assert_int_equal(found.list[0].point, 400);
    assert_int_equal(found.list[1].point, 1100);
    assert_int_equal(found.list[2].point, 1700);
    spd_timer_jump_correct(points, N, &found);
    for (size_t i = 0; i < N; i++)
        assert_in_range(points[i].latency_ns, SPD_NS_PER_MS - 2000, SPD_NS_PER_MS + 4000);
}

static void a_lone_step_with_another_amount_given_is_a_step(void **state)
{
    (void)state;
    make_quiet();
    lift(1024, N, 37 * SPD_NS_PER_MS);
    struct spd_jumps found = find(5 * SPD_NS_PER_MS);
    assert_int_equal(found.n, 1);
    assert_int_equal(found.n_steps, 1);
    assert_int_equal(found.list[0].point, 1024);
}

static spd_ns rtt_at(const void *context, size_t point)
{
    return ((const spd_ns *)context)[point];
}

static void round_trips_tell_a_new_path_from_a_clock(void **state)
{
    static spd_ns rtts[N];
    struct spd_jumps found;

    (void)state;
    make_quiet();
    lift(1000, N, 5 * SPD_NS_PER_MS);
    for (size_t i = 0; i < N; i++)
        rtts[i] = i % 5 == 4 ? SPD_NS_UNKNOWN : 2 * SPD_NS_PER_MS + (spd_ns)(i % 7) * 1000;
    assert_int_equal(spd_timer_jump_find(points, N, 0, rtt_at, rtts, &found), SPD_ERR_OK);
    assert_int_equal(found.n, 1);
    for (size_t i = 1000; i < N; i++)
        rtts[i] += rtts[i] == SPD_NS_UNKNOWN ? 0 : 5 * SPD_NS_PER_MS;
    assert_int_equal(spd_timer_jump_find(points, N, 0, rtt_at, rtts, &found), SPD_ERR_OK);
    assert_int_equal(found.n, 0);
}

/* A queue that fills evenly for the whole session, whatever is beside it. */
static void a_ramp_is_no_ladder_of_jumps(void **state)
{
    struct spd_random random = spd_random_start(__func__);
    static const double growths_ppm[] = { 300, 1500, 3000, -3000 };
    size_t n_jumps = 0;

    (void)state;
    for (size_t g = 0; g < N_ROWS(growths_ppm); g++)
        for (int seed = 0; seed < 50; seed++) {
            struct flow_sim sim = flow_sim_default();

            sim.load = FLOW_HALF;
            sim.growth_ppb = growths_ppm[g] * 1e3;
            sim.path_ns = 500 * SPD_NS_PER_MS;
            flow_sim_run(&sim, &random, points, NULL);
            n_jumps += find(0).n;
        }
    printf("%zu jumps in %d ramps\n", n_jumps, 50 * (int)N_ROWS(growths_ppm));
    assert_int_equal(n_jumps, 0);
}

static void lost_packets_around_a_jump_do_not_hide_it(void **state)
{
    (void)state;
    make_quiet();
    lift(1000, N, 5 * SPD_NS_PER_MS);
    for (size_t i = 990; i < 1010; i++)
        points[i].latency_ns = SPD_NS_UNKNOWN;
    points[0].latency_ns = SPD_NS_UNKNOWN;
    points[N - 1].latency_ns = SPD_NS_UNKNOWN;
    struct spd_jumps found = find(0);
    assert_int_equal(found.n, 1);
    assert_int_equal(found.list[0].point, 1010);
    assert_int_equal(found.list[0].clock, SPD_JUMP_CLOCK_RECEIVER);
    spd_timer_jump_correct(points, N, &found);
    assert_true(points[995].latency_ns == SPD_NS_UNKNOWN);
    assert_in_range(points[1010].latency_ns, SPD_NS_PER_MS - 500, SPD_NS_PER_MS + 2500);
}

static void more_jumps_than_the_list_holds_are_admitted(void **state)
{
    struct spd_jumps found;
    static struct spd_point many[N * 4];

    (void)state;
    for (size_t part = 0; part < 4; part++) {
        make_quiet();
        for (size_t i = 0; i < N; i++) {
            many[part * N + i] = points[i];
            many[part * N + i].sent_ns += (int64_t)(part * N) * 20 * SPD_NS_PER_MS;
            many[part * N + i].seq += (uint32_t)(part * N);
        }
    }
    for (size_t i = 0; i < N * 4; i++)
        many[i].latency_ns += (spd_ns)(i / 100) * 100 * SPD_NS_PER_MS;
    assert_int_equal(spd_timer_jump_find(many, N * 4, 100 * SPD_NS_PER_MS, NULL, NULL, &found),
                     SPD_ERR_OK);
    assert_int_equal(found.n, SPD_JUMPS_MAX);
    assert_true(found.full);
    for (size_t i = 0; i < found.n; i++)
        assert_int_equal(found.list[i].point % 100, 0);
}

static void what_tells_nothing_has_no_jumps(void **state)
{
    struct spd_jumps found;

    (void)state;
    make_quiet();
    for (size_t n = 0; n < 40; n++) {
        assert_int_equal(spd_timer_jump_find(points, n, 0, NULL, NULL, &found), SPD_ERR_OK);
        assert_int_equal(found.n, 0);
    }
    for (size_t i = 0; i < N; i++)
        points[i].latency_ns = SPD_NS_UNKNOWN;
    assert_int_equal(find(0).n, 0);
    memset(points, 0, sizeof points);
    assert_int_equal(find(0).n, 0);
}

static void impossible_stamps_do_no_harm(void **state)
{
    struct spd_random random = spd_random_start("impossible_stamps_do_no_harm");

    (void)state;
    for (int round = 0; round < 60; round++) {
        struct spd_jumps found;

        for (size_t i = 0; i < 300; i++)
            points[i] = (struct spd_point){
                .sent_ns = (int64_t)spd_random_u64(&random) >> round,
                .latency_ns = (spd_ns)spd_random_u64(&random) >> (round % 7 * 9),
                .seq = (uint32_t)i,
            };
        assert_int_equal(
            spd_timer_jump_find(points, 300, round % 2 ? INT64_MAX : 0, NULL, NULL, &found),
            SPD_ERR_OK);
        spd_timer_jump_correct(points, 300, &found);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_jumps_are_found_and_none_invented),
        cmocka_unit_test(the_least_amount_is_what_the_header_says),
        cmocka_unit_test(late_packets_are_no_jump),
        cmocka_unit_test(a_queue_that_rises_at_once_and_drains_is_no_jump),
        cmocka_unit_test(a_queue_that_stands_until_shortly_before_the_end_is_no_jump),
        cmocka_unit_test(a_queue_that_drains_evenly_is_no_row_of_jumps),
        cmocka_unit_test(a_jump_is_taken_from_its_point_and_all_after_it),
        cmocka_unit_test(the_given_amount_is_subtracted),
        cmocka_unit_test(a_leap_of_the_senders_clock_moves_its_send_times_too),
        cmocka_unit_test(a_step_of_the_time_of_day_is_reported_beside_the_jumps),
        cmocka_unit_test(steps_of_different_amounts_are_found),
        cmocka_unit_test(a_lone_step_with_another_amount_given_is_a_step),
        cmocka_unit_test(round_trips_tell_a_new_path_from_a_clock),
        cmocka_unit_test(a_ramp_is_no_ladder_of_jumps),
        cmocka_unit_test(lost_packets_around_a_jump_do_not_hide_it),
        cmocka_unit_test(more_jumps_than_the_list_holds_are_admitted),
        cmocka_unit_test(what_tells_nothing_has_no_jumps),
        cmocka_unit_test(impossible_stamps_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
