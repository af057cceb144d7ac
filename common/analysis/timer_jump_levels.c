/*
 * The choice among suspect gaps. Any thread but a measuring one: it allocates.
 *
 * All jumps have one amount, so the floor of the latencies (the empty queue)
 * lies on levels that are multiples of it. A path through the levels, that may
 * change by one at each candidate, is the better the more latencies lie on
 * their floor, and the worse the more lie below it: a queue is never less than
 * empty, but an outlier must not forbid a level. The best path is found by
 * dynamic programming over (candidate, level), after Viterbi 1967.
 */
#include <math.h>
#include <stdlib.h>

#include "common/analysis/timer_jump_private.h"
#include "common/analysis/variation.h"

enum { N_LEVELS_MAX = SPD_JUMPS_MAX + 1 };

/* In latencies on their floor: what a stretch counts at most; what a jump has
 * to explain; what it has to explain in addition when the gap is not of the
 * amount; what each latency on the floor of a stretch below the level costs. */
#define STRETCH_MOST 64.0
#define JUMP_PRICE   16.0
#define MISFIT_PRICE 32.0
#define BELOW_PRICE  32.0
/* A gap further from the amount, in amounts, is no jump of it. */
#define MISFIT_MOST 0.5

struct levels {
    const struct spd_jump_candidate *candidates;
    size_t n;
    double amount, tolerance, fit;
    spd_ns floor_ns;
    size_t n_levels;
    int8_t *steps; /* n * n_levels: how this level was reached */
};

/* How high a stretch lies above the lowest floor, in amounts. */
static double height_of(const struct levels *levels, size_t i)
{
    return (double)spd_variation_diff(levels->candidates[i].lowest_ns, levels->floor_ns) /
           levels->amount;
}

static double worth_of(const struct levels *levels, size_t i, size_t level)
{
    double above = (height_of(levels, i) - (double)level) * levels->amount;

    if (above < -levels->tolerance)
        return -BELOW_PRICE * (double)levels->candidates[i].n_touching;
    if (above > levels->tolerance)
        return 0.0;
    return fmin((double)levels->candidates[i].n_touching, STRETCH_MOST);
}

/* The price of a jump at a candidate, or infinity where its gap forbids it. */
static double price_of(const struct levels *levels, size_t i, int step)
{
    double gap = (double)levels->candidates[i].gap_ns * step;
    double undrained = (double)levels->candidates[i].undrained_ns * step;
    double misfit = fmin(fabs(gap - levels->amount), fabs(undrained - levels->amount));

    if (misfit > levels->amount * MISFIT_MOST)
        return INFINITY;
    misfit = fmax(misfit / levels->fit - 1.0, 0.0);
    return JUMP_PRICE + fmin(4.0 * misfit, MISFIT_PRICE);
}

/* One candidate on: from the scores before it to those after it. */
static void advance(const struct levels *levels, size_t i, const double *before, double *after)
{
    double up = price_of(levels, i, 1);
    double down = price_of(levels, i, -1);

    for (size_t l = 0; l < levels->n_levels; l++) {
        double best = before[l];
        int8_t step = 0;

        if (l > 0 && before[l - 1] - up > best) {
            best = before[l - 1] - up;
            step = 1;
        }
        if (l + 1 < levels->n_levels && before[l + 1] - down > best) {
            best = before[l + 1] - down;
            step = -1;
        }
        after[l] = best + worth_of(levels, i, l);
        levels->steps[i * levels->n_levels + l] = step;
    }
}

static double highest(const double *scores, size_t n, size_t *at)
{
    *at = 0;
    for (size_t l = 1; l < n; l++)
        if (scores[l] > scores[*at])
            *at = l;
    return scores[*at];
}

/* Staying on one level throughout, the best one. */
static double gain_of_none(const struct levels *levels)
{
    double best = -INFINITY;

    for (size_t l = 0; l < levels->n_levels; l++) {
        double sum = 0.0;
        for (size_t i = 0; i < levels->n; i++)
            sum += worth_of(levels, i, l);
        best = fmax(best, sum);
    }
    return best;
}

static void walk(const struct levels *levels, int8_t *chosen, double *gain)
{
    double scores[2][N_LEVELS_MAX];
    size_t level;

    for (size_t l = 0; l < levels->n_levels; l++)
        scores[0][l] = worth_of(levels, 0, l);
    for (size_t i = 1; i < levels->n; i++)
        advance(levels, i, scores[(i - 1) % 2], scores[i % 2]);
    *gain = highest(scores[(levels->n - 1) % 2], levels->n_levels, &level) - gain_of_none(levels);
    for (size_t i = levels->n - 1; i > 0; i--) {
        chosen[i] = levels->steps[i * levels->n_levels + level];
        level = (size_t)((ptrdiff_t)level - chosen[i]);
    }
    chosen[0] = 0;
}

enum spd_err spd_jump_levels(const struct spd_jump_search *s, spd_ns amount_ns, double *gain)
{
    double sigmas = SPD_JUMP_FLOOR_SIGMAS * (double)s->noise_ns;
    struct levels levels = {
        .candidates = s->candidates,
        .n = s->n_candidates,
        .amount = (double)amount_ns,
        .tolerance = fmax(sigmas, (double)amount_ns / 8.0),
        .fit = fmax(sigmas, (double)amount_ns / 32.0),
        .floor_ns = s->candidates[0].lowest_ns,
    };
    double top = 0.0;

    for (size_t i = 1; i < levels.n; i++)
        if (s->candidates[i].lowest_ns < levels.floor_ns)
            levels.floor_ns = s->candidates[i].lowest_ns;
    for (size_t i = 0; i < levels.n; i++)
        top = fmax(top, height_of(&levels, i));
    levels.n_levels = (size_t)fmin(top + 2.0, N_LEVELS_MAX);
    levels.steps = malloc(levels.n * levels.n_levels * sizeof *levels.steps);
    if (levels.steps == NULL)
        return SPD_ERR_NOMEM;
    walk(&levels, s->trial, gain);
    free(levels.steps);
    return SPD_ERR_OK;
}
