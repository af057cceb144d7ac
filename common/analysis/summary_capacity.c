/*
 * The capacity of the bottleneck over all bursts of a test. Any thread but a
 * measuring one: it allocates and sorts.
 */
#include <stdlib.h>

#include "common/analysis/summary_bursts.h"

/* What each burst that counts says, for one direction. */
struct samples {
    double *rates;
    spd_ns *dispersions;
    spd_ns *departures;
    size_t n;
    size_t n_lower_bounds;
};

static int compare_double(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;

    return (a > b) - (a < b);
}

static double median_of(double *values, size_t n)
{
    qsort(values, n, sizeof *values, compare_double);
    return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2.0;
}

/* Whole, as far as the system can tell. */
static bool is_whole(const struct spd_burst_record *burst)
{
    return burst->broken == SPD_BROKEN_WHOLE || burst->broken == SPD_BROKEN_UNKNOWN;
}

static void gather(const struct spd_test_record *record, const struct spd_summary *s, bool forward,
                   bool broken_too, struct samples *samples)
{
    samples->n = 0;
    samples->n_lower_bounds = 0;
    for (size_t b = 0; b < record->n_bursts; b++) {
        const struct spd_burst_record *burst = &record->bursts[b];
        const struct spd_dispersion *d = forward ? &s->bursts[b].fwd : &s->bursts[b].rev;

        if (burst->superseded || d->capacity_ip_bps <= 0.0 || (!broken_too && !is_whole(burst)))
            continue;
        samples->rates[samples->n] = d->capacity_ip_bps;
        samples->dispersions[samples->n] = d->dispersion_ns;
        samples->departures[samples->n] = d->departure_ns;
        samples->n_lower_bounds += d->lower_bound;
        samples->n++;
    }
}

static void capacity_of(const struct spd_test_record *record, const struct spd_summary *s,
                        bool forward, struct samples *samples, struct spd_capacity *out)
{
    *out = (struct spd_capacity){ .dispersion_ns = SPD_NS_UNKNOWN, .departure_ns = SPD_NS_UNKNOWN };
    gather(record, s, forward, false, samples);
    if (samples->n == 0) {
        gather(record, s, forward, true, samples);
        out->from_broken_bursts = samples->n > 0;
    }
    if (samples->n == 0)
        return;
    spd_quantile_sort(samples->dispersions, samples->n);
    spd_quantile_sort(samples->departures, samples->n);
    out->n_bursts = (uint32_t)samples->n;
    out->dispersion_ns = spd_quantile_median(samples->dispersions, samples->n);
    out->departure_ns = spd_quantile_median(samples->departures, samples->n);
    out->ip_bps = median_of(samples->rates, samples->n);
    /* All test packets of a test have one size, so the header adds one factor. */
    if (record->size_bytes > 0)
        out->link_bps = out->ip_bps *
                        ((double)record->size_bytes + (double)record->link_header_bytes) /
                        (double)record->size_bytes;
    out->lower_bound = samples->n_lower_bounds * 2 > samples->n;
}

enum spd_err spd_summary_capacity(const struct spd_test_record *record, struct spd_summary *s)
{
    size_t n = record->n_bursts + 1;
    struct samples samples = {
        .rates = calloc(n, sizeof *samples.rates),
        .dispersions = calloc(n, sizeof *samples.dispersions),
        .departures = calloc(n, sizeof *samples.departures),
    };
    enum spd_err err = SPD_ERR_NOMEM;

    if (samples.rates != NULL && samples.dispersions != NULL && samples.departures != NULL) {
        capacity_of(record, s, true, &samples, &s->fwd.capacity);
        capacity_of(record, s, false, &samples, &s->rev.capacity);
        err = SPD_ERR_OK;
    }
    free(samples.rates);
    free(samples.dispersions);
    free(samples.departures);
    return err;
}
