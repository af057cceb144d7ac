/*
 * A result as text for people: at most 80 columns and 24 lines, UTF-8.
 */
#ifndef SPD_RESULT_REPORT_H
#define SPD_RESULT_REPORT_H

#include <stdio.h>

#include "common/base/err.h"
#include "common/result/fields.h"

/* Write and flush; stream_name is for messages. Errors, with a diag: IO, NOMEM.
 * May block. */
enum spd_err spd_report_write(FILE *stream, const char *stream_name,
                              const struct spd_result *result, struct spd_diag *diag);

/* A duration in at most 9 columns: "873 ns", "12.4 µs", "1.25 ms", "10.2 s", or
 * "-" when it is SPD_NS_UNKNOWN. Three significant digits. Returns text. */
#define SPD_REPORT_TEXT_BYTES 24
const char *spd_report_duration(spd_ns duration_ns, char text[SPD_REPORT_TEXT_BYTES]);
/* "9.98 Mbit/s", likewise; "-" for 0. */
const char *spd_report_rate(double rate_bps, char text[SPD_REPORT_TEXT_BYTES]);

#endif
