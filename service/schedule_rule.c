/*
 * From rules to times. Local time is a line of seconds as a clock on the wall
 * would show them; each of its points comes once, twice or never in real time.
 * Any thread.
 */
#include "service/schedule_rule.h"

#define DAY_S       86400
#define ALL_HOURS   0xFFFFFFu
#define HORIZON_S   ((int64_t)40 * 366 * DAY_S)
#define SAMPLE_FROM INT64_C(1704067200) /* 2024-01-01, of a leap year */
#define N_SAMPLES   600

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0 ? 1 : 0);
}

static int64_t offset_s(spd_zone_fn *zone, int64_t at_s)
{
    return zone ? floor_div(zone((spd_wall){ at_s * SPD_NS_PER_S }), SPD_NS_PER_S) : 0;
}

/* Month and day of the month from the days since 1970-01-01 (proleptic
 * Gregorian; eras of 400 years from a 1st of March). */
static void civil_of(int64_t day, unsigned *month, unsigned *day_of_month)
{
    int64_t of_era = (day + 719468) - floor_div(day + 719468, 146097) * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t m = (5 * of_year + 2) / 153;

    *day_of_month = (unsigned)(of_year - (153 * m + 2) / 5 + 1);
    *month = (unsigned)(m < 10 ? m + 3 : m - 9);
}

static bool is_day_of(const struct spd_calendar *c, int64_t day)
{
    unsigned month, day_of_month;
    int64_t weekday = day + 3 - floor_div(day + 3, 7) * 7; /* 1970-01-01 was a Thursday */

    if (!(c->weekdays >> weekday & 1))
        return false;
    civil_of(day, &month, &day_of_month);
    return (c->months >> month & 1) && (c->days >> day_of_month & 1);
}

/* The lowest bit from `from` on; most when there is none. */
static int64_t next_bit(uint64_t bits, int64_t from, int64_t most)
{
    while (from < most && !(bits >> from & 1))
        from++;
    return from;
}

/* The first second of a day, from `from` on, or DAY_S. */
static int64_t next_of_day(const struct spd_calendar *c, int64_t from)
{
    int64_t hour = from / 3600, minute = from / 60 % 60,
            second = next_bit(c->seconds, from % 60, 60);

    if (hour > 23)
        return DAY_S;
    if (second == 60)
        minute++;
    minute = c->hours >> hour & 1 ? next_bit(c->minutes, minute, 60) : 60;
    if (minute == 60) {
        hour = next_bit(c->hours, hour + 1, 24);
        minute = next_bit(c->minutes, 0, 60);
    }
    if (hour == 24)
        return DAY_S;
    if (hour != from / 3600 || minute != from / 60 % 60)
        second = next_bit(c->seconds, 0, 60);
    return hour * 3600 + minute * 60 + second;
}

/* The first local time from `from` on; false when it lies beyond the horizon. */
static bool next_local(const struct spd_calendar *c, int64_t from, int64_t *out)
{
    int64_t first = floor_div(from, DAY_S);

    for (int64_t day = first; day <= first + HORIZON_S / DAY_S; day++) {
        int64_t of_day;

        if (!is_day_of(c, day))
            continue;
        of_day = next_of_day(c, day == first ? from - first * DAY_S : 0);
        if (of_day < DAY_S) {
            *out = day * DAY_S + of_day;
            return true;
        }
    }
    return false;
}

/* The first second after `from` with another offset than there, up to `to`. */
static int64_t find_change(spd_zone_fn *zone, int64_t from, int64_t to)
{
    int64_t before = offset_s(zone, from);

    while (to - from > 1) {
        int64_t middle = from + (to - from) / 2;

        if (offset_s(zone, middle) == before)
            from = middle;
        else
            to = middle;
    }
    return to;
}

/* When a local time comes: both are the same where it comes once. */
struct coming {
    int64_t first, second;
    bool skipped; /* it does not: first is the moment of the skip */
};

static struct coming find_coming(spd_zone_fn *zone, int64_t local)
{
    int64_t before = offset_s(zone, local - DAY_S), after = offset_s(zone, local + DAY_S);
    int64_t by_before = local - before, by_after = local - after;
    bool is_before = offset_s(zone, by_before) == before;
    bool is_after = offset_s(zone, by_after) == after;
    struct coming c = { by_before, by_after, false };

    if (is_before && !is_after)
        c.second = by_before;
    else if (is_after && !is_before)
        c.first = by_after;
    else if (!is_before) {
        c.skipped = true;
        c.first = c.second =
            by_after < by_before ? find_change(zone, by_after, by_before) : by_before;
    }
    return c;
}

static bool next_calendar(const struct spd_calendar *c, spd_zone_fn *zone, int64_t after,
                          int64_t *out)
{
    bool real_time = c->hours == ALL_HOURS;
    int64_t put_back = offset_s(zone, after - DAY_S) - offset_s(zone, after + DAY_S);
    int64_t local = after + offset_s(zone, after), best = INT64_MAX;

    /* What came once already may come again. */
    if (real_time && put_back > 0)
        local -= put_back;
    for (; next_local(c, local, &local); local++) {
        struct coming coming = find_coming(zone, local);

        if (coming.skipped && real_time)
            continue;
        if (real_time && coming.second > after && coming.second < best)
            best = coming.second;
        if (coming.first > after && coming.first < best)
            best = coming.first;
        if (coming.first > after)
            break; /* what follows comes later still */
    }
    *out = best;
    return best != INT64_MAX;
}

bool spd_rule_next(const struct spd_schedule_rule *rule, spd_zone_fn *zone, spd_wall after,
                   spd_wall *out)
{
    int64_t at_s;

    if (rule->kind == SPD_SCHEDULE_INTERVAL) {
        int64_t n = floor_div(after.ns - rule->phase_ns, rule->interval_ns) + 1;

        out->ns = rule->phase_ns + n * rule->interval_ns;
        return true;
    }
    if (!next_calendar(&rule->calendar, rule->calendar.utc ? NULL : zone,
                       floor_div(after.ns, SPD_NS_PER_S), &at_s))
        return false;
    out->ns = at_s * SPD_NS_PER_S;
    return true;
}

spd_ns spd_schedule_shortest_ns(const struct spd_schedule_rule *rule)
{
    spd_wall at = { SAMPLE_FROM * SPD_NS_PER_S }, next;
    spd_ns shortest = SPD_NS_MAX;

    if (rule->kind == SPD_SCHEDULE_INTERVAL)
        return rule->interval_ns;
    if (!spd_rule_next(rule, NULL, at, &at))
        return shortest;
    for (int i = 0; i < N_SAMPLES && spd_rule_next(rule, NULL, at, &next); i++) {
        if (next.ns - at.ns < shortest)
            shortest = next.ns - at.ns;
        at = next;
    }
    return shortest;
}

bool spd_schedule_equal(const struct spd_schedule_rule *a, const struct spd_schedule_rule *b)
{
    const struct spd_calendar *x = &a->calendar, *y = &b->calendar;

    if (a->kind != b->kind)
        return false;
    if (a->kind == SPD_SCHEDULE_INTERVAL)
        return a->interval_ns == b->interval_ns && a->phase_ns == b->phase_ns;
    return x->weekdays == y->weekdays && x->months == y->months && x->days == y->days &&
           x->hours == y->hours && x->minutes == y->minutes && x->seconds == y->seconds &&
           x->utc == y->utc;
}
