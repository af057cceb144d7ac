/*
 * When a test is planned: at an interval, or by a calendar in local time. Pure.
 */
#ifndef SPD_SERVICE_SCHEDULE_RULE_H
#define SPD_SERVICE_SCHEDULE_RULE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"
#include "common/base/time.h"

/* What is added to UTC for local time at that moment: spd_zone_offset_ns, a zone
 * of a test's own, or NULL for UTC. Whole seconds; changes at least three days apart. */
typedef spd_ns spd_zone_fn(spd_wall at);

struct spd_calendar {
    uint8_t weekdays; /* bit 0 is Monday */
    uint16_t months;  /* bit 1 is January */
    uint32_t days;    /* of the month; bit 1 is the first */
    uint32_t hours;   /* bit 0 to 23 */
    uint64_t minutes; /* bit 0 to 59 */
    uint64_t seconds; /* bit 0 to 59 */
    bool utc;         /* not local time */
};

enum spd_schedule_kind { SPD_SCHEDULE_INTERVAL, SPD_SCHEDULE_CALENDAR };

struct spd_schedule_rule {
    enum spd_schedule_kind kind;
    /* INTERVAL: at phase_ns and every interval_ns from 1970-01-01 00:00 UTC on: a
     * grid that no restart and no delay moves. phase_ns is below interval_ns. */
    spd_ns interval_ns;
    spd_ns phase_ns;
    struct spd_calendar calendar;
};

/* A calendar as typed: [DAYS] [DATE] TIME [UTC], or hourly, daily, weekly,
 * monthly.
 *   DAYS  Mon, Mon..Fri, Mon,Wed,Fri..Sun
 *   DATE  MM-DD or *-MM-DD, each a number, *, a list (1,15), a range (1..7) or
 *         steps (1/7: 1, 8, 15, ..)
 *   TIME  HH:MM or HH:MM:SS, likewise: 08:00, *:0/15, 8..17:30
 * Errors: INVALID with a diag that says what is wrong with which part, also for
 * dates that no year has. */
enum spd_err spd_calendar_parse(const char *text, struct spd_calendar *out, struct spd_diag *diag);

/* The first planned time after `after`. When clocks are put forward, a time
 * that local time skips is planned for the moment after the skip; a time that
 * comes twice when they are put back is planned for its first coming alone.
 * Calendars for every hour of the day (*) go by real time instead: nothing is
 * added for what is skipped, and both comings count. False when there is no
 * such time within 40 years. */
bool spd_rule_next(const struct spd_schedule_rule *rule, spd_zone_fn *zone, spd_wall after,
                   spd_wall *out);

/* The shortest time between two planned times, of some hundreds, without
 * changes of the zone. */
spd_ns spd_schedule_shortest_ns(const struct spd_schedule_rule *rule);

/* Whether two rules plan the same times. */
bool spd_schedule_equal(const struct spd_schedule_rule *a, const struct spd_schedule_rule *b);

#endif
