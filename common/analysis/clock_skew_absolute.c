/*
 * Least absolute deviation. Any thread but a measuring one: it allocates.
 *
 * The sum of |latency - a - b time|, at the best a for each b (the median of
 * what remains), is a convex function of b, and a subgradient of it comes with
 * the same pass; so halving the range of b finds the minimum for certain, in
 * O(n) a step with a median by selection, also where points coincide or lie in
 * a line (where a descent from vertex to vertex can stall).
 */
#include <math.h>
#include <stdlib.h>

#include "common/analysis/clock_skew_private.h"
#include "common/analysis/sort.h"

/* The slope is found to 0.01 ppb within +-10^9 ppb. */
#define SLOPE_MAX  1.0
#define SLOPE_STEP 1e-11

struct fit {
    const struct spd_point *points;
    size_t n;
    const struct spd_skew_frame *frame;
    double *scratch; /* one for each known point */
    double intercept;
};

/* Fills intercept for this slope and gives a subgradient. */
static double subgradient(struct fit *fit, double slope)
{
    double signs = 0.0, on_line = 0.0, moment = 0.0, moment_on_line = 0.0;
    size_t seen = 0;

    for (size_t i = 0; i < fit->n; i++)
        if (fit->points[i].latency_ns != SPD_NS_UNKNOWN)
            fit->scratch[seen++] = spd_skew_latency(fit->frame, &fit->points[i]) -
                                   slope * spd_skew_time(fit->frame, &fit->points[i]);
    fit->intercept = spd_select_double(fit->scratch, seen, (seen - 1) / 2);
    for (size_t i = 0; i < fit->n; i++) {
        if (fit->points[i].latency_ns == SPD_NS_UNKNOWN)
            continue;
        double time = spd_skew_time(fit->frame, &fit->points[i]);
        double residual = spd_skew_latency(fit->frame, &fit->points[i]) - slope * time;

        if (residual > fit->intercept) {
            signs += 1.0;
            moment += time;
        } else if (residual < fit->intercept) {
            signs -= 1.0;
            moment -= time;
        } else {
            on_line += 1.0;
            moment_on_line += time;
        }
    }
    /* Points on the line may weigh anything from -1 to 1; together they must
     * balance the others. */
    return -(moment - signs / on_line * moment_on_line);
}

/* The margin of the slope: the sandwich of Koenker, Quantile Regression (2005),
 * sections 3.4 and 4.6, with the scores summed within stretches of time. */
static double margin_of(struct fit *fit, double slope, double mean_time)
{
    double sums[SPD_SKEW_N_CLUSTERS] = { 0 };
    double times = 0.0, variance = 0.0;
    size_t n = fit->frame->n;
    size_t seen = 0;

    for (size_t i = 0; i < fit->n; i++) {
        if (fit->points[i].latency_ns == SPD_NS_UNKNOWN)
            continue;
        double time = spd_skew_time(fit->frame, &fit->points[i]);
        double residual =
            spd_skew_latency(fit->frame, &fit->points[i]) - slope * time - fit->intercept;

        sums[seen * SPD_SKEW_N_CLUSTERS / n] += (time - mean_time) * (residual > 0.0   ? 0.5
                                                                      : residual < 0.0 ? -0.5
                                                                                       : 0.0);
        times += (time - mean_time) * (time - mean_time);
        fit->scratch[seen++] = residual;
    }
    for (size_t c = 0; c < SPD_SKEW_N_CLUSTERS; c++)
        variance += sums[c] * sums[c];
    /* One over the density at the median, from quantiles h on either side
     * (Hall and Sheather 1988: h of the order n^(-1/3)). */
    double h = fmin(0.25, 1.0 * pow((double)n, -1.0 / 3.0));
    size_t low = (size_t)((0.5 - h) * (double)(n - 1));
    size_t high = (size_t)ceil((0.5 + h) * (double)(n - 1));
    double spread = spd_select_double(fit->scratch, n, high);
    spread -= spd_select_double(fit->scratch, n, low);
    double sparsity = spread / (2.0 * h);

    return SPD_SKEW_T_CLUSTERS * sparsity * sqrt(variance) / times;
}

enum spd_err spd_skew_least_absolute(const struct spd_point *points, size_t n,
                                     const struct spd_skew_frame *frame, struct spd_skew *out)
{
    struct fit fit = { points, n, frame, malloc(frame->n * sizeof *fit.scratch), 0.0 };
    double low = -SLOPE_MAX, high = SLOPE_MAX;
    double first = INFINITY, last = -INFINITY, mean_time = 0.0;

    if (fit.scratch == NULL)
        return SPD_ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        if (points[i].latency_ns == SPD_NS_UNKNOWN)
            continue;
        double time = spd_skew_time(frame, &points[i]);
        first = fmin(first, time);
        last = fmax(last, time);
        mean_time += time / (double)frame->n;
    }
    while (last > first && high - low > SLOPE_STEP) {
        double slope = low + (high - low) / 2.0;
        double gradient = subgradient(&fit, slope);

        if (gradient == 0.0)
            low = high = slope;
        else if (gradient > 0.0)
            high = slope;
        else
            low = slope;
    }
    if (last > first) {
        double slope = low + (high - low) / 2.0;

        (void)subgradient(&fit, slope);
        double margin = margin_of(&fit, slope, mean_time);
        out->known = true;
        out->skew_ppb = slope * 1e9;
        out->low_ppb = (slope - margin) * 1e9;
        out->high_ppb = (slope + margin) * 1e9;
        out->latency_ns = spd_skew_raw_latency(frame, fit.intercept);
    }
    free(fit.scratch);
    return SPD_ERR_OK;
}
