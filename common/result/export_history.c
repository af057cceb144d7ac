/*
 * Runs of the history for programs. Whoever shows results; never a measuring
 * thread.
 */
#include "common/result/export_history.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/result/when.h"

enum kind {
    ID,       /* int64_t */
    TEXT,     /* const char * */
    STATE,    /* enum spd_store_state */
    TIME_NS,  /* spd_wall; 0 is not known */
    TIME_UTC, /* the same, as text */
    CODE,     /* int, of runs that are over */
    BYTES,    /* uint64_t */
    COUNT,    /* uint64_t, of figures that are known */
    RATIO,    /* double, likewise */
    MOS,      /* double; 0 is not known */
    DURATION, /* spd_ns, SPD_NS_UNKNOWN; of figures that are known */
};

struct spd_history_column {
    const char *name;
    enum kind kind;
    size_t offset; /* into struct spd_store_run */
    const char *unit;
    const char *help;
};

#define AT(field) offsetof(struct spd_store_run, field)

static const struct spd_history_column columns[] = {
    { "id", ID, AT(id), "", "number of the run; never used again" },
    { "name", TEXT, AT(name), "", "of the scheduled test; empty when it was asked for by hand" },
    { "user", TEXT, AT(user), "", "who asked for it" },
    { "kind", TEXT, AT(kind), "", "the command: burst, stream or qos" },
    { "target", TEXT, AT(target), "", "as it was asked for" },
    { "state", STATE, AT(state), "",
      "running, finished, failed, cancelled, interrupted (the service ended) or missed" },
    { "scheduled", TIME_UTC, AT(scheduled), "", "when it was due, UTC (RFC 3339)" },
    { "scheduled_ns", TIME_NS, AT(scheduled), "ns", "the same since 1970-01-01 UTC" },
    { "started", TIME_UTC, AT(started), "", "when it started, or was missed, UTC (RFC 3339)" },
    { "started_ns", TIME_NS, AT(started), "ns", "the same since 1970-01-01 UTC" },
    { "ended", TIME_UTC, AT(ended), "", "when it ended, UTC (RFC 3339)" },
    { "ended_ns", TIME_NS, AT(ended), "ns", "the same since 1970-01-01 UTC" },
    { "exit_code", CODE, AT(exit_code), "", "as the command would have ended" },
    { "error", TEXT, AT(error), "", "why it failed, was missed or was cut off" },
    { "log", TEXT, AT(log), "", "path of the log of packets" },
    { "log_bytes", BYTES, AT(log_bytes), "bytes", "its length" },
    { "n_sent", COUNT, AT(figures.n_sent), "packets", "sent" },
    { "n_lost", COUNT, AT(figures.n_lost), "packets", "lost, in either direction" },
    { "loss_ratio", RATIO, AT(figures.loss_ratio), "1", "lost of sent" },
    { "round_trip.median_ns", DURATION, AT(figures.rtt_p50_ns), "ns", "RFC 2681" },
    { "round_trip.p99_ns", DURATION, AT(figures.rtt_p99_ns), "ns", "RFC 2681" },
    { "forward.pdv.median_ns", DURATION, AT(figures.ways[0].pdv_p50_ns), "ns", "RFC 5481" },
    { "forward.pdv.p95_ns", DURATION, AT(figures.ways[0].pdv_p95_ns), "ns", "RFC 5481" },
    { "forward.pdv.p99_ns", DURATION, AT(figures.ways[0].pdv_p99_ns), "ns", "RFC 5481" },
    { "reverse.pdv.median_ns", DURATION, AT(figures.ways[1].pdv_p50_ns), "ns", "RFC 5481" },
    { "reverse.pdv.p95_ns", DURATION, AT(figures.ways[1].pdv_p95_ns), "ns", "RFC 5481" },
    { "reverse.pdv.p99_ns", DURATION, AT(figures.ways[1].pdv_p99_ns), "ns", "RFC 5481" },
    { "mos", MOS, AT(figures.mos), "1..5", "voice quality (ITU-T G.107), the worse direction's" },
};

size_t spd_history_n_columns(void)
{
    return sizeof(columns) / sizeof(columns[0]);
}

const struct spd_history_column *spd_history_column_at(size_t index)
{
    return index < spd_history_n_columns() ? &columns[index] : NULL;
}

const char *spd_history_column_name(const struct spd_history_column *column)
{
    return column->name;
}

const char *spd_history_column_unit(const struct spd_history_column *column)
{
    return column->unit;
}

const char *spd_history_column_help(const struct spd_history_column *column)
{
    return column->help;
}

static const void *at(const struct spd_history_column *column, const struct spd_store_run *run)
{
    return (const char *)run + column->offset;
}

static bool is_over(const struct spd_store_run *run)
{
    return run->state != SPD_STORE_RUNNING && run->state != SPD_STORE_INTERRUPTED;
}

static bool is_known(const struct spd_history_column *column, const struct spd_store_run *run)
{
    const void *value = at(column, run);

    switch (column->kind) {
    case TIME_NS:
    case TIME_UTC:
        return ((const spd_wall *)value)->ns != 0;
    case CODE:
        return is_over(run);
    case BYTES:
        return run->log[0] != 0;
    case COUNT:
    case RATIO:
        return run->figures.known;
    case MOS:
        return run->figures.known && *(const double *)value > 0;
    case DURATION:
        return run->figures.known && *(const spd_ns *)value != SPD_NS_UNKNOWN;
    default:
        return true;
    }
}

/* What a user typed need not be UTF-8, but JSON must be. NULL: out of memory. */
static json_t *json_text(const char *text)
{
    json_t *value = json_string(text);
    char *copy;

    if (value)
        return value;
    copy = strdup(text);
    for (char *c = copy; c && *c; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    value = copy ? json_string(copy) : NULL;
    free(copy);
    return value;
}

/* NULL when out of memory. */
static json_t *json_of(const struct spd_history_column *column, const struct spd_store_run *run)
{
    const void *value = at(column, run);
    char text[SPD_WHEN_BYTES];

    if (!is_known(column, run))
        return json_null();
    switch (column->kind) {
    case ID:
        return json_integer(*(const int64_t *)value);
    case TEXT:
        return json_text(*(const char *const *)value);
    case STATE:
        return json_string(spd_store_state_name(*(const enum spd_store_state *)value));
    case TIME_NS:
        return json_integer(((const spd_wall *)value)->ns);
    case TIME_UTC:
        return json_string(spd_when_utc(*(const spd_wall *)value, text));
    case CODE:
        return json_integer(*(const int *)value);
    case BYTES:
    case COUNT:
        return json_integer((json_int_t) * (const uint64_t *)value);
    case RATIO:
    case MOS:
        return json_real(*(const double *)value);
    case DURATION:
        return json_integer(*(const spd_ns *)value);
    }
    return NULL;
}

/* "forward.pdv.p95_ns" is p95_ns in pdv in forward. */
static bool set_path(json_t *object, const char *path, json_t *value)
{
    char part[32];

    for (const char *dot; (dot = strchr(path, '.')) != NULL; path = dot + 1) {
        json_t *inner;

        snprintf(part, sizeof(part), "%.*s", (int)(dot - path), path);
        inner = json_object_get(object, part);
        if (!inner) {
            inner = json_object();
            if (json_object_set_new(object, part, inner) != 0) {
                json_decref(value);
                return false;
            }
        }
        object = inner;
    }
    return json_object_set_new(object, path, value) == 0;
}

/* What was kept as JSON goes out as JSON; if another program has put something
 * else there, as text. */
static bool set_kept(json_t *object, const char *name, const char *text)
{
    json_t *value = *text ? json_loads(text, JSON_DECODE_ANY, NULL) : json_null();

    if (!value)
        value = json_text(text);
    return json_object_set_new(object, name, value) == 0;
}

static bool set_histogram(json_t *object, const struct spd_store_run *run)
{
    json_t *list = json_array();

    for (size_t i = 0; i < run->n_buckets; i++) {
        const struct spd_store_bucket *bucket = &run->buckets[i];
        json_t *upper =
            bucket->upper_ns == SPD_NS_MAX ? json_null() : json_integer(bucket->upper_ns);

        if (json_array_append_new(list, json_pack("{s:s, s:o, s:I}", "direction",
                                                  bucket->way == 0 ? "forward" : "reverse",
                                                  "pdv_upper_ns", upper, "n",
                                                  (json_int_t)bucket->n)) != 0) {
            json_decref(list);
            return false;
        }
    }
    return json_object_set_new(object, "histogram", list) == 0;
}

static bool set_details(json_t *object, const struct spd_store_run *run)
{
    return set_histogram(object, run) && set_kept(object, "environment", run->environment) &&
           set_kept(object, "result", run->result);
}

void spd_history_json_begin(struct spd_stream *stream, const char *database)
{
    json_t *name = json_text(database);
    char *text = name ? json_dumps(name, JSON_ENCODE_ANY) : NULL;

    spd_stream_text(stream, "{\"schema\": \"" SPD_JSON_SCHEMA_HISTORY "\", \"database\": ");
    spd_stream_text(stream, text ? text : "null");
    spd_stream_text(stream, ", \"runs\": [");
    free(text);
    json_decref(name);
}

enum spd_err spd_history_json_run(struct spd_stream *stream, const struct spd_store_run *run,
                                  bool is_first, bool with_details, struct spd_diag *diag)
{
    json_t *object = json_object();
    bool good = object != NULL;
    char *text = NULL;

    for (size_t i = 0; good && i < spd_history_n_columns(); i++)
        good = set_path(object, columns[i].name, json_of(&columns[i], run));
    if (good && with_details)
        good = set_details(object, run);
    if (good)
        text = json_dumps(object, JSON_REAL_PRECISION(15));
    json_decref(object);
    if (!text)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for run %" PRId64 " as JSON",
                            run->id);
    spd_stream_text(stream, is_first ? "\n" : ",\n");
    spd_stream_text(stream, text);
    free(text);
    return SPD_ERR_OK;
}

void spd_history_json_end(struct spd_stream *stream)
{
    spd_stream_text(stream, "\n]}\n");
}

/* RFC 4180 section 2, rules 5 to 7. */
static void csv_text(struct spd_stream *stream, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        spd_stream_text(stream, text);
        return;
    }
    spd_stream_text(stream, "\"");
    for (; *text; text++) {
        if (*text == '"')
            spd_stream_text(stream, "\"");
        spd_stream_write(stream, text, 1);
    }
    spd_stream_text(stream, "\"");
}

static void csv_value(struct spd_stream *stream, const struct spd_history_column *column,
                      const struct spd_store_run *run)
{
    const void *value = at(column, run);
    char text[40] = "";

    if (!is_known(column, run))
        return;
    switch (column->kind) {
    case TEXT:
        csv_text(stream, *(const char *const *)value);
        return;
    case STATE:
        csv_text(stream, spd_store_state_name(*(const enum spd_store_state *)value));
        return;
    case TIME_UTC:
        csv_text(stream, spd_when_utc(*(const spd_wall *)value, text));
        return;
    case ID:
    case TIME_NS: /* a struct of one such number */
    case DURATION:
        snprintf(text, sizeof(text), "%" PRId64, *(const int64_t *)value);
        break;
    case CODE:
        snprintf(text, sizeof(text), "%d", *(const int *)value);
        break;
    case BYTES:
    case COUNT:
        snprintf(text, sizeof(text), "%" PRIu64, *(const uint64_t *)value);
        break;
    case RATIO:
    case MOS:
        snprintf(text, sizeof(text), "%.12g", *(const double *)value);
        break;
    }
    spd_stream_text(stream, text);
}

void spd_history_csv_names(struct spd_stream *stream)
{
    for (size_t i = 0; i < spd_history_n_columns(); i++) {
        spd_stream_text(stream, i ? "," : "");
        spd_stream_text(stream, columns[i].name);
    }
    spd_stream_text(stream, "\r\n");
}

void spd_history_csv_run(struct spd_stream *stream, const struct spd_store_run *run)
{
    for (size_t i = 0; i < spd_history_n_columns(); i++) {
        spd_stream_text(stream, i ? "," : "");
        csv_value(stream, &columns[i], run);
    }
    spd_stream_text(stream, "\r\n");
}
