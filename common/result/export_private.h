/*
 * What the exports share: fields of one record as a row or an object. Part of
 * result; nobody else includes it.
 */
#ifndef SPD_RESULT_EXPORT_PRIVATE_H
#define SPD_RESULT_EXPORT_PRIVATE_H

#include <jansson.h>

#include "common/result/fields.h"
#include "common/result/stream.h"

/* The names of a group's fields, and their values at one index (RFC 4180). */
void spd_csv_names(struct spd_stream *stream, enum spd_field_group group);
void spd_csv_row(struct spd_stream *stream, enum spd_field_group group,
                 const struct spd_result *result, size_t index);

/* One value; NULL when out of memory. */
json_t *spd_json_value(const struct spd_field_value *value);

/* All fields of a group at one index; NULL when out of memory. */
json_t *spd_json_object(enum spd_field_group group, const struct spd_result *result, size_t index);

/* Write value and release it. NULL and failures are NOMEM; the stream remembers
 * its own. */
enum spd_err spd_json_dump(struct spd_stream *stream, json_t *value, size_t flags);

/* Members of the outermost object: the fields of a group without the brace that
 * would close it; then ", name: ...". */
enum spd_err spd_json_open_object(struct spd_stream *stream, enum spd_field_group group,
                                  const struct spd_result *result);
enum spd_err spd_json_environment(struct spd_stream *stream, const struct spd_result *result);
enum spd_err spd_json_array(struct spd_stream *stream, const char *name, enum spd_field_group group,
                            const struct spd_result *result, size_t n);

#endif
