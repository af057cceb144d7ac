/*
 * Two panels in one SVG. Up to POINTS_MAX packets are drawn one by one; more
 * are drawn as one bar a column from the least to the largest latency in it, so
 * that no extreme is lost. Writer's or main thread.
 */
#include "common/result/plot.h"

#include <inttypes.h>
#include <stdlib.h>

#include "common/analysis/quantile.h"
#include "common/result/plot_private.h"

#define LEFT         SPD_PLOT_LEFT
#define PANEL_WIDTH  SPD_PLOT_PANEL
#define CAPTION      18 /* room for the line above a panel */
#define UPPER_HEIGHT 300
#define LANE_HEIGHT  16
#define LOWER_HEIGHT 200
#define POINTS_MAX   6000 /* signs a series: more only blacken the paper */
#define POINTS_FEW   1500 /* up to so many they are larger */
#define FEW_SIZE     1.3
#define SEQ_LABELS   10  /* at most */
#define STEPS        400 /* points of a distribution */

static double x_of_seq(const struct spd_drawing *d, uint32_t seq)
{
    double range = d->seq_max > d->seq_min ? (double)(d->seq_max - d->seq_min) : 1;

    return LEFT + (double)(seq - d->seq_min) / range * PANEL_WIDTH;
}

static double y_of_latency(const struct spd_drawing *d, spd_ns latency_ns)
{
    return d->top + UPPER_HEIGHT - spd_scale_at(&d->latency, latency_ns) * UPPER_HEIGHT;
}

/* -------------------------------------------------------------- upper panel */

static void put_each_point(struct spd_drawing *d, size_t i)
{
    const struct spd_plot_series *s = &d->plot->series[i];
    double size = s->n <= POINTS_FEW ? FEW_SIZE : 1;

    spd_plot_put(d, "<g class=\"c%zu\" fill-opacity=\"0.8\">\n", i);
    for (size_t k = 0; k < s->n; k++)
        if (s->points[k].latency_ns != SPD_NS_UNKNOWN)
            spd_plot_put_sign(d, i, x_of_seq(d, s->points[k].seq),
                              y_of_latency(d, s->points[k].latency_ns), size);
    spd_stream_text(&d->stream, "</g>\n");
}

static void put_columns(struct spd_drawing *d, size_t i)
{
    const struct spd_plot_series *s = &d->plot->series[i];
    size_t k = 0;

    spd_plot_put(d, "<g class=\"k%zu\" stroke-width=\"1\" stroke-opacity=\"0.8\">\n", i);
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
            spd_plot_put(d, "<path d=\"M%d.5 %.1fV%.1f\"/>\n", LEFT + column,
                         y_of_latency(d, least) + 1, y_of_latency(d, most) - 1);
    }
    spd_stream_text(&d->stream, "</g>\n");
}

/* Lost packets: a tick each, in a lane for each series that lost any, with its
 * sign; one a pixel does. */
static void put_lost(struct spd_drawing *d, size_t i)
{
    const struct spd_plot_series *s = &d->plot->series[i];
    int top = d->top + UPPER_HEIGHT + 10 + d->lane[i] * LANE_HEIGHT;
    int last = -1;

    if (d->lane[i] < 0)
        return;
    spd_plot_put(d, "<g class=\"k%zu\" stroke-width=\"1.4\">\n", i);
    for (size_t k = 0; k < s->n; k++) {
        int x;

        if (s->points[k].latency_ns != SPD_NS_UNKNOWN)
            continue;
        x = (int)x_of_seq(d, s->points[k].seq);
        if (x != last)
            spd_plot_put(d, "<path d=\"M%d %dv%d\"/>\n", x, top, LANE_HEIGHT - 5);
        last = x;
    }
    spd_plot_put(d, "</g>\n<g class=\"c%zu\">", i);
    spd_plot_put_sign(d, i, LEFT - 44, top + 5, 1.4);
    spd_plot_put(d, "</g><text class=\"s\" x=\"%d\" y=\"%d\" text-anchor=\"end\">lost</text>\n",
                 LEFT - 8, top + LANE_HEIGHT - 6);
}

/* Between labels: 1, 2 or 5 times a power of ten. */
static uint32_t seq_step(uint32_t range)
{
    static const uint32_t factors[] = { 1, 2, 5 };
    uint64_t power = 1;

    for (size_t i = 0;; i++) {
        uint64_t step = factors[i % 3] * power;

        if (range / step < SEQ_LABELS)
            return (uint32_t)step;
        if (i % 3 == 2)
            power *= 10;
    }
}

static void put_seq_labels(struct spd_drawing *d)
{
    uint64_t step = seq_step(d->seq_max - d->seq_min);
    int y = d->top + UPPER_HEIGHT + 24 + d->n_lanes * LANE_HEIGHT;

    for (uint64_t seq = (d->seq_min + step - 1) / step * step; seq <= d->seq_max; seq += step)
        spd_plot_put(
            d, "<text class=\"s\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%" PRIu64 "</text>\n",
            x_of_seq(d, (uint32_t)seq), y, seq);
}

static void put_grid_upper(struct spd_drawing *d)
{
    char text[SPD_SCALE_TEXT_BYTES];

    for (spd_ns at = 0; at <= d->latency.most_ns; at += d->latency.step_ns) {
        double y = y_of_latency(d, at);

        spd_plot_put(d, "<path class=\"g\" d=\"M%d %.1fH%d\"/>\n", LEFT, y, LEFT + PANEL_WIDTH);
        spd_plot_put(d, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n", LEFT - 8,
                     y + 4, spd_scale_text(&d->latency, at, text));
    }
    put_seq_labels(d);
    spd_plot_put(d, "<text x=\"%d\" y=\"%d\">Normalised latency over sequence number</text>\n",
                 LEFT, d->top - 10);
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
static void put_distribution(struct spd_drawing *d, size_t i, spd_ns *room)
{
    const struct spd_plot_series *s = &d->plot->series[i];
    size_t n = sorted_latencies(s, room);
    int bottom = d->lower_top + LOWER_HEIGHT;
    size_t steps = n < STEPS ? n : STEPS;

    if (n == 0)
        return;
    spd_plot_put(d,
                 "<path class=\"k%zu\" fill=\"none\" stroke-width=\"2\" "
                 "stroke-dasharray=\"%s\" d=\"M%.1f %d",
                 i, spd_plot_dashes(i), LEFT + spd_scale_at(&d->latency, room[0]) * PANEL_WIDTH,
                 bottom);
    for (size_t k = 1; k <= steps; k++) {
        size_t at = n * k / steps - 1;
        double x = LEFT + spd_scale_at(&d->latency, room[at]) * PANEL_WIDTH;

        spd_plot_put(d, "L%.1f %.1f", x, bottom - (double)(at + 1) / (double)s->n * LOWER_HEIGHT);
    }
    spd_stream_text(&d->stream, "\"/>\n");
}

static void put_grid_lower(struct spd_drawing *d)
{
    char text[SPD_SCALE_TEXT_BYTES];
    int bottom = d->lower_top + LOWER_HEIGHT;

    for (int percent = 0; percent <= 100; percent += 25) {
        int y = bottom - percent * LOWER_HEIGHT / 100;

        spd_plot_put(d, "<path class=\"g\" d=\"M%d %dH%d\"/>\n", LEFT, y, LEFT + PANEL_WIDTH);
        spd_plot_put(d, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%d %%</text>\n", LEFT - 8,
                     y + 4, percent);
    }
    for (spd_ns at = 0; at <= d->latency.most_ns; at += d->latency.step_ns)
        spd_plot_put(d, "<text class=\"s\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n",
                     LEFT + spd_scale_at(&d->latency, at) * PANEL_WIDTH, bottom + 19,
                     spd_scale_text(&d->latency, at, text));
    spd_plot_put(
        d,
        "<text x=\"%d\" y=\"%d\">Share of the packets sent that arrived within a normalised "
        "latency</text>\n",
        LEFT, d->lower_top - 10);
}

static enum spd_err prepare(struct spd_drawing *d, spd_ns **room, struct spd_diag *diag)
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
            if (p->latency_ns == SPD_NS_UNKNOWN)
                d->n_lost[i]++;
            else if (p->latency_ns > most_ns)
                most_ns = p->latency_ns;
        }
        d->lane[i] = d->n_lost[i] > 0 ? d->n_lanes++ : -1;
    }
    if (d->seq_min > d->seq_max)
        d->seq_min = d->seq_max = 0;
    spd_scale_init(&d->latency, most_ns);
    d->top = spd_plot_head_height(d) + CAPTION;
    d->lower_top = d->top + UPPER_HEIGHT + d->n_lanes * LANE_HEIGHT + 74;
    *room = malloc(n_most * sizeof(**room));
    if (!*room)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory to draw %zu packets", n_most);
    return SPD_ERR_OK;
}

static void put_all(struct spd_drawing *d, spd_ns *room)
{
    int height = d->lower_top + LOWER_HEIGHT + 36;

    spd_plot_put(d,
                 "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
                 "viewBox=\"0 0 %d %d\" role=\"img\">\n",
                 SPD_PLOT_WIDTH, height, SPD_PLOT_WIDTH, height);
    spd_plot_put_style(d);
    spd_plot_put(d, "<rect class=\"p\" width=\"%d\" height=\"%d\"/>\n", SPD_PLOT_WIDTH, height);
    spd_plot_put_head(d);
    put_grid_upper(d);
    put_grid_lower(d);
    /* The first series matters most: it is drawn over the others. */
    for (size_t i = d->plot->n_series; i-- > 0;) {
        if (d->plot->series[i].n <= POINTS_MAX)
            put_each_point(d, i);
        else
            put_columns(d, i);
        put_lost(d, i);
        put_distribution(d, i, room);
    }
    spd_stream_text(&d->stream, "</svg>\n");
}

enum spd_err spd_plot_write(FILE *stream, const char *stream_name, const struct spd_plot *plot,
                            struct spd_diag *diag)
{
    struct spd_drawing d = { .plot = plot };
    spd_ns *room;
    enum spd_err err = prepare(&d, &room, diag);

    if (err)
        return err;
    spd_stream_init(&d.stream, stream, stream_name);
    put_all(&d, room);
    free(room);
    return spd_stream_finish(&d.stream, diag);
}
