/*
 * Writes families of metrics in either format; see export_metrics.h. Private to
 * export_metrics*.c. Failure (no memory) is kept until finish.
 */
#ifndef SPD_RESULT_METRICS_PAGE_H
#define SPD_RESULT_METRICS_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/time.h"
#include "common/result/export_metrics.h"

enum spd_metrics_type {
    SPD_METRICS_GAUGE,
    SPD_METRICS_COUNTER,
    SPD_METRICS_INFO,
    SPD_METRICS_STATESET,
    SPD_METRICS_GAUGEHISTOGRAM, /* text: histogram */
};

struct spd_metrics_page {
    enum spd_metrics_format format;
    char *bytes;
    size_t n;
    size_t capacity;
    bool failed;
    const char *family;
    enum spd_metrics_type type;
    bool has_labels;
};

/* Begins a family: its name without suffixes like _total; unit is the end of
 * the name, or NULL. All texts are ours: nothing is escaped. */
void spd_metrics_family(struct spd_metrics_page *page, enum spd_metrics_type type, const char *name,
                        const char *unit, const char *help);

/* A sample of the family: begin, its labels, one value. suffix is "_bucket" and
 * the like, or NULL for the usual one of the type. */
void spd_metrics_sample(struct spd_metrics_page *page, const char *suffix);
/* The value may be anything; what is no UTF-8, or a control character but for
 * the end of a line, is shown as "?". */
void spd_metrics_label(struct spd_metrics_page *page, const char *name, const char *value);
void spd_metrics_label_ns(struct spd_metrics_page *page, const char *name, spd_ns value);
void spd_metrics_value(struct spd_metrics_page *page, uint64_t value);
void spd_metrics_value_ns(struct spd_metrics_page *page, spd_ns value); /* as seconds */
void spd_metrics_value_real(struct spd_metrics_page *page, double value);

/* export_metrics_tests.c: the families of scheduled tests. */
void spd_metrics_put_tests(struct spd_metrics_page *page,
                           const struct spd_metrics_snapshot *snapshot);

/* Ends the page; NULL when memory was short. */
char *spd_metrics_finish(struct spd_metrics_page *page, size_t *n_bytes);

#endif
