/*
 * Two panels in one SVG. Up to POINTS_MAX packets are drawn one by one; more
 * are drawn as one bar a column from the least to the largest latency in it, so
 * that no extreme is lost. Writer's or main thread.
 */
#include "common/result/plot.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/analysis/quantile.h"
#include "common/result/plot_scale.h"
#include "common/result/stream.h"

#define WIDTH        960
#define LEFT         86
#define RIGHT        24
#define PANEL_WIDTH  (WIDTH - LEFT - RIGHT)
#define TOP          92 /* of the upper panel, with one row of legend */
#define LEGEND_ROW   20
#define UPPER_HEIGHT 300
#define LANE_HEIGHT  16
#define LOWER_HEIGHT 200
#define POINTS_MAX   6000 /* circles a series: more only blacken the paper */
#define STEPS        400  /* points of a distribution */

struct drawing {
    struct spd_stream stream;
    const struct spd_plot *plot;
    struct spd_scale latency; /* y of the upper panel, x of the lower */
    uint32_t seq_min, seq_max;
    int top;
    int lower_top;
};

/* Colours of a palette that people who do not see all colours can tell apart
 * (Okabe and Ito 2008), darker for paper, lighter for dark screens. Plain
 * classes: not every program that shows SVG knows CSS variables. */
static const char *const light[SPD_PLOT_SERIES_MAX] = {
    "#0072b2", "#d55e00", "#00795a", "#a0527e", "#8a6d00", "#4b4b4b", "#006e8a", "#7a3b00"
};
static const char *const dark[SPD_PLOT_SERIES_MAX] = { "#56b4e9", "#ff9446", "#3fd0a4", "#e59bc4",
                                                       "#f0e442", "#c8c8c8", "#4fd3ee", "#d7a06a" };
static const char *const dashes[] = { "none", "7 4", "2 3", "10 3 2 3" };

static void put(struct drawing *d, const char *format, ...) SPD_PRINTF_LIKE(2, 3);
static void put(struct drawing *d, const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    spd_stream_text(&d->stream, text);
}

static void put_palette(struct drawing *d, const char *const colours[], const char *paper,
                        const char *ink, const char *soft, const char *grid)
{
    put(d, ".p{fill:%s}text{fill:%s}.s{fill:%s}.g{stroke:%s}\n", paper, ink, soft, grid);
    for (size_t i = 0; i < d->plot->n_series; i++)
        put(d, ".c%zu{fill:%s}.k%zu{stroke:%s}\n", i, colours[i], i, colours[i]);
}

static void put_style(struct drawing *d)
{
    spd_stream_text(&d->stream, "<style>\nsvg{font-family:system-ui,'DejaVu Sans',sans-serif}\n"
                                "text{font-size:13px}.t{font-size:18px;font-weight:600}\n");
    put_palette(d, light, "#fff", "#1a1a1a", "#6b6b6b", "#dedede");
    spd_stream_text(&d->stream, "@media screen and (prefers-color-scheme:dark){\n");
    put_palette(d, dark, "#14171a", "#ececec", "#a2a8ae", "#31373d");
    spd_stream_text(&d->stream, "}\n</style>\n");
}

/* Text of others: names of flows, hosts. */
static void put_escaped(struct drawing *d, const char *text)
{
    for (; *text; text++)
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

static double x_of_seq(const struct drawing *d, uint32_t seq)
{
    double range = d->seq_max > d->seq_min ? (double)(d->seq_max - d->seq_min) : 1;

    return LEFT + (double)(seq - d->seq_min) / range * PANEL_WIDTH;
}

static double y_of_latency(const struct drawing *d, spd_ns latency_ns)
{
    return d->top + UPPER_HEIGHT - spd_scale_at(&d->latency, latency_ns) * UPPER_HEIGHT;
}

/* -------------------------------------------------------------- upper panel */

static void put_point(struct drawing *d, size_t series, double x, double y)
{
    switch (series % 4) {
    case 0:
        put(d, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"1.7\"/>\n", x, y);
        break;
    case 1:
        put(d, "<path d=\"M%.1f %.1fl2.4 2.4l-2.4 2.4l-2.4 -2.4z\"/>\n", x, y - 2.4);
        break;
    case 2:
        put(d, "<rect x=\"%.1f\" y=\"%.1f\" width=\"3.2\" height=\"3.2\"/>\n", x - 1.6, y - 1.6);
        break;
    default:
        put(d, "<path d=\"M%.1f %.1fl2.2 3.8l-4.4 0z\"/>\n", x, y - 2.2);
        break;
    }
}

static void put_each_point(struct drawing *d, size_t i)
{
    const struct spd_plot_series *s = &d->plot->series[i];

    put(d, "<g class=\"c%zu\" fill-opacity=\"0.8\">\n", i);
    for (size_t k = 0; k < s->n; k++)
        if (s->points[k].latency_ns != SPD_NS_UNKNOWN)
            put_point(d, i, x_of_seq(d, s->points[k].seq),
                      y_of_latency(d, s->points[k].latency_ns));
    spd_stream_text(&d->stream, "</g>\n");
}

static void put_columns(struct drawing *d, size_t i)
{
    const struct spd_plot_series *s = &d->plot->series[i];
    size_t k = 0;

    put(d, "<g class=\"k%zu\" stroke-width=\"1\" stroke-opacity=\"0.8\">\n", i);
    for (int column = 0; column <= PANEL_WIDTH && k < s->n; column++) {
        spd_ns least = INT64_MAX, most = INT64_MIN;

        for (; k < s->n && x_of_seq(d, s->points[k].seq) < LEFT + column + 1; k++) {
            spd_ns latency = s->points[k].latency_ns;

            if (latency == SPD_NS_UNKNOWN)
                continue;
            least = latency < least ? latency : least;
            most = latency > most ? latency : most;
        }
        if (least <= most)
            put(d, "<path d=\"M%d.5 %.1fV%.1f\"/>\n", LEFT + column, y_of_latency(d, least) + 0.5,
                y_of_latency(d, most) - 0.5);
    }
    spd_stream_text(&d->stream, "</g>\n");
}

/* Lost packets: a tick each, in a lane for each series; one a pixel does. */
static void put_lost(struct drawing *d, size_t i)
{
    const struct spd_plot_series *s = &d->plot->series[i];
    int top = d->top + UPPER_HEIGHT + 10 + (int)i * LANE_HEIGHT;
    int last = -1;

    put(d, "<g class=\"k%zu\" stroke-width=\"1.4\">\n", i);
    for (size_t k = 0; k < s->n; k++) {
        int x;

        if (s->points[k].latency_ns != SPD_NS_UNKNOWN)
            continue;
        x = (int)x_of_seq(d, s->points[k].seq);
        if (x != last)
            put(d, "<path d=\"M%d %dv%d\"/>\n", x, top, LANE_HEIGHT - 5);
        last = x;
    }
    spd_stream_text(&d->stream, "</g>\n");
    put(d, "<text class=\"s\" x=\"%d\" y=\"%d\" text-anchor=\"end\" font-size=\"11\">lost</text>\n",
        LEFT - 8, top + LANE_HEIGHT - 6);
}

static void put_grid_upper(struct drawing *d)
{
    uint32_t n_labels = d->seq_max - d->seq_min < 8 ? 1 : 8;
    char text[SPD_SCALE_TEXT_BYTES];

    for (spd_ns at = 0; at <= d->latency.most_ns; at += d->latency.step_ns) {
        double y = y_of_latency(d, at);

        put(d, "<path class=\"g\" d=\"M%d %.1fH%d\"/>\n", LEFT, y, LEFT + PANEL_WIDTH);
        put(d, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n", LEFT - 8, y + 4,
            spd_scale_text(&d->latency, at, text));
    }
    for (uint32_t k = 0; k <= n_labels && (k == 0 || d->seq_max > d->seq_min); k++) {
        uint32_t seq = d->seq_min + (uint32_t)((uint64_t)(d->seq_max - d->seq_min) * k / n_labels);

        put(d, "<text class=\"s\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%" PRIu32 "</text>\n",
            x_of_seq(d, seq), d->top + UPPER_HEIGHT + 28 + (int)d->plot->n_series * LANE_HEIGHT,
            seq);
    }
    put(d, "<text x=\"%d\" y=\"%d\">Normalised latency over sequence number</text>\n", LEFT,
        d->top - 10);
}

/* -------------------------------------------------------------- lower panel */

static int compare_ns(const void *a, const void *b)
{
    spd_ns x = *(const spd_ns *)a, y = *(const spd_ns *)b;

    return (x > y) - (x < y);
}

/* The latencies of a series, sorted; returns how many arrived. */
static size_t sorted_latencies(const struct spd_plot_series *s, spd_ns *out)
{
    size_t n = 0;

    for (size_t k = 0; k < s->n; k++)
        if (s->points[k].latency_ns != SPD_NS_UNKNOWN)
            out[n++] = s->points[k].latency_ns;
    qsort(out, n, sizeof(*out), compare_ns);
    return n;
}

/* Share of all packets sent that arrived within a latency: a lost packet never
 * does, so the curve of a lossy flow ends below 100 %. */
static void put_distribution(struct drawing *d, size_t i, spd_ns *room)
{
    const struct spd_plot_series *s = &d->plot->series[i];
    size_t n = sorted_latencies(s, room);
    int bottom = d->lower_top + LOWER_HEIGHT;
    size_t steps = n < STEPS ? n : STEPS;

    if (n == 0)
        return;
    put(d,
        "<path class=\"k%zu\" fill=\"none\" stroke-width=\"2\" "
        "stroke-dasharray=\"%s\" d=\"M%.1f %d",
        i, dashes[i % 4], LEFT + spd_scale_at(&d->latency, room[0]) * PANEL_WIDTH, bottom);
    for (size_t k = 1; k <= steps; k++) {
        size_t at = n * k / steps - 1;
        double x = LEFT + spd_scale_at(&d->latency, room[at]) * PANEL_WIDTH;

        put(d, "L%.1f %.1f", x, bottom - (double)(at + 1) / (double)s->n * LOWER_HEIGHT);
    }
    spd_stream_text(&d->stream, "\"/>\n");
}

static void put_grid_lower(struct drawing *d)
{
    char text[SPD_SCALE_TEXT_BYTES];
    int bottom = d->lower_top + LOWER_HEIGHT;

    for (int percent = 0; percent <= 100; percent += 25) {
        int y = bottom - percent * LOWER_HEIGHT / 100;

        put(d, "<path class=\"g\" d=\"M%d %dH%d\"/>\n", LEFT, y, LEFT + PANEL_WIDTH);
        put(d, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%d %%</text>\n", LEFT - 8, y + 4,
            percent);
    }
    for (spd_ns at = 0; at <= d->latency.most_ns; at += d->latency.step_ns)
        put(d, "<text class=\"s\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n",
            LEFT + spd_scale_at(&d->latency, at) * PANEL_WIDTH, bottom + 19,
            spd_scale_text(&d->latency, at, text));
    put(d,
        "<text x=\"%d\" y=\"%d\">Share of the packets sent that arrived within a normalised "
        "latency</text>\n",
        LEFT, d->lower_top - 10);
}

/* ------------------------------------------------------------------- legend */

/* The counts of a series, and the width of its place in the legend. */
static double legend_entry(const struct spd_plot_series *s, char counts[64])
{
    size_t n_lost = 0;

    for (size_t k = 0; k < s->n; k++)
        n_lost += s->points[k].latency_ns == SPD_NS_UNKNOWN;
    snprintf(counts, 64, ": %zu packets, %zu lost", s->n, n_lost);
    return 62 + 7.3 * (double)(strlen(s->name) + strlen(counts));
}

/* A new row where the next entry would not fit. */
static void legend_place(double *x, int *row, double width)
{
    if (*x > LEFT && *x + width > WIDTH) {
        *x = LEFT;
        (*row)++;
    }
}

static int legend_rows(const struct drawing *d)
{
    double x = LEFT;
    int row = 0;

    for (size_t i = 0; i < d->plot->n_series; i++) {
        char counts[64];
        double width = legend_entry(&d->plot->series[i], counts);

        legend_place(&x, &row, width);
        x += width;
    }
    return row + 1;
}

static void put_legend(struct drawing *d)
{
    double x = LEFT;
    int row = 0;

    for (size_t i = 0; i < d->plot->n_series; i++) {
        const struct spd_plot_series *s = &d->plot->series[i];
        char counts[64];
        double width = legend_entry(s, counts);
        int y;

        legend_place(&x, &row, width);
        y = 58 + row * LEGEND_ROW;
        put(d, "<g class=\"c%zu\">", i);
        put_point(d, i, x + 6, y);
        put(d,
            "</g><path class=\"k%zu\" stroke-width=\"2\" stroke-dasharray=\"%s\" "
            "d=\"M%.0f %dh26\"/>\n",
            i, dashes[i % 4], x + 14, y);
        put(d, "<text x=\"%.0f\" y=\"%d\">", x + 46, y + 4);
        put_escaped(d, s->name);
        put(d, "%s</text>\n", counts);
        x += width;
    }
}

static enum spd_err prepare(struct drawing *d, spd_ns **room, struct spd_diag *diag)
{
    spd_ns most_ns = 0;
    size_t n_most = 1;

    d->seq_min = UINT32_MAX;
    for (size_t i = 0; i < d->plot->n_series; i++) {
        const struct spd_plot_series *s = &d->plot->series[i];

        n_most = s->n > n_most ? s->n : n_most;
        for (size_t k = 0; k < s->n; k++) {
            const struct spd_plot_point *p = &s->points[k];

            d->seq_min = p->seq < d->seq_min ? p->seq : d->seq_min;
            d->seq_max = p->seq > d->seq_max ? p->seq : d->seq_max;
            if (p->latency_ns != SPD_NS_UNKNOWN && p->latency_ns > most_ns)
                most_ns = p->latency_ns;
        }
    }
    if (d->seq_min > d->seq_max)
        d->seq_min = d->seq_max = 0;
    spd_scale_init(&d->latency, most_ns);
    d->top = TOP + (legend_rows(d) - 1) * LEGEND_ROW;
    d->lower_top = d->top + UPPER_HEIGHT + (int)d->plot->n_series * LANE_HEIGHT + 78;
    *room = malloc(n_most * sizeof(**room));
    if (!*room)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory to draw %zu packets", n_most);
    return SPD_ERR_OK;
}

static void put_all(struct drawing *d, spd_ns *room)
{
    int height = d->lower_top + LOWER_HEIGHT + 36;

    put(d,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
        "viewBox=\"0 0 %d %d\" role=\"img\">\n",
        WIDTH, height, WIDTH, height);
    put_style(d);
    put(d,
        "<rect class=\"p\" width=\"%d\" height=\"%d\"/>\n<text class=\"t\" "
        "x=\"%d\" y=\"26\">",
        WIDTH, height, LEFT);
    put_escaped(d, d->plot->title);
    put(d, "</text>\n<text class=\"s\" x=\"%d\" y=\"44\">", LEFT);
    put_escaped(d, d->plot->subtitle);
    spd_stream_text(&d->stream, "</text>\n");
    put_legend(d);
    put_grid_upper(d);
    for (size_t i = 0; i < d->plot->n_series; i++) {
        if (d->plot->series[i].n <= POINTS_MAX)
            put_each_point(d, i);
        else
            put_columns(d, i);
        put_lost(d, i);
    }
    put_grid_lower(d);
    for (size_t i = 0; i < d->plot->n_series; i++)
        put_distribution(d, i, room);
    spd_stream_text(&d->stream, "</svg>\n");
}

enum spd_err spd_plot_write(FILE *stream, const char *stream_name, const struct spd_plot *plot,
                            struct spd_diag *diag)
{
    struct drawing d = { .plot = plot };
    spd_ns *room;
    enum spd_err err = prepare(&d, &room, diag);

    if (err)
        return err;
    spd_stream_init(&d.stream, stream, stream_name);
    put_all(&d, room);
    free(room);
    return spd_stream_finish(&d.stream, diag);
}
