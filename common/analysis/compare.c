/*
 * Runs where results are made; allocates its working arrays at the start. The
 * generator is its own and seeded, so that a comparison can be repeated.
 */
#include "common/analysis/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/analysis/sort.h"

#define MIN_PACKETS          20
#define RESAMPLES            999
#define RESAMPLES_LARGE      199
#define LARGE_PACKETS        50000
#define MAX_LAG              2000
#define LOAD_OVER_IDLE       5
#define LOAD_OVER_RESOLUTION 20
#define RELEVANT_PART        20    /* of the load: smaller differences help nobody */
#define LOSS_MARGIN          0.375 /* of the width of its interval */

enum { P50, P95, P99, LOSS, N_FIGURES };
static const unsigned permille[] = { 500, 950, 990 };

const char *spd_verdict_text(enum spd_verdict verdict)
{
#define SPD_VERDICT_TEXT(name, text) text,
    static const char *const texts[] = { SPD_VERDICT_LIST(SPD_VERDICT_TEXT) };
#undef SPD_VERDICT_TEXT

    return (unsigned)verdict < SPD_VERDICT_COUNT ? texts[verdict] : "unknown";
}

struct work {
    const struct spd_compare_input *in;
    spd_ns *values;      /* latencies of one resample of one flow */
    uint32_t *positions; /* of a resample */
    double *differences[N_FIGURES];
    uint64_t random;
    double block;
    unsigned n_resamples;
};

static uint64_t next_random(struct work *w)
{
    uint64_t z = w->random += UINT64_C(0x9E3779B97F4A7C15); /* SplitMix64 */

    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static size_t random_below(struct work *w, size_t n)
{
    return (size_t)(((next_random(w) >> 32) * (uint64_t)n) >> 32);
}

/* ------------------------------------------------------------------ figures */

/* Percentiles of what arrived and the ratio of what did not, for the packets at
 * these positions; positions are of a flow of n_axis packets and are scaled to
 * this one, should one flow be longer. */
static void figures_of(struct work *w, const struct spd_compare_flow *flow,
                       const uint32_t *positions, size_t n_axis, double out[N_FIGURES])
{
    size_t n = 0;

    for (size_t i = 0; i < n_axis; i++) {
        size_t at =
            flow->n == n_axis ? positions[i] : (size_t)((uint64_t)positions[i] * flow->n / n_axis);

        if (flow->points[at].latency_ns != SPD_NS_UNKNOWN)
            w->values[n++] = flow->points[at].latency_ns;
    }
    out[LOSS] = 1 - (double)n / (double)n_axis;
    for (int p = P50; p <= P99; p++) {
        size_t rank = n ? (n * permille[p] + 999) / 1000 - 1 : 0;

        /* Of nothing: as if each had been as late as can be told, not at all. */
        out[p] = n ? (double)spd_select_ns(w->values, n, rank) : 0;
    }
}

/* ------------------------------------------------------------------- blocks */

/* Sum of autocorrelations of the delays up to the first below 0.05. */
static double correlation_time(const struct spd_compare_flow *flow)
{
    double mean = 0, variance = 0, sum = 0;
    size_t n = 0, last = flow->n / 4 < MAX_LAG ? flow->n / 4 : MAX_LAG;

    for (size_t i = 0; i < flow->n; i++)
        if (flow->points[i].latency_ns != SPD_NS_UNKNOWN) {
            mean += (double)flow->points[i].latency_ns;
            n++;
        }
    if (n < 2)
        return 0;
    mean /= (double)n;
    for (size_t i = 0; i < flow->n; i++)
        if (flow->points[i].latency_ns != SPD_NS_UNKNOWN)
            variance += pow((double)flow->points[i].latency_ns - mean, 2);
    if (variance <= 0)
        return 0;
    for (size_t lag = 1; lag <= last; lag++) {
        double c = 0;

        for (size_t i = lag; i < flow->n; i++) {
            spd_ns a = flow->points[i - lag].latency_ns, b = flow->points[i].latency_ns;

            if (a != SPD_NS_UNKNOWN && b != SPD_NS_UNKNOWN)
                c += ((double)a - mean) * ((double)b - mean);
        }
        c /= variance;
        if (c < 0.05)
            break;
        sum += c;
    }
    return sum;
}

static double block_length(const struct spd_compare_input *in, size_t n)
{
    double a = correlation_time(&in->favoured), b = correlation_time(&in->other);
    double length = 4 * (a > b ? a : b), least = cbrt((double)n), most = (double)n / 8;

    length = length > least ? length : least;
    return length < most ? length : most;
}

/* Positions of one resample: blocks that begin anywhere, wrap round, and end
 * with probability 1 / block after each packet. */
static void resample(struct work *w, size_t n)
{
    uint64_t end_below = (uint64_t)(18446744073709551615.0 / w->block);
    size_t at = random_below(w, n);

    for (size_t i = 0; i < n; i++) {
        w->positions[i] = (uint32_t)at;
        at = next_random(w) <= end_below ? random_below(w, n) : at + 1 == n ? 0 : at + 1;
    }
}

/* ------------------------------------------------------------------- result */

static void interval(struct work *w, int figure, double value, struct spd_compare_difference *out)
{
    size_t n = w->n_resamples;

    out->value = value;
    out->low = spd_select_double(w->differences[figure], n, n / 40);
    out->high = spd_select_double(w->differences[figure], n, n - 1 - n / 40);
}

static void bootstrap(struct work *w, struct spd_comparison *out)
{
    const struct spd_compare_input *in = w->in;
    size_t n_favoured = in->favoured.n, n_other = in->other.n;
    size_t n = n_favoured > n_other ? n_favoured : n_other;
    double favoured[N_FIGURES], other[N_FIGURES];

    for (size_t i = 0; i < n; i++)
        w->positions[i] = (uint32_t)i;
    figures_of(w, &in->favoured, w->positions, n, favoured);
    figures_of(w, &in->other, w->positions, n, other);
    out->load_ns = (spd_ns)(favoured[P95] > other[P95] ? favoured[P95] : other[P95]);
    for (unsigned r = 0; r < w->n_resamples; r++) {
        double a[N_FIGURES], b[N_FIGURES];

        resample(w, n);
        figures_of(w, &in->favoured, w->positions, n, a);
        if (!in->together)
            resample(w, n);
        figures_of(w, &in->other, w->positions, n, b);
        for (int f = 0; f < N_FIGURES; f++)
            w->differences[f][r] = b[f] - a[f];
    }
    interval(w, P50, other[P50] - favoured[P50], &out->pdv_p50_ns);
    interval(w, P95, other[P95] - favoured[P95], &out->pdv_p95_ns);
    interval(w, P99, other[P99] - favoured[P99], &out->pdv_p99_ns);
    interval(w, LOSS, other[LOSS] - favoured[LOSS], &out->loss_ratio);
}

static int sign_of(const struct spd_compare_difference *d, double margin, double least)
{
    if (d->low > margin && d->value > least)
        return 1;
    return d->high < -margin && d->value < -least ? -1 : 0;
}

static enum spd_verdict judge(const struct spd_compare_input *in, const struct spd_comparison *c)
{
    double relevant = (double)c->load_ns / RELEVANT_PART;
    double least = relevant > (double)in->resolution_ns ? relevant : (double)in->resolution_ns;
    int delay = sign_of(&c->pdv_p95_ns, 0, least);
    int loss = sign_of(&c->loss_ratio, LOSS_MARGIN * (c->loss_ratio.high - c->loss_ratio.low), 0);

    if (c->load_ns < c->load_needed_ns && loss == 0)
        return SPD_VERDICT_NOT_ENOUGH_LOAD;
    if (delay > 0 || (delay == 0 && loss > 0))
        return SPD_VERDICT_PROTECTS;
    if (delay < 0 || loss < 0)
        return SPD_VERDICT_WORSE;
    return SPD_VERDICT_NO_DIFFERENCE;
}

static enum spd_err take_memory(struct work *w, size_t n)
{
    w->values = malloc(n * sizeof(*w->values));
    w->positions = malloc(n * sizeof(*w->positions));
    w->differences[0] = malloc((size_t)N_FIGURES * w->n_resamples * sizeof(double));
    if (!w->values || !w->positions || !w->differences[0])
        return SPD_ERR_NOMEM;
    for (int f = 1; f < N_FIGURES; f++)
        w->differences[f] = w->differences[0] + (size_t)f * w->n_resamples;
    return SPD_ERR_OK;
}

enum spd_err spd_compare(const struct spd_compare_input *in, struct spd_comparison *out)
{
    size_t n = in->favoured.n > in->other.n ? in->favoured.n : in->other.n;
    struct work w = { .in = in, .random = in->seed };
    enum spd_err err;

    memset(out, 0, sizeof(*out));
    out->load_needed_ns = in->idle_p95_ns != SPD_NS_UNKNOWN
                              ? LOAD_OVER_IDLE * in->idle_p95_ns
                              : LOAD_OVER_RESOLUTION * in->resolution_ns;
    if (out->load_needed_ns < LOAD_OVER_IDLE * in->resolution_ns)
        out->load_needed_ns = LOAD_OVER_IDLE * in->resolution_ns;
    out->verdict = SPD_VERDICT_NOT_ENOUGH_LOAD;
    if (in->favoured.n < MIN_PACKETS || in->other.n < MIN_PACKETS || n > UINT32_MAX)
        return SPD_ERR_OK;
    w.n_resamples = n > LARGE_PACKETS ? RESAMPLES_LARGE : RESAMPLES;
    w.block = block_length(in, n);
    err = take_memory(&w, n);
    if (!err) {
        out->n_resamples = w.n_resamples;
        out->block_packets = w.block;
        bootstrap(&w, out);
        out->verdict = judge(in, out);
    }
    free(w.values);
    free(w.positions);
    free(w.differences[0]);
    return err;
}
