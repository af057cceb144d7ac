/*
 * The verdict of several estimates of one skew. Any thread; allocates nothing.
 */
#include "common/analysis/common_skew.h"

#include <math.h>

const char *spd_skew_finding_text(enum spd_skew_finding finding)
{
    static const char *const texts[SPD_SKEW_FINDING_COUNT] = {
        [SPD_SKEW_NOT_SIGNIFICANT] = "not-significant",
        [SPD_SKEW_ESTABLISHED] = "established",
        [SPD_SKEW_AT_LEAST] = "at-least",
        [SPD_SKEW_DISPUTED] = "disputed",
        [SPD_SKEW_IMPLAUSIBLE] = "implausible",
    };

    return (unsigned)finding < SPD_SKEW_FINDING_COUNT ? texts[finding] : NULL;
}

struct interval {
    double skew, low, high;
};

/* A way back is timed by the other clock: one that is fast by s makes the other
 * slow by s / (1 + s). */
static double turned(double ppb)
{
    return -ppb / (1.0 + ppb * 1e-9);
}

/* As if forward. */
static struct interval interval_of(const struct spd_skew_estimate *estimate)
{
    const struct spd_skew *s = estimate->skew;

    if (estimate->reverse)
        return (struct interval){ turned(s->skew_ppb), turned(s->high_ppb), turned(s->low_ppb) };
    return (struct interval){ s->skew_ppb, s->low_ppb, s->high_ppb };
}

static double width_of(const struct interval *interval)
{
    return interval->high - interval->low;
}

static bool holds_zero(const struct interval *interval)
{
    return interval->low <= 0.0 && interval->high >= 0.0;
}

/* The one that knows best. Returns how many there are to choose from. */
static size_t narrowest(const struct spd_skew_estimate *estimates, size_t n, struct interval *best)
{
    size_t n_known = 0;

    for (size_t i = 0; i < n; i++) {
        struct interval other = interval_of(&estimates[i]);

        if (!estimates[i].skew->known)
            continue;
        if (n_known++ == 0 || width_of(&other) < width_of(best))
            *best = other;
    }
    return n_known;
}

/* Whether the estimates contradict each other with an equal right to be
 * believed. Only one of them can be right then, and which one it is nothing
 * says: a queue that grows on one way is as good an explanation as one that
 * drains on the other. *least is the one nearest to zero, *all what they span. */
static bool is_disputed(const struct spd_skew_estimate *estimates, size_t n,
                        const struct interval *best, struct interval *least, struct interval *all)
{
    double blurred = SPD_SKEW_SHARPER * width_of(best);
    bool disputed = false;

    *least = *all = *best;
    for (size_t i = 0; i < n; i++) {
        struct interval other = interval_of(&estimates[i]);
        bool excludes = other.low > best->high || other.high < best->low;
        bool denies = holds_zero(&other) && fabs(other.skew) < fabs(best->skew) / 2.0;
        bool is_queue = width_of(&other) > blurred && !denies;

        if (!estimates[i].skew->known || !excludes || is_queue)
            continue;
        disputed = true;
        if (fabs(other.skew) < fabs(least->skew))
            *least = other;
        all->low = fmin(all->low, other.low);
        all->high = fmax(all->high, other.high);
    }
    return disputed;
}

void spd_common_skew_settle(const struct spd_skew_estimate *estimates, size_t n,
                            struct spd_common_skew *out)
{
    struct interval best = { 0 }, least, all;

    *out = (struct spd_common_skew){ .n_estimates = narrowest(estimates, n, &best) };
    if (out->n_estimates == 0)
        return;
    bool disputed = is_disputed(estimates, n, &best, &least, &all);
    out->skew_ppb = least.skew;
    out->low_ppb = all.low;
    out->high_ppb = all.high;
    if (holds_zero(&all))
        out->finding = disputed ? SPD_SKEW_DISPUTED : SPD_SKEW_NOT_SIGNIFICANT;
    else if (fabs(least.skew) > SPD_SKEW_PLAUSIBLE_PPB)
        out->finding = SPD_SKEW_IMPLAUSIBLE;
    else
        out->finding = disputed ? SPD_SKEW_AT_LEAST : SPD_SKEW_ESTABLISHED;
}

double spd_common_skew_of(const struct spd_common_skew *common, bool reverse)
{
    return reverse ? turned(common->skew_ppb) : common->skew_ppb;
}

bool spd_common_skew_is_removable(const struct spd_common_skew *common)
{
    return common->finding == SPD_SKEW_ESTABLISHED || common->finding == SPD_SKEW_AT_LEAST;
}
