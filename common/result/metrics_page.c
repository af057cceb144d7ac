/*
 * A growing text. Any thread that may allocate; opens nothing.
 */
#include "common/result/metrics_page.h"

#include <float.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put_bytes(struct spd_metrics_page *p, const char *bytes, size_t n)
{
    if (p->failed)
        return;
    if (p->n + n + 1 > p->capacity) {
        size_t capacity = p->capacity ? p->capacity : 4096;
        char *larger;

        while (capacity < p->n + n + 1)
            capacity *= 2;
        larger = realloc(p->bytes, capacity);
        if (!larger) {
            p->failed = true;
            return;
        }
        p->bytes = larger;
        p->capacity = capacity;
    }
    memcpy(p->bytes + p->n, bytes, n);
    p->n += n;
    p->bytes[p->n] = '\0';
}

static void put(struct spd_metrics_page *p, const char *text)
{
    put_bytes(p, text, strlen(text));
}

/* The length of the UTF-8 character at s (RFC 3629 section 4), 0 if it is none. */
static size_t utf8_length(const unsigned char *s)
{
    static const struct {
        unsigned char first, last; /* of the first octet */
        unsigned char low, high;   /* of the second */
        unsigned char n;
    } rows[] = {
        { 0x00, 0x7F, 0x00, 0xFF, 1 }, { 0xC2, 0xDF, 0x80, 0xBF, 2 }, { 0xE0, 0xE0, 0xA0, 0xBF, 3 },
        { 0xE1, 0xEC, 0x80, 0xBF, 3 }, { 0xED, 0xED, 0x80, 0x9F, 3 }, { 0xEE, 0xEF, 0x80, 0xBF, 3 },
        { 0xF0, 0xF0, 0x90, 0xBF, 4 }, { 0xF1, 0xF3, 0x80, 0xBF, 4 }, { 0xF4, 0xF4, 0x80, 0x8F, 4 },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (s[0] < rows[i].first || s[0] > rows[i].last)
            continue;
        if (rows[i].n > 1 && (s[1] < rows[i].low || s[1] > rows[i].high))
            return 0;
        for (size_t k = 2; k < rows[i].n; k++)
            if ((s[k] & 0xC0) != 0x80)
                return 0;
        return rows[i].n;
    }
    return 0;
}

static void put_escaped(struct spd_metrics_page *p, const char *text)
{
    while (*text) {
        size_t n = utf8_length((const unsigned char *)text);

        if (*text == '\\' || *text == '"') {
            put(p, "\\");
            put_bytes(p, text, 1);
        } else if (*text == '\n') {
            put(p, "\\n");
        } else if (n == 0 || (unsigned char)*text < ' ' || *text == 0x7F) {
            put(p, "?");
            n = 1;
        } else {
            put_bytes(p, text, n);
        }
        text += n;
    }
}

/* Seconds, exact, with one digit behind the point at least. */
static void put_seconds(struct spd_metrics_page *p, spd_ns ns)
{
    uint64_t size = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;
    char text[40];
    size_t n;

    snprintf(text, sizeof(text), "%s%" PRIu64 ".%09" PRIu64, ns < 0 ? "-" : "",
             size / (uint64_t)SPD_NS_PER_S, size % (uint64_t)SPD_NS_PER_S);
    n = strlen(text);
    while (text[n - 1] == '0' && text[n - 2] != '.')
        n--;
    put_bytes(p, text, n);
}

static const char *type_name(const struct spd_metrics_page *p, enum spd_metrics_type type)
{
    static const char *const names[][2] = {
        [SPD_METRICS_GAUGE] = { "gauge", "gauge" },
        [SPD_METRICS_COUNTER] = { "counter", "counter" },
        [SPD_METRICS_INFO] = { "info", "gauge" },
        [SPD_METRICS_STATESET] = { "stateset", "gauge" },
        [SPD_METRICS_GAUGEHISTOGRAM] = { "gaugehistogram", "histogram" },
    };

    return names[type][p->format == SPD_METRICS_TEXT];
}

/* What the samples of a family have behind its name; in the older format, the
 * family has it too. */
static const char *usual_suffix(enum spd_metrics_type type)
{
    return type == SPD_METRICS_COUNTER ? "_total" : type == SPD_METRICS_INFO ? "_info" : "";
}

void spd_metrics_family(struct spd_metrics_page *p, enum spd_metrics_type type, const char *name,
                        const char *unit, const char *help)
{
    const char *suffix = p->format == SPD_METRICS_TEXT ? usual_suffix(type) : "";
    char line[400];

    p->family = name;
    p->type = type;
    snprintf(line, sizeof(line), "# HELP %s%s %s\n# TYPE %s%s %s\n", name, suffix, help, name,
             suffix, type_name(p, type));
    put(p, line);
    if (!unit || p->format == SPD_METRICS_TEXT)
        return;
    snprintf(line, sizeof(line), "# UNIT %s %s\n", name, unit);
    put(p, line);
}

void spd_metrics_sample(struct spd_metrics_page *p, const char *suffix)
{
    put(p, p->family);
    put(p, suffix ? suffix : usual_suffix(p->type));
    p->has_labels = false;
}

static void begin_label(struct spd_metrics_page *p, const char *name)
{
    put(p, p->has_labels ? "," : "{");
    put(p, name);
    put(p, "=\"");
    p->has_labels = true;
}

void spd_metrics_label(struct spd_metrics_page *p, const char *name, const char *value)
{
    begin_label(p, name);
    put_escaped(p, value);
    put(p, "\"");
}

void spd_metrics_label_ns(struct spd_metrics_page *p, const char *name, spd_ns value)
{
    begin_label(p, name);
    if (value == SPD_NS_MAX)
        put(p, "+Inf");
    else
        put_seconds(p, value);
    put(p, "\"");
}

static void begin_value(struct spd_metrics_page *p)
{
    put(p, p->has_labels ? "} " : " ");
}

void spd_metrics_value(struct spd_metrics_page *p, uint64_t value)
{
    char text[24];

    begin_value(p);
    snprintf(text, sizeof(text), "%" PRIu64 "\n", value);
    put(p, text);
}

void spd_metrics_value_ns(struct spd_metrics_page *p, spd_ns value)
{
    begin_value(p);
    put_seconds(p, value);
    put(p, "\n");
}

void spd_metrics_value_real(struct spd_metrics_page *p, double value)
{
    char text[40];

    begin_value(p);
    if (value >= -DBL_MAX && value <= DBL_MAX)
        snprintf(text, sizeof(text), "%.12g\n", value);
    else
        snprintf(text, sizeof(text), "%s\n", value > 0 ? "+Inf" : value < 0 ? "-Inf" : "NaN");
    put(p, text);
}

char *spd_metrics_finish(struct spd_metrics_page *p, size_t *n_bytes)
{
    if (p->format == SPD_METRICS_OPENMETRICS)
        put(p, "# EOF\n");
    if (p->failed) {
        free(p->bytes);
        return NULL;
    }
    *n_bytes = p->n;
    return p->bytes;
}
