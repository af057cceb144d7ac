/*
 * Results of paced flows for programs: one JSON object with the figures, and
 * the packets one a row (CSV, RFC 4180) or one a line (JSON lines). The keys and
 * columns are those of result/fields. May block; never on a measuring thread.
 */
#ifndef SPD_RESULT_EXPORT_FLOW_H
#define SPD_RESULT_EXPORT_FLOW_H

#include <stdbool.h>
#include <stdio.h>

#include "common/base/err.h"
#include "common/result/fields.h"

#define SPD_JSON_SCHEMA_FLOW "stampede.flow/1"

/* Each writes and flushes; stream_name is for messages. result->flow is set; the
 * rows need its points (spd_flow_wishes.keep_points). with_packets adds
 * "packets" to the object. Errors, with a diag: NOMEM, IO. */
enum spd_err spd_export_flow_json(FILE *stream, const char *stream_name,
                                  const struct spd_result *result, bool with_packets,
                                  struct spd_diag *diag);
enum spd_err spd_export_flow_csv(FILE *stream, const char *stream_name,
                                 const struct spd_result *result, struct spd_diag *diag);
enum spd_err spd_export_flow_json_lines(FILE *stream, const char *stream_name,
                                        const struct spd_result *result, struct spd_diag *diag);

#endif
