/*
 * Between the files of the harness in net.h.
 */
#ifndef SPD_TESTS_NET_NET_PRIVATE_H
#define SPD_TESTS_NET_NET_PRIVATE_H

#include <sys/types.h>

#include "tests/net/net.h"

/* A child that the kernel kills when this process ends. */
pid_t net_fork(void);

/* This process is in that host between the two; NET_HERE is allowed. Enter is
 * for children too, and so fails no case: it returns false. */
bool net_enter(enum net_host host);
void net_leave(enum net_host host);
void net_hosts_end(void);

void net_programs_end(void);
void net_captures_end(void);

/* net_end closes it. */
void net_keep_fd(int fd);
void net_drop_fd(int fd); /* now */

#endif
