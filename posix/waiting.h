/*
 * Waiting for descriptors, and ending such a wait from another thread. Shared
 * by what does not use the completion port. Private to posix/.
 */
#ifndef SPD_POSIX_WAITING_H
#define SPD_POSIX_WAITING_H

#include <poll.h>
#include <stddef.h>

#include "common/base/err.h"
#include "common/base/time.h"

/* As poll, but for the whole time also when a signal comes, and in ns (also
 * SPD_NS_FOREVER); 0 for time-out. */
int spd_waiting_poll(struct pollfd *fds, size_t n, spd_ns timeout_ns);

/* A descriptor that can be read once it was woken; -1 with errno. */
int spd_waiting_waker(void);
/* Several wakes may count as one. Any thread. */
void spd_waiting_wake(int waker);
/* No more wakes are to be read. */
void spd_waiting_clear(int waker);

#endif
