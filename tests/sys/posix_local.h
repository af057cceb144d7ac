/*
 * A run of local connections from listen to close; every step may fail.
 */
#ifndef SPD_TESTS_SYS_POSIX_LOCAL_H
#define SPD_TESTS_SYS_POSIX_LOCAL_H

#include "tests/sys/posix_attempt.h"

void local_scenario(struct attempt *attempt);

#endif
