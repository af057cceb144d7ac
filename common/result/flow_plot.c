/*
 * Turns points into series of a picture. Where results are made.
 */
#include "common/result/flow_plot.h"

#include <stdlib.h>
#include <string.h>

struct picture {
    struct spd_plot plot;
    struct spd_plot_point *points[SPD_PLOT_SERIES_MAX];
    char names[SPD_PLOT_SERIES_MAX][40];
    char title[320];
    char subtitle[160];
    size_t n_left_out;
};

static bool add_series(struct picture *picture, const struct spd_flow_result *result, size_t flow,
                       enum spd_flow_direction direction)
{
    const struct spd_flow_view *view = &result->flows[flow];
    const struct spd_flow_way *way = &view->ways[direction];
    size_t s = picture->plot.n_series;

    if (!way->known || way->n_points == 0)
        return true;
    if (s == SPD_PLOT_SERIES_MAX) {
        picture->n_left_out++;
        return true;
    }
    struct spd_plot_point *points = malloc(way->n_points * sizeof *points);
    if (points == NULL)
        return false;
    for (size_t i = 0; i < way->n_points; i++)
        points[i] = (struct spd_plot_point){ way->points[i].seq, way->points[i].latency_ns };
    const char *name = result->input.header->flows[view->index].info.name;
    snprintf(picture->names[s], sizeof picture->names[s], "%s%s%s", name[0] != '\0' ? name : "flow",
             view->ways[SPD_FLOW_REVERSE].known ? ", " : "",
             !view->ways[SPD_FLOW_REVERSE].known ? ""
             : direction == SPD_FLOW_FORWARD     ? "forward"
                                                 : "reverse");
    picture->points[s] = points;
    picture->plot.series[s] = (struct spd_plot_series){ picture->names[s], points, way->n_points };
    picture->plot.n_series++;
    return true;
}

static void entitle(struct picture *picture, const struct spd_flow_result *result)
{
    const struct spd_log_header *header = result->input.header;

    snprintf(picture->title, sizeof picture->title, "Latency variation%s%s",
             header->target_name[0] != '\0' ? ", " : "", header->target_name);
    snprintf(picture->subtitle, sizeof picture->subtitle, "%s, corrected and normalised%s",
             spd_log_kind_text((enum spd_log_kind)header->kind),
             picture->n_left_out > 0 ? "; not all flows are shown" : "");
    picture->plot.title = picture->title;
    picture->plot.subtitle = picture->subtitle;
}

enum spd_err spd_flow_plot_write(FILE *stream, const char *stream_name,
                                 const struct spd_flow_result *result, struct spd_diag *diag)
{
    struct picture *picture = calloc(1, sizeof *picture);
    enum spd_err err = SPD_ERR_OK;
    bool ok = picture != NULL;

    /* As in comparisons of classes, so that a class looks the same there. */
    for (int d = SPD_FLOW_FORWARD; d <= SPD_FLOW_REVERSE; d++)
        for (size_t i = 0; i < result->n_flows && ok; i++)
            ok = add_series(picture, result, i, (enum spd_flow_direction)d);
    if (!ok) {
        err = spd_diag_set(diag, SPD_ERR_NOMEM, 0, "not enough memory to draw %s", stream_name);
    } else if (picture->plot.n_series == 0) {
        err = spd_diag_set(diag, SPD_ERR_INVALID, 0,
                           "nothing is known of any arrival, so there is nothing to draw in %s",
                           stream_name);
    } else {
        entitle(picture, result);
        err = spd_plot_write(stream, stream_name, &picture->plot, diag);
    }
    for (size_t s = 0; picture != NULL && s < SPD_PLOT_SERIES_MAX; s++)
        free(picture->points[s]);
    free(picture);
    return err;
}
