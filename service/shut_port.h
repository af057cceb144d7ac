/*
 * The end of a port that others may post to until the last moment.
 */
#ifndef SPD_SERVICE_SHUT_PORT_H
#define SPD_SERVICE_SHUT_PORT_H

#include "common/sys/cport.h"

/* Close it, drop the posts that nobody fetched, destroy it. By its owner, once
 * no operation is pending. NULL is allowed. */
void spd_shut_port(struct spd_cport *port);

#endif
