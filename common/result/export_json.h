/*
 * A result as one JSON object (RFC 8259, UTF-8). The keys are those of
 * result/fields; "schema" says which set. Integers of 64 bits are exact.
 */
#ifndef SPD_RESULT_EXPORT_JSON_H
#define SPD_RESULT_EXPORT_JSON_H

#include <stdbool.h>
#include <stdio.h>

#include "common/base/err.h"
#include "common/result/fields.h"

#define SPD_JSON_SCHEMA_BURST "stampede.burst/1"

/* Write and flush; stream_name is for messages ("standard output", a path).
 * with_packets adds "packets", one object a packet, written as it goes so that
 * memory does not grow with their number. Errors, with a diag: NOMEM, IO (disk
 * full, pipe closed; what was written is then incomplete). May block on the
 * stream; never call it from a measuring thread. */
enum spd_err spd_export_json(FILE *stream, const char *stream_name, const struct spd_result *result,
                             bool with_packets, struct spd_diag *diag);

#endif
