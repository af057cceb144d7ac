/*
 * The scheduler on a played clock: when tests start, what is missed and why,
 * groups, sleep, clocks that are set, reload, and a whole day of it.
 */
#include "service/scheduler.h"

#include <stdio.h>

#include "tests/support/random.h"
#include "tests/unit/unit.h"

#define S      SPD_NS_PER_S
#define MINUTE (60 * S)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define START  (INT64_C(1774224000) * S) /* Monday, 2026-03-23 00:00 UTC */
#define SEED   7
#define EVENTS 16

/* A host: the scheduler, its clocks, and what it told at the last look. */
struct host {
    struct spd_scheduler *scheduler;
    struct spd_moment now;
    struct spd_scheduler_event events[1000];
    size_t n;
};

static struct spd_config_test tests[8];
static struct spd_config config = { .tests = tests };

static struct spd_config_test *add_test(const char *name)
{
    struct spd_config_test *test = &tests[config.n_tests++];

    memset(test, 0, sizeof(*test));
    test->name = name;
    return test;
}

static struct spd_config_test *add_every(const char *name, spd_ns interval_ns)
{
    struct spd_config_test *test = add_test(name);

    test->rule.kind = SPD_SCHEDULE_INTERVAL;
    test->rule.interval_ns = interval_ns;
    return test;
}

static struct spd_config_test *add_calendar(const char *name, const char *text)
{
    struct spd_config_test *test = add_test(name);

    test->rule.kind = SPD_SCHEDULE_CALENDAR;
    assert_int_equal(spd_calendar_parse(text, &test->rule.calendar, NULL), SPD_ERR_OK);
    return test;
}

static void begin(struct host *h)
{
    memset(h, 0, sizeof(*h));
    h->now = (struct spd_moment){ { START }, 1000 * S };
    assert_int_equal(spd_scheduler_create(&config, SEED, NULL, h->now, &h->scheduler), SPD_ERR_OK);
}

static void end(struct host *h)
{
    spd_scheduler_destroy(h->scheduler);
    config.n_tests = 0;
}

/* Let both clocks go on, and look. */
static void look_after(struct host *h, spd_ns wall_ns, spd_ns steady_ns)
{
    size_t n;

    h->now.wall.ns += wall_ns;
    h->now.steady_ns += steady_ns;
    h->n = 0;
    do {
        n = spd_scheduler_step(h->scheduler, h->now, h->events + h->n, EVENTS);
        h->n += n;
    } while (n == EVENTS);
}

static void pass(struct host *h, spd_ns ns)
{
    look_after(h, ns, ns);
}

static void check_event(const struct host *h, size_t i, enum spd_scheduler_kind kind,
                        const char *test, spd_ns planned_ns)
{
    assert_true(i < h->n);
    assert_int_equal(h->events[i].kind, kind);
    assert_string_equal(h->events[i].test, test);
    assert_int_equal(h->events[i].planned.ns - START, planned_ns);
}

static void check_missed(const struct host *h, size_t i, const char *test, spd_ns first_ns,
                         spd_ns last_ns, uint64_t n, enum spd_missed_why why)
{
    check_event(h, i, SPD_SCHEDULER_MISSED, test, first_ns);
    assert_int_equal(h->events[i].last.ns - START, last_ns);
    assert_int_equal(h->events[i].n_missed, n);
    assert_int_equal(h->events[i].why, why);
}

/* Where an interval's grid lies on this host. */
static spd_ns phase_of(const struct host *h, const char *name)
{
    spd_wall next;

    assert_true(spd_scheduler_next(h->scheduler, name, &next));
    return next.ns - START;
}

/* ------------------------------------------------------------------ starting */

static void a_calendar_starts_at_its_time_and_not_before(void **state)
{
    struct host h;

    (void)state;
    add_calendar("a", "00:10");
    begin(&h);
    pass(&h, 0);
    assert_int_equal(h.n, 0);
    pass(&h, 10 * MINUTE - 1);
    assert_int_equal(h.n, 0);
    pass(&h, 1);
    assert_int_equal(h.n, 1);
    check_event(&h, 0, SPD_SCHEDULER_START, "a", 10 * MINUTE);
    pass(&h, 1);
    assert_int_equal(h.n, 0);
    end(&h);
}

static void intervals_lie_elsewhere_on_each_host_and_the_same_on_each_start(void **state)
{
    struct spd_scheduler *others[20];
    struct host h, again;
    size_t n_alike = 0;

    (void)state;
    add_every("a", HOUR);
    begin(&h);
    begin(&again);
    assert_int_equal(phase_of(&h, "a"), phase_of(&again, "a"));
    assert_in_range(phase_of(&h, "a"), 0, HOUR);
    assert_int_equal(phase_of(&h, "a") % S, 0);
    for (size_t i = 0; i < N_ROWS(others); i++) {
        spd_wall next;

        assert_int_equal(spd_scheduler_create(&config, 100 + i, NULL, h.now, &others[i]),
                         SPD_ERR_OK);
        assert_true(spd_scheduler_next(others[i], "a", &next));
        n_alike += next.ns - START == phase_of(&h, "a");
        spd_scheduler_destroy(others[i]);
    }
    assert_true(n_alike < 3);
    spd_scheduler_destroy(again.scheduler);
    end(&h);
}

static void a_random_delay_stays_within_and_changes(void **state)
{
    struct host h;
    spd_ns least = HOUR, most = 0;

    (void)state;
    add_calendar("a", "hourly")->random_delay_ns = 10 * MINUTE;
    begin(&h);
    for (int hour = 1; hour <= 100; hour++) {
        spd_ns delay = phase_of(&h, "a") - hour * HOUR;

        assert_in_range(delay, 0, 10 * MINUTE);
        least = delay < least ? delay : least;
        most = delay > most ? delay : most;
        pass(&h, hour * HOUR + delay - (h.now.wall.ns - START) - 1);
        assert_int_equal(h.n, 0);
        pass(&h, 1);
        assert_int_equal(h.n, 1);
        check_event(&h, 0, SPD_SCHEDULER_START, "a", hour * HOUR); /* without the delay */
        spd_scheduler_finished(h.scheduler, "a");
    }
    assert_true(least < MINUTE && most > 9 * MINUTE);
    end(&h);
}

/* ------------------------------------------------------------------- missing */

static void a_test_that_still_runs_misses_its_next_time(void **state)
{
    struct host h;

    (void)state;
    add_calendar("a", "*:*");
    begin(&h);
    pass(&h, MINUTE);
    check_event(&h, 0, SPD_SCHEDULER_START, "a", MINUTE);
    pass(&h, MINUTE);
    assert_int_equal(h.n, 1);
    check_missed(&h, 0, "a", 2 * MINUTE, 2 * MINUTE, 1, SPD_MISSED_STILL_RUNNING);
    spd_scheduler_finished(h.scheduler, "a");
    pass(&h, 0);
    assert_int_equal(h.n, 0); /* not made up for */
    pass(&h, MINUTE);
    check_event(&h, 0, SPD_SCHEDULER_START, "a", 3 * MINUTE);
    end(&h);
}

static void after_sleep_the_missed_are_told_once_with_their_count(void **state)
{
    static const struct {
        const char *row;
        bool is_interval;
    } rows[] = { { "calendar", false }, { "interval", true } };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct host h;
        spd_ns first;

        if (rows[i].is_interval)
            add_every("a", 5 * MINUTE);
        else
            add_calendar("a", "*:0/5");
        begin(&h);
        first = phase_of(&h, "a");
        look_after(&h, first + 12 * 5 * MINUTE + MINUTE, S); /* an hour and a minute */
        CHECK_ROW_INT(rows[i].row, h.n, 1);
        check_missed(&h, 0, "a", first, first + 12 * 5 * MINUTE, 13, SPD_MISSED_CLOCK);
        pass(&h, 4 * MINUTE);
        CHECK_ROW_INT(rows[i].row, h.n, 1);
        check_event(&h, 0, SPD_SCHEDULER_START, "a", first + 13 * 5 * MINUTE);
        end(&h);
    }
}

static void who_wakes_in_time_runs_the_last_one(void **state)
{
    struct host h;

    (void)state;
    add_calendar("a", "*:0/5");
    begin(&h);
    look_after(&h, HOUR + SPD_SCHEDULER_GRACE_NS, S);
    assert_int_equal(h.n, 2);
    check_missed(&h, 0, "a", 5 * MINUTE, 55 * MINUTE, 11, SPD_MISSED_CLOCK);
    check_event(&h, 1, SPD_SCHEDULER_START, "a", HOUR);
    end(&h);
}

static void a_little_more_is_too_late(void **state)
{
    struct host h;

    (void)state;
    add_calendar("a", "00:05");
    begin(&h);
    pass(&h, 5 * MINUTE + SPD_SCHEDULER_GRACE_NS + 1);
    assert_int_equal(h.n, 1);
    check_missed(&h, 0, "a", 5 * MINUTE, 5 * MINUTE, 1, SPD_MISSED_LATE);
    end(&h);
}

static void years_of_sleep_are_no_storm(void **state)
{
    struct host h;

    (void)state;
    add_every("second", S);
    add_calendar("seconds", "*:*:*");
    begin(&h);
    look_after(&h, 400 * DAY, S);
    assert_true(h.n <= 4);
    for (size_t i = 0; i < h.n; i++) {
        bool is_interval = strcmp(h.events[i].test, "second") == 0;

        if (h.events[i].kind != SPD_SCHEDULER_MISSED)
            continue;
        /* Calendars are not counted to the end. */
        assert_true(h.events[i].n_missed >= (is_interval ? 400 * 86400 - 1 : 10000));
    }
    pass(&h, 2 * S);
    assert_true(h.n <= 4);
    end(&h);
}

/* -------------------------------------------------------------------- clocks */

static void a_clock_set_back_a_little_runs_nothing_twice(void **state)
{
    struct host h;

    (void)state;
    add_calendar("a", "00:10");
    begin(&h);
    pass(&h, 10 * MINUTE);
    check_event(&h, 0, SPD_SCHEDULER_START, "a", 10 * MINUTE);
    spd_scheduler_finished(h.scheduler, "a");
    look_after(&h, -5 * MINUTE, S);
    assert_int_equal(h.n, 0);
    pass(&h, 5 * MINUTE);
    assert_int_equal(h.n, 0);
    pass(&h, DAY);
    check_event(&h, 0, SPD_SCHEDULER_START, "a", DAY + 10 * MINUTE);
    end(&h);
}

static void a_clock_that_was_wrong_by_years_does_not_stop_it(void **state)
{
    struct host h;

    (void)state;
    add_calendar("day", "00:10");
    add_every("five", 5 * MINUTE);
    begin(&h);
    look_after(&h, -1000 * DAY, S);
    assert_int_equal(h.n, 0);
    for (int minute = 0; minute < 60; minute++) {
        pass(&h, 30 * S);
        for (size_t i = 0; i < h.n; i++) {
            assert_int_equal(h.events[i].kind, SPD_SCHEDULER_START);
            spd_scheduler_finished(h.scheduler, h.events[i].test);
        }
        pass(&h, 30 * S);
    }
    assert_true(phase_of(&h, "day") < -998 * DAY);
    assert_true(phase_of(&h, "five") < -999 * DAY);
    end(&h);
}

static void an_interval_goes_on_when_its_clock_is_set_back_often(void **state)
{
    struct host h;

    (void)state;
    add_every("a", 5 * MINUTE);
    begin(&h);
    for (int i = 0; i < 20; i++)
        look_after(&h, -MINUTE, 0);
    assert_int_equal(h.n, 0);
    look_after(&h, 7 * MINUTE + 30 * S - SPD_SCHEDULER_GRACE_NS, 7 * MINUTE);
    assert_true(h.n > 0);
    end(&h);
}

static void sleep_is_seen_after_a_long_time_awake_too(void **state)
{
    struct host h;

    (void)state;
    add_calendar("a", "02:05");
    begin(&h);
    for (int i = 0; i < 120; i++)
        pass(&h, MINUTE);
    look_after(&h, 10 * MINUTE, S);
    assert_int_equal(h.n, 1);
    check_missed(&h, 0, "a", 125 * MINUTE, 125 * MINUTE, 1, SPD_MISSED_CLOCK);
    end(&h);
}

/* -------------------------------------------------------------------- groups */

static void tests_of_a_group_run_one_after_another(void **state)
{
    struct host h;

    (void)state;
    add_calendar("a", "00:10")->exclusive = "wan";
    add_calendar("b", "00:09")->exclusive = "wan";
    add_calendar("c", "00:10")->exclusive = "lan";
    add_calendar("d", "00:10");
    begin(&h);
    pass(&h, 9 * MINUTE);
    check_event(&h, 0, SPD_SCHEDULER_START, "b", 9 * MINUTE);
    pass(&h, MINUTE);
    assert_int_equal(h.n, 2);
    check_event(&h, 0, SPD_SCHEDULER_START, "c", 10 * MINUTE);
    check_event(&h, 1, SPD_SCHEDULER_START, "d", 10 * MINUTE);
    pass(&h, HOUR); /* as long as it takes */
    assert_int_equal(h.n, 0);
    assert_int_equal(spd_scheduler_wait_ns(h.scheduler, h.now), SPD_SCHEDULER_WAIT_MAX_NS);
    spd_scheduler_finished(h.scheduler, "b");
    assert_int_equal(spd_scheduler_wait_ns(h.scheduler, h.now), 0);
    pass(&h, 0);
    assert_int_equal(h.n, 1);
    check_event(&h, 0, SPD_SCHEDULER_START, "a", 10 * MINUTE);
    end(&h);
}

static void who_was_due_first_goes_first(void **state)
{
    struct host h;

    (void)state;
    add_calendar("last", "00:12")->exclusive = "wan";
    add_calendar("runs", "00:10")->exclusive = "wan";
    add_calendar("first", "00:11")->exclusive = "wan";
    begin(&h);
    pass(&h, 10 * MINUTE);
    pass(&h, MINUTE);
    pass(&h, MINUTE);
    assert_int_equal(h.n, 0);
    spd_scheduler_finished(h.scheduler, "runs");
    pass(&h, 0);
    assert_int_equal(h.n, 1);
    check_event(&h, 0, SPD_SCHEDULER_START, "first", 11 * MINUTE);
    spd_scheduler_finished(h.scheduler, "first");
    pass(&h, 0);
    check_event(&h, 0, SPD_SCHEDULER_START, "last", 12 * MINUTE);
    end(&h);
}

static void who_waits_until_its_next_time_misses_one(void **state)
{
    struct host h;

    (void)state;
    add_calendar("long", "00:01")->exclusive = "wan";
    add_calendar("a", "*:*")->exclusive = "wan";
    begin(&h);
    pass(&h, MINUTE);
    check_event(&h, 0, SPD_SCHEDULER_START, "long", MINUTE);
    pass(&h, MINUTE);
    assert_int_equal(h.n, 1);
    check_missed(&h, 0, "a", MINUTE, MINUTE, 1, SPD_MISSED_WAITED);
    spd_scheduler_finished(h.scheduler, "long");
    pass(&h, S);
    assert_int_equal(h.n, 1);
    check_event(&h, 0, SPD_SCHEDULER_START, "a", 2 * MINUTE);
    end(&h);
}

/* -------------------------------------------------------------------- reload */

static void reload_keeps_what_stays_and_what_runs(void **state)
{
    struct host h;

    (void)state;
    add_calendar("stays", "00:30");
    add_calendar("runs", "00:10")->exclusive = "wan";
    add_calendar("changes", "00:30");
    begin(&h);
    pass(&h, 10 * MINUTE);
    check_event(&h, 0, SPD_SCHEDULER_START, "runs", 10 * MINUTE);
    config.n_tests = 0; /* "runs" is gone, and still runs */
    add_calendar("changes", "00:20");
    add_calendar("stays", "00:30");
    add_calendar("new", "00:15")->exclusive = "wan";
    assert_int_equal(spd_scheduler_reload(h.scheduler, &config, h.now), SPD_ERR_OK);
    pass(&h, 5 * MINUTE);
    assert_int_equal(h.n, 0); /* the group is taken */
    pass(&h, 5 * MINUTE);
    check_event(&h, 0, SPD_SCHEDULER_START, "changes", 20 * MINUTE);
    assert_false(spd_scheduler_next(h.scheduler, "runs", &(spd_wall){ 0 }));
    spd_scheduler_finished(h.scheduler, "runs");
    pass(&h, 0);
    check_event(&h, 0, SPD_SCHEDULER_START, "new", 15 * MINUTE);
    pass(&h, 10 * MINUTE);
    assert_int_equal(h.n, 1);
    check_event(&h, 0, SPD_SCHEDULER_START, "stays", 30 * MINUTE);
    assert_false(spd_scheduler_next(h.scheduler, "runs", &(spd_wall){ 0 }));
    end(&h);
}

static void reload_keeps_who_waits_and_what_was_not_told(void **state)
{
    struct spd_scheduler_event event;
    struct host h;

    (void)state;
    add_calendar("runs", "00:10")->exclusive = "wan";
    add_calendar("waits", "00:11")->exclusive = "wan";
    add_calendar("c", "00:12");
    add_calendar("d", "00:12");
    begin(&h);
    pass(&h, 10 * MINUTE);
    pass(&h, MINUTE);
    h.now.wall.ns += MINUTE;
    h.now.steady_ns += MINUTE;
    assert_int_equal(spd_scheduler_step(h.scheduler, h.now, &event, 1), 1);
    assert_string_equal(event.test, "c");
    assert_int_equal(spd_scheduler_wait_ns(h.scheduler, h.now), 0);
    assert_int_equal(spd_scheduler_reload(h.scheduler, &config, h.now), SPD_ERR_OK);
    assert_int_equal(spd_scheduler_step(h.scheduler, h.now, &event, 1), 1);
    assert_string_equal(event.test, "d");
    assert_int_equal(spd_scheduler_step(h.scheduler, h.now, &event, 1), 0);
    spd_scheduler_finished(h.scheduler, "runs");
    pass(&h, 0);
    assert_int_equal(h.n, 1);
    check_event(&h, 0, SPD_SCHEDULER_START, "waits", 11 * MINUTE);
    end(&h);
}

static void a_test_that_comes_back_is_still_running(void **state)
{
    struct host h;

    (void)state;
    add_calendar("a", "*:*");
    begin(&h);
    pass(&h, MINUTE);
    config.n_tests = 0;
    assert_int_equal(spd_scheduler_reload(h.scheduler, &config, h.now), SPD_ERR_OK);
    pass(&h, MINUTE);
    assert_int_equal(h.n, 0);
    add_calendar("a", "*:*");
    assert_int_equal(spd_scheduler_reload(h.scheduler, &config, h.now), SPD_ERR_OK);
    pass(&h, MINUTE);
    check_missed(&h, 0, "a", 3 * MINUTE, 3 * MINUTE, 1, SPD_MISSED_STILL_RUNNING);
    spd_scheduler_finished(h.scheduler, "a");
    spd_scheduler_finished(h.scheduler, "nobody");
    pass(&h, MINUTE);
    check_event(&h, 0, SPD_SCHEDULER_START, "a", 4 * MINUTE);
    end(&h);
}

/* --------------------------------------------------------------------- a day */

/* Tests of different kinds run for random times, while the host looks at
 * whatever moments the scheduler tells it to, and a little late. */
static void a_day_has_no_drift_no_overlap_and_no_run_lost(void **state)
{
    static const struct {
        const char *name, *calendar, *group;
        spd_ns interval_ns, delay_ns, runs_ns;
        uint64_t planned;
    } rows[] = {
        { "second", NULL, NULL, S, 0, 300 * SPD_NS_PER_MS, 86400 },
        { "five", NULL, "wan", 5 * MINUTE, 30 * S, 40 * S, 288 },
        { "quarter", "*:0/15", "wan", 0, 0, 100 * S, 96 },
        { "seven", NULL, "wan", 7 * MINUTE, 0, 20 * S, 206 },
        { "long", "*:30", "lan", 0, MINUTE, 70 * MINUTE, 24 },
        { "night", "03:00 UTC", "lan", 0, 0, 10 * MINUTE, 1 },
    };
    enum { N = N_ROWS(rows) };
    struct spd_random random = spd_random_start("test_scheduler");
    uint64_t n_started[N] = { 0 }, n_missed[N] = { 0 }, n_looks = 0;
    spd_wall running_until[N] = { { 0 } };
    struct host h;

    (void)state;
    for (size_t i = 0; i < N; i++) {
        struct spd_config_test *test = rows[i].calendar
                                           ? add_calendar(rows[i].name, rows[i].calendar)
                                           : add_every(rows[i].name, rows[i].interval_ns);
        test->exclusive = rows[i].group;
        test->random_delay_ns = rows[i].delay_ns;
    }
    begin(&h);
    while (h.now.wall.ns < START + DAY + 2 * MINUTE) {
        spd_ns wait = spd_scheduler_wait_ns(h.scheduler, h.now);

        for (size_t i = 0; i < N; i++) /* or until a test is over */
            if (running_until[i].ns && running_until[i].ns - h.now.wall.ns < wait)
                wait = running_until[i].ns - h.now.wall.ns;
        assert_in_range(wait, 0, SPD_SCHEDULER_WAIT_MAX_NS);
        pass(&h, wait + (spd_ns)spd_random_below(&random, 5 * SPD_NS_PER_MS));
        n_looks++;
        for (size_t k = 0; k < h.n; k++) {
            const struct spd_scheduler_event *e = &h.events[k];
            size_t i = 0;

            while (strcmp(rows[i].name, e->test) != 0)
                i++;
            if (e->planned.ns > START + DAY)
                continue;
            if (e->kind == SPD_SCHEDULER_MISSED) {
                n_missed[i] += e->n_missed;
                continue;
            }
            n_started[i]++;
            assert_int_equal(running_until[i].ns, 0);
            for (size_t other = 0; other < N; other++)
                assert_false(running_until[other].ns && rows[i].group && rows[other].group &&
                             strcmp(rows[i].group, rows[other].group) == 0);
            running_until[i] = spd_wall_add(h.now.wall, rows[i].runs_ns);
            /* Nothing adds up: late by this look alone, or by its delay and group. */
            if (!rows[i].group)
                assert_in_range(h.now.wall.ns - e->planned.ns, 0, 10 * SPD_NS_PER_MS);
            if (rows[i].interval_ns)
                assert_int_equal((e->planned.ns - START) % S, 0);
        }
        for (size_t i = 0; i < N; i++)
            if (running_until[i].ns && running_until[i].ns <= h.now.wall.ns) {
                running_until[i].ns = 0;
                spd_scheduler_finished(h.scheduler, rows[i].name);
            }
    }
    for (size_t i = 0; i < N; i++) {
        uint64_t n = n_started[i] + n_missed[i];

        if (n != rows[i].planned && n + 1 != rows[i].planned)
            fail_msg("row \"%s\": %llu started and %llu missed of %llu", rows[i].name,
                     (unsigned long long)n_started[i], (unsigned long long)n_missed[i],
                     (unsigned long long)rows[i].planned);
    }
    assert_int_equal(n_missed[0], 0);
    assert_true(n_missed[4] > 0); /* it takes longer than its hour */
    assert_true(n_looks < 200000);
    end(&h);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(a_calendar_starts_at_its_time_and_not_before),
        cmocka_unit_test(intervals_lie_elsewhere_on_each_host_and_the_same_on_each_start),
        cmocka_unit_test(a_random_delay_stays_within_and_changes),
        cmocka_unit_test(a_test_that_still_runs_misses_its_next_time),
        cmocka_unit_test(after_sleep_the_missed_are_told_once_with_their_count),
        cmocka_unit_test(who_wakes_in_time_runs_the_last_one),
        cmocka_unit_test(a_little_more_is_too_late),
        cmocka_unit_test(years_of_sleep_are_no_storm),
        cmocka_unit_test(a_clock_set_back_a_little_runs_nothing_twice),
        cmocka_unit_test(a_clock_that_was_wrong_by_years_does_not_stop_it),
        cmocka_unit_test(an_interval_goes_on_when_its_clock_is_set_back_often),
        cmocka_unit_test(sleep_is_seen_after_a_long_time_awake_too),
        cmocka_unit_test(tests_of_a_group_run_one_after_another),
        cmocka_unit_test(who_was_due_first_goes_first),
        cmocka_unit_test(who_waits_until_its_next_time_misses_one),
        cmocka_unit_test(reload_keeps_what_stays_and_what_runs),
        cmocka_unit_test(reload_keeps_who_waits_and_what_was_not_told),
        cmocka_unit_test(a_test_that_comes_back_is_still_running),
        cmocka_unit_test(a_day_has_no_drift_no_overlap_and_no_run_lost),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}
