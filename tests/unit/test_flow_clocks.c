/*
 * The variation of flows between clocks that drift, behind queues that grow,
 * against the truth of both.
 */
#include "tests/unit/unit.h"

#include <math.h>
#include <stdio.h>

#include "tests/unit/flow_kit.h"
#include "tests/unit/flow_sim.h"

enum { N = 2048 };

#define FAR_BEHIND (-7 * SPD_NS_PER_S)

/* What the two ways of a flow meet. */
struct path {
    double skew_ppm; /* the far clock runs faster */
    struct flow_sim ways[2];
};

static struct path path_of(double skew_ppm, enum flow_load there, enum flow_load back)
{
    struct path path = { skew_ppm, { flow_sim_default(), flow_sim_default() } };

    path.ways[0].load = there;
    path.ways[1].load = back;
    return path;
}

static int64_t far_clock(const struct path *path, int64_t true_ns)
{
    double since = (double)(true_ns - FLOW_KIT_START_NS);

    return true_ns + FAR_BEHIND + (int64_t)llrint(since * path->skew_ppm * 1e-6);
}

static spd_ns p99_of(spd_ns *values, size_t n)
{
    struct spd_stats stats;

    spd_quantile_stats(values, n, &stats);
    return stats.p99_ns - stats.min_ns;
}

/* Stamps of flow `flow` of the log, N packets from its place on; the true p99 of
 * the variation of each way. */
static void travel(const struct path *path, struct spd_random *random, struct spd_log *log,
                   size_t flow, spd_ns p99_ns[2])
{
    static struct spd_point points[N];
    static spd_ns delays[2][N];

    for (int way = 0; way < 2; way++)
        flow_sim_run(&path->ways[way], random, points, delays[way]);
    for (size_t i = 0; i < N; i++) {
        struct spd_flow_packet *p = &log->packets[flow * N + i];
        int64_t sent_ns = FLOW_KIT_START_NS + (int64_t)i * path->ways[0].interval_ns;
        int64_t there_ns = sent_ns + delays[0][i];
        int64_t back_ns = there_ns + 30000 + delays[1][i];

        *p = log->packets[0];
        p->seq = p->reflector_seq = (uint32_t)i;
        p->flow = (uint8_t)flow;
        p->t1_ns = sent_ns;
        p->t2_ns = far_clock(path, there_ns);
        if (log->header.kind != SPD_LOG_TWO_WAY)
            continue;
        p->t3_ns = far_clock(path, there_ns + 30000);
        p->t4_ns = back_ns;
    }
    for (int way = 0; way < 2; way++)
        p99_ns[way] = p99_of(delays[way], N);
}

static void start(struct spd_log *log, enum spd_log_kind kind, size_t n_flows)
{
    flow_kit_log(log, kind, (uint32_t)(N * n_flows));
    log->header.n_flows = (uint8_t)n_flows;
    log->facts.end.n_flows = (uint8_t)n_flows;
    for (size_t i = 0; i < n_flows; i++) {
        log->header.flows[i] = log->header.flows[0];
        snprintf(log->header.flows[i].info.name, sizeof log->header.flows[i].info.name, "F%zu", i);
        log->facts.end.flows[i] = log->facts.end.flows[0];
        log->facts.end.flows[i].n_packets = N;
    }
}

/* How far the shown p99 is from the truth, as a part of it. */
static double error_of(const struct spd_flow_result *result, size_t flow, int way, spd_ns true_ns)
{
    const struct spd_stats *pdv = &result->flows[flow].ways[way].summary.pdv;

    return fabs((double)(pdv->p99_ns - pdv->min_ns) / (double)true_ns - 1.0);
}

static const struct spd_flow_summary *summary_of(const struct spd_flow_result *result, int way)
{
    return &result->flows[0].ways[way].summary;
}

static enum spd_skew_finding try_path(const char *name, const struct path *path,
                                      struct spd_random *random, bool with_errors)
{
    struct spd_flow_result *result;
    struct spd_log log;
    spd_ns p99_ns[2];

    start(&log, SPD_LOG_TWO_WAY, 1);
    travel(path, random, &log, 0, p99_ns);
    result = flow_kit_result(&log, NULL);
    enum spd_skew_finding finding = summary_of(result, 0)->common.finding;
    CHECK_ROW_INT(name, summary_of(result, 1)->common.finding, finding);
    CHECK_ROW_INT(name, summary_of(result, 0)->skew_removed, summary_of(result, 1)->skew_removed);
    CHECK_ROW(name, fabs(summary_of(result, 0)->skew_removed_ppb +
                         summary_of(result, 1)->skew_removed_ppb) < 100);
    for (int way = 0; way < 2 && with_errors; way++) {
        double error = error_of(result, 0, way, p99_ns[way]);

        if (error > 0.02)
            fail_msg("%s, way %d: skew %.1f ppm, p99 off by %.2f %%: %s, %.3f ppm removed; "
                     "%.3f (%.3f to %.3f) and %.3f (%.3f to %.3f), %zu jumps",
                     name, way, path->skew_ppm, 100.0 * error, spd_skew_finding_text(finding),
                     summary_of(result, 0)->skew_removed_ppb / 1e3,
                     summary_of(result, 0)->skew.skew_ppb / 1e3,
                     summary_of(result, 0)->skew.low_ppb / 1e3,
                     summary_of(result, 0)->skew.high_ppb / 1e3,
                     summary_of(result, 1)->skew.skew_ppb / 1e3,
                     summary_of(result, 1)->skew.low_ppb / 1e3,
                     summary_of(result, 1)->skew.high_ppb / 1e3, summary_of(result, way)->jumps.n);
    }
    flow_kit_fini(&log, result);
    return finding;
}

static const double growths_ppm[] = { -400, -50, 5, 50, 217, 700, 1500 };

/* Clocks that agree, and a standing queue that grows or drains evenly on one
 * way: the picture of skew there, and of none on the other. The other way must
 * be able to tell: congested it does not know of 5 ppm. */
static void a_queue_that_grows_is_not_taken_for_skew(void **state)
{
    struct spd_random random = spd_random_start(__func__);
    static const enum flow_load loads[] = { FLOW_EMPTY, FLOW_HALF, FLOW_CONGESTED };

    (void)state;
    for (int way = 0; way < 2; way++)
        for (size_t g = 0; g < N_ROWS(growths_ppm); g++)
            for (size_t l = 0; l < N_ROWS(loads); l++) {
                struct path path = path_of(0, loads[l], FLOW_EMPTY);
                char name[100];

                if (way == 1 && loads[l] == FLOW_CONGESTED && fabs(growths_ppm[g]) < 100)
                    continue;
                path.ways[way].growth_ppb = growths_ppm[g] * 1e3;
                path.ways[way].path_ns += 30 * SPD_NS_PER_MS; /* to drain */
                snprintf(name, sizeof name, "%s there, %.0f ppm growth, way %d",
                         flow_load_name(loads[l]), growths_ppm[g], way);
                (void)try_path(name, &path, &random, true);
            }
}

/* A full queue that never empties: seen to be taken for 217 ppm. */
static void a_saturated_queue_is_not_taken_for_skew(void **state)
{
    struct spd_random random = spd_random_start(__func__);
    static const double loads[] = { 1.0, 1.05, 1.5 };
    static const double links_bps[] = { 128e3, 2e6, 10e6 };
    static const double skews_ppm[] = { 0, 50, -50 };

    (void)state;
    for (int way = 0; way < 2; way++)
        for (size_t k = 0; k < 27; k++) {
            struct path path = path_of(skews_ppm[k / 9], FLOW_EMPTY, FLOW_EMPTY);
            struct flow_sim *sim = &path.ways[way];
            char name[100];

            sim->load_part = loads[k / 3 % 3];
            sim->link_bps = links_bps[k % 3];
            sim->full_ns = (spd_ns)(64e3 * 8e9 / sim->link_bps);
            snprintf(name, sizeof name, "%.2f of %.0f bit/s, way %d", sim->load_part, sim->link_bps,
                     way);
            (void)try_path(name, &path, &random, true);
        }
}

static void skew_is_taken_out_under_every_load(void **state)
{
    struct spd_random random = spd_random_start(__func__);
    static const double skews_ppm[] = { 0.1, -0.1, 1, -1, 10, -10, 50, -50, 200, -200 };

    (void)state;
    for (enum flow_load there = 0; there < FLOW_N_LOADS; there++)
        for (enum flow_load back = 0; back < FLOW_N_LOADS; back++)
            for (size_t k = 0; k < N_ROWS(skews_ppm); k++) {
                struct path path = path_of(skews_ppm[k], there, back);
                enum spd_skew_finding finding;
                char name[100];

                snprintf(name, sizeof name, "%s; %s", flow_load_name(there), flow_load_name(back));
                finding = try_path(name, &path, &random, true);
                if (there == FLOW_EMPTY || back == FLOW_EMPTY || fabs(skews_ppm[k]) > 100)
                    CHECK_ROW_INT(name, finding, SPD_SKEW_ESTABLISHED);
            }
}

/* Growth and skew at once. Where a queue grows as evenly as a clock, only what
 * both ways show is removed, and it says so when that is nothing. */
static void skew_and_growth_are_told_apart_or_left_alone(void **state)
{
    struct spd_random random = spd_random_start(__func__);
    static const double skews_ppm[] = { 50, -50, 200, -200 };
    unsigned n_disputed = 0, n_removed = 0;

    (void)state;
    for (int way = 0; way < 2; way++)
        for (size_t k = 0; k < N_ROWS(skews_ppm); k++)
            for (size_t g = 0; g < N_ROWS(growths_ppm); g++) {
                struct path path = path_of(skews_ppm[k], FLOW_EMPTY, FLOW_EMPTY);
                /* What the way with the queue shows, as if forward. */
                double queue_ppm = way == 0 ? growths_ppm[g] : -growths_ppm[g];
                double shown_ppm = skews_ppm[k] + queue_ppm;
                bool is_seen = fabs(growths_ppm[g]) < 1000;
                bool is_least = !is_seen || (shown_ppm * skews_ppm[k] > 0 &&
                                             fabs(shown_ppm) > fabs(skews_ppm[k]));
                enum spd_skew_finding finding;
                char name[100];

                path.ways[way].growth_ppb = growths_ppm[g] * 1e3;
                path.ways[way].path_ns += 30 * SPD_NS_PER_MS;
                snprintf(name, sizeof name, "%.0f ppm growth, way %d, skew %.0f ppm",
                         growths_ppm[g], way, skews_ppm[k]);
                finding = try_path(name, &path, &random, is_least);
                if (is_seen && shown_ppm * skews_ppm[k] <= 0)
                    CHECK_ROW_INT(name, finding, SPD_SKEW_DISPUTED);
                n_disputed += finding == SPD_SKEW_DISPUTED;
                n_removed += is_least;
            }
    assert_true(n_disputed > 0 && n_removed > 0);
}

/* A queue grows less evenly than a clock drifts where others fill it. */
static void skew_is_taken_out_where_traffic_overloads_a_link(void **state)
{
    struct spd_random random = spd_random_start(__func__);
    static const double skews_ppm[] = { 0.1, -0.1, 10, -10, 50, -50, 200, -200 };
    static const double loads[] = { 0.99, 1.0, 1.01, 1.05 };

    (void)state;
    for (int way = 0; way < 2; way++)
        for (size_t k = 0; k < N_ROWS(skews_ppm); k++)
            for (size_t l = 0; l < N_ROWS(loads); l++) {
                struct path path = path_of(skews_ppm[k], FLOW_HALF, FLOW_HALF);
                char name[100];

                path.ways[way].load_part = loads[l];
                snprintf(name, sizeof name, "load %.2f, way %d", loads[l], way);
                (void)try_path(name, &path, &random, true);
            }
}

/* Two flows to one host have one skew, also if nothing comes back. */
static void flows_of_one_pair_of_clocks_share_their_skew(void **state)
{
    struct spd_random random = spd_random_start(__func__);
    struct path grows = path_of(0, FLOW_EMPTY, FLOW_EMPTY), empty = grows;
    struct spd_flow_result *result;
    struct spd_log log;
    spd_ns p99_ns[2][2];

    (void)state;
    grows.ways[0].growth_ppb = 217e3;
    start(&log, SPD_LOG_ONE_WAY, 2);
    travel(&grows, &random, &log, 1, p99_ns[1]);
    travel(&empty, &random, &log, 0, p99_ns[0]);
    result = flow_kit_result(&log, NULL);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(result->flows[i].ways[0].summary.common.finding, SPD_SKEW_DISPUTED);
        assert_true(error_of(result, i, 0, p99_ns[i][0]) < 0.02);
    }
    spd_flow_result_fini(result);
    free(result);

    /* To another host it is another clock. */
    log.header.flows[1].info.target.bytes[3] ^= 1;
    result = flow_kit_result(&log, NULL);
    assert_int_equal(result->flows[0].ways[0].summary.common.finding, SPD_SKEW_NOT_SIGNIFICANT);
    assert_int_equal(result->flows[1].ways[0].summary.common.finding, SPD_SKEW_ESTABLISHED);
    flow_kit_fini(&log, result);
}

/* Figures of a flow do not depend on whether others are shown. */
static void a_flow_alone_knows_what_all_know(void **state)
{
    struct spd_flow_wishes wishes = { .minimum_ns = SPD_NS_UNKNOWN, .flow = "F1" };
    struct spd_random random = spd_random_start(__func__);
    struct path grows = path_of(0, FLOW_EMPTY, FLOW_EMPTY), empty = grows;
    struct spd_flow_result *result = calloc(1, sizeof *result);
    struct spd_flow_input input;
    struct spd_diag diag = { 0 };
    struct spd_log log;
    spd_ns p99_ns[2][2];

    (void)state;
    assert_non_null(result);
    grows.ways[0].growth_ppb = 217e3;
    start(&log, SPD_LOG_ONE_WAY, 2);
    travel(&grows, &random, &log, 1, p99_ns[1]);
    travel(&empty, &random, &log, 0, p99_ns[0]);
    spd_flow_input_of_log(&log, NULL, &input);
    assert_int_equal(spd_flow_result_make(&input, &wishes, result, &diag), SPD_ERR_OK);
    assert_int_equal(result->n_flows, 1);
    assert_int_equal(summary_of(result, 0)->common.finding, SPD_SKEW_DISPUTED);
    assert_true(error_of(result, 0, 0, p99_ns[1][0]) < 0.02);
    flow_kit_fini(&log, result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_queue_that_grows_is_not_taken_for_skew),
        cmocka_unit_test(a_saturated_queue_is_not_taken_for_skew),
        cmocka_unit_test(skew_is_taken_out_under_every_load),
        cmocka_unit_test(skew_and_growth_are_told_apart_or_left_alone),
        cmocka_unit_test(skew_is_taken_out_where_traffic_overloads_a_link),
        cmocka_unit_test(flows_of_one_pair_of_clocks_share_their_skew),
        cmocka_unit_test(a_flow_alone_knows_what_all_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
