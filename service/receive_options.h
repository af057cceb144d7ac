/*
 * What the settings of stampede receive mean for its sessions.
 */
#ifndef SPD_SERVICE_RECEIVE_OPTIONS_H
#define SPD_SERVICE_RECEIVE_OPTIONS_H

#include "common/engine/receiver.h"
#include "service/options.h"

/* Errors: INVALID (--port), IO (--log: a file that cannot be written), each
 * with a diag. *log_is_file: it holds one session. */
enum spd_err spd_receive_options_check(const struct spd_settings *settings, bool *log_is_file,
                                       struct spd_diag *diag);

/* What is common to all sessions; checked before. */
void spd_receive_receiver_spec(const struct spd_settings *settings, struct spd_receiver_spec *out);

#endif
