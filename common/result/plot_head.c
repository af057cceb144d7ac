/*
 * What stands above the panels of a picture, and how everything looks. Writer's
 * or main thread.
 */
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "common/result/plot_private.h"

#define TITLE_Y       26
#define TITLE_HEIGHT  22
#define TITLE_CHARS   77 /* that fit a line, of usual texts */
#define TEXT_HEIGHT   18
#define TEXT_CHARS    118
#define LEGEND_GAP    3
#define LEGEND_HEIGHT 20
#define SIGN_SIZE     1.6

/* Colours of a palette that people who do not see all colours can tell apart
 * (Okabe and Ito 2008), darker for paper, lighter for dark screens; the first
 * two differ in print without colour too. Plain classes: not every program that
 * shows SVG knows CSS variables. */
static const char *const light[SPD_PLOT_SERIES_MAX] = {
    "#00497a", "#d55e00", "#00795a", "#a0527e", "#8a6d00", "#4b4b4b", "#006e8a", "#7a3b00"
};
static const char *const dark[SPD_PLOT_SERIES_MAX] = { "#56b4e9", "#ff9446", "#3fd0a4", "#e59bc4",
                                                       "#f0e442", "#c8c8c8", "#4fd3ee", "#d7a06a" };

const char *spd_plot_dashes(size_t series)
{
    static const char *const dashes[] = { "none", "7 4", "2 3", "10 3 2 3" };

    return dashes[series % 4];
}

void spd_plot_put(struct spd_drawing *d, const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    spd_stream_text(&d->stream, text);
}

static void put_palette(struct spd_drawing *d, const char *const colours[], const char *paper,
                        const char *ink, const char *soft, const char *grid)
{
    spd_plot_put(d, ".p{fill:%s}text{fill:%s}.s{fill:%s}.g{stroke:%s}\n", paper, ink, soft, grid);
    for (size_t i = 0; i < d->plot->n_series; i++)
        spd_plot_put(d, ".c%zu{fill:%s}.k%zu{stroke:%s}\n", i, colours[i], i, colours[i]);
}

void spd_plot_put_style(struct spd_drawing *d)
{
    spd_stream_text(&d->stream, "<style>\nsvg{font-family:system-ui,'DejaVu Sans',sans-serif}\n"
                                "text{font-size:13px}.t{font-size:18px;font-weight:600}\n");
    put_palette(d, light, "#fff", "#1a1a1a", "#5f5f5f", "#dedede");
    spd_stream_text(&d->stream, "@media screen and (prefers-color-scheme:dark){\n");
    put_palette(d, dark, "#14171a", "#ececec", "#a2a8ae", "#31373d");
    spd_stream_text(&d->stream, "}\n</style>\n");
}

/* Text of others: names of flows, hosts. */
static void put_escaped(struct spd_drawing *d, const char *text, size_t n)
{
    for (; n > 0; text++, n--)
        switch (*text) {
        case '&':
            spd_stream_text(&d->stream, "&amp;");
            break;
        case '<':
            spd_stream_text(&d->stream, "&lt;");
            break;
        case '>':
            spd_stream_text(&d->stream, "&gt;");
            break;
        case '"':
            spd_stream_text(&d->stream, "&quot;");
            break;
        default:
            if ((unsigned char)*text >= 0x20)
                spd_stream_write(&d->stream, text, 1);
        }
}

/* --------------------------------------------------------------------- lines */

static bool begins_character(char c)
{
    return ((unsigned char)c & 0xC0) != 0x80; /* UTF-8 */
}

/* The octets of a line of at most so many characters: up to a blank, if there
 * is one. */
static size_t line_octets(const char *text, size_t n_chars)
{
    size_t n = 0, blank = 0, chars = 0;

    for (; text[n]; n++) {
        if (begins_character(text[n]) && chars++ == n_chars)
            return blank > 0 ? blank : n;
        if (text[n] == ' ')
            blank = n;
    }
    return n;
}

/* Draws text in lines from y on, unless d is NULL; returns how many. */
static int put_lines(struct spd_drawing *d, const char *text, const char *class_name,
                     size_t n_chars, int y, int height)
{
    int n_lines = 0;

    while (*text) {
        size_t n = line_octets(text, n_chars);

        if (d) {
            spd_plot_put(d, "<text class=\"%s\" x=\"%d\" y=\"%d\">", class_name, SPD_PLOT_LEFT,
                         y + n_lines * height);
            put_escaped(d, text, n);
            spd_stream_text(&d->stream, "</text>\n");
        }
        text += n;
        text += *text == ' ';
        n_lines++;
    }
    return n_lines;
}

static int subtitle_y(const struct spd_plot *plot)
{
    int n_lines = put_lines(NULL, plot->title, "", TITLE_CHARS, 0, 0);

    return TITLE_Y + (n_lines - 1) * TITLE_HEIGHT + TEXT_HEIGHT;
}

static int legend_y(const struct spd_plot *plot)
{
    int n_lines = put_lines(NULL, plot->subtitle, "", TEXT_CHARS, 0, 0);

    return subtitle_y(plot) + n_lines * TEXT_HEIGHT + LEGEND_GAP;
}

/* -------------------------------------------------------------------- legend */

void spd_plot_put_sign(struct spd_drawing *d, size_t series, double x, double y, double size)
{
    double a;

    switch (series % 4) {
    case 0:
        spd_plot_put(d, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"/>\n", x, y, 1.7 * size);
        break;
    case 1:
        a = 2.4 * size;
        spd_plot_put(d, "<path d=\"M%.1f %.1fl%.1f %.1fl-%.1f %.1fl-%.1f -%.1fz\"/>\n", x, y - a, a,
                     a, a, a, a, a);
        break;
    case 2:
        a = 3.2 * size;
        spd_plot_put(d, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n", x - a / 2,
                     y - a / 2, a, a);
        break;
    default:
        a = 2.2 * size;
        spd_plot_put(d, "<path d=\"M%.1f %.1fl%.1f %.1fl-%.1f 0z\"/>\n", x, y - a, a, 1.73 * a,
                     2 * a);
        break;
    }
}

/* The counts of a series, and the width of its place in the legend. */
static double legend_entry(const struct spd_drawing *d, size_t i, char counts[64])
{
    const struct spd_plot_series *s = &d->plot->series[i];

    snprintf(counts, 64, ": %zu packets, %zu lost", s->n, d->n_lost[i]);
    return 62 + 7.3 * (double)(strlen(s->name) + strlen(counts));
}

/* A new row where the next entry would not fit. */
static void legend_place(double *x, int *row, double width)
{
    if (*x > SPD_PLOT_LEFT && *x + width > SPD_PLOT_WIDTH) {
        *x = SPD_PLOT_LEFT;
        (*row)++;
    }
}

static int legend_rows(const struct spd_drawing *d)
{
    double x = SPD_PLOT_LEFT;
    int row = 0;

    for (size_t i = 0; i < d->plot->n_series; i++) {
        char counts[64];
        double width = legend_entry(d, i, counts);

        legend_place(&x, &row, width);
        x += width;
    }
    return row + 1;
}

static void put_legend(struct spd_drawing *d)
{
    double x = SPD_PLOT_LEFT;
    int row = 0;

    for (size_t i = 0; i < d->plot->n_series; i++) {
        const struct spd_plot_series *s = &d->plot->series[i];
        char counts[64];
        double width = legend_entry(d, i, counts);
        int y;

        legend_place(&x, &row, width);
        y = legend_y(d->plot) + row * LEGEND_HEIGHT;
        spd_plot_put(d, "<g class=\"c%zu\">", i);
        spd_plot_put_sign(d, i, x + 5, y, SIGN_SIZE);
        spd_plot_put(d,
                     "</g><path class=\"k%zu\" stroke-width=\"2\" stroke-dasharray=\"%s\" "
                     "d=\"M%.0f %dh26\"/>\n",
                     i, spd_plot_dashes(i), x + 14, y);
        spd_plot_put(d, "<text x=\"%.0f\" y=\"%d\">", x + 46, y + 4);
        put_escaped(d, s->name, strlen(s->name));
        spd_plot_put(d, "%s</text>\n", counts);
        x += width;
    }
}

int spd_plot_head_height(const struct spd_drawing *d)
{
    return legend_y(d->plot) + legend_rows(d) * LEGEND_HEIGHT;
}

void spd_plot_put_head(struct spd_drawing *d)
{
    put_lines(d, d->plot->title, "t", TITLE_CHARS, TITLE_Y, TITLE_HEIGHT);
    put_lines(d, d->plot->subtitle, "s", TEXT_CHARS, subtitle_y(d->plot), TEXT_HEIGHT);
    put_legend(d);
}
