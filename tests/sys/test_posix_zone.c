/*
 * Zones by name, daylight saving time, and a zone that changes while the
 * program runs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "common/sys/zone.h"

#define HOUR_NS (3600 * SPD_NS_PER_S)

static spd_ns at(int64_t seconds)
{
    return spd_zone_offset_ns((spd_wall){ seconds * SPD_NS_PER_S });
}

/* POSIX rules need no zone files. 1774746000 is 2026-03-29 01:00 UTC. */
static void daylight_saving_time_begins_at_its_second(void **state)
{
    (void)state;
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    assert_int_equal(at(1774746000 - 1), HOUR_NS);
    assert_int_equal(at(1774746000), 2 * HOUR_NS);
}

static void another_zone_is_seen_at_once(void **state)
{
    (void)state;
    setenv("TZ", "UTC0", 1);
    assert_int_equal(at(1774746000), 0);
    setenv("TZ", "IST-5:30", 1);
    assert_int_equal(at(1774746000), 5 * HOUR_NS + HOUR_NS / 2);
    setenv("TZ", "NST3:30", 1);
    assert_int_equal(at(1774746000), -3 * HOUR_NS - HOUR_NS / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(daylight_saving_time_begins_at_its_second),
        cmocka_unit_test(another_zone_is_seen_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
