/*
 * Lines of a report: collected, measured in columns and then written. Part of
 * result/report; nobody else includes it.
 */
#ifndef SPD_RESULT_REPORT_TEXT_H
#define SPD_RESULT_REPORT_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"
#include "common/result/report.h"
#include "common/result/stream.h"

#define SPD_PAGE_COLUMNS    80
#define SPD_PAGE_LINES      23 /* leaves one for the prompt */
#define SPD_PAGE_LINE_BYTES 256
#define SPD_PAGE_INDENT     18 /* columns of the labels on the left */

struct spd_page {
    char lines[48][SPD_PAGE_LINE_BYTES];
    size_t n_lines;
};

/* Columns that UTF-8 text takes, one a character. */
size_t spd_text_columns(const char *text);

/* Append to a line, never beyond SPD_PAGE_COLUMNS: what does not fit is cut,
 * with "..." in its place. */
void spd_line_add(char line[SPD_PAGE_LINE_BYTES], const char *format, ...) SPD_PRINTF_LIKE(2, 3);
/* Pad with spaces up to a column; and append text so that it ends there. */
void spd_line_pad(char line[SPD_PAGE_LINE_BYTES], size_t column);
void spd_line_right(char line[SPD_PAGE_LINE_BYTES], size_t column, const char *text);

/* A new line that begins with a label (or is empty, for NULL). Never NULL: on
 * a full page it is the last line again, cleared. */
char *spd_page_line(struct spd_page *page, const char *label);

/* Text broken at spaces into lines under a label. At most n_lines_max lines;
 * the last is cut. Returns the lines taken. */
size_t spd_page_wrap(struct spd_page *page, const char *label, const char *text,
                     size_t n_lines_max);

/* Drop empty lines, from the last one up, until the page has n lines left for
 * more, or no empty ones. */
void spd_page_tighten(struct spd_page *page, size_t n_more);

void spd_page_write(const struct spd_page *page, struct spd_stream *stream);

/* "0.245 %"; "-" for a negative ratio. Returns text. */
const char *spd_report_percent(double ratio, char text[SPD_REPORT_TEXT_BYTES]);
/* "16.0 MiB". Returns text. */
const char *spd_report_bytes(double n_bytes, char text[SPD_REPORT_TEXT_BYTES]);

/* Requested and obtained: one line for what was, one or more for each item that
 * was not, as far as the page has room. */
void spd_report_environment(struct spd_page *page, const struct spd_result *result);

#endif
