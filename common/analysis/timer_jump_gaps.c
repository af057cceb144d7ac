/*
 * The latencies without drift, their noise, and the suspect gaps. Any thread
 * but a measuring one: it allocates. The stamps come from the network and may
 * be any numbers.
 */
#include <math.h>
#include <stdlib.h>

#include "common/analysis/sort.h"
#include "common/analysis/timer_jump_private.h"
#include "common/analysis/variation.h"

enum {
    N_BLOCKS_MAX = 64, /* for the drift of the floor */
    BLOCK_LEAST = 16,  /* packets */
    N_CANDIDATES_MAX = 32768,
};

/* Stamps are not finer. */
#define NOISE_LEAST_NS 50
/* Not of clocks alone (SPD_SKEW_MAX_PPB): also of a queue that fills or drains
 * evenly, on whose slope a ladder of jumps would fit. */
#define DRIFT_MAX 1e-2

/* ---- drift: skew is not removed yet, and must not look like a step ---- */

/* The lowest point of each block of packets. */
static size_t lowest_of_blocks(const struct spd_jump_search *s,
                               const struct spd_point *lowest[N_BLOCKS_MAX])
{
    size_t n_blocks = s->n_known / BLOCK_LEAST;
    size_t seen = 0, n = 0;

    if (n_blocks > N_BLOCKS_MAX)
        n_blocks = N_BLOCKS_MAX;
    for (size_t i = 0; i < s->n && n_blocks > 0; i++) {
        const struct spd_point *point = &s->points[i];

        if (point->latency_ns == SPD_NS_UNKNOWN)
            continue;
        size_t block = seen++ * n_blocks / s->n_known;
        if (block == n)
            lowest[n++] = point;
        else if (point->latency_ns < lowest[block]->latency_ns)
            lowest[block] = point;
    }
    return n;
}

static double slope_between(const struct spd_point *from, const struct spd_point *to)
{
    return (double)spd_variation_diff(to->latency_ns, from->latency_ns) /
           (double)spd_variation_diff(to->sent_ns, from->sent_ns);
}

static int compare_double(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;

    return (a > b) - (a < b);
}

/* How many pairs of blocks have the same floor but for this drift. */
static size_t n_alike(const struct spd_point *const *lowest, size_t n, double slope, double close)
{
    double floors[N_BLOCKS_MAX];
    size_t n_pairs = 0;

    for (size_t i = 0; i < n; i++)
        floors[i] = (double)spd_variation_diff(lowest[i]->latency_ns, lowest[0]->latency_ns) -
                    slope * (double)spd_variation_diff(lowest[i]->sent_ns, lowest[0]->sent_ns);
    qsort(floors, n, sizeof *floors, compare_double);
    for (size_t i = 0, j = 0; i < n; i++) {
        while (floors[i] - floors[j] > close)
            j++;
        n_pairs += i - j;
    }
    return n_pairs;
}

/* Among the slopes between two blocks, no further than reach from drift, the
 * one on which most floors agree to within close ns. */
static double best_slope(const struct spd_point *const *lowest, size_t n, double close,
                         double drift, double reach)
{
    double best = drift;
    size_t most = n_alike(lowest, n, drift, close);

    for (size_t apart = 1; apart < n; apart *= 2)
        for (size_t i = 0; i + apart < n; i++) {
            if (lowest[i + apart]->sent_ns <= lowest[i]->sent_ns)
                continue;
            double slope = slope_between(lowest[i], lowest[i + apart]);
            if (fabs(slope - drift) > reach)
                continue;
            size_t found = n_alike(lowest, n, slope, close);
            if (found > most) {
                most = found;
                best = slope;
            }
        }
    return best;
}

/* The slope on which the floors of most blocks agree, on however many levels
 * jumps and queues have put them: roughly, then within the noise of a floor,
 * which is far below that of single packets. */
static double drift_of(const struct spd_jump_search *s)
{
    const struct spd_point *lowest[N_BLOCKS_MAX] = { NULL };
    size_t n = lowest_of_blocks(s, lowest);
    double close = (double)s->noise_ns;
    double duration =
        n > 0 ? (double)spd_variation_diff(lowest[n - 1]->sent_ns, lowest[0]->sent_ns) : 0.0;

    if (!(duration > 0.0))
        return 0.0;
    double drift = best_slope(lowest, n, close, 0.0, DRIFT_MAX);
    return best_slope(lowest, n, close / 8.0, drift, 4.0 * close / duration);
}

/* ---- latencies and noise ---- */

static void read_latencies(struct spd_jump_search *s, double drift)
{
    const struct spd_point *first = NULL;
    size_t k = 0;

    for (size_t i = 0; i < s->n; i++) {
        const struct spd_point *point = &s->points[i];

        if (point->latency_ns == SPD_NS_UNKNOWN)
            continue;
        if (first == NULL)
            first = point;
        double drifted = drift * (double)spd_variation_diff(point->sent_ns, first->sent_ns);
        spd_ns latency = spd_variation_diff(point->latency_ns, first->latency_ns);
        s->latencies[k++] = spd_variation_diff(latency, (spd_ns)llrint(drifted));
    }
}

/* The median of the differences and their deviation from it. */
static enum spd_err measure_noise(struct spd_jump_search *s)
{
    size_t n = s->n_known - 1;
    spd_ns *differences = malloc(n * sizeof *differences);

    if (differences == NULL)
        return SPD_ERR_NOMEM;
    for (size_t k = 0; k < n; k++)
        differences[k] = spd_variation_diff(s->latencies[k + 1], s->latencies[k]);
    s->usual_ns = spd_select_median_ns(differences, n);
    for (size_t k = 0; k < n; k++) {
        spd_ns from_usual = spd_variation_diff(differences[k], s->usual_ns);
        differences[k] = from_usual < 0 ? -from_usual : from_usual;
    }
    double deviation = 1.4826 * (double)spd_select_median_ns(differences, n);
    s->noise_ns = (spd_ns)fmin(fmax(deviation, NOISE_LEAST_NS), (double)(INT64_MAX / 64));
    free(differences);
    return SPD_ERR_OK;
}

/* ---- candidates ---- */

spd_ns spd_jump_lowest(const spd_ns *values, size_t from, size_t to)
{
    spd_ns lowest = values[from];

    for (size_t k = from + 1; k < to; k++) {
        spd_ns of_both = values[k] > values[k - 1] ? values[k] : values[k - 1];
        if (k == from + 1 || of_both < lowest)
            lowest = of_both;
    }
    return lowest;
}

/* The gap between the known latencies k - 1 and k as a multiple of another; 0
 * where there is none. */
static double ratio_at(const struct spd_jump_search *s, size_t k, spd_ns gap_ns)
{
    if (k == 0 || k >= s->n_known)
        return 0.0;
    return (double)spd_variation_diff(s->latencies[k], s->latencies[k - 1]) / (double)gap_ns;
}

/* Whether the gap right before or after is as suspect: an equal one the other
 * way is the other end of a single late packet, and an equal one the same way
 * is a queue that drains or fills evenly. */
static bool has_suspect_neighbour(const struct spd_jump_search *s, size_t k, spd_ns gap_ns)
{
    const double ratios[2] = { ratio_at(s, k - 1, gap_ns), ratio_at(s, k + 1, gap_ns) };

    for (int i = 0; i < 2; i++)
        if ((ratios[i] > 0.8 && ratios[i] < 1.25) || (ratios[i] < -0.8 && ratios[i] > -1.25))
            return true;
    return false;
}

/* A queue that drains takes as much from the gap as from its neighbours: what
 * the gap would be without. */
static spd_ns without_draining(const struct spd_jump_search *s, size_t k, spd_ns gap_ns)
{
    static const int beside[4] = { -2, -1, 1, 2 };
    spd_ns differences[4];
    size_t n = 0;

    for (int i = 0; i < 4; i++) {
        size_t at = k + (size_t)beside[i];
        if (at > 0 && at < s->n_known)
            differences[n++] = spd_variation_diff(s->latencies[at], s->latencies[at - 1]);
    }
    spd_ns usual = n > 0 ? spd_select_median_ns(differences, n) : 0;
    return usual < 0 ? spd_variation_diff(gap_ns, usual) : gap_ns;
}

/* The lowest round trip among the known ones of these points; UNKNOWN if none. */
static spd_ns lowest_rtt(const struct spd_jump_search *s, size_t from, size_t to)
{
    spd_ns lowest = SPD_NS_UNKNOWN;

    for (size_t i = from; i < to; i++) {
        spd_ns rtt_ns = s->rtt(s->rtt_context, i);

        if (rtt_ns != SPD_NS_UNKNOWN && (lowest == SPD_NS_UNKNOWN || rtt_ns < lowest))
            lowest = rtt_ns;
    }
    return lowest;
}

/* Whether the round trips changed with it: then it was the network. */
static bool is_in_round_trip(const struct spd_jump_search *s, size_t point, spd_ns gap_ns)
{
    if (s->rtt == NULL)
        return false;
    size_t from = point > SPD_JUMP_NEIGHBOURS ? point - SPD_JUMP_NEIGHBOURS : 0;
    size_t to = s->n - point > SPD_JUMP_NEIGHBOURS ? point + SPD_JUMP_NEIGHBOURS : s->n;
    spd_ns shift = spd_variation_diff(lowest_rtt(s, point, to), lowest_rtt(s, from, point));

    if (shift == SPD_NS_UNKNOWN)
        return false;
    return gap_ns > 0 ? shift > gap_ns / 2 : shift < gap_ns / 2;
}

/* The next gap at or after *k that is suspect by more than least_ns. *point
 * follows *k among the points. */
static bool next_gap(const struct spd_jump_search *s, spd_ns least_ns, size_t *k, size_t *point,
                     spd_ns *gap_ns)
{
    for (; *k < s->n_known; ++*k, ++*point) {
        while (s->points[*point].latency_ns == SPD_NS_UNKNOWN)
            ++*point;
        if (*k == 0)
            continue;
        *gap_ns = spd_variation_diff(s->latencies[*k], s->latencies[*k - 1]);
        spd_ns from_usual = spd_variation_diff(*gap_ns, s->usual_ns);
        if (from_usual <= least_ns && from_usual >= -least_ns)
            continue;
        if (!has_suspect_neighbour(s, *k, *gap_ns) && !is_in_round_trip(s, *point, *gap_ns))
            return true;
    }
    return false;
}

static size_t count_gaps(const struct spd_jump_search *s, spd_ns least_ns)
{
    size_t n = 0;
    spd_ns gap_ns;

    for (size_t k = 0, point = 0; next_gap(s, least_ns, &k, &point, &gap_ns); k++, point++)
        n++;
    return n;
}

static void describe_stretch(const struct spd_jump_search *s, struct spd_jump_candidate *candidate,
                             size_t end)
{
    spd_ns close_ns = SPD_JUMP_FLOOR_SIGMAS * s->noise_ns;

    candidate->lowest_ns = spd_jump_lowest(s->latencies, candidate->at, end);
    candidate->n_touching = 0;
    for (size_t k = candidate->at; k < end; k++)
        candidate->n_touching +=
            spd_variation_diff(s->latencies[k], candidate->lowest_ns) <= close_ns;
}

enum spd_err spd_jump_candidates(struct spd_jump_search *s)
{
    spd_ns least_ns = SPD_JUMP_SUSPECT_SIGMAS * s->noise_ns;
    spd_ns gap_ns = 0;
    size_t n_gaps = count_gaps(s, least_ns);

    /* In a flow of nothing but steps the larger ones must do. */
    while (n_gaps >= N_CANDIDATES_MAX && least_ns <= INT64_MAX / 4) {
        least_ns *= 2;
        n_gaps = count_gaps(s, least_ns);
    }
    free(s->candidates);
    free(s->chosen);
    s->n_candidates = 1;
    s->candidates = calloc(n_gaps + 1, sizeof *s->candidates);
    s->chosen = calloc(2 * (n_gaps + 1), sizeof *s->chosen);
    if (s->candidates == NULL || s->chosen == NULL)
        return SPD_ERR_NOMEM;
    s->trial = s->chosen + n_gaps + 1;
    for (size_t k = 0, point = 0; next_gap(s, least_ns, &k, &point, &gap_ns); k++, point++)
        s->candidates[s->n_candidates++] = (struct spd_jump_candidate){
            .at = (uint32_t)k,
            .gap_ns = gap_ns,
            .undrained_ns = without_draining(s, k, gap_ns),
            .point = point,
        };
    for (size_t i = 0; i < s->n_candidates; i++)
        describe_stretch(s, &s->candidates[i],
                         i + 1 < s->n_candidates ? s->candidates[i + 1].at : s->n_known);
    return SPD_ERR_OK;
}

enum spd_err spd_jump_read(struct spd_jump_search *s)
{
    enum spd_err err;

    s->latencies = malloc(s->n_known * sizeof *s->latencies);
    if (s->latencies == NULL)
        return SPD_ERR_NOMEM;
    read_latencies(s, 0.0);
    err = measure_noise(s);
    if (err != SPD_ERR_OK)
        return err;
    s->drift = drift_of(s);
    read_latencies(s, s->drift);
    /* The usual difference was the drift, which is gone. */
    s->usual_ns = 0;
    return SPD_ERR_OK;
}

void spd_jump_search_fini(struct spd_jump_search *s)
{
    free(s->latencies);
    free(s->candidates);
    free(s->chosen);
    *s = (struct spd_jump_search){ 0 };
}
