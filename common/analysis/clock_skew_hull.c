/*
 * Skew by the lower convex hull. Any thread but a measuring one: it allocates.
 *
 * Congestion adds to a latency and never takes from it, so the line of the bare
 * path lies below all packets and touches those that met an empty queue: it is
 * one of the edges of the lower convex hull. Which one? Moon, Skelly and
 * Towsley ("Estimation and removal of clock skew from network delay
 * measurements", INFOCOM 1999) take the line with the least sum of distances,
 * which is the edge below the mean time; a long queue on one side draws that
 * edge up. Here the edge is taken for which the packets nearest to it, a
 * twentieth of all, are nearest; then their rule is applied to these packets.
 */
#include <math.h>
#include <stdlib.h>

#include "common/analysis/clock_skew_private.h"
#include "common/analysis/sort.h"
#include "common/analysis/variation.h"

/* The share of packets that must have met an empty queue. */
#define SUPPORT_PERMILLE 50
/* Edges that are judged, the longest first, and packets by which. */
#define EDGES_MAX   64
#define SAMPLES_MAX 32768
/* A packet belongs to the floor up to this many times the distance within which
 * the nearest twentieth lies. An empty queue keeps still: its floor is as thin
 * as the noise of the hosts. */
#define FLOOR_FACTOR 4.0
/* One that is never empty, say because it is always full, does not: its line may
 * be tilted by so many times that distance, which leaves 1 in 100 of the cases of
 * test_clock_skew. */
#define TILT_FACTOR 6.0
/* The floor of a third lies no further below its lowest packet than this many
 * further packets lie above it, with a confidence of 1 - 1/2^6 for each third
 * (after Robson and Whitlock 1964: the density above a floor is even, so the
 * distances between the lowest packets are alike). */
#define SPACINGS 6

struct hull {
    const struct spd_point *points;
    uint32_t *order;    /* known points by send time */
    uint32_t *vertices; /* of the hull, from left to right */
    size_t n_vertices;
    double *distances; /* of samples to a line */
};

struct line {
    double slope, latency; /* at the time 0 of the frame */
};

/* In the order of the send times: rising ones stay as they are; a clock that
 * was set back makes a sort necessary. Errors: NOMEM. */
static enum spd_err order_points(const struct spd_point *points, size_t n, uint32_t *order,
                                 size_t n_known)
{
    bool rising = true;
    size_t seen = 0;

    for (size_t i = 0; i < n; i++) {
        if (points[i].latency_ns == SPD_NS_UNKNOWN)
            continue;
        if (seen > 0 && points[i].sent_ns < points[order[seen - 1]].sent_ns)
            rising = false;
        order[seen++] = (uint32_t)i;
    }
    if (rising)
        return SPD_ERR_OK;

    uint32_t *scratch = malloc(n_known * sizeof *scratch);
    if (scratch == NULL)
        return SPD_ERR_NOMEM;
    spd_sort_items(&points[0].sent_ns, sizeof *points / sizeof points->sent_ns, order, scratch,
                   n_known);
    free(scratch);
    return SPD_ERR_OK;
}

_Static_assert(sizeof(struct spd_point) % sizeof(spd_ns) == 0, "times lie at whole strides");

/* Whether b lies on or above the line from a to c. Differences first: they fit
 * 64 bits for any sane stamps and are held at the ends for others. */
static bool is_above(const struct spd_point *a, const struct spd_point *b,
                     const struct spd_point *c)
{
    __int128 ab_time = spd_variation_diff(b->sent_ns, a->sent_ns);
    __int128 ac_time = spd_variation_diff(c->sent_ns, a->sent_ns);
    __int128 ab_latency = spd_variation_diff(b->latency_ns, a->latency_ns);
    __int128 ac_latency = spd_variation_diff(c->latency_ns, a->latency_ns);

    return ab_latency * ac_time >= ac_latency * ab_time;
}

/* Andrew's monotone chain over points in the order of their times. */
static void build(struct hull *hull, const uint32_t *order, size_t n)
{
    size_t k = 0;

    for (size_t i = 0; i < n; i++) {
        const struct spd_point *point = &hull->points[order[i]];

        /* Of points sent at the same time the lowest counts. */
        if (k > 0 && point->sent_ns == hull->points[hull->vertices[k - 1]].sent_ns) {
            if (point->latency_ns >= hull->points[hull->vertices[k - 1]].latency_ns)
                continue;
            k--;
        }
        while (k >= 2 && is_above(&hull->points[hull->vertices[k - 2]],
                                  &hull->points[hull->vertices[k - 1]], point))
            k--;
        hull->vertices[k++] = order[i];
    }
    hull->n_vertices = k;
}

static struct line line_through(const struct spd_skew_frame *frame, const struct spd_point *a,
                                const struct spd_point *b)
{
    double slope = (double)spd_variation_diff(b->latency_ns, a->latency_ns) /
                   (double)spd_variation_diff(b->sent_ns, a->sent_ns);

    return (struct line){ slope, spd_skew_latency(frame, a) - slope * spd_skew_time(frame, a) };
}

static double distance_to(const struct line *line, const struct spd_skew_frame *frame,
                          const struct spd_point *point)
{
    return spd_skew_latency(frame, point) - line->latency -
           line->slope * spd_skew_time(frame, point);
}

static bool is_plausible(const struct line *line)
{
    return fabs(line->slope) * 1e9 <= SPD_SKEW_MAX_PPB;
}

/* The distance within which the nearest twentieth of the packets lies, judged
 * by packets taken at even steps. */
static double reach_of(const struct hull *hull, const struct spd_skew_frame *frame,
                       const struct line *line)
{
    size_t n = frame->n;
    size_t step = (n + SAMPLES_MAX - 1) / SAMPLES_MAX;
    size_t n_samples = 0;

    for (size_t i = 0; i < n; i += step)
        hull->distances[n_samples++] = distance_to(line, frame, &hull->points[hull->order[i]]);
    size_t rank = n_samples * SUPPORT_PERMILLE / 1000;
    /* Two packets always lie on the line itself. */
    if (rank < 2)
        rank = 2;
    return spd_select_double(hull->distances, n_samples, rank);
}

/* How long an edge lasts, or -1 if it is no candidate. */
static double span_of(const struct hull *hull, const struct spd_skew_frame *frame, size_t edge)
{
    const struct spd_point *a = &hull->points[hull->vertices[edge]];
    const struct spd_point *b = &hull->points[hull->vertices[edge + 1]];
    struct line line = line_through(frame, a, b);

    return is_plausible(&line) ? (double)spd_variation_diff(b->sent_ns, a->sent_ns) : -1.0;
}

/* The edge with the smallest reach among the longest ones. Returns false when
 * no edge is plausible. */
static bool best_edge(const struct hull *hull, const struct spd_skew_frame *frame,
                      struct line *best, double *reach)
{
    size_t edges[EDGES_MAX];
    double spans[EDGES_MAX];
    size_t n_edges = 0;

    for (size_t e = 0; e + 1 < hull->n_vertices; e++) {
        double span = span_of(hull, frame, e);
        size_t at = n_edges < EDGES_MAX ? n_edges : EDGES_MAX - 1;

        if (span < 0.0 || (n_edges == EDGES_MAX && span <= spans[at]))
            continue;
        for (; at > 0 && spans[at - 1] < span; at--) {
            spans[at] = spans[at - 1];
            edges[at] = edges[at - 1];
        }
        spans[at] = span;
        edges[at] = e;
        n_edges += n_edges < EDGES_MAX;
    }
    for (size_t i = 0; i < n_edges; i++) {
        struct line line = line_through(frame, &hull->points[hull->vertices[edges[i]]],
                                        &hull->points[hull->vertices[edges[i] + 1]]);
        double found = reach_of(hull, frame, &line);
        if (i == 0 || found < *reach) {
            *reach = found;
            *best = line;
        }
    }
    return n_edges > 0;
}

/* Moon, Skelly and Towsley's line over the hull's points: the edge below their
 * mean time (in the literature an LP; on the hull it can be read off). */
static bool edge_below_mean(const struct hull *hull, const struct spd_skew_frame *frame,
                            double mean_time, struct line *line)
{
    for (size_t e = 0; e + 1 < hull->n_vertices; e++) {
        const struct spd_point *b = &hull->points[hull->vertices[e + 1]];

        if (spd_skew_time(frame, b) < mean_time && e + 2 < hull->n_vertices)
            continue;
        *line = line_through(frame, &hull->points[hull->vertices[e]], b);
        return true;
    }
    return false;
}

/* The lowest distances of one third, in ascending order. */
struct lowest {
    double distances[SPACINGS + 1];
    double time; /* of the very lowest */
    size_t n;
};

static void lowest_add(struct lowest *lowest, double distance, double time)
{
    size_t at = lowest->n < SPACINGS + 1 ? lowest->n : SPACINGS;

    if (lowest->n == SPACINGS + 1 && distance >= lowest->distances[SPACINGS])
        return;
    for (; at > 0 && lowest->distances[at - 1] > distance; at--)
        lowest->distances[at] = lowest->distances[at - 1];
    lowest->distances[at] = distance;
    lowest->n += lowest->n < SPACINGS + 1;
    if (at == 0)
        lowest->time = time;
}

/* How far the line can be turned before, in the first or in the last third of
 * the time from first to last, it lies further below the lowest packets than
 * chance and the thickness of the floor explain. */
static void interval_of(const struct spd_point *points, size_t n,
                        const struct spd_skew_frame *frame, const struct line *line, double first,
                        double last, double thickness, struct spd_skew *out)
{
    struct lowest left = { .n = 0 }, right = { .n = 0 };

    for (size_t i = 0; i < n; i++) {
        if (points[i].latency_ns == SPD_NS_UNKNOWN)
            continue;
        double time = spd_skew_time(frame, &points[i]);
        double distance = distance_to(line, frame, &points[i]);

        if (time >= first && time <= first + (last - first) / 3.0)
            lowest_add(&left, distance, time);
        else if (time <= last && time >= last - (last - first) / 3.0)
            lowest_add(&right, distance, time);
    }
    /* Too few packets in a third: nothing is certain. */
    out->low_ppb = -SPD_SKEW_MAX_PPB;
    out->high_ppb = SPD_SKEW_MAX_PPB;
    if (left.n < SPACINGS + 1 || right.n < SPACINGS + 1)
        return;
    double apart = right.time - left.time;
    double between = right.distances[0] - left.distances[0];
    double under_left = left.distances[SPACINGS] - left.distances[0];
    double under_right = right.distances[SPACINGS] - right.distances[0];
    /* A stamp is not better than its last digit. */
    double tilt = thickness / (last - first);
    double low = line->slope + (fmin(between, 0.0) - under_right - 1.0) / apart - tilt;
    double high = line->slope + (fmax(between, 0.0) + under_left + 1.0) / apart + tilt;
    out->low_ppb = fmax(low * 1e9, -SPD_SKEW_MAX_PPB);
    out->high_ppb = fmin(high * 1e9, SPD_SKEW_MAX_PPB);
}

static void estimate(struct hull *hull, size_t n, const struct spd_skew_frame *frame,
                     struct spd_skew *out)
{
    struct line line, refined;
    double reach;
    double mean_time = 0.0;
    size_t n_support = 0;

    build(hull, hull->order, frame->n);
    if (!best_edge(hull, frame, &line, &reach))
        return;
    /* The packets near that edge take the front places of order, in order. */
    double floor_ns = reach * FLOOR_FACTOR + 1.0;
    for (size_t i = 0; i < frame->n; i++) {
        const struct spd_point *point = &hull->points[hull->order[i]];

        if (distance_to(&line, frame, point) > floor_ns)
            continue;
        mean_time += spd_skew_time(frame, point);
        hull->order[n_support++] = hull->order[i];
    }
    if (n_support == 0)
        return; /* stamps so far apart that the line passes none of them by rounding */
    mean_time /= (double)n_support;
    build(hull, hull->order, n_support);
    if (edge_below_mean(hull, frame, mean_time, &refined) && is_plausible(&refined))
        line = refined;
    out->known = true;
    out->n_support = n_support;
    out->skew_ppb = line.slope * 1e9;
    out->latency_ns = spd_skew_raw_latency(frame, line.latency);
    interval_of(hull->points, n, frame, &line, spd_skew_time(frame, &hull->points[hull->order[0]]),
                spd_skew_time(frame, &hull->points[hull->order[n_support - 1]]),
                reach * TILT_FACTOR, out);
}

enum spd_err spd_skew_hull(const struct spd_point *points, size_t n,
                           const struct spd_skew_frame *frame, struct spd_skew *out)
{
    size_t n_samples = frame->n < SAMPLES_MAX ? frame->n : SAMPLES_MAX;
    struct hull hull = { .points = points };
    enum spd_err err = SPD_ERR_NOMEM;

    /* In one piece and first, as large as the list of latencies that the search
     * for jumps has just given back: it fits there. */
    hull.order = malloc(2 * frame->n * sizeof *hull.order);
    hull.distances = malloc(n_samples * sizeof *hull.distances);
    if (hull.order != NULL)
        hull.vertices = hull.order + frame->n;
    if (hull.order != NULL && hull.distances != NULL)
        err = order_points(points, n, hull.order, frame->n);
    if (err == SPD_ERR_OK)
        estimate(&hull, n, frame, out);
    free(hull.order);
    free(hull.distances);
    return err;
}
