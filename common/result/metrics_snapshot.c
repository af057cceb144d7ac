/*
 * What a snapshot owns, and the formats by their HTTP names. Any thread.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/result/export_metrics.h"

enum spd_err spd_metrics_snapshot_reserve(struct spd_metrics_snapshot *snapshot, size_t n_tests)
{
    struct spd_metrics_test *tests = calloc(n_tests ? n_tests : 1, sizeof(*tests));

    if (!tests)
        return SPD_ERR_NOMEM;
    free(snapshot->tests);
    snapshot->tests = tests;
    snapshot->n_tests = n_tests;
    return SPD_ERR_OK;
}

void spd_metrics_snapshot_clear(struct spd_metrics_snapshot *snapshot)
{
    free(snapshot->tests);
    *snapshot = (struct spd_metrics_snapshot){ 0 };
}

void spd_metrics_snapshot_add_reason(struct spd_metrics_snapshot *snapshot, const char *format, ...)
{
    va_list arguments;

    if (snapshot->n_reasons == SPD_METRICS_REASONS_MAX)
        return;
    va_start(arguments, format);
    vsnprintf(snapshot->reasons[snapshot->n_reasons++], sizeof(snapshot->reasons[0]), format,
              arguments);
    va_end(arguments);
}

const char *spd_metrics_content_type(enum spd_metrics_format format)
{
    return format == SPD_METRICS_OPENMETRICS
               ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
               : "text/plain; version=0.0.4; charset=utf-8";
}

/* Letter case does not matter in media types (RFC 9110 section 8.3.1). */
static bool begins_with(const char *text, const char *lower, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((text[i] >= 'A' && text[i] <= 'Z' ? text[i] - 'A' + 'a' : text[i]) != lower[i])
            return false;
    return true;
}

/* "q=0" says: not this one (RFC 9110 section 12.4.2). */
static bool is_refused(const char *parameters)
{
    const char *q = strstr(parameters, "q=0"), *end = strchr(parameters, ',');

    if (!q || (end && q > end))
        return false;
    q += 3;
    if (*q == '.')
        q++;
    while (*q == '0')
        q++;
    return !(*q >= '1' && *q <= '9');
}

enum spd_metrics_format spd_metrics_format_of(const char *accept)
{
    static const char name[] = "application/openmetrics-text";
    size_t n = sizeof(name) - 1;

    for (; accept && *accept; accept++)
        if (begins_with(accept, name, n))
            return is_refused(accept + n) ? SPD_METRICS_TEXT : SPD_METRICS_OPENMETRICS;
    return SPD_METRICS_TEXT;
}
