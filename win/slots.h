/*
 * The concurrency limit of a port: at most so many threads are inside the wait
 * for completions or hold some. Kept here and not by the system, whose own
 * limit counts running threads only (and which Wine ignores).
 */
#ifndef SPD_WIN_SLOTS_H
#define SPD_WIN_SLOTS_H

#include <winsock2.h>
#include <windows.h>

#include <stdbool.h>

#include "common/base/err.h"

struct spd_slots {
    SRWLOCK lock;
    CONDITION_VARIABLE freed;
    unsigned n_free;
    DWORD fls; /* non-NULL in each thread that holds a slot */
};

/* Errors: LIMIT when the process has no fiber-local storage left. */
enum spd_err spd_slots_init(struct spd_slots *slots, unsigned n_slots);
void spd_slots_fini(struct spd_slots *slots);

/* Take a slot for the calling thread, waiting at most timeout_ms (INFINITE
 * never ends). *give_up is looked at whenever spd_slots_wake was called.
 * Returns whether the thread holds one now. */
bool spd_slots_take(struct spd_slots *slots, DWORD timeout_ms, bool (*give_up)(void *context),
                    void *context);

/* Give the calling thread's slot back, if it holds one. */
void spd_slots_give(struct spd_slots *slots);

/* Have every thread in take look at give_up again. */
void spd_slots_wake(struct spd_slots *slots);

#endif
