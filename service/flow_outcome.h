/*
 * What becomes of paced flows, measured now or read from a log: analysed as
 * the settings wish, and written wherever they say.
 */
#ifndef SPD_SERVICE_FLOW_OUTCOME_H
#define SPD_SERVICE_FLOW_OUTCOME_H

#include <stdio.h>

#include "common/engine/flows.h"
#include "common/result/flow_result.h"
#include "service/options.h"

/* Files that are open before a test starts: to find out afterwards that a
 * result has nowhere to go would waste the test. */
struct spd_flow_outputs {
    FILE *csv; /* each NULL: not wanted */
    FILE *json_lines;
    FILE *plot;
};

/* From --skew, --jump, --codec, --minimum, --flow. Errors: INVALID, with a diag. */
enum spd_err spd_flow_wishes_read(const struct spd_settings *settings, struct spd_flow_wishes *out,
                                  struct spd_diag *diag);

/* From --csv, --json-lines, --plot. Errors: INVALID (two outputs want standard
 * output), IO, PERM, each with a diag; nothing is open then. */
enum spd_err spd_flow_outputs_open(const struct spd_settings *settings,
                                   struct spd_flow_outputs *out, struct spd_diag *diag);

/* Analyse, write, and close the outputs (also after an error). Returns the exit
 * code; has said why when it is not 0. The outcome of the test itself (an error
 * that ended it) is the caller's to tell. */
int spd_flow_outcome(const struct spd_settings *settings, const struct spd_flow_wishes *wishes,
                     struct spd_flow_outputs *outputs, const struct spd_flow_input *input);

/* A reflector that never answered: the flow was lost as a whole, and why is
 * worth more than a table of nothing. OK when something came back or the test
 * was interrupted; else NO_REPLY, or INTERRUPTED before anything was sent, with
 * a diag. */
enum spd_err spd_flow_silence(const struct spd_flows_record *record, const char *host,
                              struct spd_diag *diag);

/* Close what is open, without having written. */
void spd_flow_outputs_drop(struct spd_flow_outputs *outputs);

#endif
