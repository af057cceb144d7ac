/*
 * What jobs of paced flows share. Private to service/job*.c.
 */
#ifndef SPD_SERVICE_JOB_FLOWS_H
#define SPD_SERVICE_JOB_FLOWS_H

#include "common/analysis/mos.h"
#include "common/analysis/series.h"
#include "common/result/log_format.h"
#include "service/job_private.h"
#include "service/record_log.h"
#include "service/test_kinds.h"

/* The log of a job, whether it is kept or not: results are made from what it
 * would say. */
struct spd_job_log {
    struct spd_log_header header;
    struct spd_log_end end;
    struct spd_record_log *kept; /* or NULL */
};

/* Start the log if the job has one, and create the flows. log->header is made.
 * Errors: as spd_record_log_start and spd_flows_create; what was started is
 * given up by drop. */
enum spd_err spd_job_flows_create(struct spd_job *job, const struct spd_flows_spec *spec,
                                  struct spd_job_log *log, void **inner, struct spd_diag *diag);

/* The test is over: end the log, and tell the job of a log that failed. */
void spd_job_flows_ended(struct spd_job *job, struct spd_job_log *log,
                         const struct spd_flows_record *record);

/* A log that never got its end. */
void spd_job_log_drop(struct spd_job_log *log);

/* One direction's variation. */
void spd_job_figures_way(const struct spd_stats *pdv, const struct spd_point *points,
                         size_t n_points, struct spd_job_way *out);
/* The worse of what is there and this. */
void spd_job_figures_mos(const struct spd_mos *mos, struct spd_job_figures *out);

#endif
