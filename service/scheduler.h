/*
 * Which scheduled tests are due. Pure: time comes in as an argument; the same
 * calls give the same answers. One thread uses a scheduler.
 *
 * Planned times are the rule's alone, and never move (no drift); a random delay
 * comes on top, the same for the same seed, test and planned time. A test runs
 * once at a time. Tests of an exclusive group run one after another: who became
 * due first goes first; who still waits at its next planned time misses one.
 * After sleep, or a clock set forward, what was missed is told once, with its
 * count; only what is late by at most SPD_SCHEDULER_GRACE_NS still runs. A clock
 * set back by up to three hours does not bring a calendar's time again; intervals
 * go on, at most half of one longer than they should.
 */
#ifndef SPD_SERVICE_SCHEDULER_H
#define SPD_SERVICE_SCHEDULER_H

#include "service/config.h"

struct spd_scheduler;

#define SPD_SCHEDULER_GRACE_NS    (10 * SPD_NS_PER_S)
#define SPD_SCHEDULER_WAIT_MAX_NS (5 * SPD_NS_PER_S) /* so that a changed clock is seen soon */

/* The time of day, and a clock that nobody sets. */
struct spd_moment {
    spd_wall wall;
    spd_ns steady_ns;
};

enum spd_missed_why {
    SPD_MISSED_STILL_RUNNING, /* the run before was not over */
    SPD_MISSED_WAITED,        /* another test of its group was running all the time */
    SPD_MISSED_CLOCK,         /* this host slept, or its clock was set forward */
    SPD_MISSED_LATE,          /* the scheduler was not asked in time */
};

enum spd_scheduler_kind {
    SPD_SCHEDULER_START, /* start it, and call spd_scheduler_finished when it is over */
    SPD_SCHEDULER_MISSED,
};

struct spd_scheduler_event {
    enum spd_scheduler_kind kind;
    char test[SPD_CONFIG_NAME_BYTES];
    spd_wall planned;  /* without the random delay; MISSED: the first one missed */
    spd_wall last;     /* MISSED: the last one */
    uint64_t n_missed; /* MISSED: 1.. */
    enum spd_missed_why why;
};

/* For people: "the run before was not over". */
const char *spd_missed_text(enum spd_missed_why why);

/* The tests of the configuration, whose first runs are the first planned times
 * after now. The seed sets random delays and where in an interval its tests
 * lie: the same number on each start of this host, others on other hosts, so
 * that hosts do not all measure at once. The configuration is not kept.
 * Errors: NOMEM. */
enum spd_err spd_scheduler_create(const struct spd_config *config, uint64_t seed, spd_zone_fn *zone,
                                  struct spd_moment now, struct spd_scheduler **out);
void spd_scheduler_destroy(struct spd_scheduler *scheduler); /* NULL is allowed */

/* Another configuration: tests with the same name and rule go on as they were;
 * those that run still count until finished is called, also when they are gone.
 * Errors: NOMEM: everything stays as it was. */
enum spd_err spd_scheduler_reload(struct spd_scheduler *scheduler, const struct spd_config *config,
                                  struct spd_moment now);

/* What is due now; how many events (at most capacity, 1..). When all of capacity was
 * used, call again with the same moment. */
size_t spd_scheduler_step(struct spd_scheduler *scheduler, struct spd_moment now,
                          struct spd_scheduler_event *events, size_t capacity);

/* A test that was started is over, or could not be started. Unknown names are
 * ignored. Step afterwards: others may have waited for it. */
void spd_scheduler_finished(struct spd_scheduler *scheduler, const char *test);

/* How long step has nothing to do; at most SPD_SCHEDULER_WAIT_MAX_NS. */
spd_ns spd_scheduler_wait_ns(const struct spd_scheduler *scheduler, struct spd_moment now);

/* When a test is due next, random delay included; false for unknown names and
 * rules without a next time. */
bool spd_scheduler_next(const struct spd_scheduler *scheduler, const char *test, spd_wall *out);

#endif
