/*
 * Figures for people and lines that fit a terminal. Any thread; allocates
 * nothing. Texts may come from the user or the system and are cut, not
 * trusted.
 */
#include "common/result/report_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/text.h"

struct scale {
    double factor;
    const char *unit;
};

/* Three significant digits in the largest unit that leaves at least one before
 * the point. 999.5 would be shown as 1000: that is the next unit's. */
static void scaled(double value, const struct scale *scales, size_t n, char *text, size_t capacity)
{
    double magnitude = value < 0.0 ? -value : value;
    size_t i = 0;

    while (i + 1 < n && magnitude / scales[i].factor >= 999.5)
        i++;
    double shown = magnitude / scales[i].factor;
    const char *sign = value < 0.0 ? "-" : "";
    if (i == 0)
        snprintf(text, capacity, "%s%.0f %s", sign, shown, scales[i].unit);
    else if (shown < 9.995)
        snprintf(text, capacity, "%s%.2f %s", sign, shown, scales[i].unit);
    else if (shown < 99.95)
        snprintf(text, capacity, "%s%.1f %s", sign, shown, scales[i].unit);
    else if (shown < 99999.5)
        snprintf(text, capacity, "%s%.0f %s", sign, shown, scales[i].unit);
    else
        snprintf(text, capacity, "%s%.1e %s", sign, shown, scales[i].unit);
}

const char *spd_report_duration(spd_ns duration_ns, char text[SPD_REPORT_TEXT_BYTES])
{
    static const struct scale scales[] = {
        { 1.0, "ns" }, { 1e3, "\u00b5s" }, { 1e6, "ms" }, { 1e9, "s" }
    };

    if (duration_ns == SPD_NS_UNKNOWN)
        return strcpy(text, "-");
    scaled((double)duration_ns, scales, 4, text, SPD_REPORT_TEXT_BYTES);
    return text;
}

const char *spd_report_rate(double rate_bps, char text[SPD_REPORT_TEXT_BYTES])
{
    static const struct scale scales[] = { { 1.0, "bit/s" },
                                           { 1e3, "kbit/s" },
                                           { 1e6, "Mbit/s" },
                                           { 1e9, "Gbit/s" },
                                           { 1e12, "Tbit/s" } };

    if (!(rate_bps > 0.0))
        return strcpy(text, "-");
    scaled(rate_bps, scales, 5, text, SPD_REPORT_TEXT_BYTES);
    return text;
}

const char *spd_report_bytes(double n_bytes, char text[SPD_REPORT_TEXT_BYTES])
{
    static const struct scale scales[] = {
        { 1.0, "bytes" }, { 1024.0, "KiB" }, { 1048576.0, "MiB" }, { 1073741824.0, "GiB" }
    };

    scaled(n_bytes, scales, 4, text, SPD_REPORT_TEXT_BYTES);
    return text;
}

const char *spd_report_percent(double ratio, char text[SPD_REPORT_TEXT_BYTES])
{
    double percent = ratio * 100.0;

    if (ratio < 0.0)
        strcpy(text, "-");
    else if (percent > 0.0 && percent < 0.001)
        strcpy(text, "<0.001 %");
    else if (percent > 99.9 && percent < 100.0)
        strcpy(text, ">99.9 %"); /* never round to "all" */
    else if (percent <= 0.0 || percent >= 100.0)
        snprintf(text, SPD_REPORT_TEXT_BYTES, "%.0f %%", percent);
    else
        snprintf(text, SPD_REPORT_TEXT_BYTES, percent < 1.0 ? "%.3f %%" : "%.1f %%", percent);
    return text;
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

size_t spd_text_columns(const char *text)
{
    size_t n = 0;

    for (; *text != '\0'; text++)
        n += !is_continuation(*text);
    return n;
}

/* Where in text the given column begins. */
static size_t byte_at_column(const char *text, size_t column)
{
    size_t i = 0;

    while (text[i] != '\0' && (column > 0 || is_continuation(text[i]))) {
        i++;
        while (is_continuation(text[i]))
            i++;
        column--;
    }
    return i;
}

static void append(char line[SPD_PAGE_LINE_BYTES], const char *text)
{
    size_t n = strlen(line);

    spd_text_copy(line + n, SPD_PAGE_LINE_BYTES - n, text);
    if (spd_text_columns(line) > SPD_PAGE_COLUMNS)
        strcpy(line + byte_at_column(line, SPD_PAGE_COLUMNS - 3), "...");
}

void spd_line_add(char line[SPD_PAGE_LINE_BYTES], const char *format, ...)
{
    char text[2 * SPD_PAGE_LINE_BYTES];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    append(line, text);
}

void spd_line_pad(char line[SPD_PAGE_LINE_BYTES], size_t column)
{
    while (spd_text_columns(line) < column)
        append(line, " ");
}

void spd_line_right(char line[SPD_PAGE_LINE_BYTES], size_t column, const char *text)
{
    size_t n = spd_text_columns(text);

    if (column > n)
        spd_line_pad(line, column - n);
    append(line, text);
}

char *spd_page_line(struct spd_page *page, const char *label)
{
    size_t capacity = sizeof page->lines / sizeof page->lines[0];

    if (page->n_lines < capacity)
        page->n_lines++;
    char *line = page->lines[page->n_lines - 1];
    line[0] = '\0';
    if (label != NULL) {
        append(line, label);
        spd_line_pad(line, SPD_PAGE_INDENT);
    }
    return line;
}

/* The bytes of text that fit in so many columns, up to a space if there is one. */
static size_t fitting(const char *text, size_t columns)
{
    size_t end = byte_at_column(text, columns);

    if (text[end] == '\0')
        return end;
    for (size_t i = end; i > 0; i--)
        if (text[i] == ' ')
            return i;
    return end;
}

size_t spd_page_wrap(struct spd_page *page, const char *label, const char *text, size_t n_lines_max)
{
    size_t taken = 0;

    while (taken < n_lines_max && (*text != '\0' || taken == 0)) {
        char *line = spd_page_line(page, taken == 0 ? label : "");

        taken++;
        if (taken == n_lines_max) {
            append(line, text);
            break;
        }
        size_t n = fitting(text, SPD_PAGE_COLUMNS - SPD_PAGE_INDENT);
        spd_line_add(line, "%.*s", (int)n, text);
        for (text += n; *text == ' '; text++)
            ;
    }
    return taken;
}

void spd_page_tighten(struct spd_page *page, size_t n_more)
{
    for (size_t i = page->n_lines; i-- > 0 && page->n_lines + n_more > SPD_PAGE_LINES;) {
        if (page->lines[i][0] != '\0')
            continue;
        memmove(page->lines[i], page->lines[i + 1],
                (page->n_lines - i - 1) * sizeof page->lines[0]);
        page->n_lines--;
    }
}

void spd_page_write(const struct spd_page *page, struct spd_stream *stream)
{
    for (size_t i = 0; i < page->n_lines; i++) {
        size_t n = strlen(page->lines[i]);

        while (n > 0 && page->lines[i][n - 1] == ' ')
            n--;
        spd_stream_write(stream, page->lines[i], n);
        spd_stream_text(stream, "\n");
    }
}
