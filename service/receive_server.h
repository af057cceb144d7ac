/*
 * stampede receive with OWAMP-Control: many connections, few sessions.
 */
#ifndef SPD_SERVICE_RECEIVE_SERVER_H
#define SPD_SERVICE_RECEIVE_SERVER_H

#include "service/options.h"

/* Until Ctrl-C; with a log that is a file, until the first session is over.
 * Returns the exit code. */
int spd_receive_server(const struct spd_settings *settings);

#endif
