/*
 * Radix sort by bytes, and selection by partition around a pivot chosen at
 * random. Any thread; allocates nothing.
 */
#include "common/analysis/sort.h"

#include <stdbool.h>
#include <string.h>

#include "common/base/assert.h"

enum { N_DIGITS = 8, N_VALUES = 256 };

/* Signed values in the order of their bits. */
static uint64_t ordered(spd_ns value)
{
    return (uint64_t)value ^ UINT64_C(1) << 63;
}

static size_t digit_of(spd_ns value, unsigned digit)
{
    return (size_t)(ordered(value) >> 8 * digit & 0xFF);
}

struct histogram {
    size_t counts[N_DIGITS][N_VALUES];
    bool in_order;
};

static void count_value(struct histogram *h, spd_ns value)
{
    uint64_t bits = ordered(value);

    for (unsigned d = 0; d < N_DIGITS; d++)
        h->counts[d][bits >> 8 * d & 0xFF]++;
}

/* Of all digits in one pass. */
static void count_digits(const spd_ns *values, size_t n, struct histogram *h)
{
    memset(h, 0, sizeof *h);
    h->in_order = true;
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && values[i] < values[i - 1])
            h->in_order = false;
        count_value(h, values[i]);
    }
}

static void count_digits_of_items(const spd_ns *keys, size_t stride, const uint32_t *items,
                                  size_t n, struct histogram *h)
{
    memset(h, 0, sizeof *h);
    h->in_order = true;
    for (size_t i = 0; i < n; i++) {
        spd_ns key = keys[items[i] * stride];

        if (i > 0 && key < keys[items[i - 1] * stride])
            h->in_order = false;
        count_value(h, key);
    }
}

/* Counts become places. Returns false when all values share this digit. */
static bool places_from_counts(size_t counts[N_VALUES], size_t n)
{
    size_t place = 0;

    for (size_t v = 0; v < N_VALUES; v++) {
        size_t count = counts[v];

        if (count == n)
            return false;
        counts[v] = place;
        place += count;
    }
    return true;
}

void spd_sort_ns(spd_ns *values, spd_ns *scratch, size_t n)
{
    struct histogram h;
    spd_ns *from = values;
    spd_ns *to = scratch;

    count_digits(values, n, &h);
    if (h.in_order)
        return;
    for (unsigned d = 0; d < N_DIGITS; d++) {
        if (!places_from_counts(h.counts[d], n))
            continue;
        for (size_t i = 0; i < n; i++)
            to[h.counts[d][digit_of(from[i], d)]++] = from[i];
        spd_ns *other = from;
        from = to;
        to = other;
    }
    if (from != values)
        memcpy(values, from, n * sizeof *values);
}

void spd_sort_items(const spd_ns *keys, size_t stride, uint32_t *items, uint32_t *scratch, size_t n)
{
    struct histogram h;
    uint32_t *from = items;
    uint32_t *to = scratch;

    count_digits_of_items(keys, stride, items, n, &h);
    if (h.in_order)
        return;
    for (unsigned d = 0; d < N_DIGITS; d++) {
        if (!places_from_counts(h.counts[d], n))
            continue;
        for (size_t i = 0; i < n; i++)
            to[h.counts[d][digit_of(keys[from[i] * stride], d)]++] = from[i];
        uint32_t *other = from;
        from = to;
        to = other;
    }
    if (from != items)
        memcpy(items, from, n * sizeof *items);
}

/* The next pivot's place; the sequence only has to differ from what a sender
 * could arrange its delays for. */
static size_t random_below(uint64_t *state, size_t n)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)((*state >> 33) % n);
}

/* One body for both types: partition into below, equal and above. */
#define DEFINE_SELECT(name, type)                                                                  \
    type name(type *values, size_t n, size_t rank)                                                 \
    {                                                                                              \
        uint64_t state = UINT64_C(0x9E3779B97F4A7C15) ^ n;                                         \
        size_t low = 0;                                                                            \
        size_t high = n;                                                                           \
                                                                                                   \
        SPD_ASSERT(rank < n);                                                                      \
        for (;;) {                                                                                 \
            type pivot = values[low + random_below(&state, high - low)];                           \
            size_t below = low;                                                                    \
            size_t at = low;                                                                       \
            size_t above = high;                                                                   \
                                                                                                   \
            while (at < above) {                                                                   \
                type value = values[at];                                                           \
                if (value < pivot) {                                                               \
                    values[at++] = values[below];                                                  \
                    values[below++] = value;                                                       \
                } else if (value > pivot) {                                                        \
                    values[at] = values[--above];                                                  \
                    values[above] = value;                                                         \
                } else {                                                                           \
                    at++;                                                                          \
                }                                                                                  \
            }                                                                                      \
            if (rank < below)                                                                      \
                high = below;                                                                      \
            else if (rank >= above)                                                                \
                low = above;                                                                       \
            else                                                                                   \
                return pivot;                                                                      \
        }                                                                                          \
    }

DEFINE_SELECT(spd_select_ns, spd_ns)
DEFINE_SELECT(spd_select_double, double)

spd_ns spd_select_median_ns(spd_ns *values, size_t n)
{
    return spd_select_ns(values, n, (n - 1) / 2);
}
