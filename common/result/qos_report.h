/*
 * A comparison of classes for people, for programs and as a picture. By whoever
 * shows results; may block on the stream; never on a measuring thread.
 */
#ifndef SPD_RESULT_QOS_REPORT_H
#define SPD_RESULT_QOS_REPORT_H

#include <stdio.h>

#include "common/result/qos_result.h"

/* How it was measured. Texts are borrowed; NULL or 0 where there is none. */
struct spd_qos_frame {
    const char *schema;       /* "stampede.qos/1" */
    const char *title;        /* "EF against BE to 192.0.2.7:862" */
    const char *pace;         /* "one packet of each every 20 ms, 92 bytes" */
    const char *noise_target; /* NULL: the test made no noise */
    uint64_t noise_asked_bps;
    double noise_bps; /* IP packets, as sent */
    uint32_t n_noise_unreachable;
    uint32_t n_late; /* packets of classes sent late */
    spd_ns lateness_max_ns;
    spd_ns clock_step_ns; /* of this host's time of day, during the test */
    bool interrupted;
    const char *log;          /* where the packets are kept */
    const char *cannot_prove; /* what such a comparison leaves open */
};

/* Errors: IO, NOMEM, with a diag. */
enum spd_err spd_qos_report_write(FILE *stream, const char *stream_name,
                                  const struct spd_qos_result *result,
                                  const struct spd_qos_frame *frame, struct spd_diag *diag);
enum spd_err spd_qos_json_write(FILE *stream, const char *stream_name,
                                const struct spd_qos_result *result,
                                const struct spd_qos_frame *frame, struct spd_diag *diag);
enum spd_err spd_qos_plot_write(FILE *stream, const char *stream_name,
                                const struct spd_qos_result *result,
                                const struct spd_qos_frame *frame, struct spd_diag *diag);

#endif
