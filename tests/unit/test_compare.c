/*
 * Two classes at one simulated bottleneck, of which it is known what it does
 * for them; and the coverage of the intervals on delays that depend on one
 * another.
 */
#include "common/analysis/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/random.h"
#include "tests/unit/flow_sim.h"
#include "tests/unit/unit.h"

#define N        1500
#define FRAME_NS 7000000.0  /* one of our packets on a link of 128 kbit/s */
#define LARGE_NS 94600000.0 /* the largest frame of others */

enum treatment { FIFO, FAVOURED_FIRST, OTHER_FIRST };

struct queue {
    double busy_until_ns;  /* of everything */
    double first_until_ns; /* of what goes first */
};

/* A packet that waits for all that came before it, or, going first, only for
 * others that go first and for the rest of the frame on the wire. */
static spd_ns pass(struct queue *q, double now_ns, bool first, double size_ns, double residual_ns)
{
    double start = now_ns;

    if (first) {
        if (q->first_until_ns > now_ns)
            start = q->first_until_ns;
        else if (q->busy_until_ns > now_ns)
            start += residual_ns;
        q->first_until_ns = start + size_ns;
        q->busy_until_ns = (q->busy_until_ns > now_ns ? q->busy_until_ns : now_ns) + size_ns;
        return (spd_ns)(start - now_ns);
    }
    if (q->busy_until_ns > now_ns)
        start = q->busy_until_ns;
    q->busy_until_ns = start + size_ns;
    return (spd_ns)(start - now_ns);
}

/* Classes take turns every 20 ms; others send large frames at random. Beyond
 * 600 ms of queue packets are lost. */
static void run(enum treatment treatment, double load, struct spd_random *random,
                struct spd_point *favoured, struct spd_point *other)
{
    struct queue q = { 0 };
    double next_noise_ns = 0;

    for (size_t i = 0; i < 2 * N; i++) {
        double now_ns = 20e6 * (double)i;
        bool is_favoured = i % 2 == 0;
        struct spd_point *p = is_favoured ? &favoured[i / 2] : &other[i / 2];
        bool first = treatment != FIFO && is_favoured == (treatment == FAVOURED_FIRST);

        while (load > 0 && next_noise_ns <= now_ns) {
            if (q.busy_until_ns - next_noise_ns < 600e6)
                (void)pass(&q, next_noise_ns, false, LARGE_NS, 0);
            next_noise_ns += LARGE_NS / load * flow_random_exponential(random);
        }
        *p = (struct spd_point){ .sent_ns = (int64_t)now_ns, .seq = (uint32_t)(i / 2) };
        if (!first && q.busy_until_ns - now_ns > 600e6)
            p->latency_ns = SPD_NS_UNKNOWN;
        else
            p->latency_ns = pass(&q, now_ns, first, FRAME_NS, LARGE_NS * flow_random_unit(random)) +
                            (spd_ns)(5000 * flow_random_exponential(random));
    }
}

struct row {
    const char *name;
    enum treatment treatment;
    double load; /* of others, of what our classes leave */
    enum spd_verdict verdict;
};

static const struct row rows[] = {
    { "priority under load", FAVOURED_FIRST, 0.75, SPD_VERDICT_PROTECTS },
    { "one queue under load", FIFO, 0.75, SPD_VERDICT_NO_DIFFERENCE },
    { "priority for the wrong class", OTHER_FIRST, 0.75, SPD_VERDICT_WORSE },
    { "priority without load", FAVOURED_FIRST, 0, SPD_VERDICT_NOT_ENOUGH_LOAD },
    { "one queue without load", FIFO, 0, SPD_VERDICT_NOT_ENOUGH_LOAD },
    { "priority, overloaded", FAVOURED_FIRST, 1.5, SPD_VERDICT_PROTECTS },
    { "wrong class, overloaded", OTHER_FIRST, 1.5, SPD_VERDICT_WORSE },
    { "one queue, overloaded", FIFO, 1.5, SPD_VERDICT_NO_DIFFERENCE },
};

static void verdict_is_what_the_bottleneck_does(void **state)
{
    static struct spd_point favoured[N], other[N];
    uint64_t seed = spd_random_start_at(__func__, 1).state;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct spd_random random;
        struct spd_comparison c;
        struct spd_compare_input in = { .favoured = { favoured, N },
                                        .other = { other, N },
                                        .together = true,
                                        .idle_p95_ns = 20000,
                                        .resolution_ns = 10000,
                                        .seed = seed };

        random = (struct spd_random){ seed + i };
        run(rows[i].treatment, rows[i].load, &random, favoured, other);
        assert_int_equal(spd_compare(&in, &c), SPD_ERR_OK);
        if (c.verdict != rows[i].verdict)
            fail_msg("%s, seed %llu: %s; p95 difference %.0f in [%.0f, %.0f], loss %.3f in "
                     "[%.3f, %.3f], load %lld of %lld",
                     rows[i].name, (unsigned long long)seed, spd_verdict_text(c.verdict),
                     c.pdv_p95_ns.value, c.pdv_p95_ns.low, c.pdv_p95_ns.high, c.loss_ratio.value,
                     c.loss_ratio.low, c.loss_ratio.high, (long long)c.load_ns,
                     (long long)c.load_needed_ns);
        if (rows[i].verdict == SPD_VERDICT_PROTECTS)
            assert_true(c.pdv_p95_ns.low > 0);
    }
}

/* Exponentially distributed delays from a Gaussian AR(1) process: skewed, and
 * alike from packet to packet. The other flow's are twice as long, so the
 * difference of the medians is known: scale * ln 2. */
static void make_dependent(struct spd_random *random, double scale, struct spd_point *points,
                           size_t n)
{
    const double rho = 0.8;
    double x = 0;

    for (size_t i = 0; i < n; i++) {
        double u = flow_random_unit(random) + 1e-12, v = flow_random_unit(random);

        x = rho * x + sqrt(1 - rho * rho) * sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
        points[i] = (struct spd_point){ .seq = (uint32_t)i };
        points[i].latency_ns = (spd_ns)(-scale * log(0.5 * erfc(x / sqrt(2.0)) + 1e-300));
    }
}

static void intervals_cover_the_truth(void **state)
{
    enum { ROUNDS = 60, PACKETS = 800 };
    static struct spd_point a[PACKETS], b[PACKETS];
    uint64_t seed = spd_random_start_at(__func__, 1).state;
    double truth = 1e6 * log(2.0);
    int n_covered = 0, n_excluded_zero = 0;

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct spd_random random;
        struct spd_comparison c;
        struct spd_compare_input in = { .favoured = { a, PACKETS },
                                        .other = { b, PACKETS },
                                        .idle_p95_ns = SPD_NS_UNKNOWN,
                                        .resolution_ns = 1000,
                                        .seed = seed + (uint64_t)round };

        random = (struct spd_random){ seed + 1000 + (uint64_t)round };
        make_dependent(&random, 1e6, a, PACKETS);
        make_dependent(&random, 2e6, b, PACKETS);
        assert_int_equal(spd_compare(&in, &c), SPD_ERR_OK);
        n_covered += c.pdv_p50_ns.low <= truth && truth <= c.pdv_p50_ns.high;
        n_excluded_zero += c.pdv_p50_ns.low > 0;
    }
    print_message("of %d intervals at 95 %%, %d cover the truth, %d exclude 0\n", ROUNDS, n_covered,
                  n_excluded_zero);
    /* 95 % nominal; block bootstraps cover somewhat less. An ordinary bootstrap
     * covers two thirds here. */
    if (n_covered < ROUNDS * 85 / 100)
        fail_msg("seed %llu: only %d of %d", (unsigned long long)seed, n_covered, ROUNDS);
    assert_true(n_excluded_zero > ROUNDS * 9 / 10);
}

static void equal_flows_differ_rarely(void **state)
{
    enum { ROUNDS = 60, PACKETS = 800 };
    static struct spd_point a[PACKETS], b[PACKETS];
    uint64_t seed = spd_random_start_at(__func__, 1).state;
    int n_found = 0;

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct spd_random random;
        struct spd_comparison c;
        struct spd_compare_input in = { .favoured = { a, PACKETS },
                                        .other = { b, PACKETS },
                                        .idle_p95_ns = SPD_NS_UNKNOWN,
                                        .resolution_ns = 1000,
                                        .seed = seed + (uint64_t)round };

        random = (struct spd_random){ seed + 5000 + (uint64_t)round };
        make_dependent(&random, 1e6, a, PACKETS);
        make_dependent(&random, 1e6, b, PACKETS);
        assert_int_equal(spd_compare(&in, &c), SPD_ERR_OK);
        n_found += c.verdict != SPD_VERDICT_NO_DIFFERENCE;
    }
    print_message("of %d pairs of equal flows, %d were taken for different\n", ROUNDS, n_found);
    /* 5 % nominal, some 12 % as measured: the tail of a dependent flow of 800
     * packets holds few independent values. An ordinary bootstrap finds 40 %. */
    if (n_found > ROUNDS * 25 / 100)
        fail_msg("seed %llu: %d of %d", (unsigned long long)seed, n_found, ROUNDS);
}

static void loss_alone_can_tell(void **state)
{
    static struct spd_point a[N], b[N];
    struct spd_compare_input in = { .favoured = { a, N },
                                    .other = { b, N },
                                    .together = true,
                                    .idle_p95_ns = 20000,
                                    .resolution_ns = 10000,
                                    .seed = 1 };
    struct spd_comparison c;

    (void)state;
    for (size_t i = 0; i < N; i++) {
        a[i] = b[i] = (struct spd_point){ .seq = (uint32_t)i, .latency_ns = (spd_ns)(i % 7) };
        if (i % 9 == 0)
            b[i].latency_ns = SPD_NS_UNKNOWN;
    }
    assert_int_equal(spd_compare(&in, &c), SPD_ERR_OK);
    assert_int_equal(c.verdict, SPD_VERDICT_PROTECTS);
    assert_true(fabs(c.loss_ratio.value - 167.0 / N) < 1e-9);
    in.favoured.points = b;
    in.other.points = a;
    assert_int_equal(spd_compare(&in, &c), SPD_ERR_OK);
    assert_int_equal(c.verdict, SPD_VERDICT_WORSE);
}

static void odd_flows_are_taken(void **state)
{
    static struct spd_point a[N], b[N];
    struct spd_compare_input in = { .favoured = { a, 19 },
                                    .other = { b, N },
                                    .idle_p95_ns = SPD_NS_UNKNOWN,
                                    .resolution_ns = 1,
                                    .seed = 1 };
    struct spd_comparison c;

    (void)state;
    for (size_t i = 0; i < N; i++) {
        a[i].latency_ns = SPD_NS_UNKNOWN;
        b[i].latency_ns = 1000 + (spd_ns)i;
    }
    assert_int_equal(spd_compare(&in, &c), SPD_ERR_OK); /* too short */
    assert_int_equal(c.verdict, SPD_VERDICT_NOT_ENOUGH_LOAD);
    in.favoured.n = N / 3; /* shorter, and all lost */
    assert_int_equal(spd_compare(&in, &c), SPD_ERR_OK);
    assert_true(c.loss_ratio.value == -1);
    in.favoured.n = 0;
    in.other.n = 0;
    assert_int_equal(spd_compare(&in, &c), SPD_ERR_OK);
    assert_int_equal(c.verdict, SPD_VERDICT_NOT_ENOUGH_LOAD);
    assert_string_equal(spd_verdict_text(SPD_VERDICT_WORSE), "QoS makes it worse");
    assert_string_equal(spd_verdict_text(SPD_VERDICT_COUNT), "unknown");
}

static void same_seed_gives_the_same_interval(void **state)
{
    static struct spd_point a[N], b[N];
    struct spd_random random;
    struct spd_compare_input in = { .favoured = { a, N },
                                    .other = { b, N },
                                    .idle_p95_ns = 1000,
                                    .resolution_ns = 1000,
                                    .seed = 7 };
    struct spd_comparison first, second;

    (void)state;
    random = (struct spd_random){ 3 };
    make_dependent(&random, 1e6, a, N);
    make_dependent(&random, 1.1e6, b, N);
    assert_int_equal(spd_compare(&in, &first), SPD_ERR_OK);
    assert_int_equal(spd_compare(&in, &second), SPD_ERR_OK);
    assert_memory_equal(&first, &second, sizeof(first));
    in.seed = 8;
    assert_int_equal(spd_compare(&in, &second), SPD_ERR_OK);
    assert_true(first.pdv_p95_ns.low != second.pdv_p95_ns.low);
    assert_true(first.block_packets > cbrt(N)); /* the dependence was seen */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdict_is_what_the_bottleneck_does),
        cmocka_unit_test(intervals_cover_the_truth),
        cmocka_unit_test(equal_flows_differ_rarely),
        cmocka_unit_test(loss_alone_can_tell),
        cmocka_unit_test(odd_flows_are_taken),
        cmocka_unit_test(same_seed_gives_the_same_interval),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
