/*
 * What becomes of a finished test: judged, summed up, written.
 */
#ifndef SPD_SERVICE_BURST_OUTCOME_H
#define SPD_SERVICE_BURST_OUTCOME_H

#include <stdio.h>

#include "common/base/record.h"
#include "service/options.h"

/* csv may be NULL. Returns the exit code; has said why when it is not 0. */
int spd_burst_outcome(const struct spd_settings *settings, struct spd_test_record *record,
                      FILE *csv);

#endif
