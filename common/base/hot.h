/*
 * The hot section: from the first submission of a burst to its last stamp.
 * Within it the engine allocates nothing, takes no lock and formats nothing.
 * These marks cost a few nanoseconds and let a test prove it: its allocators,
 * locks and formatters fail while a section is open.
 */
#ifndef SPD_BASE_HOT_H
#define SPD_BASE_HOT_H

#include <stdbool.h>

/* Sections do not nest within one thread; several threads may each be in one. */
void spd_hot_enter(void);
void spd_hot_leave(void);

/* Whether any thread of the process is in a hot section. */
bool spd_hot_now(void);

#endif
