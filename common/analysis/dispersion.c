/*
 * Rates from arrival times. Any thread but a measuring one: it allocates and
 * sorts. Arrival times come from the network and may be any numbers.
 */
#include "common/analysis/dispersion.h"

#include <stdlib.h>

/* Runs without loss are compared within themselves when they are this long and
 * hold at least half of what arrived. */
#define RUN_MIN_PACKETS 8

/* Nothing slowed the burst when it arrived within this of how it left. */
#define SAME_RATE 1.10

/* A packet that was seen, with the bytes that had passed with it. */
struct point {
    spd_ns at_ns;
    uint32_t run; /* how many losses lie before it in the order of sending */
    uint32_t n_bytes;
    uint64_t silent_bytes; /* before it, of packets that passed without a time */
    uint64_t passed_bytes; /* up to and with it, since the first of its group */
};

struct slope {
    double ns_per_byte;
    double weight;
};

static int compare_run_and_time(const void *left, const void *right)
{
    const struct point *a = left;
    const struct point *b = right;

    if (a->run != b->run)
        return a->run < b->run ? -1 : 1;
    if (a->at_ns != b->at_ns)
        return a->at_ns < b->at_ns ? -1 : 1;
    return (a->silent_bytes > b->silent_bytes) - (a->silent_bytes < b->silent_bytes);
}

static int compare_slope(const void *left, const void *right)
{
    double a = ((const struct slope *)left)->ns_per_byte;
    double b = ((const struct slope *)right)->ns_per_byte;

    return (a > b) - (a < b);
}

/* Of two middle ones the upper: a token bucket makes slopes small, and in a
 * short group it spoils nearly half of them. */
static double weighted_median(struct slope *slopes, size_t n)
{
    double total = 0.0;
    double sum = 0.0;

    qsort(slopes, n, sizeof *slopes, compare_slope);
    for (size_t i = 0; i < n; i++)
        total += slopes[i].weight;
    for (size_t i = 0; i < n; i++) {
        sum += slopes[i].weight;
        if (sum * 2.0 > total)
            return slopes[i].ns_per_byte;
    }
    return 0.0;
}

/* Slopes between the points of one group that lie a quarter of it apart: long
 * enough that noise is small, and so many that a token bucket may hold up to
 * three eighths of the group (then half of the slopes are still true). */
static size_t add_group(struct point *points, size_t n, struct slope *slopes)
{
    size_t apart = n >= 8 ? n / 4 : 1;
    size_t n_slopes = 0;

    points[0].passed_bytes = 0;
    for (size_t i = 1; i < n; i++)
        points[i].passed_bytes = points[i - 1].passed_bytes + points[i].n_bytes;
    for (size_t i = 0; i + apart < n; i++) {
        const struct point *a = &points[i];
        const struct point *b = &points[i + apart];
        double bytes = (double)(b->passed_bytes - a->passed_bytes) +
                       ((double)b->silent_bytes - (double)a->silent_bytes);

        if (bytes > 0.0)
            slopes[n_slopes++] = (struct slope){
                .ns_per_byte = ((double)b->at_ns - (double)a->at_ns) / bytes,
                .weight = bytes,
            };
    }
    return n_slopes;
}

/* The end of the run that begins at from; points are sorted by run. */
static size_t run_end(const struct point *points, size_t n, size_t from)
{
    size_t end = from;

    while (end < n && points[end].run == points[from].run)
        end++;
    return end;
}

static size_t n_in_long_runs(const struct point *points, size_t n)
{
    size_t sum = 0;

    for (size_t from = 0; from < n;) {
        size_t end = run_end(points, n, from);
        if (end - from >= RUN_MIN_PACKETS)
            sum += end - from;
        from = end;
    }
    return sum;
}

/* bit/s, or 0 when it cannot be told. Sorts the points. */
static double rate_of(struct point *points, size_t n, struct slope *slopes, bool *across_loss)
{
    size_t n_slopes = 0;

    *across_loss = false;
    if (n < 2)
        return 0.0;
    qsort(points, n, sizeof *points, compare_run_and_time);
    if (points[0].run != points[n - 1].run && n_in_long_runs(points, n) * 2 < n) {
        *across_loss = true;
        for (size_t i = 0; i < n; i++)
            points[i].run = 0;
        qsort(points, n, sizeof *points, compare_run_and_time);
    }
    bool single = points[0].run == points[n - 1].run;
    for (size_t from = 0; from < n;) {
        size_t end = run_end(points, n, from);
        if (single || end - from >= RUN_MIN_PACKETS)
            n_slopes += add_group(points + from, end - from, slopes + n_slopes);
        from = end;
    }
    double ns_per_byte = weighted_median(slopes, n_slopes);
    return ns_per_byte > 0.0 ? 8e9 / ns_per_byte : 0.0;
}

/* Points of arrival: in this direction the packets that passed count, and a
 * missing one ends a run. */
static size_t arrivals(const struct spd_dispersion_packet *packets, size_t n, struct point *points)
{
    uint64_t silent_bytes = 0;
    uint32_t run = 0;
    size_t n_points = 0;

    for (size_t i = 0; i < n; i++) {
        if (packets[i].passage == SPD_PASSAGE_ARRIVED)
            points[n_points++] = (struct point){ packets[i].arrived_ns, run, packets[i].size_bytes,
                                                 silent_bytes, 0 };
        else if (packets[i].passage == SPD_PASSAGE_UNSEEN)
            silent_bytes += packets[i].size_bytes;
        else if (packets[i].passage == SPD_PASSAGE_MISSING)
            run++;
    }
    return n_points;
}

/* Points of departure: whatever was lost later had left. */
static size_t departures(const struct spd_dispersion_packet *packets, size_t n,
                         struct point *points)
{
    uint64_t silent_bytes = 0;
    size_t n_points = 0;

    for (size_t i = 0; i < n; i++) {
        if (packets[i].passage == SPD_PASSAGE_ARRIVED)
            points[n_points++] =
                (struct point){ packets[i].departed_ns, 0, packets[i].size_bytes, silent_bytes, 0 };
        else if (packets[i].passage != SPD_PASSAGE_NONE)
            silent_bytes += packets[i].size_bytes;
    }
    return n_points;
}

/* From the first to the last; held at the largest value where hostile times
 * overflow. */
static spd_ns spread_of(const struct point *points, size_t n)
{
    spd_ns first = points[0].at_ns;
    spd_ns last = points[0].at_ns;
    spd_ns spread;

    for (size_t i = 1; i < n; i++) {
        if (points[i].at_ns < first)
            first = points[i].at_ns;
        if (points[i].at_ns > last)
            last = points[i].at_ns;
    }
    return __builtin_sub_overflow(last, first, &spread) ? INT64_MAX : spread;
}

enum spd_err spd_dispersion_measure(const struct spd_dispersion_packet *packets, size_t n,
                                    struct spd_dispersion *out)
{
    struct spd_dispersion result = { 0 };
    bool ignored;

    if (n == 0) {
        *out = result;
        return SPD_ERR_OK;
    }
    struct point *points = calloc(n, sizeof *points);
    struct slope *slopes = calloc(n, sizeof *slopes);
    if (points == NULL || slopes == NULL) {
        free(points);
        free(slopes);
        return SPD_ERR_NOMEM;
    }
    size_t n_points = arrivals(packets, n, points);
    result.n_arrived = (uint32_t)n_points;
    if (n_points > 0) {
        result.dispersion_ns = spread_of(points, n_points);
        result.capacity_ip_bps = rate_of(points, n_points, slopes, &result.across_loss);
        n_points = departures(packets, n, points);
        result.departure_ns = spread_of(points, n_points);
        result.departure_ip_bps = rate_of(points, n_points, slopes, &ignored);
        result.lower_bound = result.departure_ip_bps > 0.0 && result.capacity_ip_bps > 0.0 &&
                             result.capacity_ip_bps * SAME_RATE >= result.departure_ip_bps;
    }
    free(points);
    free(slopes);
    *out = result;
    return SPD_ERR_OK;
}
