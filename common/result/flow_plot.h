/*
 * The picture of paced flows: each flow and direction that is known.
 */
#ifndef SPD_RESULT_FLOW_PLOT_H
#define SPD_RESULT_FLOW_PLOT_H

#include "common/result/flow_result.h"
#include "common/result/plot.h"

/* As spd_plot_write; the result's points were kept. At most SPD_PLOT_SERIES_MAX
 * directions are drawn, and the subtitle says so. Takes 16 bytes a packet
 * meanwhile. Errors, with a diag: INVALID (no packet arrived: there is nothing
 * to draw), IO, NOMEM. */
enum spd_err spd_flow_plot_write(FILE *stream, const char *stream_name,
                                 const struct spd_flow_result *result, struct spd_diag *diag);

#endif
