/*
 * From the records of a comparison that has just ended to its result, and what
 * its commands share.
 */
#ifndef SPD_SERVICE_QOS_OUTCOME_H
#define SPD_SERVICE_QOS_OUTCOME_H

#include <stdio.h>

#include "common/result/qos_report.h"
#include "service/qos_spec.h"

struct spd_qos_outcome;

/* Of the log of a comparison. */
void spd_qos_log_header(const struct spd_qos_spec *spec, const char *target_name,
                        struct spd_log_header *out);

/* header and end are those of the test's log, whether it was kept or not; header
 * and the record must stay until destroy. Errors: NOMEM, INTERRUPTED (nothing was
 * measured), RANGE, with a diag. */
enum spd_err spd_qos_outcome_make(const struct spd_qos_spec *spec, struct spd_flows_record *record,
                                  const struct spd_log_header *header,
                                  const struct spd_log_end *end, struct spd_qos_outcome **out,
                                  struct spd_diag *diag);
const struct spd_qos_result *spd_qos_outcome_result(const struct spd_qos_outcome *outcome);
void spd_qos_outcome_destroy(struct spd_qos_outcome *outcome); /* NULL is allowed */

/* How the test went. sink: room for the address of the noise. */
void spd_qos_frame_make(const struct spd_qos_spec *spec, const struct spd_flows_record *record,
                        char sink[SPD_ADDR_TEXT_BYTES], struct spd_qos_frame *out);

/* The file for a picture, opened before the work: to find out afterwards that
 * it has nowhere to go would waste the work. path NULL: none. close returns
 * code, or that of its own failure. */
enum spd_err spd_qos_plot_open(const char *path, FILE **out, struct spd_diag *diag);
int spd_qos_plot_close(const char *path, FILE *plot, int code);

#endif
