/*
 * Divides a test into cells between answered packets. Any thread; allocates
 * nothing. Numbers come from the network and may be any: they are compared and
 * counted, and never used as an index.
 */
#include "common/analysis/fate_cells.h"

#include <stdlib.h>

static int compare_number(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left;
    int64_t b = *(const int64_t *)right;

    return (a > b) - (a < b);
}

static size_t make_distinct(int64_t *sorted, size_t n)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++)
        if (kept == 0 || sorted[i] != sorted[kept - 1])
            sorted[kept++] = sorted[i];
    return kept;
}

/* How many of the sorted numbers are below value. */
static size_t n_below(const int64_t *sorted, size_t n, int64_t value)
{
    size_t low = 0;
    size_t high = n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sorted[middle] < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Numbers from first to last that never arrived. */
static uint64_t n_absent(const int64_t *sorted, size_t n, int64_t first, int64_t last)
{
    if (last < first)
        return 0;
    return (uint64_t)(last - first + 1) -
           (n_below(sorted, n, last + 1) - n_below(sorted, n, first));
}

static void note_extremes(struct spd_fate_anchor *anchors, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool rises = i == 0 || anchors[i].number > anchors[i - 1].highest;
        anchors[i].highest = rises ? anchors[i].number : anchors[i - 1].highest;
    }
    for (size_t i = n; i-- > 0;) {
        bool falls = i == n - 1 || anchors[i].number < anchors[i + 1].lowest;
        anchors[i].lowest = falls ? anchors[i].number : anchors[i + 1].lowest;
    }
}

/* Sorted numbers of the anchors; returns false when one stands there twice:
 * one counter never gives a number to two packets. */
static bool sort_numbers(const struct spd_fate_anchor *anchors, size_t n, int64_t *numbers)
{
    for (size_t i = 0; i < n; i++)
        numbers[i] = anchors[i].number;
    qsort(numbers, n, sizeof *numbers, compare_number);
    for (size_t i = 1; i < n; i++)
        if (numbers[i] == numbers[i - 1])
            return false;
    return true;
}

/* Cells of one epoch: a stretch with one run of the reflector's counter. */
static size_t find_in_epoch(const struct spd_fate_anchor *anchors, size_t n, const int64_t *numbers,
                            size_t n_numbers, struct spd_fate_cell *cells)
{
    size_t n_cells = 0;

    for (size_t i = 0; i + 1 < n;) {
        size_t j = i + 1;
        int64_t first;
        int64_t last;

        if (anchors[i].highest < anchors[j].lowest) {
            first = anchors[i].highest + 1;
            last = anchors[j].lowest - 1;
        } else {
            /* Overtaking: go on to the next place where everything sent before
             * was also numbered before. */
            while (j + 1 < n && anchors[j].highest >= anchors[j + 1].lowest)
                j++;
            first = anchors[i].lowest;
            last = anchors[j].highest;
        }
        cells[n_cells++] = (struct spd_fate_cell){
            .after = anchors[i].position,
            .before = anchors[j].position,
            .burst_from = anchors[i].burst,
            .burst_to = anchors[j].burst,
            .n_packets = (uint64_t)(anchors[j].position - anchors[i].position - 1) - (j - i - 1),
            .n_numbers = n_absent(numbers, n_numbers, first, last),
        };
        i = j;
    }
    return n_cells;
}

static int64_t lowest_of_burst(const struct spd_fate_anchor *anchors, size_t n, size_t from)
{
    int64_t lowest = anchors[from].number;

    for (size_t i = from; i < n && anchors[i].burst == anchors[from].burst; i++)
        if (anchors[i].number < lowest)
            lowest = anchors[i].number;
    return lowest;
}

/* Where the epoch that begins at from ends: before a burst whose numbers fall
 * back into what was already counted. Only called when numbers repeat, so that
 * late packets of one burst are not taken for a forgotten session. */
static size_t epoch_end(const struct spd_fate_anchor *anchors, size_t n, size_t from)
{
    int64_t highest = anchors[from].number;

    for (size_t i = from + 1; i < n; i++) {
        if (anchors[i].burst != anchors[i - 1].burst && lowest_of_burst(anchors, n, i) <= highest)
            return i;
        if (anchors[i].number > highest)
            highest = anchors[i].number;
    }
    return n;
}

static size_t find_with_extras(struct spd_fate_anchor *anchors, size_t n,
                               const struct spd_fate_extra *extras, size_t n_extras,
                               int64_t *numbers, struct spd_fate_cell *cells)
{
    size_t n_numbers = n;

    if (!sort_numbers(anchors, n, numbers))
        return 0;
    for (size_t i = 0; i < n_extras; i++)
        if (extras[i].position >= anchors[0].position &&
            extras[i].position <= anchors[n - 1].position)
            numbers[n_numbers++] = extras[i].number;
    if (n_numbers > n) {
        qsort(numbers, n_numbers, sizeof *numbers, compare_number);
        n_numbers = make_distinct(numbers, n_numbers);
    }
    note_extremes(anchors, n);
    return find_in_epoch(anchors, n, numbers, n_numbers, cells);
}

size_t spd_fate_cells_find(struct spd_fate_anchor *anchors, size_t n,
                           const struct spd_fate_extra *extras, size_t n_extras, int64_t *scratch,
                           struct spd_fate_cell *cells)
{
    size_t n_cells = 0;

    if (sort_numbers(anchors, n, scratch))
        return find_with_extras(anchors, n, extras, n_extras, scratch, cells);
    for (size_t from = 0; from < n;) {
        size_t end = epoch_end(anchors, n, from);
        n_cells += find_with_extras(anchors + from, end - from, extras, n_extras, scratch,
                                    cells + n_cells);
        from = end;
    }
    return n_cells;
}
