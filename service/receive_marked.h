/*
 * stampede receive --no-control: sessions recognised by the marks in their
 * packets, one at a time on each address.
 */
#ifndef SPD_SERVICE_RECEIVE_MARKED_H
#define SPD_SERVICE_RECEIVE_MARKED_H

#include "service/options.h"

/* Until Ctrl-C; with a log that is a file, until the first session is over.
 * Returns the exit code. */
int spd_receive_marked(const struct spd_settings *settings);

#endif
