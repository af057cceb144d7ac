/*
 * The amount of the jumps. Any thread but a measuring one: it allocates.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/analysis/sort.h"
#include "common/analysis/timer_jump_private.h"
#include "common/analysis/variation.h"

enum {
    N_AMOUNTS_MAX = 64, /* that are tried */
    FLOOR_WINDOW = 256, /* packets on either side of a jump that tell its amount */
};

/* Fewer latencies on their floor do not prove a jump. */
#define GAIN_LEAST 24.0
/* So many must lie on it between two jumps of an amount that is not known. */
#define FLOOR_LEAST 16
/* Amounts within this ratio are tried as one. */
#define AMOUNT_RATIO 1.06
/* A stretch is quiet when it is this long and 4/5 of it lie on its floor. */
#define QUIET_LEAST 96

/* The amounts worth a trial: the median of each group of candidates whose gaps
 * are alike, the largest groups first. gaps has room for all. */
static size_t amounts_to_try(const struct spd_jump_search *s, spd_ns *gaps, spd_ns *amounts)
{
    size_t sizes[N_AMOUNTS_MAX];
    size_t n_gaps = 0, n = 0;

    for (size_t i = 1; i < s->n_candidates; i++) {
        const spd_ns both[2] = { s->candidates[i].gap_ns, s->candidates[i].undrained_ns };
        for (int j = 0; j < (both[0] == both[1] ? 1 : 2); j++) {
            spd_ns gap_ns = both[j] < 0 ? -both[j] : both[j];
            if (gap_ns >= SPD_JUMP_LEAST_SIGMAS * s->noise_ns)
                gaps[n_gaps++] = gap_ns;
        }
    }
    spd_quantile_sort(gaps, n_gaps);
    for (size_t from = 0, to; from < n_gaps; from = to) {
        for (to = from; to < n_gaps && (double)gaps[to] <= AMOUNT_RATIO * (double)gaps[from];)
            to++;
        size_t at = n < N_AMOUNTS_MAX ? n : N_AMOUNTS_MAX - 1;
        if (n == N_AMOUNTS_MAX && to - from < sizes[at])
            continue;
        for (; at > 0 && sizes[at - 1] <= to - from; at--) {
            sizes[at] = sizes[at - 1];
            amounts[at] = amounts[at - 1];
        }
        sizes[at] = to - from;
        amounts[at] = gaps[from + (to - from) / 2];
        n += n < N_AMOUNTS_MAX;
    }
    return n;
}

/* By how much the floor changes at a chosen candidate. */
static spd_ns shift_at(const struct spd_jump_search *s, size_t i)
{
    size_t at = s->candidates[i].at;
    size_t from = at > FLOOR_WINDOW ? at - FLOOR_WINDOW : 0;
    size_t to = s->n_known - at > FLOOR_WINDOW ? at + FLOOR_WINDOW : s->n_known;

    for (size_t j = i; j-- > 1;)
        if (s->trial[j] != 0) {
            from = from > s->candidates[j].at ? from : s->candidates[j].at;
            break;
        }
    for (size_t j = i + 1; j < s->n_candidates; j++)
        if (s->trial[j] != 0) {
            to = to < s->candidates[j].at ? to : s->candidates[j].at;
            break;
        }
    return spd_variation_diff(spd_jump_lowest(s->latencies, at, to),
                              spd_jump_lowest(s->latencies, from, at));
}

/* The amount itself, from the floors on either side of each jump: the median
 * of those that are near the amount tried. */
static spd_ns amount_from_floors(const struct spd_jump_search *s, spd_ns tried_ns)
{
    spd_ns shifts[SPD_JUMPS_MAX];
    size_t n = 0;

    for (size_t i = 1; i < s->n_candidates && n < SPD_JUMPS_MAX; i++) {
        if (s->trial[i] == 0)
            continue;
        spd_ns shift = shift_at(s, i);
        shift = shift < 0 ? -shift : shift;
        if (fabs((double)shift - (double)tried_ns) <= (double)tried_ns / 4.0)
            shifts[n++] = shift;
    }
    return n > 0 ? spd_select_median_ns(shifts, n) : tried_ns;
}

/* Whether latencies lie on the floor between any two jumps of the choice: what
 * climbs several levels at once is a queue, or another amount. */
static bool is_sound(const struct spd_jump_search *s, spd_ns amount_ns)
{
    double tolerance = fmax(SPD_JUMP_FLOOR_SIGMAS * (double)s->noise_ns, (double)amount_ns / 8.0);
    spd_ns floor_ns = 0; /* of the stretches since the last jump, as far as known */
    uint32_t n_touching = 0;
    bool is_first = true;

    for (size_t i = 0; i < s->n_candidates; i++) {
        const struct spd_jump_candidate *c = &s->candidates[i];

        if (i > 0 && s->trial[i] != 0) {
            if (!is_first && n_touching < FLOOR_LEAST)
                return false;
            is_first = false;
            n_touching = 0;
        }
        double above = (double)spd_variation_diff(c->lowest_ns, floor_ns);
        if (n_touching == 0 || above < -tolerance) {
            floor_ns = c->lowest_ns;
            n_touching = c->n_touching;
        } else if (above <= tolerance) {
            n_touching += c->n_touching;
        }
    }
    return true;
}

/* The best choice for one amount; the amount is made more exact twice, unless
 * it is known. Better choices than *gain replace it. */
static enum spd_err try_amount(struct spd_jump_search *s, spd_ns amount_ns, bool known,
                               double *gain, spd_ns *best_ns)
{
    for (int pass = 0; pass < (known ? 1 : 3); pass++) {
        double found;
        enum spd_err err = spd_jump_levels(s, amount_ns, &found);
        if (err != SPD_ERR_OK)
            return err;
        if (found < GAIN_LEAST || (!known && !is_sound(s, amount_ns)))
            break;
        spd_ns exact_ns = known ? amount_ns : amount_from_floors(s, amount_ns);
        if (found > *gain || (found == *gain && pass > 0)) {
            *gain = found;
            *best_ns = exact_ns;
            memcpy(s->chosen, s->trial, s->n_candidates * sizeof *s->chosen);
        }
        if (exact_ns == amount_ns)
            break;
        amount_ns = exact_ns;
    }
    return SPD_ERR_OK;
}

enum spd_err spd_jump_amount(struct spd_jump_search *s, spd_ns known_ns, spd_ns *amount_ns)
{
    spd_ns amounts[N_AMOUNTS_MAX] = { known_ns };
    size_t n_amounts = known_ns != 0;
    double gain = 0.0;
    enum spd_err err = SPD_ERR_OK;

    *amount_ns = 0;
    if (s->n_candidates < 2)
        return SPD_ERR_OK;
    if (known_ns == 0) {
        spd_ns *gaps = malloc(2 * s->n_candidates * sizeof *gaps);
        if (gaps == NULL)
            return SPD_ERR_NOMEM;
        n_amounts = amounts_to_try(s, gaps, amounts);
        free(gaps);
    }
    for (size_t i = 0; i < n_amounts && err == SPD_ERR_OK; i++)
        err = try_amount(s, amounts[i], known_ns != 0, &gain, amount_ns);
    return err;
}

static bool is_quiet(const struct spd_jump_search *s, size_t i)
{
    size_t end = i + 1 < s->n_candidates ? s->candidates[i + 1].at : s->n_known;
    size_t length = end - s->candidates[i].at;

    return length >= QUIET_LEAST && s->candidates[i].n_touching >= length / 5 * 4;
}

void spd_jump_between_quiet(struct spd_jump_search *s, spd_ns *amount_ns)
{
    uint32_t longest = 0;

    *amount_ns = 0;
    for (size_t i = 1; i < s->n_candidates; i++) {
        const struct spd_jump_candidate *before = &s->candidates[i - 1];
        const struct spd_jump_candidate *after = &s->candidates[i];
        double shift = (double)spd_variation_diff(after->lowest_ns, before->lowest_ns);
        uint32_t shorter =
            before->n_touching < after->n_touching ? before->n_touching : after->n_touching;

        if (shorter <= longest || !is_quiet(s, i - 1) || !is_quiet(s, i) ||
            fabs(shift) < SPD_JUMP_LEAST_SIGMAS * (double)s->noise_ns ||
            fabs(shift - (double)after->gap_ns) > 2.0 * SPD_JUMP_FLOOR_SIGMAS * (double)s->noise_ns)
            continue;
        longest = shorter;
        *amount_ns = (spd_ns)fmin(fabs(shift), 4e18);
        memset(s->chosen, 0, s->n_candidates * sizeof *s->chosen);
        s->chosen[i] = shift > 0.0 ? 1 : -1;
    }
}
