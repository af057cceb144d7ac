/*
 * The families of scheduled tests: each over all tests that have something to
 * show. Any thread that may allocate.
 */
#include "common/result/export_metrics.h"
#include "common/result/metrics_page.h"

enum which { ALL, HAS_RUN, MEASURED };

typedef void put_test(struct spd_metrics_page *page, const struct spd_metrics_snapshot *snapshot,
                      const struct spd_metrics_test *test);

static void each(struct spd_metrics_page *p, const struct spd_metrics_snapshot *s, enum which which,
                 put_test *put)
{
    for (size_t i = 0; i < s->n_tests; i++) {
        const struct spd_metrics_test *t = &s->tests[i];
        bool has_run = t->outcome != SPD_METRICS_NONE;

        if (which == ALL || (has_run && (which == HAS_RUN || t->measured)))
            put(p, s, t);
    }
}

static void sample(struct spd_metrics_page *p, const char *suffix, const struct spd_metrics_test *t)
{
    spd_metrics_sample(p, suffix);
    spd_metrics_label(p, "test", t->name);
}

/* ---- whether and how it runs ---- */

static void put_info(struct spd_metrics_page *p, const struct spd_metrics_snapshot *s,
                     const struct spd_metrics_test *t)
{
    (void)s;
    sample(p, NULL, t);
    spd_metrics_label(p, "kind", t->kind);
    spd_metrics_label(p, "target", t->target);
    spd_metrics_value(p, 1);
}

/* Samples that are one whole number of the test: a function each. */
#define PUT_NUMBER(name, number)                                                                   \
    static void name(struct spd_metrics_page *p, const struct spd_metrics_snapshot *s,             \
                     const struct spd_metrics_test *t)                                             \
    {                                                                                              \
        (void)s;                                                                                   \
        sample(p, NULL, t);                                                                        \
        spd_metrics_value(p, (uint64_t)(number));                                                  \
    }

PUT_NUMBER(put_running, t->running)
PUT_NUMBER(put_runs, t->n_runs)
PUT_NUMBER(put_failed, t->n_failed)
PUT_NUMBER(put_missed, t->n_missed)
PUT_NUMBER(put_exit_code, t->exit_code)
PUT_NUMBER(put_threshold, t->threshold_missed)
PUT_NUMBER(put_sent, t->n_sent)
PUT_NUMBER(put_lost, t->n_lost)

static void put_state(struct spd_metrics_page *p, const struct spd_metrics_snapshot *s,
                      const struct spd_metrics_test *t)
{
    static const char *const names[SPD_METRICS_OUTCOME_COUNT] = {
        [SPD_METRICS_NONE] = "none",
        [SPD_METRICS_FINISHED] = "finished",
        [SPD_METRICS_FAILED] = "failed",
        [SPD_METRICS_CANCELLED] = "cancelled",
    };

    (void)s;
    for (int i = 0; i < SPD_METRICS_OUTCOME_COUNT; i++) {
        sample(p, NULL, t);
        spd_metrics_label(p, "stampede_test_outcome", names[i]);
        spd_metrics_value(p, (int)t->outcome == i);
    }
}

static void put_ended(struct spd_metrics_page *p, const struct spd_metrics_snapshot *s,
                      const struct spd_metrics_test *t)
{
    (void)s;
    sample(p, NULL, t);
    spd_metrics_value_ns(p, t->ended_ns);
}

static void put_age(struct spd_metrics_page *p, const struct spd_metrics_snapshot *s,
                    const struct spd_metrics_test *t)
{
    sample(p, NULL, t);
    spd_metrics_value_ns(p, s->now_ns - t->ended_ns);
}

/* ---- what it found ---- */

static void put_loss(struct spd_metrics_page *p, const struct spd_metrics_snapshot *s,
                     const struct spd_metrics_test *t)
{
    (void)s;
    sample(p, NULL, t);
    spd_metrics_value_real(p, t->loss_ratio);
}

static void put_mos(struct spd_metrics_page *p, const struct spd_metrics_snapshot *s,
                    const struct spd_metrics_test *t)
{
    (void)s;
    if (t->mos <= 0)
        return;
    sample(p, NULL, t);
    spd_metrics_value_real(p, t->mos);
}

static void percentile(struct spd_metrics_page *p, const struct spd_metrics_test *t,
                       const char *direction, const char *percent, spd_ns value)
{
    if (value == SPD_NS_UNKNOWN)
        return;
    sample(p, NULL, t);
    if (direction)
        spd_metrics_label(p, "direction", direction);
    spd_metrics_label(p, "percentile", percent);
    spd_metrics_value_ns(p, value);
}

static void put_round_trip(struct spd_metrics_page *p, const struct spd_metrics_snapshot *s,
                           const struct spd_metrics_test *t)
{
    (void)s;
    percentile(p, t, NULL, "50", t->rtt_p50_ns);
    percentile(p, t, NULL, "99", t->rtt_p99_ns);
}

static const char *const directions[2] = { "forward", "reverse" };

static void put_variation(struct spd_metrics_page *p, const struct spd_metrics_snapshot *s,
                          const struct spd_metrics_test *t)
{
    (void)s;
    for (size_t i = 0; i < 2; i++) {
        const struct spd_metrics_way *w = &t->ways[i];

        if (!w->known)
            continue;
        percentile(p, t, directions[i], "50", w->pdv_p50_ns);
        percentile(p, t, directions[i], "95", w->pdv_p95_ns);
        percentile(p, t, directions[i], "99", w->pdv_p99_ns);
    }
}

static void put_buckets(struct spd_metrics_page *p, const struct spd_metrics_snapshot *s,
                        const struct spd_metrics_test *t, size_t way)
{
    const struct spd_metrics_way *w = &t->ways[way];
    bool old = p->format == SPD_METRICS_TEXT;
    uint64_t n = 0;

    for (size_t i = 0; i <= s->n_bounds; i++) {
        n += w->buckets[i];
        sample(p, "_bucket", t);
        spd_metrics_label(p, "direction", directions[way]);
        spd_metrics_label_ns(p, "le", i < s->n_bounds ? s->bound_ns[i] : SPD_NS_MAX);
        spd_metrics_value(p, n);
    }
    sample(p, old ? "_sum" : "_gsum", t);
    spd_metrics_label(p, "direction", directions[way]);
    spd_metrics_value_ns(p, w->sum_ns);
    /* The same as the last bucket, by both formats. */
    sample(p, old ? "_count" : "_gcount", t);
    spd_metrics_label(p, "direction", directions[way]);
    spd_metrics_value(p, n);
}

static void put_histogram(struct spd_metrics_page *p, const struct spd_metrics_snapshot *s,
                          const struct spd_metrics_test *t)
{
    for (size_t i = 0; i < 2; i++)
        if (t->ways[i].known)
            put_buckets(p, s, t, i);
}

static const struct {
    enum spd_metrics_type type;
    const char *name;
    const char *unit;
    const char *help;
    enum which which;
    put_test *put;
} families[] = {
    { SPD_METRICS_INFO, "stampede_test", NULL, "A scheduled test.", ALL, put_info },
    { SPD_METRICS_GAUGE, "stampede_test_running", NULL, "1 while the test runs.", ALL,
      put_running },
    { SPD_METRICS_COUNTER, "stampede_test_runs", NULL, "Runs that are over.", ALL, put_runs },
    { SPD_METRICS_COUNTER, "stampede_test_failed_runs", NULL, "Runs that could not measure.", ALL,
      put_failed },
    { SPD_METRICS_COUNTER, "stampede_test_missed_runs", NULL, "Planned runs that were not started.",
      ALL, put_missed },
    { SPD_METRICS_STATESET, "stampede_test_outcome", NULL, "How the last run ended.", ALL,
      put_state },
    { SPD_METRICS_GAUGE, "stampede_test_end_time_seconds", "seconds",
      "Time of day at which the last run ended.", HAS_RUN, put_ended },
    { SPD_METRICS_GAUGE, "stampede_test_age_seconds", "seconds", "How long ago the last run ended.",
      HAS_RUN, put_age },
    { SPD_METRICS_GAUGE, "stampede_test_exit_code", NULL,
      "Of the last run: 0 measured, 1 a threshold was missed, else it failed.", HAS_RUN,
      put_exit_code },
    { SPD_METRICS_GAUGE, "stampede_test_threshold_missed", NULL,
      "1 if the last run missed a threshold of the configuration.", HAS_RUN, put_threshold },
    { SPD_METRICS_GAUGE, "stampede_test_sent_packets", NULL, "Packets sent by the last run.",
      MEASURED, put_sent },
    { SPD_METRICS_GAUGE, "stampede_test_lost_packets", NULL, "Packets lost in the last run.",
      MEASURED, put_lost },
    { SPD_METRICS_GAUGE, "stampede_test_loss_ratio", "ratio",
      "Part of the packets of the last run that was lost (RFC 7680).", MEASURED, put_loss },
    { SPD_METRICS_GAUGE, "stampede_test_mos", NULL,
      "Mean opinion score of the last run, the worse direction (ITU-T G.107).", MEASURED, put_mos },
    { SPD_METRICS_GAUGE, "stampede_test_round_trip_seconds", "seconds",
      "Round trip of the last run (RFC 2681), by percentile.", MEASURED, put_round_trip },
    { SPD_METRICS_GAUGE, "stampede_test_delay_variation_percentile_seconds", "seconds",
      "Delay variation of the last run (PDV of RFC 5481), exact percentiles.", MEASURED,
      put_variation },
    { SPD_METRICS_GAUGEHISTOGRAM, "stampede_test_delay_variation_seconds", "seconds",
      "Packets of the last run by their delay variation (PDV of RFC 5481).", MEASURED,
      put_histogram },
};

void spd_metrics_put_tests(struct spd_metrics_page *p, const struct spd_metrics_snapshot *s)
{
    if (s->n_tests == 0)
        return;
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        spd_metrics_family(p, families[i].type, families[i].name, families[i].unit,
                           families[i].help);
        each(p, s, families[i].which, families[i].put);
    }
}
