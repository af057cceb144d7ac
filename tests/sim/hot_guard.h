/*
 * Catches what must not happen within the hot section (common/base/hot.h): the
 * program is linked with wrapped allocators, locks and formatters, which note
 * every call by the measuring thread while a section is open. What is wrapped
 * stands in hot_guard.c and, for each system, in hot_guard_posix.c and
 * hot_guard_win.c.
 */
#ifndef SPD_TESTS_SIM_HOT_GUARD_H
#define SPD_TESTS_SIM_HOT_GUARD_H

#include <stdint.h>

/* The calling thread is the measuring one from here on; forget what was noted. */
void hot_guard_begin(void);

/* How many forbidden calls were noted, and the first of them ("malloc"); NULL
 * when there was none. */
unsigned hot_guard_count(void);
const char *hot_guard_first(void);

/* Hot sections that were opened. */
unsigned hot_guard_sections(void);

/* Between these, calls are another's business: the simulator's own. */
void hot_guard_pause(void);
void hot_guard_go_on(void);

/* From now on begin and end of each section show in a trace of system calls,
 * where the system has such: getpriority of an impossible process. */
void hot_guard_mark_sections(void);

/* For the wrappers. */
void hot_guard_note(const char *call);

/* In the files of the systems: any number that tells threads apart. */
uint64_t hot_guard_thread(void);
/* One such call. */
void hot_guard_mark(int mark);
/* Commit two of the offences that only this system knows. */
void hot_guard_offend(void);

#endif
