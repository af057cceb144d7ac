/*
 * The contract of common/sys/zone.h against what C itself says of local time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "common/sys/clock.h"
#include "common/sys/zone.h"

#define DAY_NS (86400 * SPD_NS_PER_S)

/* Days since 1970 of a civil date, without any zone. */
static int64_t days_of(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year, era = y / 400, of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static spd_ns offset_by_c(spd_wall at)
{
    time_t seconds = (time_t)(at.ns / SPD_NS_PER_S);
    const struct tm *t = localtime(&seconds);

    assert_non_null(t);
    return (days_of(t->tm_year + 1900, t->tm_mon + 1, t->tm_mday) * 86400 + t->tm_hour * 3600 +
            t->tm_min * 60 + t->tm_sec - (int64_t)seconds) *
           SPD_NS_PER_S;
}

static void a_year_of_days_has_the_offsets_of_localtime(void **state)
{
    spd_wall at = { spd_clock_wall().ns / SPD_NS_PER_S * SPD_NS_PER_S };

    (void)state;
    for (int day = 0; day < 200; day++) {
        assert_int_equal(spd_zone_offset_ns(at), offset_by_c(at));
        at = spd_wall_add(at, DAY_NS);
    }
}

static void offsets_are_whole_minutes_within_a_day(void **state)
{
    for (int64_t day = 0; day < 20000; day += 97) {
        spd_ns offset = spd_zone_offset_ns((spd_wall){ day * DAY_NS });

        assert_true(offset > -DAY_NS && offset < DAY_NS);
        if (day > 7300) /* zones of 1990 and later */
            assert_int_equal(offset % (60 * SPD_NS_PER_S), 0);
    }
    (void)state;
}

static void moments_that_cannot_be_are_utc(void **state)
{
    (void)state;
    assert_int_equal(spd_zone_offset_ns((spd_wall){ -1 }), 0);
    assert_int_equal(spd_zone_offset_ns((spd_wall){ INT64_MIN }), 0);
    (void)spd_zone_offset_ns((spd_wall){ INT64_MAX }); /* the year 2262 can be */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_year_of_days_has_the_offsets_of_localtime),
        cmocka_unit_test(offsets_are_whole_minutes_within_a_day),
        cmocka_unit_test(moments_that_cannot_be_are_utc),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
