/*
 * Results of paced flows as text for people: 80 columns, and 23 lines for one
 * flow; each further flow adds its own lines.
 */
#ifndef SPD_RESULT_REPORT_FLOW_H
#define SPD_RESULT_REPORT_FLOW_H

#include <stdio.h>

#include "common/base/err.h"
#include "common/result/fields.h"

/* Write and flush; stream_name is for messages. result->flow is set. Errors,
 * with a diag: IO, NOMEM. May block. */
enum spd_err spd_report_flow_write(FILE *stream, const char *stream_name,
                                   const struct spd_result *result, struct spd_diag *diag);

#endif
