/*
 * Rules of schedules: what calendars mean, what they refuse, and when they are
 * due around the changes of local time, held to a plain search over all seconds.
 */
#include "service/schedule_rule.h"

#include <stdio.h>

#include "tests/support/random.h"
#include "tests/unit/unit.h"

#define HOUR_NS (3600 * SPD_NS_PER_S)

/* Central Europe in 2026: forward on 29 March, back on 25 October, at 01:00 UTC. */
#define FORWARD_S INT64_C(1774746000)
#define BACK_S    INT64_C(1792890000)

static spd_ns berlin(spd_wall at)
{
    int64_t s = at.ns / SPD_NS_PER_S;

    return s >= FORWARD_S && s < BACK_S ? 2 * HOUR_NS : HOUR_NS;
}

/* Lord Howe Island: half an hour, forward on 4 October and back on 5 April 2026. */
static spd_ns lord_howe(spd_wall at)
{
    int64_t s = at.ns / SPD_NS_PER_S;

    return s >= INT64_C(1775314800) && s < INT64_C(1791041400) ? 21 * HOUR_NS / 2 : 11 * HOUR_NS;
}

static spd_ns new_york(spd_wall at)
{
    int64_t s = at.ns / SPD_NS_PER_S;

    return s >= INT64_C(1772953200) && s < INT64_C(1793512800) ? -4 * HOUR_NS : -5 * HOUR_NS;
}

static int64_t days_of(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year, era = y / 400, of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* "2026-03-29 01:00:00" as if it were UTC. */
static spd_wall moment(const char *text)
{
    int y, mo, d, h, mi, s;

    if (sscanf(text, "%d-%d-%d %d:%d:%d", &y, &mo, &d, &h, &mi, &s) != 6)
        fail_msg("\"%s\" is no moment", text);
    return (spd_wall){ (days_of(y, mo, d) * 86400 + h * 3600 + mi * 60 + s) * SPD_NS_PER_S };
}

static struct spd_schedule_rule calendar(const char *text)
{
    struct spd_schedule_rule rule = { .kind = SPD_SCHEDULE_CALENDAR };
    struct spd_diag diag = { 0 };

    if (spd_calendar_parse(text, &rule.calendar, &diag))
        fail_msg("\"%s\": %s", text, diag.text);
    return rule;
}

/* ------------------------------------------------------------------ meaning */

static void a_calendar_is_due_when_it_says(void **state)
{
    static const struct {
        const char *text, *after, *due; /* UTC; 2026-01-01 was a Thursday */
    } rows[] = {
        { "08:00", "2026-01-01 00:00:00", "2026-01-01 08:00:00" },
        { "08:00", "2026-01-01 08:00:00", "2026-01-02 08:00:00" },
        { "08:00:05", "2026-01-01 08:00:00", "2026-01-01 08:00:05" },
        { "Mon..Fri 08:00", "2026-01-02 08:00:00", "2026-01-05 08:00:00" },
        { "Mon..Fri 08:00", "2026-01-01 09:00:00", "2026-01-02 08:00:00" },
        { "monday 08:00", "2026-01-01 00:00:00", "2026-01-05 08:00:00" },
        { "Sat..Mon 08:00", "2026-01-01 00:00:00", "2026-01-03 08:00:00" },
        { "Sat..Mon 08:00", "2026-01-05 08:00:00", "2026-01-10 08:00:00" },
        { "Wed,SUN 23:59:59", "2026-01-01 00:00:00", "2026-01-04 23:59:59" },
        { "*:0/15", "2026-01-01 00:00:00", "2026-01-01 00:15:00" },
        { "*:0/15", "2026-01-01 23:45:00", "2026-01-02 00:00:00" },
        { "*:7/20", "2026-01-01 00:47:00", "2026-01-01 01:07:00" },
        { "8..17:30", "2026-01-01 17:30:00", "2026-01-02 08:30:00" },
        { "8..17/3:30", "2026-01-01 08:30:00", "2026-01-01 11:30:00" },
        { "6,18:0,30", "2026-01-01 06:30:00", "2026-01-01 18:00:00" },
        { "*:*:0/10", "2026-01-01 00:00:59", "2026-01-01 00:01:00" },
        { "*/6:00", "2026-01-01 00:00:00", "2026-01-01 06:00:00" },
        { "*-01 06:30", "2026-01-01 06:30:00", "2026-02-01 06:30:00" },
        { "*-*-01 06:30", "2026-01-01 06:30:00", "2026-02-01 06:30:00" },
        { "12-24 18:00", "2026-01-01 00:00:00", "2026-12-24 18:00:00" },
        { "02-29 12:00", "2026-01-01 00:00:00", "2028-02-29 12:00:00" },
        { "Sun 02-29 12:00", "2026-01-01 00:00:00", "2032-02-29 12:00:00" },
        { "*-31 00:00", "2026-01-31 00:00:00", "2026-03-31 00:00:00" },
        { "1..3-1/15 00:00", "2026-01-16 00:00:00", "2026-01-31 00:00:00" },
        { "Mon *-1..7 09:00", "2026-01-01 00:00:00", "2026-01-05 09:00:00" },
        { "hourly", "2026-01-01 00:00:00", "2026-01-01 01:00:00" },
        { "daily", "2026-01-01 00:00:00", "2026-01-02 00:00:00" },
        { "weekly", "2026-01-01 00:00:00", "2026-01-05 00:00:00" },
        { "monthly", "2026-01-01 00:00:00", "2026-02-01 00:00:00" },
        { "daily UTC", "2026-01-01 00:00:00", "2026-01-02 00:00:00" },
        { "  Mon   08:00  UTC ", "2026-01-01 00:00:00", "2026-01-05 08:00:00" },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_schedule_rule rule = calendar(rows[i].text);
        spd_wall due = { 0 };

        CHECK_ROW(rows[i].text, spd_rule_next(&rule, NULL, moment(rows[i].after), &due));
        CHECK_ROW_INT(rows[i].text, due.ns, moment(rows[i].due).ns);
    }
}

static void what_is_no_calendar_is_refused_with_the_part(void **state)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        { "", "lacks a time" },
        { "Mon", "lacks a time" },
        { "Mon..Fri", "lacks a time" },
        { "12-24", "lacks a time" },
        { "24:00", "0 to 23" },
        { "23:60", "0 to 59" },
        { "23:59:60", "0 to 59" },
        { "8", "no date" },
        { "8:", "no number" },
        { ":30", "no number" },
        { "08:00:00:00", "no time" },
        { "Mun 08:00", "no day of the week" },
        { "Mo 08:00", "no day of the week" },
        { "Mon.Fri 08:00", "no day of the week" },
        { "Mon..  08:00", "no day of the week" },
        { "Mon, 08:00", "no day of the week" },
        { "13-01 08:00", "1 to 12" },
        { "01-32 08:00", "1 to 31" },
        { "00-01 08:00", "1 to 12" },
        { "02-30 08:00", "no year" },
        { "4,6,9,11-31 08:00", "no year" },
        { "2026-01-01 08:00", "names a year" },
        { "1-1-1-1 08:00", "no date" },
        { "17..8:00", "runs backwards" },
        { "1..:00", "end of its range" },
        { "*/0:00", "step" },
        { "0/:00", "step" },
        { "0/5x:00", "\"0/5x\"" },
        { "99999:00", "no number" },
        { "08:00 Mon", "too much" },
        { "08:00 09:00", "too much" },
        { "Mon Tue 08:00", "too much" },
        { "12-24 Mon 08:00", "too much" },
        { "12-24 12-25 08:00", "second date" },
        { "08:00 utc", "too much" },
        { "08:00 UTC UTC", "too much" },
        { "hourlyx", "no day" },
        { "-5:00", "no number" },
        { "08:-5", "no number" },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_calendar c, before;
        struct spd_diag diag = { 0 };

        memset(&c, 0xEE, sizeof(c));
        before = c;
        CHECK_ROW_INT(rows[i].text, spd_calendar_parse(rows[i].text, &c, &diag), SPD_ERR_INVALID);
        if (!strstr(diag.text, rows[i].says))
            fail_msg("row \"%s\": it says \"%s\", not \"%s\"", rows[i].text, diag.text,
                     rows[i].says);
        CHECK_ROW(rows[i].text, memcmp(&c, &before, sizeof(c)) == 0);
    }
}

/* ------------------------------------------------------------- local time */

static void clocks_put_forward_and_back(void **state)
{
    static const struct {
        const char *row, *text, *after, *due; /* UTC */
    } rows[] = {
        { "winter", "02:30", "2026-03-28 00:00:00", "2026-03-28 01:30:00" },
        { "skipped: right after the skip", "02:30", "2026-03-28 01:30:00", "2026-03-29 01:00:00" },
        { "and the day after", "02:30", "2026-03-29 01:00:00", "2026-03-30 00:30:00" },
        { "the skip's own moment", "03:00", "2026-03-28 12:00:00", "2026-03-29 01:00:00" },
        { "last before it", "01:59:59", "2026-03-28 12:00:00", "2026-03-29 00:59:59" },
        { "first of two", "02:30", "2026-10-24 12:00:00", "2026-10-25 00:30:00" },
        { "not again", "02:30", "2026-10-25 00:30:00", "2026-10-26 01:30:00" },
        { "after the second", "03:00", "2026-10-25 00:30:00", "2026-10-25 02:00:00" },
        { "every hour goes on", "*:30", "2026-10-25 00:30:00", "2026-10-25 01:30:00" },
        { "and on", "*:30", "2026-10-25 01:30:00", "2026-10-25 02:30:00" },
        { "every hour, forward", "*:30", "2026-03-29 00:30:00", "2026-03-29 01:30:00" },
        { "quarters, back", "*:0/15", "2026-10-25 00:45:00", "2026-10-25 01:00:00" },
        { "UTC has none of it", "02:30 UTC", "2026-03-28 02:30:00", "2026-03-29 02:30:00" },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_schedule_rule rule = calendar(rows[i].text);
        spd_wall due = { 0 };

        CHECK_ROW(rows[i].row, spd_rule_next(&rule, berlin, moment(rows[i].after), &due));
        CHECK_ROW_INT(rows[i].row, due.ns, moment(rows[i].due).ns);
    }
}

static int64_t local_s(spd_zone_fn *zone, int64_t s)
{
    return s + zone((spd_wall){ s * SPD_NS_PER_S }) / SPD_NS_PER_S;
}

static bool bit(uint64_t bits, int64_t i)
{
    return bits >> i & 1;
}

/* By the definition, without any cleverness. Days are all of the month. */
static bool matches(const struct spd_calendar *c, int64_t local)
{
    int64_t day = local / 86400, of_day = local % 86400;

    return bit(c->weekdays, (day + 3) % 7) && bit(c->hours, of_day / 3600) &&
           bit(c->minutes, of_day / 60 % 60) && bit(c->seconds, of_day % 60);
}

static bool comes_for_the_second_time(spd_zone_fn *zone, int64_t s)
{
    for (int64_t back = 1800; back <= 3600; back += 1800)
        if (local_s(zone, s - back) == local_s(zone, s))
            return true;
    return false;
}

/* Local time skipped something that the calendar wanted. */
static bool skips_a_match(const struct spd_calendar *c, spd_zone_fn *zone, int64_t s)
{
    for (int64_t local = local_s(zone, s - 1) + 1; local < local_s(zone, s); local++)
        if (matches(c, local))
            return true;
    return false;
}

static bool is_due(const struct spd_calendar *c, spd_zone_fn *zone, int64_t s)
{
    bool real_time = c->hours == 0xFFFFFF;

    if (!real_time && skips_a_match(c, zone, s))
        return true;
    return matches(c, local_s(zone, s)) && (real_time || !comes_for_the_second_time(zone, s));
}

static uint64_t some_bits(struct spd_random *random, int n)
{
    uint64_t bits = 0;

    for (int i = (int)spd_random_below(random, 4); i >= 0; i--)
        bits |= UINT64_C(1) << spd_random_below(random, (uint64_t)n);
    return bits;
}

/* All due times of a day and a half around a change, by both ways. */
static void check_around(const char *row, spd_zone_fn *zone, int64_t change_s,
                         const struct spd_schedule_rule *rule)
{
    spd_wall at = { (change_s - 100000) * SPD_NS_PER_S }, due;

    for (int64_t s = change_s - 100000 + 1; s < change_s + 30000; s++) {
        if (!is_due(&rule->calendar, zone, s))
            continue;
        CHECK_ROW(row, spd_rule_next(rule, zone, at, &due));
        if (due.ns != s * SPD_NS_PER_S)
            fail_msg("row \"%s\": after %lld it is due at %lld, not at %lld (hours %x, minutes "
                     "%llx, seconds %llx, days %x)",
                     row, (long long)(at.ns / SPD_NS_PER_S), (long long)(due.ns / SPD_NS_PER_S),
                     (long long)s, rule->calendar.hours, (unsigned long long)rule->calendar.minutes,
                     (unsigned long long)rule->calendar.seconds, rule->calendar.weekdays);
        at = due;
        /* From within the pause as well. */
        if (spd_rule_next(rule, zone, (spd_wall){ due.ns - 1 }, &due))
            CHECK_ROW_INT(row, due.ns, at.ns);
    }
}

static void every_change_is_as_a_plain_search_finds_it(void **state)
{
    static const struct {
        const char *row;
        spd_zone_fn *zone;
        int64_t change_s;
    } changes[] = {
        { "Berlin forward", berlin, FORWARD_S },
        { "Berlin back", berlin, BACK_S },
        { "Lord Howe forward", lord_howe, INT64_C(1791041400) },
        { "Lord Howe back", lord_howe, INT64_C(1775314800) },
        { "New York forward", new_york, INT64_C(1772953200) },
        { "New York back", new_york, INT64_C(1793512800) },
    };
    struct spd_random random = spd_random_start("test_schedule_rule");

    (void)state;
    for (size_t i = 0; i < N_ROWS(changes); i++)
        for (int n = 0; n < 12; n++) {
            struct spd_schedule_rule rule = { .kind = SPD_SCHEDULE_CALENDAR };

            rule.calendar = (struct spd_calendar){
                .weekdays =
                    spd_random_below(&random, 3) ? 0x7F : (uint8_t)(0x40 | some_bits(&random, 7)),
                .months = 0x1FFE,
                .days = 0xFFFFFFFE,
                .hours = spd_random_below(&random, 3) ? (uint32_t)some_bits(&random, 4) : 0xFFFFFF,
                .minutes = some_bits(&random, 60),
                .seconds = spd_random_below(&random, 2) ? 1 : some_bits(&random, 60),
            };
            check_around(changes[i].row, changes[i].zone, changes[i].change_s, &rule);
        }
}

/* ------------------------------------------------------------- intervals */

static void an_interval_keeps_its_grid(void **state)
{
    struct spd_schedule_rule rule = { .kind = SPD_SCHEDULE_INTERVAL,
                                      .interval_ns = 300 * SPD_NS_PER_S,
                                      .phase_ns = 7 * SPD_NS_PER_S };
    spd_wall due;

    (void)state;
    assert_true(spd_rule_next(&rule, berlin, moment("2026-01-01 00:00:00"), &due));
    assert_int_equal(due.ns, moment("2026-01-01 00:00:07").ns);
    assert_true(spd_rule_next(&rule, berlin, due, &due));
    assert_int_equal(due.ns, moment("2026-01-01 00:05:07").ns);
    assert_true(spd_rule_next(&rule, berlin, (spd_wall){ due.ns - 1 }, &due));
    assert_int_equal(due.ns, moment("2026-01-01 00:05:07").ns);
    assert_true(spd_rule_next(&rule, berlin, (spd_wall){ -1 }, &due));
    assert_int_equal(due.ns, 7 * SPD_NS_PER_S);
}

static void the_shortest_pause_is_found(void **state)
{
    static const struct {
        const char *text;
        spd_ns shortest_ns;
    } rows[] = {
        { "*:0/15", 900 * SPD_NS_PER_S },
        { "*:0,50", 600 * SPD_NS_PER_S },
        { "*:*:*", SPD_NS_PER_S },
        { "08:00", 86400 * SPD_NS_PER_S },
        { "Mon,Tue 08:00", 86400 * SPD_NS_PER_S },
        { "Mon 00:00", 7 * 86400 * SPD_NS_PER_S },
        { "*-31,1 00:00", 86400 * SPD_NS_PER_S },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_schedule_rule rule = calendar(rows[i].text);

        CHECK_ROW_INT(rows[i].text, spd_schedule_shortest_ns(&rule), rows[i].shortest_ns);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_calendar_is_due_when_it_says),
        cmocka_unit_test(what_is_no_calendar_is_refused_with_the_part),
        cmocka_unit_test(clocks_put_forward_and_back),
        cmocka_unit_test(every_change_is_as_a_plain_search_finds_it),
        cmocka_unit_test(an_interval_keeps_its_grid),
        cmocka_unit_test(the_shortest_pause_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
