/*
 * Jumps amount by amount, whose clock it was, and their removal. Any thread but
 * a measuring one: it allocates. The stamps come from the network and may be
 * any numbers.
 */
#include "common/analysis/timer_jump.h"

#include <stdlib.h>

#include "common/analysis/sort.h"
#include "common/analysis/timer_jump_private.h"
#include "common/analysis/variation.h"

enum {
    N_ROUNDS_MAX = 8, /* different amounts */
    N_AROUND = 32,    /* intervals on either side of a jump that show the schedule */
};

static size_t count_known(const struct spd_point *points, size_t n)
{
    size_t n_known = 0;

    for (size_t i = 0; i < n; i++)
        n_known += points[i].latency_ns != SPD_NS_UNKNOWN;
    return n_known;
}

/* Note the chosen candidates, and shift the latencies for the next round. */
static void take_out(struct spd_jump_search *s, spd_ns amount_ns, struct spd_jumps *out)
{
    spd_ns shift_ns = 0;
    size_t next = 1;

    for (size_t i = 1; i < s->n_candidates; i++) {
        if (s->chosen[i] == 0)
            continue;
        if (out->n == SPD_JUMPS_MAX) {
            out->full = true;
            s->chosen[i] = 0;
            continue;
        }
        out->list[out->n++] = (struct spd_jump){
            .point = s->candidates[i].point,
            .amount_ns = s->chosen[i] * amount_ns,
        };
    }
    for (size_t k = 0; k < s->n_known; k++) {
        for (; next < s->n_candidates && s->candidates[next].at == k; next++)
            shift_ns += s->chosen[next] * amount_ns;
        s->latencies[k] = spd_variation_diff(s->latencies[k], shift_ns);
    }
}

static size_t count_amount(const struct spd_jumps *jumps, spd_ns amount_ns)
{
    size_t n = 0;

    for (size_t i = 0; i < jumps->n; i++)
        n += jumps->list[i].amount_ns == amount_ns || jumps->list[i].amount_ns == -amount_ns;
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
    jumps->amount_ns = known_ns;
    for (size_t i = 0; i < jumps->n && known_ns == 0; i++) {
        spd_ns amount_ns = jumps->list[i].amount_ns;
        amount_ns = amount_ns < 0 ? -amount_ns : amount_ns;
        if (count_amount(jumps, amount_ns) > count_amount(jumps, jumps->amount_ns))
            jumps->amount_ns = amount_ns;
    }
    for (size_t i = 0; i < jumps->n; i++) {
        spd_ns amount_ns = jumps->list[i].amount_ns;
        bool is_timer = amount_ns == jumps->amount_ns || amount_ns == -jumps->amount_ns;
        jumps->list[i].kind = is_timer ? SPD_JUMP_TIMER : SPD_JUMP_STEP;
        jumps->n_steps += !is_timer;
    }
    qsort(jumps->list, jumps->n, sizeof *jumps->list, compare_points);
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

enum spd_err spd_timer_jump_find(const struct spd_point *points, size_t n, spd_ns amount_ns,
                                 const spd_ns *rtt_ns, struct spd_jumps *out)
{
    struct spd_jump_search s = { .points = points, .n = n, .rtt_ns = rtt_ns };
    struct spd_jumps found = { .n = 0 };
    spd_ns known_ns =
        spd_variation_diff(amount_ns < 0 ? 0 : amount_ns, amount_ns < 0 ? amount_ns : 0);
    spd_ns taken_ns = known_ns;
    enum spd_err err = SPD_ERR_OK;

    s.n_known = count_known(points, n);
    if (s.n_known > 2 * SPD_JUMP_NEIGHBOURS) {
        err = spd_jump_read(&s);
        found.noise_ns = s.noise_ns;
        found.least_ns = SPD_JUMP_LEAST_SIGMAS * s.noise_ns;
        /* The known amount first; then whatever else there is. */
        for (int round = 0; round < N_ROUNDS_MAX && err == SPD_ERR_OK; round++) {
            err = spd_jump_candidates(&s);
            if (err == SPD_ERR_OK)
                err = spd_jump_amount(&s, round == 0 ? known_ns : 0, &taken_ns);
            if (err == SPD_ERR_OK && taken_ns != 0)
                take_out(&s, taken_ns, &found);
            if (taken_ns == 0 && (round > 0 || known_ns == 0))
                break;
        }
    }
    spd_jump_search_fini(&s);
    if (err != SPD_ERR_OK)
        return err;
    name_kinds(&found, known_ns);
    for (size_t i = 0; i < found.n; i++)
        found.list[i].clock = clock_of(points, n, &found.list[i]);
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
