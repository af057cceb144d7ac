/*
 * Percentiles by nearest rank. Any thread but a measuring one: sorting a large
 * sample takes long and, in some C libraries, memory.
 */
#include "common/analysis/quantile.h"

#include <stdlib.h>

#include "common/analysis/sort.h"
#include "common/base/assert.h"

/* From here on a radix sort is faster than comparisons. */
#define RADIX_MIN 1024

static int compare_ns(const void *left, const void *right)
{
    spd_ns a = *(const spd_ns *)left;
    spd_ns b = *(const spd_ns *)right;

    return (a > b) - (a < b);
}

void spd_quantile_sort(spd_ns *values, size_t n)
{
    /* Without the scratch it takes longer, but ends as well. */
    spd_ns *scratch = n >= RADIX_MIN ? malloc(n * sizeof *scratch) : NULL;

    if (scratch != NULL)
        spd_sort_ns(values, scratch, n);
    else if (n > 1)
        qsort(values, n, sizeof *values, compare_ns);
    free(scratch);
}

spd_ns spd_quantile_percentile(const spd_ns *sorted, size_t n, unsigned permille)
{
    SPD_ASSERT(n > 0 && permille > 0 && permille <= 1000);
    /* RFC 2330 section 11.3: the smallest x with F(x) >= p, so the rank is
     * ceil(n * p); quotient and remainder apart, so that no n overflows. */
    size_t rank = n / 1000 * permille + (n % 1000 * permille + 999) / 1000;

    return sorted[rank - 1];
}

spd_ns spd_quantile_median(const spd_ns *sorted, size_t n)
{
    SPD_ASSERT(n > 0);
    spd_ns upper = sorted[n / 2];

    if (n % 2 == 1)
        return upper;
    /* The mean of the central two, rounded down. Halved apart: the two may lie
     * at the ends of the range. */
    spd_ns lower = sorted[n / 2 - 1];
    return (lower & upper) + ((lower ^ upper) >> 1);
}

static spd_ns mean_rounded(const spd_ns *values, size_t n)
{
    __int128 sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += values[i];
    __int128 half = (__int128)(n / 2);
    return (spd_ns)((sum + (sum < 0 ? -half : half)) / (__int128)n);
}

void spd_quantile_stats(spd_ns *values, size_t n, struct spd_stats *out)
{
    spd_quantile_sort(values, n);
    *out = (struct spd_stats){ 0,
                               SPD_NS_UNKNOWN,
                               SPD_NS_UNKNOWN,
                               SPD_NS_UNKNOWN,
                               SPD_NS_UNKNOWN,
                               SPD_NS_UNKNOWN,
                               SPD_NS_UNKNOWN,
                               SPD_NS_UNKNOWN };
    if (n == 0)
        return;
    out->n = n;
    out->min_ns = values[0];
    out->mean_ns = mean_rounded(values, n);
    out->median_ns = spd_quantile_median(values, n);
    out->p95_ns = spd_quantile_percentile(values, n, 950);
    out->p99_ns = spd_quantile_percentile(values, n, 990);
    out->p999_ns = spd_quantile_percentile(values, n, 999);
    out->max_ns = values[n - 1];
}
