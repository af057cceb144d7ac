/*
 * The one table of output fields: what each is called, its unit, where it is
 * defined, its range and what it means. JSON, CSV, the text report and the
 * manual are made from it. Pure; any thread.
 */
#ifndef SPD_RESULT_FIELDS_H
#define SPD_RESULT_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/analysis/summary.h"
#include "common/base/record.h"
#include "common/sys/host.h"

/* What every output is made from; all borrowed for the call. */
struct spd_flow_result;
struct spd_flow_row;

struct spd_result {
    const struct spd_test_record *record; /* of bursts, with summary; else NULL */
    const struct spd_summary *summary;
    const struct spd_host *host;        /* or NULL */
    const char *version;                /* of this program */
    const struct spd_flow_result *flow; /* of paced flows; else NULL */
    const struct spd_flow_row *row;     /* the packet, for SPD_FIELD_FLOW_PACKET */
};

/* Which record a field belongs to: one object in JSON, or one row in CSV. */
enum spd_field_group {
    SPD_FIELD_TEST,        /* once a result */
    SPD_FIELD_BURST,       /* each element of "bursts" */
    SPD_FIELD_PACKET,      /* each element of "packets", each row of the CSV file */
    SPD_FIELD_ENVIRONMENT, /* each element of "environment" */
    SPD_FIELD_FLOW_TEST,   /* the same for paced flows: once a result */
    SPD_FIELD_FLOW,        /* each element of "flows" */
    SPD_FIELD_FLOW_JUMP,   /* each element of "timer_jumps" */
    SPD_FIELD_FLOW_PACKET, /* each row of the CSV file, each line of the JSON lines */
};

enum spd_field_kind {
    SPD_FIELD_NULL, /* not known, or does not apply */
    SPD_FIELD_BOOL,
    SPD_FIELD_INTEGER,
    SPD_FIELD_UNSIGNED,
    SPD_FIELD_REAL,
    SPD_FIELD_TEXT,
};

/* A value. text is valid as long as the result, or until the next get with the
 * same struct spd_field_value. */
struct spd_field_value {
    enum spd_field_kind kind;
    union {
        bool boolean;
        int64_t integer;
        uint64_t number;
        double real;
        const char *text;
    } as;
    char room[80];
};

struct spd_field;

size_t spd_field_count(enum spd_field_group group);
const struct spd_field *spd_field_at(enum spd_field_group group, size_t index);
/* By its path; NULL when there is none. */
const struct spd_field *spd_field_find(enum spd_field_group group, const char *path);

/* Never NULL; the unit is "" for texts, flags and counts without one. */
const char *
spd_field_path(const struct spd_field *field); /* "round_trip.p95_ns", also the CSV column */
const char *spd_field_unit(const struct spd_field *field);   /* "ns" */
const char *spd_field_source(const struct spd_field *field); /* "RFC 2681 section 4.1" */
const char *spd_field_range(const struct spd_field *field);  /* "0.." */
const char *spd_field_help(const struct spd_field *field);

/* The value of a field; index is the burst, packet, environment record, flow or
 * jump, 0 for the others. */
void spd_field_get(const struct spd_field *field, const struct spd_result *result, size_t index,
                   struct spd_field_value *out);

/* The environment of a result; that of a log without one is empty. */
const struct spd_environment *spd_result_environment(const struct spd_result *result);

#endif
