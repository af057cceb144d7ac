/*
 * Between the files that draw flows; nobody else includes it.
 */
#ifndef SPD_RESULT_PLOT_PRIVATE_H
#define SPD_RESULT_PLOT_PRIVATE_H

#include "common/result/plot.h"
#include "common/result/plot_scale.h"
#include "common/result/stream.h"

#define SPD_PLOT_WIDTH 960
#define SPD_PLOT_LEFT  86
#define SPD_PLOT_RIGHT 36 /* half of the last label stands in it */
#define SPD_PLOT_PANEL (SPD_PLOT_WIDTH - SPD_PLOT_LEFT - SPD_PLOT_RIGHT)

struct spd_drawing {
    struct spd_stream stream;
    const struct spd_plot *plot;
    struct spd_scale latency; /* y of the upper panel, x of the lower */
    uint32_t seq_min, seq_max;
    size_t n_lost[SPD_PLOT_SERIES_MAX];
    int lane[SPD_PLOT_SERIES_MAX]; /* where its losses are marked; -1: it has none */
    int n_lanes;
    int top; /* of the upper panel */
    int lower_top;
};

void spd_plot_put(struct spd_drawing *d, const char *format, ...) SPD_PRINTF_LIKE(2, 3);

/* Title, subtitle and legend: the first y below them, and the same drawn, with
 * the style of everything before. */
int spd_plot_head_height(const struct spd_drawing *d);
void spd_plot_put_style(struct spd_drawing *d);
void spd_plot_put_head(struct spd_drawing *d);

/* The sign of a series, so many times as large as the smallest one. */
void spd_plot_put_sign(struct spd_drawing *d, size_t series, double x, double y, double size);

/* How its lines are dashed. */
const char *spd_plot_dashes(size_t series);

#endif
