/*
 * A connection from its listener to its end, each step of which may fail.
 */
#ifndef SPD_TESTS_SYS_POSIX_TCP_H
#define SPD_TESTS_SYS_POSIX_TCP_H

#include "tests/sys/posix_attempt.h"

void tcp_scenario(struct attempt *attempt);

#endif
