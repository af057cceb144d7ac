/*
 * Pictures of flows as SVG: normalised latency over sequence number, all flows
 * on one scale, lost packets marked below; and the distribution. Legible on
 * light and dark screens (the picture follows the viewer's setting) and in
 * print without colour: flows differ in shape and dash as well.
 */
#ifndef SPD_RESULT_PLOT_H
#define SPD_RESULT_PLOT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/err.h"
#include "common/base/time.h"

#define SPD_PLOT_SERIES_MAX 8

/* One packet: latency_ns is SPD_NS_UNKNOWN (analysis/quantile.h) when lost. */
struct spd_plot_point {
    uint32_t seq;
    spd_ns latency_ns;
};

struct spd_plot_series {
    const char *name;                    /* "EF, forward" */
    const struct spd_plot_point *points; /* in the order of their numbers */
    size_t n;
};

struct spd_plot {
    const char *title;
    const char *subtitle; /* or "" */
    struct spd_plot_series series[SPD_PLOT_SERIES_MAX];
    size_t n_series; /* 1.. */
};

/* Write and flush; stream_name is for messages. Takes memory in proportion to
 * the packets for the time of the call. Errors, with a diag: IO, NOMEM. */
enum spd_err spd_plot_write(FILE *stream, const char *stream_name, const struct spd_plot *plot,
                            struct spd_diag *diag);

#endif
