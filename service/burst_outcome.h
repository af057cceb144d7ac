/*
 * What becomes of a finished test: judged, summed up, written.
 */
#ifndef SPD_SERVICE_BURST_OUTCOME_H
#define SPD_SERVICE_BURST_OUTCOME_H

#include <stdio.h>

#include "common/analysis/summary.h"
#include "common/base/record.h"
#include "service/options.h"

/* Judge the packets and sum up; free the summary with spd_summary_fini, also
 * after an error. Errors: NOMEM, INTERRUPTED or the test's own (nothing was
 * measured), with a diag. */
enum spd_err spd_burst_analyse(struct spd_test_record *record, struct spd_summary *out,
                               struct spd_diag *diag);

/* csv may be NULL. Returns the exit code; has said why when it is not 0. */
int spd_burst_outcome(const struct spd_settings *settings, struct spd_test_record *record,
                      FILE *csv);

#endif
