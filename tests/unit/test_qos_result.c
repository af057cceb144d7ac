/*
 * Classes side by side: what is counted after the calibration, on which way
 * losses count, what the marks say, and the verdict over directions and pairs.
 */
#include "common/result/qos_result.h"

#include <stdio.h>

#include "common/result/flow_place.h"
#include "tests/unit/unit.h"

#define WAITS(there, back)                                                                         \
    {                                                                                              \
        .there_ns = there, .back_ns = back                                                         \
    }
#define LOSES(there, back, n_there, n_back)                                                        \
    {                                                                                              \
        .there_ns = there, .back_ns = back, .lose_there = n_there, .lose_back = n_back             \
    }
#define MARKS(mark, came_back)                                                                     \
    {                                                                                              \
        .there_ns = NONE, .back_ns = NONE, .dscp = mark, .came_back_as = came_back                 \
    }
#define REFUSED(mark, why)                                                                         \
    {                                                                                              \
        .there_ns = NONE, .back_ns = NONE, .dscp = mark, .refused = why                            \
    }
#define ARRIVED(mark, arrived)                                                                     \
    {                                                                                              \
        .there_ns = NONE, .dscp = mark, .arrived_as = arrived, .one_way = true                     \
    }

enum { N = 400, N_CALIBRATION = 100 };

#define US SPD_NS_PER_US
#define MS SPD_NS_PER_MS

#define LOW  (10 * MS)
#define HIGH (400 * MS)
#define NONE (20 * US)

/* What happens to one class: delays that grow with their number, up to these. */
struct fate {
    spd_ns there_ns, back_ns;
    unsigned lose_there, lose_back; /* every so many; 0: none */
    uint8_t dscp, came_back_as;
    bool never_empty; /* behind the calibration the wire is never free on the way there */
    double skew_ppm;
    bool no_calibration;
    const char *refused; /* why this host does not mark */
    bool one_way;
    uint8_t arrived_as; /* one-way */
};

struct side {
    struct spd_log_header *header;
    struct spd_log_facts facts;
    struct spd_flow_packet packets[N];
    struct spd_flow_result result;
    struct spd_environment environment;
};

/* Delays wander between 0 and most, slowly enough to depend on each other. */
static spd_ns wander(uint32_t seq, spd_ns most_ns)
{
    uint32_t at = seq * 37 % 200;

    return most_ns / 100 * (at < 100 ? at : 200 - at);
}

static void make(struct side *s, const struct fate *f, bool stateful)
{
    struct spd_flow_wishes wishes = { .minimum_ns = SPD_NS_UNKNOWN,
                                      .keep_points = true,
                                      .keep_skew = true };
    struct spd_flow_input input = { .facts = &s->facts, .log_name = "" };
    struct spd_diag diag = { 0 };
    uint32_t n_arrived = 0;

    s->header = calloc(1, sizeof(*s->header));
    assert_non_null(s->header);
    s->header->kind = f->one_way ? SPD_LOG_ONE_WAY_RECEIVER : SPD_LOG_TWO_WAY;
    s->header->flows[0].info.one_way = f->one_way;
    memset(&s->environment, 0, sizeof(s->environment));
    spd_env_set_text(&s->environment, SPD_ENV_DSCP, "EF", f->refused ? "not marked" : "EF",
                     !f->refused, f->refused ? f->refused : "");
    s->header->n_flows = 1;
    for (uint32_t i = 0; i < N; i++) {
        struct spd_flow_packet *p = &s->packets[i];
        bool idle = i < N_CALIBRATION;
        bool arrived = idle || !f->lose_there || i % f->lose_there != 0;
        bool returned = arrived && (idle || !f->lose_back || i % f->lose_back != 1);

        *p = (struct spd_flow_packet){ .seq = i,
                                       .size_bytes = 92,
                                       .flags = SPD_FLOW_SENT | SPD_FLOW_T1_KERNEL,
                                       .t1_ns = (int64_t)1000 * SPD_NS_PER_S + i * 20 * MS,
                                       .tclass_forward = SPD_FLOW_TCLASS_UNKNOWN,
                                       .tclass_reverse = SPD_FLOW_TCLASS_UNKNOWN };
        if (f->one_way) {
            p->flags |= SPD_FLOW_ARRIVED | SPD_FLOW_RX_KERNEL;
            p->t2_ns = p->t1_ns + wander(i, f->there_ns);
            p->tclass_forward = (uint8_t)(f->arrived_as << 2 | 1);
        } else if (returned) {
            p->flags |= SPD_FLOW_ARRIVED | SPD_FLOW_RETURNED | SPD_FLOW_RX_KERNEL;
            int64_t drift_ns = (int64_t)(f->skew_ppm * 1e3 * 0.02 * i);

            p->t2_ns = p->t1_ns + 5 * MS + drift_ns + wander(i, idle ? 20 * US : f->there_ns) +
                       (f->never_empty && !idle ? 2 * MS + (spd_ns)i * 10 * US : 0);
            p->t3_ns = p->t2_ns + 10 * US;
            p->t4_ns = p->t3_ns + 5 * MS - drift_ns + wander(i + 50, idle ? 20 * US : f->back_ns);
            p->reflector_seq = stateful ? n_arrived : i;
            p->tclass_reverse = (uint8_t)(f->came_back_as << 2);
        }
        n_arrived += arrived;
    }
    input.header = s->header;
    input.packets[0] = s->packets;
    input.n_packets[0] = N;
    memset(&s->result, 0, sizeof(s->result));
    if (spd_flow_result_make(&input, &wishes, &s->result, &diag))
        fail_msg("%s", diag.text);
}

static void drop(struct side *s)
{
    spd_flow_result_fini(&s->result);
    free(s->header);
}

static struct side sides[3];

static void compare_as(bool together, const struct fate *fates, size_t n, bool stateful,
                       struct spd_qos_result *out)
{
    static const char *const names[] = { "A", "B", "C" };
    struct spd_qos_options options = { .together = together, .seed = 1 };
    struct spd_qos_side compared[3];
    struct spd_diag diag = { 0 };

    for (size_t i = 0; i < n; i++) {
        make(&sides[i], &fates[i], stateful);
        compared[i] = (struct spd_qos_side){ names[i], fates[i].dscp, &sides[i].result.flows[0],
                                             fates[i].no_calibration ? 0 : N_CALIBRATION,
                                             &sides[i].environment };
    }
    if (spd_qos_result_make(compared, n, &options, out, &diag))
        fail_msg("%s", diag.text);
}

static void compare(const struct fate *fates, size_t n, bool stateful, struct spd_qos_result *out)
{
    compare_as(true, fates, n, stateful, out);
}

static void release(struct spd_qos_result *r, size_t n)
{
    spd_qos_result_fini(r);
    for (size_t i = 0; i < n; i++)
        drop(&sides[i]);
}

/* ----------------------------------------------------------------- verdicts */

static void verdicts_follow_each_way_and_harm_comes_first(void **state)
{
    static const struct {
        const char *name;
        struct fate fates[2];
        bool stateful;
        enum spd_verdict there, back, verdict;
        const char *says;
    } rows[] = {
        { "protected there",
          { WAITS(LOW, NONE), WAITS(HIGH, NONE) },
          true,
          SPD_VERDICT_PROTECTS,
          SPD_VERDICT_NOT_ENOUGH_LOAD,
          SPD_VERDICT_PROTECTS,
          "QoS protects the class on the way there; on the way back QoS cannot be judged" },
        { "protected back",
          { WAITS(NONE, LOW), WAITS(NONE, HIGH) },
          true,
          SPD_VERDICT_NOT_ENOUGH_LOAD,
          SPD_VERDICT_PROTECTS,
          SPD_VERDICT_PROTECTS,
          "protects the class on the way back" },
        { "protected both ways",
          { WAITS(LOW, LOW), WAITS(HIGH, HIGH) },
          true,
          SPD_VERDICT_PROTECTS,
          SPD_VERDICT_PROTECTS,
          SPD_VERDICT_PROTECTS,
          "protects the class, both ways" },
        { "protected there, not back",
          { WAITS(LOW, HIGH), WAITS(HIGH, HIGH) },
          true,
          SPD_VERDICT_PROTECTS,
          SPD_VERDICT_NO_DIFFERENCE,
          SPD_VERDICT_PROTECTS,
          "on the way back QoS makes no difference" },
        { "protected there, worse back",
          { WAITS(LOW, HIGH), WAITS(HIGH, LOW) },
          true,
          SPD_VERDICT_PROTECTS,
          SPD_VERDICT_WORSE,
          SPD_VERDICT_WORSE,
          "makes it worse on the way back; on the way there QoS protects it" },
        { "alike",
          { WAITS(HIGH, NONE), WAITS(HIGH, NONE) },
          true,
          SPD_VERDICT_NO_DIFFERENCE,
          SPD_VERDICT_NOT_ENOUGH_LOAD,
          SPD_VERDICT_NO_DIFFERENCE,
          "makes no difference" },
        { "idle",
          { WAITS(NONE, NONE), WAITS(NONE, NONE) },
          true,
          SPD_VERDICT_NOT_ENOUGH_LOAD,
          SPD_VERDICT_NOT_ENOUGH_LOAD,
          SPD_VERDICT_NOT_ENOUGH_LOAD,
          "add load" },
        /* Losses count on the way on which they happened. */
        { "losses there alone",
          { WAITS(HIGH, NONE), LOSES(HIGH, NONE, 3, 0) },
          true,
          SPD_VERDICT_PROTECTS,
          SPD_VERDICT_NOT_ENOUGH_LOAD,
          SPD_VERDICT_PROTECTS,
          "on the way there" },
        { "losses back alone",
          { WAITS(NONE, HIGH), LOSES(NONE, HIGH, 0, 3) },
          true,
          SPD_VERDICT_NOT_ENOUGH_LOAD,
          SPD_VERDICT_PROTECTS,
          SPD_VERDICT_PROTECTS,
          "on the way back" },
        /* Unknown, they go where the queue is. */
        { "losses of unknown way, load there",
          { WAITS(HIGH, NONE), LOSES(HIGH, NONE, 3, 0) },
          false,
          SPD_VERDICT_PROTECTS,
          SPD_VERDICT_NOT_ENOUGH_LOAD,
          SPD_VERDICT_PROTECTS,
          "there" },
        { "losses of unknown way, load back",
          { WAITS(NONE, HIGH), LOSES(NONE, HIGH, 3, 0) },
          false,
          SPD_VERDICT_NOT_ENOUGH_LOAD,
          SPD_VERDICT_PROTECTS,
          SPD_VERDICT_PROTECTS,
          "back" },
    };
    char text[SPD_QOS_TEXT_BYTES];

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_qos_result r;

        compare(rows[i].fates, 2, rows[i].stateful, &r);
        CHECK_ROW_INT(rows[i].name, r.ways[SPD_FLOW_FORWARD], rows[i].there);
        CHECK_ROW_INT(rows[i].name, r.ways[SPD_FLOW_REVERSE], rows[i].back);
        CHECK_ROW_INT(rows[i].name, r.verdict, rows[i].verdict);
        if (!strstr(spd_qos_verdict_text(&r, text), rows[i].says))
            fail_msg("row \"%s\": says \"%s\"", rows[i].name, text);
        release(&r, 2);
    }
}

static void each_class_is_compared_with_the_first(void **state)
{
    static const struct fate fates[] = { WAITS(LOW, NONE), WAITS(LOW, NONE), WAITS(HIGH, NONE) };
    struct spd_qos_result r;

    (void)state;
    compare(fates, 3, true, &r);
    assert_int_equal(r.n_pairs, 2);
    assert_int_equal(r.pairs[0].other, 1);
    assert_int_equal(r.pairs[0].ways[SPD_FLOW_FORWARD].verdict, SPD_VERDICT_NO_DIFFERENCE);
    assert_int_equal(r.pairs[1].ways[SPD_FLOW_FORWARD].verdict, SPD_VERDICT_PROTECTS);
    assert_int_equal(r.verdict, SPD_VERDICT_PROTECTS);
    release(&r, 3);
}

/* ------------------------------------------------------------------ figures */

static void figures_leave_the_calibration_out(void **state)
{
    static const struct fate fates[] = { LOSES(HIGH, NONE, 4, 0), LOSES(HIGH, NONE, 100, 5) };
    struct spd_qos_result r;
    const struct spd_qos_way *w;

    (void)state;
    compare(fates, 2, true, &r);
    w = &r.classes[0].ways[SPD_FLOW_FORWARD];
    assert_int_equal(w->n_sent, N - N_CALIBRATION);
    assert_int_equal(w->n_lost, (N - N_CALIBRATION) / 4);
    assert_int_equal(w->pdv.n, (N - N_CALIBRATION) * 3 / 4);
    assert_true(w->pdv.p95_ns > 300 * MS && w->pdv.max_ns <= HIGH);
    assert_true(w->idle_p95_ns > 0 && w->idle_p95_ns <= 20 * US);
    /* What never arrived was not sent back. */
    assert_int_equal(r.classes[0].ways[SPD_FLOW_REVERSE].n_lost, 0);
    assert_int_equal(r.classes[0].ways[SPD_FLOW_REVERSE].n_sent, (N - N_CALIBRATION) * 3 / 4);
    /* And what was lost on the way back had arrived. */
    assert_int_equal(r.classes[1].ways[SPD_FLOW_FORWARD].n_lost, (N - N_CALIBRATION) / 100);
    assert_int_equal(r.classes[1].ways[SPD_FLOW_REVERSE].n_lost, (N - N_CALIBRATION) / 5);
    assert_true(r.classes[1].ways[SPD_FLOW_FORWARD].mos.mos > 1);
    release(&r, 2);
}

/* Logs of different runs may each have their own, or none. */
static void each_class_has_its_own_calibration(void **state)
{
    struct fate fates[] = { WAITS(LOW, NONE), WAITS(HIGH, NONE) };
    struct spd_qos_result r;

    (void)state;
    fates[1].no_calibration = true;
    compare(fates, 2, true, &r);
    assert_int_equal(r.classes[0].n_calibration, N_CALIBRATION);
    assert_int_equal(r.classes[0].ways[SPD_FLOW_FORWARD].n_sent, N - N_CALIBRATION);
    assert_true(r.classes[0].ways[SPD_FLOW_FORWARD].idle_p95_ns <= 20 * US);
    assert_int_equal(r.classes[1].n_calibration, 0);
    assert_int_equal(r.classes[1].ways[SPD_FLOW_FORWARD].n_sent, N);
    assert_int_equal(r.classes[1].ways[SPD_FLOW_FORWARD].idle_p95_ns, SPD_NS_UNKNOWN);
    assert_int_equal(r.verdict, SPD_VERDICT_PROTECTS);
    release(&r, 2);
}

/* What rises in one direction alone is no skew, and what is one is taken out of
 * every class and direction, also where congestion hides it. */
static void skew_is_what_all_ways_know(void **state)
{
    static const double skews_ppm[] = { 0, 50, -50 };

    (void)state;
    for (size_t i = 0; i < N_ROWS(skews_ppm); i++) {
        struct fate fates[] = { WAITS(LOW, NONE), WAITS(HIGH, NONE) };
        const struct spd_qos_way *w;
        struct spd_qos_result r;
        spd_ns most_ns;

        fates[0].never_empty = true;
        fates[0].skew_ppm = fates[1].skew_ppm = skews_ppm[i];
        compare(fates, 2, true, &r);
        assert_int_equal(spd_common_skew_is_removable(&r.skew[0]), skews_ppm[i] != 0);
        assert_true(r.skew[0].skew_ppb > skews_ppm[i] * 1e3 - 3000 &&
                    r.skew[0].skew_ppb < skews_ppm[i] * 1e3 + 3000);
        w = &r.classes[0].ways[SPD_FLOW_FORWARD];
        /* Of 2 ms and 10 us a packet nothing may be gone. */
        most_ns = 0;
        for (uint32_t k = N_CALIBRATION; k < N; k++) {
            spd_ns late_ns = wander(k, LOW) + 2 * MS + (spd_ns)k * 10 * US;

            most_ns = late_ns > most_ns ? late_ns : most_ns;
        }
        assert_true(w->pdv.max_ns > most_ns - 50 * US && w->pdv.max_ns < most_ns + 50 * US);
        assert_true(r.classes[1].ways[SPD_FLOW_REVERSE].pdv.max_ns < 100 * US);
        release(&r, 2);
    }
}

/* Of one run there is one; of other runs, each has its own. */
static void skew_is_one_of_one_run(void **state)
{
    struct fate fates[] = { WAITS(LOW, NONE), WAITS(LOW, NONE) };
    struct spd_qos_result r;

    (void)state;
    fates[0].skew_ppm = 50;
    fates[1].skew_ppm = -20;
    compare_as(true, fates, 2, true, &r);
    assert_true(r.skew[0].skew_ppb == r.skew[1].skew_ppb);
    assert_int_equal(r.skew[0].n_estimates, 4);
    release(&r, 2);
    compare_as(false, fates, 2, true, &r);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(r.skew[i].n_estimates, 2);
        assert_true(r.skew[i].skew_ppb > fates[i].skew_ppm * 1e3 - 3000 &&
                    r.skew[i].skew_ppb < fates[i].skew_ppm * 1e3 + 3000);
        assert_true(r.classes[i].ways[SPD_FLOW_FORWARD].pdv.max_ns < LOW + 100 * US);
    }
    release(&r, 2);
}

static void marks_say_what_is_known_and_no_more(void **state)
{
    static const struct {
        const char *name;
        struct fate fate;
        uint32_t n_replies, n_kept, n_forward_kept;
        const char *says;
    } rows[] = {
        { "kept", MARKS(46, 46), N, N, 0, "all 400 replies came back as EF: if" },
        { "gone", MARKS(46, 0), N, 0, 0, "0 of 400 replies came back as EF, 400 as BE" },
        { "changed", MARKS(46, 34), N, 0, 0, "400 as AF41: changed on the way there, by" },
        { "best effort", MARKS(0, 0), N, N, 0, "no reply was marked" },
        { "never marked", REFUSED(46, "no rights"), N, 0, 0,
          "this host sent its packets without the mark (no rights); 0 of 400 replies came back as "
          "EF" },
        { "never marked, nobody knows why", REFUSED(46, ""), N, 0, 0, "(the system refused)" },
        { "nothing to mark", REFUSED(0, "no rights"), N, N, 0, "no reply was marked" },
        { "arrived", ARRIVED(46, 46), 0, 0, N, "400 of 400 packets arrived at the far end as EF" },
        { "bleached there", ARRIVED(46, 0), 0, 0, 0,
          "0 of 400 packets arrived at the far end as EF, 400 as BE: changed on the way there" },
        { "changed there", ARRIVED(0, 8), 0, 0, 0, "400 as CS1: changed on the way there" },
    };
    char text[SPD_QOS_TEXT_BYTES];

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct fate fates[2] = { rows[i].fate, rows[i].fate };
        struct spd_qos_result r;

        compare(fates, 2, true, &r);
        CHECK_ROW_INT(rows[i].name, r.classes[0].marks.n_known, rows[i].n_replies);
        CHECK_ROW_INT(rows[i].name, r.classes[0].marks.n_forward_kept, rows[i].n_forward_kept);
        CHECK_ROW_INT(rows[i].name, r.classes[0].marks.n_kept, rows[i].n_kept);
        if (!strstr(spd_qos_marks_text(&r.classes[0], text), rows[i].says))
            fail_msg("row \"%s\": says \"%s\"", rows[i].name, text);
        /* Who refuses to mark is no network, and what no reply told is not told. */
        if (rows[i].fate.refused || rows[i].fate.one_way)
            CHECK_ROW(rows[i].name, !strstr(text, "cannot tell apart"));
        if (rows[i].fate.one_way)
            CHECK_ROW(rows[i].name, !strstr(text, "repl"));
        release(&r, 2);
    }
}

/* Else the network would be blamed for what this host did not ask of it. */
static void a_verdict_on_packets_without_marks_says_so(void **state)
{
    struct fate fates[] = { WAITS(HIGH, NONE), WAITS(HIGH, NONE) };
    char text[SPD_QOS_TEXT_BYTES];
    struct spd_qos_result r;

    (void)state;
    fates[0].dscp = 46;
    fates[0].refused = "no rights";
    compare(fates, 2, true, &r);
    assert_int_equal(r.verdict, SPD_VERDICT_NO_DIFFERENCE);
    assert_non_null(strstr(spd_qos_verdict_text(&r, text), "this host could not mark A"));
    release(&r, 2);
    fates[0].refused = NULL;
    compare(fates, 2, true, &r);
    assert_null(strstr(spd_qos_verdict_text(&r, text), "could not"));
    release(&r, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts_follow_each_way_and_harm_comes_first),
        cmocka_unit_test(each_class_is_compared_with_the_first),
        cmocka_unit_test(figures_leave_the_calibration_out),
        cmocka_unit_test(each_class_has_its_own_calibration),
        cmocka_unit_test(skew_is_what_all_ways_know),
        cmocka_unit_test(skew_is_one_of_one_run),
        cmocka_unit_test(marks_say_what_is_known_and_no_more),
        cmocka_unit_test(a_verdict_on_packets_without_marks_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
