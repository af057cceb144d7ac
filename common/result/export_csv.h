/*
 * One row a packet (RFC 4180: header row, CRLF, quotes where needed), the lost
 * ones included; those of superseded bursts are marked so. The columns are the
 * packet fields of result/fields; what is not known is an empty cell.
 */
#ifndef SPD_RESULT_EXPORT_CSV_H
#define SPD_RESULT_EXPORT_CSV_H

#include <stdio.h>

#include "common/base/err.h"
#include "common/result/fields.h"

/* Write and flush; stream_name is for messages. stream should have been opened
 * binary. Errors, with a diag that names stream_name: IO. May block. */
enum spd_err spd_export_csv(FILE *stream, const char *stream_name, const struct spd_result *result,
                            struct spd_diag *diag);

#endif
