/*
 * How often the verdict on a class is wrong: over networks drawn at random, on
 * which none of its constants were chosen. SPD_VERDICT_RUNS in the environment
 * makes it more runs of each scenario, SPD_SEED others.
 */
#include "common/analysis/compare.h"

#include <math.h>
#include <stdio.h>

#include "common/analysis/quantile.h"
#include "tests/unit/unit.h"
#include "tests/unit/verdict_sim.h"

enum { RUNS = 100, POINTS_MAX = 1000, LONG = 12, DRAWS_MAX = 100 };

#define WRONG_LIMIT 0.02
#define CLEAR_PART  0.15 /* of the load: three times what counts as a difference */
#define CLEAR_NS    500000

static struct spd_point favoured[POINTS_MAX], other[POINTS_MAX];

static const struct scenario {
    const char *name;
    enum verdict_queue queue;
    bool loaded;
    bool differs;   /* what the queue does is seen in the long run */
    unsigned right; /* verdicts, one bit each */
} scenarios[] = {
    { "one queue", QUEUE_FIFO, true, false, 1u << SPD_VERDICT_NO_DIFFERENCE },
    { "one queue, early drops", QUEUE_EARLY, true, false, 1u << SPD_VERDICT_NO_DIFFERENCE },
    /* Both wait for the frame on the wire, and no more. */
    { "both before the noise", QUEUE_BOTH, true, false,
      1u << SPD_VERDICT_NO_DIFFERENCE | 1u << SPD_VERDICT_NOT_ENOUGH_LOAD },
    { "the class first", QUEUE_FAVOURED, true, true, 1u << SPD_VERDICT_PROTECTS },
    { "the class has its share", QUEUE_WEIGHTED, true, true, 1u << SPD_VERDICT_PROTECTS },
    { "the other first", QUEUE_OTHER, true, true, 1u << SPD_VERDICT_WORSE },
    { "no load, one queue", QUEUE_FIFO, false, false, 1u << SPD_VERDICT_NOT_ENOUGH_LOAD },
    { "no load, the class first", QUEUE_FAVOURED, false, false, 1u << SPD_VERDICT_NOT_ENOUGH_LOAD },
};

static spd_ns idle_p95(const struct spd_point *points, size_t n)
{
    spd_ns values[POINTS_MAX];
    struct spd_stats stats;

    for (size_t i = 0; i < n; i++)
        values[i] = points[i].latency_ns;
    spd_quantile_stats(values, n, &stats);
    return stats.p95_ns;
}

static enum spd_verdict judge(const struct verdict_sim *sim, uint64_t seed,
                              struct spd_comparison *c)
{
    struct spd_compare_input in = { .together = true, .resolution_ns = 50000, .seed = seed };
    size_t n = sim->n - sim->n_calibration;
    spd_ns a = idle_p95(favoured, sim->n_calibration), b = idle_p95(other, sim->n_calibration);

    in.favoured = (struct spd_compare_flow){ favoured + sim->n_calibration, n };
    in.other = (struct spd_compare_flow){ other + sim->n_calibration, n };
    in.idle_p95_ns = a > b ? a : b;
    assert_int_equal(spd_compare(&in, c), SPD_ERR_OK);
    return c->verdict;
}

/* The 95th percentile in the long run, of which a test sees a part. */
static double long_p95(struct spd_point *points, size_t n)
{
    static spd_ns values[POINTS_MAX * LONG];
    struct spd_stats stats;
    size_t n_known = 0;

    for (size_t i = 0; i < n; i++)
        if (points[i].latency_ns != SPD_NS_UNKNOWN)
            values[n_known++] = points[i].latency_ns;
    spd_quantile_stats(values, n_known, &stats);
    return n_known > 0 ? (double)stats.p95_ns : 0;
}

/* Where no more than the frame on the wire is ever waited for, who goes first
 * gains nothing: such a network does not treat its classes differently, however
 * it is configured. */
static bool is_clear(const struct verdict_sim *sim, struct spd_random random)
{
    static struct spd_point a[POINTS_MAX * LONG], b[POINTS_MAX * LONG];
    struct verdict_sim longer = *sim;
    double of_a, of_b;

    longer.n = sim->n_calibration + (sim->n - sim->n_calibration) * LONG;
    verdict_sim_run(&longer, &random, a, b);
    of_a = long_p95(a + sim->n_calibration, longer.n - sim->n_calibration);
    of_b = long_p95(b + sim->n_calibration, longer.n - sim->n_calibration);
    return fabs(of_b - of_a) > CLEAR_PART * fmax(of_a, of_b) && fabs(of_b - of_a) > CLEAR_NS;
}

/* A network that does what the scenario says. */
static void draw(const struct scenario *s, enum verdict_noise noise, struct spd_random *random,
                 struct verdict_sim *sim)
{
    for (int i = 0; i < DRAWS_MAX; i++) {
        verdict_sim_draw(sim, s->queue, noise, random);
        assert_true(sim->n <= POINTS_MAX);
        if (!s->differs || is_clear(sim, (struct spd_random){ random->state ^ 1 }))
            return;
    }
    fail_msg("%s: no network of noise %d does so", s->name, noise);
}

static void tell(const struct verdict_sim *sim, uint64_t seed, const struct spd_comparison *c)
{
    print_message("    seed %llu, noise %d: %.0f bit/s, load %.2f, %u packets every %.1f ms: %s; "
                  "p95 %.2f in [%.2f, %.2f] ms, loss %.3f in [%.3f, %.3f], load %.2f of %.2f ms, "
                  "block %.0f\n",
                  (unsigned long long)seed, sim->noise, sim->link_bps, sim->load, (unsigned)sim->n,
                  1e3 * sim->interval_s, spd_verdict_text(c->verdict), c->pdv_p95_ns.value / 1e6,
                  c->pdv_p95_ns.low / 1e6, c->pdv_p95_ns.high / 1e6, c->loss_ratio.value,
                  c->loss_ratio.low, c->loss_ratio.high, (double)c->load_ns / 1e6,
                  (double)c->load_needed_ns / 1e6, c->block_packets);
}

static unsigned count_wrong(const struct scenario *s, unsigned n_runs, uint64_t seed,
                            unsigned of_noise[VERDICT_N_NOISES])
{
    unsigned n_wrong = 0;

    for (unsigned i = 0; i < n_runs; i++) {
        struct spd_random random = { seed + i * UINT64_C(1000003) + s->queue * UINT64_C(77777777) };
        enum verdict_noise noise = s->loaded ? (enum verdict_noise)(i % NOISE_NONE) : NOISE_NONE;
        struct spd_comparison c;
        struct verdict_sim sim;

        draw(s, noise, &random, &sim);
        verdict_sim_run(&sim, &random, favoured, other);
        if (s->right & 1u << judge(&sim, seed + i, &c))
            continue;
        tell(&sim, seed + i, &c);
        of_noise[noise]++;
        n_wrong++;
    }
    return n_wrong;
}

static void verdicts_are_rarely_wrong(void **state)
{
    const char *runs = getenv("SPD_VERDICT_RUNS"), *text = getenv("SPD_SEED");
    unsigned n_runs = runs && *runs ? (unsigned)atoi(runs) : RUNS;
    uint64_t seed = text && *text ? strtoull(text, NULL, 0) : 20000;
    bool holds = true;

    (void)state;
    for (size_t i = 0; i < N_ROWS(scenarios); i++) {
        unsigned of_noise[VERDICT_N_NOISES] = { 0 };
        unsigned n_wrong = count_wrong(&scenarios[i], n_runs, seed, of_noise);

        print_message("  %-26s %3u of %u wrong (%.1f %%); Poisson %u, periodic %u, bursts %u, "
                      "sawtooth %u\n",
                      scenarios[i].name, n_wrong, n_runs, 100.0 * n_wrong / n_runs,
                      of_noise[NOISE_POISSON], of_noise[NOISE_PERIODIC], of_noise[NOISE_BURSTS],
                      of_noise[NOISE_SAWTOOTH]);
        holds = holds && n_wrong <= WRONG_LIMIT * n_runs;
    }
    assert_true(holds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts_are_rarely_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
