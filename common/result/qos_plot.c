/*
 * All classes and directions of a comparison in one picture, on one scale.
 */
#include <stdlib.h>

#include "common/result/plot.h"
#include "common/result/qos_report.h"

_Static_assert(SPD_PLOT_SERIES_MAX >= 2 * SPD_QOS_CLASSES_MAX, "every class has two directions");

static enum spd_err add_series(struct spd_plot *plot, const struct spd_qos_class *c, int direction,
                               char name[64])
{
    const struct spd_qos_way *w = &c->ways[direction];
    struct spd_plot_point *points = malloc((w->compared.n + 1) * sizeof(*points));

    if (!points)
        return SPD_ERR_NOMEM;
    for (size_t i = 0; i < w->compared.n; i++)
        points[i] =
            (struct spd_plot_point){ w->compared.points[i].seq, w->compared.points[i].latency_ns };
    snprintf(name, 64, "%.40s, %s", c->name, direction == SPD_FLOW_FORWARD ? "there" : "back");
    plot->series[plot->n_series++] = (struct spd_plot_series){ name, points, w->compared.n };
    return SPD_ERR_OK;
}

enum spd_err spd_qos_plot_write(FILE *stream, const char *stream_name,
                                const struct spd_qos_result *r, const struct spd_qos_frame *f,
                                struct spd_diag *diag)
{
    char names[SPD_PLOT_SERIES_MAX][64], verdict[SPD_QOS_TEXT_BYTES];
    struct spd_plot plot = { .title = f->title };
    enum spd_err err = SPD_ERR_OK;

    plot.subtitle = spd_qos_verdict_text(r, verdict);
    for (int d = 0; d < 2; d++)
        for (size_t i = 0; i < r->n_classes && !err; i++)
            if (r->classes[i].ways[d].known)
                err = add_series(&plot, &r->classes[i], d, names[plot.n_series]);
    if (err)
        spd_diag_set(diag, err, 0, "no memory to draw the comparison");
    else
        err = spd_plot_write(stream, stream_name, &plot, diag);
    for (size_t i = 0; i < plot.n_series; i++)
        free((void *)(uintptr_t)plot.series[i].points);
    return err;
}
