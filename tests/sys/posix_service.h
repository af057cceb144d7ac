/*
 * A run of a service, and its installation into a tree; every step may fail.
 */
#ifndef SPD_TESTS_SYS_POSIX_SERVICE_H
#define SPD_TESTS_SYS_POSIX_SERVICE_H

#include "tests/sys/posix_attempt.h"

/* Before the first run, and after the last: a folder with a systemctl that does nothing, and
 * nothing for standard error to reach. Return 0. */
int service_prepare(void);
int service_clean_up(void);

void service_scenario(struct attempt *attempt);
void install_scenario(struct attempt *attempt);

#endif
