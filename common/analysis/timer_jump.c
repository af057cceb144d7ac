/*
 * Jumps amount by amount, whose clock it was, and their removal. Any thread but
 * a measuring one: it allocates. The stamps come from the network and may be
 * any numbers.
 */
#include "common/analysis/timer_jump.h"

#include <math.h>
#include <stdlib.h>

#include "common/analysis/sort.h"
#include "common/analysis/timer_jump_private.h"
#include "common/analysis/variation.h"

enum {
    N_ROUNDS_MAX = 16, /* different amounts */
    N_AROUND = 32,     /* intervals on either side of a jump that show the schedule */
};

static size_t count_known(const struct spd_point *points, size_t n)
{
    size_t n_known = 0;

    for (size_t i = 0; i < n; i++)
        n_known += points[i].latency_ns != SPD_NS_UNKNOWN;
    return n_known;
}

/* ---- whose clock ---- */

/* The usual time between two packets sent around a point, and how far single
 * ones are from it. */
static bool schedule_around(const struct spd_point *points, size_t n, size_t at,
                            spd_ns *interval_ns, spd_ns *deviation_ns)
{
    spd_ns intervals[2 * N_AROUND];
    size_t from = at > N_AROUND ? at - N_AROUND : 1;
    size_t to = n - at > N_AROUND ? at + N_AROUND : n;
    size_t count = 0;

    for (size_t i = from; i < to; i++)
        if (i != at && points[i].seq - points[i - 1].seq == 1)
            intervals[count++] = spd_variation_diff(points[i].sent_ns, points[i - 1].sent_ns);
    if (count == 0)
        return false;
    *interval_ns = spd_select_median_ns(intervals, count);
    for (size_t i = 0; i < count; i++) {
        spd_ns deviation = spd_variation_diff(intervals[i], *interval_ns);
        intervals[i] = deviation < 0 ? -deviation : deviation;
    }
    *deviation_ns = spd_select_ns(intervals, count, count * 9 / 10);
    return true;
}

/* A leap of the sender's clock stands between two send times, one of the
 * receiver's between two arrivals. */
static enum spd_jump_clock clock_of(const struct spd_point *points, size_t n,
                                    const struct spd_jump *jump)
{
    spd_ns interval_ns, deviation_ns;
    size_t at = jump->point;
    double amount = (double)jump->amount_ns;
    double size = amount < 0.0 ? -amount : amount;

    if (at == 0 || !schedule_around(points, n, at, &interval_ns, &deviation_ns) ||
        (double)deviation_ns > size / 8.0)
        return SPD_JUMP_CLOCK_UNKNOWN;
    double expected = (double)interval_ns * (double)(points[at].seq - points[at - 1].seq);
    double late = (double)spd_variation_diff(points[at].sent_ns, points[at - 1].sent_ns) - expected;
    if (late < size / 4.0 && late > -size / 4.0)
        return SPD_JUMP_CLOCK_RECEIVER;
    late += amount;
    return late < size / 4.0 && late > -size / 4.0 ? SPD_JUMP_CLOCK_SENDER : SPD_JUMP_CLOCK_UNKNOWN;
}

/* ---- amount by amount ---- */

/* Note the chosen candidates, and shift the latencies for the next round. */
static void take_out(struct spd_jump_search *s, spd_ns amount_ns, bool known, struct spd_jumps *out)
{
    double shift_ns = 0.0;
    size_t k = 0;

    for (size_t i = 1; i <= s->n_candidates; i++) {
        size_t end = i < s->n_candidates ? s->candidates[i].at : s->n_known;

        for (; k < end; k++)
            s->latencies[k] = spd_variation_diff(s->latencies[k], (spd_ns)llrint(shift_ns));
        if (i == s->n_candidates || s->chosen[i] == 0)
            continue;
        if (out->n == SPD_JUMPS_MAX) {
            out->full = true;
            continue;
        }
        struct spd_jump *jump = &out->list[out->n++];
        double amount = (double)s->chosen[i] * (double)amount_ns;
        *jump = (struct spd_jump){ .point = s->candidates[i].point,
                                   .amount_ns = s->chosen[i] * amount_ns };
        jump->clock = clock_of(s->points, s->n, jump);
        /* The drift was taken out by send times that leapt as well, so that the
         * latencies here differ by more than what is to be subtracted. */
        double stretched = jump->clock == SPD_JUMP_CLOCK_SENDER ? 1.0 + s->drift : 1.0;
        if (known)
            amount *= stretched;
        else
            jump->amount_ns = (spd_ns)llrint(amount / stretched);
        shift_ns += amount;
        shift_ns = fmax(fmin(shift_ns, 4e18), -4e18);
    }
}

/* Amounts found in different rounds are one if they differ by noise. */
static bool is_same_amount(const struct spd_jumps *jumps, spd_ns a, spd_ns b)
{
    double size_a = fabs((double)a);
    double size_b = fabs((double)b);

    return fabs(size_a - size_b) <= fmax(3.0 * (double)jumps->noise_ns, size_a / 100.0);
}

static size_t count_amount(const struct spd_jumps *jumps, spd_ns amount_ns)
{
    size_t n = 0;

    for (size_t i = 0; i < jumps->n; i++)
        n += is_same_amount(jumps, amount_ns, jumps->list[i].amount_ns);
    return n;
}

static int compare_points(const void *left, const void *right)
{
    size_t a = ((const struct spd_jump *)left)->point;
    size_t b = ((const struct spd_jump *)right)->point;

    return (a > b) - (a < b);
}

/* The timer's amount is the known one, or the one found most often. */
static void name_kinds(struct spd_jumps *jumps, spd_ns known_ns)
{
    size_t most = 0;

    jumps->amount_ns = known_ns;
    for (size_t i = 0; i < jumps->n && known_ns == 0; i++) {
        spd_ns amount_ns = jumps->list[i].amount_ns;
        size_t count = count_amount(jumps, amount_ns);
        if (count > most) {
            most = count;
            jumps->amount_ns = amount_ns < 0 ? -amount_ns : amount_ns;
        }
    }
    for (size_t i = 0; i < jumps->n; i++) {
        bool is_timer = is_same_amount(jumps, jumps->amount_ns, jumps->list[i].amount_ns);
        jumps->list[i].kind = is_timer ? SPD_JUMP_TIMER : SPD_JUMP_STEP;
        jumps->n_steps += !is_timer;
    }
    qsort(jumps->list, jumps->n, sizeof *jumps->list, compare_points);
}

/* One amount more. Errors: NOMEM; NOT_FOUND when there is none. */
static enum spd_err find_next(struct spd_jump_search *s, spd_ns known_ns, struct spd_jumps *found)
{
    spd_ns amount_ns = 0;
    enum spd_err err = spd_jump_candidates(s);

    if (err == SPD_ERR_OK)
        err = spd_jump_amount(s, known_ns, &amount_ns);
    if (err != SPD_ERR_OK)
        return err;
    if (amount_ns == 0 && known_ns == 0)
        spd_jump_between_quiet(s, &amount_ns);
    if (amount_ns == 0)
        return SPD_ERR_NOT_FOUND;
    take_out(s, amount_ns, known_ns != 0, found);
    return SPD_ERR_OK;
}

enum spd_err spd_timer_jump_find(const struct spd_point *points, size_t n, spd_ns amount_ns,
                                 spd_timer_jump_rtt *rtt, const void *rtt_context,
                                 struct spd_jumps *out)
{
    struct spd_jump_search s = { .points = points, .n = n, .rtt = rtt, .rtt_context = rtt_context };
    struct spd_jumps found = { .n = 0 };
    spd_ns known_ns =
        spd_variation_diff(amount_ns < 0 ? 0 : amount_ns, amount_ns < 0 ? amount_ns : 0);
    enum spd_err err = SPD_ERR_OK;

    s.n_known = count_known(points, n);
    if (s.n_known > 2 * SPD_JUMP_NEIGHBOURS) {
        err = spd_jump_read(&s);
        found.noise_ns = s.noise_ns;
        found.least_ns = SPD_JUMP_SURE_SIGMAS * s.noise_ns;
        for (int round = 0; round < N_ROUNDS_MAX && err == SPD_ERR_OK; round++) {
            err = find_next(&s, round == 0 ? known_ns : 0, &found);
            /* The known amount first; then whatever else there is. */
            if (err == SPD_ERR_NOT_FOUND && round == 0 && known_ns != 0)
                err = SPD_ERR_OK;
        }
        if (err == SPD_ERR_NOT_FOUND)
            err = SPD_ERR_OK;
    }
    spd_jump_search_fini(&s);
    if (err != SPD_ERR_OK)
        return err;
    name_kinds(&found, known_ns);
    *out = found;
    return SPD_ERR_OK;
}

void spd_timer_jump_correct(struct spd_point *points, size_t n, const struct spd_jumps *jumps)
{
    spd_ns shift_ns = 0; /* of the latencies */
    spd_ns sent_ns = 0;  /* of the sender's clock */
    size_t next = 0;

    for (size_t i = 0; i < n; i++) {
        for (; next < jumps->n && jumps->list[next].point == i; next++) {
            const struct spd_jump *jump = &jumps->list[next];
            shift_ns = spd_variation_diff(shift_ns, -jump->amount_ns);
            if (jump->clock == SPD_JUMP_CLOCK_SENDER)
                sent_ns = spd_variation_diff(sent_ns, jump->amount_ns);
        }
        points[i].latency_ns = spd_variation_diff(points[i].latency_ns, shift_ns);
        points[i].sent_ns = spd_variation_diff(points[i].sent_ns, sent_ns);
    }
}
