/*
 * Priority and time slices of the calling thread, and what was really obtained.
 */
#ifndef SPD_SYS_SCHED_H
#define SPD_SYS_SCHED_H

#include <stdbool.h>

#include "common/base/err.h"
#include "common/base/time.h"

/* The priorities from best to least, in the order in which they are tried. */
enum spd_priority {
    SPD_PRIORITY_NORMAL,
    SPD_PRIORITY_NICE,          /* Linux: nice -20..; Windows: HIGHEST */
    SPD_PRIORITY_MMCSS,         /* Windows: multimedia class scheduler */
    SPD_PRIORITY_TIME_CRITICAL, /* Windows: THREAD_PRIORITY_TIME_CRITICAL; Linux: SCHED_FIFO */
};

struct spd_priority_grant {
    enum spd_priority obtained;
    char text[80];  /* "SCHED_FIFO 50", "THREAD_PRIORITY_TIME_CRITICAL in HIGH_PRIORITY_CLASS" */
    char note[160]; /* why it is not the best and what to do; empty when it is */
};

/* Try the priorities in order and report the one now in force, which is put
 * back to normal before returning: a test of what raise will get. */
void spd_sched_probe(struct spd_priority_grant *grant);

/* Raise the calling thread as far as probe said (give its grant), and lower it
 * again. A thread stays raised for one burst only: a busy real-time thread is
 * throttled by the system. Both take no lock and do not allocate. */
void spd_sched_raise(const struct spd_priority_grant *grant);
void spd_sched_restore(const struct spd_priority_grant *grant);

/* End the current time slice, so that what follows starts a new one. */
void spd_sched_yield(void);
const char *spd_sched_yield_name(void); /* "sched_yield", "SwitchToThread"... */

/* By how much a timed wait of the completion port may wake late, as a rule:
 * whoever must be on time waits until that long before, and then reads the
 * counter until it is due. */
spd_ns spd_sched_wait_slack_ns(void);

/* Involuntary context switches of the calling thread since it started; -1
 * where the system does not count them. Cheap, takes no lock. */
int64_t spd_sched_involuntary_switches(void);

#endif
