/*
 * Threads. They talk through completion ports, so there is nothing else here.
 */
#ifndef SPD_SYS_THREAD_H
#define SPD_SYS_THREAD_H

#include "common/base/err.h"
#include "common/base/time.h"

struct spd_thread;

/* Start a thread; name (at most 15 characters count) is for debuggers.
 * Errors: NOMEM, LIMIT. */
enum spd_err spd_thread_start(struct spd_thread **out, const char *name,
                              void (*run)(void *argument), void *argument);

/* Wait for its end and free it. NULL is allowed. */
void spd_thread_join(struct spd_thread *thread);

/* Sleep at least this long. For pauses; never between packets. */
void spd_thread_sleep(spd_ns duration_ns);

#endif
